"""Releases through every failure of a Hub, call by call: a tag is whole or absent, and never moves."""

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants, set_client_factory
from huggingface_hub.utils import httpx
from huggingface_hub.utils._http import default_client_factory

from lemonpress.hub.local.faults import Fault, Faults, Rule, from_nth, nth, once
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.publish import Answer, Request, main, publish
from lemonpress.hub.tree import read_tree

FAULTS = {
    "busy": Fault(status=503),
    "broken": Fault(status=500),
    "rate": Fault(status=429, retry_after=7),
    "closed": Fault(hang_up=True),
    "lost": Fault(hang_up=True, done=True),
    "late": Fault(status=504, done=True),
    "cut": Fault(cut=1),
}
NUMBERS = count()


@pytest.fixture(autouse=True)
def pauses(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client wanted to wait, in seconds; it waits a thousandth of a second."""
    wanted: list[float] = []
    sleep = time.sleep

    def shortly(seconds: float) -> None:
        wanted.append(seconds)
        sleep(min(seconds, 0.001))

    monkeypatch.setattr(time, "sleep", shortly)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return wanted


@dataclass(frozen=True)
class Corpus:
    """Two versions to be released into one repository; no other repository has their large files."""

    hub: LocalHub
    repo: str
    first: Request
    second: Request

    def read(self, path: str) -> bytes | None:
        """What the Hub answers to a path; None where it knows nothing there."""
        connection = http.client.HTTPConnection(self.hub.endpoint.removeprefix("http://"), timeout=30)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.hub.token}"})
            answer = connection.getresponse()
            assert answer.status in (200, 404), (path, answer.status)
            content = answer.read()
            return content if answer.status == 200 else None
        finally:
            connection.close()

    def listed(self, path: str) -> Any:
        """What the Hub lists of the repository; None where it has none."""
        found = self.read(f"/api/datasets/{self.repo}/{path}")
        return None if found is None else json.loads(found)

    def tags(self) -> dict[str, str]:
        """The commit of each tag."""
        refs = self.listed("refs")
        return {} if refs is None else {tag["name"]: tag["targetCommit"] for tag in refs["tags"]}

    def check(self, *released: Request, maybe: Request | None = None) -> None:
        """Each tag has what was released under it: those given, and perhaps one more."""
        expected = {request.tag: request for request in (*released, *([maybe] if maybe else []))}
        tags = self.tags()
        assert {request.tag for request in released} <= set(tags) <= set(expected)
        for tag in tags:
            folder = Path(expected[tag].folder)
            tree = self.listed(f"tree/{tag}?recursive=true")
            paths = {item["path"] for item in tree if item["type"] == "file"} - {".gitattributes"}
            assert paths == {file.path for file in expected[tag].files}
            for path in paths:
                assert self.read(f"/datasets/{self.repo}/resolve/{tag}/{path}") == (folder / path).read_bytes()

    def check_history(self, *released: Request) -> None:
        """Each version is one commit."""
        assert [commit["title"] for commit in self.listed("commits/main")] == [
            *(f"Release {request.tag}" for request in reversed(released)),
            "initial commit",
        ]


@pytest.fixture
def corpus(hub: LocalHub, tmp_path: Path) -> Callable[[], Corpus]:
    """Make a corpus for a repository of its own."""

    def make() -> Corpus:
        name = f"corpus-{next(NUMBERS)}"
        requests = []
        for tag, kept in (("v1.0.0", True), ("v1.1.0", False)):
            folder = tmp_path / name / tag
            (folder / "data").mkdir(parents=True)
            (folder / "README.md").write_text(f"---\nlicense: mit\n---\n# {tag}\n")
            (folder / "provenance.json").write_text("{}")
            pq.write_table(pa.table({"source": [f"{name} {tag}"]}), folder / "data" / "train.parquet")
            if kept:
                (folder / "notes.txt").write_text("gone soon")
            requests.append(
                Request(
                    endpoint=hub.endpoint,
                    token=hub.token,
                    repo_id=f"press/{name}",
                    repo_type="dataset",
                    tag=tag,
                    folder=str(folder),
                    files=read_tree(folder),
                    space_sdk=None,
                )
            )
        return Corpus(hub, f"press/{name}", *requests)

    return make


@pytest.fixture
def recorded(corpus: Callable[[], Corpus], faults: Faults) -> list[list[tuple[str, str]]]:
    """The calls of a first and of a second release that nothing disturbs."""
    sound = corpus()
    calls = []
    for request in (sound.first, sound.second):
        faults.calls.clear()
        assert published(request).uploaded
        calls.append(list(faults.calls))
    return calls


def published(request: Request) -> Answer:
    """What a publishing process does, in this one."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as output:
        patch.setattr(sys, "stdin", io.StringIO(json.dumps(asdict(request))))
        main()
    return Answer(**json.loads(output.getvalue().splitlines()[-1]))


def spoiled(request: Request, faults: Faults, rule: Rule) -> Answer:
    """What comes of it while this goes wrong."""
    faults.rule = rule
    try:
        return published(request)
    finally:
        faults.rule = None


def refused(answer: Answer) -> bool:
    """Whether a release was refused, in one line; it never ends in a traceback."""
    assert answer.failure is None, answer.failure
    assert answer.refusal is None or "\n" not in answer.refusal
    return answer.refusal is not None


def writes(calls: list[tuple[str, str]]) -> list[int]:
    return [number for number, (method, _) in enumerate(calls) if method != "GET"]


def raw(hub: LocalHub, method: str, path: str, body: str = "") -> tuple[bytes, bytes]:
    """Head and body of an answer as they come over the wire, until the Hub closes the connection."""
    host, port = hub.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as wire:
        head = f"Host: {host}\r\nAuthorization: Bearer {hub.token}\r\nConnection: close\r\nContent-Length: {len(body)}"
        wire.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n\r\n{body}".encode())
        answer = b"".join(iter(lambda: wire.recv(1 << 16), b""))
    return answer.split(b"\r\n\r\n", 1) if answer else (b"", b"")


def test_what_a_client_sees_of_each_fault(hub: LocalHub, faults: Faults) -> None:
    about = "/api/lemonpress"
    _, whole = raw(hub, "GET", about)
    assert json.loads(whole)
    length = f"content-length: {len(whole)}".encode()
    for kept in (0, 5):
        faults.rule = once("GET", about, Fault(cut=kept))
        head, body = raw(hub, "GET", about)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert length in head.split(b"\r\n")
        assert body == whole[:kept]
    faults.rule = once("GET", about, Fault(status=429, retry_after=3))
    head, body = raw(hub, "GET", about)
    assert head.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: 3" in head.split(b"\r\n")
    assert body == b""
    faults.rule = once("GET", about, Fault(delay=0.2))
    started = time.monotonic()
    assert raw(hub, "GET", about)[1] == whole
    assert time.monotonic() - started >= 0.2
    for number, (fault, begins) in enumerate(
        [
            (Fault(hang_up=True), b""),
            (Fault(hang_up=True, done=True), b""),
            (Fault(status=507), b"HTTP/1.1 507 "),
            (Fault(status=504, done=True), b"HTTP/1.1 504 "),
        ]
    ):
        faults.rule = once("POST", "/repos/create", fault)
        head, body = raw(hub, "POST", "/api/repos/create", f'{{"name": "seen-{number}"}}')
        assert (head[: len(begins)], bool(head), body) == (begins, bool(begins), b"")
        head, _ = raw(hub, "GET", f"/api/models/lemonpress/seen-{number}")
        assert head.startswith(b"HTTP/1.1 200 " if fault.done else b"HTTP/1.1 404 ")


@pytest.mark.parametrize("name", FAULTS)
def test_one_failure_of_any_call_is_outlived(
    corpus: Callable[[], Corpus], faults: Faults, recorded: list[list[tuple[str, str]]], pauses: list[float], name: str
) -> None:
    for number in range(max(map(len, recorded))):
        tried = corpus()
        for request, calls in zip((tried.first, tried.second), recorded, strict=True):
            faults.calls.clear()
            pauses.clear()
            answer = spoiled(request, faults, nth(number, FAULTS[name]))
            assert answer.commit, (calls[number], answer)
            reached = [method for method, _ in faults.calls[: number + 1]]
            assert reached == [method for method, _ in calls[: number + 1]]
            # The client shows what the Hub says of a card, but not how long it wants to be left alone.
            if number < len(calls) and calls[number][1] != "/api/validate-yaml":
                assert max(pauses) >= (FAULTS[name].retry_after or 0)
        tried.check(tried.first, tried.second)
        tried.check_history(tried.first, tried.second)


def test_a_head_that_the_hub_says_has_moved_is_read_again(corpus: Callable[[], Corpus], faults: Faults) -> None:
    tried = corpus()
    for request in (tried.first, tried.second):
        assert spoiled(request, faults, once("POST", "/commit/", Fault(status=412))).commit
    tried.check(tried.first, tried.second)
    tried.check_history(tried.first, tried.second)


@pytest.mark.parametrize("name", ["busy", "closed", "lost"])
def test_a_call_that_never_works_leaves_the_old_release_or_a_whole_new_one(
    corpus: Callable[[], Corpus], faults: Faults, recorded: list[list[tuple[str, str]]], name: str
) -> None:
    for number, call in enumerate(recorded[1]):
        tried = corpus()
        published(tried.first)
        before = tried.tags()
        if refused(spoiled(tried.second, faults, from_nth(number, FAULTS[name]))):
            tried.check(tried.first, maybe=tried.second)
        else:
            # What is done and never answered is found in place.
            assert call[0] != "GET"
            tried.check(tried.first, tried.second)
        assert tried.tags().items() >= before.items()
        assert published(tried.second).commit
        tried.check(tried.first, tried.second)
        tried.check_history(tried.first, tried.second)


def test_a_full_disk_is_refused_until_there_is_room(
    corpus: Callable[[], Corpus], faults: Faults, recorded: list[list[tuple[str, str]]]
) -> None:
    for number in writes(recorded[0]):
        tried = corpus()
        assert refused(spoiled(tried.first, faults, from_nth(number, Fault(status=507))))
        assert tried.tags() == {}
        assert published(tried.first).commit
        tried.check(tried.first)
        tried.check_history(tried.first)


def test_a_call_that_is_done_after_the_client_gave_up_does_no_harm(
    corpus: Callable[[], Corpus], faults: Faults, recorded: list[list[tuple[str, str]]]
) -> None:
    def hurry(request: httpx.Request) -> None:
        request.extensions["timeout"] = httpx.Timeout(0.5).as_dict()

    set_client_factory(lambda: httpx.Client(event_hooks={"request": [hurry]}, follow_redirects=True))
    try:
        for number in range(len(recorded[1])):
            tried = corpus()
            publish(tried.first)
            done = threading.Event()
            faults.calls.clear()
            faults.rule = nth(number, Fault(delay=1.0, held=done.set))
            assert publish(tried.second).commit
            assert len(faults.calls) > len(recorded[1])
            assert done.wait(30)
            tried.check(tried.first, tried.second)
            tried.check_history(tried.first, tried.second)
    finally:
        set_client_factory(default_client_factory)


def test_a_publishing_process_waits_for_no_answer_for_ever(
    corpus: Callable[[], Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = httpx.HTTPTransport.handle_request
    waits: list[float | None] = []

    def note(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        waits.append(request.extensions["timeout"]["read"])
        return handle(transport, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", note)
    assert published(corpus().first).commit
    assert waits
    assert None not in waits


def killed(request: Request, faults: Faults, number: int, done: bool) -> None:
    """Kill a publishing process at one of its calls, before or after the Hub does it."""
    reached, gone, seen = threading.Event(), threading.Event(), count()

    def hold() -> None:
        reached.set()
        gone.wait(60)

    def rule(method: str, path: str) -> Fault | None:
        if next(seen) != number:
            return None
        if done:
            return Fault(held=hold)
        hold()
        return Fault(hang_up=True)

    faults.calls.clear()
    faults.rule = rule
    child = subprocess.Popen(
        [sys.executable, "-m", "lemonpress.hub.publish"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "HF_ENDPOINT": request.endpoint, "HF_HUB_DISABLE_XET": "1"},
    )
    try:
        assert child.stdin is not None
        child.stdin.write(json.dumps(asdict(request)).encode())
        child.stdin.close()
        assert reached.wait(60), (number, child.poll())
        child.kill()
        assert child.wait() == -signal.SIGKILL
    finally:
        child.kill()
        child.wait()
        gone.set()
        faults.rule = None


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_process_killed_at_any_write_leaves_the_old_release_or_a_whole_new_one(
    corpus: Callable[[], Corpus], faults: Faults, recorded: list[list[tuple[str, str]]], done: bool
) -> None:
    for number in writes(recorded[1]):
        tried = corpus()
        published(tried.first)
        before = tried.tags()
        killed(tried.second, faults, number, done)
        assert len(faults.calls) == number + 1
        assert faults.calls[-1][0] == recorded[1][number][0]
        tried.check(tried.first, maybe=tried.second)
        assert tried.tags().items() >= before.items()
        assert published(tried.second).commit
        tried.check(tried.first, tried.second)
        tried.check_history(tried.first, tried.second)
