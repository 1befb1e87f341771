"""Rows from sentences and the same in other words: the pairs, and changes of one side.

The pairs that ship were written for this project with the help of a large language model, under CC0-1.0: sentences of
the starting paragraphs and plain news sentences, each with one paraphrase.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.errors import UserError
from lemonpress.nli.change import CHANGES, Donors
from lemonpress.nli.pool import restated
from lemonpress.nli.rows import ENTAILMENT, NEUTRAL, NOT_ENTAILMENT, NliRow
from lemonpress.nli.shorten import shortened

SHIPPED = Path(__file__).with_name("paraphrases.jsonl")
_ROUNDS = 5


def read_pairs(file: Path = SHIPPED) -> list[tuple[str, str]]:
    """Pairs of sentences that say the same.

    Args:
        file: JSON lines of sentence and paraphrase; the ones written for this project by default.

    Raises:
        UserError: The file is missing or a line lacks a column.
    """
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return [(row["sentence"], row["paraphrase"]) for row in rows]
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; give JSON lines of sentence and paraphrase") from None
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: needs JSON lines of sentence and paraphrase ({error!r})") from None


def paraphrase_rows(pairs: Sequence[tuple[Any, Any]], donors: Donors, seed: int) -> list[NliRow]:
    """Rows from parsed pairs: both ways entailed, also when restated; one side shortened; one side changed.

    Args:
        pairs: Parsed sentence and paraphrase.
        donors: Names and words that replace others.
        seed: Seed of the choices.

    Returns:
        Distinct rows, sources ``paraphrase`` and ``paraphrase-`` with the rule.
    """
    draw = np.random.default_rng([seed, 41])
    both_ways = [*pairs, *((second, first) for first, second in pairs)]
    made = [NliRow(first.text, second.text, ENTAILMENT, "paraphrase") for first, second in both_ways]
    for _ in range(_ROUNDS):
        for first, second in both_ways:
            made += _edited(first, second, donors, draw)
    return list(dict.fromkeys(made))


def _edited(first: Any, second: Any, donors: Donors, draw: np.random.Generator) -> Iterator[NliRow]:
    """Rows of one sentence with its paraphrase edited."""
    if (other := restated(second, draw)) is not None:
        sides = (first.text, other[0]) if draw.random() < 0.5 else (other[0], first.text)
        yield NliRow(sides[0], sides[1], ENTAILMENT, "paraphrase-restated")
    if (part := shortened(second, draw)) is not None and len(part.split()) > 3:
        yield NliRow(first.text, part, ENTAILMENT, "paraphrase-shortened")
        yield NliRow(part, first.text, NEUTRAL, "paraphrase-lengthened")
    kinds = [kind for kind in CHANGES if kind != "bound"]
    kind = kinds[int(draw.integers(len(kinds)))]
    new = CHANGES[kind](second, donors, draw)
    if new is not None and new != second.text:
        one_way = kind in ("added", "stage") or draw.random() < 0.5
        sides = (first.text, new) if one_way else (new, first.text)
        yield NliRow(sides[0], sides[1], NOT_ENTAILMENT, f"paraphrase-{kind}")
