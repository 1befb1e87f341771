"""Byte ranges of a download (RFC 9110, section 14)."""

import re
from collections.abc import Iterator
from pathlib import Path

from lemonpress.hub.local.errors import HubError

_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")
_CHUNK = 1 << 20


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and end (exclusive) that a ``Range`` header asks for.

    Args:
        header: value of the header; None, several ranges and other units mean the whole file.
        size: size of the file in bytes.

    Raises:
        HubError: 416 if the range starts behind the end.
    """
    match = _RANGE.match(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    else:
        start, end = max(size - int(last), 0), size
    if start >= end:
        raise HubError(
            416, f"Range {header!r} is outside the file's {size} bytes", headers={"Content-Range": f"bytes */{size}"}
        )
    return start, end


def read_range(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The bytes of a file from ``start`` to ``end`` (exclusive), a mebibyte at a time."""
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
