"""A server of the OpenAI protocol with a batch API, which counts what was paid, and fails as a test says."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from chat_server import Answer, Handler, Sent, Server, whole

Relay = Callable[[str, Sent], Sent]


class BatchServer(Server):
    """Lines of batches are answered as single requests are, the moment the batch is created.

    Attributes:
        lasts: Seconds until a batch shows that it has ended.
        fates: Status at its end, of the next batches by turns; those that expire or are cancelled answer every other
            line.
        words: What is said of a batch that failed.
        keeps_metadata: Whether batches are described with their metadata.
        relay: Told of each call of the batch API, such as ``POST /v1/files``, after it had its effect;
            says what is sent.
        files: By id.
        batches: By id, oldest first.
        lines: Of the questions of each batch.
        paid: How often each question was answered by a batch.
        calls: Of the batch API, in order.
    """

    lasts: float
    fates: list[str]
    words: str
    keeps_metadata: bool
    relay: Relay
    files: dict[str, bytes]
    batches: dict[str, dict[str, Any]]
    lines: list[list[dict[str, Any]]]
    paid: Counter[str]
    calls: list[str]

    def keep(self, content: bytes) -> str:
        """Keep a file; returns its id."""
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return name

    def created(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Create a batch, and answer it at once."""
        lines = [json.loads(line) for line in self.files[wanted["input_file_id"]].splitlines()]
        self.lines.append(lines)
        fate = self.fates.pop(0) if self.fates else "completed"
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for number, line in enumerate(lines):
            assert line["url"] == wanted["endpoint"]
            if fate == "failed" or (fate != "completed" and number % 2):
                bad.append({"custom_id": line["custom_id"], "error": {"code": fate, "message": f"It {fate}."}})
                continue
            status, body = self._answered(line["body"])
            row = {"custom_id": line["custom_id"], "response": {"status_code": status, "body": body}, "error": None}
            (good if status == 200 else bad).append(row)
            self.paid[line["custom_id"]] += status == 200
        files = {}
        if fate != "failed":
            # A company's order is its own, and so are its line breaks.
            rows = {"output_file_id": good[::-1], "error_file_id": bad}
            text = {
                name: "\n".join(json.dumps(row, ensure_ascii=False) for row in part) for name, part in rows.items()
            }
            files = {name: self.keep(part.encode()) for name, part in text.items() if part}
        batch = {
            **wanted,
            "id": f"batch-{len(self.batches)}",
            "object": "batch",
            "created_at": int(time.time()),
            "until": time.monotonic() + self.lasts,
            "end": {"status": fate, **files},
            "request_counts": {"total": len(lines), "completed": len(good), "failed": len(bad)},
        }
        if fate == "failed":
            batch["end"]["errors"] = {"object": "list", "data": [{"code": "x", "message": self.words, "line": 1}]}
        self.batches[batch["id"]] = batch
        return self.described(batch)

    def described(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch as it is shown now."""
        shown = {name: value for name, value in batch.items() if name not in ("until", "end")}
        if not self.keeps_metadata:
            shown["metadata"] = None
        return {**shown, **(batch["end"] if time.monotonic() >= batch["until"] else {"status": "in_progress"})}

    def _answered(self, body: dict[str, Any]) -> tuple[int, Any]:
        answer = self.answer(len(self.asked) + sum(map(len, self.lines)), body)
        if not isinstance(answer, Sent):
            status, text = answer
            answer = Sent((text,)) if status == 200 else Sent(status=status, body=json.dumps({"error": text}))
        return answer.status, whole(answer, body) if answer.body is None else json.loads(answer.body)


class _Handler(Handler):
    server: BatchServer

    @override
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        part = url.path.split("/")
        if part[2] not in ("batches", "files"):
            super().do_GET()
            return
        with self.server.counting:
            if url.path == "/v1/batches":
                sent = _json(self._listed({name: value[0] for name, value in parse_qs(url.query).items()}))
            elif part[2] == "batches" and part[3] in self.server.batches:
                sent = _json(self.server.described(self.server.batches[part[3]]))
            elif part[2] == "files" and part[3] in self.server.files:
                sent = Sent(body=self.server.files[part[3]].decode(), kind="application/octet-stream")
            else:
                sent = Sent(status=404, body='{"error": {"message": "No such thing"}}')
        self._relayed("GET /v1/batches/{id}" if len(part) == 4 else f"GET {url.path}", sent)

    @override
    def do_POST(self) -> None:
        if self.path not in ("/v1/batches", "/v1/files"):
            super().do_POST()
            return
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.counting:
            if self.path == "/v1/files":
                sent = _json({"id": self.server.keep(_uploaded(data)), "object": "file", "purpose": "batch"})
            else:
                sent = _json(self.server.created(json.loads(data)))
        self._relayed(f"POST {self.path}", sent)

    def _listed(self, query: dict[str, str]) -> dict[str, Any]:
        newest = list(self.server.batches.values())[::-1]
        after = [batch["id"] for batch in newest].index(query["after"]) + 1 if "after" in query else 0
        page = newest[after : after + int(query["limit"])]
        rest = len(newest) > after + len(page)
        return {"object": "list", "data": [self.server.described(batch) for batch in page], "has_more": rest}

    def _relayed(self, call: str, sent: Sent) -> None:
        call = "GET /v1/files/{id}/content" if call.endswith("/content") else call
        self.server.calls.append(call)
        self.send(self.server.relay(call, sent))


def _json(value: dict[str, Any]) -> Sent:
    return Sent(body=json.dumps(value))


def _uploaded(form: bytes) -> bytes:
    """The file of a form."""
    boundary = form.partition(b"\r\n")[0]
    (part,) = [part for part in form.split(boundary) if b'name="file"' in part]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


@contextmanager
def serving_batches(answer: Answer) -> Iterator[BatchServer]:
    """A server that runs until the block ends."""
    with BatchServer(("127.0.0.1", 0), _Handler) as server:
        server.answer, server.models, server.asked, server.counting = answer, None, [], threading.Lock()
        server.lasts, server.fates, server.words, server.keeps_metadata = 0.0, [], "", True
        server.relay = lambda call, sent: sent
        server.files, server.batches, server.lines, server.paid, server.calls = {}, {}, [], Counter(), []
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()
