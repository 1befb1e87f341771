import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from lemonpress.errors import UserError
from lemonpress.evaluation.agreement import ALL, agreement, figures, report
from lemonpress.evaluation.ratings import Kind, Rating, read_ratings
from lemonpress.metrics.agreement import krippendorff_alpha
from one_line import one_line


def _rating(number: int, rater: str, scores: tuple[int, int, int], kind: Kind = "human") -> Rating:
    named = dict(zip(("fluent", "faithful", "dissimilar"), scores, strict=True))
    return Rating(f"Source {number}.", f"Text {number}.", ("student",), "paraphrase", rater, kind, named)


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _drawn(raters: list[str], items: int, seed: int, kind: Kind = "human") -> list[Rating]:
    draw = np.random.default_rng(seed)
    return [
        _rating(number, rater, (scores[0], scores[1], scores[2]), kind)
        for rater in raters
        for number in range(items)
        for scores in [draw.integers(1, 4, size=3).tolist()]
    ]


def test_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    summary = Rating(
        "A long sentence.",
        "Short.",
        ("student", "lead"),
        "summary",
        "ann",
        "human",
        {"fluent": 3, "faithful": 2, "concise": 1},
    )
    plain = _write(tmp_path / "a.jsonl", [summary.row()])
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps({**summary.row(), "rater": "bea", "seconds": 4}).encode()))
    first, second = read_ratings([plain, packed])
    assert first == summary
    assert (second.rater, second.systems) == ("bea", ("student", "lead"))
    assert set(summary.row()) == {
        *("item", "source", "candidate", "systems", "task", "rater", "kind", "fluent", "faithful", "concise")
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fluent": 4}, "line 2: fluent is 4; write 1, 2 or 3"),
        ({"fluent": "3"}, "line 2: fluent is '3'; write 1, 2 or 3"),
        ({"fluent": True}, "line 2: fluent is True; write 1, 2 or 3"),
        ({"fluent": 2.5}, "line 2: fluent is 2.5; write 1, 2 or 3"),
        ({"dissimilar": None}, "line 2: has no dissimilar; a rating needs it"),
        ({"rater": None, "kind": None}, "line 2: has no rater, kind; a rating needs them"),
        ({"rater": " "}, "line 2: rater is blank; fill it in"),
        ({"kind": "robot"}, "line 2: kind is 'robot'; write human or model"),
        ({"task": "control"}, "line 2: task is 'control'; write paraphrase or summary"),
        ({"task": "summary", "concise": 3}, "keep texts as they were"),
        ({"systems": "student"}, "line 2: systems is 'student'; write a list"),
        ({"source": 7}, "column 'source' holds int, not text"),
        ({"candidate": "Another text."}, "line 2: item is"),
        ({"kind": "model"}, "line 2: ann is a model, and a human before; rename one"),
    ],
)
def test_a_wrong_row_is_refused_in_one_line(tmp_path: Path, change: Mapping[str, Any], message: str) -> None:
    rows = [_rating(1, "ann", (1, 2, 3)).row(), {**_rating(2, "ann", (1, 2, 3)).row(), **change}]
    with pytest.raises(UserError) as error:
        read_ratings([_write(tmp_path / "r.jsonl", rows)])
    assert message in one_line(error)


def test_a_rater_rates_an_item_once_over_all_files(tmp_path: Path) -> None:
    files = [_write(tmp_path / name, [_rating(1, "ann", (1, 2, 3)).row()]) for name in ("a.jsonl", "b.jsonl")]
    with pytest.raises(UserError) as error:
        read_ratings(files)
    assert "b.jsonl, line 1: ann has rated item" in one_line(error)
    assert "a.jsonl, line 1; keep one of both" in one_line(error)


def test_files_without_ratings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    for name, message in (("empty.jsonl", "no rating in it"), ("absent.jsonl", "no such file")):
        with pytest.raises(UserError) as error:
            read_ratings([tmp_path / name])
        assert message in one_line(error)


def test_alpha_is_that_of_the_table_of_units_and_raters() -> None:
    ratings = _drawn(["ann", "bea", "cy"], 30, seed=1)
    found = agreement(ratings)
    scores = np.array([list(one.scores.values()) for one in ratings], float).reshape(3, 30, 3)
    for place, name in enumerate(("fluent", "faithful", "dissimilar")):
        alpha = found.humans[name].alpha
        assert alpha is not None
        assert alpha.value == pytest.approx(krippendorff_alpha(scores[:, :, place].T.tolist()).value)
    pooled = found.humans[ALL]
    assert pooled.alpha is not None
    assert pooled.alpha.value == pytest.approx(krippendorff_alpha(scores.reshape(3, 90).T.tolist()).value)
    assert (pooled.items, pooled.ratings) == (30, 270)


def test_criteria_that_say_the_same_make_the_interval_over_all_no_narrower() -> None:
    draw = np.random.default_rng(7)
    ratings = [
        _rating(number, rater, (score, score, score), kind)
        for rater, kind in (("ann", "human"), ("bea", "human"), ("judge", "model"))
        for number, score in enumerate(draw.integers(1, 4, size=40).tolist())
    ]
    found = agreement(ratings)
    for by_criterion in (found.humans, found.judges["judge"]):
        one, pooled = by_criterion["fluent"].alpha, by_criterion[ALL].alpha
        assert one is not None
        assert pooled is not None
        assert pooled.high - pooled.low == pytest.approx(one.high - one.low, rel=0.05)


def test_items_that_one_person_rated_count_for_no_agreement_of_people() -> None:
    ratings = [*_drawn(["ann", "bea"], 10, seed=2), *_drawn(["ann"], 30, seed=3)[10:]]
    assert agreement(ratings).humans["fluent"].items == 10
    assert agreement(_drawn(["ann"], 5, seed=4)).humans["fluent"].alpha is None


def test_a_judge_that_agrees_raises_alpha_and_one_that_answers_at_random_lowers_it() -> None:
    draw = np.random.default_rng(5)
    truth = draw.integers(1, 4, size=(60, 3))
    people = [
        _rating(number, rater, tuple(np.where(draw.random(3) < 0.15, draw.integers(1, 4, 3), truth[number]).tolist()))
        for rater in ("ann", "bea", "cy")
        for number in range(60)
    ]
    good = [_rating(number, "good", tuple(truth[number].tolist()), "model") for number in range(60)]
    found = agreement([*people, *good, *_drawn(["random"], 60, seed=6, kind="model")])
    good_one, random_one = found.judges["good"][ALL], found.judges["random"][ALL]
    assert good_one.humans is not None
    assert good_one.alpha is not None
    assert random_one.alpha is not None
    assert random_one.alpha.value < good_one.humans.value < good_one.alpha.value
    assert good_one.exact.low > 0.8 > 0.6 > random_one.exact.high
    assert good_one.spearman is not None
    assert good_one.spearman.low > 0.7
    assert random_one.spearman is not None
    assert random_one.spearman.high < 0.3
    assert found.raters["random"] == ("model", 60)


def test_rank_correlation_is_that_of_scipy() -> None:
    ratings = [*_drawn(["ann", "bea"], 40, seed=7), *_drawn(["judge"], 40, seed=8, kind="model")]
    scores = np.array([list(one.scores.values()) for one in ratings], float).reshape(3, 40, 3)
    means = scores[:2].mean(axis=0)
    found = agreement(ratings).judges["judge"]
    for name, own, theirs in (
        ("faithful", scores[2, :, 1], means[:, 1]),
        (ALL, scores[2].ravel(), means.ravel()),
    ):
        estimate = found[name].spearman
        assert estimate is not None
        assert estimate.value == pytest.approx(spearmanr(own, theirs).statistic)
        assert estimate.low < estimate.value < estimate.high
        assert found[name].exact.value == pytest.approx((np.abs(own - theirs) <= 0.5).mean())


def test_what_is_undefined_is_a_dash_and_null() -> None:
    ratings = [_rating(number, rater, (3, 3, 3)) for rater in ("ann", "bea") for number in range(4)]
    ratings += [_rating(number, "judge", (3, 3, 3), "model") for number in range(4)]
    found = agreement(ratings)
    assert found.judges["judge"]["fluent"].spearman is None
    assert figures(found)["humans"]["fluent"]["alpha"] is None
    json.dumps(figures(found), allow_nan=False)
    line = next(line for line in report(found).splitlines() if line.startswith("| fluent") and "1.00" in line)
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["fluent", "4", "1.00 [1.00, 1.00]", "–", "–", "–"]


def test_a_judge_that_shares_no_item_with_people_is_left_out() -> None:
    other = [_rating(number + 50, "judge", (1, 2, 3), "model") for number in range(4)]
    found = agreement([*_drawn(["ann", "bea"], 4, seed=9), *other])
    assert found.judges == {}
    assert found.raters["judge"] == ("model", 4)
