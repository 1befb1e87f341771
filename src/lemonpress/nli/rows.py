"""Rows of natural-language inference, and files of them."""

import gzip
import json
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError

ENTAILMENT, NEUTRAL, CONTRADICTION, NOT_ENTAILMENT = "entailment", "neutral", "contradiction", "not_entailment"
LABELS = (ENTAILMENT, NEUTRAL, CONTRADICTION, NOT_ENTAILMENT)
"""A model has the first three, in this order; the last stands for neutral or contradiction, whichever it is."""
CLASSES = LABELS[:3]
_COLUMNS = ("premise", "hypothesis", "label", "source")


@dataclass(frozen=True)
class NliRow:
    """One judged pair.

    Attributes:
        premise: What is taken as true.
        hypothesis: What may follow from it.
        label: One of `LABELS`.
        source: Dataset or rule that the row comes from.
    """

    premise: str
    hypothesis: str
    label: str
    source: str


def read_rows(file: Path, exclude: Collection[str] = ()) -> list[NliRow]:
    """Read JSON lines with premise, hypothesis, label and source.

    Args:
        file: ``.jsonl`` or ``.jsonl.gz``.
        exclude: Sources to leave out.

    Raises:
        UserError: The file is missing or unreadable, a line is not JSON, a column is missing or no text, a label is
            unknown, or nothing remains.
    """
    rows = []
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        row = _row(line, f"{file}, line {number}")
        if row.source not in exclude:
            rows.append(row)
    if not rows:
        raise UserError(f"{file}: has no rows to train on; check the file and exclude_sources")
    return rows


def _lines(file: Path) -> list[str]:
    try:
        data = file.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; give JSON lines with the columns {', '.join(_COLUMNS)}") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as JSON lines in UTF-8: {error}") from None


def _row(line: str, where: str) -> NliRow:
    try:
        data: Any = json.loads(line)
    except ValueError:
        raise UserError(f"{where}: is not JSON; write one object a line") from None
    if not isinstance(data, dict):
        raise UserError(f"{where}: is no object; write one with {', '.join(_COLUMNS)}")
    for column in _COLUMNS:
        value = data.get(column)
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{where}: column '{column}' is missing or no text; rows need {', '.join(_COLUMNS)}")
    if data["label"] not in LABELS:
        raise UserError(f"{where}: label '{data['label']}' is unknown; labels are {', '.join(LABELS)}")
    return NliRow(*(data[column] for column in _COLUMNS))
