"""Score tables: every ordered pair of a shard is scored at most once by each scorer, whoever asks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lemonpress.errors import UserError
from lemonpress.pairs import Index, Shard
from lemonpress.rows import SCORES

Floats: TypeAlias = npt.NDArray[np.float64]
UNIT = 1e-4
_MISSING = np.iinfo(np.int16).min
_MOST = 4096  # sentences of one group: its table has a cell for each ordered pair


class Scorer(Protocol):
    """Something that scores ordered pairs of sentences and is dear enough to be asked once.

    Attributes:
        key: Names the model and settings that decide its scores.
        symmetric: Whether (x, y) and (y, x) always score the same.
        channels: Names of the values that one question gives; the first is the score, the others go with it.
    """

    @property
    def key(self) -> str: ...
    @property
    def symmetric(self) -> bool: ...
    @property
    def channels(self) -> tuple[str, ...]: ...

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        """Values of pairs of sentence positions, shape (channels, pairs)."""
        ...


@dataclass
class ScoreTable:
    """Scores of one scorer over the pairs of a shard, rounded to 1e-4 (see DESIGN, critics).

    Attributes:
        symmetric: Whether (x, y) and (y, x) share one score.
        channels: Values kept for each pair.
        scored: Pairs that had to be computed.
    """

    shard: Shard
    symmetric: bool
    channels: tuple[str, ...] = ("",)
    scored: int = 0
    _cells: np.ndarray = field(init=False, repr=False)
    _bases: Index = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sizes = self.shard.sizes
        if len(sizes) and sizes.max() > _MOST:
            group = int(sizes.argmax())
            raise UserError(
                f"group {self.shard.context_ids[group]}: has {sizes[group]:,} distinct sentences, and critics compare "
                f"at most {_MOST:,} with each other; give smaller groups"
            )
        self._bases = np.concatenate([[0], np.cumsum(sizes**2)]).astype(np.int64)
        self._cells = np.full((len(self.channels), int(self._bases[-1])), _MISSING, dtype=np.int16)

    def lookup(
        self, sources: Index, targets: Index, compute: Callable[[Index, Index], Floats], channel: int = 0
    ) -> Floats:
        """One channel's values of pairs; `compute` is asked for the pairs not known yet, each once."""
        cells = self._cell(sources, targets)
        missing = np.unique(cells[self._cells[0][cells] == _MISSING])
        if len(missing):
            asked = self._positions(missing)
            values = np.atleast_2d(compute(*asked))
            if not np.isfinite(values).all():
                raise FloatingPointError("a model gave a score that is no number; its weights or precision are wrong")
            self._cells[:, missing] = np.rint(values / UNIT).astype(np.int16)
            self.scored += len(missing)
        return np.round(self._cells[channel][cells] * UNIT, 4)

    def known(self, sources: Index, targets: Index) -> npt.NDArray[np.bool_]:
        """Which pairs have a score already."""
        return self._cells[0][self._cell(sources, targets)] != _MISSING

    def to_rows(self, scorer: str) -> pa.Table:
        """The known scores as rows of `rows.SCORES`, one for each channel and context that has any."""
        known = np.flatnonzero(self._cells[0] != _MISSING)
        sources, targets = self._positions(known)
        groups = self.shard.group_of(sources)
        rows = []
        for group in np.unique(groups):
            here = groups == group
            start = self.shard.starts[group]
            rows += [
                {
                    "context_id": self.shard.context_ids[group],
                    "scorer": _labelled(scorer, channel),
                    "source": (sources[here] - start).astype(np.uint16),
                    "target": (targets[here] - start).astype(np.uint16),
                    "score": values[known[here]],
                }
                for channel, values in zip(self.channels, self._cells, strict=True)
            ]
        return pa.Table.from_pylist(rows, schema=SCORES)

    def add_rows(self, rows: pa.Table, scorer: str) -> None:
        """Take known scores of `scorer` from rows of `rows.SCORES`."""
        group_of = {context_id: group for group, context_id in enumerate(self.shard.context_ids)}
        channel_of = {_labelled(scorer, channel): number for number, channel in enumerate(self.channels)}
        for row in rows.to_pylist():
            if row["scorer"] in channel_of:
                start = self.shard.starts[group_of[row["context_id"]]]
                cells = self._cell(np.array(row["source"]) + start, np.array(row["target"]) + start)
                self._cells[channel_of[row["scorer"]], cells] = row["score"]

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


@dataclass
class Tables:
    """The score tables of a shard, by scorer; shared by all corpora that judge it.

    Attributes:
        shard: The sentences.
        stored: Known scores, rows of `rows.SCORES`.
    """

    shard: Shard
    stored: pa.Table | None = None
    _tables: dict[str, ScoreTable] = field(default_factory=dict, init=False)
    _read: int = field(default=0, init=False)

    def scores(self, scorer: Scorer, sources: Index, targets: Index, channel: int = 0) -> Floats:
        """A scorer's values of some pairs, from its table; the scorer is asked for what is missing."""
        table = self.of(scorer)
        return table.lookup(sources, targets, lambda s, t: scorer.score(self.shard, s, t), channel)

    def of(self, scorer: Scorer) -> ScoreTable:
        """The table of a scorer."""
        if scorer.key not in self._tables:
            table = ScoreTable(self.shard, scorer.symmetric, scorer.channels)
            if self.stored is not None:
                table.add_rows(self.stored, scorer.key)
            self._tables[scorer.key] = table
        return self._tables[scorer.key]

    def count(self, sentences: int) -> None:
        """Note sentences that a model had to read for a critic that keeps no table."""
        self._read += sentences

    @property
    def scored(self) -> int:
        """What models had to answer so far: pairs of the scorers, and sentences of other critics."""
        return self._read + sum(table.scored for table in self._tables.values())

    def to_rows(self) -> pa.Table:
        """All known scores as rows of `rows.SCORES`."""
        parts = [table.to_rows(key) for key, table in sorted(self._tables.items())]
        return pa.concat_tables(parts) if parts else SCORES.empty_table()


def _labelled(scorer: str, channel: str) -> str:
    return f"{scorer}#{channel}" if channel else scorer
