"""Score tables: each pair is computed once, rounded, and survives a round trip through rows."""

import numpy as np
import pytest
from groups import pairs_of, shard_of

from lemonpress.critics.scores import Floats, ScoreTable
from lemonpress.pairs import Index, Shard
from lemonpress.rows import SCORES

SHARD = shard_of(["a", "b", "c"], [], ["d", "e"], ["f"])
SYMMETRIC = pytest.mark.parametrize("symmetric", [True, False])


class Scorer:
    """Scores by position; asked twice for one pair, it fails."""

    def __init__(self, symmetric: bool) -> None:
        self.symmetric = symmetric
        self.seen: set[tuple[int, int]] = set()

    def __call__(self, sources: Index, targets: Index) -> Floats:
        for pair in zip(sources.tolist(), targets.tolist(), strict=True):
            assert pair not in self.seen
            assert not (self.symmetric and pair[::-1] in self.seen and pair[0] != pair[1])
            self.seen.add(pair)
        return self.of(sources, targets)

    def of(self, sources: Index, targets: Index) -> Floats:
        low, high = (
            (np.minimum(sources, targets), np.maximum(sources, targets)) if self.symmetric else (sources, targets)
        )
        return np.sin(7.0 * low + 3.0 * high + 1.0)


@SYMMETRIC
def test_each_pair_is_computed_once_whoever_asks(symmetric: bool) -> None:
    table, scorer = ScoreTable(SHARD, symmetric), Scorer(symmetric)
    asked = [pairs_of((0, 1), (1, 0), (0, 1), (3, 4)), pairs_of((4, 3), (0, 2), (1, 0)), SHARD.ordered_pairs()]
    for sources, targets in [*asked, *asked]:
        scores = table.lookup(sources, targets, scorer)
        assert scores.tolist() == np.round(scorer.of(sources, targets), 4).tolist()
    assert table.scored == len(scorer.seen) == (4 if symmetric else 8)


def test_nothing_asked_computes_nothing() -> None:
    table = ScoreTable(SHARD, True)
    assert table.lookup(*pairs_of(), Scorer(True)).tolist() == []
    assert table.scored == 0


def test_scores_are_rounded_to_the_fourth_digit() -> None:
    table = ScoreTable(SHARD, False)
    values = np.array([0.74996, 0.74994, -0.33333, 1.0000002])
    pairs = pairs_of((0, 1), (0, 2), (1, 0), (2, 0))
    assert table.lookup(*pairs, lambda sources, targets: values).tolist() == [0.75, 0.7499, -0.3333, 1.0]


@SYMMETRIC
def test_rows_round_trip(symmetric: bool) -> None:
    table, scorer = ScoreTable(SHARD, symmetric), Scorer(symmetric)
    sources, targets = pairs_of((0, 1), (2, 1), (3, 4), (4, 3))
    scores = table.lookup(sources, targets, scorer)
    rows = table.to_rows("toy")
    assert rows.schema == SCORES
    assert rows["context_id"].to_pylist() == ["context-0", "context-2"]
    again = ScoreTable(SHARD, symmetric)
    again.add_rows(rows, "toy")
    assert again.lookup(sources, targets, scorer).tolist() == scores.tolist()
    assert again.scored == 0
    assert again.to_rows("toy").equals(rows)


def test_rows_of_another_scorer_are_left_alone() -> None:
    table = ScoreTable(SHARD, True)
    table.lookup(*pairs_of((0, 1)), Scorer(True))
    other = ScoreTable(SHARD, True)
    other.add_rows(table.to_rows("toy"), "another")
    assert other.to_rows("another").num_rows == 0


def test_a_shard_without_groups_has_an_empty_table() -> None:
    empty = ScoreTable(Shard.of_groups([]), True)
    assert empty.to_rows("toy").num_rows == 0


def test_pairs_never_leave_their_context() -> None:
    sources, targets = SHARD.ordered_pairs()
    assert list(zip(sources.tolist(), targets.tolist(), strict=True)) == [
        (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (3, 4), (4, 3),
    ]  # fmt: skip
    assert SHARD.group_of(np.arange(6)).tolist() == [0, 0, 0, 2, 2, 3]


def test_a_score_that_is_no_number_is_never_kept() -> None:
    with pytest.raises(FloatingPointError, match="no number"):
        ScoreTable(SHARD, False).lookup(*pairs_of((0, 1)), lambda sources, targets: np.array([np.nan]))
