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
from lemonpress.students import contract as contracts
from lemonpress.students.contract import Contract
from lemonpress.students.prompts import Kind, chat_template
from lemonpress.weights import load_model

_ADAPTER = ("adapter/adapter_config.json", "adapter/adapter_model.safetensors")
_ALLOWED = (
    *_ADAPTER,
    "added_tokens.json",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "model-?????-of-?????.safetensors",
    "model.safetensors",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "spiece.model",
    contracts.FILE,
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
)
_REQUIRED = ("config.json", contracts.FILE, "tokenizer.json", "tokenizer_config.json")
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


def write_tree(model: Any, tokenizer: Any, contract: Contract, base: Base, folder: Path) -> None:
    """Write adapter, merged bfloat16 weights, configuration, tokenizer, prompts; an adapter is merged in place.

    Args:
        model: A trained `peft.PeftModel`, or a model all of whose weights were trained.
        tokenizer: Its tokenizer; a causal student's gets the prompts as its chat template.
        contract: What the student was trained to do.
        base: What the adapter's configuration names.
        folder: An empty folder.
    """
    import torch

    if hasattr(model, "peft_config"):
        adapter = model.peft_config["default"]
        adapter.base_model_name_or_path, adapter.revision = base.id, base.commit
        model.save_pretrained(folder / "adapter", save_embedding_layers=False)
        (folder / "adapter" / "README.md").unlink(missing_ok=True)
        model = model.merge_and_unload()
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.chat_template = chat_template(contract.formats) if contract.kind == "causal" else None
    tokenizer.save_pretrained(folder)
    contracts.write(contract, folder)


def plain_generation(model: Any, tokenizer: Any) -> Any:
    """The model's generation settings without its base's habits, such as BART's beams and barred n-grams.

    Where the tokenizer begins every target with a token, as BART's does, that token is forced and not drawn.
    """
    from transformers import GenerationConfig

    own = model.generation_config
    names = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
    kept = {name: getattr(own, name) for name in names if getattr(own, name, None) is not None}
    if model.config.is_encoder_decoder and tokenizer.bos_token_id is not None:
        first = tokenizer(text_target="A text.")["input_ids"][0]
        kept |= {"forced_bos_token_id": first} if first == tokenizer.bos_token_id else {}
    return GenerationConfig(**kept)


def fit_embeddings(model: Any, tokenizer: Any) -> None:
    """Give the model a row for each token of its tokenizer: the mean row for those that it never had.

    What `peft.PeftModel` needs of a base before it loads an adapter that trained new tokens. With the mean as output
    row a new token is never the likeliest; zeros would be where all logits are negative.
    """
    import torch

    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) <= rows:
        return
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
            layer.weight[rows:] = layer.weight[:rows].mean(dim=0)


def check_tree(folder: Path, base: Path | None = None) -> None:
    """Refuse a tree that must not be published.

    Args:
        folder: The tree.
        base: Files of the base. Where given and the tree has an adapter, next-token distributions of the merged
            weights are compared with those of the adapter on the base; `fine_tune` does so before it hands a tree out.

    Raises:
        UserError: A file outside the allow-list (pickles among them), no weights, tokenizer or contract, half an
            adapter, one whose base is not a repository at a commit, a chat template that is not the student's prompts,
            or merged weights that differ from the adapter on its base.
    """
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    for name in files:
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in _ALLOWED):
            raise UserError(f"{folder / name}: this kind of file is not published in a student; remove it")
    adapted = any(name in files for name in _ADAPTER)
    for name in (*_REQUIRED, *(_ADAPTER if adapted else ())):
        if name not in files:
            raise UserError(f"{folder}: {name} is missing; train the student again")
    if not any(name.startswith("model") and name.endswith(".safetensors") for name in files):
        raise UserError(f"{folder}: merged weights (model.safetensors) are missing; train the student again")
    kind = kind_of(folder)
    contract = contracts.read(folder, kind)
    template = folder / "chat_template.jinja"
    wanted = chat_template(contract.formats) if kind == "causal" else None
    if (template.read_text(encoding="utf-8") if template.is_file() else None) != wanted:
        raise UserError(f"{template}: differs from the prompts in {contracts.FILE}; train the student again")
    if adapted:
        adapter = json.loads((folder / _ADAPTER[0]).read_text())
        _check_base(adapter.get("base_model_name_or_path"), adapter.get("revision"), str(folder / "adapter"))
        if base is not None:
            _check_merged(folder, base, kind)


def kind_of(folder: Path) -> Kind:
    """Whether a model's configuration is that of an encoder-decoder model."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return "seq2seq" if config.get("is_encoder_decoder") else "causal"


def _check_base(name: object, commit: object, where: str) -> None:
    if not isinstance(name, str) or not _REPOSITORY.fullmatch(name):
        raise UserError(f"{where}: base {name!r} is no repository; name the released base as namespace/name")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise UserError(f"{where}: base revision {commit!r} is no commit; give its 40 hexadecimal digits")


def _check_merged(folder: Path, base: Path, kind: Kind) -> None:
    import torch
    from peft import PeftModel

    with torch.inference_mode():
        whole, tokenizer = load_model(folder, kind, "float32", "cpu")
        merged = _distributions(whole, tokenizer, kind)
        del whole  # one model in memory at a time
        bare, _ = load_model(base, kind, "float32", "cpu")
        fit_embeddings(bare, tokenizer)
        adapted = _distributions(PeftModel.from_pretrained(bare, folder / "adapter").eval(), tokenizer, kind)
    apart = float((adapted.exp() * (adapted - merged)).sum(dim=-1).mean())
    if not apart <= _TOLERANCE:
        raise UserError(
            f"{folder}: merged weights are {apart:.3f} nats a token from the adapter on its base "
            f"(at most {_TOLERANCE}); train the student again"
        )


def _distributions(model: Any, tokenizer: Any, kind: Kind) -> Any:
    """Log-probabilities of the next token along a sentence, shape (1, tokens, vocabulary)."""
    source = "The river rose above its banks on Monday after three days of rain."
    if kind == "causal":
        tokens = tokenizer(f"Sentence: {source}\nParaphrase:", return_tensors="pt")
    else:
        tokens = tokenizer(f"paraphrase: {source}", return_tensors="pt")
        tokens["decoder_input_ids"] = model.prepare_decoder_input_ids_from_labels(tokens["input_ids"])
    return model(**tokens).logits.log_softmax(-1)
