"""Training: the loss, a tiny critic that learns, resuming, and what is refused."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lemonpress.errors import UserError
from lemonpress.nli.asset import load_critic, write_asset
from lemonpress.nli.evaluate import classify, fit_temperature, measure_nli, softmax
from lemonpress.nli.rows import NliRow
from lemonpress.nli.settings import CriticRecipe, StageSettings, load_critic_recipe
from lemonpress.nli.train import check_encoder, train_critic
from lemonpress.sources import Model, resolve

WORDS = ("the", "cat", "dog", "clerk", "mayor", "town", "saw", "met", "fed", "never")


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A random Bert of two layers and a vocabulary of ten words."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(
            BertConfig(
                vocab_size=len(vocabulary),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=64,
            )
        ).save_pretrained(folder)
    return resolve(str(folder))


@pytest.fixture(scope="module")
def rows() -> list[NliRow]:
    """What is negated is contradicted; two-way rows among them."""
    made = []
    for who in ("cat", "dog", "clerk", "mayor"):
        for did in ("saw", "met", "fed"):
            for whom in ("cat", "dog", "town"):
                text = f"the {who} {did} the {whom}"
                made.append(NliRow(text, text, "entailment", "tiny"))
                label = "contradiction" if whom == "cat" else "not_entailment"
                made.append(NliRow(text, f"the {who} never {did} the {whom}", label, "tiny"))
    return made


def _recipe(epochs: float = 8) -> CriticRecipe:
    stage = StageSettings(name="only", rows={"nli": 500}, epochs=epochs, learning_rate=5e-3, batch_size=8)
    return CriticRecipe(encoder="unused", max_tokens=32, save_steps=20, stages=[stage])


@pytest.fixture(scope="module")
def trained(tiny_bert: Model, rows: list[NliRow], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_critic(_recipe(), tiny_bert, {"nli": rows}, tmp_path_factory.mktemp("trained"))


def test_two_way_labels_take_either_class() -> None:
    from lemonpress.nli.trainer import nli_loss

    logits = torch.log(torch.tensor([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]]))
    assert nli_loss(logits[:1], torch.tensor([3])).item() == pytest.approx(-math.log(0.8), abs=1e-6)
    assert nli_loss(logits[:1], torch.tensor([1])).item() == pytest.approx(-math.log(0.5), abs=1e-6)
    both = nli_loss(logits, torch.tensor([3, 0])).item()
    assert both == pytest.approx(-(math.log(0.8) + math.log(0.2)) / 2, abs=1e-6)


def test_a_two_way_label_does_not_choose_between_its_classes() -> None:
    from lemonpress.nli.trainer import nli_loss

    logits = torch.tensor([[0.3, 1.0, -1.0]], requires_grad=True)
    nli_loss(logits, torch.tensor([3])).backward()
    assert logits.grad is not None
    neutral, contradiction = -logits.grad[0, 1], -logits.grad[0, 2]
    assert (neutral / contradiction).item() == pytest.approx(math.exp(2.0), rel=1e-4)


def test_a_tiny_critic_learns(tiny_bert: Model, rows: list[NliRow], trained: Path) -> None:
    model, tokenizer = load_critic(trained, tiny_bert)
    figures = measure_nli(rows, softmax(classify(model, tokenizer, [(r.premise, r.hypothesis) for r in rows])))
    assert figures["two_way"] > 0.9


def test_a_resumed_training_equals_an_uninterrupted_one(
    tiny_bert: Model, rows: list[NliRow], trained: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    stage = tmp_path / "only"
    shutil.copytree(trained.parent / "checkpoints/checkpoint-20", stage / "checkpoints/checkpoint-20")
    shutil.copy(trained.parent / "stage.json", stage)
    again = train_critic(_recipe(), tiny_bert, {"nli": rows}, tmp_path)
    first, second = (load_file(folder / "adapter_model.safetensors") for folder in (trained, again))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_finished_training_is_taken_and_another_refused(tiny_bert: Model, rows: list[NliRow], trained: Path) -> None:
    out = trained.parent.parent
    before = (trained / "adapter_model.safetensors").stat().st_mtime_ns
    assert train_critic(_recipe(), tiny_bert, {"nli": rows}, out) == trained
    assert (trained / "adapter_model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="other settings or rows"):
        train_critic(_recipe(epochs=9), tiny_bert, {"nli": rows}, out)


def test_the_asset_is_the_adapter_calibrated(
    tiny_bert: Model, rows: list[NliRow], trained: Path, tmp_path: Path
) -> None:
    pairs = [(row.premise, row.hypothesis) for row in rows]
    plain = classify(*load_critic(trained, tiny_bert), pairs)
    write_asset(trained, "package:tiny", tiny_bert, 2.0, tmp_path)
    calibrated = classify(*load_critic(tmp_path, tiny_bert), pairs)
    assert abs(calibrated - plain / 2).max() < 0.02
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "config.json",
    ]
    assert str(tiny_bert.folder) not in "".join(file.read_text() for file in tmp_path.glob("*.json"))


def test_temperature_is_fitted_to_overconfident_logits(rows: list[NliRow]) -> None:
    draw = np.random.default_rng(0)
    many = [row for row in rows if row.label != "not_entailment"] * 40
    right = np.array([[r.label == "entailment", False, r.label == "contradiction"] for r in many], dtype=np.float32)
    flipped = draw.random(len(many)) < 0.2
    logits = np.where(flipped[:, None], right[:, ::-1], right) * np.float32(8)
    # one class in three with logit s has probability 0.8 where exp(s) / (exp(s) + 2) = 0.8
    assert fit_temperature(many, logits) == pytest.approx(8 / math.log(8), rel=0.1)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, "there are no such rows"),
        ({"nli": [NliRow("a", "a", "entailment", "x")] * 4}, "all rows are labelled entailment"),
    ],
)
def test_stages_without_rows_or_with_one_class(
    tiny_bert: Model, tmp_path: Path, made: dict[str, list[NliRow]], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        train_critic(_recipe(), tiny_bert, made, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_encoder_without_weights_or_tokenizer(tiny_bert: Model, tmp_path: Path) -> None:
    shutil.copy(tiny_bert.folder / "config.json", tmp_path)
    with pytest.raises(UserError, match="no safetensors weights"):
        check_encoder(resolve(str(tmp_path)), "encoder")
    shutil.copy(tiny_bert.folder / "model.safetensors", tmp_path)
    with pytest.raises(UserError, match="no tokenizer"):
        check_encoder(resolve(str(tmp_path)), "encoder")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("encoder: x\nstages: []\n", "stages"),
        ("encoder: x\nstages: [{name: a, rows: {wiki: 3}}]\n", "stages.0.rows.wiki"),
        ("encoder: x\nstages: [{name: a, rows: {nli: 0}}]\n", "at least one source"),
        ("encoder: x\nepochs: 3\nstages: [{name: a, rows: {nli: 3}}]\n", "'epochs'"),
        ("[", "not a YAML file"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "critic.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        load_critic_recipe(file)
