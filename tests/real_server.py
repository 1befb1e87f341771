"""A real server of the OpenAI protocol, `transformers serve` on this machine, and a faulty proxy in front of it."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

_START = 200.0  # seconds that a slow machine may take to load the model
_PATIENCE = 120.0  # seconds without a byte of the real server
_JSON = "application/json"
_ANSWERED = re.compile(r'"POST /v1/\S+ HTTP/1\.1" 200')

Fault = Literal["busy", "limited", "failing", "garbage", "cut", "half"]
"""busy: 429 with Retry-After; limited: 429 without; failing: 500; garbage: 200 and no JSON. Two that the real server
answers first: cut, the connection breaks after half of the bytes; half, the body ends in good order after half of the
text or of the events."""


def sampling_copy(folder: Path, target: Path) -> Path:
    """A model whose generation_config.json says do_sample: `transformers serve` samples with no other.

    Args:
        folder: The model; its files are linked to, but for that one.
        target: Folder to make.
    """
    target.mkdir()
    for file in folder.iterdir():
        if file.name == "generation_config.json":
            settings = json.loads(file.read_text(encoding="utf-8"))
            (target / file.name).write_text(json.dumps({**settings, "do_sample": True}), encoding="utf-8")
        else:
            (target / file.name).symlink_to(file.resolve())
    return target


class RealServer:
    """`transformers serve` with one model, in a process of its own, which may be killed and started anew.

    Args:
        folder: The model; the name of this folder is the model's name to the server.
        scratch: Folder for logs, and for an empty cache of the Hub.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.model = folder.name
        self._folder, self._scratch = folder, scratch
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start it, on the same port each time, and wait until it answers."""
        self._starts += 1
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--device", "cpu"]
        settings = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(self._scratch / "hub")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "transformers.cli.transformers", "serve", self.model, *options],
                cwd=self._folder.parent,
                env={**os.environ, **settings},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        began = time.monotonic()
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > began + _START:
                self.kill()
                raise RuntimeError(f"transformers serve did not start: {self._said()[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a crash would: whatever it was answering is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def answered(self) -> int:
        """Requests that it has answered, or begun to answer in a stream, since it was last started."""
        return len(_ANSWERED.findall(self._said()))

    @property
    def _log(self) -> Path:
        return self._scratch / f"server-{self._starts}.log"

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@dataclass
class Passed:
    """A request that came to the proxy.

    Attributes:
        body: What it asks.
        fault: What is done to its answer.
        whole: Whether the real server's answer was passed on to its end.
        tokens: Read and written, as that answer counts them.
    """

    body: dict[str, Any]
    fault: Fault | None
    whole: bool = False
    tokens: tuple[int, int] = (0, 0)

    @property
    def question(self) -> str:
        """What the user says."""
        return str(self.body["messages"][-1]["content"])


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a server and its answers back; the next requests meet `faults`, in order.

    Questions for a single token, by which a model's name is checked, are passed on and not counted.
    """

    request_queue_size = 64
    daemon_threads = True
    upstream: int
    faults: deque[Fault | None]
    passed: list[Passed]
    counting: threading.Lock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def whole(self) -> list[Passed]:
        """The requests whose answers were passed on to their ends."""
        return [one for one in self.passed if one.whole]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (OSError, HTTPException):  # one side hung up; so does the other
            self.close_connection = True

    def do_GET(self) -> None:
        self._pass_on(None, b"")

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(data)
        if body["max_tokens"] == 1:
            self._pass_on(None, data)
            return
        with self.server.counting:
            faults = self.server.faults
            passed = Passed(body, faults.popleft() if faults else None)
            self.server.passed.append(passed)
        if passed.fault in (None, "cut", "half"):
            self._pass_on(passed, data)
        else:
            self._refuse(passed)

    def _refuse(self, passed: Passed) -> None:
        if passed.fault == "failing":
            self._send(500, "text/plain", b"Internal Server Error")
        elif passed.fault == "garbage" and passed.body.get("stream"):
            self._send(200, "text/event-stream", b'data: {"choices": [\n\n')
        elif passed.fault == "garbage":
            self._send(200, _JSON, b'{"choices": [')
        else:
            after = {"Retry-After": "1"} if passed.fault == "busy" else {}
            self._send(429, _JSON, b'{"error": "too many requests"}', after)

    def _pass_on(self, passed: Passed | None, data: bytes) -> None:
        fault = passed.fault if passed else None
        with closing(HTTPConnection("127.0.0.1", self.server.upstream, timeout=_PATIENCE)) as connection:
            connection.request(self.command, self.path, data, {"Content-Type": _JSON})
            answer = connection.getresponse()
            kind = answer.headers["Content-Type"]
            stream = "event-stream" in kind
            if stream and fault is None:
                body = self._live(answer, kind)
            else:
                body = answer.read()
                sent = _half(body, stream) if fault == "half" else body
                self._send(answer.status, kind, sent, share=0.5 if fault == "cut" else 1.0)
        if passed is not None and fault is None and answer.status == 200:
            passed.tokens = _tokens(body, stream)
            passed.whole = True

    def _live(self, answer: HTTPResponse, kind: str) -> bytes:
        """Pass on the pieces of a stream as they come."""
        self.send_response(answer.status)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        pieces = []
        while piece := answer.read1(1 << 16):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            pieces.append(piece)
        self.wfile.write(b"0\r\n\r\n")
        return b"".join(pieces)

    def _send(
        self, status: int, kind: str, data: bytes, headers: dict[str, str] | None = None, share: float = 1.0
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: round(share * len(data))])
        self.close_connection = share < 1

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _half(body: bytes, stream: bool) -> bytes:
    if not stream:
        return body[: len(body) // 2]
    events = body.split(b"\n\n")
    return b"\n\n".join([*events[: len(events) // 2], b""])


def _tokens(body: bytes, stream: bool) -> tuple[int, int]:
    texts = re.findall(rb"^data: (\{.*\})$", body, re.MULTILINE) if stream else [body]
    usage = json.loads(texts[-1])["usage"]
    return usage["prompt_tokens"], usage["completion_tokens"]


@contextmanager
def proxy(server: RealServer, faults: Sequence[Fault | None] = ()) -> Iterator[Proxy]:
    """A proxy in front of a server, until the block ends."""
    with Proxy(("127.0.0.1", 0), _Handler) as made:
        made.upstream, made.faults, made.passed, made.counting = server.port, deque(faults), [], threading.Lock()
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        yield made
        made.shutdown()
