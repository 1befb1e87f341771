"""Markdown that shows texts as they are."""

import re
from collections.abc import Sequence

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&$])")


def literal(value: object) -> str:
    """Text as it is, in Markdown and in one table cell: generated sentences may hold markup."""
    return _MARKUP.sub(r"\\\1", " ".join(str(value).split()))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table that also reads well in a terminal: the first column to the left, the others to the right.

    Args:
        rows: Cells as they are to stand there (`literal` where they are anyone's text); the first row is the head.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in rows]
    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return [lines[0], rule, *lines[1:]]
