"""The publishable tree of a student, and the gate that it passes before anything is uploaded.

Merged weights lie at the root, so that ``from_pretrained(repository, revision=tag)`` loads them, and the adapter under
``adapter/``: beside each other, transformers would load the adapter on the base's newest revision instead.
"""

import fnmatch
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError

_ALLOWED = (
    "adapter/adapter_config.json",
    "adapter/adapter_model.safetensors",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "model-?????-of-?????.safetensors",
    "model.safetensors",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
)
_REQUIRED = (
    "adapter/adapter_config.json",
    "adapter/adapter_model.safetensors",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# Mean divergence of next-token distributions, in nats. Rounding the merged weights to bfloat16 costs about 0.002, as
# bfloat16 arithmetic does; leaving the adapter out costs 0.3 after twenty steps.
_TOLERANCE = 0.02


@dataclass(frozen=True)
class Base:
    """The base of a student.

    Attributes:
        folder: Its files on this machine: ordinary weights and tokenizer.
        id: The repository that holds it for readers, ``namespace/name``.
        commit: The commit of that repository, 40 hexadecimal digits.
    """

    folder: Path
    id: str
    commit: str

    def __post_init__(self) -> None:
        _check_base(self.id, self.commit, "base")


def write_tree(model: Any, tokenizer: Any, base: Base, folder: Path) -> None:
    """Write adapter, merged bfloat16 weights, configuration and tokenizer; the model is merged in place.

    Args:
        model: A trained `peft.PeftModel`.
        tokenizer: Its tokenizer.
        base: What the adapter's configuration names.
        folder: An empty folder.
    """
    import torch

    adapter = model.peft_config["default"]
    adapter.base_model_name_or_path, adapter.revision = base.id, base.commit
    model.save_pretrained(folder / "adapter", save_embedding_layers=False)
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    merged = model.merge_and_unload()
    merged.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def check_tree(folder: Path, base: Path | None = None) -> None:
    """Refuse a tree that must not be published.

    Args:
        folder: The tree.
        base: Files of the base. Where given, next-token distributions of the merged weights are compared with those of
            the adapter on the base; `fine_tune` does so before it hands a tree out.

    Raises:
        UserError: A file outside the allow-list (pickles among them), no weights, tokenizer or adapter, an adapter
            whose base is not a repository at a commit, or merged weights that differ from the adapter on its base.
    """
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    for name in files:
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in _ALLOWED):
            raise UserError(f"{folder / name}: this kind of file is not published in a student; remove it")
    for name in _REQUIRED:
        if name not in files:
            raise UserError(f"{folder}: {name} is missing; train the student again")
    if not any(name.startswith("model") and name.endswith(".safetensors") for name in files):
        raise UserError(f"{folder}: merged weights (model.safetensors) are missing; train the student again")
    adapter = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    _check_base(adapter.get("base_model_name_or_path"), adapter.get("revision"), str(folder / "adapter"))
    if base is not None:
        _check_merged(folder, base)


def _check_base(name: object, commit: object, where: str) -> None:
    if not isinstance(name, str) or not _REPOSITORY.fullmatch(name):
        raise UserError(f"{where}: base {name!r} is no repository; name the released base as namespace/name")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise UserError(f"{where}: base revision {commit!r} is no commit; give its 40 hexadecimal digits")


def _check_merged(folder: Path, base: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "Sentence: The river rose above its banks on Monday after three days of rain.\nParaphrase:"
    tokens = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        merged = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(**tokens).logits.log_softmax(-1)
        bare = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        adapted = PeftModel.from_pretrained(bare, folder / "adapter")(**tokens).logits.log_softmax(-1)
    apart = float((adapted.exp() * (adapted - merged)).sum(dim=-1).mean())
    if not apart <= _TOLERANCE:
        raise UserError(
            f"{folder}: merged weights are {apart:.3f} nats a token from the adapter on its base "
            f"(at most {_TOLERANCE}); train the student again"
        )
