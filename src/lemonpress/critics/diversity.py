"""Algorithm 1 of the paper: one pair for each group of pairs that say the same."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lemonpress.critics.base import Floats, Mask
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import DiversitySettings

Scores = Callable[[Index, Index], Floats]


@dataclass(frozen=True)
class Selection:
    """What diversity kept.

    Attributes:
        kept: One pair a component, shape (pairs,).
        sizes: Pairs in the component of each pair; shape (pairs,).
    """

    kept: Mask
    sizes: Index


def select(
    shard: Shard, sources: Index, targets: Index, scores: Scores, settings: DiversitySettings, seed: int
) -> Selection:
    """Keep the best pair of every connected component.

    Pairs are nodes; two pairs of one context are joined when a source scores above the threshold against the other's
    source, or a target against the other's target, in either direction. Instead of comparing pairs, source sentences
    are joined with source sentences and targets with targets, and each pair joins its own two: the components are
    the same.

    Args:
        shard: The sentences.
        sources: Positions of the pairs' sources.
        targets: Positions of their targets.
        scores: Edge scores of sentence positions.
        settings: Threshold, strict.
        seed: Settles ties between pairs with equal scores, as (x, y) and (y, x) always have, by content hash.

    Returns:
        The pair with the largest score(x, y) + score(y, x) of each component, and the component sizes.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    total = len(shard.sentences)
    if len(sources) == 0:
        return Selection(np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int64))
    heads, tails = [sources], [targets + total]
    for side, offset in ((sources, 0), (targets, total)):
        one, other = _neighbours(shard, np.unique(side))
        joined = scores(one, other) > settings.above
        heads.append(one[joined] + offset)
        tails.append(other[joined] + offset)
    edges = (np.concatenate(heads), np.concatenate(tails))
    graph = coo_array((np.ones(len(edges[0]), dtype=np.int8), edges), shape=(2 * total, 2 * total))
    _, labels = connected_components(graph, directed=False)
    component = labels[sources]

    worth = np.round(scores(sources, targets) + scores(targets, sources), 4)
    ties = np.array(
        [_tie_break(seed, shard.sentences[s], shard.sentences[t]) for s, t in zip(sources, targets, strict=True)]
    )
    order = np.lexsort((ties, worth, component))
    last = np.append(component[order][1:] != component[order][:-1], True)
    kept = np.zeros(len(sources), dtype=bool)
    kept[order[last]] = True
    return Selection(kept, np.bincount(component)[component])


def _neighbours(shard: Shard, sentences: Index) -> tuple[Index, Index]:
    """All ordered pairs of distinct sentences of one context among some sentences."""
    groups = shard.group_of(sentences)
    ones, others = [], []
    for group in np.unique(groups):
        here = sentences[groups == group]
        one, other = np.nonzero(~np.eye(len(here), dtype=bool))
        ones.append(here[one])
        others.append(here[other])
    return np.concatenate(ones), np.concatenate(others)


def _tie_break(seed: int, source: str, target: str) -> int:
    digest = hashlib.sha256(f"{seed}\0{source}\0{target}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
