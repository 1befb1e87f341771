"""Fine-tuning an encoder into a critic: LoRA or all weights, stage after stage, resumable."""

import json
import math
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError
from lemonpress.kinds import check_weights, read_config
from lemonpress.nli.rows import CLASSES, ENTAILMENT, NliRow
from lemonpress.nli.settings import CriticRecipe, StageSettings, class_weights
from lemonpress.recipes import digest
from lemonpress.sources import Model

_VERSION = 2  # of the loss and the schedule: stages of another version are not reused
_NOT_WEIGHTS = (
    "optimizer.pt",
    "scheduler.pt",
    "scaler.pt",
    "rng_state*.pth",
    "trainer_state.json",
    "training_args.bin",
    "README.md",
)


def train_critic(
    recipe: CriticRecipe,
    base: Model,
    rows: Mapping[str, Sequence[NliRow]],
    validation: Sequence[NliRow],
    out: Path,
) -> Path:
    """Train every stage of a recipe, each from the weights of the one before.

    Args:
        recipe: Adapter, stages and seed.
        base: The encoder's files.
        rows: Rows of each dataset or kind that the stages name.
        validation: Rows that stages which stop early are evaluated on.
        out: Working folder; each stage gets ``NAME/checkpoints`` and in the end ``NAME/trained``.

    Returns:
        The last stage's ``trained``: an adapter, or with lora null a whole model with its tokenizer.

    Raises:
        UserError: A stage's source has no rows, a stage has entailments only or none, or `out` holds a training of
            other settings or rows.
    """
    chosen = [choose(stage, rows, recipe.seed) for stage in recipe.stages]
    lora = None if recipe.lora is None else recipe.lora.model_dump()
    weights = None if recipe.class_weights is None else recipe.model_dump()["class_weights"]
    identity = digest([_VERSION, base.commit, lora, weights, recipe.dropout, recipe.max_tokens, recipe.seed])
    trained: Path | None = None
    for stage, stage_rows in zip(recipe.stages, chosen, strict=True):
        watched = [] if stage.early_stopping is None else validation
        read = [[astuple(row) for row in part] for part in (stage_rows, watched)]
        identity = digest([identity, stage.model_dump(exclude={"name"}), read])
        trained = _train_stage(_Stage(recipe, stage, base, stage_rows, watched, trained), out / stage.name, identity)
    assert trained is not None
    return trained


def choose(stage: StageSettings, rows: Mapping[str, Sequence[NliRow]], seed: int) -> list[NliRow]:
    """A seeded sample of the rows that a stage asks for.

    Raises:
        UserError: A source has no rows, or all rows have one label.
    """
    import numpy as np

    chosen: list[NliRow] = []
    for source, count in stage.rows.items():
        available = rows.get(source, ())
        if count and not available:
            raise UserError(f"stages.{stage.name}.rows.{source}: there are no such rows; remove it or add data")
        order = np.random.default_rng([seed, *source.encode()]).permutation(len(available))
        chosen += [available[position] for position in order[:count]]
    labels = Counter(row.label for row in chosen)
    if labels[ENTAILMENT] in (0, len(chosen)):
        found = ", ".join(sorted(labels))
        raise UserError(f"stages.{stage.name}: all rows are labelled {found}; a critic needs entailments and others")
    return chosen


def steps(stage: StageSettings, rows: int) -> int:
    """Optimizer steps of a stage with so many rows, on one device and if it does not stop early."""
    return math.ceil(stage.epochs * math.ceil(rows / stage.batch_size))


def check_encoder(recipe: CriticRecipe, base: Model) -> tuple[int, int]:
    """Refuse a model that cannot be trained as a critic, before its weights are loaded.

    Returns:
        (parameters that would be trained, all parameters).

    Raises:
        UserError: It is an adapter or packed as GGUF, has no safetensors weights, no fast tokenizer or padding token,
            or no head for classification; it does not take max_tokens; lora.target_modules match nothing.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    if base.base is not None or base.gguf is not None:
        kind = "an adapter; merge it" if base.base is not None else "packed as GGUF; unpack it"
        raise UserError(f"encoder: {base.id} is {kind} and give the whole model")
    read_config(base, "encoder")
    check_weights(base, "encoder")
    try:
        config = AutoConfig.from_pretrained(base.folder, num_labels=len(CLASSES))
        with torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(config)
    except (ValueError, KeyError) as error:
        why = str(error).strip().splitlines()[0][:120]
        raise UserError(f"encoder: {base.id} cannot be a sequence classifier ({why}); give another encoder") from None
    _check_tokenizer(recipe, base, config)
    model = _with_adapter(recipe, model)
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, trains in counts if trains), sum(size for size, _ in counts)


def _check_tokenizer(recipe: CriticRecipe, base: Model, config: Any) -> None:
    from transformers import AutoTokenizer

    files = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "spm.model")
    if not any((base.folder / name).is_file() for name in files):
        raise UserError(f"encoder: {base.id} has no tokenizer; save one beside its weights or give another encoder")
    try:
        tokenizer = AutoTokenizer.from_pretrained(base.folder)
    except (ValueError, KeyError, TypeError, OSError) as error:
        why = str(error).strip().splitlines()[0][:120]
        raise UserError(f"encoder: {base.id}: its tokenizer cannot be loaded ({why}); save it again") from None
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        lack = "padding token" if tokenizer.is_fast else "fast tokenizer"
        raise UserError(f"encoder: {base.id} has no {lack}; save it with one or give another encoder")
    positions = getattr(config, "max_position_embeddings", None) or recipe.max_tokens
    most = min(positions, tokenizer.model_max_length)
    if recipe.max_tokens > most:
        raise UserError(f"max_tokens: {recipe.max_tokens} is more than {base.id} takes; write {most} or less")


def load_encoder(folder: Path, dropout: float | None = None) -> Any:
    """The encoder with a fresh three-way head, labels named; or a whole critic.

    Args:
        folder: Its files.
        dropout: Every dropout of its configuration; its own by default.

    Raises:
        UserError: Weights of the encoder itself are missing in its files.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    settings = AutoConfig.from_pretrained(folder).to_dict() if dropout is not None else {}
    dropouts = {
        name: dropout for name, value in settings.items() if "dropout" in name and isinstance(value, float | int)
    }
    model, loaded = AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=len(CLASSES),
        id2label=dict(enumerate(CLASSES)),
        label2id={name: index for index, name in enumerate(CLASSES)},
        dtype=torch.float32,
        output_loading_info=True,
        **dropouts,
        # Eager attention is faster than SDPA for short pairs on a CPU.
        **({} if torch.cuda.is_available() else {"attn_implementation": "eager"}),
    )
    heads = head_modules(model)
    lost = sorted(key for key in loaded["missing_keys"] if not set(key.split(".")) & set(heads))
    if lost:
        raise UserError(f"encoder: {folder} lacks {len(lost)} of its weights, such as {lost[0]}; save it whole again")
    return model


def head_modules(model: Any) -> list[str]:
    """Names of what a classifier has on top of its encoder, and of its pooler: they start fresh and train whole."""
    top = {
        name
        for name, module in model.named_children()
        if name != model.base_model_prefix and any(True for _ in module.parameters())
    }
    return sorted(top | {"pooler" for name, _ in model.named_modules() if name.rsplit(".", 1)[-1] == "pooler"})


@dataclass(frozen=True)
class _Stage:
    """What one stage trains from what."""

    recipe: CriticRecipe
    settings: StageSettings
    base: Model
    rows: Sequence[NliRow]
    validation: Sequence[NliRow]
    start: Path | None


def _train_stage(stage: _Stage, out: Path, identity: str) -> Path:
    finished, checkpoint = _state(out, identity)
    if finished:
        return out / "trained"
    if checkpoint is None or not _over(checkpoint):
        _run(stage, out / "checkpoints", checkpoint)
    _keep_best(out)
    return out / "trained"


def _run(stage: _Stage, checkpoints: Path, checkpoint: Path | None) -> None:
    from transformers import AutoTokenizer, DataCollatorWithPadding, EarlyStoppingCallback, PrinterCallback, set_seed

    from lemonpress.nli.trainer import NliTrainer, encode
    from lemonpress.students.progress import Progress

    recipe, settings = stage.recipe, stage.settings
    set_seed(recipe.seed)
    tokenizer = AutoTokenizer.from_pretrained(stage.base.folder)
    watched = encode(stage.validation, tokenizer, recipe.max_tokens)
    watched.sort(key=lambda row: len(row["input_ids"]))  # batches of like length: less padding
    callbacks: list[Any] = [Progress(f"training {settings.name}")]
    if settings.early_stopping is not None:
        callbacks.append(EarlyStoppingCallback(settings.early_stopping.patience))
    trainer = NliTrainer(
        model=_adapted(recipe, stage.base, stage.start),
        args=_arguments(recipe, settings, checkpoints),
        train_dataset=encode(stage.rows, tokenizer, recipe.max_tokens),
        eval_dataset=watched or None,
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=callbacks,
        weights=class_weights(recipe, Counter(row.label for row in stage.rows)),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def _adapted(recipe: CriticRecipe, base: Model, start: Path | None) -> Any:
    if recipe.lora is None:
        return load_encoder(start or base.folder, recipe.dropout)
    encoder = load_encoder(base.folder, recipe.dropout)
    if start is None:
        return _with_adapter(recipe, encoder)
    from peft import PeftModel

    return PeftModel.from_pretrained(encoder, start, is_trainable=True)


def _with_adapter(recipe: CriticRecipe, model: Any) -> Any:
    if recipe.lora is None:
        return model
    from peft import LoraConfig, get_peft_model

    lora = recipe.lora
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        modules_to_save=head_modules(model),
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        if "arget modules" not in str(error):
            raise
        raise UserError(f"lora.target_modules: {lora.target_modules} match nothing in the encoder") from None


def _arguments(recipe: CriticRecipe, stage: StageSettings, checkpoints: Path) -> Any:
    import torch
    from transformers import TrainingArguments

    from lemonpress.weights import pick_dtype

    on_gpu = torch.cuda.is_available()
    stopping = stage.early_stopping
    return TrainingArguments(
        output_dir=str(checkpoints),
        bf16=pick_dtype("auto", "cuda" if on_gpu else "cpu") == torch.bfloat16,
        dataloader_pin_memory=on_gpu,
        disable_tqdm=True,
        eval_strategy="no" if stopping is None else "steps",
        eval_steps=None if stopping is None else stopping.every,
        greater_is_better=False,
        label_names=["labels"],
        learning_rate=stage.learning_rate,
        logging_steps=50,
        lr_scheduler_type=stage.schedule,
        metric_for_best_model=None if stopping is None else "loss",
        num_train_epochs=stage.epochs,
        per_device_eval_batch_size=64,
        per_device_train_batch_size=stage.batch_size,
        prediction_loss_only=True,
        report_to="none",
        restore_callback_states_from_checkpoint=True,
        save_steps=recipe.save_steps if stopping is None else stopping.every,
        save_total_limit=2 if recipe.lora is None else None,  # whole models with their optimizers are large
        seed=recipe.seed,
        use_cpu=not on_gpu,
        warmup_steps=0.05,
        weight_decay=0.01,
    )


def _state(out: Path, identity: str) -> tuple[bool, Path | None]:
    """Whether a stage is finished, and its newest complete checkpoint."""
    record = out / "stage.json"
    if not record.is_file():
        out.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"identity": identity}))
    elif json.loads(record.read_text())["identity"] != identity:
        raise UserError(f"{out}: holds a training of other settings or rows; remove it or name another --output")
    return (out / "trained").is_dir(), _newest(out / "checkpoints")


def _newest(checkpoints: Path) -> Path | None:
    """The newest complete checkpoint; `trainer_state.json` is written last."""
    complete = [file.parent for file in checkpoints.glob("checkpoint-*/trainer_state.json")]
    return max(complete, key=lambda folder: int(folder.name.removeprefix("checkpoint-")), default=None)


def _over(checkpoint: Path) -> bool:
    """Whether the training had ended, at its last step or early, when it wrote a checkpoint."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return bool(state["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"])


def _keep_best(out: Path) -> None:
    """Copy the weights of the best checkpoint, or of the last where none was evaluated."""
    last = _newest(out / "checkpoints")
    assert last is not None
    best = json.loads((last / "trainer_state.json").read_text(encoding="utf-8"))["best_global_step"]
    scratch = out / ".trained"
    shutil.rmtree(scratch, ignore_errors=True)
    kept = last if best is None else last.with_name(f"checkpoint-{best}")
    shutil.copytree(kept, scratch, ignore=shutil.ignore_patterns(*_NOT_WEIGHTS))
    scratch.rename(out / "trained")
