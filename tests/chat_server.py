"""A server of the OpenAI protocol on this machine, which answers, and fails, as a test says."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lemonpress.asking.chat import Chat


@dataclass(frozen=True)
class Sent:
    """What is sent back.

    Attributes:
        texts: Of the choices, whatever number was wanted.
        status: Of HTTP.
        body: Sent as it is, in place of choices.
        kind: Of the body.
        headers: Besides.
        finish: Why the choices ended; None leaves the last piece of a stream without.
        usage: Whether tokens are counted.
        share: Of the body that is sent before the server hangs up.
        pause: Seconds before anything is sent.
    """

    texts: tuple[str, ...] = ()
    status: int = 200
    body: str | None = None
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    finish: str | None = "stop"
    usage: bool = True
    share: float = 1.0
    pause: float = 0.0


Answer = Callable[[int, dict[str, Any]], tuple[int, str] | Sent]


class Server(ThreadingHTTPServer):
    """Answers completions with what `answer` says of the n-th request, and names `models`."""

    request_queue_size = 64
    answer: Answer
    asked: list[dict[str, Any]]
    models: list[str] | None
    counting: threading.Lock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def chat(self, **settings: Any) -> Chat:
        return Chat(self.url, "judge-32b", **{"first_pause": 0.01, **settings})


class Handler(BaseHTTPRequestHandler):
    """Answers chats, completions and the list of models."""

    server: Server

    def do_GET(self) -> None:
        names = self.server.models
        if names is None or self.path != "/v1/models":
            self.send(Sent(status=404, body='{"detail": "Not Found"}'))
        else:
            self.send(Sent(body=json.dumps({"object": "list", "data": [{"id": name} for name in names]})))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.counting:
            self.server.asked.append({"path": self.path, "key": self.headers["Authorization"], **body})
            count = len(self.server.asked)
        answer = self.server.answer(count, body)
        if not isinstance(answer, Sent):
            status, text = answer
            answer = Sent((text,)) if status == 200 else Sent(status=status, body=json.dumps({"error": text}))
        time.sleep(answer.pause)
        if answer.body is None:
            kind = "text/event-stream" if body.get("stream") else "application/json"
            content = _stream(answer, body) if body.get("stream") else json.dumps(whole(answer, body))
            answer = Sent(**{**vars(answer), "body": content, "kind": kind})
        self.send(answer)

    def send(self, sent: Sent) -> None:
        """Send it, and what comes before a body."""
        data = (sent.body or "").encode()
        if not sent.share:
            return
        self.send_response(sent.status)
        self.send_header("Content-Type", sent.kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in sent.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: round(sent.share * len(data))])

    def log_message(self, format: str, *args: Any) -> None:
        pass


def whole(sent: Sent, body: dict[str, Any]) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    choices = [
        {
            "index": index,
            "finish_reason": sent.finish,
            **({"text": text} if "prompt" in body else {"message": {"role": "assistant", "content": text}}),
        }
        for index, text in enumerate(sent.texts)
    ]
    usage = {"usage": _usage(sent, body)} if sent.usage else {}
    return {"id": "1", "created": 0, "model": body["model"], "object": "x", "choices": choices, **usage}


def _stream(sent: Sent, body: dict[str, Any]) -> str:
    """Two letters a piece, the choices by turns."""
    frame = {"id": "1", "created": 0, "model": body["model"], "object": "x"}
    pieces = []
    for start in range(0, max(map(len, sent.texts), default=0), 2):
        for index, text in enumerate(sent.texts):
            piece = text[start : start + 2]
            content = {"text": piece} if "prompt" in body else {"delta": {"content": piece}}
            pieces.append({**frame, "choices": [{"index": index, "finish_reason": None, **content}]})
    if sent.finish is not None:
        for index in range(len(sent.texts)):
            pieces.append({**frame, "choices": [{"index": index, "finish_reason": sent.finish, "delta": {}}]})
    if sent.usage and body.get("stream_options", {}).get("include_usage"):
        pieces.append({**frame, "choices": [], "usage": _usage(sent, body)})
    return "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + "data: [DONE]\n\n"


def _usage(sent: Sent, body: dict[str, Any]) -> dict[str, int]:
    """A token a word."""
    asked = body.get("prompt") or " ".join(turn["content"] for turn in body["messages"])
    written = sum(len(text.split()) for text in sent.texts)
    return {
        "prompt_tokens": len(asked.split()),
        "completion_tokens": written,
        "total_tokens": len(asked.split()) + written,
    }


@contextmanager
def serving(answer: Answer, port: int = 0) -> Iterator[Server]:
    """A server that runs until the block ends."""
    with Server(("127.0.0.1", port), Handler) as server:
        server.asked = []
        server.answer = answer
        server.models = None
        server.counting = threading.Lock()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()
