"""What a training starts from: the base with tree tokens, its adapter, and the examples that fit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lemonpress.recipes import LoraSettings
from lemonpress.students.contract import Contract
from lemonpress.students.examples import Example
from lemonpress.students.linear import special_tokens
from lemonpress.students.prompts import Kind
from lemonpress.students.tree import fit_embeddings, plain_generation


def load_base(folder: Path, contract: Contract, options: Mapping[str, Any]) -> tuple[Any, Any, list[int]]:
    """Load what is trained.

    Args:
        folder: Ordinary weights and tokenizer.
        contract: What the student learns; its tree labels become tokens.
        options: For `from_pretrained`; float32 weights by default.

    Returns:
        (model with an embedding for each token, tokenizer, tokens of the trees).
    """
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    auto = AutoModelForCausalLM if contract.kind == "causal" else AutoModelForSeq2SeqLM
    model = auto.from_pretrained(folder, **{"dtype": "float32", **options})
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokens = _add_tree_tokens(model, tokenizer, contract.parts)
    model.generation_config = plain_generation(model, tokenizer)
    return model, tokenizer, tokens


def _add_tree_tokens(model: Any, tokenizer: Any, parts: Sequence[str]) -> list[int]:
    """Give model and tokenizer the tokens of trees; each begins as the mean of its label's own tokens."""
    import torch
    from tokenizers import AddedToken

    if not parts:
        return []
    written = special_tokens(parts)
    labels = [tokenizer(token.removeprefix("<tree:").removesuffix(">"))["input_ids"] for token in written]
    known = len(tokenizer)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in written], special_tokens=True)
    fit_embeddings(model, tokenizer)
    tokens: list[int] = tokenizer.convert_tokens_to_ids(written)
    special = set(tokenizer.all_special_ids)
    with torch.no_grad():
        weight = model.get_input_embeddings().weight
        for token, label in zip(tokens, labels, strict=True):
            own = [piece for piece in label if piece not in special]
            if token >= known and own:
                weight[token] = weight[own].mean(dim=0)
    return tokens


def fitting(rows: Sequence[Example], tokenizer: Any, kind: Kind, most: int | None) -> tuple[list[Example], int]:
    """The examples that fit, and how many do not.

    Args:
        rows: Examples.
        tokenizer: The student's.
        kind: Of a causal student prompt and completion count together, of an encoder-decoder one each alone.
        most: Tokens at most; all fit if None.
    """
    if most is None or not rows:
        return list(rows), 0
    prompts = tokenizer([row.prompt for row in rows])["input_ids"]
    if kind == "seq2seq":
        targets = tokenizer(text_target=[row.completion for row in rows])["input_ids"]
        sizes = [max(len(asked), len(target)) for asked, target in zip(prompts, targets, strict=True)]
    else:
        whole = tokenizer([row.prompt + row.completion + tokenizer.eos_token for row in rows])["input_ids"]
        sizes = [len(tokens) for tokens in whole]
    kept = [row for row, size in zip(rows, sizes, strict=True) if size <= most]
    return kept, len(rows) - len(kept)


def adapter_config(lora: LoraSettings, kind: Kind, model: Any, new_tokens: Sequence[int]) -> Any:
    """The `peft.LoraConfig` of a student.

    Args:
        lora: Rank, scale, dropout, layers.
        kind: causal or seq2seq.
        model: The base, as `load_base` gives it.
        new_tokens: Tokens whose embeddings are trained with the adapter.
    """
    from peft import LoraConfig

    embeddings = next(name for name, part in model.named_modules() if part is model.get_input_embeddings())
    transposed = any(type(part).__name__ == "Conv1D" for part in model.modules())  # GPT-2's linear layers
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        fan_in_fan_out=transposed,
        task_type="CAUSAL_LM" if kind == "causal" else "SEQ_2_SEQ_LM",
        trainable_token_indices={embeddings.rpartition(".")[2]: list(new_tokens)} if new_tokens else None,
    )
