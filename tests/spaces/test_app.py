"""The running Space: its API, what it refuses, and its page in a browser."""

import argparse
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from conftest import REPO_ID, Start, free_port
from lemonpress.commands import space
from lemonpress.errors import UserError
from lemonpress.hub.release import Release

TEXT = "The museum will stay closed until the end of March while workers repair its roof."
HOSTILE = (
    "The <img src=x onerror=\"document.title='owned'\"> council ${7*7} voted {{8*8}} to plant <b>trees</b> there."
)


@pytest.fixture(scope="module")
def client(space_url: str) -> Client:
    return Client(space_url, verbose=False)


def ask(client: Client, *arguments: object, **named: object) -> dict[str, Any]:
    answer: dict[str, Any] = client.predict(*arguments, api_name="/rewrite", **named)
    return answer


def test_the_api_rewrites_and_judges(client: Client, tiny_release: Release) -> None:
    answer = ask(client, f"{TEXT} It opens in April, they say.", "paraphrase", 3, 0.7)
    assert answer["model"] == {"id": REPO_ID, "version": "1.0.0", "commit": tiny_release.commit}
    assert [one["source"] for one in answer["sentences"]] == [TEXT, "It opens in April, they say."]
    for sentence in answer["sentences"]:
        samples = sum(one["samples"] for one in sentence["candidates"])
        assert samples + sentence["copies"] + sentence["empty"] == 3
        for candidate in sentence["candidates"]:
            assert [verdict["critic"] for verdict in candidate["critics"]] == ["length", "numbers"]
            assert candidate["kept"] == all(verdict["kept"] for verdict in candidate["critics"])
    best = [next((c["text"] for c in s["candidates"] if c["kept"]), s["source"]) for s in answer["sentences"]]
    assert answer["text"] == " ".join(best)


def test_the_api_has_defaults_and_a_description(client: Client) -> None:
    assert ask(client, TEXT) == ask(client, TEXT, task="paraphrase", n=5, temperature=0.7)
    api = client.view_api(return_format="dict", print_info=False)
    assert list(api["named_endpoints"]) == ["/rewrite"]
    endpoint = api["named_endpoints"]["/rewrite"]
    assert [one["parameter_name"] for one in endpoint["parameters"]] == ["text", "task", "n", "temperature"]
    assert endpoint["description"].startswith("Rewrite a short English text")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("",), "type a sentence"),
        (("x" * 401,), "401 characters"),
        (("\x00\x01",), "does not look like text"),
        ((["a", "list"],), "send text"),
        ((TEXT, "poem"), "task: please choose paraphrase or summary"),
        ((TEXT, "paraphrase", 500), "n: please ask for 1 to 8"),
        ((TEXT, "paraphrase", 2, "hot"), "temperature: please choose"),
    ],
)
def test_bad_requests_get_a_message(client: Client, arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(AppError, match=words):
        ask(client, *arguments)


def test_many_callers_get_the_same_answer(client: Client) -> None:
    def call(_: int) -> dict[str, Any]:
        return ask(client, TEXT, "summary", 2, 0.7)

    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(call, range(8)))
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("path", ["/etc/passwd", "spaces/paraphraser/app.py", "../app.py"])
def test_files_of_the_machine_are_not_served(space_url: str, path: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(f"{space_url}/gradio_api/file={path}", timeout=10)
    assert refused.value.code in {403, 404}


def test_without_the_release_it_ends_in_one_line(start_space: Start) -> None:
    started = start_space(free_port(), LEMONPRESS_STUDENT="lemonpress/nobody")
    _, errors = started.communicate(timeout=120)
    assert started.returncode == 2
    assert errors.strip().splitlines()[-1].startswith("paraphraser: error: lemonpress/nobody: ")
    assert errors.strip().endswith("run make demo first")
    assert "Traceback" not in errors


def test_a_port_in_use_is_one_line(start_space: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        started = start_space(port)
        _, errors = started.communicate(timeout=60)
    assert started.returncode == 2
    assert errors == f"lemonpress: error: --port {port}: is in use on 127.0.0.1; choose another, as --port 7861\n"


def test_an_address_that_is_none_is_one_line() -> None:
    parser = argparse.ArgumentParser()
    space.add_arguments(parser)
    with pytest.raises(UserError, match="--hub 'nowhere': is no Hub"):
        space.run(parser.parse_args(["--hub", "nowhere", "--port", str(free_port())]))


@pytest.fixture(scope="module")
def open_page(space_url: str) -> Iterator[Callable[..., Any]]:
    """Open the Space in headless Chromium at a width and colour scheme; every request must stay on this machine."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("BROWSER TESTS NOT RUN: no chromium here; install it (Debian: apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="BROWSER TESTS NOT RUN: pip install playwright")
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)

        def open_one(width: int, scheme: str) -> Any:
            page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
            page.elsewhere = []
            page.on("request", lambda asked: space_url in asked.url or page.elsewhere.append(asked.url))
            page.goto(space_url)
            page.wait_for_selector("#lp-input textarea")
            return page

        yield open_one
        browser.close()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_visitor_reads_candidates(
    open_page: Callable[..., Any], tiny_release: Release, width: int, scheme: str
) -> None:
    page = open_page(width, scheme)
    assert str(tiny_release.commit) in page.inner_text("#lp-pinned")
    assert f"{REPO_ID} v1.0.0" in " ".join(page.inner_text("#lp-pinned").split())
    page.fill("#lp-input textarea", TEXT)
    page.get_by_label("Summarise").check()
    page.click("#lp-rewrite")
    page.wait_for_selector(".lp-sentence", timeout=30_000)
    assert TEXT in page.inner_text(".lp-source")
    for toggle in page.query_selector_all(".lp-rejected summary"):
        toggle.click()
    cards = [card.inner_text() for card in page.query_selector_all(".lp-card")]
    assert cards
    assert all("compression" in card and ("Kept" in card or "Rejected" in card) for card in cards)
    assert page.query_selector(".lp-card mark") is not None
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.elsewhere == []


@pytest.mark.browser
def test_the_page_shows_hostile_text_as_text(open_page: Callable[..., Any]) -> None:
    page = open_page(1280, "light")
    page.fill("#lp-input textarea", HOSTILE)
    page.click("#lp-rewrite")
    page.wait_for_selector(".lp-sentence", timeout=30_000)
    assert HOSTILE in page.inner_text(".lp-source")
    assert page.query_selector("#lp-answer img") is None
    assert page.title() == "Lemonpress paraphraser"


@pytest.mark.browser
def test_an_empty_text_gets_a_friendly_message(open_page: Callable[..., Any]) -> None:
    page = open_page(1280, "light")
    page.click("#lp-rewrite")
    page.get_by_text("There is nothing to rewrite yet: please type a sentence.").wait_for(timeout=30_000)
