"""Training: the loss, tiny critics that learn, early stopping, resuming, other encoders, and what is refused."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from lemonpress.critics import classification
from lemonpress.errors import UserError
from lemonpress.nli.rows import CLASSES, NliRow
from lemonpress.nli.settings import CriticRecipe
from lemonpress.nli.train import check_encoder, head_modules, load_encoder, steps, train_critic
from lemonpress.recipes import LoraSettings
from lemonpress.sources import Model, resolve
from one_line import one_line

LORA = {"r": 8, "alpha": 16}


def _recipe(
    lora: dict[str, Any] | None = LORA, stages: list[dict[str, Any]] | None = None, **more: Any
) -> CriticRecipe:
    only = {"name": "only", "rows": {"nli": 500}, "epochs": 6, "learning_rate": 5e-3, "batch_size": 8}
    return CriticRecipe.model_validate(
        {
            "encoder": "unused",
            "max_tokens": 32,
            "save_steps": 20,
            "lora": lora,
            "datasets": {"nli": {"path": "unused"}},
            "validation": {"path": "unused"},
            "stages": [{**only, **stage} for stage in stages or [{}]],
            **more,
        }
    )


STOPPING = [{"early_stopping": {"every": 5, "patience": 2}}]


@pytest.fixture(scope="module")
def contrary(negation_rows: list[NliRow]) -> list[NliRow]:
    """Validation rows that say the opposite of the training rows: once that is learnt, their loss grows."""
    other = {"entailment": "contradiction", "contradiction": "entailment", "not_entailment": "entailment"}
    return [NliRow(row.premise, row.hypothesis, other[row.label], row.source) for row in negation_rows[:20]]


@pytest.fixture(scope="module")
def trained(tiny_bert: Model, negation_rows: list[NliRow], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_critic(_recipe(), tiny_bert, {"nli": negation_rows}, [], tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def stopped(
    tiny_bert: Model, negation_rows: list[NliRow], contrary: list[NliRow], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    recipe = _recipe(stages=STOPPING)
    return train_critic(recipe, tiny_bert, {"nli": negation_rows}, contrary, tmp_path_factory.mktemp("stopped"))


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    (file,) = folder.glob("*.safetensors")
    return load_file(file)


def _same(one: Path, other: Path) -> bool:
    first, second = _weights(one), _weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def _two_way(probabilities: Any, rows: list[NliRow]) -> float:
    return float(((probabilities.argmax(axis=1) == 0) == [row.label == "entailment" for row in rows]).mean())


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


def test_class_weights_weigh_rows() -> None:
    from lemonpress.nli.trainer import nli_loss

    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    labels, weights = torch.tensor([0, 1, 2, 2, 1, 0]), torch.tensor([3.0, 0.5, 1.0])
    plain = torch.nn.functional.cross_entropy(logits, labels, weight=weights)
    assert nli_loss(logits, labels, weights).item() == pytest.approx(plain.item(), abs=1e-6)
    two_way = torch.tensor([0, 3])
    apart = [nli_loss(logits[place : place + 1], two_way[place : place + 1]).item() for place in (0, 1)]
    together = nli_loss(logits[:2], two_way, weights).item()
    assert together == pytest.approx((3.0 * apart[0] + 0.75 * apart[1]) / 3.75, abs=1e-6)


def test_class_weights_move_what_is_learnt(tiny_bert: Model, negation_rows: list[NliRow], tmp_path: Path) -> None:
    torn = [NliRow(row.premise, row.premise, label, "t") for row in negation_rows for label in CLASSES[:2]]
    chances = []
    for weights in ({"entailment": 9.0}, {"neutral": 9.0}):
        recipe = _recipe(None, [{"epochs": 3, "learning_rate": 2e-3}], class_weights=weights)
        folder = train_critic(recipe, tiny_bert, {"nli": torn}, [], tmp_path / next(iter(weights)))
        critic = classification.load(resolve(str(folder)), "cpu")
        chances.append(critic.probabilities(["the cat saw the dog"], ["the cat saw the dog"])[0, 0])
    assert chances[0] == pytest.approx(0.9, abs=0.08)
    assert chances[1] == pytest.approx(0.1, abs=0.08)


def test_a_tiny_adapter_learns(tiny_bert: Model, negation_rows: list[NliRow], trained: Path) -> None:
    from peft import PeftModel
    from transformers import AutoTokenizer

    model = PeftModel.from_pretrained(load_encoder(tiny_bert.folder), trained).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert.folder)
    pairs = [row.premise for row in negation_rows], [row.hypothesis for row in negation_rows]
    with torch.inference_mode():
        logits = model(**tokenizer(*pairs, padding=True, return_tensors="pt")).logits
    assert _two_way(logits.numpy(), negation_rows) > 0.9
    assert {"adapter_config.json", "adapter_model.safetensors"} <= {file.name for file in trained.iterdir()}
    assert not list(trained.glob("*.pt"))


def test_a_tiny_whole_model_learns_and_stands_alone(
    tiny_bert: Model, negation_rows: list[NliRow], tmp_path: Path
) -> None:
    stages = [{"name": "first", "epochs": 3, "learning_rate": 2e-3}, {"name": "second", "epochs": 2}]
    folder = train_critic(_recipe(None, stages), tiny_bert, {"nli": negation_rows}, [], tmp_path)
    model = resolve(str(folder))
    assert classification.labels_of(model, "here") == list(CLASSES)
    chances = classification.load(model, "cpu").probabilities(
        [row.premise for row in negation_rows], [row.hypothesis for row in negation_rows]
    )
    assert _two_way(chances, negation_rows) > 0.9
    checkpoints = list((tmp_path / "first/checkpoints").glob("checkpoint-*"))
    assert len(checkpoints) == 2  # whole models are large


@pytest.mark.parametrize("kept", [["checkpoint-20"], ["checkpoint-20", "checkpoint-40", "checkpoint-54"]])
def test_a_resumed_training_equals_an_uninterrupted_one(
    tiny_bert: Model, negation_rows: list[NliRow], trained: Path, tmp_path: Path, kept: list[str]
) -> None:
    assert steps(_recipe().stages[0], len(negation_rows)) == 54
    for name in kept:
        shutil.copytree(trained.parent / "checkpoints" / name, tmp_path / "only/checkpoints" / name)
    shutil.copy(trained.parent / "stage.json", tmp_path / "only")
    assert _same(train_critic(_recipe(), tiny_bert, {"nli": negation_rows}, [], tmp_path), trained)


def _saved(folder: Path) -> list[int]:
    return sorted(int(place.name.removeprefix("checkpoint-")) for place in (folder.parent / "checkpoints").iterdir())


def test_a_stage_stops_early_and_keeps_its_best_checkpoint(stopped: Path) -> None:
    saved = _saved(stopped)
    checkpoints = stopped.parent / "checkpoints"
    state = json.loads((checkpoints / f"checkpoint-{saved[-1]}/trainer_state.json").read_text())
    losses = [entry["eval_loss"] for entry in state["log_history"] if "eval_loss" in entry]
    assert saved == list(range(5, saved[-1] + 1, 5))
    assert saved[-1] < 50
    assert losses.index(min(losses)) == len(losses) - 3  # patience 2
    assert _same(stopped, checkpoints / f"checkpoint-{saved[-3]}")
    assert not _same(stopped, checkpoints / f"checkpoint-{saved[-1]}")


@pytest.mark.parametrize("lost", [5, 1, 0])
def test_early_stopping_goes_on_where_it_was(
    tiny_bert: Model,
    negation_rows: list[NliRow],
    contrary: list[NliRow],
    stopped: Path,
    tmp_path: Path,
    lost: int,
) -> None:
    saved = _saved(stopped)
    for step in saved[: len(saved) - lost]:
        name = f"checkpoint-{step}"
        shutil.copytree(stopped.parent / "checkpoints" / name, tmp_path / "only/checkpoints" / name)
    shutil.copy(stopped.parent / "stage.json", tmp_path / "only")
    again = train_critic(_recipe(stages=STOPPING), tiny_bert, {"nli": negation_rows}, contrary, tmp_path)
    assert _saved(again) == saved
    assert _same(again, stopped)
    last = [folder.parent / f"checkpoints/checkpoint-{saved[-1]}" for folder in (again, stopped)]
    assert _same(*last)


def test_a_finished_training_is_taken_and_another_refused(
    tiny_bert: Model, negation_rows: list[NliRow], trained: Path
) -> None:
    out = trained.parent.parent
    before = (trained / "adapter_model.safetensors").stat().st_mtime_ns
    rows = {"nli": negation_rows}
    assert train_critic(_recipe(), tiny_bert, rows, [], out) == trained
    assert (trained / "adapter_model.safetensors").stat().st_mtime_ns == before
    for other in (
        _recipe(stages=[{"epochs": 9}]),
        _recipe(class_weights="balanced"),
        _recipe(None),
        _recipe(dropout=0.0),
    ):
        with pytest.raises(UserError, match="other settings or rows"):
            train_critic(other, tiny_bert, rows, [], out)
    with pytest.raises(UserError, match="other settings or rows"):
        train_critic(_recipe(), tiny_bert, {"nli": negation_rows[1:]}, [], out)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, r"stages\.only\.rows\.nli: there are no such rows"),
        ({"nli": [NliRow("a", "a", "entailment", "x")] * 4}, "all rows are labelled entailment"),
        (
            {"nli": [NliRow("a", "a", label, "x") for label in CLASSES[1:]]},
            "all rows are labelled contradiction, neutral",
        ),
    ],
)
def test_stages_without_rows_or_with_one_class(
    tiny_bert: Model, tmp_path: Path, made: dict[str, list[NliRow]], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        train_critic(_recipe(), tiny_bert, made, [], tmp_path)
    assert not list(tmp_path.iterdir())


SMALL = {
    "vocab_size": 20,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 66,
}
DISTIL = {"vocab_size": 20, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16, "max_position_embeddings": 66}
OTHERS = [
    ("Roberta", {**SMALL, "pad_token_id": 0}, ["classifier"]),
    ("DebertaV2", {**SMALL, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]}, ["classifier", "pooler"]),
    ("DistilBert", DISTIL, ["classifier", "pre_classifier"]),
    (
        "ModernBert",
        {**SMALL, "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
        ["classifier", "head"],
    ),
]


@pytest.mark.parametrize(("kind", "config", "heads"), OTHERS, ids=[kind for kind, _, _ in OTHERS])
def test_other_encoders_train_and_keep_all_that_started_fresh(
    tiny_encoder: Path,
    negation_rows: list[NliRow],
    tmp_path: Path,
    kind: str,
    config: dict[str, Any],
    heads: list[str],
) -> None:
    import transformers
    from peft import PeftModel

    folder = tmp_path / "encoder"
    shutil.copytree(tiny_encoder, folder)
    encoder = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")(**config))
    encoder.to(torch.bfloat16).save_pretrained(folder)  # as many are published; training needs float32
    base = resolve(str(folder))
    assert head_modules(load_encoder(folder)) == heads
    recipe = _recipe(stages=[{"epochs": 0.2}])
    few, many = check_encoder(recipe, base)
    assert 0 < few < many
    adapter = train_critic(recipe, base, {"nli": negation_rows}, [], tmp_path / "lora")
    batch = {"input_ids": torch.tensor([[2, 5, 6, 3]]), "attention_mask": torch.ones(1, 4, dtype=torch.long)}
    logits = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = PeftModel.from_pretrained(load_encoder(folder), adapter).eval()
        logits.append(model(**batch).logits)
    assert torch.equal(*logits)
    still = load_encoder(folder, dropout=0.0).train()
    assert torch.equal(still(**batch).logits, still(**batch).logits)
    whole = train_critic(_recipe(None, [{"epochs": 0.2}]), base, {"nli": negation_rows}, [], tmp_path / "whole")
    assert {tensor.dtype for tensor in _weights(whole).values()} == {torch.float32}
    chances = classification.load(resolve(str(whole)), "cpu").probabilities(["the cat"], ["the dog"])
    assert chances.shape == (1, 3)


def test_an_encoder_that_will_not_do(tiny_encoder: Path, tiny_causal: Path, trained: Path, tmp_path: Path) -> None:
    def refused(said: str, recipe: CriticRecipe | None = None) -> None:
        with pytest.raises(UserError, match=said) as caught:
            check_encoder(recipe or _recipe(), resolve(str(tmp_path)))
        one_line(caught)

    shutil.copy(tiny_encoder / "config.json", tmp_path)
    refused("encoder: .* has no safetensors weights")
    shutil.copy(tiny_encoder / "model.safetensors", tmp_path)
    refused("encoder: .* has no tokenizer")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_encoder / name, tmp_path)
    assert check_encoder(_recipe(None), resolve(str(tmp_path)))[0] > 10_000
    refused(r"max_tokens: 65 is more than .* takes; write 64 or less", _recipe(max_tokens=65))
    nothing = LoraSettings(target_modules=["no_such_layer"]).model_dump()
    refused(r"lora\.target_modules: \['no_such_layer'\] match nothing", _recipe(nothing))
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": None}))
    refused("encoder: .* has no padding token")
    (tmp_path / "tokenizer.json").write_text("{")
    refused("encoder: .* its tokenizer cannot be loaded")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    refused("encoder: .* cannot be a sequence classifier")
    with pytest.raises(UserError, match="has no padding token"):
        check_encoder(_recipe(), resolve(str(tiny_causal)))
    shutil.copytree(trained, tmp_path / "adapter")
    shutil.copy(tiny_encoder / "config.json", tmp_path / "adapter")
    with pytest.raises(UserError, match=r"encoder: .* is an adapter"):
        check_encoder(_recipe(), resolve(str(tmp_path / "adapter")))


def test_an_encoder_that_lacks_weights_of_its_own(tiny_encoder: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    shutil.copytree(tiny_encoder, tmp_path / "torn")
    some = {name: tensor for name, tensor in _weights(tiny_encoder).items() if "layer.1" not in name}
    save_file(some, tmp_path / "torn/model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks \d+ of its weights, such as bert\.encoder\.layer\.1") as caught:
        load_encoder(tmp_path / "torn")
    one_line(caught)
