"""Score tables: every ordered pair of a shard is scored at most once by each scorer, whoever asks."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from lemonpress.critics.base import Floats
from lemonpress.pairs import Index, Shard
from lemonpress.rows import SCORES

UNIT = 1e-4
_MISSING = np.iinfo(np.int16).min


@dataclass
class ScoreTable:
    """Scores of one scorer over the pairs of a shard, rounded to 1e-4 (see DESIGN, critics).

    Attributes:
        symmetric: Whether (x, y) and (y, x) share one score.
        scored: Pairs that had to be computed.
    """

    shard: Shard
    symmetric: bool
    scored: int = 0
    _cells: np.ndarray = field(init=False, repr=False)
    _bases: Index = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sizes = self.shard.sizes
        self._bases = np.concatenate([[0], np.cumsum(sizes**2)]).astype(np.int64)
        self._cells = np.full(int(self._bases[-1]), _MISSING, dtype=np.int16)

    def lookup(self, sources: Index, targets: Index, compute: Callable[[Index, Index], Floats]) -> Floats:
        """Scores of pairs; `compute` is asked for those not known yet, each once."""
        cells = self._cell(sources, targets)
        missing = np.unique(cells[self._cells[cells] == _MISSING])
        if len(missing):
            asked = self._positions(missing)
            self._cells[missing] = np.rint(compute(*asked) / UNIT).astype(np.int16)
            self.scored += len(missing)
        return np.round(self._cells[cells] * UNIT, 4)

    def to_rows(self, scorer: str) -> pa.Table:
        """The known scores as rows of `rows.SCORES`, one for each context that has any."""
        known = np.flatnonzero(self._cells != _MISSING)
        sources, targets = self._positions(known)
        groups = self.shard.group_of(sources)
        rows = []
        for group in np.unique(groups):
            here = groups == group
            start = self.shard.starts[group]
            rows.append(
                {
                    "context_id": self.shard.context_ids[group],
                    "scorer": scorer,
                    "source": (sources[here] - start).astype(np.uint16),
                    "target": (targets[here] - start).astype(np.uint16),
                    "score": self._cells[known[here]],
                }
            )
        return pa.Table.from_pylist(rows, schema=SCORES)

    def add_rows(self, rows: pa.Table, scorer: str) -> None:
        """Take known scores of `scorer` from rows of `rows.SCORES`."""
        group_of = {context_id: group for group, context_id in enumerate(self.shard.context_ids)}
        for row in rows.to_pylist():
            if row["scorer"] == scorer:
                start = self.shard.starts[group_of[row["context_id"]]]
                cells = self._cell(np.array(row["source"]) + start, np.array(row["target"]) + start)
                self._cells[cells] = row["score"]

    def _cell(self, sources: Index, targets: Index) -> Index:
        if self.symmetric:
            sources, targets = np.minimum(sources, targets), np.maximum(sources, targets)
        groups = self.shard.group_of(sources)
        starts = self.shard.starts[groups]
        return self._bases[groups] + (sources - starts) * self.shard.sizes[groups] + (targets - starts)

    def _positions(self, cells: Index) -> tuple[Index, Index]:
        groups = np.searchsorted(self._bases, cells, side="right") - 1
        row, column = np.divmod(cells - self._bases[groups], self.shard.sizes[groups])
        return row + self.shard.starts[groups], column + self.shard.starts[groups]
