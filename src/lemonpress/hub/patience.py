"""Calls of a Hub, repeated while they fail for reasons that pass: rate limits, server errors, cut connections."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
_LONGEST_PAUSE = 60.0
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 180.0  # a commit of many files takes a Hub a minute or two
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


def patiently(call: Callable[[], T], also: int | None = None) -> T:
    """Repeat a call that can be repeated while it fails for reasons that pass.

    Six attempts, half a second to eight seconds apart, or as long as the Hub asks for, up to a minute.

    Args:
        call: What to do; it must be harmless to do twice.
        also: A further HTTP status that passes.
    """
    for delay in _DELAYS:
        try:
            return call()
        except Exception as error:
            pause = _pause(error, delay, also)
            if pause is None:
                raise
            print(f"{_reason(error)}; trying again in {pause:g} s", file=sys.stderr)
            time.sleep(pause)
    return call()


def limit_waiting() -> None:
    """Let no call of this process's client wait for ever; a call that does not answer in time fails as if cut."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]
    from huggingface_hub.utils._http import default_client_factory

    limits = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS).as_dict()

    def limit(request: "httpx.Request") -> None:
        # The client asks for no limit at some calls, which would win over a limit of the session.
        request.extensions["timeout"] = limits

    def limited() -> "httpx.Client":
        client = default_client_factory()
        client.event_hooks["request"].append(limit)
        return client

    set_client_factory(limited)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _pause(error: BaseException, delay: float, also: int | None) -> float | None:
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    for cause in causes(error):
        if isinstance(cause, HfHubHTTPError):
            status = cause.response.status_code
            if status not in _TRANSIENT and status != also:
                return None
            asked = cause.response.headers.get("Retry-After", "")
            return min(max(delay, float(asked)), _LONGEST_PAUSE) if asked.isdecimal() else delay
        if isinstance(cause, httpx.NetworkError | httpx.TimeoutException | httpx.RemoteProtocolError):
            return delay
        # The client reads the answer to its check of the card as JSON before it looks at the status.
        if isinstance(cause, json.JSONDecodeError):
            return delay
    return None


def _reason(error: BaseException) -> str:
    from huggingface_hub.errors import HfHubHTTPError

    for cause in causes(error):
        if isinstance(cause, HfHubHTTPError):
            return f"the Hub answered {cause.response.status_code}"
    return f"the Hub could not be reached ({type(error).__name__})"
