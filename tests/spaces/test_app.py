"""The running Space: every endpoint, what it refuses, and many callers at once."""

import argparse
import json
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError, Status
from tiny_space import CORPUS_ID, MARKUP, REPO_ID, VERSIONS, Start, free_port

from lemonpress.commands import space
from lemonpress.errors import UserError
from lemonpress.hub.release import Release

TEXT = "The museum will stay closed until the end of March while workers repair its roof."
MODELS = [f"{REPO_ID}@{version}" for version in VERSIONS]
HOSTILE = [
    "The <img src=x onerror=\"document.title='owned'\"> council ${7*7} voted {{8*8}} to plant <b>trees</b> there.",
    "</textarea><script>document.title='owned'</script> The council voted.",
    "'; DROP TABLE feedback; -- The council voted.",
    "file:///etc/passwd The council voted.",
    "%s%s%n {0} {self.__class__} The council voted.",
]


@pytest.fixture(scope="module")
def client(space_url: str) -> Client:
    return Client(space_url, verbose=False)


def ask(client: Client, endpoint: str, *arguments: object, **named: object) -> dict[str, Any]:
    answer: dict[str, Any] = client.predict(*arguments, api_name=f"/{endpoint}", **named)
    return answer


def test_paraphrases_are_judged_and_put_together(client: Client, tiny_release: Release) -> None:
    answer = ask(client, "paraphrase", f"{TEXT}\n\nIt opens in April, they say.", 3, 0.7)
    assert answer["model"] == {"id": REPO_ID, "version": "1.0.0", "commit": tiny_release.commit}
    assert [one["source"] for one in answer["sentences"]] == [TEXT, "It opens in April, they say."]
    for sentence in answer["sentences"]:
        samples = sum(one["samples"] for one in sentence["candidates"])
        assert samples + sentence["copies"] + sentence["empty"] == 3
        for candidate in sentence["candidates"]:
            assert [verdict["critic"] for verdict in candidate["critics"]] == ["length", "numbers"]
            assert candidate["kept"] == all(verdict["kept"] for verdict in candidate["critics"])
            assert {"compression", "rouge_l"} <= set(candidate["measures"])
    best = [next((c["text"] for c in s["candidates"] if c["kept"]), s["source"]) for s in answer["sentences"]]
    assert answer["text"] == "\n\n".join(best)


def test_summaries_take_a_length(client: Client) -> None:
    assert ask(client, "summarise", TEXT) == ask(client, "summarise", text=TEXT, words=0, n=5, temperature=0.7)
    candidates = ask(client, "summarise", TEXT, 6, 5)["sentences"][0]["candidates"]
    apart = [abs(len(one["text"].split()) - 6) for one in candidates if one["kept"]]
    assert apart == sorted(apart)


def test_two_students_are_compared(client: Client, tiny_releases: tuple[Release, ...]) -> None:
    answer = ask(client, "compare", TEXT, *MODELS, "summary", 2)
    for side, made in zip(("left", "right"), tiny_releases, strict=True):
        assert answer[side]["model"]["commit"] == made.commit
        assert answer[side]["tally"]["candidates"] == len(answer[side]["sentences"][0]["candidates"])
    assert answer["left"]["sentences"] != answer["right"]["sentences"]
    assert answer["left"]["sentences"] == ask(client, "summarise", TEXT, n=2)["sentences"]


def test_the_corpus_is_read(client: Client, tiny_corpus: Release) -> None:
    answer = ask(client, "explore")
    assert answer["corpus"] == {"id": CORPUS_ID, "version": "1.0.0", "commit": tiny_corpus.commit}
    assert (answer["found"], answer["page"], answer["pages"], len(answer["pairs"])) == (30, 1, 3, 10)
    found = ask(client, "explore", search="BRIDGE", domain="news", scores={"entailment": [0.5, None]})
    assert [row["source"] for row in found["pairs"]] == [
        f"The bridge number {number} was closed on Monday." for number in (15, 21, 27)
    ]
    assert ask(client, "explore", search="<img")["pairs"][0]["target"] == MARKUP
    drawn = ask(client, "explore", draw=5)
    assert drawn["pairs"] == ask(client, "explore", draw=5)["pairs"] != answer["pairs"]


def test_feedback_is_stored(client: Client, feedback_folder: Path) -> None:
    for text in HOSTILE:
        assert ask(client, "feedback", "paraphrase", TEXT, text, "bad", text) == {"stored": True}
    rows = [json.loads(line) for file in feedback_folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    assert [row["text"] for row in rows][-len(HOSTILE) :] == HOSTILE
    assert "127.0.0.1" not in json.dumps(rows)


def test_every_endpoint_is_named_and_described(client: Client) -> None:
    api = client.view_api(return_format="dict", print_info=False)
    named = api["named_endpoints"]
    assert set(named) == {"/paraphrase", "/summarise", "/compare", "/explore", "/feedback"}  # no trees: no /control
    assert api["unnamed_endpoints"] == {}
    assert [one["parameter_name"] for one in named["/paraphrase"]["parameters"]] == ["text", "n", "temperature"]
    assert all(len(endpoint["description"]) > 40 for endpoint in named.values())


@pytest.mark.parametrize(
    ("endpoint", "arguments", "words"),
    [
        ("paraphrase", ("",), "type a sentence"),
        ("paraphrase", ("x" * 2001,), "2,001 characters"),
        ("paraphrase", ("x" * 3_000_000,), "too long"),
        ("paraphrase", ("\x00\x01",), "does not look like text"),
        ("paraphrase", ("Das ist nicht das Museum und auch nicht der Bahnhof.",), "does not look like English"),
        ("paraphrase", (["a", "list"],), "send text"),
        ("paraphrase", (TEXT, 500), "n: please ask for 1 to 8"),
        ("paraphrase", (TEXT, -1), "n: please ask for 1 to 8"),
        ("paraphrase", (TEXT, 2, "hot"), "temperature: please choose"),
        ("paraphrase", (f"{TEXT} " * 20, 8), "at most 3 candidates for each of 20"),
        ("summarise", (TEXT, 1000), "words: please ask for 1 to 40"),
        ("summarise", (TEXT, [1]), "words: please ask for 1 to 40"),
        ("compare", (TEXT, MODELS[0], "lemonpress/secret@1.0.0"), "right: please choose one of"),
        ("compare", (TEXT, MODELS[0], "../../etc/passwd"), "right: please choose one of"),
        ("compare", (TEXT, *MODELS, "poem"), "task: please choose paraphrase or summary"),
        ("explore", ("lemonpress/private@1.0.0",), "corpus: please choose one of"),
        ("explore", ("", "x" * 201), "search: please keep to 200"),
        ("explore", ("", "", "<b>"), "domain: this corpus has no such"),
        ("explore", ("", "", "", {"id": [0, 1]}), "score: please choose one of entailment, rouge_l"),
        ("explore", ("", "", "", "entailment>1"), "scores: please send bounds"),
        ("explore", ("", "", "", None, "first"), "whole numbers"),
        ("explore", ("", "", "", None, 1, 10**40), "whole numbers"),
        ("feedback", ("paraphrase", TEXT, TEXT, "great"), "rating: please choose good or bad"),
        ("feedback", ("paraphrase", TEXT, "x" * 4001, "good"), "text: please keep to 4,000"),
        ("feedback", ("poem", TEXT, TEXT, "good"), "task: please choose"),
    ],
)
def test_bad_requests_get_a_message(client: Client, endpoint: str, arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(AppError, match=words):
        ask(client, endpoint, *arguments)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_as_it_was(client: Client, text: str) -> None:
    assert " ".join(one["source"] for one in ask(client, "paraphrase", text, 1)["sentences"]) == text


def test_a_syntax_is_followed(syntax_space_url: str) -> None:
    space = Client(syntax_space_url, verbose=False)
    exemplar = "On Monday, the shop was closed by its owner."
    answer = ask(space, "control", TEXT, exemplar, levels=2, n=3)
    assert answer["tree"].startswith("(ROOT")
    assert ask(space, "control", TEXT, tree=answer["tree"], levels=2, n=3) == answer
    assert [one["source"] for one in answer["sentences"]] == [TEXT]
    apart = [one["measures"]["asked_syntax"] for one in answer["sentences"][0]["candidates"] if one["kept"]]
    assert apart == sorted(apart)
    for given, words in [({}, "either an exemplar sentence or a tree"), ({"tree": "(ROOT"}, "tree")]:
        with pytest.raises(AppError, match=words):
            ask(space, "control", TEXT, **given)


def test_fifty_callers_at_once_get_answers(space_url: str) -> None:
    texts = [f"The shop number {number % 25} opens at nine." for number in range(50)]

    def call(text: str) -> object:
        caller = Client(space_url, verbose=False, httpx_kwargs={"timeout": 120})
        return ask(caller, "paraphrase", text, 1)["sentences"][0]["source"]

    with ThreadPoolExecutor(50) as callers:
        assert list(callers.map(call, texts)) == texts


def test_a_short_text_does_not_wait_for_the_end_of_a_long_one(client: Client) -> None:
    ask(client, "paraphrase", "A first call makes the queue what it is.", 1)
    text = " ".join(f"The road number {number} is closed today." for number in range(20))
    begun = time.monotonic()
    long = client.submit(text, 3, api_name="/paraphrase")
    while long.status().code not in (Status.PROCESSING, Status.ITERATING):
        time.sleep(0.01)
    asked = time.monotonic()
    assert ask(client, "paraphrase", "A short one is asked meanwhile.", 1)["sentences"]
    short = time.monotonic() - asked
    assert len(long.result()["sentences"]) == 20
    assert short < 0.4 * (time.monotonic() - begun)


def test_a_full_queue_refuses_texts_alone_and_empties_when_callers_leave(client: Client, space_url: str) -> None:
    code = f"""
        import time
        from gradio_client import Client
        client = Client({space_url!r}, verbose=False, max_workers=80)
        texts = [" ".join(f"The gate {{many}} of {{n}} is closed today." for n in range(20)) for many in range(80)]
        calls = [client.submit(text, 3, api_name="/paraphrase") for text in texts]
        while sum(call.done() for call in calls) < 80 - 64 - 4:
            time.sleep(0.1)
        refused = [call.exception() for call in calls if call.done()]
        print({{(type(error).__name__, str(error)) for error in refused}}, flush=True)
        time.sleep(600)
    """
    callers = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    try:
        assert callers.stdout is not None
        assert callers.stdout.readline() == "{('QueueError', 'Queue is full! Please try again.')}\n"
        asked = urllib.request.Request(
            f"{space_url}/gradio_api/run/explore",
            json.dumps({"data": ["", "bridge", "", None, 1, 0]}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=30) as answer:
            assert json.load(answer)["data"][0]["found"] == 10
    finally:
        callers.kill()
        callers.communicate()
    begun = time.monotonic()
    while True:  # of 68 texts of 20 sentences each, none is written to its end
        try:
            assert ask(client, "paraphrase", "Nobody waits any more.", 1)["sentences"]
            break
        except QueueError:
            time.sleep(0.1)
    freed = time.monotonic() - begun
    begun = time.monotonic()
    ask(client, "paraphrase", " ".join(f"The lane number {number} is closed." for number in range(20)), 3)
    assert freed < max(1.0, time.monotonic() - begun)


def test_the_page_asks_for_what_is_cheap_past_the_queue(client: Client) -> None:
    queued = {one["api_name"] for one in client.config["dependencies"] if one["queue"] and one["api_name"]}
    assert {name.rpartition("_")[0] if name[-1].isdigit() else name for name in queued} == {
        "paraphrase",
        "summarise",
        "compare",
        "show",
    }


@pytest.mark.parametrize("path", ["/etc/passwd", "spaces/paraphraser/app.py", "../app.py", "/proc/self/environ"])
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
