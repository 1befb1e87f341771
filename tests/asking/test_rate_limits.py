"""When a server may be asked again, in the forms in which servers say it."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from lemonpress.asking.rate_limits import spent_pause, told_pause


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("1s", 1), ("6m0s", 360), ("120ms", 0.12), ("1h2m3.5s", 3723.5), ("2m59.56s", 179.56), ("7", 7), ("0.5", 0.5)],
)
def test_durations(reset: str, seconds: float) -> None:
    assert spent_pause({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": reset}) == pytest.approx(
        seconds
    )


def test_dates() -> None:
    at = datetime.now(UTC) + timedelta(seconds=100)
    for reset in (f"{at.timestamp():.0f}", f"{at.timestamp() * 1000:.0f}", at.isoformat()):
        assert spent_pause({"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}) == pytest.approx(100, abs=2)
    assert told_pause({"retry-after": format_datetime(at, usegmt=True)}) == pytest.approx(100, abs=2)
    assert told_pause({"retry-after": format_datetime(datetime.fromtimestamp(time.time() - 9, UTC))}) == 0


def test_only_what_is_spent_is_waited_for_and_the_longest_of_it() -> None:
    headers = {
        "X-RateLimit-Remaining-Requests": "0",
        "x-ratelimit-reset-requests": "2s",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "3s",
        "x-ratelimit-remaining-images": "5",
        "x-ratelimit-reset-images": "60s",
    }
    assert spent_pause(headers) == 3
    assert told_pause({**headers, "retry-after": "1"}) == 1
    assert told_pause({**headers, "retry-after": "1", "retry-after-ms": "1500"}) == 1.5


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": "soon"},
        {"x-ratelimit-remaining": "0"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "later"},
        {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "9"},
    ],
)
def test_what_says_nothing_is_none(headers: dict[str, str]) -> None:
    assert told_pause(headers) is None
