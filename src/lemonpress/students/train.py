"""LoRA fine-tuning of causal students on task, source, target rows."""

import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError
from lemonpress.recipes import StudentSettings, digest
from lemonpress.sources import file_digest
from lemonpress.students.examples import read_examples, sample_examples
from lemonpress.students.prompts import CUES, completion, prompt
from lemonpress.students.settings import sft_config
from lemonpress.students.tree import Base, check_tree, write_tree

__all__ = ["Base", "Training", "check_tree", "fine_tune"]

_VERSION = 1  # of prompts, losses and trees: a finished or half-finished training of another version is not reused


@dataclass(frozen=True)
class Training:
    """What a training did.

    Attributes:
        rows: Rows trained on, by task.
        lost_rows: Rows left out because prompt and target exceed `max_length` tokens.
        steps: Optimizer steps.
        tokens: Tokens seen, prompts included, padding not.
        first_loss: Mean loss of the first tenth of the logged steps, nats a target token.
        last_loss: Mean loss of the last tenth.
        seconds: Wall-clock time of the last, uninterrupted piece of training.
        folder: The publishable tree.
    """

    rows: dict[str, int]
    lost_rows: int
    steps: int
    tokens: int
    first_loss: float
    last_loss: float
    seconds: float
    folder: Path


def fine_tune(
    rows: Path,
    base: Base,
    settings: StudentSettings,
    sft: dict[str, Any],
    out: Path,
    seed: int,
    resume: bool,
    start: Path | None = None,
) -> Training:
    """Train a LoRA student and write what is published of it.

    Args:
        rows: Parquet file with the columns of `lemonpress.rows.TRAINING`.
        base: The base model: its files here, and the repository and commit that name it for readers.
        settings: Adapter settings and the limit on rows; its `sft` is not read.
        sft: Fields of `trl.SFTConfig`, see `lemonpress.students.settings.sft_config` for the defaults.
        out: Working folder; gets ``merged/`` (the publishable tree), ``training.json`` and, while it trains,
            ``checkpoints/``.
        seed: Seed of the adapter's weights, the order of rows and the choice among them.
        start: Folder of an adapter of the same base and settings to train further; a fresh one by default.
        resume: Continue from the last checkpoint, and take a finished training as it is; else start anew.

    Returns:
        Counts, losses and the folder of the tree.

    Raises:
        UserError: A training setting is wrong, the rows are missing, malformed, empty or all too long, a target
            module matches nothing, or `out` holds the checkpoints of another training.
    """
    with _quiet():
        config = sft_config(sft, out / "checkpoints", seed)
        pairs = read_examples(rows)
        run = _run_digest(rows, base, settings, sft, seed, start)
        if resume and (done := _finished(out, run)):
            return done
        checkpoint = _last_checkpoint(out, run) if resume else None
        return _train(
            sample_examples(pairs, settings.max_rows, seed), base, settings, config, out, run, checkpoint, start
        )


def _train(
    pairs: list[dict[str, str]],
    base: Base,
    settings: StudentSettings,
    config: Any,
    out: Path,
    run: str,
    checkpoint: Path | None,
    start: Path | None,
) -> Training:
    from datasets import Dataset
    from transformers import PrinterCallback

    from lemonpress.students.progress import Progress
    from lemonpress.students.trainer import CompletionTrainer

    model, tokenizer = _load(base, config)
    fitting = [pair for pair in pairs if config.max_length is None or _tokens(pair, tokenizer) <= config.max_length]
    if not fitting:
        raise UserError(f"rows: all {len(pairs)} exceed {config.max_length} tokens; raise sft.max_length")
    dataset = Dataset.from_list([{"prompt": p["prompt"], "completion": p["completion"]} for p in fitting])
    try:
        trainer = CompletionTrainer(
            model=model,
            args=config,
            train_dataset=dataset,
            processing_class=tokenizer,
            peft_config=_lora(settings),
        )
    except ValueError as error:
        if "arget modules" not in str(error):
            raise
        raise UserError(
            f"student.lora.target_modules: {settings.lora.target_modules} match nothing in the base"
        ) from error
    if start is not None:
        _load_adapter(trainer.model, start)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Progress(f"train {settings.name}"))
    started = time.monotonic()
    state = _run(trainer, checkpoint, out, run)
    seconds = time.monotonic() - started
    losses = [(entry["step"], entry["loss"]) for entry in state.log_history if "loss" in entry]
    tenth = max(1, len(losses) // 10)
    training = Training(
        rows={task: sum(pair["task"] == task for pair in fitting) for task in CUES},
        lost_rows=len(pairs) - len(fitting),
        steps=state.global_step,
        tokens=int(state.num_input_tokens_seen),
        first_loss=sum(loss for _, loss in losses[:tenth]) / tenth,
        last_loss=sum(loss for _, loss in losses[-tenth:]) / tenth,
        seconds=seconds,
        folder=out / "merged",
    )
    _finish(trainer.model, tokenizer, base, training, losses, out, run)
    return training


def _load_adapter(model: Any, folder: Path) -> None:
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    set_peft_model_state_dict(model, load_file(folder / "adapter_model.safetensors"))


def _run(trainer: Any, checkpoint: Path | None, out: Path, run: str) -> Any:
    """Train, from the checkpoint where there is one; returns the trainer's final state."""
    from transformers import TrainerState

    if checkpoint is None:
        shutil.rmtree(out / "checkpoints", ignore_errors=True)
        (out / "checkpoints").mkdir(parents=True)
        (out / "checkpoints" / "run.json").write_text(json.dumps({"run": run}))
        trainer.train()
        return trainer.state
    state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    if state.global_step >= state.max_steps:  # the trainer would take one step more
        _load_adapter(trainer.model, checkpoint)
        return state
    trainer.train(resume_from_checkpoint=str(checkpoint))
    return trainer.state


def _finish(
    model: Any,
    tokenizer: Any,
    base: Base,
    training: Training,
    losses: list[tuple[int, float]],
    out: Path,
    run: str,
) -> None:
    """Write and check the tree in a scratch folder, then put it and its record in place."""
    scratch = Path(tempfile.mkdtemp(prefix=".merged-", dir=out))
    try:
        write_tree(model, tokenizer, base, scratch)
        check_tree(scratch, base.folder)
        shutil.rmtree(training.folder, ignore_errors=True)
        scratch.rename(training.folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    record = {"run": run, "training": {**asdict(training), "folder": training.folder.name}, "losses": losses}
    partial = out / ".training.json"
    partial.write_text(json.dumps(record, indent=1))
    partial.replace(out / "training.json")
    shutil.rmtree(out / "checkpoints")


def _load(base: Base, config: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"dtype": "float32", **(config.model_init_kwargs or {})}
    config.model_init_kwargs = None
    model = AutoModelForCausalLM.from_pretrained(base.folder, **options)
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def _lora(settings: StudentSettings) -> Any:
    from peft import LoraConfig

    lora = settings.lora
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        task_type="CAUSAL_LM",
    )


def _tokens(pair: dict[str, str], tokenizer: Any) -> int:
    return len(tokenizer(pair["prompt"] + pair["completion"] + tokenizer.eos_token)["input_ids"])


def _run_digest(
    rows: Path, base: Base, settings: StudentSettings, sft: dict[str, Any], seed: int, start: Path | None
) -> str:
    formats = [prompt(task, "{source}") + completion("{target}") for task in CUES]
    adapter = {"lora": settings.lora.model_dump(), "max_rows": settings.max_rows, "sft": sft, "seed": seed}
    identity = {
        "id": base.id,
        "commit": base.commit,
        "start": file_digest(start / "adapter_model.safetensors") if start else None,
    }
    return digest({**adapter, "rows": file_digest(rows), "base": identity, "prompts": formats, "version": _VERSION})


def _finished(out: Path, run: str) -> Training | None:
    record = out / "training.json"
    if not record.is_file() or not (out / "merged").is_dir():
        return None
    data = json.loads(record.read_text())
    return Training(**{**data["training"], "folder": out / "merged"}) if data["run"] == run else None


def _last_checkpoint(out: Path, run: str) -> Path | None:
    """The newest complete checkpoint; `trainer_state.json` is what the trainer writes last."""
    checkpoints = out / "checkpoints"
    complete = [file.parent for file in checkpoints.glob("checkpoint-*/trainer_state.json")]
    if not complete:
        return None
    if json.loads((checkpoints / "run.json").read_text())["run"] != run:
        raise UserError(f"{checkpoints}: checkpoints of another training; remove the folder to start anew")
    return max(complete, key=lambda folder: int(folder.name.removeprefix("checkpoint-")))


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars of tokenising and loading, no notices about TRL's own defaults, no telemetry while a training runs."""
    import datasets
    from huggingface_hub import constants
    from transformers.utils import logging

    bars, loading = datasets.are_progress_bars_disabled(), logging.is_progress_bar_enabled()
    telemetry = constants.HF_HUB_DISABLE_TELEMETRY
    constants.HF_HUB_DISABLE_TELEMETRY = True
    datasets.disable_progress_bars()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
            yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = telemetry
        if not bars:
            datasets.enable_progress_bars()
        if loading:
            logging.enable_progress_bar()
