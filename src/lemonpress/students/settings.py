"""Training settings: fields of `trl.SFTConfig` under their own names, checked before any work."""

import difflib
import typing
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import torch
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from trl import SFTConfig

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
# What moves no weight: where things lie, and who is told of them.
_INDIFFERENT = ("output_dir", "logging_", "report_to", "run_name", "disable_tqdm", "hub_", "trackio_", "project")


@dataclass
class StudentConfig(SFTConfig):
    """`trl.SFTConfig` with defaults for LoRA on sentence pairs, the same on a GPU and on a CPU.

    bfloat16 is used where the device computes in it; nothing is reported to anybody unless asked.
    """

    bf16: bool | None = field(
        default=None, metadata={"help": "Mixed precision in bfloat16; by default where the device computes in it."}
    )
    dataloader_pin_memory: bool | None = field(
        default=None, metadata={"help": "Pinned memory for batches; by default where there is a GPU."}
    )
    disable_tqdm: bool | None = field(
        default=True, metadata={"help": "No bar of transformers' own: a training shows one of ours."}
    )
    gradient_checkpointing: bool = field(
        default=False, metadata={"help": "Trade time for memory: recompute activations in the backward pass."}
    )
    include_num_input_tokens_seen: str = field(
        default="non_padding", metadata={"help": "Count the tokens that are trained on."}
    )
    learning_rate: float | None = field(
        default=None, metadata={"help": "Peak learning rate; by default 5e-4 with LoRA, 5e-5 for all weights."}
    )
    logging_steps: float = field(default=1, metadata={"help": "Steps between two losses in the record."})
    max_length: int | None = field(
        default=256,
        metadata={"help": "Tokens a row at most, prompt and target together; longer rows are left out and counted."},
    )
    report_to: str | None = field(
        default="none", metadata={"help": "Where figures go while it trains, such as trackio; nowhere by default."}
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "Go on with early stopping's count after a resume."}
    )
    save_steps: float = field(default=25, metadata={"help": "Steps between two checkpoints, and two evaluations."})
    save_total_limit: int | None = field(
        default=1, metadata={"help": "Checkpoints kept beside the best one; each replaces the one before."}
    )
    train_sampling_strategy: str = field(
        default="group_by_length", metadata={"help": "How batches are drawn; by default rows of similar length."}
    )
    use_cpu: bool | None = field(
        default=None, metadata={"help": "Train on the CPU; by default where there is no GPU."}
    )
    warmup_steps: float = field(default=0.05, metadata={"help": "Warm-up: steps, or a share of them below 1."})

    def __post_init__(self) -> None:
        """Fill in what depends on the device."""
        if self.use_cpu is None:
            self.use_cpu = not torch.cuda.is_available()
        on_gpu = torch.cuda.is_available() and not self.use_cpu
        if self.bf16 is None:
            self.bf16 = not self.fp16 and pick_dtype("auto", "cuda" if on_gpu else "cpu") == torch.bfloat16
        if self.dataloader_pin_memory is None:
            self.dataloader_pin_memory = on_gpu
        if self.padding_free and not self.packing:
            self.max_length = None
        with warnings.catch_warnings():  # TRL's own defaults use names that transformers deprecates
            warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
            super().__post_init__()


def sft_config(sft: Mapping[str, Any], seed: int) -> StudentConfig:
    """The configuration of one training; see `StudentConfig` for what differs from TRL's defaults.

    Args:
        sft: Fields of SFTConfig by name.
        seed: Seed of weights and of the order of rows.

    Raises:
        UserError: A field is unknown (the nearest known one is named), reserved, or of a wrong type.
    """
    known = [name for name in StudentConfig.__dataclass_fields__ if name not in _RESERVED and "hub" not in name]
    values = {name: _check(name, value, known) for name, value in sft.items()}
    try:
        config = StudentConfig(**{**values, "seed": seed})
    except (ValueError, TypeError) as error:
        raise UserError(f"sft: trl.SFTConfig refuses these values: {' '.join(str(error).split())}") from error
    check_reporting(config)
    return config


def check_reporting(config: StudentConfig) -> None:
    """Refuse to report to trackio where it is not installed, and keep it from publishing anything.

    Raises:
        UserError: trackio is asked for and not installed.
    """
    reported = config.report_to or ()
    if "trackio" in reported:
        if find_spec("trackio") is None:
            raise UserError("sft.report_to: trackio is not installed; pip install 'lemonpress[trackio]'")
        config.trackio_static_space_id = False


def settings_of(config: StudentConfig) -> dict[str, Any]:
    """The fields of a configuration that decide weights, by name, as plain values."""
    values = config.to_dict()
    return {name: value for name, value in values.items() if not name.startswith(_INDIFFERENT)}


def changed_fields(config: StudentConfig) -> dict[str, Any]:
    """The fields that differ from `StudentConfig`'s own defaults on this machine, for a record that people read."""
    plain = settings_of(StudentConfig())
    return {
        name: value
        for name, value in settings_of(config).items()
        if name not in _RESERVED and value != plain.get(name)
    }


def check_field(owner: type, name: str, value: Any, where: str) -> Any:
    """A value of a recipe as a dataclass's field takes it.

    Args:
        owner: The dataclass.
        name: Of the field.
        value: As YAML gives it.
        where: Section or file, for the error message.

    Raises:
        UserError: It is of a wrong type.
    """
    hint = typing.get_type_hints(owner)[name]
    try:
        return TypeAdapter(hint).validate_python(value)
    except PydanticUserError:
        return _arbitrary(name, value, hint, where)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise UserError(f"{where}.{name}: {problem[0].lower()}{problem[1:]} (given: {value!r})") from None


def _check(name: str, value: Any, known: list[str]) -> Any:
    if name in _RESERVED:
        raise UserError(f"sft.{name}: cannot be set here ({_RESERVED[name]}); remove it")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = (
            f"did you mean '{near[0]}'?" if near else "fields are those of trl.SFTConfig that do not concern the Hub"
        )
        raise UserError(f"sft.{name}: no such training setting; {hint}")
    return check_field(StudentConfig, name, value, "sft")


def _arbitrary(name: str, value: Any, hint: Any, where: str) -> Any:
    """Check a field whose type pydantic knows only by `isinstance`."""
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError:
        raise UserError(
            f"{where}.{name}: a value of a recipe cannot be a {hint} (given: {value!r}); remove it"
        ) from None
