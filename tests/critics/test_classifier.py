"""Any text classifier as a critic, on tiny random models."""

from pathlib import Path

import numpy as np
import pytest
from groups import pairs_of, shard_of

from lemonpress.critics import classification, classifier
from lemonpress.critics.classification import labels_of
from lemonpress.critics.classifier import TextClassifier
from lemonpress.critics.scores import Tables
from lemonpress.errors import UserError
from lemonpress.recipes import ClassifierSettings
from lemonpress.sources import Model, resolve
from one_line import one_line

WORDS = ("the", "mayor", "opened", "new", "bridge", "on", "friday", "bad", "good", "people")
SENTENCES = ["the mayor opened", "bad bad bad people", "new bridge on friday", "good people opened the new bridge"]


def save_model(folder: Path, **settings: object) -> Model:
    """A random BERT classifier over a few words, labels other and toxic."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizer(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    config = BertConfig(
        vocab_size=5 + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        initializer_range=1.0,
        id2label={0: "other", 1: "toxic"},
        label2id={"other": 0, "toxic": 1},
        **settings,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertForSequenceClassification(config).save_pretrained(folder)
    return resolve(str(folder))


@pytest.fixture(scope="module")
def softmax(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return save_model(tmp_path_factory.mktemp("classifier") / "single")


@pytest.fixture(scope="module")
def sigmoid(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return save_model(tmp_path_factory.mktemp("classifier") / "multi", problem_type="multi_label_classification")


def critic_of(model: Model, **settings: object) -> TextClassifier:
    values = {"critic": "classifier", "model": "./tiny", "label": "toxic", "max": 0.5} | settings
    return TextClassifier(ClassifierSettings.model_validate(values), model)


def chances_of(model: Model, label: int = 1) -> np.ndarray:
    """What transformers says, one sentence at a time."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    network = AutoModelForSequenceClassification.from_pretrained(model.folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(model.folder)
    with torch.inference_mode():
        logits = torch.cat([network(**tokenizer(text, return_tensors="pt")).logits for text in SENTENCES])
    multi = network.config.problem_type == "multi_label_classification"
    return (logits.sigmoid() if multi else logits.softmax(-1))[:, label].double().numpy()


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_the_score_is_the_models_probability(kind: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    expected = chances_of(model)
    assert np.ptp(expected) > 0.05
    critic = critic_of(model, sides="target", max=0.99)
    tables = Tables(shard_of(SENTENCES))
    sources, targets = tables.shard.ordered_pairs()
    assert critic.score(tables, sources, targets) == pytest.approx(expected[targets], abs=1e-4)


def test_a_multi_label_model_gives_each_label_its_own_probability(sigmoid: Model) -> None:
    assert np.abs(chances_of(sigmoid, 0) + chances_of(sigmoid, 1) - 1).max() > 0.01


@pytest.mark.parametrize(("bounds", "worse"), [({"max": 0.6}, np.maximum), ({"min": 0.4, "max": 1.0}, np.minimum)])
def test_the_worse_sentence_counts(softmax: Model, bounds: dict[str, float], worse: np.ufunc) -> None:
    chances = chances_of(softmax)
    critic = critic_of(softmax, **bounds)
    tables = Tables(shard_of(SENTENCES))
    sources, targets = tables.shard.ordered_pairs()
    scores = critic.score(tables, sources, targets)
    assert scores == pytest.approx(worse(chances[sources], chances[targets]), abs=1e-4)
    inside = (chances >= critic.settings.min) & (chances <= critic.settings.max)
    assert critic.keeps(scores).tolist() == (inside[sources] & inside[targets]).tolist()


def test_with_two_bounds_both_sentences_lie_within(softmax: Model) -> None:
    chances = np.sort(chances_of(softmax))
    critic = critic_of(softmax, min=float(chances[:2].mean()), max=float(chances[-2:].mean()))
    tables = Tables(shard_of(SENTENCES))
    sources, targets = tables.shard.ordered_pairs()
    inside = np.isin(chances_of(softmax), chances[1:-1])
    kept = critic.keeps(critic.score(tables, sources, targets))
    assert kept.tolist() == (inside[sources] & inside[targets]).tolist()


def test_each_sentence_is_classified_once(softmax: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    whole = classification.Classifier.probabilities

    def noted(self: classification.Classifier, ones: tuple[str, ...]) -> np.ndarray:
        asked.extend(ones)
        return whole(self, ones)

    classifier._probabilities.cache_clear()
    monkeypatch.setattr(classification.Classifier, "probabilities", noted)
    tables = Tables(shard_of(SENTENCES, SENTENCES[:2]))
    for critic in (critic_of(softmax), critic_of(softmax, name="calm", label="other", max=0.9)):
        critic.score(tables, *pairs_of((0, 1)))
        critic.score(tables, *pairs_of((1, 2), (4, 5)))
    assert sorted(asked) == sorted(SENTENCES)


def test_a_classifier_names_itself_and_gives_reasons(softmax: Model) -> None:
    critic = critic_of(softmax, name="toxicity", max=0.25)
    assert critic.name == "toxicity"
    assert critic.models == (softmax,)
    assert critic.description == "p(toxic) of the worse sentence by single, kept up to 0.25"
    first, second = chances_of(softmax)[:2]
    assert critic.reason(*SENTENCES[:2]) == f"toxic {second:.2f} in the target, {first:.2f} in the source"
    assert critic_of(softmax, sides="target").reason(*SENTENCES[:2]) == f"toxic {second:.2f} in the target"


def test_an_unknown_label_is_refused_before_weights_load(softmax: Model, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((softmax.folder / "config.json").read_text())
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(UserError, match="'rude'; its labels are other, toxic"):
        critic_of(Model("bare", "none", tmp_path, "unknown"), label="rude")


def test_a_model_without_weights_is_refused(softmax: Model, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((softmax.folder / "config.json").read_text())
    bare = Model("bare", "none", tmp_path, "unknown")
    with pytest.raises(UserError) as error:
        critic_of(bare)
    assert "bare has no safetensors weights" in one_line(error)
    (tmp_path / "adapter_model.safetensors").touch()
    with pytest.raises(UserError, match="bare has no safetensors weights"):
        critic_of(bare)
    assert labels_of(Model("adapter", "none", tmp_path, "unknown", base=softmax), "critic") == ["other", "toxic"]
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match="adapter has no adapter_model"):
        labels_of(Model("adapter", "none", tmp_path, "unknown", base=softmax), "critic")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("[]", "no readable config.json"),
        ("[" * 100_000, "no readable config.json"),
        ('{"architectures": 1}', "no architecture"),
        ('{"architectures": "BertForSequenceClassification"}', "no architecture"),
        ('{"architectures": ["BertForSequenceClassification"], "id2label": {"a": "x", "1": "y"}}', "no labels"),
        ('{"architectures": ["BertForSequenceClassification"], "id2label": {"1": "x", "2": "y"}}', "no labels"),
        ('{"architectures": ["BertForSequenceClassification"], "id2label": ["x", "y"]}', "no labels"),
        ('{"architectures": ["BertForSequenceClassification"], "id2label": 2}', "no labels"),
    ],
)
def test_a_malformed_configuration_is_one_line(config: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(UserError) as error:
        labels_of(Model("bare", "none", tmp_path, "unknown"), "critic toxicity")
    assert one_line(error).startswith("critic toxicity: bare ")
    assert complaint in str(error.value)


def test_reasons_classify_each_sentence_once(softmax: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    whole = classification.Classifier.probabilities

    def noted(self: classification.Classifier, ones: tuple[str, ...]) -> np.ndarray:
        asked.extend(ones)
        return whole(self, ones)

    classifier._alone.cache_clear()
    monkeypatch.setattr(classification.Classifier, "probabilities", noted)
    critic = critic_of(softmax)
    for target in SENTENCES[1:]:
        critic.reason(SENTENCES[0], target)
    assert sorted(asked) == sorted(SENTENCES)
