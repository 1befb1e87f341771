"""Pairs of the product's own pools, judged in both directions: a benchmark of critics, and rows to train on.

How they were judged is written in data/judged/guideline.md and docs/nli.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemonpress.assets import find_file
from lemonpress.errors import UserError
from lemonpress.nli.rows import CLASSES, NliRow
from lemonpress.reading import json_value, text_lines

BENCHMARK = "data/judged/test.jsonl"
TRAINING = "data/judged/train.jsonl"
DOUBTED = "data/judged/doubted.jsonl"


@dataclass(frozen=True)
class JudgedPair:
    """Two sentences of one context and how they relate.

    Attributes:
        context_id: The context that both continue.
        first: A sentence.
        second: Another.
        forward: entailment, neutral or contradiction: from the first to the second.
        backward: The same from the second to the first.
    """

    context_id: str
    first: str
    second: str
    forward: str
    backward: str


def read_judged(file: Path | None = None) -> list[JudgedPair]:
    """Read JSON lines of context_id, first, second, forward and backward; further fields are left alone.

    Args:
        file: The benchmark that ships by default: contexts that no packaged critic was trained on.

    Raises:
        UserError: The file is missing or empty, a line lacks a field, or a label is unknown.
    """
    file = file or find_file(BENCHMARK)
    if not file.is_file():
        raise UserError(f"{file}: no such file; give JSON lines of judged pairs")
    lines = text_lines(file, "judged pairs")
    pairs = [_pair(json_value(line, f"{file}, line {number}"), f"{file}, line {number}") for number, line in lines]
    if not pairs:
        raise UserError(f"{file}: holds no judged pair; give JSON lines of them")
    return pairs


def judged_rows(pairs: Sequence[JudgedPair], source: str = "judged") -> list[NliRow]:
    """Two rows a pair, one for each direction, under the name of their source."""
    return [
        row
        for pair in pairs
        for row in (
            NliRow(pair.first, pair.second, pair.forward, source),
            NliRow(pair.second, pair.first, pair.backward, source),
        )
    ]


_FIELDS = ("context_id", "first", "second", "forward", "backward")


def _pair(data: object, where: str) -> JudgedPair:
    found: dict[str, Any] = data if isinstance(data, dict) else {}
    for name in _FIELDS:
        if not isinstance(found.get(name), str) or not found[name]:
            raise UserError(f"{where}: has no text as {name!r}; a pair needs {', '.join(_FIELDS)}")
    pair = JudgedPair(*(found[name] for name in _FIELDS))
    for label in (pair.forward, pair.backward):
        if label not in CLASSES:
            raise UserError(f"{where}: label '{label}' is unknown; labels are {', '.join(CLASSES)}")
    return pair
