"""Fine-tuning an encoder into a critic: LoRA, stage after stage, resumable."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError
from lemonpress.nli.rows import CLASSES, NliRow
from lemonpress.nli.settings import CriticRecipe, StageSettings
from lemonpress.recipes import digest
from lemonpress.sources import Model

_VERSION = 1  # of the loss and the schedule: stages of another version are not reused


def train_critic(recipe: CriticRecipe, base: Model, rows: Mapping[str, Sequence[NliRow]], out: Path) -> Path:
    """Train every stage of a recipe, each from the adapter of the one before.

    Args:
        recipe: Adapter, stages and seed.
        base: The encoder's files.
        rows: Rows of each source that the stages name.
        out: Working folder; each stage gets ``NAME/adapter`` and, while it trains, ``NAME/checkpoints``.

    Returns:
        The last stage's adapter folder.

    Raises:
        UserError: A stage's source has no rows, a stage has entailments only or none, or `out` holds a training of
            other settings or rows.
    """
    chosen = [choose(stage, rows, recipe.seed) for stage in recipe.stages]
    adapter: Path | None = None
    identity = digest([_VERSION, base.commit, recipe.lora.model_dump(), recipe.max_tokens, recipe.seed])
    for stage, stage_rows in zip(recipe.stages, chosen, strict=True):
        identity = digest([identity, stage.model_dump(exclude={"name"}), [astuple(row) for row in stage_rows]])
        adapter = _train_stage(recipe, stage, base, stage_rows, adapter, out / stage.name, identity)
    assert adapter is not None
    return adapter


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
    if len(labels) < 2 or "entailment" not in labels:
        raise UserError(
            f"stages.{stage.name}: all rows are labelled {', '.join(labels)}; a critic needs entailments and others"
        )
    return chosen


def check_encoder(base: Model, where: str) -> None:
    """Refuse a model that cannot be trained as a critic, before anything is loaded.

    Raises:
        UserError: It has no safetensors weights or no tokenizer.
    """
    if not any(base.folder.glob("*.safetensors")):
        raise UserError(f"{where}: {base.id} has no safetensors weights; convert it or give another encoder")
    if not any((base.folder / name).is_file() for name in ("tokenizer.json", "vocab.txt", "spiece.model")):
        raise UserError(f"{where}: {base.id} has no tokenizer; save one beside its weights or give another encoder")


def load_encoder(folder: Path) -> Any:
    """The encoder with a fresh three-way head, labels named."""
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=len(CLASSES),
        id2label=dict(enumerate(CLASSES)),
        label2id={name: index for index, name in enumerate(CLASSES)},
        attn_implementation="eager",  # faster than SDPA for short pairs on a CPU
    )


def _train_stage(
    recipe: CriticRecipe,
    stage: StageSettings,
    base: Model,
    rows: Sequence[NliRow],
    start: Path | None,
    out: Path,
    identity: str,
) -> Path:
    from transformers import AutoTokenizer, DataCollatorWithPadding, set_seed

    from lemonpress.nli.trainer import NliTrainer, encode
    from lemonpress.students.progress import Progress

    finished, checkpoint = _state(out, identity)
    if finished:
        return out / "adapter"
    set_seed(recipe.seed)
    model = _adapted(recipe, base, start)
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    trainer = NliTrainer(
        model=model,
        args=_arguments(recipe, stage, out / "checkpoints"),
        train_dataset=encode(rows, tokenizer, recipe.max_tokens),
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[Progress(f"training {stage.name}")],
    )
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    scratch = out / ".adapter"
    shutil.rmtree(scratch, ignore_errors=True)
    model.save_pretrained(scratch)
    scratch.rename(out / "adapter")
    return out / "adapter"


def _adapted(recipe: CriticRecipe, base: Model, start: Path | None) -> Any:
    from peft import LoraConfig, PeftModel, get_peft_model

    encoder = load_encoder(base.folder)
    if start is not None:
        return PeftModel.from_pretrained(encoder, start, is_trainable=True)
    lora = recipe.lora
    heads = [name for name, _ in encoder.named_modules() if name.rsplit(".", 1)[-1] in ("pooler", "classifier")]
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        modules_to_save=sorted({name.rsplit(".", 1)[-1] for name in heads}),
    )
    return get_peft_model(encoder, config)


def _arguments(recipe: CriticRecipe, stage: StageSettings, checkpoints: Path) -> Any:
    import torch
    from transformers import TrainingArguments

    from lemonpress.weights import pick_dtype

    on_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(checkpoints),
        bf16=pick_dtype("auto", "cuda" if on_gpu else "cpu") == torch.bfloat16,
        dataloader_pin_memory=on_gpu,
        disable_tqdm=True,
        learning_rate=stage.learning_rate,
        logging_steps=50,
        lr_scheduler_type=stage.schedule,
        num_train_epochs=stage.epochs,
        per_device_train_batch_size=stage.batch_size,
        report_to="none",
        save_steps=recipe.save_steps,
        seed=recipe.seed,
        use_cpu=not on_gpu,
        warmup_steps=0.05,
        weight_decay=0.01,
    )


def _state(out: Path, identity: str) -> tuple[bool, Path | None]:
    """Whether a stage is finished, and its newest complete checkpoint; `trainer_state.json` is written last."""
    record = out / "stage.json"
    if record.is_file() and json.loads(record.read_text())["identity"] != identity:
        raise UserError(f"{out}: holds a training of other settings or rows; remove it or name another --output")
    out.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"identity": identity}))
    complete = [file.parent for file in (out / "checkpoints").glob("checkpoint-*/trainer_state.json")]
    newest = max(complete, key=lambda folder: int(folder.name.removeprefix("checkpoint-")), default=None)
    return (out / "adapter").is_dir(), newest
