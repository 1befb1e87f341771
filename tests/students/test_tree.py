import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lemonpress.errors import UserError
from lemonpress.students.train import Base, Training, check_tree
from one_line import one_line


@pytest.fixture
def tree(train: Callable[..., Training]) -> Path:
    """A publishable tree whose adapter moved well away from the base."""
    return train("tree", max_steps=8, learning_rate=3e-2).folder


def rewrite(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_the_tree_loads_with_stock_clients_and_merged_equals_adapter(tree: Path, base: Base) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(tree)("The cat met the dog.", return_tensors="pt")
    merged = AutoModelForCausalLM.from_pretrained(tree)
    assert merged.dtype == torch.bfloat16
    bare = AutoModelForCausalLM.from_pretrained(base.folder)
    with torch.inference_mode():
        before = bare(**tokens).logits
        adapted = PeftModel.from_pretrained(bare, tree / "adapter")(**tokens).logits
        apart = (merged.float()(**tokens).logits - adapted).abs().max()
    assert apart < 0.1 < (before - adapted).abs().max()


def test_a_trained_tree_passes(tree: Path, base: Base) -> None:
    check_tree(tree, base.folder)
    assert not list(tree.rglob("README.md"))
    assert not [file for file in tree.rglob("*") if file.suffix in {".bin", ".pt", ".pth", ".pkl"}]


@pytest.mark.parametrize("name", ["training_args.bin", "adapter/optimizer.pt", "README.md", "model.py", ".env"])
def test_other_files_are_refused(tree: Path, name: str) -> None:
    (tree / name).write_bytes(b"\x80\x04.")
    with pytest.raises(UserError, match="not published") as error:
        check_tree(tree)
    assert name in one_line(error)


@pytest.mark.parametrize("name", ["tokenizer.json", "adapter/adapter_model.safetensors", "model.safetensors"])
def test_a_missing_part_is_refused(tree: Path, name: str) -> None:
    (tree / name).unlink()
    with pytest.raises(UserError, match="missing") as error:
        check_tree(tree)
    assert name in one_line(error)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_model_name_or_path", "/models/base"),
        ("base_model_name_or_path", None),
        ("revision", "main"),
        ("revision", None),
    ],
)
def test_an_adapter_must_name_a_repository_at_a_commit(tree: Path, field: str, value: str | None) -> None:
    rewrite(tree / "adapter" / "adapter_config.json", **{field: value})
    with pytest.raises(UserError, match="base") as error:
        check_tree(tree)
    one_line(error)


def test_merged_weights_without_their_adapter_are_refused(tree: Path, base: Base) -> None:
    shutil.copy(base.folder / "model.safetensors", tree / "model.safetensors")
    with pytest.raises(UserError, match="nats") as error:
        check_tree(tree, base.folder)
    one_line(error)


def test_a_local_base_is_refused_at_once(tiny_causal: Path) -> None:
    with pytest.raises(UserError, match="no repository"):
        Base(tiny_causal, str(tiny_causal), "0" * 40)
    with pytest.raises(UserError, match="no commit"):
        Base(tiny_causal, "lemonpress/tiny", "v1.0.0")
