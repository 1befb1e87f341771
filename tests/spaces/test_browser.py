"""The Space in a browser: each task clicked through, at all widths and schemes, by keyboard, with hostile text.

The tour visits the Space that ``LEMONPRESS_TOUR`` names, such as that of ``make space``; with
``LEMONPRESS_SCREENSHOTS`` it leaves the pictures of docs/space.md in that folder.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tab_rewrite import EXAMPLES
from tiny_space import CORPUS_ID, MARKUP, REPO_ID, open_space

from lemonpress.hub.release import Release

pytestmark = pytest.mark.browser
TEXT = "The museum will stay closed until the end of March while workers repair its roof."
HOSTILE = (
    "The <img src=x onerror=\"document.title='owned'\"> council ${7*7} voted {{8*8}} to plant <b>trees</b> there."
)
SIZES = [(1280, "light"), (1280, "dark"), (768, "light"), (360, "light"), (360, "dark")]
TITLE = "Lemonpress paraphraser"
Open = Callable[[int, str], Any]


@pytest.fixture
def open_page(chromium: Any, space_url: str) -> Open:
    return partial(open_space, chromium, space_url)


def rewrite(page: Any, text: str, task: str = "Paraphrase") -> None:
    page.fill("#lp-input textarea", text)
    page.locator("#lp-task").get_by_label(task).check()
    page.click("#lp-rewrite")
    page.locator("#lp-status", has_text="Done").wait_for()


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def check_looks(page: Any, width: int) -> None:
    """Nothing to scroll sideways, nothing fetched from elsewhere, no script that failed."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.elsewhere == []
    assert page.failures == []


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_a_visitor_rewrites_compares_and_explores(
    open_page: Open, tiny_releases: tuple[Release, ...], tiny_corpus: Release, width: int, scheme: str
) -> None:
    page = open_page(width, scheme)
    assert tiny_releases[0].commit in page.inner_text("#lp-pinned")
    assert f"{REPO_ID} v1.0.0" in " ".join(page.inner_text("#lp-pinned").split())
    rewrite(page, TEXT, "Summarise")
    assert TEXT in page.inner_text(".lp-source")
    page.eval_on_selector_all(".lp-rejected", "all => all.forEach((one) => { one.open = true; })")
    cards = [card.inner_text() for card in page.query_selector_all("#lp-answer .lp-card")]
    assert cards
    assert all("Compression" in card and ("Kept" in card or "Rejected" in card) for card in cards)
    assert page.query_selector("#lp-answer .lp-card mark") is not None
    check_looks(page, width)

    tab(page, "Compare")
    page.click("#lp-compare")
    page.locator("#lp-compare-status", has_text="Done").wait_for()
    names = page.locator("#lp-compared .lp-name").all_inner_texts()
    assert [made.commit[:12] in name for made, name in zip(tiny_releases, names, strict=True)] == [True, True]
    check_looks(page, width)

    tab(page, "Explore")
    assert tiny_corpus.commit in page.inner_text("#lp-about-corpus")
    assert page.locator("#lp-pairs .lp-card").count() == 10
    page.fill("#lp-search input, #lp-search textarea", "number 7")
    page.click("#lp-find")
    page.locator("#lp-found", has_text="1 pair, page 1 of 1").wait_for()
    assert MARKUP in page.inner_text("#lp-pairs")
    page.fill("#lp-search input, #lp-search textarea", "")
    page.click("#lp-random")
    page.locator("#lp-found", has_text="10 pairs by chance, of 30 pairs").wait_for()
    page.get_by_text("How this corpus was pressed").click()
    page.locator("#lp-funnel", has_text="60 of 100").wait_for()
    check_looks(page, width)
    assert page.title() == TITLE


def test_the_page_shows_hostile_text_as_text(open_page: Open) -> None:
    page = open_page(1280, "light")
    rewrite(page, HOSTILE)
    assert HOSTILE in page.inner_text(".lp-source")
    assert page.query_selector("#lp-answer img") is None
    tab(page, "Explore")
    page.fill("#lp-search input, #lp-search textarea", HOSTILE)
    page.click("#lp-find")
    page.get_by_text("No pair matches").wait_for()
    assert page.title() == TITLE
    assert page.failures == []


@pytest.mark.parametrize(
    ("text", "said"), [("", "please type a sentence"), ("Музей закрыт.", "not look like English")]
)
def test_bad_input_gets_a_friendly_message(open_page: Open, text: str, said: str) -> None:
    page = open_page(360, "light")
    page.fill("#lp-input textarea", text)
    page.click("#lp-rewrite")
    page.locator("#lp-answer", has_text=said).wait_for()


def test_an_example_is_answered_at_a_click(open_page: Open) -> None:
    page = open_page(1280, "light")
    page.locator("#lp-examples tr", has_text="The town council").click()
    page.locator("#lp-status", has_text="Done").wait_for()
    assert page.locator("#lp-task").get_by_label("Summarise").is_checked()
    assert "The town council, which met late" in page.inner_text(".lp-source")


def test_a_candidate_is_copied(open_page: Open) -> None:
    page = open_page(1280, "light")
    rewrite(page, TEXT)
    page.eval_on_selector_all(".lp-rejected", "all => all.forEach((one) => { one.open = true; })")
    card = page.locator("#lp-answer .lp-card").first
    card.get_by_role("button", name="Copy").click()
    card.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == card.locator(".lp-text").inner_text()
    assert page.inner_text("#lp-said") == "Copied to the clipboard"


def test_feedback_is_given_and_thanked_for(open_page: Open, feedback_folder: Path) -> None:
    page = open_page(360, "dark")
    rewrite(page, TEXT)
    page.get_by_text("Tell us what you think").click()
    page.locator("#lp-feedback").get_by_label("Bad").check()
    page.fill("#lp-why textarea", "<b>It says nothing.</b>")
    page.click("#lp-send")
    page.locator("#lp-thanks", has_text="it is stored").wait_for()
    assert any("<b>It says nothing.</b>" in file.read_text() for file in feedback_folder.glob("*.jsonl"))


def test_the_keyboard_is_enough(open_page: Open) -> None:
    page = open_page(1280, "light")
    page.locator("#lp-input textarea").focus()
    page.keyboard.type(TEXT)
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#lp-rewrite') !== null"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.locator("#lp-status", has_text="Done").wait_for()
    page.get_by_role("tab", name="Rewrite").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#lp-compare").wait_for()


def test_screen_readers_are_told_what_is_what(open_page: Open) -> None:
    page = open_page(1280, "light")
    assert page.evaluate("document.documentElement.lang") == "en"
    live = page.locator(".lp-live")
    assert live.count() >= 2
    assert {live.nth(place).get_attribute("aria-live") for place in range(live.count())} == {"polite"}
    assert page.get_by_role("textbox", name="Text").first.is_visible()
    assert page.get_by_role("heading", level=1).inner_text() == TITLE
    unnamed = """[...document.querySelectorAll('button, input, textarea, select, [role=button]')].filter(
        (one) => one.getClientRects().length && !(one.innerText.trim() || one.getAttribute('aria-label')
            || one.getAttribute('aria-labelledby') || one.title || one.placeholder || (one.labels || []).length))
        .map((one) => one.outerHTML.slice(0, 200))"""
    assert page.evaluate(unnamed) == []


def test_links_lead_to_the_pinned_card(open_page: Open, space_url: str) -> None:
    page = open_page(1280, "light")
    assert str(page.locator("#lp-pinned a").get_attribute("href")).endswith(f"/{REPO_ID}/tree/v1.0.0")
    tab(page, "Explore")
    links = [str(link.get_attribute("href")) for link in page.locator("#lp-about-corpus a").all()]
    assert [link.partition("/datasets/")[2] for link in links] == [CORPUS_ID, f"{CORPUS_ID}/tree/v1.0.0"]
    for link in links:
        assert page.request.get(link).ok


def rewrite_an_example(page: Any) -> None:
    """Paraphrase the page's examples in turn until a candidate is kept; summarise where none is."""
    for text, task in EXAMPLES:
        if task == "paraphrase":
            rewrite(page, text)
            if page.locator("#lp-answer .lp-card.lp-kept").count():
                return
    rewrite(page, TEXT, "Summarise")


@pytest.mark.skipif(
    "LEMONPRESS_TOUR" not in os.environ,
    reason="TOUR NOT RUN: start a Space (make space) and give its address in LEMONPRESS_TOUR",
)
def test_a_tour_of_a_running_space(chromium: Any) -> None:
    url = os.environ["LEMONPRESS_TOUR"]
    pictures = os.environ.get("LEMONPRESS_SCREENSHOTS")
    for width, scheme in ((1280, "light"), (360, "dark")):
        page = open_space(chromium, url, width, scheme)

        def picture(name: str, page: Any = page, width: int = width) -> None:
            check_looks(page, width)
            if pictures and (width > 400 or name == "rewrite"):
                name = name if width > 400 else f"{name}-phone"
                page.screenshot(path=str(Path(pictures) / f"space-{name}.png"), full_page=width > 400)

        rewrite(page, TEXT, "Summarise")
        chips = page.inner_text("#lp-answer")
        assert all(name in chips for name in ("Source ⇒ candidate", "ROUGE-L", "Compression", "Tree distance"))
        rewrite_an_example(page)
        page.evaluate("window.scrollTo(0, 0)")
        picture("rewrite")
        rewrite(page, TEXT, "Follow a syntax")
        assert str(page.locator("#lp-drawing svg").get_attribute("aria-label")).startswith("Syntax to follow: (ROOT")
        picture("control")
        tab(page, "Explore")
        page.locator("#lp-pairs .lp-card").first.wait_for()
        page.get_by_text("How this corpus was pressed").click()
        page.locator("#lp-funnel table").wait_for()
        picture("explore")
        tab(page, "Compare")
        if page.locator("#lp-compare").count():
            page.click("#lp-compare")
            page.locator("#lp-compare-status", has_text="Done").wait_for()
            picture("compare")
