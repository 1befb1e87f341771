"""The running Space: its endpoints, what it refuses, many raters at once, and its page in a browser."""

import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from huggingface_hub import HfApi, hf_hub_download
from raw_page import RawPage
from running_space import OWNER_CODE, Running, free_port, running_space, serve, stop, write_study
from small_studies import SCORES, small_study

from lemonpress.annotation.store import Store
from lemonpress.annotation.study import RATINGS, STUDY, read_study
from lemonpress.hub.local.server import LocalHub, running

REPO_ID = "lemonpress/ratings-of-space"
# Texts as systems may write them; none may do anything.
HOSTILE = [
    "<script>document.title='owned'</script> & so on",
    "<img src=x onerror=\"document.title='owned'\">",
    '"><svg onload=alert(1)> ${7*7} {{8*8}} <b>bold</b>',
    "</p></section><iframe src='javascript:alert(1)'></iframe>",
    "[link](javascript:alert(1)) `code` $x^2$ \u202eright to left",
    "",
]
_PATIENCE = 60_000  # milliseconds that a busy machine may take for an answer
_WROTE = [[f"The shop {number} opens at nine.", text] for number, text in enumerate(HOSTILE)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEMONPRESS_HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost")
        with running(tmp_path_factory.mktemp("hub")) as started:
            yield started


@pytest.fixture(scope="module")
def space(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("study")
    study = small_study(_WROTE, ratings_dataset=REPO_ID, every=0.05, batch=4, repeated=0.25, raters_per_item=90)
    write_study(study, folder)
    with running_space(folder, "--hub", hub.endpoint, HF_TOKEN=hub.token) as started:
        yield started


@pytest.fixture(scope="module")
def client(space: Running) -> Client:
    return Client(space.url, verbose=False)


def _rows(space: Running) -> list[dict[str, Any]]:
    return Store(space.folder / RATINGS, read_study(space.folder / STUDY)).rows()


def _pushed(hub: LocalHub, repo_id: str) -> list[dict[str, Any]]:
    access: dict[str, Any] = {"repo_type": "dataset", "endpoint": hub.endpoint, "token": hub.token}
    api = HfApi(hub.endpoint, hub.token)
    names = [name for name in api.list_repo_files(repo_id, repo_type="dataset") if name.endswith(".jsonl")]
    texts = [Path(hf_hub_download(repo_id, name, **access)).read_text() for name in names]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def test_a_program_rates_all_there_is(client: Client, space: Running) -> None:
    begun = client.predict("A program", api_name="/start")
    assert begun["criteria"] == ["fluent", "faithful", "dissimilar"]
    assert begun["progress"] == {"done": 0, "total": 5, "rated": 0, "more": True}
    seen = []
    while (text := client.predict(begun["code"], api_name="/next"))["showing"] is not None:
        assert set(text) == {"showing", "place", "total", "source", "candidate"}  # and nothing of systems
        seen.append((text["source"], text["candidate"]))
        client.predict(begun["code"], text["showing"], SCORES, api_name="/rate")
    assert set(seen) == {(f"Source {number}.", text) for number, texts in enumerate(_WROTE) for text in texts}
    progress = client.predict(begun["code"], api_name="/progress")
    assert progress["rated"] == len(seen) == 15
    assert not progress["more"]
    assert client.predict(begun["code"], api_name="/start")["progress"] == progress
    pseudonyms = {row["rater"] for row in _rows(space)}
    assert not any(begun["code"] in json.dumps(row) or "program" in json.dumps(row) for row in _rows(space))
    assert len(pseudonyms) >= 1


def test_every_endpoint_is_described(client: Client) -> None:
    api = client.view_api(return_format="dict", print_info=False)
    assert sorted(api["named_endpoints"]) == ["/next", "/progress", "/rate", "/results", "/start"]
    for endpoint in api["named_endpoints"].values():
        assert len(endpoint["description"]) > 20


@pytest.mark.parametrize(
    ("endpoint", "arguments", "words"),
    [
        ("/start", ("",), "Please enter a name"),
        ("/start", ("x" * 61,), "up to 60 characters"),
        ("/start", (["a", "list"],), "Please enter a name"),
        ("/start", ("a\x00b",), "Please enter a name"),
        ("/next", ("22222-22222",), "No rater has this code"),
        ("/next", ("' OR 1=1 --",), "No rater has this code"),
        ("/progress", ({"code": 1},), "No rater has this code"),
        ("/rate", ("22222-22222", 1, SCORES), "No rater has this code"),
        ("/rate", ("22222-22222", 1, {"fluent": 9}), "scores: has no faithful"),
        ("/rate", ("22222-22222", 1, {**SCORES, "fluent": "3"}), "fluent is '3'; write 1, 2 or 3"),
        ("/results", ("guess",), "this is not the owner's code"),
        ("/results", ("",), "this is not the owner's code"),
        ("/results", (["a"],), "this is not the owner's code"),
    ],
)
def test_bad_requests_get_one_line(client: Client, endpoint: str, arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(AppError, match=words) as refused:
        client.predict(*arguments, api_name=endpoint)
    assert "\n" not in str(refused.value).strip()


def test_a_rater_cannot_rate_for_another(client: Client) -> None:
    one, other = (client.predict(name, api_name="/start")["code"] for name in ("Rater one", "Rater other"))
    text = client.predict(one, api_name="/next")
    with pytest.raises(AppError, match="you were not shown text"):
        client.predict(other, text["showing"], SCORES, api_name="/rate")


def test_fifty_raters_at_once_get_answers(client: Client, space: Running) -> None:
    before = len(_rows(space))

    def sit(number: int) -> int:
        code = client.predict(f"One of fifty, {number}", api_name="/start")["code"]
        for _ in range(3):
            text = client.predict(code, api_name="/next")
            client.predict(code, text["showing"], SCORES, api_name="/rate")
        return int(client.predict(code, api_name="/progress")["done"])

    with ThreadPoolExecutor(50) as raters:
        assert list(raters.map(sit, range(50))) == [3] * 50
    assert len(_rows(space)) == before + 150


def test_the_owner_gets_results(client: Client) -> None:
    code = client.predict("For results", api_name="/start")["code"]
    client.predict(code, client.predict(code, api_name="/next")["showing"], SCORES, api_name="/rate")
    found = client.predict(OWNER_CODE, api_name="/results")
    assert set(found["systems"]) == {"system 0", "system 1"}
    assert found["ratings"] >= 1


def test_the_hub_gets_the_ratings_by_schedule(client: Client, space: Running, hub: LocalHub) -> None:
    code = client.predict("For the hub", api_name="/start")["code"]
    client.predict(code, client.predict(code, api_name="/next")["showing"], SCORES, api_name="/rate")
    deadline = time.monotonic() + 60
    while _pushed(hub, REPO_ID) != _rows(space):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def _page_of(space: Running, entered: str) -> RawPage:
    page = RawPage(space.url)
    page.fill(name=entered)
    page.press("begin")
    return page


def _save(page: RawPage, times: int = 1) -> None:
    page.fill(**SCORES)
    page.press("submit", times)


def test_save_pressed_twice_is_one_rating(space: Running) -> None:
    page, before = _page_of(space, "Presses twice"), len(_rows(space))
    for saved in (1, 2):
        _save(page, times=2)
        assert len(_rows(space)) == before + saved
        assert f"{saved + 1} of 5" in page.holds("top")


def test_a_tab_of_the_last_batch_goes_on_in_this_one(client: Client, space: Running) -> None:
    code = client.predict("Two tabs", api_name="/start")["code"]
    page = _page_of(space, code)
    for _ in range(4):
        _save(page)
    other = _page_of(space, code)
    assert "5 of 5" in other.holds("top")
    _save(page)
    page.press("another", times=2)
    assert "1 of 5" in page.holds("top")
    assert page.holds("note") == ""
    for press in (lambda: _save(other), lambda: other.press("back")):
        press()
        assert "1 of 5" in other.holds("top")


@pytest.mark.parametrize("path", ["/etc/passwd", "key.json", "../key.json", "study/study.json"])
def test_files_of_the_machine_are_not_served(space: Running, path: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for name in (path, str(space.folder / path)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            opener.open(f"{space.url}/gradio_api/file={name}", timeout=10)
        assert refused.value.code in {403, 404}


def test_a_space_that_is_killed_or_stopped_goes_on_where_it_was(hub: LocalHub, tmp_path: Path) -> None:
    repo_id, port = "lemonpress/ratings-of-killed", free_port()
    write_study(small_study(_WROTE, ratings_dataset=repo_id, every=600.0), tmp_path / "study")
    options = {"HF_TOKEN": hub.token}
    with running_space(tmp_path / "study", "--hub", hub.endpoint, port=port, **options) as started:
        client = Client(started.url, verbose=False)
        code = client.predict("Ada", api_name="/start")["code"]
        for _ in range(3):
            client.predict(code, client.predict(code, api_name="/next")["showing"], SCORES, api_name="/rate")
        os.kill(started.process.pid, signal.SIGKILL)
    assert len(_rows(started)) == 3
    with running_space(tmp_path / "study", "--hub", hub.endpoint, port=port, **options) as started:
        client = Client(started.url, verbose=False)
        text = client.predict(code, api_name="/next")
        assert text["place"] == 4
        client.predict(code, text["showing"], SCORES, api_name="/rate")
        stop(started.process)
    assert len(_rows(started)) == 4
    assert _pushed(hub, repo_id) == _rows(started)  # by no schedule, which would come in ten hours


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"LEMONPRESS_OWNER_CODE": "short"}, "annotation: error: LEMONPRESS_OWNER_CODE: is short"),
        ({}, "ratings.sqlite: cannot be used"),
    ],
)
def test_what_is_set_wrong_is_one_line(tmp_path: Path, variables: dict[str, str], words: str) -> None:
    write_study(small_study(_WROTE), tmp_path / "study")
    if not variables:
        (tmp_path / "study" / RATINGS).mkdir()
        (tmp_path / "study" / RATINGS / "ratings.sqlite").write_text("no database" * 500)
    process, _ = serve(tmp_path / "study", **variables)
    errors = process.communicate(timeout=120)[1].strip()
    assert process.returncode == 2
    assert words in errors
    assert "Traceback" not in errors


def test_a_folder_without_a_study_is_one_line(tmp_path: Path) -> None:
    process, _ = serve(tmp_path)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 2
    assert errors.startswith("lemonpress: error: ")
    assert "no such file; lemonpress annotation make writes it" in errors


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("BROWSER TESTS NOT RUN: no chromium here; install it (Debian: apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="BROWSER TESTS NOT RUN: pip install playwright")
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_page(space: Running, chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open the Space as a visitor of its own; every request must stay on this machine."""
    visits = []

    def open_one(width: int = 1280, scheme: str = "light") -> Any:
        visits.append(chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        page = visits[-1].new_page()
        page.set_default_timeout(_PATIENCE)
        page.elsewhere, page.said = [], []
        page.on("request", lambda asked: space.url in asked.url or page.elsewhere.append(asked.url))
        page.on("dialog", lambda dialog: (page.said.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(space.url)
        page.wait_for_selector("#an-name textarea")
        return page

    yield open_one
    for visit in visits:
        visit.close()


def _begin(page: Any, name: str) -> None:
    page.fill("#an-name textarea", name)
    page.keyboard.press("Enter")
    _at(page, 1)


def _at(page: Any, place: int) -> None:
    """Wait until a text is there, with the first question in focus."""
    page.wait_for_function(
        "place => document.querySelector('.an-progress')?.innerText.startsWith(place + ' of ') &&"
        " document.querySelector('.an-question')?.contains(document.activeElement)",
        arg=place,
    )


def _chosen(page: Any) -> list[str]:
    return [one.evaluate("one => one.value") for one in page.query_selector_all(".an-question input:checked")]


def _last_rated(space: Running, count: int) -> list[tuple[int, int, int]]:
    return [(row["fluent"], row["faithful"], row["dissimilar"]) for row in _rows(space)[-count:]]


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (820, "dark"), (360, "dark")])
def test_a_rater_works_by_keyboard_alone(
    open_page: Callable[..., Any], space: Running, width: int, scheme: str
) -> None:
    page = open_page(width, scheme)
    _begin(page, f"Keyboard {width}")
    for place, keys in enumerate(("321", "213"), 1):
        _at(page, place)
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    _at(page, 3)
    assert _chosen(page) == []
    assert _last_rated(space, 2) == [(3, 2, 1), (2, 1, 3)]
    page.keyboard.press("Enter")  # nothing is answered yet
    page.get_by_text("Please answer all three questions.").wait_for()
    page.keyboard.press("b")
    _at(page, 2)
    assert _chosen(page) == ["2", "1", "3"]
    page.keyboard.press("1")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    _at(page, 3)
    assert _last_rated(space, 1) == [(1, 1, 3)]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    code = page.inner_text(".an-code b")

    page.click("#an-stop")
    page.get_by_text("Your code to come back with:").first.wait_for()
    page.wait_for_selector("#an-name textarea")
    later = open_page(width, scheme)  # on another machine, say
    later.fill("#an-name textarea", code)
    later.click("#an-begin")
    _at(later, 3)
    for place in (3, 4, 5):
        _at(later, place)
        for key in ("ArrowRight", "2", "3"):  # an arrow chooses, and stays with the question
            later.keyboard.press(key)
        later.keyboard.press("1")
        later.keyboard.press("Enter")
    later.get_by_text("Thank you!").wait_for()
    assert _last_rated(space, 3) == [(2, 3, 1)] * 3
    later.click("#an-correct")
    _at(later, 5)
    later.keyboard.press("3")
    later.click("#an-submit")
    later.get_by_text("Thank you!").wait_for()
    later.click("#an-another")
    _at(later, 1)
    assert page.elsewhere + later.elsewhere + page.said + later.said == []


@pytest.mark.browser
def test_a_rater_who_reloads_is_where_they_were(open_page: Callable[..., Any]) -> None:
    page = open_page()
    _begin(page, "Reloads")
    for key in ("1", "1", "1", "Enter"):
        page.keyboard.press(key)
    _at(page, 2)
    page.reload()
    _at(page, 2)


@pytest.mark.browser
def test_save_held_or_clicked_twice_leaves_the_next_text_alone(open_page: Callable[..., Any], space: Running) -> None:
    page = open_page()
    _begin(page, "Twice")
    before = len(_rows(space))
    for key in ("3", "2", "1"):
        page.keyboard.press(key)
    for _ in range(8):  # without an "up" between, these are repeats
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    _at(page, 2)
    for key in ("3", "2", "1"):
        page.keyboard.press(key)
    page.dblclick("#an-submit")
    _at(page, 3)
    page.keyboard.press("2")
    page.wait_for_timeout(1500)  # for an answer that nobody asked for
    assert _chosen(page) == ["2"]
    assert page.query_selector(".an-message") is None
    assert len(_rows(space)) == before + 2


@pytest.mark.browser
def test_a_name_that_is_taken_is_told_and_nothing_is_lost(open_page: Callable[..., Any]) -> None:
    first = open_page()
    _begin(first, "Taken")
    for key in ("1", "1", "1", "Enter"):
        first.keyboard.press(key)
    _at(first, 2)
    page = open_page()
    page.fill("#an-name textarea", "taken")
    page.click("#an-begin")
    page.get_by_text("Someone has begun under this name.").wait_for()
    assert page.input_value("#an-name textarea") == "taken"


@pytest.mark.browser
def test_hostile_texts_are_shown_as_texts(open_page: Callable[..., Any]) -> None:
    page = open_page()
    _begin(page, "<img src=x onerror=alert(2)>")
    seen = set()
    for _ in range(3):
        for place in range(1, 6):
            _at(page, place)
            seen.add(page.text_content(".an-candidate"))
            assert page.query_selector("#an-text :is(img, script, svg, iframe, b, a)") is None
            for key in ("3", "3", "3", "Enter"):
                page.keyboard.press(key)
        page.get_by_text("Thank you!").wait_for()
        if page.is_visible("#an-another"):
            page.click("#an-another")
    assert {text or "(no text)" for text in HOSTILE} <= seen
    assert page.title() == "A small study"
    assert page.said == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 360])
def test_screen_readers_and_fingers_find_their_way(open_page: Callable[..., Any], width: int) -> None:
    page = open_page(width)
    page.get_by_label("Your name, or the code you were given").wait_for()
    _begin(page, f"Reader {width}")
    for name in ("Fluent: Is it fluent English?", "Faithful: Does it keep the meaning of the source?"):
        radios = page.get_by_role("radiogroup", name=name).get_by_role("radio")
        assert radios.count() == 3
    page.get_by_role("radiogroup", name="Fluent").get_by_role("radio", name="2 Partly").check()
    assert _chosen(page) == ["2"]
    bar = page.get_by_role("progressbar")
    assert (bar.get_attribute("aria-valuenow"), bar.get_attribute("aria-valuemax")) == ("1", "5")
    assert page.get_attribute("#an-text section", "aria-live") == "polite"
    targets = page.query_selector_all(".an-question label, #an-submit, #an-back, #an-stop, .an-guide summary")
    assert all(box["height"] >= 36 and box["width"] >= 44 for one in targets if (box := one.bounding_box()))
    page.keyboard.press("g")
    assert page.get_by_text("All of the meaning is kept, and nothing is added.").is_visible()
    outlined = page.evaluate(
        "getComputedStyle(document.querySelector('.an-question label:has(input:focus-visible)')).outlineWidth"
    )
    assert outlined == "3px"
