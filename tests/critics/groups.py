"""Small shards and plain score tables for the tests of the critics."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.scores import Floats, Tables
from lemonpress.pairs import Index, Shard


def shard_of(*groups: Sequence[str], contexts: Sequence[str] = ()) -> Shard:
    """A shard with one context for each group of sentences."""
    texts = [*contexts, *[""] * (len(groups) - len(contexts))]
    return Shard.of_groups([(f"context-{n}", "toy", list(group), texts[n]) for n, group in enumerate(groups)])


def pairs_of(*pairs: tuple[int, int]) -> tuple[Index, Index]:
    """Positions of sources and targets."""
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def score(critic: Critic, shard: Shard, *pairs: tuple[int, int]) -> Floats:
    """A critic's scores of some pairs, from fresh tables."""
    return np.round(critic.score(Tables(shard), *pairs_of(*pairs)), 4)


@dataclass
class MatrixScorer:
    """Reads scores from a matrix and notes what it is asked; a second channel, if any, from another."""

    matrix: np.ndarray
    key: str = "matrix"
    symmetric: bool = False
    other: np.ndarray | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)

    @property
    def channels(self) -> tuple[str, ...]:
        return ("",) if self.other is None else ("", "argmax")

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        self.asked += zip(sources.tolist(), targets.tolist(), strict=True)
        values = [self.matrix, *([] if self.other is None else [self.other])]
        return np.stack([one[sources, targets].astype(np.float64) for one in values])


@dataclass
class TableCritic(Critic):
    """A critic that reads its scores from a matrix, through the tables or not."""

    matrix: np.ndarray
    minimum: float
    name: str = "table"
    cost: int = 1
    symmetric: bool = False
    kept: bool = True
    description: str = "a number from a table"

    def __post_init__(self) -> None:
        self.scorer = MatrixScorer(self.matrix, f"table-{self.name}", self.symmetric)

    @property
    def asked(self) -> list[tuple[int, int]]:
        return self.scorer.asked

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        if self.kept:
            return tables.scores(self.scorer, sources, targets)
        return self.scorer.score(tables.shard, sources, targets)[0]

    def keeps(self, scores: Floats) -> Mask:
        return scores >= self.minimum
