"""Paraphrastic proximity: pairs counted by hand, the same texts at every length, runs that go on where they were."""

import json
import math
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lemonpress.cli import main
from lemonpress.critics.classification import load
from lemonpress.engine.store import Store
from lemonpress.errors import UserError
from lemonpress.metrics.bleu import self_bleu
from lemonpress.rows import SENTENCES
from lemonpress.sources import resolve
from lemonpress.studies.proximity import Point, Subject, equivalent_pairs, study, tally
from lemonpress.studies.proximity_plan import Plan
from lemonpress.studies.report import as_json, cell, pooled
from one_line import one_line

TEXTS = [
    f"The {one} saw the {other} at noon on {day} May. The {other} fed the {one} at noon on {day + 1} May. "
    f"The {one} met the mayor at noon on {day + 2} May."
    for day, (one, other) in enumerate(combinations(("cat", "dog", "clerk", "pilot", "farmer"), 2), 1)
]


@pytest.fixture
def teacher(tiny_causal: Path, tmp_path: Path) -> Path:
    """The tiny teacher, with a window that contexts of three sentences fit in."""
    folder = tmp_path / "teacher"
    shutil.copytree(tiny_causal, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 512}))
    return folder


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    file = tmp_path / "texts.txt"
    file.write_text("\n".join([*TEXTS, "Only one sentence stands here today."]) + "\n", encoding="utf-8")
    return file


def sampled(*contexts: dict[str, int]) -> pa.Table:
    """Sentences with the number of samples that gave each."""
    return pa.Table.from_pylist(
        [
            {
                "context_id": f"c{number}",
                "context": "It began.",
                "domain": "",
                "sentences": list(context),
                "counts": list(context.values()),
                "sampled": 9,
                "dropped": [],
            }
            for number, context in enumerate(contexts)
        ],
        schema=SENTENCES,
    )


def equivalent(*pairs: tuple[str, str, str]) -> pa.Table:
    names = ("context_id", "source", "target")
    return pa.table({name: pa.array([pair[n] for pair in pairs], pa.string()) for n, name in enumerate(names)})


def test_copies_count_among_all_pairs_and_not_among_distinct_ones() -> None:
    one, other, third = "The cat sat down on the mat.", "The cat sat on the mat.", "A dog barked at the moon."
    totals = tally(sampled({one: 3, other: 2, third: 1}, {third: 1}), equivalent(("c0", one, other)))
    point = Point(1, 0.7, totals)
    likeness = float((self_bleu([one], [other]) + self_bleu([other], [one]))[0] / 2)
    # Of 15 pairs of 6 samples, 3 + 1 are copies and 3 * 2 are the equivalent two; of 3 distinct pairs one is.
    assert point.equivalent.value == pytest.approx(10 / 15)
    assert point.distinct_equivalent.value == pytest.approx(1 / 3)
    assert point.self_bleu.value == pytest.approx((4 * 100 + 6 * likeness) / 10)
    assert point.distinct_self_bleu.value == pytest.approx(likeness)
    assert point.distinct.value == 2
    assert totals[1].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


def test_pooled_figures_weigh_contexts_by_their_items_and_are_nan_without_any() -> None:
    found = pooled([1, 0, 9], [1, 0, 99])
    assert found.value == pytest.approx(0.1)
    assert found.low <= found.value <= found.high
    nothing = pooled([0, 0], [0, 0])
    assert math.isnan(nothing.value)
    assert (as_json(nothing), cell(nothing)) == (None, "–")
    assert cell(pooled([1, 1], [2, 2]), 1, 100) == "50.0 [50.0, 50.0]"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"lengths": (1, 1)}, "--lengths 1 1"),
        ({"lengths": (0, 1)}, "--lengths"),
        ({"temperatures": (0.0, 0.5)}, "--temperatures"),
        ({"temperatures": (0.5,)}, "--temperatures 0.5"),
        ({"temperature": math.nan}, "--temperatures"),
        ({"count": 1}, "--count 1"),
        ({"k": 1}, "--k 1"),
    ],
)
def test_plans_that_cannot_be_sampled_are_refused_in_one_line(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(UserError) as error:
        Plan(**wrong).check()  # type: ignore[arg-type]
    assert one_line(error).startswith(named)


def test_too_few_texts_of_the_length_asked_for_are_refused(teacher: Path, texts: Path) -> None:
    with pytest.raises(UserError) as error:
        Subject.open(Plan(length=3, lengths=(1, 3), count=11), str(teacher), "data/nli-critic", str(texts))
    assert "10 of 11 texts have 3 sentences, and --count asks for 11" in one_line(error)


def test_texts_that_begin_alike_count_once(teacher: Path, texts: Path) -> None:
    first, _, rest = TEXTS[0].partition(". ")
    with texts.open("a", encoding="utf-8") as file:
        file.write(f"{first}. Then {rest[0].lower()}{rest[1:]}\n")
    plan = Plan(length=3, lengths=(1, 3), count=10)
    found = Subject.open(plan, str(teacher), "data/nli-critic", str(texts)).texts
    assert len({sentences[0] for sentences in found}) == 10
    with pytest.raises(UserError) as error:
        Subject.open(replace(plan, count=11), str(teacher), "data/nli-critic", str(texts))
    assert "10 of 12 texts have 3 sentences, and --count asks for 11 that begin differently" in one_line(error)


def test_the_same_seeded_texts_are_chosen_and_fewer_of_them_come_first(teacher: Path, texts: Path) -> None:
    def chosen(count: int, seed: int = 0) -> tuple[tuple[str, ...], ...]:
        plan = Plan(length=3, lengths=(1, 3), count=count, seed=seed)
        return Subject.open(plan, str(teacher), "data/nli-critic", str(texts)).texts

    assert chosen(4) == chosen(8)[:4]
    assert chosen(8) != chosen(8, seed=1)
    assert all(" ".join(sentences) in TEXTS for sentences in chosen(8))


@pytest.mark.weights
def test_equivalence_is_entailment_both_ways_of_every_pair(teacher: Path, texts: Path, home: Path) -> None:
    sentences = [
        "The bridge was closed because of heavy snow.",
        "The bridge was closed due to heavy snow.",
        "The old bridge was closed because of heavy snow on Monday.",
        "The mayor opened the school.",
    ]
    plan = Plan(length=3, lengths=(1, 3), count=2)
    nli = Subject.open(plan, str(teacher), "data/nli-critic", str(texts)).nli
    found = equivalent_pairs(sampled(dict.fromkeys(sentences, 1)), nli, 0)
    pairs = list(combinations(sentences, 2))
    model = load(resolve("data/nli-critic"))
    there, back = (model.probabilities(*zip(*side, strict=True))[:, 0] for side in (pairs, [p[::-1] for p in pairs]))
    expected = {pair for pair, one, other in zip(pairs, there, back, strict=True) if min(one, other) >= 0.75}
    assert {(row["source"], row["target"]) for row in found.to_pylist()} == expected
    assert (sentences[0], sentences[1]) in expected
    assert len(expected) < len(pairs)


@pytest.mark.weights
def test_a_study_goes_on_where_it_was_and_a_further_length_costs_only_itself(
    teacher: Path, texts: Path, home: Path
) -> None:
    plan = Plan(lengths=(1, 3), temperatures=(0.02, 0.6), length=3, temperature=0.6, count=5, k=6)
    subject = Subject.open(plan, str(teacher), "data/nli-critic", str(texts))
    store = Store(home / "shards")
    found = study(plan, subject, store)
    assert [(one.length, one.temperature) for one in found.by_length] == [(1, 0.6), (3, 0.6)]
    assert [(one.length, one.temperature) for one in found.by_temperature] == [(3, 0.02), (3, 0.6)]
    cold, hot = found.by_temperature
    assert cold.of("distinct").sum() < hot.of("distinct").sum()
    assert cold.equivalent.value > hot.equivalent.value

    made = {path: path.stat().st_mtime_ns for path in store.folder.rglob("shard.json")}
    again = study(plan, subject, store)
    assert all(np.array_equal(again.points[key].totals, point.totals) for key, point in found.points.items())
    assert {path: path.stat().st_mtime_ns for path in store.folder.rglob("shard.json")} == made
    further = replace(plan, lengths=(1, 2, 3))
    study(further, subject, store)
    assert len(list(store.folder.rglob("shard.json"))) == len(made) * 4 // 3


@pytest.mark.weights
def test_the_command_writes_the_study_and_the_same_bytes_again(
    teacher: Path, texts: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(output: str) -> dict[str, bytes]:
        folder = tmp_path / output
        line = f"study proximity --teacher {teacher} --contexts {texts} --output {folder} --lengths 1 2 --length 2"
        assert main(f"{line} --temperatures 0.2 0.7 --count 3 --k 4".split()) == 0
        return {file.name: file.read_bytes() for file in folder.iterdir()}

    first = run("first")
    assert set(first) == {"study.md", "study.json", "proximity.png", "pairs.jsonl"}
    said = capsys.readouterr().out
    assert "--lengths 1 2 --temperatures 0.2 0.7 --length 2 --temperature 0.3 --count 3 --k 4" in said
    figures = json.loads(first["study.json"])
    found = {(point["length"], point["temperature"]) for point in figures["points"]}
    assert found == {(1, 0.3), (2, 0.3), (2, 0.2), (2, 0.7)}
    assert all(point["totals"]["samples"] <= 12 for point in figures["points"])
    second = run("second")
    assert second["proximity.png"] == first["proximity.png"]
    assert second["pairs.jsonl"] == first["pairs.jsonl"]


def test_an_output_that_is_a_file_is_refused_before_any_model_is_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").touch()
    line = ["study", "proximity", "--teacher", "./nowhere", "--output", str(tmp_path / "taken")]
    assert main(line) == 2
    assert "is a file; name a folder" in capsys.readouterr().err
