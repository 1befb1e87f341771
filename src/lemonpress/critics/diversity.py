"""Diversity: one pair for each group of pairs that say the same."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lemonpress.critics.base import Mask
from lemonpress.critics.scores import Floats, Scorer, Tables
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import DiversitySettings

_ARGMAX = 1  # channel of a scorer: 1 where entailment is the most probable label


@dataclass(frozen=True)
class Selection:
    """What diversity kept.

    Attributes:
        kept: One pair a group, shape (pairs,).
        sizes: Pairs in the group of each pair; shape (pairs,).
    """

    kept: Mask
    sizes: Index


@dataclass(frozen=True)
class Diversity:
    """Keeps the best of the pairs that say the same.

    Two pairs of one context are joined when a source is entailed by the other's source, or a target by the other's
    target, in either direction.

    Attributes:
        settings: Method and threshold.
        scorer: Scores ordered pairs of sentences: entailment, or the similarity that stands in for it.
    """

    settings: DiversitySettings
    scorer: Scorer

    @property
    def description(self) -> str:
        """What is kept, for cards."""
        joined = f"joined by {self.settings.edges} above {self.settings.above:g}"
        match self.settings.method:
            case "components":
                return f"best pair of each group of pairs {joined} (Algorithm 1 of the paper)"
            case "cliques":
                return f"best pair of each clique of pairs {joined}"
            case "two_pass":
                return "pairs joined where entailment is the likeliest label, on sources, then on targets"
            case "least_overlap":
                return "of the pairs of one source the one with the lowest ROUGE-L"

    def select(self, tables: Tables, sources: Index, targets: Index, seed: int) -> Selection:
        """Keep one pair of every group.

        Args:
            tables: The shard and its known scores; missing ones are added.
            sources: Positions of the pairs' sources.
            targets: Positions of their targets.
            seed: Settles ties between pairs of equal worth, as (x, y) and (y, x) always have, by content hash.

        Returns:
            The pairs kept, and the size of each pair's group.
        """
        if len(sources) == 0:
            return Selection(np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64))
        match self.settings.method:
            case "components":
                return self._components(tables, sources, targets, seed)
            case "cliques":
                return self._cliques(tables, sources, targets, seed)
            case "two_pass":
                return self._two_pass(tables, sources, targets, seed)
            case "least_overlap":
                return _least_overlap(tables.shard, sources, targets, seed)

    def _components(self, tables: Tables, sources: Index, targets: Index, seed: int) -> Selection:
        """Algorithm 1: the arg-max of score(x, y) + score(y, x) of each connected component.

        Instead of comparing pairs, source sentences are joined with source sentences and targets with targets, and
        each pair joins its own two: the components are the same.
        """
        total = len(tables.shard.sentences)
        links = _Links(2 * total)
        links.add(sources, targets + total)
        sides = [(side, offset, *_unordered(tables.shard, side)) for side, offset in ((sources, 0), (targets, total))]
        for turned in (False, True):  # the longer sentence entails the shorter one more often: ask that first
            for _, offset, long, short in sides:
                one, other = (short, long) if turned else (long, short)
                apart = links.labels[one + offset] != links.labels[other + offset]
                one, other = one[apart], other[apart]
                joined = tables.scores(self.scorer, one, other) > self.settings.above
                links.add(one[joined] + offset, other[joined] + offset)
        component = links.labels[sources]
        sizes = np.bincount(component)[component]
        best = _best(
            component, self._worth(tables, sources, targets, sizes), _ties(tables.shard, sources, targets, seed)
        )
        return Selection(best, sizes)

    def _cliques(self, tables: Tables, sources: Index, targets: Index, seed: int) -> Selection:
        """From the worthiest down, a pair enters the first clique in which it is joined with all; the first stays."""
        worth = self._worth(tables, sources, targets, np.full(len(sources), 2))
        order = np.lexsort((_ties(tables.shard, sources, targets, seed), worth))[::-1]
        same = [self._same(tables, side) for side in (sources, targets)]
        groups = tables.shard.group_of(sources)
        kept = np.zeros(len(sources), dtype=bool)
        sizes = np.zeros(len(sources), dtype=np.int64)
        for group in np.unique(groups):
            cliques: list[list[int]] = []
            for pair in order[groups[order] == group]:
                for clique in cliques:
                    if all(same[0](sources[pair], sources[clique]) | same[1](targets[pair], targets[clique])):
                        clique.append(pair)
                        break
                else:
                    cliques.append([pair])
            for clique in cliques:
                kept[clique[0]] = True
                sizes[clique] = len(clique)
        return Selection(kept, sizes)

    def _two_pass(self, tables: Tables, sources: Index, targets: Index, seed: int) -> Selection:
        """The official code: two passes, edges by the likeliest label, the smallest reverse entailment survives."""
        kept = np.arange(len(sources))
        sizes = np.ones(len(sources), dtype=np.int64)
        for side in (sources, targets):
            links = _Links(len(tables.shard.sentences))
            long, short = _unordered(tables.shard, side[kept])
            for one, other in ((long, short), (short, long)):
                apart = links.labels[one] != links.labels[other]
                one, other = one[apart], other[apart]
                joined = tables.scores(self.scorer, one, other, _ARGMAX) == 1
                links.add(one[joined], other[joined])
            component = links.labels[side[kept]]
            sizes[kept] = np.bincount(component)[component]
            reverse = tables.scores(self.scorer, targets[kept], sources[kept])
            kept = kept[_best(component, -reverse, _ties(tables.shard, sources[kept], targets[kept], seed))]
        mask = np.zeros(len(sources), dtype=bool)
        mask[kept] = True
        return Selection(mask, sizes)

    def _worth(self, tables: Tables, sources: Index, targets: Index, sizes: Index) -> Floats:
        """score(x, y) + score(y, x), for pairs that have others in their group; 0 for the rest."""
        worth = np.zeros(len(sources))
        many = sizes > 1
        one, other = sources[many], targets[many]
        worth[many] = tables.scores(self.scorer, one, other) + tables.scores(self.scorer, other, one)
        return np.round(worth, 4)

    def _same(self, tables: Tables, side: Index) -> Callable[[np.int64, Index], Mask]:
        """Whether one sentence is joined with others of its context, among the sentences of one side."""
        long, short = _unordered(tables.shard, side)
        joined = tables.scores(self.scorer, long, short) > self.settings.above
        rest = ~joined
        joined[rest] = tables.scores(self.scorer, short[rest], long[rest]) > self.settings.above
        total = len(tables.shard.sentences)
        edges = set((long[joined] * total + short[joined]).tolist() + (short[joined] * total + long[joined]).tolist())

        def same(one: np.int64, others: Index) -> Mask:
            return np.array([other == one or int(one) * total + int(other) in edges for other in others])

        return same


def _least_overlap(shard: Shard, sources: Index, targets: Index, seed: int) -> Selection:
    from lemonpress.metrics.rouge import rouge_l_pairs, tokenize

    overlap = np.round(rouge_l_pairs(tokenize(shard.sentences), sources, targets), 4)
    same, component = np.unique(sources, return_inverse=True)
    sizes = np.bincount(component, minlength=len(same))[component]
    return Selection(_best(component, -overlap, _ties(shard, sources, targets, seed)), sizes)


class _Links:
    """Connected components of nodes, with edges added in steps."""

    def __init__(self, nodes: int) -> None:
        self.labels = np.arange(nodes)

    def add(self, ones: Index, others: Index) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ends = (self.labels[ones], self.labels[others])
        graph = coo_array((np.ones(len(ones), dtype=np.int8), ends), shape=(len(self.labels),) * 2)
        self.labels = connected_components(graph, directed=False)[1][self.labels].astype(np.int64)


def _best(component: Index, worth: Floats, ties: Index) -> Mask:
    """The pair of greatest worth of each component; ties go by hash."""
    order = np.lexsort((ties, worth, component))
    last = np.append(component[order][1:] != component[order][:-1], True)
    kept = np.zeros(len(component), dtype=bool)
    kept[order[last]] = True
    return kept


def _unordered(shard: Shard, sentences: Index) -> tuple[Index, Index]:
    """All pairs of distinct sentences of one context among some sentences, the longer one of each first."""
    distinct = np.unique(sentences)
    groups = shard.group_of(distinct)
    ones, others = [], []
    for group in np.unique(groups):
        here = distinct[groups == group]
        one, other = np.triu_indices(len(here), 1)
        ones.append(here[one])
        others.append(here[other])
    one, other = np.concatenate(ones), np.concatenate(others)
    short = shard.shorter(one, other)
    return np.where(short, other, one), np.where(short, one, other)


def _ties(shard: Shard, sources: Index, targets: Index, seed: int) -> Index:
    return np.array(
        [_tie_break(seed, shard.sentences[s], shard.sentences[t]) for s, t in zip(sources, targets, strict=True)],
        dtype=np.int64,
    )


def _tie_break(seed: int, source: str, target: str) -> int:
    digest = hashlib.sha256(f"{seed}\0{source}\0{target}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
