"""Algorithm 1 against the plain one: every pair compared with every other, components by depth-first search."""

import numpy as np
import pytest
from groups import pairs_of, shard_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lemonpress.critics.diversity import _tie_break, select
from lemonpress.pairs import Shard
from lemonpress.recipes import DiversitySettings


def plain_algorithm(
    shard: Shard, pairs: list[tuple[int, int]], scores: np.ndarray, above: float, seed: int
) -> dict[tuple[int, int], int]:
    """The kept pairs and the sizes of their components; a sentence always says what it says itself."""

    def same(one: int, other: int) -> bool:
        if shard.group_of(np.array(one)) != shard.group_of(np.array(other)):
            return False
        return one == other or scores[one, other] > above or scores[other, one] > above

    neighbours = {
        pair: [other for other in pairs if same(pair[0], other[0]) or same(pair[1], other[1])] for pair in pairs
    }
    kept, seen = {}, set()
    for start in pairs:
        if start in seen:
            continue
        component, stack = [], [start]
        while stack:
            pair = stack.pop()
            if pair not in seen:
                seen.add(pair)
                component.append(pair)
                stack += neighbours[pair]
        best = max(
            component,
            key=lambda pair: (
                round(scores[pair] + scores[pair[::-1]], 4),
                _tie_break(seed, shard.sentences[pair[0]], shard.sentences[pair[1]]),
            ),
        )
        kept[best] = len(component)
    return kept


@settings(deadline=None, max_examples=150)
@given(
    sizes=st.lists(st.integers(0, 6), min_size=1, max_size=3),
    seed=st.integers(0, 2**16),
    steps=st.sampled_from([3, 10, 10_000]),
    share=st.floats(0.05, 1),
    above=st.sampled_from([0.0, 0.5, 0.7, 0.9]),
    symmetric=st.booleans(),
)
def test_equals_the_plain_algorithm(
    sizes: list[int], seed: int, steps: int, share: float, above: float, symmetric: bool
) -> None:
    draw = np.random.default_rng(seed)
    names = iter(range(sum(sizes)))
    shard = shard_of(*[[f"sentence {next(names)}" for _ in range(size)] for size in sizes])
    scores = draw.integers(0, steps + 1, (sum(sizes), sum(sizes))) / steps
    if symmetric:
        scores = np.triu(scores) + np.triu(scores, 1).T
    scores = np.round(scores, 4)
    sources, targets = shard.ordered_pairs()
    chosen = draw.random(len(sources)) < share
    sources, targets = sources[chosen], targets[chosen]
    asked: list[tuple[int, int]] = []

    def lookup(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        asked.extend(zip(ones.tolist(), others.tolist(), strict=True))
        return scores[ones, others]

    pairs = list(zip(sources.tolist(), targets.tolist(), strict=True))
    selection = select(shard, sources, targets, lookup, DiversitySettings(above=above), seed)
    found = {pair: int(size) for pair, kept, size in zip(pairs, selection.kept, selection.sizes, strict=True) if kept}
    assert found == plain_algorithm(shard, pairs, scores, above, seed)
    assert sum(found.values()) == len(pairs)
    assert all(shard.group_of(np.array(one)) == shard.group_of(np.array(other)) for one, other in asked)


def test_the_threshold_is_strict() -> None:
    shard = shard_of(["a", "b", "c", "d"])
    scores = np.full((4, 4), 0.75)
    lookup = lambda ones, others: scores[ones, others]  # noqa: E731
    disjoint = pairs_of((0, 1), (2, 3))
    assert select(shard, *disjoint, lookup, DiversitySettings(above=0.75), 0).kept.tolist() == [True, True]
    scores[2, 0] = 0.7501
    assert select(shard, *disjoint, lookup, DiversitySettings(above=0.75), 0).kept.sum() == 1


def test_both_directions_tie_and_the_seed_decides_by_content() -> None:
    shard = shard_of(["a", "b"])
    scores = np.full((2, 2), 0.9)
    kept = []
    for seed in range(64):
        chosen = select(
            shard, *pairs_of((0, 1), (1, 0)), lambda o, t: scores[o, t], DiversitySettings(above=0.5), seed
        )
        turned = select(
            shard, *pairs_of((1, 0), (0, 1)), lambda o, t: scores[o, t], DiversitySettings(above=0.5), seed
        )
        assert chosen.kept.sum() == 1
        assert chosen.kept.tolist() == turned.kept.tolist()[::-1]
        kept.append(bool(chosen.kept[0]))
    assert 16 < sum(kept) < 48


@pytest.mark.parametrize("length", [2, 10])
def test_a_chain_is_one_component(length: int) -> None:
    shard = shard_of([f"sentence {number}" for number in range(2 * length)])
    scores = np.zeros((2 * length, 2 * length))
    for link in range(length - 1):
        scores[link, link + 1] = 1.0
    sources = np.arange(length)
    chosen = select(shard, sources, sources + length, lambda o, t: scores[o, t], DiversitySettings(above=0.5), 0)
    assert chosen.kept.sum() == 1
    assert chosen.sizes.tolist() == [length] * length
