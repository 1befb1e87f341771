"""Entailment: labels by name, batches that change nothing, and the lazy matrix."""

from pathlib import Path

import numpy as np
import pytest
from groups import MatrixScorer, pairs_of, shard_of
from tiny_nli import WORDS, save_tiny_bert

from lemonpress.critics import build
from lemonpress.critics.cascade import judge
from lemonpress.critics.classification import load
from lemonpress.critics.entailment import Entailment, EntailmentScorer, entailment_label
from lemonpress.critics.scores import Tables
from lemonpress.errors import UserError
from lemonpress.recipes import EntailmentSettings
from lemonpress.sources import resolve
from one_line import one_line


def sentences(count: int, seed: int = 0) -> list[str]:
    """Distinct word salads of very different lengths."""
    draw = np.random.default_rng(seed)
    found = [" ".join(draw.choice(WORDS, draw.integers(1, 20))) for _ in range(3 * count)]
    return list(dict.fromkeys(found))[:count]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("nli"), ["contradiction", "Entailment", "neutral"])


@pytest.fixture(scope="module")
def scorer(folder: Path) -> EntailmentScorer:
    return EntailmentScorer(resolve(str(folder)), 1)


@pytest.mark.parametrize(
    ("labels", "named", "place"),
    [
        (["contradiction", "entailment", "neutral"], None, 1),
        (["ENTAILMENT", "NEUTRAL", "CONTRADICTION"], None, 0),
        (["not_entailment", "entailment"], None, 1),
        (["LABEL_0", "LABEL_1", "LABEL_2"], "label_2", 2),
    ],
)
def test_the_label_is_found_by_name(labels: list[str], named: str | None, place: int) -> None:
    assert entailment_label(EntailmentSettings(critic="entailment", label=named), labels) == place


@pytest.mark.parametrize(
    ("labels", "named"), [(["LABEL_0", "LABEL_1"], None), (["entailed", "entailment"], None), (["yes", "no"], "maybe")]
)
def test_a_label_that_cannot_be_told_is_refused(labels: list[str], named: str | None) -> None:
    with pytest.raises(UserError) as error:
        entailment_label(EntailmentSettings(critic="entailment", label=named), labels)
    assert ", ".join(labels) in one_line(error)
    assert "label" in one_line(error)


def test_models_that_cannot_judge_are_refused_before_they_load(tmp_path: Path) -> None:
    for config, complaint in (
        ('{"architectures": ["GPT2LMHeadModel"]}', "GPT2LMHeadModel"),
        ('{"architectures": ["BertForSequenceClassification"]}', "id2label"),
        ("{", "config.json"),
    ):
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
        with pytest.raises(UserError) as error:
            build([EntailmentSettings(critic="entailment", model=str(tmp_path))])
        assert complaint in one_line(error)


def test_probabilities_equal_one_pair_at_a_time_by_the_stock_tokenizer(folder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = [*sentences(40), " ".join(WORDS * 9)]  # the last is longer than the model's window
    ones, others = texts, texts[::-1]
    found = load(resolve(str(folder))).probabilities(ones, others)
    with torch.inference_mode():
        expected = [
            model(**tokenizer(one, other, return_tensors="pt", truncation=True)).logits.softmax(-1)[0].tolist()
            for one, other in zip(ones, others, strict=True)
        ]
        alone = [
            model(**tokenizer(text, return_tensors="pt", truncation=True)).logits.softmax(-1)[0].tolist()
            for text in texts
        ]
    assert found == pytest.approx(np.array(expected), abs=1e-5)
    assert load(resolve(str(folder))).probabilities(texts) == pytest.approx(np.array(alone), abs=1e-5)
    assert found.std(axis=0).min() > 0.02
    shared = load(resolve(str(folder)))
    shared.tokenizer(ones, others, padding=True, truncation=True, max_length=8)  # leaves its settings behind
    assert shared.probabilities(ones, others) == pytest.approx(found, abs=1e-6)


def test_a_sentence_entails_itself_and_no_model_is_asked(scorer: EntailmentScorer) -> None:
    shard = shard_of(["the mayor opened", "a bridge"], ["the mayor opened"])
    found = scorer.score(shard, *pairs_of((0, 0), (0, 2), (1, 0)))
    assert found[:, :2].tolist() == [[1, 1], [1, 1]]
    assert found[0, 2] < 1
    assert set(found[1].tolist()) <= {0.0, 1.0}


def test_scores_do_not_depend_on_who_asks_what(scorer: EntailmentScorer) -> None:
    shard = shard_of(sentences(9), sentences(5, seed=1))
    sources, targets = shard.ordered_pairs()
    whole = Tables(shard).scores(scorer, sources, targets)
    parts = Tables(shard)
    order = np.random.default_rng(0).permutation(len(sources))
    for chunk in np.array_split(order, 7):
        assert parts.scores(scorer, sources[chunk], targets[chunk]) == pytest.approx(whole[chunk], abs=1.01e-4)
    assert parts.scored == len(sources)
    flags = parts.scores(scorer, sources, targets, channel=1)
    assert parts.scored == len(sources)
    assert 0 < flags.mean() < 1


def test_equivalence_is_both_directions_with_half_of_the_questions(scorer: EntailmentScorer) -> None:
    shard = shard_of(sentences(30))
    sources, targets = shard.ordered_pairs()
    full = Tables(shard)
    forward, reverse = full.scores(scorer, sources, targets), full.scores(scorer, targets, sources)
    settings = EntailmentSettings(critic="entailment", min=float(np.quantile(np.minimum(forward, reverse), 0.8)))
    both = (forward >= settings.min) & (reverse >= settings.min)
    assert 0 < both.mean() < 0.5
    tables = Tables(shard)
    critics = [Entailment(settings, scorer, "longer"), Entailment(settings, scorer, "shorter")]
    found = judge(sources, targets, critics, None, tables, 0)
    kept = set(zip(sources[both].tolist(), targets[both].tolist(), strict=True))
    assert set(zip(*(side.tolist() for side in found.kept), strict=True)) == kept
    assert found.scores["entailment"] == pytest.approx(forward[both], abs=1.01e-4)
    assert found.scores["reverse_entailment"] == pytest.approx(reverse[both], abs=1.01e-4)
    first, second = found.funnel
    assert first.scored == len(sources) / 2
    assert second.scored == first.kept / 2
    assert tables.scored == first.scored + second.scored


def test_one_way_entailment_asks_the_source() -> None:
    matrix = np.array([[1, 0.9], [0.1, 1]])
    critic = Entailment(EntailmentSettings(critic="entailment", direction="forward"), MatrixScorer(matrix))
    found = judge(*pairs_of((0, 1), (1, 0)), [critic], None, Tables(shard_of(["x", "y"])), 0)
    assert [side.tolist() for side in found.kept] == [[0], [1]]
    assert found.rejected[0][3].tolist() == [0.1]
