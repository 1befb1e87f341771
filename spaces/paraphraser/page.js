// Copies a candidate at the press of its button and says so; keeps what is going on in a live region.
(() => {
  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  const say = (text) => {
    let region = document.getElementById("lp-said");
    if (!region) {
      region = document.createElement("div");
      region.id = "lp-said";
      region.className = "lp-hidden";
      region.setAttribute("role", "status");
      document.body.append(region);
    }
    region.textContent = text;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest(".lp-copy");
    if (!button) return;
    try {
      await copy(button.dataset.copy);
      button.textContent = "Copied";
      say("Copied to the clipboard");
    } catch {
      button.textContent = "Not copied";
      say("Your browser does not let this page copy; please select the text");
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
  const label = () => {
    document.documentElement.lang = "en";
    for (const place of document.querySelectorAll(".lp-live")) {
      place.setAttribute("role", "status");
      place.setAttribute("aria-live", "polite");
    }
  };
  new MutationObserver(label).observe(document.documentElement, { childList: true, subtree: true });
})();
