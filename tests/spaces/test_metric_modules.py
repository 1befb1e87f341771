"""The `evaluate` modules of ``spaces/metrics``: from their folders, combined, and as Spaces of a Hub."""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import evaluate
import numpy as np
import pytest
from huggingface_hub import HfApi, constants

from lemonpress.assets import asset
from lemonpress.errors import UserError
from lemonpress.hub.checks import front_matter
from lemonpress.hub.local.server import LocalHub
from lemonpress.metric_modules import Module
from lemonpress.metric_spaces import page, render_metric_card
from lemonpress.metrics import agreement, bleu, compression, diversity, ngrams, rouge
from one_line import one_line

MODULES = asset("spaces/metrics")
NAMES = sorted(file.parent.name for file in MODULES.glob("*/requirements.txt"))
ASK_MODELS = {"bert_ibleu", "bert_score", "fluency", "parascore", "sentence_similarity", "tree_edit_distance"}
SOURCES = [
    "The mayor opened the new bridge on Monday.",
    "Snow delayed many trains in the north.",
    "The council planted trees along the road.",
]
TEXTS = [
    "On Monday the new bridge was opened by the mayor.",
    "Snow delayed many trains in the north.",
    "Trees were planted beside the road.",
]
REFERENCES = [
    ["The new bridge was opened on Monday.", "The mayor opened a bridge."],
    ["Many trains were late because of snow."],
    ["The council put trees along the road.", "Trees now line the road.", "There are trees."],
]
Load = Callable[..., Any]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """Load a module from its folder, with caches of the test's own."""
    caches = tmp_path_factory.mktemp("evaluate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", str(caches / "modules"))
        patch.setattr(evaluate.config, "HF_METRICS_CACHE", str(caches / "metrics"))
        patch.syspath_prepend(str(caches / "modules"))
        yield lambda name, *config, **options: evaluate.load(str(MODULES / name), *config, **options)


def _with_models(names: list[str]) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.weights if name in ASK_MODELS else ()) for name in names]


@pytest.mark.parametrize("name", _with_models(NAMES))
def test_a_card_says_what_the_module_says_and_gives(name: str, load: Load) -> None:
    module = load(name, keep_in_memory=True)
    assert module.name == name
    card = (MODULES / name / "README.md").read_text(encoding="utf-8")
    assert card == render_metric_card(module, f"lemonpress/{name}", "1.0.0"), "run spaces/metrics/cards.py"
    fields = front_matter(card)
    assert {"evaluate", "metric"} <= set(fields["tags"])
    assert (fields["sdk"], fields["app_file"]) == ("gradio", "app.py")
    assert (MODULES / name / "app.py").is_file()


def test_the_page_on_metrics_names_every_module_and_functions_that_are_there() -> None:
    text = (MODULES.parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if re.match(r"\| [^|]+ \| `", line)]
    functions = [name.strip("`").partition(".") for _, name, *_ in rows]
    for module, _, function in functions:
        assert hasattr(importlib.import_module(f"lemonpress.metrics.{module}"), function or "__name__")
    assert set(NAMES) <= {name for row in rows for name in re.findall(r"`(\w+)`", row[2])}


def _equal(found: dict[str, Any], rows: dict[str, Any]) -> None:
    assert set(found["scores"]) == set(found["signatures"]) == set(rows)
    for key, values in rows.items():
        assert found["scores"][key] == values.tolist()
        assert found[key] == values.mean()


def test_results_are_those_of_the_plain_functions(load: Load) -> None:
    given = {"predictions": TEXTS, "references": REFERENCES, "sources": SOURCES}
    human, own = bleu.sentence_bleu(TEXTS, REFERENCES), bleu.self_bleu(TEXTS, SOURCES)
    found = load("ibleu").compute(**given, alpha=0.9, scores=True)
    _equal(found, {"ibleu": bleu.ibleu(human, own, 0.9), "bleu": human, "self_bleu": own})
    assert found["signatures"]["ibleu"] == bleu.ibleu_signature(0.9)
    assert load("paper_bleu").compute(**given)["paper_bleu"] == bleu.paper_bleu(TEXTS, REFERENCES)
    _equal(load("rouge").compute(**given, stem=True, scores=True), rouge.rouge_multi(TEXTS, REFERENCES, stem=True))
    overlap = {
        "jaccard": diversity.jaccard(TEXTS, SOURCES),
        "self_bleu": own,
        "copies": diversity.copies(TEXTS, SOURCES),
        "novel_ngrams": diversity.novel_ngrams(TEXTS, SOURCES, 3),
    }
    _equal(load("source_overlap").compute(predictions=TEXTS, sources=SOURCES, n=3, scores=True), overlap)
    shorter = {name: getattr(compression, name)(TEXTS, SOURCES) for name in ("compression", "coverage", "density")}
    _equal(load("extractiveness").compute(predictions=TEXTS, sources=SOURCES, scores=True), shorter)
    varied = load("ngram_diversity").compute(predictions=TEXTS, segment=5, shuffle_seed=3)
    assert varied["h2"] == ngrams.ngram_entropy(TEXTS, 2)
    assert varied["h3"] == ngrams.ngram_entropy(TEXTS, 3)
    assert varied["msttr"] == ngrams.msttr(TEXTS, 5, seed=3)


def test_raters_may_have_said_nothing(load: Load) -> None:
    ratings = [[1, 1, None], [2, 3, 2], [3, float("nan"), 3], [1, 2, 2]]
    found = load("krippendorff_alpha").compute(ratings=ratings, level="nominal")
    expected = agreement.krippendorff_alpha(ratings, "nominal")
    assert (found["alpha"], found["low"], found["high"]) == (expected.value, expected.low, expected.high)
    for bad in ([1, "x"], 1, None):
        with pytest.raises(ValueError, match=re.escape(f"ratings of unit 1 are {bad!r}; give a list of numbers")):
            load("krippendorff_alpha").compute(ratings=[[1, 2], bad])


def test_entailment_is_asked_both_ways(load: Load) -> None:
    texts, sources = [SOURCES[0], "", "The bridge is new."], [SOURCES[0], SOURCES[1], SOURCES[0]]
    found = load("entailment").compute(predictions=texts, sources=sources, threshold=0.5, scores=True)
    forward, backward = found["scores"]["forward"], found["scores"]["backward"]
    assert (forward[:2], backward[:2]) == ([1, 0], [1, 0])
    assert forward[2] > backward[2]
    assert found["scores"]["entailed"] == [1, 0, float(forward[2] >= 0.5)]
    assert found["entailed_both_ways"] == pytest.approx(1 / 3)


@pytest.mark.weights
def test_modules_that_ask_models_give_what_the_plain_functions_give(
    load: Load, home: Path, weights_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lemonpress import metric_modules
    from lemonpress.metrics import bert_ibleu, bertscore, fluency, parascore, similarity, syntax
    from lemonpress.syntax.parsers import spacy_dependency

    encoder = metric_modules.token_encoder(metric_modules.ENCODER, None, 4)
    score = bertscore.bert_score(TEXTS, REFERENCES, encoder)
    own = bertscore.bert_score(TEXTS, [[source] for source in SOURCES], encoder).f1
    copied = bleu.self_bleu(TEXTS, SOURCES)
    plain = {"predictions": TEXTS, "sources": SOURCES, "scores": True}
    full = {**plain, "references": REFERENCES}
    _equal(
        load("bert_score").compute(**full, layer=4),
        {"f1": score.f1, "precision": score.precision, "recall": score.recall},
    )
    found = load("bert_ibleu").compute(**plain, layer=4, beta=2.0)
    _equal(found, {"bert_ibleu": bert_ibleu.bert_ibleu(own, copied, 2.0), "bert_score": own, "self_bleu": copied})
    assert found["signatures"]["bert_ibleu"].startswith("BERT-iBLEU|beta:2|")
    _equal(
        load("parascore").compute(**full, layer=4),
        {"parascore": parascore.parascore(TEXTS, SOURCES, REFERENCES, encoder)},
    )
    found = load("parascore", "reference-free").compute(**plain, layer=4)
    _equal(found, {"parascore": parascore.parascore(TEXTS, SOURCES, None, encoder)})
    assert found["signatures"]["parascore"].startswith("ParaScore|against:source|")
    sentences = metric_modules.sentence_encoder(metric_modules.SENTENCE_ENCODER, None, None)
    _equal(load("sentence_similarity").compute(**plain), {"cosine": similarity.cosine(TEXTS, SOURCES, sentences)})
    parser = spacy_dependency()
    ted = {
        f"ted_{name}": syntax.tree_distance(TEXTS, SOURCES, parser, levels) for name, levels in (("f", None), ("3", 3))
    }
    _equal(load("tree_edit_distance").compute(**plain), ted)
    monkeypatch.setenv("LEMONPRESS_HOME", str(weights_home))
    _, model, tokenizer = metric_modules.causal_model(metric_modules.FLUENCY, None, "float32")
    found = load("fluency").compute(predictions=[*TEXTS, ""], scores=True)
    values = fluency.perplexity([*TEXTS, ""], model, tokenizer, 16)
    np.testing.assert_array_equal(found["scores"]["perplexity"], values)
    assert found["perplexity"] == values[:-1].mean()


def test_acceptability_is_the_label_of_any_classifier(load: Load) -> None:
    shipped = {"fluency": None, "acceptability": "data/nli-critic", "scores": True}
    module = load("fluency")
    found = module.compute(predictions=["The bridge is new.", " "], **shipped, acceptability_label="entailment")
    assert "perplexity" not in found
    assert 0 < found["scores"]["acceptability"][0] < 1
    assert found["scores"]["acceptability"][1] == 0
    with pytest.raises(UserError, match="acceptability_label: nli-critic has no label 'acceptable'") as error:
        module.compute(predictions=["A."], **shipped)
    one_line(error)
    with pytest.raises(ValueError, match="name no model; give at least one"):
        module.compute(predictions=["A."], fluency=None)


def test_modules_are_combined(load: Load) -> None:
    names = ["paper_bleu", "ibleu", "rouge", "source_overlap", "extractiveness"]
    found = evaluate.combine([load(name) for name in names]).compute(
        predictions=TEXTS, references=REFERENCES, sources=SOURCES, scores=True
    )
    assert found["paper_bleu"] == bleu.paper_bleu(TEXTS, REFERENCES)
    assert found["density"] == compression.density(TEXTS, SOURCES).mean()
    assert found["ibleu_signatures"]["ibleu"] == bleu.ibleu_signature()
    assert len(found["rouge_scores"]["rougeL"]) == len(TEXTS)


def test_a_reference_may_be_a_text_or_a_list(load: Load) -> None:
    module = load("paper_bleu")
    first = [alternatives[0] for alternatives in REFERENCES]
    expected = bleu.paper_bleu(TEXTS, [[text] for text in first])
    assert module.compute(predictions=TEXTS, references=first)["paper_bleu"] == expected
    mixed = [first[0], *REFERENCES[1:]]
    expected = bleu.paper_bleu(TEXTS, [[first[0]], *REFERENCES[1:]])
    assert module.compute(predictions=TEXTS, references=mixed)["paper_bleu"] == expected


def test_rows_are_added_one_by_one_and_in_batches(load: Load) -> None:
    module = load("ibleu", experiment_id="batches")
    module.add(prediction=TEXTS[0], reference=REFERENCES[0], sources=SOURCES[0])
    module.add_batch(predictions=TEXTS[1:], references=REFERENCES[1:], sources=SOURCES[1:])
    at_once = load("ibleu").compute(predictions=TEXTS, references=REFERENCES, sources=SOURCES)
    assert module.compute() == at_once


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sources": SOURCES[:2]}, "3 candidates but 2 sources"),
        ({"references": REFERENCES[:2]}, "3 candidates but 2 references"),
        ({"references": [*REFERENCES[:2], []]}, "row 2 has no reference"),
        ({"references": None}, "references are missing or empty"),
        ({"predictions": [], "references": [], "sources": []}, "predictions are missing or empty"),
        ({"predictions": [*TEXTS[:2], float("nan")]}, "prediction of row 2 is nan"),
        ({"references": [REFERENCES[0][0], REFERENCES[1], None]}, "references of row 2 are None"),
        ({"sources": [*SOURCES[:2], ["A list."]]}, "source of row 2 is a list"),
    ],
)
def test_bad_rows_are_refused_in_one_line_and_forgotten(given: dict[str, Any], said: str, load: Load) -> None:
    module = load("ibleu")
    rows = {"predictions": TEXTS, "references": REFERENCES, "sources": SOURCES}
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        module.compute(**rows | given)
    assert "\n" not in str(error.value)
    assert module.compute(**rows, scores=True)["scores"]["ibleu"]


def test_a_parser_that_is_not_there_is_refused(load: Load) -> None:
    with pytest.raises(ValueError, match="parser is 'corenlp'; give spacy or stanza"):
        load("tree_edit_distance").compute(predictions=TEXTS, sources=SOURCES, parser="corenlp")


def test_a_configuration_that_is_not_there_is_refused(load: Load) -> None:
    with pytest.raises(ValueError, match="ParaScore has no configuration 'free'; it has default, reference-free"):
        load("parascore", "free")


def test_the_page_of_a_space_computes_its_example_and_says_what_is_wrong(load: Load) -> None:
    import gradio

    module: Module = load("ibleu", keep_in_memory=True)
    shown = page(module)
    given = [box.value for box in shown.input_components]
    assert shown.fn(*given)["ibleu"] == pytest.approx(module.compute(**module.about.example)["ibleu"])
    for texts, said in [
        (["[1]", *given[1:]], "prediction of row 0 is 1"),
        (["The mayor.", *given[1:]], "predictions are no JSON"),
        (['{"a": 1}', *given[1:]], "predictions are no list"),
        (['["' + "a" * 20_000 + '"]', *given[1:]], "more than 20,000 characters"),
    ]:
        with pytest.raises(gradio.Error, match=said):
            shown.fn(*texts)


@pytest.mark.weights
def test_the_code_of_every_card_runs_against_a_hub_and_prints_what_the_card_says(
    space_hub: LocalHub, weights_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    api = HfApi(endpoint=space_hub.endpoint, token=space_hub.token)
    codes, printed = [], []
    for name in NAMES:
        repo_id = f"lemonpress/{name}"
        api.create_repo(repo_id, repo_type="space", space_sdk="gradio")
        api.upload_folder(
            repo_id=repo_id, repo_type="space", folder_path=MODULES / name, ignore_patterns=["__pycache__/*"]
        )
        api.create_tag(repo_id, tag="v1.0.0", repo_type="space")
        card = (MODULES / name / "README.md").read_text(encoding="utf-8")
        codes += re.findall(r"```python\n(.*?)```", card, re.DOTALL)
        printed += re.findall(r"```text\n(.*?)```", card, re.DOTALL)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    own = {"HF_ENDPOINT": space_hub.endpoint, "HF_HOME": str(tmp_path), "HF_UPDATE_DOWNLOAD_COUNTS": "FALSE"}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(codes)],
        env=kept | own | {"LEMONPRESS_HOME": str(weights_home), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout == "".join(printed)
