"""Candidate pairs: the sentences of a shard, side by side within each context."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Index: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shard:
    """The sentences of a shard's contexts, in one flat list.

    Attributes:
        context_ids: One for each group.
        domains: One for each group.
        sentences: All groups' sentences, one group after the other; distinct within a group.
        starts: Position of each group's first sentence, and the total at the end; shape (groups + 1,).
    """

    context_ids: list[str]
    domains: list[str]
    sentences: list[str]
    starts: Index

    @classmethod
    def of_groups(cls, groups: list[tuple[str, str, list[str]]]) -> "Shard":
        """Build a shard from (context id, domain, sentences) groups."""
        sizes = [len(sentences) for _, _, sentences in groups]
        return cls(
            [context_id for context_id, _, _ in groups],
            [domain for _, domain, _ in groups],
            [sentence for _, _, sentences in groups for sentence in sentences],
            np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64),
        )

    @classmethod
    def of_table(cls, table: pa.Table) -> "Shard":
        """Build a shard from rows of `rows.SENTENCES`."""
        columns = [table[name].to_pylist() for name in ("context_id", "domain", "sentences")]
        return cls.of_groups(list(zip(*columns, strict=True)))

    @property
    def sizes(self) -> Index:
        """Sentences in each group."""
        return np.diff(self.starts)

    def group_of(self, sentence: Index) -> Index:
        """The group of each sentence position."""
        return np.searchsorted(self.starts, sentence, side="right") - 1

    def ordered_pairs(self) -> tuple[Index, Index]:
        """All ordered pairs of distinct sentences of one context (paper, section 3.1).

        Returns:
            Positions of sources and of targets, group by group.
        """
        sources, targets = [], []
        for start, size in zip(self.starts, self.sizes, strict=False):
            source, target = np.nonzero(~np.eye(size, dtype=bool))
            sources.append(source + start)
            targets.append(target + start)
        if not sources:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return np.concatenate(sources), np.concatenate(targets)
