"""Fine-tuning of causal and encoder-decoder students on task, source, target rows: LoRA, or all weights."""

import gc
import json
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lemonpress.errors import UserError
from lemonpress.recipes import StudentSettings, digest
from lemonpress.sources import file_digest
from lemonpress.students import contract as contracts
from lemonpress.students.contract import Contract
from lemonpress.students.examples import TASKS, Example, Row, contract_of, examples, read_rows, sample_rows
from lemonpress.students.loading import adapter_config, fitting, load_base
from lemonpress.students.measure import MEASURES
from lemonpress.students.prompts import FORMATS, Kind, completion
from lemonpress.students.tree import Base, check_tree, kind_of, write_tree

if TYPE_CHECKING:
    from lemonpress.students.settings import StudentConfig

__all__ = ["Base", "Training", "check_tree", "fine_tune"]

_VERSION = 2  # of prompts, losses and trees: a finished or half-finished training of another version is not reused
_RATES = {"lora": 5e-4, "full": 5e-5}


@dataclass(frozen=True)
class Training:
    """What a training did.

    Attributes:
        rows: Rows trained on, by task.
        lost_rows: Rows left out because they exceed `max_length` tokens.
        lost_validation_rows: The same of the validation rows.
        steps: Optimizer steps.
        tokens: Tokens seen, prompts included, padding not; of an encoder-decoder student its inputs' alone.
        first_loss: Mean loss of the first tenth of the logged steps, nats a target token.
        last_loss: Mean loss of the last tenth.
        seconds: Wall-clock time of the last, uninterrupted piece of training.
        folder: The publishable tree.
        validation: What the evaluation of the published weights gave, by measure; empty without validation rows.
        best_step: The step whose weights are published, where that is the best and not the last.
    """

    rows: dict[str, int]
    lost_rows: int
    steps: int
    tokens: int
    first_loss: float
    last_loss: float
    seconds: float
    folder: Path
    lost_validation_rows: int = 0
    validation: dict[str, float] = field(default_factory=dict)
    best_step: int | None = None

    @property
    def adapter(self) -> Path | None:
        """Folder of the adapter; None where all weights were trained."""
        folder = self.folder / "adapter"
        return folder if folder.is_dir() else None


@dataclass(frozen=True)
class _Job:
    """Everything that one training is made of."""

    base: Base
    settings: StudentSettings
    config: "StudentConfig"
    contract: Contract
    train: Sequence[Example]
    validation: Sequence[Example]
    out: Path
    run: str
    start: Path | None
    rows: Sequence[Row]


def fine_tune(
    rows: Path,
    base: Base,
    settings: StudentSettings,
    config: "StudentConfig",
    out: Path,
    resume: bool,
    start: Path | None = None,
    validation: Path | None = None,
) -> Training:
    """Train a student and write what is published of it.

    Args:
        rows: Parquet file with the columns of `lemonpress.rows.TRAINING`.
        base: The base model: its files here, and the repository and commit that name it for readers.
        settings: Adapter, limit on rows, early stopping; its `sft` is not read.
        config: From `lemonpress.students.settings.sft_config`; its seed decides the adapter's weights, the order of
            rows and the choice among them.
        out: Working folder; gets ``merged/`` (the publishable tree), ``training.json`` and, while it trains,
            ``checkpoints/``.
        resume: Continue from the last checkpoint, and take a finished training as it is; else start anew.
        start: Publishable tree of a student of the same base and settings to train further; a fresh one by default.
        validation: File like `rows` that losses are measured on as it trains; with `settings.early_stopping`, training
            stops where they no longer fall, and the best weights are published.

    Returns:
        Counts, losses and the folder of the tree.

    Raises:
        UserError: The base is of another kind than the settings ask for, a training setting is wrong, the rows are
            missing, malformed, empty or all too long, a target module matches nothing, or `out` holds the checkpoints
            of another training.
    """
    with _quiet():
        config.output_dir = str(out / "checkpoints")
        if config.learning_rate is None:
            config.learning_rate = _RATES["full" if settings.lora is None else "lora"]
        kind = kind_of(base.folder)
        check_kind(kind, settings, config)
        table = read_rows(rows)
        held_out = read_rows(validation) if validation else []
        schedule_evaluation(config, settings, bool(held_out))
        run = _run_digest(rows, validation, base, settings, config, start)
        if resume and (done := _finished(out, run)):
            return done
        checkpoint = _last_checkpoint(out, run) if resume else None
        earlier = contracts.read(start, kind) if start else None
        contract = contract_of(table, kind, settings.length_share, earlier)
        _check_validation(held_out, contract)
        chosen = sample_rows(table, settings.max_rows, config.seed)
        train = examples(chosen, contract, settings.length_share, config.seed)
        shown = examples(held_out, contract, settings.length_share, config.seed)
        job = _Job(base, settings, config, contract, train, shown, out, run, start, held_out)
        try:
            return _train(job, checkpoint)
        finally:
            gc.collect()  # a trainer and its model hold each other, and a study trains many


def _check_validation(rows: Sequence[Row], contract: Contract) -> None:
    for row in rows:
        if row["task"] not in contract.tasks:
            raise UserError(f"validation: has rows of task {row['task']}, which is not trained on; leave them out")
        if row["task"] == "control" and row["parser"] != contract.parser:
            raise UserError(
                f"validation: trees of {row['parser']}, trained on those of {contract.parser}; use the same"
            )


def check_kind(kind: Kind, settings: StudentSettings, config: "StudentConfig") -> None:
    """Refuse a base of another kind than is asked for, and training settings that do not suit its kind.

    Raises:
        UserError: A causal base for an encoder-decoder student or the reverse, or settings for the other kind.
    """
    from lemonpress.students.trainer import check_seq2seq

    if settings.kind is not None and settings.kind != kind:
        names = {"causal": "a causal model", "seq2seq": "an encoder-decoder model"}
        raise UserError(
            f"student.model: {settings.model} is {names[kind]} and student.kind asks for {names[settings.kind]}; "
            "change one of them"
        )
    if kind == "seq2seq":
        check_seq2seq(config)


def schedule_evaluation(config: "StudentConfig", settings: StudentSettings, held_out: bool) -> None:
    """Evaluate as often as checkpoints are saved, where nothing else is said.

    Args:
        config: Changed in place.
        settings: Of the student.
        held_out: Whether there are validation rows.

    Raises:
        UserError: What is asked needs validation rows, or early stopping a checkpoint at each evaluation.
    """
    from transformers import IntervalStrategy

    if not held_out:
        if settings.early_stopping is not None or settings.written_rows:
            raise UserError("student.early_stopping and student.written_rows need validation rows; give some")
        return
    if config.eval_strategy == IntervalStrategy.NO:
        config.eval_strategy, config.eval_steps = IntervalStrategy.STEPS, config.save_steps
    if settings.early_stopping is not None:
        if config.eval_strategy != config.save_strategy:
            raise UserError(
                "sft.eval_strategy: early stopping keeps the best checkpoint; set save_strategy to the same"
            )
        if config.eval_strategy == IntervalStrategy.STEPS and config.save_steps % (config.eval_steps or 1):
            raise UserError(
                f"sft.save_steps: {config.save_steps:g} is no multiple of eval_steps, {config.eval_steps:g}; early "
                "stopping needs a checkpoint of the best evaluation"
            )
        config.load_best_model_at_end = True
        config.metric_for_best_model = metric = (config.metric_for_best_model or "loss").removeprefix("eval_")
        if metric not in ("loss", *(MEASURES if settings.written_rows else ())):
            raise UserError(
                f"sft.metric_for_best_model: {metric!r} is not measured; give loss, or with written_rows one of "
                f"{', '.join(MEASURES)}"
            )
        config.greater_is_better = MEASURES.get(metric, False)


def _train(job: _Job, checkpoint: Path | None) -> Training:
    from transformers import EarlyStoppingCallback, PrinterCallback

    from lemonpress.students.progress import Progress

    options, job.config.model_init_kwargs = job.config.model_init_kwargs or {}, None
    # All weights of an earlier round go on from where they are; an adapter is put on the base anew.
    further = job.start if job.settings.lora is None else None
    model, tokenizer, new_tokens = load_base(further or job.base.folder, job.contract, options)
    kind, most = job.contract.kind, job.config.max_length
    train, lost = fitting(job.train, tokenizer, kind, most)
    if not train:
        raise UserError(f"rows: all {len(job.train)} exceed {most} tokens; raise sft.max_length")
    validation, lost_validation = fitting(job.validation, tokenizer, kind, most)
    if job.validation and not validation:
        raise UserError(f"validation: all {lost_validation} exceed {most} tokens; raise sft.max_length")
    trainer = _trainer(job, model, tokenizer, new_tokens, train, validation)
    if job.start is not None and job.settings.lora is not None:
        _load_adapter(trainer.model, job.start / "adapter")
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Progress(f"train {job.settings.name}"))
    if job.settings.early_stopping is not None:
        trainer.add_callback(EarlyStoppingCallback(job.settings.early_stopping))
    started = time.monotonic()
    state = _run(trainer, checkpoint, job.out, job.run)
    seconds = time.monotonic() - started
    losses = [(entry["step"], entry["loss"]) for entry in state.log_history if "loss" in entry]
    evaluations = [entry for entry in state.log_history if "eval_loss" in entry]
    best = state.best_global_step if job.config.load_best_model_at_end else None
    published = [entry for entry in evaluations if best is None or entry["step"] == best][-1:]
    tenth = max(1, len(losses) // 10)
    counts = Counter(example.task for example in train)
    training = Training(
        rows={task: counts[task] for task in TASKS if counts[task] or task != "control"},
        lost_rows=lost,
        lost_validation_rows=lost_validation,
        steps=state.global_step,
        tokens=int(state.num_input_tokens_seen),
        first_loss=sum(loss for _, loss in losses[:tenth]) / tenth,
        last_loss=sum(loss for _, loss in losses[-tenth:]) / tenth,
        seconds=seconds,
        folder=job.out / "merged",
        validation=_measures(published[0]) if published else {},
        best_step=best,
    )
    _finish(trainer.model, tokenizer, job, training, {"losses": losses, "evaluations": evaluations})
    return training


def _measures(entry: dict[str, float]) -> dict[str, float]:
    """Loss and what was measured of written rows, of one evaluation."""
    return {
        name.removeprefix("eval_"): round(value, 4)
        for name, value in entry.items()
        if name == "eval_loss" or name.startswith("eval_written_")
    }


def _trainer(
    job: _Job,
    model: Any,
    tokenizer: Any,
    new_tokens: Sequence[int],
    train: Sequence[Example],
    validation: Sequence[Example],
) -> Any:
    from datasets import Dataset

    from lemonpress.students.measure import written_measure
    from lemonpress.students.trainer import CompletionTrainer, Seq2SeqSFTTrainer

    def dataset(rows: Sequence[Example]) -> Any:
        return Dataset.from_list([{"prompt": row.prompt, "completion": row.completion} for row in rows])

    lora = job.settings.lora
    measure = None
    if job.settings.written_rows:
        measure = written_measure(job.rows, job.contract, tokenizer, job.settings.written_rows, job.config.seed)
    try:
        return (Seq2SeqSFTTrainer if job.contract.kind == "seq2seq" else CompletionTrainer)(
            measure=measure,
            model=model,
            args=job.config,
            train_dataset=dataset(train),
            eval_dataset=dataset(validation) if validation else None,
            processing_class=tokenizer,
            peft_config=None if lora is None else adapter_config(lora, job.contract.kind, model, new_tokens),
        )
    except ValueError as error:
        if lora is None or "arget modules" not in str(error):
            raise
        raise UserError(f"student.lora.target_modules: {lora.target_modules} match nothing in the base") from error


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
    control = state.stateful_callbacks.get("TrainerControl", {}).get("args", {})
    if state.global_step < state.max_steps and not control.get("should_training_stop"):
        trainer.train(resume_from_checkpoint=str(checkpoint))
        return trainer.state
    # The trainer would take one step more.
    best = state.best_model_checkpoint if trainer.args.load_best_model_at_end else None
    final = out / "checkpoints" / Path(best).name if best else checkpoint
    if hasattr(trainer.model, "peft_config"):
        _load_adapter(trainer.model, final)
    else:
        _load_weights(trainer.model, final)
    return state


def _load_weights(model: Any, folder: Path) -> None:
    from safetensors.torch import load_model

    load_model(model, folder / "model.safetensors", strict=False)


def _finish(model: Any, tokenizer: Any, job: _Job, training: Training, curves: dict[str, Any]) -> None:
    """Write and check the tree in a scratch folder, then put it and its record in place."""
    scratch = Path(tempfile.mkdtemp(prefix=".merged-", dir=job.out))
    try:
        write_tree(model, tokenizer, job.contract, job.base, scratch)
        check_tree(scratch, job.base.folder)
        scratch.chmod(0o755)
        shutil.rmtree(training.folder, ignore_errors=True)
        scratch.rename(training.folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    record = {"run": job.run, "training": {**asdict(training), "folder": training.folder.name}, **curves}
    partial = job.out / ".training.json"
    partial.write_text(json.dumps(record, indent=1))
    partial.replace(job.out / "training.json")
    shutil.rmtree(job.out / "checkpoints")


def _run_digest(
    rows: Path,
    validation: Path | None,
    base: Base,
    settings: StudentSettings,
    config: "StudentConfig",
    start: Path | None,
) -> str:
    from lemonpress.students.settings import settings_of

    return digest(
        {
            "student": settings.model_dump(mode="json", exclude={"name", "model", "sft", "distilled_sft"}),
            "sft": json.loads(json.dumps(settings_of(config), default=str)),
            "rows": file_digest(rows),
            "validation": file_digest(validation) if validation else None,
            "base": {"id": base.id, "commit": base.commit},
            "start": file_digest(start / "model.safetensors") if start else None,
            "prompts": {kind: dict(formats) for kind, formats in FORMATS.items()} | {"completion": completion("{t}")},
            "version": _VERSION,
        }
    )


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
            # Checkpoints hold the whole embedding then, which costs disk for a while; what is published does not.
            warnings.filterwarnings("ignore", message="Setting `save_embedding_layers` to `True`")
            yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = telemetry
        if not bars:
            datasets.enable_progress_bars()
        if loading:
            logging.enable_progress_bar()
