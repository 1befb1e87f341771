"""Families: a sentence, the same in other words, less, more, and near misses; and the rows they give.

The families that ship were written for this project with the help of a large language model, under CC0-1.0.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.assets import find_file
from lemonpress.errors import UserError
from lemonpress.nli.rows import ENTAILMENT, NEUTRAL, NOT_ENTAILMENT, NliRow

SHIPPED = "data/families.jsonl"


@dataclass(frozen=True)
class Family:
    """Sentences around one source.

    Attributes:
        source: The sentence that the others were written for.
        paraphrases: The same in other words; each entails the source and is entailed by it.
        shorter: What follows from the source and leaves something out.
        longer: What says all of the source and something more.
        different: Near misses: much the same words, and neither follows from the other.
    """

    source: str
    paraphrases: tuple[str, ...]
    shorter: str
    longer: str
    different: tuple[str, ...]


def read_families(file: Path | None = None) -> list[Family]:
    """Read JSON lines of source, paraphrases, shorter, longer and different.

    Args:
        file: The families that ship by default.

    Raises:
        UserError: The file is missing or a line lacks a field.
    """
    file = file or find_file(SHIPPED)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; give JSON lines of families") from None
    return [_family(line, f"{file}, line {number}") for number, line in enumerate(lines, start=1)]


def split_families(families: Sequence[Family], held_out: float, seed: int) -> tuple[list[Family], list[Family]]:
    """Families to train on, and a seeded share kept for evaluation; at least one."""
    order = np.random.default_rng([seed, 53]).permutation(len(families))
    kept = set(order[: max(1, round(held_out * len(families)))].tolist())
    return (
        [family for place, family in enumerate(families) if place not in kept],
        [families[place] for place in sorted(kept)],
    )


def family_rows(families: Sequence[Family]) -> list[NliRow]:
    """Every pair of a family whose label is known, in both directions.

    Returns:
        Distinct rows; sources ``family-same``, ``family-shorter``, ``family-longer`` and ``family-different``.
    """
    return list(dict.fromkeys(row for family in families for row in _rows(family)))


def copied_rows(families: Sequence[Family], changed: Sequence[str], seed: int) -> list[NliRow]:
    """Sentences with themselves whose words vary most, which small critics fail to see as the same.

    Args:
        families: All their sentences, and each source together with the next.
        changed: Sentences with one thing changed; as many of them as there are of the others.
        seed: Seed of the choice.

    Returns:
        Distinct rows of source ``copied``.
    """
    texts = [text for family in families for text in (family.source, *family.paraphrases, family.shorter)]
    texts += [text for family in families for text in (family.longer, *family.different)]
    texts += [f"{one.source} {other.source}" for one, other in pairwise(families)]
    order = np.random.default_rng([seed, 71]).permutation(len(changed))[: len(texts)]
    texts += [changed[position] for position in order]
    return [NliRow(text, text, ENTAILMENT, "copied") for text in dict.fromkeys(texts)]


def _rows(family: Family) -> Iterator[NliRow]:
    same = (family.source, *family.paraphrases)
    for premise, hypothesis in permutations(same, 2):
        yield NliRow(premise, hypothesis, ENTAILMENT, "family-same")
    for text in same:
        yield NliRow(text, family.shorter, ENTAILMENT, "family-shorter")
        yield NliRow(family.shorter, text, NEUTRAL, "family-longer")
    for text in (*same, family.shorter):
        yield NliRow(family.longer, text, ENTAILMENT, "family-shorter")
        yield NliRow(text, family.longer, NEUTRAL, "family-longer")
    for other in family.different:
        for text in same:
            yield NliRow(text, other, NOT_ENTAILMENT, "family-different")
            yield NliRow(other, text, NOT_ENTAILMENT, "family-different")


def _family(line: str, where: str) -> Family:
    try:
        data: Any = json.loads(line)
        return Family(
            data["source"], tuple(data["paraphrases"]), data["shorter"], data["longer"], tuple(data["different"])
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{where}: needs source, paraphrases, shorter, longer and different as JSON ({error!r})"
        ) from None
