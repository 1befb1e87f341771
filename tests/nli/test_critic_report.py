"""Measuring critics: figures against plain references, finished critics, and trainers/evaluate_critic.py."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from sklearn import metrics

from lemonpress.critics import classification
from lemonpress.errors import UserError
from lemonpress.nli.asset import write_asset
from lemonpress.nli.compare import agreement
from lemonpress.nli.evaluate import (
    fit_temperature,
    measure_calibration,
    measure_judged,
    measure_nli,
    measure_paraphrases,
    measure_passes,
    open_critic,
)
from lemonpress.nli.judged import JudgedPair
from lemonpress.nli.measures import curve, intervals, log_loss, reliability
from lemonpress.nli.plots import Line, plot_curves
from lemonpress.nli.report import Benchmarks, finish, judge, lines, measure
from lemonpress.nli.rows import CLASSES, NliRow
from lemonpress.nli.settings import CriticRecipe
from lemonpress.sources import Model, resolve
from one_line import one_line

PROGRAM = Path(__file__).parents[2] / "trainers/evaluate_critic.py"
# Few distinct scores, so that many are equal.
JUDGED = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60)


def _arrays(judged: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    truth, scores = zip(*judged, strict=True)
    return np.array(truth), np.array(scores) / 20


@given(JUDGED.filter(lambda judged: any(truth for truth, _ in judged)))
@settings(deadline=None)
def test_the_curve_is_the_usual_one(judged: list[tuple[bool, int]]) -> None:
    truth, scores = _arrays(judged)
    found = curve(truth, scores)
    precision, recall, thresholds = metrics.precision_recall_curve(truth, scores)
    assert found.thresholds == pytest.approx(thresholds[::-1])
    assert found.precision == pytest.approx(precision[:-1][::-1])
    assert found.recall == pytest.approx(recall[:-1][::-1])
    assert (np.diff(found.recall) >= 0).all()
    assert found.average_precision == pytest.approx(metrics.average_precision_score(truth, scores))
    for threshold in (0.0, 0.33, 0.75, 1.0):
        kept = scores >= threshold
        expected = truth[kept].mean() if kept.any() else None
        assert found.at(threshold) == (pytest.approx(expected), pytest.approx(kept[truth].mean()))
    kept_by = [scores >= threshold for threshold in scores]
    precise = [kept[truth].mean() for kept in kept_by if truth[kept].mean() >= 0.9]
    widest = found.widest(0.9)
    assert (widest[2] if widest else None) == pytest.approx(max(precise, default=None))
    if widest:
        assert truth[scores >= widest[0]].mean() == pytest.approx(widest[1])


@given(JUDGED)
def test_calibration_is_the_usual_one(judged: list[tuple[bool, int]]) -> None:
    truth, scores = _arrays(judged)
    bins = reliability(truth, scores, bins=4)
    assert bins.counts.sum() == len(truth)
    assert np.ptp(bins.counts) <= 1
    assert (np.diff(bins.scores) >= -1e-12).all()
    assert bins.shares @ bins.counts == pytest.approx(truth.sum())
    pairs = sorted(zip(scores, range(len(truth)), truth, strict=True))
    start, error = 0, 0.0
    for count in bins.counts:
        part = pairs[start : start + count]
        start += count
        error += abs(sum(score for score, _, _ in part) - sum(right for _, _, right in part))
    assert bins.error == pytest.approx(error / len(truth))
    middle = 0.1 + 0.8 * scores
    assert log_loss(truth, middle) == pytest.approx(metrics.log_loss(truth, middle, labels=[False, True]))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_agreement_is_counted(rows: list[tuple[bool, bool, bool]]) -> None:
    truth, first, second = (np.array(column) for column in zip(*rows, strict=True))
    found = agreement(truth, first, second)
    assert found["both"] + found["only_first"] + found["only_second"] + found["neither"] == len(rows)
    assert found["only_first"] == sum(one and not other for _, one, other in rows)
    assert found["first_right"] == sum(one != other and one == right for right, one, other in rows)
    assert found["first_right"] + found["second_right"] == found["only_first"] + found["only_second"]
    assert found["same"] == pytest.approx(metrics.accuracy_score(first, second))
    if found["kappa"] is not None:
        assert found["kappa"] == pytest.approx(metrics.cohen_kappa_score(first, second))


def test_intervals_are_those_of_resampled_rows() -> None:
    draw = np.random.default_rng(3)
    truth, passed = draw.random(300) < 0.4, draw.random(300) < 0.5
    found = intervals(truth, passed)
    drawn = draw.integers(300, size=(4000, 300))
    shares = [truth[one][passed[one]].mean() for one in drawn]
    assert found["precision"] == pytest.approx(tuple(np.quantile(shares, [0.025, 0.975])), abs=0.02)
    assert intervals(truth, passed) == found
    assert intervals(truth, passed, list(range(300))) == found
    # Rows that repeat each other are worth no more than one of them.
    twice = intervals(np.tile(truth, 4), np.tile(passed, 4), [*range(300)] * 4)
    assert twice["recall"] == pytest.approx(found["recall"])
    narrow = intervals(np.tile(truth, 4), np.tile(passed, 4))
    assert narrow["recall"] is not None
    assert np.ptp(narrow["recall"]) < 0.6 * np.ptp(found["recall"])
    assert intervals(truth, np.zeros(300, dtype=bool))["precision"] is None


def test_figures_of_nli_rows() -> None:
    labels = ["entailment", "entailment", "neutral", "contradiction", "not_entailment"]
    rows = [NliRow("a", "b", label, "x") for label in labels]
    chances = np.array([[0.9, 0.1, 0], [0.5, 0.4, 0.1], [0.8, 0.1, 0.1], [0, 0.6, 0.4], [0.1, 0.2, 0.7]])
    found = measure_nli(rows, chances)
    assert found == {"rows": 5, "two_way": 0.8, "three_way": 0.5, "precision": 0.5, "recall": 0.5}
    two = measure_nli(rows, np.stack([chances[:, 0], 1 - chances[:, 0]], axis=1))
    assert two == {**found, "three_way": None, "two_way": pytest.approx(0.8)}
    nothing = measure_nli(rows[2:], chances[2:] * [0.5, 1, 1])
    assert (nothing["precision"], nothing["recall"]) == (None, None)


def test_figures_of_human_judgements() -> None:
    human = np.array([True, True, True, False])
    scores = np.array([[0.8, 0.9, 0.1, 0.2], [0.9, 0.1, 0.2, 0.8]])
    found = measure_paraphrases(human, scores, np.array([0.9, 0.7]))
    assert found == {
        "pairs": 4,
        "positives": pytest.approx(1 / 3),
        "negatives": 0,
        "identities": 0.5,
        "agreement": 0.5,
        "agreement_positives": pytest.approx(2 / 3),
    }


def test_figures_of_judged_pairs() -> None:
    pairs = [
        JudgedPair("x", "a", "b", "entailment", "entailment"),
        JudgedPair("x", "a", "c", "entailment", "neutral"),
        JudgedPair("y", "d", "e", "contradiction", "contradiction"),
    ]
    found = measure_judged(pairs, np.array([[0.9, 0.8, 0.76], [0.2, 0.9, 0.1]]))
    assert (found["pairs"], found["contexts"]) == (3, 2)
    assert found["precision"] == 0.5
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["labels"] == {
        "entailment": {"judged": 3, "pass": 2},
        "neutral": {"judged": 1, "pass": 1},
        "contradiction": {"judged": 2, "pass": 1},
    }
    both = found["both_ways"]
    assert (both["judged"], both["pass"], both["precision"], both["recall"]) == (1, 1, 0, 0)


def test_no_entailment_has_no_curve() -> None:
    found = measure_passes(np.array([False, False]), np.array([0.9, 0.1]))
    assert found["precision"] == 0
    assert [found[name] for name in ("recall", "average_precision", "precise", "curve")] == [None] * 4


@pytest.mark.parametrize("classes", [2, 3])
def test_temperature_is_fitted_to_overconfident_chances(negation_rows: list[NliRow], classes: int) -> None:
    draw = np.random.default_rng(0)
    many = [row for row in negation_rows if row.label != "not_entailment"] * 40
    right = np.array([[r.label == "entailment", False, r.label == "contradiction"] for r in many])
    right = right[:, [0, 2]] if classes == 2 else right
    flipped = draw.random(len(many)) < 0.2
    odds = np.exp(8.0 * np.where(flipped[:, None], right[:, ::-1], right))
    chances = odds / odds.sum(axis=1, keepdims=True)
    # One class with logit s has probability 0.8 where exp(s) / (exp(s) + classes - 1) = 0.8.
    expected = 8 / np.log(4 * (classes - 1))
    assert fit_temperature(many, chances) == pytest.approx(expected, rel=0.1)
    assert measure_calibration(many, chances)["temperature"] == pytest.approx(expected, rel=0.1)


@pytest.fixture(scope="module")
def labelled(tiny_bert: Model, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A folder with a whole random critic: `labelled(*labels)`, the rows of its output in the order of the labels."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    def save(*labels: str) -> Path:
        folder = tmp_path_factory.mktemp("labelled")
        with torch.random.fork_rng():
            torch.manual_seed(1)
            model = AutoModelForSequenceClassification.from_pretrained(
                tiny_bert.folder, num_labels=len(labels), id2label=dict(enumerate(labels))
            )
            for name in sorted(labels):
                model.classifier.weight.data[labels.index(name)] = 3 * torch.randn(32)
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(tiny_bert.folder).save_pretrained(folder)
        return folder

    return save


def test_classes_are_found_by_name(labelled: Callable[..., Path], negation_rows: list[NliRow]) -> None:
    pairs = [(row.premise, row.hypothesis) for row in negation_rows]
    usual = open_critic(resolve(str(labelled(*CLASSES))), "CRITIC").judge(pairs)
    other = open_critic(resolve(str(labelled("Contradiction", "Entailment", "Neutral"))), "CRITIC").judge(pairs)
    assert usual == pytest.approx(other, abs=1e-6)
    assert np.ptp(usual.mean(axis=0)) > 0.1
    two = open_critic(resolve(str(labelled("not_entailment", "entailment"))), "CRITIC")
    assert two.places == (1, 0)
    assert two.judge(pairs).shape == (len(pairs), 2)
    assert two.judge([]).shape == (0, 2)


@pytest.mark.parametrize(
    "labels", [("LABEL_0", "LABEL_1", "LABEL_2"), ("positive", "negative"), ("entailment", "neutral", "other", "none")]
)
def test_other_labels_are_refused(labelled: Callable[..., Path], labels: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=f"CRITIC: .* has the labels {', '.join(labels)}; ") as error:
        open_critic(resolve(str(labelled(*labels))), "CRITIC")
    one_line(error)


@pytest.fixture(scope="module")
def adapter(tiny_bert: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random LoRA adapter of the tiny encoder, as training leaves it."""
    from peft import LoraConfig, get_peft_model

    from lemonpress.nli.train import head_modules, load_encoder

    folder = tmp_path_factory.mktemp("adapter")
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = load_encoder(tiny_bert.folder)
        lora = LoraConfig(
            task_type="SEQ_CLS",
            r=3,
            target_modules="all-linear",
            init_lora_weights=False,
            modules_to_save=head_modules(model),
        )
        model.classifier.weight.data.normal_(std=0.2)
        model.classifier.bias.data = torch.tensor([0.0, 3.0, -1.0])
        get_peft_model(model, lora).save_pretrained(folder)
    return folder


def _recipe(tiny: Model, **more: Any) -> CriticRecipe:
    return CriticRecipe.model_validate(
        {
            "name": "tiny-critic",
            "encoder": str(tiny.folder),
            "datasets": {
                "own": {"path": "own.jsonl", "sources": {"farm": {"from": "a farm", "licence": "CC0-1.0", "rows": 7}}}
            },
            "validation": {"path": "own.jsonl"},
            "test": {"path": "test.jsonl"},
            "stages": [{"name": "only", "rows": {"own": 1234}, "learning_rate": 1e-3}],
            **more,
        }
    )


@pytest.mark.parametrize("whole", [False, True])
def test_a_finished_critic_is_calibrated_measured_and_described(
    adapter: Path,
    labelled: Callable[..., Path],
    tiny_bert: Model,
    negation_rows: list[NliRow],
    tmp_path: Path,
    home: Path,
    whole: bool,
) -> None:
    trained = labelled(*CLASSES) if whole else adapter
    notes = {"license": "cc-by-4.0", "language": "en", "notes": "It knows *cats*."}
    recipe = _recipe(tiny_bert, **notes, **({"lora": None} if whole else {}))
    paraphrases = [(row.premise, row.hypothesis, row.label == "entailment") for row in negation_rows]
    judged = [JudgedPair(row.premise, row.premise, row.hypothesis, "neutral", "entailment") for row in negation_rows]
    held_out = {"changed": [NliRow(row.premise, row.hypothesis, "neutral", "changed-name") for row in negation_rows]}
    pairs = [(row.premise, row.hypothesis) for row in negation_rows]
    write_asset(trained, recipe, tiny_bert, 1.0, tmp_path / "plain")
    plain = open_critic(resolve(str(tmp_path / "plain")), "critic").judge(pairs)
    # Four of five rows are labelled as the critic would, whatever it is: some temperature makes them likeliest.
    guesses = [CLASSES[(place + (number % 5 == 0)) % 3] for number, place in enumerate(plain.argmax(axis=1))]
    validation = [replace(row, label=guess) for row, guess in zip(negation_rows, guesses, strict=True)]
    benchmarks = Benchmarks(validation, negation_rows, paraphrases, held_out, judged)
    out = tmp_path / "critic"
    figures = finish(trained, recipe, tiny_bert, benchmarks, out)

    calibrated = open_critic(resolve(str(out)), "critic").judge(pairs)
    tempered = plain ** (1 / figures["temperature"])
    assert calibrated == pytest.approx(tempered / tempered.sum(axis=1, keepdims=True), abs=3e-3)
    assert abs(calibrated - plain).max() > 0.01
    assert fit_temperature(validation, calibrated) == pytest.approx(1, abs=0.02)

    files = {file.name for file in out.iterdir()}
    assert files >= {"config.json", "figures.json", "curves.png", "README.md"}
    weights = (
        {"model.safetensors", "tokenizer.json"} if whole else {"adapter_model.safetensors", "adapter_config.json"}
    )
    assert files >= weights
    assert ("tokenizer.json" in files) == whole
    assert json.loads((out / "figures.json").read_text()) == figures
    assert {"nli", "nli_sources", "calibration", "paraphrases", "judged", "held_out", "changed"} < figures.keys()
    assert not list(tmp_path.glob(".draft-*"))

    card = ModelCard.load(out / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.language == "en"
    assert card.data.library_name == ("transformers" if whole else "peft")
    results = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert results["Recall of entailment at 0.75"] == figures["nli"]["recall"]
    for said in ("It knows *cats*.", "| farm | a farm | CC0-1.0 | 7 |", "| own | 1,234 |", "![", "own.jsonl"):
        assert said in card.text
    assert resolve(str(out)).licence == "cc-by-4.0"


def test_only_the_output_layer_is_divided(adapter: Path, tiny_bert: Model, tmp_path: Path) -> None:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    write_asset(adapter, _recipe(tiny_bert), tiny_bert, 4.0, tmp_path / "adapter")
    before, after = (load_file(f / "adapter_model.safetensors") for f in (adapter, tmp_path / "adapter"))
    output = "base_model.model.classifier.weight"
    assert torch.equal(after[output], (before[output] / 4).half())
    kept = [name for name in before if torch.equal(before[name].half(), after[name])]
    assert before.keys() - kept <= {output, output.replace("weight", "bias")}
    assert len(kept) > 20
    assert {tensor.dtype for tensor in after.values()} == {torch.float16}

    config = RobertaConfig(
        vocab_size=15,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        num_labels=3,
    )
    RobertaForSequenceClassification(config).save_pretrained(tmp_path / "roberta")
    write_asset(tmp_path / "roberta", _recipe(tiny_bert, lora=None), tiny_bert, 4.0, tmp_path / "whole")
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("roberta", "whole"))
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"classifier.out_proj.weight"}
    written = json.loads((tmp_path / "whole/config.json").read_text())
    assert written["id2label"] == {"0": "entailment", "1": "neutral", "2": "contradiction"}
    assert classification.labels_of(resolve(str(tmp_path / "whole")), "critic") == list(CLASSES)


def test_what_is_no_trained_critic_is_refused(tiny_bert: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds neither adapter_model"):
        write_asset(tmp_path, _recipe(tiny_bert), tiny_bert, 1.0, tmp_path / "out")
    with pytest.raises(UserError, match="no output layer of 3 classes") as error:
        write_asset(tiny_bert.folder, _recipe(tiny_bert), tiny_bert, 1.0, tmp_path / "out")
    one_line(error)


def test_plots_are_small_and_named(tmp_path: Path) -> None:
    from PIL import Image

    draw = np.random.default_rng(0)
    truth = draw.random(3000) < 0.4
    drawn = [Line(f"critic {n}", truth, np.clip(0.5 * truth + 0.5 * draw.random(3000), 0, 1)) for n in range(3)]
    plot_curves(drawn, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size < 80_000
    with Image.open(tmp_path / "curves.png") as image:
        assert image.width > 2 * image.height
        assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255)  # readable on dark pages too
    with pytest.raises(ValueError, match="1 to 6"):
        plot_curves(drawn * 3, tmp_path / "more.png")


def test_both_directions_of_judged_pairs_meet_their_labels(
    labelled: Callable[..., Path], negation_rows: list[NliRow]
) -> None:
    critic = open_critic(resolve(str(labelled(*CLASSES))), "CRITIC")
    pairs = [JudgedPair("x", row.premise, row.hypothesis, "entailment", "neutral") for row in negation_rows]
    benchmarks = Benchmarks(judged=pairs)
    verdicts = judge(critic, benchmarks)
    forward = critic.judge([(row.premise, row.hypothesis) for row in negation_rows])[:, 0]
    assert verdicts.judged[0] == pytest.approx(forward, abs=1e-6)
    (line,) = lines({"x": (benchmarks, verdicts)})
    assert line.scores[line.entails] == pytest.approx(forward, abs=1e-6)
    assert measure(benchmarks, verdicts).keys() == {"judged"}


@pytest.mark.weights
def test_the_program_measures_and_compares(labelled: Callable[..., Path], tmp_path: Path, weights_home: Path) -> None:
    from lemonpress.nli.judged import read_judged

    pairs = read_judged()[:15]
    rows = [{"premise": p.first, "hypothesis": p.second, "label": p.forward, "source": "pool"} for p in pairs]
    rows += [{"premise": p.first, "hypothesis": p.first, "label": "entailment", "source": "same"} for p in pairs]
    (tmp_path / "nli.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    human = [{"source": p.first, "reference": p.second, "paraphrase": n % 2} for n, p in enumerate(pairs)]
    (tmp_path / "human.jsonl").write_text("".join(json.dumps(row) + "\n" for row in human))
    other, out = str(labelled("entailment", "not_entailment")), tmp_path / "out"
    files = ["--nli", str(tmp_path / "nli.jsonl"), "--paraphrases", str(tmp_path / "human.jsonl")]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "data/nli-critic", other, *files, "--output", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = json.loads((out / "figures.json").read_text())
    shipped = written["critics"]["data/nli-critic"]
    assert shipped["nli"]["rows"] == 30
    assert shipped["nli_sources"]["same"]["recall"] >= 0.9
    assert written["critics"][other]["nli"]["three_way"] is None
    assert written["agreement"]["NLI test"]["rows"] == 30
    assert f"| measured on | figure | data/nli-critic | {other} |" in done.stdout
    assert "kappa" in done.stdout
    assert (out / "curves.png").stat().st_size < 80_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["./absent", "--nli", "{nli}"], "CRITIC: absent holds no model"),
        (["{bare}", "--nli", "{nli}"], "CRITIC: .* not a sequence classifier"),
        (["{other}", "--nli", "{nli}"], "CRITIC: .* has the labels good, bad"),
        (["{bare}", "--nli", "{absent}"], "--nli.path: no file .*absent.jsonl"),
        (["{bare}", "--judged", "{absent}"], "absent.jsonl: no such file"),
        (["{bare}"], "give --nli, --paraphrases or --judged"),
        (["{bare}", "{bare}", "--nli", "{nli}"], "each critic once"),
    ],
)
def test_bad_input_is_one_line(
    tiny_bert: Model,
    labelled: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    import re

    nli = tmp_path / "nli.jsonl"
    rows = [{"premise": "a", "hypothesis": "b", "label": label} for label in ("entailment", "neutral")]
    nli.write_text("".join(json.dumps(row) + "\n" for row in rows))
    names = {"nli": nli, "absent": tmp_path / "absent.jsonl", "bare": tiny_bert.folder, "other": "unused"}
    if "{other}" in arguments:
        names["other"] = labelled("good", "bad")
    spec = importlib.util.spec_from_file_location("evaluate_critic", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(sys, "argv", ["evaluate_critic.py", *(one.format(**names) for one in arguments)])
    assert program.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("evaluate_critic.py: error: ")
    assert re.search(said, line), line
