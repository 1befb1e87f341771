"""Failures of a local Hub on purpose, for tests: chosen requests are refused, held up, cut short or never answered."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "transport"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request. The Hub reads the request whole before it goes wrong.

    Attributes:
        delay: Seconds before anything else; the call is then done even if the client has gone.
        status: Answer with this HTTP status and no body instead of doing the call.
        retry_after: Seconds in the ``Retry-After`` header of that answer.
        hang_up: Close the connection without an answer instead of doing the call.
        done: Do the call all the same before ``status`` or ``hang_up``; only its own answer is lost.
        cut: Do the call and close the connection after so many bytes of its answer's body; 0: after the headers.
        held: Called in a worker thread when the call is done and before the client hears of it; it may block.
    """

    delay: float = 0.0
    status: int | None = None
    retry_after: int | None = None
    hang_up: bool = False
    done: bool = False
    cut: int | None = None
    held: Callable[[], object] | None = None


# By method and path; the path is undecoded and has no query.
Rule = Callable[[str, str], Fault | None]


class Faults:
    """Remembers the requests of a Hub and decides what goes wrong with each.

    Attributes:
        calls: Method and path of every request, in the order of arrival.
        rule: Asked about every request in a worker thread, so it may block or call the Hub; None: nothing goes wrong.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.rule: Rule | None = None

    def over(self, app: ASGIApp) -> ASGIApp:
        """The application with these faults before it; it needs `OpenTransport` to be served."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            call = (scope["method"], scope["raw_path"].decode("ascii"))
            self.calls.append(call)
            fault = await run_in_threadpool(self.rule, *call) if self.rule is not None else None
            if fault is None:
                await app(scope, receive, send)
            else:
                await _spoil(fault, app, scope, receive, send)

        return faulty


class OpenTransport(H11Protocol):
    """HTTP as uvicorn speaks it, with the transport of the connection in the state of each request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio with the new connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


def once(method: str, part: str, fault: Fault) -> Rule:
    """A rule that spoils the first request of a method whose path has a part, and no other."""
    seen = count()
    return lambda asked, path: fault if asked == method and part in path and next(seen) == 0 else None


def nth(number: int, fault: Fault) -> Rule:
    """A rule that spoils one request: the one that comes after so many others."""
    seen = count()
    return lambda method, path: fault if next(seen) == number else None


def from_nth(number: int, fault: Fault) -> Rule:
    """A rule that spoils one request, the one that comes after so many others, and each repetition of it."""
    seen = count()
    spoiled: list[tuple[str, str]] = []

    def rule(method: str, path: str) -> Fault | None:
        if next(seen) == number:
            spoiled.append((method, path))
        return fault if (method, path) in spoiled else None

    return rule


async def _spoil(fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    transport: asyncio.Transport = scope["state"][_TRANSPORT]
    replay = await _read(receive)
    await asyncio.sleep(fault.delay)
    if fault.hang_up or fault.status is not None:
        if fault.done:
            await app(scope, replay, _nowhere)
            await _hold(fault)
        if fault.status is not None:
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            await Response(status_code=fault.status, headers=headers)(scope, replay, send)
        else:
            await _close(transport, receive)
        return
    left = fault.cut

    async def pass_on(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            await _hold(fault)
        if left is None or message["type"] != "http.response.body":
            await send(message)
            return
        if transport.is_closing():
            return
        kept = message.get("body", b"")[:left]
        left -= len(kept)
        await send({"type": "http.response.body", "body": kept, "more_body": True})
        if left == 0 or not message.get("more_body", False):
            await _close(transport, receive)

    await app(scope, replay, pass_on)


async def _read(receive: Receive) -> Receive:
    """Read a request to its end; what is returned reads it again."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    waiting = iter(messages)

    async def replay() -> Message:
        return next(waiting, None) or await receive()

    return replay


async def _hold(fault: Fault) -> None:
    if fault.held is not None:
        await run_in_threadpool(fault.held)


async def _close(transport: asyncio.Transport, receive: Receive) -> None:
    transport.close()
    # uvicorn answers 500 for an application that returns without an answer before the connection is seen to be gone.
    while (await receive())["type"] != "http.disconnect":
        pass


async def _nowhere(message: Message) -> None:
    """Send nothing."""
