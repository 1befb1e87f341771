"""Training settings: fields of `trl.SFTConfig` under their own names, checked before any work."""

import difflib
import typing
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from lemonpress.errors import UserError
from lemonpress.weights import pick_dtype

# What `fine_tune` decides itself: where things go, the seed, and that nothing is uploaded from within training.
_RESERVED = {
    "data_seed": "set the recipe's seed",
    "include_num_input_tokens_seen": "tokens are always counted",
    "output_dir": "the caller names the folder",
    "resume_from_checkpoint": "a run resumes by itself",
    "seed": "set the recipe's seed",
    "trust_remote_code": "code from repositories is never run",
}


def sft_config(sft: Mapping[str, Any], checkpoints: Path, seed: int) -> Any:
    """The `trl.SFTConfig` of one training.

    Defaults that differ from TRL's suit LoRA on sentence pairs: learning rate 5e-4 with 5 % warm-up, at most 256
    tokens a row, batches of similar length, no gradient checkpointing, bfloat16 only where the device computes in it,
    a checkpoint every 25 steps (the last is kept), nothing reported to anybody.

    Args:
        sft: Fields of SFTConfig by name.
        checkpoints: Folder of the checkpoints.
        seed: Seed of weights and of the order of rows.

    Raises:
        UserError: A field is unknown (the nearest known one is named), reserved, or of a wrong type.
    """
    import torch
    from trl import SFTConfig

    hints = typing.get_type_hints(SFTConfig)
    known = [name for name in SFTConfig.__dataclass_fields__ if name not in _RESERVED and "hub" not in name]
    values = {name: _check(name, value, known, hints) for name, value in sft.items()}
    on_gpu = torch.cuda.is_available() and not values.get("use_cpu", False)
    defaults: dict[str, Any] = {
        "bf16": not values.get("fp16", False) and pick_dtype("auto", "cuda" if on_gpu else "cpu") == torch.bfloat16,
        "dataloader_pin_memory": on_gpu,
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "learning_rate": 5e-4,
        "logging_steps": 1,
        "max_length": None if values.get("padding_free") and not values.get("packing") else 256,
        "report_to": "none",
        "save_steps": 25,
        "save_total_limit": 1,
        "train_sampling_strategy": "group_by_length",
        "use_cpu": not on_gpu,
        "warmup_steps": 0.05,
    }
    fixed = {"output_dir": str(checkpoints), "seed": seed, "include_num_input_tokens_seen": "non_padding"}
    try:
        with warnings.catch_warnings():  # TRL's own defaults use names that transformers deprecates
            warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
            return SFTConfig(**{**defaults, **values, **fixed})
    except (ValueError, TypeError) as error:
        raise UserError(f"sft: trl.SFTConfig refuses these values: {' '.join(str(error).split())}") from error


def _check(name: str, value: Any, known: list[str], hints: dict[str, Any]) -> Any:
    if name in _RESERVED:
        raise UserError(f"sft.{name}: cannot be set here ({_RESERVED[name]}); remove it")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = (
            f"did you mean '{near[0]}'?" if near else "fields are those of trl.SFTConfig that do not concern the Hub"
        )
        raise UserError(f"sft.{name}: no such training setting; {hint}")
    try:
        return TypeAdapter(hints[name]).validate_python(value)
    except PydanticUserError:
        return _arbitrary(name, value, hints[name])
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise UserError(f"sft.{name}: {problem[0].lower()}{problem[1:]} (given: {value!r})") from None


def _arbitrary(name: str, value: Any, hint: Any) -> Any:
    """Check a field whose type pydantic knows only by `isinstance`."""
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError:
        raise UserError(f"sft.{name}: a value of a recipe cannot be a {hint} (given: {value!r}); remove it") from None
