"""Ordinary weights for any model: GGUF weights are dequantised once, adapters merged once.

transformers marks a GGUF-loaded model as quantised, so TRL refuses to train it and `save_pretrained` to save it. Its
dequantised tensors are therefore copied into a fresh model of the same configuration.
"""

import shutil
import struct
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.kinds import architectures, check_weights, read_config
from lemonpress.sources import Model

if TYPE_CHECKING:
    import torch

_LARGE = 2 * 10**9  # bytes of weights that take seconds to load


def ordinary_folder(model: Model) -> Path:
    """A folder that `from_pretrained` loads, trains and saves without GGUF support or adapters.

    Args:
        model: A resolved model.

    Returns:
        Its own folder; for GGUF weights or an adapter a folder under ``home()/weights`` with dequantised or merged
        safetensors, made once.

    Raises:
        UserError: GGUF weights are damaged, or of a kind that transformers does not know.
    """
    if model.gguf is None and model.base is None:
        return model.folder
    target = home() / "weights" / model.commit.removeprefix("sha256:")[:16]
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".made-", dir=target.parent))
        try:
            with bar_if_large(model.folder):
                (_dequantise if model.base is None else merge_adapter)(model, scratch)
            with suppress(OSError):  # another process was first, with the same bytes
                scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def merge_adapter(model: Model, target: Path) -> None:
    """Write a classifier's adapter, merged into its base, as whole weights with the base's tokenizer.

    Args:
        model: An adapter of a sequence classifier.
        target: Folder to write.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    assert model.base is not None
    base = ordinary_folder(model.base)
    config = AutoConfig.from_pretrained(model.folder)
    # An adapter merged in the half precision that many bases are saved in would lose what it learnt to rounding.
    bare = AutoModelForSequenceClassification.from_pretrained(base, config=config, dtype=torch.float32)
    with warnings.catch_warnings():  # peft asks transformers by an old name
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        adapted = PeftModel.from_pretrained(bare, model.folder)
    adapted.merge_and_unload().save_pretrained(target)
    AutoTokenizer.from_pretrained(base).save_pretrained(target)


def load_model(
    folder: Path, kind: Literal["causal", "seq2seq"], dtype: str = "auto", device: str = "auto"
) -> tuple[Any, Any]:
    """Load a language model for inference.

    Args:
        folder: Ordinary weights and tokenizer.
        kind: causal or seq2seq (encoder-decoder).
        dtype: float32, bfloat16, float16, or ``auto``: bfloat16 where the device computes it natively.
        device: ``auto`` takes the first GPU where there is one, else the CPU.

    Returns:
        (model in evaluation mode, tokenizer).
    """
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    place = pick_device(device)
    auto = AutoModelForCausalLM if kind == "causal" else AutoModelForSeq2SeqLM
    with bar_if_large(folder):
        model = auto.from_pretrained(folder, dtype=pick_dtype(dtype, place)).to(place).eval()
    return model, AutoTokenizer.from_pretrained(folder)


@contextmanager
def bar_if_large(folder: Path) -> Iterator[None]:
    """No progress bar of transformers' where loading, or saving what was loaded, takes no time worth one."""
    from transformers.utils import logging

    size = sum(file.stat().st_size for kind in ("safetensors", "gguf") for file in folder.glob(f"*.{kind}"))
    if size >= _LARGE or not logging.is_progress_bar_enabled():
        yield
        return
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()


def load_causal(folder: Path, dtype: str = "auto", device: str = "auto") -> tuple[Any, Any]:
    """Load a causal language model for inference; see `load_model`."""
    return load_model(folder, "causal", dtype, device)


def pick_device(device: str) -> str:
    """The device that ``auto`` means here.

    Raises:
        UserError: A GPU is named and there is none.
    """
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"device: {device} is asked for, and there is no GPU here; write auto or cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def check_causal(model: Model, where: str) -> None:
    """Refuse a model that is no causal language model, before anything is loaded.

    Raises:
        UserError: It is an adapter, its configuration names another architecture, or it has no safetensors weights.
    """
    if language_model_kind(model, where) != "causal":
        name = (architectures(read_config(model, where)) or ["encoder-decoder model"])[0]
        raise UserError(f"{where}: {model.id} is a {name}; give a causal language model")


def language_model_kind(model: Model, where: str) -> Literal["causal", "seq2seq"]:
    """Whether a model is a causal or an encoder-decoder language model, told before anything is loaded.

    Raises:
        UserError: It is an adapter, its configuration names neither, or it has no safetensors weights.
    """
    if model.gguf is not None:
        return "causal"
    if model.base is not None:
        raise UserError(f"{where}: {model.id} is an adapter; merge it into {model.base.id} and give the merged model")
    config = read_config(model, where)
    names = architectures(config)
    encodes = bool(config.get("is_encoder_decoder"))
    marks = ("ConditionalGeneration", "MTModel") if encodes else ("CausalLM", "LMHead")
    if names and not any(mark in name for name in names for mark in marks):
        raise UserError(f"{where}: {model.id} is a {names[0]}; give a causal or encoder-decoder language model")
    check_weights(model, where)
    return "seq2seq" if encodes else "causal"


def pick_dtype(dtype: str, device: str) -> "torch.dtype":
    """The torch type that a recipe's dtype means on a device.

    Raises:
        UserError: It is none of float32, bfloat16, float16 and auto.
    """
    import torch

    if dtype not in ("auto", "float32", "bfloat16", "float16"):
        raise UserError(f"dtype: {dtype!r} is none of auto, float32, bfloat16, float16")
    if dtype != "auto":
        return getattr(torch, dtype)
    native = torch.cuda.is_bf16_supported() if device.startswith("cuda") else _cpu_has_bf16()
    return torch.bfloat16 if native else torch.float32


def _cpu_has_bf16() -> bool:
    import torch

    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _dequantise(model: Model, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    try:
        packed = AutoModelForCausalLM.from_pretrained(model.folder, gguf_file=model.gguf, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(model.folder, gguf_file=model.gguf)
    # What the reader of a damaged file, and transformers for architectures and types that it does not know, raise.
    except (ValueError, LookupError, TypeError, NotImplementedError, EOFError, struct.error) as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{model.gguf} cannot be loaded ({reason}); download it again or give another") from None
    config = packed.config
    del config.quantization_config
    config.name_or_path = ""
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fresh.load_state_dict(packed.state_dict())
    fresh.tie_weights()
    fresh.generation_config = GenerationConfig.from_model_config(config)
    fresh.to(torch.bfloat16).save_pretrained(target)
    tokenizer.save_pretrained(target)
