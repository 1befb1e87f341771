"""A proxy before a Hub that spoils chosen requests."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

# pass: forward. 429, 503: answer so. cut: close without forwarding. lose: forward, then close without an answer.
Fault = Literal["pass", "429", "503", "cut", "lose"]


@dataclass
class Proxy:
    """A running proxy; `rule` decides on each request from its method and path."""

    endpoint: str
    rule: Callable[[str, str], Fault]


@contextmanager
def proxied(endpoint: str) -> Iterator[Proxy]:
    """Serve a proxy before the Hub at this endpoint; it forwards everything until its rule is replaced."""
    address = endpoint.removeprefix("http://")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.rule(self.command, self.path)
            if fault in ("429", "503"):
                self.send_response(int(fault))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if fault != "cut":
                upstream = http.client.HTTPConnection(address, timeout=30)
                upstream.request(self.command, self.path, body or None, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
                upstream.close()
            if fault in ("cut", "lose"):
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_HEAD = forward  # noqa: N815 - the names that the base class calls

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}", lambda method, path: "pass")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


def once(method: str, part: str, fault: Fault) -> Callable[[str, str], Fault]:
    """A rule that spoils the first request of a method whose path has a part, and no other."""
    spoiled: list[str] = []

    def rule(asked: str, path: str) -> Fault:
        if asked == method and part in path and not spoiled:
            spoiled.append(path)
            return fault
        return "pass"

    return rule
