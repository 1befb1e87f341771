"""Candidate pairs: the sentences of a shard, side by side within each context."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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
        contexts: The context's text, one for each group; empty where there is none.
    """

    context_ids: list[str]
    domains: list[str]
    sentences: list[str]
    starts: Index
    contexts: list[str]

    @classmethod
    def of_groups(cls, groups: Sequence[tuple[str, str, list[str], str]]) -> "Shard":
        """Build a shard from (context id, domain, sentences, context) groups."""
        sizes = [len(sentences) for _, _, sentences, _ in groups]
        return cls(
            [context_id for context_id, _, _, _ in groups],
            [domain for _, domain, _, _ in groups],
            [sentence for _, _, sentences, _ in groups for sentence in sentences],
            np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64),
            [context for _, _, _, context in groups],
        )

    @classmethod
    def of_table(cls, table: pa.Table) -> "Shard":
        """Build a shard from rows of `rows.SENTENCES`."""
        columns = [table[name].to_pylist() for name in ("context_id", "domain", "sentences", "context")]
        return cls.of_groups(list(zip(*columns, strict=True)))

    @property
    def sizes(self) -> Index:
        """Sentences in each group."""
        return np.diff(self.starts)

    def group_of(self, sentence: Index) -> Index:
        """The group of each sentence position."""
        return np.searchsorted(self.starts, sentence, side="right") - 1

    @cached_property
    def lengths(self) -> Index:
        """Characters of each sentence."""
        return np.array([len(sentence) for sentence in self.sentences], dtype=np.int64)

    def shorter(self, ones: Index, others: Index) -> npt.NDArray[np.bool_]:
        """Where the first of two sentences is the shorter one; of two that are as long, the earlier one."""
        one, other = self.lengths[ones], self.lengths[others]
        return (one < other) | ((one == other) & (ones < others))

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
