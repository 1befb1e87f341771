"""A server of the OpenAI protocol on this machine, which answers as a test says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lemonpress.chat import Chat

Answer = Callable[[int, dict[str, Any]], tuple[int, str]]


class Server(ThreadingHTTPServer):
    """Answers chat completions with what `answer` says of the n-th request."""

    answer: Answer
    asked: list[dict[str, Any]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def chat(self, **settings: Any) -> Chat:
        return Chat(self.url, "judge-32b", first_pause=0.01, **settings)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, "key": self.headers["Authorization"], **body})
        status, text = self.server.answer(len(self.server.asked), body)
        payload: dict[str, Any] = {"error": text}
        if status == 200:
            message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            payload = {"id": "1", "created": 0, "model": body["model"], "choices": [message], "object": "x"}
        data = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """A server that runs until the block ends."""
    with Server(("127.0.0.1", 0), _Handler) as server:
        server.asked = []
        server.answer = answer
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
