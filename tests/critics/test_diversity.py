"""Algorithm 1 against the plain one: every pair compared with every other, components by depth-first search."""

import numpy as np
import pytest
from groups import MatrixScorer, pairs_of, shard_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lemonpress.critics.diversity import Diversity, Selection, _tie_break
from lemonpress.critics.scores import Tables
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import DiversitySettings


def select(shard: Shard, pairs: tuple[Index, Index], scorer: MatrixScorer, above: float, seed: int = 0) -> Selection:
    return Diversity(DiversitySettings(above=above), scorer).select(Tables(shard), *pairs, seed)


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
    scorer = MatrixScorer(scores, symmetric=symmetric)
    pairs = list(zip(sources.tolist(), targets.tolist(), strict=True))
    selection = select(shard, (sources, targets), scorer, above, seed)
    found = {pair: int(size) for pair, kept, size in zip(pairs, selection.kept, selection.sizes, strict=True) if kept}
    assert found == plain_algorithm(shard, pairs, scores, above, seed)
    assert sum(found.values()) == len(pairs)
    assert len(set(scorer.asked)) == len(scorer.asked)
    assert all(shard.group_of(np.array(one)) == shard.group_of(np.array(other)) for one, other in scorer.asked)


def test_the_threshold_is_strict() -> None:
    shard = shard_of(["a", "b", "c", "d"])
    scores = np.full((4, 4), 0.75)
    disjoint = pairs_of((0, 1), (2, 3))
    assert select(shard, disjoint, MatrixScorer(scores), 0.75).kept.tolist() == [True, True]
    scores[2, 0] = 0.7501
    assert select(shard, disjoint, MatrixScorer(scores), 0.75).kept.sum() == 1


def test_both_directions_tie_and_the_seed_decides_by_content() -> None:
    shard = shard_of(["a", "b"])
    scorer = MatrixScorer(np.full((2, 2), 0.9))
    kept = []
    for seed in range(64):
        chosen = select(shard, pairs_of((0, 1), (1, 0)), scorer, 0.5, seed)
        turned = select(shard, pairs_of((1, 0), (0, 1)), scorer, 0.5, seed)
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
    chosen = select(shard, (sources, sources + length), MatrixScorer(scores), 0.5)
    assert chosen.kept.sum() == 1
    assert chosen.sizes.tolist() == [length] * length


def joined(scores: np.ndarray, above: float, one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two pairs say the same: their sources or their targets, in either direction."""
    return any(a == b or max(scores[a, b], scores[b, a]) > above for a, b in zip(one, other, strict=True))


@settings(deadline=None, max_examples=80)
@given(sizes=st.lists(st.integers(0, 6), min_size=1, max_size=3), seed=st.integers(0, 2**16), share=st.floats(0.05, 1))
def test_cliques_hold_no_chain_and_keep_their_best(sizes: list[int], seed: int, share: float) -> None:
    draw = np.random.default_rng(seed)
    names = iter(range(sum(sizes)))
    shard = shard_of(*[[f"sentence {next(names)}" for _ in range(size)] for size in sizes])
    scores = np.round(draw.integers(0, 6, (sum(sizes), sum(sizes))) / 5, 4)
    sources, targets = shard.ordered_pairs()
    chosen = draw.random(len(sources)) < share
    pairs = list(zip(sources[chosen].tolist(), targets[chosen].tolist(), strict=True))
    diversity = Diversity(DiversitySettings(method="cliques", above=0.7), MatrixScorer(scores))
    found = diversity.select(Tables(shard), sources[chosen], targets[chosen], seed)

    def rank(pair: tuple[int, int]) -> tuple[float, int]:
        worth = round(scores[pair] + scores[pair[::-1]], 4)
        return worth, _tie_break(seed, shard.sentences[pair[0]], shard.sentences[pair[1]])

    cliques: list[list[tuple[int, int]]] = []
    for pair in sorted(pairs, key=rank, reverse=True):
        home = next(
            (
                clique
                for clique in cliques
                if shard.group_of(np.array(clique[0][0])) == shard.group_of(np.array(pair[0]))
                and all(joined(scores, 0.7, pair, member) for member in clique)
            ),
            None,
        )
        if home is None:
            cliques.append([pair])
        else:
            home.append(pair)
    assert {pair for pair, kept in zip(pairs, found.kept, strict=True) if kept} == {clique[0] for clique in cliques}
    size_of = {pair: len(clique) for clique in cliques for pair in clique}
    assert found.sizes.tolist() == [size_of[pair] for pair in pairs]


@settings(deadline=None, max_examples=80)
@given(size=st.integers(2, 8), seed=st.integers(0, 2**16))
def test_two_passes_join_by_the_likeliest_label_and_keep_the_smallest_reverse(size: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    shard = shard_of([f"sentence {number}" for number in range(size)])
    scores = np.round(draw.random((size, size)), 4)
    labels = (draw.random((size, size)) < 0.2).astype(float)
    sources, targets = shard.ordered_pairs()
    keep = sources < targets
    left = list(zip(sources[keep].tolist(), targets[keep].tolist(), strict=True))
    diversity = Diversity(DiversitySettings(method="two_pass"), MatrixScorer(scores, other=labels))
    found = diversity.select(Tables(shard), sources[keep], targets[keep], seed)
    everything = left
    for side in (0, 1):
        winners, rest = [], list(left)
        while rest:
            component, stack = [], [rest[0]]
            while stack:
                pair = stack.pop()
                if pair in rest:
                    rest.remove(pair)
                    component.append(pair)
                    stack += [
                        other
                        for other in rest
                        if other[side] == pair[side]
                        or labels[other[side], pair[side]]
                        or labels[pair[side], other[side]]
                    ]
            ranks = [(-scores[y, x], _tie_break(seed, shard.sentences[x], shard.sentences[y])) for x, y in component]
            winners.append(component[ranks.index(max(ranks))])
        left = winners
    assert {pair for pair, kept in zip(everything, found.kept, strict=True) if kept} == set(left)


def test_chains_fall_to_one_pair_by_components_and_not_by_cliques() -> None:
    length = 6
    shard = shard_of([f"sentence {number}" for number in range(2 * length)])
    scores = np.zeros((2 * length, 2 * length))
    for link in range(length - 1):
        scores[link, link + 1] = 1.0
    sources = np.arange(length)
    kept = {
        method: Diversity(DiversitySettings(method=method, above=0.5), MatrixScorer(scores))
        .select(Tables(shard), sources, sources + length, 0)
        .kept.sum()
        for method in ("components", "cliques")
    }
    assert kept["components"] == 1
    assert 3 <= kept["cliques"] <= 4


@settings(deadline=None, max_examples=60)
@given(
    texts=st.lists(
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(" ".join), min_size=2, max_size=7, unique=True
    ),
    seed=st.integers(0, 2**16),
)
def test_of_the_pairs_of_one_source_the_least_alike_is_kept(texts: list[str], seed: int) -> None:
    from lemonpress.metrics.rouge import rouge_l

    shard = shard_of(texts)
    sources, targets = shard.ordered_pairs()
    chosen = np.random.default_rng(seed).random(len(sources)) < 0.6
    sources, targets = sources[chosen], targets[chosen]
    diversity = Diversity(DiversitySettings(method="least_overlap"), MatrixScorer(np.zeros((len(texts),) * 2)))
    selection = diversity.select(Tables(shard), sources, targets, seed)
    by_source: dict[int, list[tuple[float, bool]]] = {}
    for place, (source, target) in enumerate(zip(sources.tolist(), targets.tolist(), strict=True)):
        overlap = float(np.round(rouge_l([texts[source]], [texts[target]]), 4)[0])
        by_source.setdefault(source, []).append((overlap, bool(selection.kept[place])))
        assert selection.sizes[place] == (sources == source).sum()
    for pairs in by_source.values():
        assert [kept for _, kept in pairs].count(True) == 1
        assert min(overlap for overlap, _ in pairs) == next(overlap for overlap, kept in pairs if kept)
