"""Whether a token may write, asked before any work; and where tokens must not show."""

import json
import os
import signal
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from lemonpress.errors import UserError
from lemonpress.hub.destination import destination
from lemonpress.hub.local.server import LocalHub

TOKEN = "hf_NobodyShouldEverReadThis"


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that answers every whoami so, and refuses any other call."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/api/whoami-v2" and self.headers["Authorization"] == f"Bearer {TOKEN}"
            self.send_response(status if known else 404)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def organisation(name: str, role: str, **more: Any) -> dict[str, Any]:
    avatar = {"avatarUrl": "https://hub.example/avatar.png", "canPay": False, "isEnterprise": False}
    return {"type": "org", "id": name * 3, "name": name, "fullname": name, "roleInOrg": role, **avatar, **more}


def who(role: str, scoped: object = None, everywhere: object = ()) -> dict[str, Any]:
    """An answer in the public Hub's form: ada, who writes for acme and only reads in museum."""
    token: dict[str, Any] = {"displayName": "press", "role": role, "createdAt": "2026-01-01T00:00:00.000Z"}
    if scoped is not None:
        token["fineGrained"] = {"canReadGatedRepos": False, "global": list(everywhere), "scoped": scoped}  # type: ignore[call-overload]
    return {
        "type": "user",
        "id": "5f0c746619cb630495b814fd",
        "name": "ada",
        "fullname": "Ada",
        "email": "ada@hub.example",
        "emailVerified": True,
        "canPay": False,
        "periodEnd": None,
        "isPro": False,
        "avatarUrl": "/avatars/ada.svg",
        "orgs": [
            organisation("Acme", "write"),
            organisation("museum", "read"),
            organisation("works", "read", resourceGroups=[{"id": "1", "name": "press", "role": "write"}]),
        ],
        "auth": {"type": "access_token", "accessToken": token},
    }


def scope(kind: str, name: str | None, *permissions: str) -> dict[str, Any]:
    entity = {"_id": "6400", "type": kind} | ({} if name is None else {"name": name})
    return {"entity": entity, "permissions": list(permissions)}


READS = scope("user", "ada", "repo.content.read", "discussion.write")
WRITES = scope("user", "ada", "repo.content.read", "repo.write")


def refusal(answer: object, namespace: str | None) -> str | None:
    with answering(200, json.dumps(answer).encode()) as endpoint:
        try:
            found = destination(endpoint, namespace)
        except UserError as error:
            return str(error)
    assert TOKEN not in repr(found)
    assert found.token == TOKEN
    return None


@pytest.mark.parametrize(
    ("answer", "namespace"),
    [
        (who("write"), None),
        (who("write"), "ada"),
        (who("write"), "acme"),
        (who("write"), "works"),
        (who("fineGrained", [READS, WRITES]), "ada"),
        (who("fineGrained", [WRITES]), None),
        (who("fineGrained", [scope("org", "Acme", "repo.write")]), "acme"),
        # An organisation that the token may write to and not list.
        (who("fineGrained", [scope("org", "elsewhere", "repo.write")]), "elsewhere"),
        # The Hub decides whether it is the right repository or group.
        (who("fineGrained", [scope("dataset", "ada/corpus", "repo.write")]), "ada"),
        (who("fineGrained", [scope("resource-group", None, "repo.write")]), "acme"),
        (who("fineGrained", [], ["repo.write"]), "ada"),
        # Shapes that nobody knows.
        (who("fineGrained", {"entity": "ada"}), "ada"),
        ({"name": "ada"}, "acme"),
        ({"type": "app", "name": "press", "auth": {"type": "app_token"}}, "acme"),
        ({"name": "ada", "orgs": [], "auth": {"accessToken": {"role": "chief"}}}, "ada"),
        ([], "acme"),
    ],
)
def test_a_token_that_may_write_passes(answer: object, namespace: str | None) -> None:
    assert refusal(answer, namespace) is None


@pytest.mark.parametrize(
    ("answer", "namespace", "message"),
    [
        (who("read"), None, "may only read; set HF_TOKEN"),
        (who("read"), "ada", "may only read; set HF_TOKEN"),
        (who("write"), "acme-labs", "may not write to 'acme-labs'; use one of: ada, Acme, works"),
        (who("write"), "museum", "ada may only read in museum"),
        (who("fineGrained", [READS]), "ada", "may not write to repositories of ada"),
        (who("fineGrained", [READS]), None, "may not write to any repository"),
        (who("fineGrained", []), "acme", "may not write to repositories of acme"),
        (who("fineGrained", [WRITES]), "acme", "may not write to repositories of acme"),
        (who("fineGrained", [scope("dataset", "ada/corpus", "repo.write")]), "acme", "repositories of acme"),
        (who("fineGrained", [WRITES], ["post.write"]), "elsewhere", "may not write to 'elsewhere'; use one of"),
    ],
)
def test_a_token_that_may_not_is_refused_before_any_work(answer: object, namespace: str | None, message: str) -> None:
    said = refusal(answer, namespace) or ""
    assert message in said
    assert "\n" not in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, b'{"error": "Invalid credentials"}', "answers 401 to the token; set HF_TOKEN"),
        (503, b"", "answers 503 when asked whose the token is"),
        (200, b"<!doctype html>", "answers as no Hub does"),
    ],
)
def test_what_is_no_answer_is_named_in_one_line(status: int, body: bytes, message: str) -> None:
    with answering(status, body) as endpoint, pytest.raises(UserError, match=message) as caught:
        destination(endpoint, "ada")
    assert TOKEN not in str(caught.value)


def test_offline_by_choice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE is set; unset it"):
        destination("https://hub.example", "ada")


def test_the_owner_of_a_local_hub_writes_to_every_namespace(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert destination(hub.endpoint, "anybody").token == hub.token


def test_the_token_may_come_from_the_hubs_own_file(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    with pytest.raises(UserError, match="no token for"):
        destination(hub.endpoint, "press")
    (tmp_path / "token").write_text(f"{hub.token}\n")
    assert destination(hub.endpoint, "press").token == hub.token


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads the argument lists of processes from /proc")
def test_a_started_hub_has_its_token_in_no_argument_or_environment(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("LEMONPRESS_HUB_PORT", str(free.getsockname()[1]))
    to = destination("local", "press")
    with urllib.request.urlopen(f"{to.endpoint}/api/lemonpress") as about:
        process = Path("/proc", str(json.load(about)["pid"]))
    try:
        shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    finally:
        os.kill(int(process.name), signal.SIGTERM)
    assert b"lemonpress.hub.local" in shown
    assert to.token is not None
    assert to.token.encode() not in shown
    assert to.token not in repr(to) + (home / "hub" / "server.log").read_text()
