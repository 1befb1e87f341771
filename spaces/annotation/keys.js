// Keys of the annotation page: 1 to 3 answer the question in focus and go on, arrows choose, Enter saves, B goes back,
// G opens the guidelines. While an answer is on its way, keys and buttons are ignored: they were meant for the next text.
(() => {
  let sent = null;
  let remark = null; // what was remarked before that
  let shown = null;
  let touched = false; // whether the text before the rater has an answer already: then its focus is left alone
  const visible = (element) => element !== null && element.offsetParent !== null;
  const questions = () => [...document.querySelectorAll(".an-question")];
  const card = () => document.querySelector("#an-text [data-showing]");
  const aim = (question, options) =>
    (question.querySelector("input:checked") ?? question.querySelector("input"))?.focus(options);

  const waiting = () => sent !== null && Date.now() - sent < 10000;
  const remarked = () => document.querySelector("#an-note .an-message");
  const answered = () => questions().every((question) => question.querySelector("input:checked") !== null);

  // The page may still be taking in the answer, and lose the focus again: so many frames long it is put back.
  const settle = (text, frames) =>
    requestAnimationFrame(() => {
      if (touched || text !== shown || frames === 0) return;
      const all = questions();
      if (!all.some((question) => question.contains(document.activeElement))) aim(all[0], { preventScroll: true });
      settle(text, frames - 1);
    });

  const press = (id) => {
    const button = document.querySelector(id);
    if (!visible(button) || button.disabled) return;
    button.click();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#an-submit, #an-back, #an-correct, #an-another");
    if (button && waiting()) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    if (button && (button.id !== "an-submit" || answered())) [sent, remark] = [Date.now(), remarked()];
    if (event.target.closest?.("button")) touched = false;
    if (event.target.closest?.(".an-question")) touched = true;
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.repeat && event.key === "Enter" && event.target.closest?.("#an-rate, #an-done")) event.preventDefault();
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.matches?.("textarea, input:not([type=radio])")) return;
    const key = event.key.toLowerCase();
    if (key === "g") {
      const guide = document.querySelector(".an-guide");
      guide.open = !guide.open;
      if (guide.open) guide.scrollIntoView({ block: "nearest" });
      return;
    }
    if (!visible(document.querySelector("#an-submit"))) return;
    if (["1", "2", "3"].includes(key)) {
      event.preventDefault();
      if (waiting()) return;
      const all = questions();
      const focused = all.findIndex((question) => question.contains(document.activeElement));
      const open = all.findIndex((question) => question.querySelector("input:checked") === null);
      const current = focused >= 0 ? focused : Math.max(open, 0);
      all[current].querySelectorAll("input")[Number(key) - 1].click();
      if (current + 1 < all.length) aim(all[current + 1]);
      else document.querySelector("#an-submit").focus();
    } else if (key.startsWith("arrow") && event.target.matches?.(".an-question input")) {
      // The page's radios are each a group of their own to the browser, which would leave arrows idle.
      event.preventDefault();
      const all = [...event.target.closest(".an-question").querySelectorAll("input")];
      const step = ["arrowright", "arrowdown"].includes(key) ? 1 : all.length - 1;
      const next = all[(all.indexOf(event.target) + step) % all.length];
      next.focus();
      if (!waiting()) next.click();
    } else if (key === "enter" && event.target.closest?.("button, summary, a") === null) {
      event.preventDefault();
      if (!waiting()) press("#an-submit");
    } else if (key === "b" && !waiting()) {
      press("#an-back");
    }
  });

  // A new text, or a remark, ends the waiting; a new text puts the first question in focus.
  new MutationObserver(() => {
    const all = questions();
    const now = all.length > 0 && visible(all[0]) ? card()?.dataset.showing ?? null : null;
    if (now !== shown || (remarked() !== null && remarked() !== remark)) sent = null;
    if (now === shown) return;
    shown = now;
    if (now === null) return;
    for (const question of all) {
      question.setAttribute("role", "radiogroup");
      question.setAttribute("aria-label", question.querySelector("[data-testid=block-info]").innerText);
    }
    touched = false;
    aim(all[0], { preventScroll: true });
    settle(now, 20);
    window.scrollTo({ top: 0 });
  }).observe(document, { childList: true, subtree: true });
})();
