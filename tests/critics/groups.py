"""Small shards and plain score tables for the tests of the critics."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lemonpress.critics.base import Floats, Mask
from lemonpress.pairs import Index, Shard


def shard_of(*groups: Sequence[str]) -> Shard:
    """A shard with one context for each group of sentences."""
    return Shard.of_groups([(f"context-{number}", "toy", list(group)) for number, group in enumerate(groups)])


def pairs_of(*pairs: tuple[int, int]) -> tuple[Index, Index]:
    """Positions of sources and targets."""
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


@dataclass
class TableCritic:
    """A critic that reads its scores from a matrix and notes what it is asked."""

    matrix: np.ndarray
    minimum: float
    name: str
    cost: int = 1
    symmetric: bool = False
    kept: bool = True
    asked: list[tuple[int, int]] = field(default_factory=list)
    description: str = "a number from a table"

    @property
    def scorer(self) -> str | None:
        return f"table-{self.name}" if self.kept else None

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        self.asked += zip(sources.tolist(), targets.tolist(), strict=True)
        return self.matrix[sources, targets].astype(np.float64)

    def keeps(self, scores: Floats) -> Mask:
        return scores >= self.minimum
