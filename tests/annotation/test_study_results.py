"""Figures of a study beside plain references, and the files that hold them."""

import argparse
import json
import math
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from scipy.stats import binomtest
from small_studies import distinct, rate_all, rated, small_study

from lemonpress.annotation.collect import collect, read_rows
from lemonpress.annotation.results import FILES, results, summary
from lemonpress.annotation.statistics import each_rater, preferences, sources_needed, system_means
from lemonpress.annotation.store import Shown, Store
from lemonpress.annotation.study import KEY, RATINGS, STUDY, Key, as_json
from lemonpress.commands import annotation
from lemonpress.errors import UserError
from lemonpress.evaluation.agreement import ALL, agreement
from lemonpress.evaluation.ratings import CRITERIA, Rating, read_ratings

_CRITERIA = CRITERIA["paraphrase"]


def _many(seed: int, systems: int = 3, sources: int = 30, raters: int = 4) -> list[Rating]:
    """Ratings with holes, systems of different worth, and some equal texts."""
    draw = np.random.default_rng(seed)
    found: dict[tuple[str, str], Rating] = {}
    for source, system, rater in product(range(sources), range(systems), range(raters)):
        if draw.random() < 0.2:
            continue
        same = source % 5 == 0 and system < 2  # two systems wrote one text
        names = ["s0", "s1"] if same else [f"s{system}"]
        scores = np.clip(np.round(draw.normal([2.2 + 0.3 * system, 2.0, 1.5 + 0.2 * system], 0.7)), 1, 3).astype(int)
        one = rated(f"Source {source}.", f"{names}", names, f"r{rater}", *scores.tolist())
        found[one.rater, one.item] = one
    return list(found.values())


def _plain(ratings: list[Rating], system: str, criteria: tuple[str, ...]) -> dict[str, float]:
    sources = {one.source for one in ratings if system in one.systems}
    return {
        source: sum(
            one.scores[name] for one in ratings if one.source == source and system in one.systems for name in criteria
        )
        / sum(len(criteria) for one in ratings if one.source == source and system in one.systems)
        for source in sources
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_means_are_those_over_sources(seed: int) -> None:
    ratings = _many(seed)
    for system, found in system_means(ratings).items():
        for name in _CRITERIA:
            plain = _plain(ratings, system, (name,))
            assert found.means[name].value == pytest.approx(sum(plain.values()) / len(plain))
            assert found.means[name].low < found.means[name].value < found.means[name].high
            own = [one.scores[name] for one in ratings if system in one.systems]
            assert found.shares[name] == pytest.approx([own.count(score) / len(own) for score in (1, 2, 3)])


@pytest.mark.parametrize("seed", [0, 1])
def test_preferences_are_sign_tests_with_holms_correction(seed: int) -> None:
    ratings = _many(seed)
    for name, criteria in {**{name: (name,) for name in _CRITERIA}, ALL: _CRITERIA}.items():
        pairs = preferences(ratings)[name]
        assert [(pair.one, pair.other) for pair in pairs] == [("s0", "s1"), ("s0", "s2"), ("s1", "s2")]
        for pair in pairs:
            one, other = (_plain(ratings, system, criteria) for system in (pair.one, pair.other))
            apart = [one[source] - other[source] for source in one.keys() & other.keys()]
            wins, losses = sum(d > 1e-9 for d in apart), sum(d < -1e-9 for d in apart)
            assert (pair.wins, pair.losses, pair.ties) == (wins, losses, len(apart) - wins - losses)
            assert pair.difference.value == pytest.approx(np.mean(apart))
            assert pair.deviation == pytest.approx(np.std(apart, ddof=1))
            assert pair.p == pytest.approx(binomtest(wins, wins + losses).pvalue)
        ordered = sorted(pairs, key=lambda pair: pair.p)
        for rank, pair in enumerate(ordered):
            assert pair.adjusted == pytest.approx(
                max(min(1.0, (3 - place) * before.p) for place, before in enumerate(ordered[: rank + 1]))
            )


def test_one_system_and_one_source_have_no_preference_and_no_advice() -> None:
    assert preferences([rated("A.", "B.", ["only"], "r", 3, 3, 3)])[ALL] == []
    alone = [rated("A.", "B.", ["one"], "r", 3, 3, 3), rated("A.", "C.", ["other"], "r", 1, 1, 1)]
    (pair,) = preferences(alone)[ALL]
    assert (pair.wins, pair.p) == (1, 1.0)
    assert math.isnan(pair.deviation)
    assert sources_needed(pair.deviation) is None
    assert sources_needed(0.0) is None


def test_the_power_advice_keeps_its_word() -> None:
    """Of simulated studies of that size with that true difference, four in five find it."""
    deviation = 0.5
    needed = sources_needed(deviation)
    assert needed == 197
    draws = np.random.default_rng(0).normal(0.1, deviation, size=(4000, needed))
    z = draws.mean(axis=1) / (draws.std(axis=1, ddof=1) / math.sqrt(needed))
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.8, abs=0.02)


def test_alpha_is_that_of_the_krippendorff_package() -> None:
    ratings = _many(3)
    found = agreement(ratings).humans
    items = sorted({one.item for one in ratings})
    for name, criteria in {**{name: (name,) for name in _CRITERIA}, ALL: _CRITERIA}.items():
        table = [
            [
                next((one.scores[c] for one in ratings if (one.rater, one.item) == (rater, item)), np.nan)
                for item in items
                for c in criteria
            ]
            for rater in sorted({one.rater for one in ratings})
        ]
        alpha = found[name].alpha
        assert alpha is not None
        assert alpha.value == pytest.approx(krippendorff.alpha(table, level_of_measurement="ordinal"))


def test_a_raters_consistency_is_the_share_of_equal_scores() -> None:
    first = [rated("A.", "B.", ["s"], "ada", 3, 2, 1), rated("C.", "D.", ["s"], "ada", 1, 1, 1)]
    again = [rated("A.", "B.", ["s"], "ada", 3, 1, 1), rated("C.", "D.", ["s"], "ada", 1, 1, 1)]
    found = each_rater([*first, rated("A.", "B.", ["s"], "ben", 3, 3, 3)], again, {})
    assert (found["ada"].repeats, found["ada"].consistent) == (2, pytest.approx(5 / 6))
    assert (found["ben"].repeats, found["ben"].consistent) == (0, None)


def _study_folder(folder: Path) -> Store:
    """A study of 3 systems, the last of which is better, rated by three people; one of them corrects an answer."""
    study = small_study(distinct(8, 3), repeated=0.25, raters_per_item=3)
    names = ["alpha", "be*ta", "gamma"]
    (folder / STUDY).parent.mkdir(parents=True)
    (folder / STUDY).write_text(as_json(study))
    key = Key(study=study.id, systems={one.item: [names[one.arms[0]]] for one in study.items})
    (folder / KEY).write_text(as_json(key))
    store = Store(folder / RATINGS, study)

    def judge(shown: Shown) -> Mapping[str, int]:
        return dict.fromkeys(_CRITERIA, 3 if shown.item.arms == [2] else 1 + 2 * (shown.showing % 2))

    for name in ("Ada", "Ben", "Cem"):
        code = rate_all(store, name, judge)
    shown = store.at(code, 1)
    assert shown is not None
    store.rate(code, shown.showing, dict.fromkeys(_CRITERIA, 2))
    return store


def _run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    annotation.add_arguments(parser)
    return annotation.run(parser.parse_args([str(word) for word in words]))


def test_the_command_writes_files_that_other_commands_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = _study_folder(tmp_path / "study")
    assert _run("results", tmp_path / "study", "--output", tmp_path / "out") == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(FILES)
    text = (tmp_path / "out" / "results.md").read_text()
    assert capsys.readouterr().out == text
    assert r"| be\*ta |" in text
    gamma = next(line for line in text.splitlines() if line.startswith("| gamma"))
    assert gamma.count("**") == 6  # the best of each column
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (found["items"], found["items_rated"], found["ratings"], found["repeats"]) == (24, 24, 72, 18)
    assert found["corrected"] == 1
    assert {name: one["items"] for name, one in found["systems"].items()} == {"alpha": 8, "be*ta": 8, "gamma": 8}
    ratings = read_ratings([tmp_path / "out" / "ratings.jsonl"])
    assert len(ratings) == 72
    assert len({one.rater for one in ratings}) == 3
    last = store.rows()[-1]
    (corrected,) = [one for one in ratings if (one.rater, one.item) == (last["rater"], last["item"])]
    assert set(corrected.scores.values()) == {2}
    assert len(read_ratings([tmp_path / "out" / "repeats.jsonl"])) == 18
    assert (tmp_path / "out" / "means.png").read_bytes().startswith(b"\x89PNG")


def test_rows_that_were_pushed_give_the_same_results(tmp_path: Path) -> None:
    store = _study_folder(tmp_path / "study")
    pushed = tmp_path / "pushed" / "ratings"
    pushed.mkdir(parents=True)
    rows = [json.dumps(row) + "\n" for row in store.rows()]
    (pushed / "one.jsonl").write_text("".join(rows[30:]))
    (pushed / "two.jsonl").write_text("".join(rows[:40]))  # some rows twice, and the last ones first
    for paths, out in (([], "here"), (["--ratings", tmp_path / "pushed"], "there")):
        assert _run("results", tmp_path / "study", *paths, "--output", tmp_path / out) == 0
    here, there = (json.loads((tmp_path / out / "results.json").read_text()) for out in ("here", "there"))
    assert here.pop("raters").keys() == there.pop("raters").keys()
    assert here["systems"] == there["systems"]
    assert here["preferences"] == there["preferences"]
    assert here["corrected"] == there["corrected"] == 1


def test_without_the_key_no_system_is_told_apart(tmp_path: Path) -> None:
    study = small_study(distinct(4, 2))
    store = Store(tmp_path, study)
    rate_all(store, "Ada")
    found = summary(results(study, collect(study, read_rows([tmp_path], study), None)))
    assert (found["systems"], found["preferences"][ALL]) == ({}, [])
    assert found["ratings"] == 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"study": "other"}, "line 1: is of study 'other', not of small"),
        ({"item": "0" * 16}, "line 1: item '0000000000000000' is none of study small"),
        ({"fluent": 5}, "line 1: fluent is 5; write 1, 2 or 3"),
        ({"rater": None}, "line 1: rater, repeat or at is missing"),
    ],
)
def test_rows_that_are_none_of_the_study_are_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    store = _study_folder(tmp_path / "study")
    (tmp_path / "rows.jsonl").write_text(json.dumps({**store.rows()[0], **change}) + "\n")
    with pytest.raises(UserError, match=words):
        _run("results", tmp_path / "study", "--ratings", tmp_path / "rows.jsonl", "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_study_without_ratings_says_so(tmp_path: Path) -> None:
    store = _study_folder(tmp_path / "study")
    with pytest.raises(UserError, match=r"no ratings\.sqlite and no \.jsonl file"):
        _run("results", tmp_path / "study", "--ratings", tmp_path / "none", "--output", tmp_path / "out")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(UserError, match="has no rating yet"):
        _run("results", tmp_path / "study", "--ratings", tmp_path / "empty.jsonl", "--output", tmp_path / "out")
    for file in (tmp_path / "study" / RATINGS).iterdir():
        file.unlink()
    with pytest.raises(UserError, match="let people rate by lemonpress annotation serve"):
        _run("results", tmp_path / "study", "--output", tmp_path / "out")
    assert store.name
