"""The cascade is exact and lazy: equal to asking every critic about every pair, whatever their order."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from groups import TableCritic, score, shard_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lemonpress.critics.base import Critic
from lemonpress.critics.cascade import Judgement, judge
from lemonpress.critics.diversity import Diversity
from lemonpress.critics.judging import Panel, candidate_pairs, judge_shard, score_shard
from lemonpress.critics.numbers import Numbers
from lemonpress.critics.scores import Tables
from lemonpress.critics.surface import Compression, Length, RougeL
from lemonpress.pairs import Shard
from lemonpress.recipes import (
    CompressionSettings,
    DiversitySettings,
    LengthSettings,
    NumberSettings,
    RougeSettings,
)
from lemonpress.rows import JUDGED, SENTENCES, content_id, corpus_schema

Pair = tuple[int, int]
WORDS = st.lists(
    st.sampled_from(["the", "a", "mayor", "bridge", "opened", "12", "twelve", "13"]), min_size=1, max_size=7
)
GROUPS = st.lists(st.lists(WORDS.map(" ".join), max_size=5, unique=True), min_size=1, max_size=3)
# Few distinct values, so that thresholds and ties are hit.
CELLS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).integers(0, 6, (15, 15)) / 5)


def surface_critics() -> list[Critic]:
    return [
        Length(LengthSettings(critic="length", min=0.5, max=2)),
        Compression(CompressionSettings(critic="compression", below=1.0)),
        Numbers(NumberSettings(critic="numbers")),
        RougeL(RougeSettings(critic="rouge_l", max=0.8)),
    ]


def pairs(indices: tuple[np.ndarray, np.ndarray]) -> list[Pair]:
    return list(zip(indices[0].tolist(), indices[1].tolist(), strict=True))


def naive(shard: Shard, critics: Sequence[Critic]) -> set[Pair]:
    """Ask every critic about every ordered pair, one at a time."""
    kept = set()
    for source, target in pairs(shard.ordered_pairs()):
        if all(critic.keeps(score(critic, shard, (source, target)))[0] for critic in critics):
            kept.add((source, target))
    return kept


def run(shard: Shard, critics: Sequence[Critic], diversity: Diversity | None = None) -> Judgement:
    return judge(*shard.ordered_pairs(), critics, diversity, Tables(shard), 0)


@settings(deadline=None, max_examples=60)
@given(GROUPS, CELLS, CELLS, st.permutations(range(6)), st.permutations(range(6)))
def test_the_kept_set_is_that_of_the_naive_enumeration(
    groups: list[list[str]], one: np.ndarray, other: np.ndarray, listed: list[int], costs: list[int]
) -> None:
    shard = shard_of(*groups)
    critics = [
        *surface_critics(),
        TableCritic((one + one.T) / 2, 0.4, "meaning", symmetric=True),
        TableCritic(other, 0.4, "entailment", kept=False),
    ]
    expected = naive(shard, critics)
    found = run(shard, [critics[number] for number in listed])
    assert set(pairs(found.kept)) == expected
    for critic, cost in zip(critics, costs, strict=True):
        object.__setattr__(critic, "cost", cost)
    reordered = run(shard, critics)
    assert set(pairs(reordered.kept)) == expected
    for critic in critics:
        assert found.scores[critic.name].tolist() == score(critic, shard, *pairs(found.kept)).tolist()


@settings(deadline=None, max_examples=40)
@given(GROUPS, CELLS)
def test_every_pair_is_kept_or_rejected_once(groups: list[list[str]], cells: np.ndarray) -> None:
    shard = shard_of(*groups)
    meaning = TableCritic((cells + cells.T) / 2, 0.4, "meaning", 50, symmetric=True)
    found = run(shard, [*surface_critics(), meaning], Diversity(DiversitySettings(above=0.5), meaning.scorer))
    rejected = [pair for _, sources, targets, _ in found.rejected for pair in pairs((sources, targets))]
    assert sorted(pairs(found.kept) + rejected) == sorted(pairs(shard.ordered_pairs()))
    for step, (name, sources, _, _) in zip(found.funnel, found.rejected, strict=True):
        assert (step.name, step.rejected) == (name, len(sources))
    assert [step.kept for step in found.funnel[:-1]] == [step.seen for step in found.funnel[1:]]


def test_a_critic_is_asked_only_about_pairs_that_reach_it() -> None:
    shard = shard_of(["a", "b", "c"], ["d", "e"])
    cheap = TableCritic(np.eye(5)[[1, 0, 2, 4, 3]], 1.0, "cheap", 1, symmetric=True)
    dear = TableCritic(np.ones((5, 5)), 1.0, "dear", 2)
    found = run(shard, [dear, cheap])
    assert pairs(found.kept) == [(0, 1), (1, 0), (3, 4), (4, 3)]
    assert sorted(dear.asked) == [(0, 1), (1, 0), (3, 4), (4, 3)]
    assert sorted(cheap.asked) == [(0, 1), (0, 2), (1, 2), (3, 4)]
    assert [(step.name, step.scored) for step in found.funnel] == [("cheap", 4), ("dear", 4)]


def sentence_table(*groups: list[str]) -> pa.Table:
    rows = [
        {
            "context_id": f"context-{number}", "context": "A context.", "domain": "toy", "sentences": group,
            "counts": [1] * len(group), "sampled": len(group), "dropped": [],
        }
        for number, group in enumerate(groups)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SENTENCES)


@pytest.fixture
def critic() -> TableCritic:
    values = np.random.default_rng(3).uniform(0.3, 1, (7, 7))
    return TableCritic((values + values.T) / 2, 0.6, "similarity", 50, symmetric=True)


def test_judging_from_stored_scores_computes_nothing_and_changes_nothing(critic: TableCritic) -> None:
    table = sentence_table(["a one", "b two", "c three", "d four"], ["e five", "f six", "g seven"])
    panel = Panel([critic], Diversity(DiversitySettings(above=0.7), critic.scorer))
    scores, costs = score_shard(table, [panel, Panel([critic])], "pool", 0)
    assert [[step.scored for step in steps] for steps in costs] == [[9, 0], [0]]
    asked = len(critic.asked)
    assert asked == len({tuple(sorted(pair)) for pair in critic.asked}) == 9
    kept, rejected, verdict = judge_shard(table, scores, panel, "paraphrase", "pool", 0)
    assert len(critic.asked) == asked
    fresh, also_rejected, _ = judge_shard(table, scores.slice(0, 0), panel, "paraphrase", "pool", 0)
    assert kept.equals(fresh)
    assert rejected.equals(also_rejected)
    assert kept.schema == corpus_schema(panel.scores)
    assert kept.column_names[-2:] == ["similarity", "diversity"]
    assert rejected.schema == JUDGED
    assert 0 < kept.num_rows == len(verdict.kept[0])
    assert kept.num_rows + rejected.num_rows == 18
    for row in kept.to_pylist():
        assert row["id"] == content_id("paraphrase", row["source"], row["target"])
        assert row["similarity"] >= 0.6
    own = {"context-0": "abcd", "context-1": "efg"}
    for row in kept.to_pylist() + rejected.to_pylist():
        assert {row["source"][0], row["target"][0]} <= set(own[row["context_id"]])


def test_candidates_of_a_pool_of_a_student_and_of_a_corpus() -> None:
    groups = (["a", "b", "c"], ["d"], ["e", "f"])
    table = sentence_table(*groups)
    both, one = Panel([]), Panel([], pairs="unordered")
    assert pairs(candidate_pairs(table, both, "pool")[1:]) == pairs(shard_of(*groups).ordered_pairs())
    assert pairs(candidate_pairs(table, one, "pool")[1:]) == [(0, 1), (0, 2), (1, 2), (4, 5)]
    assert pairs(candidate_pairs(table, both, "from_first")[1:]) == [(0, 1), (0, 2), (4, 5)]
    listed = {"sources": [[2, 0], [], [0]], "targets": [[0, 1], [], [1]]}
    for name, column in listed.items():
        table = table.append_column(name, pa.array(column, pa.list_(pa.int32())))
    assert pairs(candidate_pairs(table, both, "given")[1:]) == [(2, 0), (0, 1), (4, 5)]


def test_shards_without_sentences_give_empty_tables(critic: TableCritic) -> None:
    for table in (sentence_table(), sentence_table([], ["alone"])):
        panel = Panel([critic], Diversity(DiversitySettings(), critic.scorer))
        scores, _ = score_shard(table, [panel], "pool", 0)
        kept, rejected, _ = judge_shard(table, scores, panel, "summary", "pool", 0)
        assert (scores.num_rows, kept.num_rows, rejected.num_rows) == (0, 0, 0)
