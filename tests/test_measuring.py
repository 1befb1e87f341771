"""The report that a released corpus carries: by its own critics' models, made once, the same in every release."""

import json
from pathlib import Path

import pytest

from lemonpress.building import build_corpus
from lemonpress.evaluation.report import from_json
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import running
from lemonpress.measuring import measure_corpus
from lemonpress.pressing import press
from lemonpress.publishing import release_corpus
from lemonpress.recipes import load_recipe
from lemonpress.runs import Run

RECIPE = """
name: measured
namespace: press
contexts:
  bank: {source: pairs, path: %s, licence: cc0-1.0}
corpora:
  clean:
    task: paraphrase
    holdout: 0.2
    critics: [%s]
"""
MODELS = "{critic: similarity, min: 0}, {critic: entailment, model: data/nli-critic, min: 0}, "
PAIRS = [
    (f"The mayor opened bridge {number} on 3 May.", f"On 3 May bridge {number} was opened by the mayor.")
    for number in range(12)
]


def opened(tmp_path: Path, critics: str = "{critic: length}") -> Run:
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps({"source": one, "target": other}) + "\n" for one, other in PAIRS))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE % (file, critics), encoding="utf-8")
    return Run.open(load_recipe(recipe, []))


def test_a_corpus_whose_critics_name_no_model_is_measured_without_one(tmp_path: Path, home: Path) -> None:
    run = opened(tmp_path)
    corpus = build_corpus(run, "clean", press(run)).corpus
    (found,) = measure_corpus(run, "clean", corpus, "clean").corpora
    assert found.pairs == found.sampled == sum(corpus.rows.values()) == 12
    measures = [figure.measure for figure in found.figures]
    assert {"H2", "Jaccard", "Self-BLEU", "length"} <= set(measures)
    assert {"Cosine Sim", "Entailed", "TED-F"}.isdisjoint(measures)
    assert {example.place.split()[0] for example in found.extremes} <= {"train", "validation", "test"}


@pytest.mark.weights
def test_the_models_of_the_critics_measure_their_corpus(tmp_path: Path, home: Path) -> None:
    run = opened(tmp_path, MODELS + "{critic: syntax, parser: spacy, min: 1}")
    corpus = build_corpus(run, "clean", press(run)).corpus
    (found,) = measure_corpus(run, "clean", corpus, "clean").corpora
    figures = {figure.measure: figure.value for figure in found.figures}
    assert figures["Cosine Sim"] == pytest.approx(100 * figures["similarity"], abs=0.01)
    assert figures["p(source ⇒ target)"] == pytest.approx(100 * figures["entailment"], abs=0.01)
    assert figures["TED-F"] == figures["syntax"] > 0


def test_equal_corpora_are_measured_once(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = opened(tmp_path)
    corpus = build_corpus(run, "clean", press(run)).corpus
    first = measure_corpus(run, "clean", corpus, "clean")
    monkeypatch.setattr("lemonpress.measuring.corpus_report", None)
    assert measure_corpus(opened(tmp_path), "clean", corpus, "clean") == first


def test_a_release_carries_the_report_and_a_second_one_is_unchanged(tmp_path: Path, home: Path) -> None:
    from huggingface_hub import hf_hub_download

    run = opened(tmp_path)
    built = build_corpus(run, "clean", press(run))
    with running(tmp_path / "hub") as hub:
        to = Destination(hub.endpoint, hub.token, local=True)
        made = release_corpus(run, "clean", built, to)
        for shard in (run.folder / "shards" / "reports").iterdir():  # the report itself repeats, not only its copy
            for file in shard.iterdir():
                file.unlink()
            shard.rmdir()
        again = release_corpus(run, "clean", built, to)
        card, report = (
            Path(
                hf_hub_download(
                    made.repo_id,
                    name,
                    repo_type="dataset",
                    revision=made.tag,
                    endpoint=hub.endpoint,
                    cache_dir=tmp_path / "cache",
                )
            ).read_text(encoding="utf-8")
            for name in ("README.md", "report.json")
        )
    assert made.uploaded
    assert (again.uploaded, again.commit) == (False, made.commit)
    assert {"report.json", "histograms.png", "scores.png"} <= {path for path, _ in made.files}
    assert "## How good it is" in card
    assert "![Histograms of clean](histograms.png)" in card
    assert from_json(report).corpora[0].name == "clean"
