"""Thresholds: each value keeps what the recipe keeps with it, and no model is asked twice."""

import json
from pathlib import Path

import numpy as np
import pytest

from lemonpress.building import build_corpus
from lemonpress.cli import main
from lemonpress.engine.store import Store
from lemonpress.errors import UserError
from lemonpress.metrics.bleu import self_bleu
from lemonpress.metrics.similarity import SentenceEncoder, Vectors
from lemonpress.nli.judged import JudgedPair
from lemonpress.pressing import press
from lemonpress.recipes import load_recipe
from lemonpress.runs import Run
from lemonpress.studies.thresholds import Level, Sweep, study
from one_line import one_line

RECIPE = """
name: studied
contexts:
  bank: {{source: pairs, path: {file}, group_column: group}}
corpora:
  clean:
    task: {task}
    holdout: 0
    critics:
      - {{critic: numbers}}
      - {{critic: rouge_l, max: 0.75}}
      - {{critic: length}}
"""
FIRST = "The mayor opened the old bridge over the river on Monday."
ROWS = [
    ("a", FIRST, "The mayor opened the old bridge over the river on Tuesday."),
    ("a", FIRST, "On Monday the old bridge over the river was opened by the mayor."),
    ("a", FIRST, "At the start of the week a crossing was declared open."),
    ("b", "The council closed 12 schools last year.", "Last year 12 schools were closed by the council."),
    ("b", "The council closed 12 schools last year.", "The council closed 13 schools last year."),
]
JUDGED = [
    JudgedPair("a", FIRST, ROWS[1][2], "entailment", "entailment"),
    JudgedPair("a", FIRST, ROWS[0][2], "neutral", "neutral"),
    JudgedPair("b", ROWS[3][1], "The council closed 12 old schools last year.", "neutral", "entailment"),
]


def letters(texts: "list[str] | tuple[str, ...]") -> Vectors:
    """How often each letter stands in a text: an encoder that needs no weights."""
    counts = np.array([[text.lower().count(chr(97 + n)) for n in range(26)] for text in texts], np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


ENCODER = SentenceEncoder("letters", "none", letters)  # type: ignore[arg-type]


def recipe_file(tmp_path: Path, task: str = "paraphrase") -> Path:
    pairs = tmp_path / "pairs.jsonl"
    rows = [dict(zip(("group", "source", "target"), row, strict=True)) for row in ROWS]
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    file = tmp_path / "recipe.yaml"
    file.write_text(RECIPE.format(file=pairs, task=task), encoding="utf-8")
    return file


def swept(file: Path, critic: str, values: list[float]) -> list[Level]:
    return study(Sweep.open(load_recipe(file), "clean", critic, values), JUDGED, ENCODER)


def test_each_value_keeps_what_the_recipe_keeps_with_it(tmp_path: Path, home: Path) -> None:
    file = recipe_file(tmp_path)
    levels = swept(file, "rouge_l", [1, 0.75, 0.3])
    assert [level.value for level in levels] == [0.3, 0.75, 1]
    for level in levels:
        run = Run.open(load_recipe(file, [f"corpora.clean.critics.rouge_l.max={level.value}"]))
        rows = build_corpus(run, "clean", press(run)).corpus.read("train").to_pylist()
        assert level.kept == level.accepted == len(rows)
        assert level.candidates == len(ROWS)
        texts = [[row[side] for row in rows] for side in ("target", "source")]
        assert level.quality["Self-BLEU"].value == pytest.approx(self_bleu(*texts).mean())
    assert [level.kept for level in levels] == [2, 3, 4]


def test_a_value_that_keeps_nothing_has_no_quality(tmp_path: Path, home: Path) -> None:
    levels = swept(recipe_file(tmp_path), "rouge_l", [0, 0.75])
    assert levels[0].kept == 0
    assert {name: one.value for name, one in levels[0].quality.items()} == pytest.approx(
        dict.fromkeys(("Self-BLEU", "ROUGE-L", "Jaccard", "Cosine"), np.nan), nan_ok=True
    )
    assert levels[0].to_json()["quality"] == dict.fromkeys(("Self-BLEU", "ROUGE-L", "Jaccard", "Cosine"))
    assert levels[0].to_json()["judged_together"]["precision"] is None


def test_judged_pairs_tell_right_from_wrong_in_both_directions(tmp_path: Path, home: Path) -> None:
    strict, loose = swept(recipe_file(tmp_path), "rouge_l", [0.75, 1])
    assert (strict.together.accepted, strict.together.precision, strict.together.recall) == (2, 1.0, 1.0)
    assert (loose.together.accepted, loose.together.precision) == (6, pytest.approx(1 / 3))


def test_a_summary_is_right_where_its_source_entails_it(tmp_path: Path, home: Path) -> None:
    _, loose = swept(recipe_file(tmp_path, "summary"), "rouge_l", [0.75, 1])
    assert (loose.together.accepted, loose.together.precision) == (6, pytest.approx(0.5))


def test_of_a_critic_with_two_thresholds_one_is_named(tmp_path: Path, home: Path) -> None:
    file = recipe_file(tmp_path)
    short, long = swept(file, "length.max", [1.0, 1.5])
    assert short.kept < long.kept == 3
    with pytest.raises(UserError) as error:
        swept(file, "length", [1.0, 1.5])
    assert one_line(error) == "--critic length: name its threshold: length.min, length.max"


@pytest.mark.parametrize(
    ("corpus", "critic", "values", "said"),
    [
        ("other", "rouge_l", [0.5, 0.7], "--corpus other: recipe studied has clean; name one"),
        ("clean", "numbers", [0.5, 0.7], "--critic numbers: has no threshold; those with one are rouge_l, length"),
        ("clean", "syntax", [3, 4], "--critic syntax: is no critic of the corpus; those with one are rouge_l, length"),
        ("clean", "rouge_l.min", [0.5, 0.7], "--critic rouge_l.min: name its threshold: rouge_l.max"),
        ("clean", "rouge_l", [0.5, 0.5], "--values 0.5 0.5: give at least two different ones"),
        ("clean", "rouge_l", [0.5, 1.5], "--values 1.5: 'max': "),
        ("clean", "length.max", [0.5, 1.5], "--values 0.5: "),
    ],
)
def test_what_cannot_be_swept_is_refused_in_one_line(
    tmp_path: Path, home: Path, corpus: str, critic: str, values: list[float], said: str
) -> None:
    with pytest.raises(UserError) as error:
        Sweep.open(load_recipe(recipe_file(tmp_path)), corpus, critic, values)
    assert one_line(error).startswith(said)


@pytest.mark.weights
def test_only_what_a_looser_threshold_lets_through_is_asked(home: Path) -> None:
    part = ["contexts.live=null", "contexts.rewritten=null", "contexts.starter.count=24"]
    recipe = load_recipe("dataset_builders/recipes/demo.yaml", part)
    sweep = Sweep.open(recipe, "dimple-demo", "entailment", [0.5, 0.75, 0.9])
    levels = study(sweep, JUDGED, ENCODER)
    (shard,) = Store(sweep.run.folder / "shards").folder.glob("sweep/*/shard.json")
    asked = [sum(step["scored"] for step in steps) for steps in json.loads(shard.read_text())["stats"]["funnels"]]
    # The shipped scores are those of 0.75.
    assert asked[0] > 0
    assert asked[1:] == [0, 0]
    assert [level.accepted for level in levels] == sorted((level.accepted for level in levels), reverse=True)
    assert [folder.name for folder in (sweep.run.folder / "shards").iterdir()] == ["sweep"]


@pytest.mark.weights
def test_the_command_writes_the_study(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, folder = recipe_file(tmp_path), tmp_path / "study"
    line = f"study thresholds --config {file} --corpus clean --critic rouge_l --values 0.3 0.75 1 --output {folder}"
    assert main(line.split()) == 0
    said = capsys.readouterr().out
    assert "0.75 (recipe)" in said
    assert {one.name for one in folder.iterdir()} == {"study.md", "study.json", "thresholds.png"}
    written = json.loads((folder / "study.json").read_text())
    assert [level["kept"] for level in written["levels"]] == [2, 3, 4]
    drawn = (folder / "thresholds.png").read_bytes()
    assert main(line.split()) == 0
    assert (folder / "thresholds.png").read_bytes() == drawn
