"""The calls of a server's batch API, each made again where it may pass, and the reading of results."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from lemonpress.asking import errors
from lemonpress.asking.chat import Chat, filtered
from lemonpress.asking.protocol import Answer, read_body
from lemonpress.asking.questions import Question
from lemonpress.errors import UserError

_NAME = "lemonpress"  # of our entry in the metadata of a batch
_RECENT = 1000  # batches among which one is looked for
_PAGE = 100
_NO_API = (404, 405, 501)
_T = TypeVar("_T")


class GoneError(Exception):
    """The server does not know what it was asked for."""


class BatchApi:
    """The batches of a server, as ``openai.types.Batch`` describes them.

    Every method raises `UserError` where the server has no batch API, cannot be reached, refuses or fails every time.

    Args:
        chat: The server, and the patience with it.
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def check(self) -> None:
        """See that there is one."""
        self._call(lambda client: self._page(client, 1))

    def find(self, name: str, file: str | None = None) -> Any:
        """The newest of the recent batches that has our name, or a file where the server keeps no metadata; or None.

        One that was refused counts as none.
        """
        return self._call(lambda client: self._found(client, name, file))

    def lists(self, identities: Collection[str]) -> bool:
        """Whether any of some batches is among the recent ones, by the server's names of them."""
        return self._call(lambda client: any(batch.id in identities for batch in self._recent(client)))

    def retrieve(self, identity: str, absent: type[Exception]) -> Any:
        """A batch.

        Args:
            identity: The server's name of it.
            absent: Raised where there is none; after some more tries if it is a `ValueError`.
        """

        def retrieve(client: Any) -> Any:
            batch = client.batches.retrieve(identity)
            if not isinstance(getattr(batch, "status", None), str):
                raise ValueError("an answer that describes no batch")
            return batch

        return self._call(retrieve, absent)

    def send(self, name: str, data: bytes) -> str:
        """Send a file of questions; returns the server's name of it."""
        file = (f"{_NAME}-{name[:16]}.jsonl", data)
        made = self._call(lambda client: self._named(client.files.create(file=file, purpose="batch")))
        return str(made.id)

    def create(self, name: str, file: str, endpoint: str) -> Any:
        """Create a batch of a file, unless there is one of this name.

        It is looked for before each try: the answer to one that succeeded may have been cut off.
        """

        def create(client: Any) -> Any:
            return self._found(client, name, file) or self._named(
                client.batches.create(
                    input_file_id=file, endpoint=endpoint, completion_window="24h", metadata={_NAME: name}
                )
            )

        return self._call(create)

    def results(self, file: str, take: Callable[[Iterator[bytes]], None]) -> None:
        """Download a file of results.

        Args:
            file: The server's name of it.
            take: Gets its lines; called again with all of them where they were cut off.

        Raises:
            GoneError: There is none.
        """

        def download(client: Any) -> None:
            with client.files.with_streaming_response.content(file) as content:
                take(_lines(content.iter_bytes()))

        self._call(download, GoneError)

    def _call(self, do: Callable[[Any], _T], absent: type[Exception] | None = None) -> _T:
        def guarded(client: Any) -> _T:
            try:
                return do(client)
            except Exception as error:
                if errors.status_of(error) not in _NO_API:
                    raise
                if absent is None:
                    raise self._no_api() from None
                raise absent(errors.line(error, self._chat.api_key)) from None

        return self._chat.persistently(guarded)

    def _found(self, client: Any, name: str, file: str | None) -> Any:
        for batch in self._recent(client):
            ours = (batch.metadata or {}).get(_NAME) == name or (file is not None and batch.input_file_id == file)
            if ours and batch.status != "failed":
                return batch
        return None

    def _recent(self, client: Any) -> Iterator[Any]:
        """Newest first."""
        after = None
        for _ in range(_RECENT // _PAGE):
            page = self._page(client, _PAGE, after)
            yield from page.data
            if not page.data or not page.has_more:
                break
            after = page.data[-1].id

    def _page(self, client: Any, size: int, after: str | None = None) -> Any:
        raw = client.batches.with_raw_response.list(limit=size, **({} if after is None else {"after": after}))
        page = raw.parse() if "json" in raw.headers.get("content-type", "") else None
        if not isinstance(getattr(page, "data", None), list):
            raise self._no_api()  # a page for people, or another protocol
        return page

    def _named(self, made: Any) -> Any:
        if not isinstance(getattr(made, "id", None), str):
            raise self._no_api()
        return made

    def _no_api(self) -> UserError:
        return UserError(f"teacher.batch: {self._chat.base_url} has no batch API; set batch: false")


class _Response(BaseModel):
    status_code: int = 200
    body: Any = None


class _Line(BaseModel):
    response: _Response | None = None
    error: Any = None


def read_result(row: dict[str, Any], question: Question) -> Answer:
    """What a line of results holds for its question.

    Raises:
        ValueError: No answer, or not a whole one.
        openai.APIStatusError: The server's error.
    """
    import httpx2
    import openai

    line = _Line.model_validate(row)
    response = line.response
    if response is not None and response.status_code != 200:
        content = httpx2.Response(
            response.status_code, json=response.body or line.error, request=httpx2.Request("POST", "http://batch")
        )
        error = openai.APIStatusError("a line of a batch", response=content, body=response.body)
        if errors.is_filtered(error):
            return filtered(question.n)
        raise error
    if response is None or line.error:
        said = line.error.get("message") if isinstance(line.error, dict) else line.error
        raise ValueError(str(said or "a line without an answer"))
    return read_body(response.body)


def parse_line(text: bytes) -> tuple[str | None, dict[str, Any]]:
    """The question's key in a line of results, and the line.

    Raises:
        ValueError: It is no JSON: perhaps cut off.
    """
    row = json.loads(text)
    key = row.get("custom_id") if isinstance(row, dict) else None
    return (key, row) if isinstance(key, str) else (None, {})


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """By line feeds alone: texts hold other breaks."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from filter(bytes.strip, whole)
    if rest.strip():
        yield rest
