"""When a server may be asked again: what its headers say, and a door that all who ask it wait at."""

import random
import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SPREAD = 0.1  # share of a wait by which those who waited are spread, so that they do not all ask at once
_LEFT = re.compile(r"(?:x-)?ratelimit-remaining(-[a-z-]+)?")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DATES_FROM = 1e8  # larger numbers are seconds since 1970, and from a thousand times that on milliseconds


class Gate:
    """A door that is shut while a server wants no requests; whoever would ask waits until it opens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opens = 0.0

    def shut(self, seconds: float) -> None:
        """Keep it shut from now on, for at least so long."""
        with self._lock:
            self._opens = max(self._opens, time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds until it opens; 0 or less while it is open."""
        return self._opens - time.monotonic()

    def wait(self, stop: threading.Event) -> None:
        """Return when it is open, or when `stop` is set."""
        waited = 0.0
        while (left := self.left()) > 0 and not stop.is_set():
            waited += left
            stop.wait(left)
        if waited:
            stop.wait(random.uniform(0, _SPREAD * waited))


def told_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds after which a server that refused wants to be asked again; None where it does not say.

    Args:
        headers: Of its answer; names in lower case, or a mapping that does not mind.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    after = headers.get("retry-after")
    if after is None:
        return spent_pause(headers)
    seconds = _number(after)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        date = parsedate_to_datetime(after)
    except ValueError:
        return None
    return max(0.0, date.timestamp() - time.time())


def spent_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds until a server takes requests again whose answer says that none, or no tokens, remain; None otherwise.

    Args:
        headers: Of its answer.
    """
    pauses = []
    for name, value in headers.items():
        found = _LEFT.fullmatch(name.lower())
        if found is None or (_number(value) or 0.0) > 0:
            continue
        reset = headers.get(name.lower().replace("remaining", "reset"))
        pause = None if reset is None else _until(reset)
        if pause is not None:
            pauses.append(pause)
    return max(pauses, default=None)


def _until(reset: str) -> float | None:
    """Seconds until a reset: a duration such as ``6m0.5s``, seconds, seconds or milliseconds of 1970, or a date."""
    reset = reset.strip()
    if _DURATION.fullmatch(reset):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(reset))
    number = _number(reset)
    if number is None:
        try:
            date = datetime.fromisoformat(reset)
        except ValueError:
            return None
        number = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    if number < _DATES_FROM:
        return max(0.0, number)
    return max(0.0, (number / 1000 if number > _DATES_FROM * 1000 else number) - time.time())


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"\s*-?\d+(?:\.\d+)?\s*", text):
        return None
    return float(text)
