"""Encoder-decoder students: the loss is the raw model's, and what is trained is what is published."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from student_rows import COMMIT, ROWS, write_rows

from lemonpress.errors import UserError
from lemonpress.recipes import LoraSettings, StudentSettings
from lemonpress.students.contract import Contract
from lemonpress.students.generate import Student
from lemonpress.students.prompts import FORMATS, completion, prompt
from lemonpress.students.settings import sft_config
from lemonpress.students.train import Base, Training, fine_tune
from one_line import one_line
from tiny_models import CAUSAL, SEQ2SEQ, Architecture, save_tiny

LORA = LoraSettings(r=4, alpha=8)
FULL = None
EXACT = {"optim": "sgd", "learning_rate": 0.5, "max_grad_norm": 0, "warmup_steps": 0}
Make = Callable[[Architecture], Base]
Train = Callable[..., Training]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Random bases, each made once."""
    made: dict[str, Base] = {}

    def make(architecture: Architecture) -> Base:
        if architecture not in made:
            folder = tmp_path_factory.mktemp(architecture)
            made[architecture] = Base(save_tiny(architecture, folder), f"lemonpress/{architecture}", COMMIT)
        return made[architecture]

    return make


@pytest.fixture
def train(base: Make, tmp_path: Path) -> Train:
    """Train a random base in float32: `train(architecture, folder, lora=LORA, resume=False, start=None, **sft)`."""

    def run(
        architecture: Architecture,
        folder: str,
        lora: LoraSettings | None = LORA,
        resume: bool = False,
        start: Path | None = None,
        **sft: Any,
    ) -> Training:
        rows = write_rows(tmp_path / "rows.parquet", ROWS)
        settings = StudentSettings(name="tiny", model="./unused", lora=lora, length_share=0)
        config = sft_config({"bf16": False, "max_steps": 1, "per_device_train_batch_size": 16, **sft}, 0)
        return fine_tune(rows, base(architecture), settings, config, tmp_path / folder, resume, start)

    return run


def raw_loss(folder: Path) -> float:
    """Mean loss over the target tokens of all rows, each row alone through the model's own forward."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    encodes = "ConditionalGeneration" in (folder / "config.json").read_text()
    model = (AutoModelForSeq2SeqLM if encodes else AutoModelForCausalLM).from_pretrained(folder)
    total = count = 0.0
    for row in ROWS:
        kind = "seq2seq" if encodes else "causal"
        asked = tokenizer(prompt(row["task"], row["source"], FORMATS[kind])).input_ids  # type: ignore[arg-type,index]
        wanted = tokenizer(text_target=completion(row["target"], kind)).input_ids  # type: ignore[arg-type]
        if encodes:
            inputs, labels = asked, wanted
        else:
            wanted = [*wanted, tokenizer.eos_token_id]
            inputs, labels = asked + wanted, [-100] * len(asked) + wanted
        with torch.inference_mode():
            loss = model(input_ids=torch.tensor([inputs]), labels=torch.tensor([labels])).loss
        total, count = total + loss.item() * len(wanted), count + len(wanted)
    return total / count


def weights(training: Training) -> dict[str, Any]:
    from safetensors.torch import load_file

    adapter = training.adapter
    return load_file(adapter / "adapter_model.safetensors" if adapter else training.folder / "model.safetensors")


def same(one: Training, other: Training, **tolerance: float) -> bool:
    import torch

    left, right = weights(one), weights(other)
    return left.keys() == right.keys() and all(torch.allclose(left[k], right[k], **tolerance) for k in left)


@pytest.mark.parametrize("lora", [LORA, FULL], ids=["lora", "full"])
@pytest.mark.parametrize("architecture", [*SEQ2SEQ, *CAUSAL])
def test_the_loss_is_the_raw_models_over_target_tokens_alone(
    train: Train, base: Make, architecture: Architecture, lora: LoraSettings | None
) -> None:
    assert train(architecture, "out", lora).first_loss == pytest.approx(raw_loss(base(architecture).folder), abs=2e-4)


@pytest.mark.parametrize("architecture", [*SEQ2SEQ, *CAUSAL])
def test_accumulation_of_four_batches_is_one_batch(train: Train, architecture: Architecture) -> None:
    whole = train(architecture, "whole", **EXACT)
    parts = train(architecture, "parts", per_device_train_batch_size=4, gradient_accumulation_steps=4, **EXACT)
    assert parts.first_loss == pytest.approx(whole.first_loss, abs=1e-4)
    assert same(whole, parts, atol=1e-5)
    assert sum(value.abs().sum().item() for name, value in weights(whole).items() if "lora_B" in name) > 0.01


@pytest.mark.parametrize("architecture", ["t5", "bart", "llama"])
def test_gradient_checkpointing_changes_no_weight(train: Train, architecture: Architecture) -> None:
    plain = train(architecture, "plain", max_steps=3, **EXACT)
    saved = train(architecture, "saved", max_steps=3, gradient_checkpointing=True, **EXACT)
    assert same(plain, saved, atol=1e-5)


@pytest.mark.parametrize("architecture", ["t5", "bart", "llama"])
def test_bfloat16_trains_to_about_the_same_loss(train: Train, architecture: Architecture) -> None:
    settings = {"max_steps": 10, "learning_rate": 1e-2}
    exact, rounded = train(architecture, "exact", **settings), train(architecture, "rounded", **settings, bf16=True)
    assert rounded.last_loss == pytest.approx(exact.last_loss, rel=0.05)
    assert rounded.last_loss != exact.last_loss


@pytest.mark.parametrize("lora", [LORA, FULL], ids=["lora", "full"])
@pytest.mark.parametrize("architecture", ["t5", "bart"])
def test_a_killed_training_goes_on_as_if_it_had_not_been(
    train: Train, architecture: Architecture, lora: LoraSettings | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"max_steps": 6, "per_device_train_batch_size": 4, "save_steps": 2, "learning_rate": 1e-2}
    whole = train(architecture, "whole", lora, **settings)
    from lemonpress.students.progress import Progress

    step_end = Progress.on_step_end

    def die_late(self: Progress, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step_end(self, args, state, control, **kwargs)
        if state.global_step == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_step_end", die_late)
        with pytest.raises(KeyboardInterrupt):
            train(architecture, "killed", lora, **settings)
    resumed = train(architecture, "killed", lora, resume=True, **settings)
    assert (resumed.steps, resumed.tokens) == (whole.steps, whole.tokens)
    assert resumed.last_loss == pytest.approx(whole.last_loss, abs=1e-4)
    assert same(whole, resumed, atol=1e-6)


@pytest.mark.parametrize("architecture", SEQ2SEQ)
def test_merged_weights_are_the_adapter_on_its_base(train: Train, base: Make, architecture: Architecture) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tree = train(architecture, "tree", max_steps=8, learning_rate=3e-2).folder
    tokenizer = AutoTokenizer.from_pretrained(tree)
    tokens = tokenizer("paraphrase: The cat met the dog.", return_tensors="pt")
    tokens["decoder_input_ids"] = tokens["input_ids"]
    bare = AutoModelForSeq2SeqLM.from_pretrained(base(architecture).folder)
    with torch.inference_mode():
        before = bare(**tokens).logits
        adapted = PeftModel.from_pretrained(bare, tree / "adapter")(**tokens).logits
        merged = AutoModelForSeq2SeqLM.from_pretrained(tree, dtype=torch.float32)(**tokens).logits
    assert (merged - adapted).abs().max() < 0.05 * (before - adapted).abs().max()


@pytest.mark.parametrize("architecture", [*SEQ2SEQ, *CAUSAL])
def test_greedy_is_what_the_stock_generate_writes_with_the_published_settings(
    train: Train, architecture: Architecture
) -> None:
    student = Student.load(train(architecture, "tree").folder, dtype="float32", device="cpu")
    sources = ["The cat met the dog at noon.", "It rained."]
    written = student.generate("paraphrase", sources, greedy=True, max_new_tokens=12)
    for source, (text,) in zip(sources, written, strict=True):
        asked = student.tokenizer(prompt("paraphrase", source, student.contract.formats), return_tensors="pt")
        stock = student.model.generate(**asked, do_sample=False, max_new_tokens=12)[0]
        begun = 0 if student.contract.kind == "seq2seq" else asked.input_ids.shape[1]
        assert text == " ".join(student.tokenizer.decode(stock[begun:], skip_special_tokens=True).split())


@pytest.mark.parametrize("architecture", ["t5", "bart", "gpt2"])
def test_a_source_gets_the_same_samples_in_any_company(train: Train, architecture: Architecture) -> None:
    student = Student.load(train(architecture, "tree").folder, dtype="float32", device="cpu")
    sources = ["The cat met the dog.", "On 3 May the clerk paid the pilot and left.", "It rained."]
    together = student.generate("summary", sources, n=3, max_new_tokens=10, temperature=1.5, top_p=1.0)
    alone = [
        student.generate("summary", [one], n=3, max_new_tokens=10, temperature=1.5, top_p=1.0)[0] for one in sources
    ]
    assert alone == together
    assert len({text for texts in together for text in texts}) > 3


@pytest.mark.parametrize("architecture", ["t5", "bart", "gpt2"])
def test_beams_come_likeliest_first(train: Train, architecture: Architecture) -> None:
    student = Student.load(train(architecture, "tree").folder, dtype="float32", device="cpu")
    sources = ["It rained.", "On 3 May the clerk paid the pilot, who left at noon."]
    best = student.generate("paraphrase", sources, n=1, beams=4, max_new_tokens=8)
    many = student.generate("paraphrase", sources, n=4, beams=4, max_new_tokens=8)
    assert [texts[:1] for texts in many] == best
    assert all(len(texts) == 4 and any(texts) for texts in many)
    alone = [student.generate("paraphrase", [source], n=4, beams=4, max_new_tokens=8)[0] for source in sources]
    assert alone == many
    # One beam is greedy.
    assert student.generate("paraphrase", sources, beams=1, max_new_tokens=8) == student.generate(
        "paraphrase", sources, greedy=True, max_new_tokens=8
    )
    with pytest.raises(ValueError, match="beams"):
        student.generate("paraphrase", ["It rained."], n=5, beams=4)


def test_a_student_is_trained_further_from_where_it_was(train: Train) -> None:
    for lora in (LORA, FULL):
        name = "full" if lora is None else "lora"
        first = train("t5", f"{name}-first", lora, max_steps=10, learning_rate=3e-2)
        further = train("t5", f"{name}-further", lora, start=first.folder, max_steps=1, learning_rate=1e-4)
        assert further.first_loss < first.first_loss - 0.5


@pytest.mark.parametrize(
    ("architecture", "settings", "sft", "words"),
    [
        ("t5", {"kind": "causal"}, {}, "encoder-decoder model and student.kind asks for a causal"),
        ("gpt2", {"kind": "seq2seq"}, {}, "causal model and student.kind asks for an encoder-decoder"),
        ("bart", {}, {"packing": True}, "sft.packing"),
        ("t5", {}, {"padding_free": True}, "sft.padding_free"),
        ("t5", {}, {"loss_type": "dft"}, "sft.loss_type"),
        ("t5", {"lora": LoraSettings(target_modules=["nowhere"])}, {}, "nowhere"),
        ("t5", {"early_stopping": 2}, {}, "validation rows"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    base: Make, tmp_path: Path, architecture: Architecture, settings: dict[str, Any], sft: dict[str, Any], words: str
) -> None:
    rows = write_rows(tmp_path / "rows.parquet", ROWS)
    asked = StudentSettings(name="tiny", model="./unused", **settings)
    with pytest.raises(UserError) as error:
        fine_tune(rows, base(architecture), asked, sft_config({"bf16": False, **sft}, 0), tmp_path / "out", False)
    assert words in one_line(error)
    assert not (tmp_path / "out" / "merged").exists()


@pytest.mark.parametrize(
    ("rows", "sft", "words"),
    [
        ([{**ROWS[0], "task": "control", "tree": "(S NN)", "parser": "toy"}], {}, "task control"),
        ([{**ROWS[0], "source": "It rained. " * 90}], {"max_length": 150}, "validation: all 1 exceed 150"),
        (ROWS, {"eval_strategy": "steps", "eval_steps": 10, "save_steps": 25}, "multiple of eval_steps"),
        (ROWS, {"eval_strategy": "epoch"}, "save_strategy"),
        (ROWS, {"metric_for_best_model": "written_bleu"}, "is not measured"),
    ],
)
def test_validation_rows_that_measure_nothing_are_refused(
    base: Make, tmp_path: Path, rows: list[dict[str, Any]], sft: dict[str, Any], words: str
) -> None:
    train, held_out = write_rows(tmp_path / "rows.parquet", ROWS), write_rows(tmp_path / "held.parquet", rows)
    settings = StudentSettings(name="tiny", model="./unused", early_stopping=1, length_share=0)
    config = sft_config({"bf16": False, "max_steps": 50, **sft}, 0)
    with pytest.raises(UserError) as error:
        fine_tune(train, base("t5"), settings, config, tmp_path / "out", False, validation=held_out)
    assert words in one_line(error)


def test_a_causal_model_is_no_encoder_decoder_student(base: Make) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lemonpress.students.trainer import Seq2SeqSFTTrainer

    folder = base("gpt2").folder
    model = AutoModelForCausalLM.from_pretrained(folder)
    with pytest.raises(UserError, match="train it as a causal student") as error:
        Seq2SeqSFTTrainer(
            model=model,
            args=sft_config({}, 0),
            processing_class=AutoTokenizer.from_pretrained(folder),
            train_dataset=[],
        )
    one_line(error)


@pytest.mark.parametrize("architecture", ["t5", "gpt2"])
def test_training_stops_where_validation_no_longer_improves_and_keeps_the_best(
    base: Make, tmp_path: Path, architecture: Architecture
) -> None:
    import json

    rows = write_rows(tmp_path / "rows.parquet", ROWS[:8])
    # Other targets for the same sources: learning the rows by heart makes these ever less likely.
    held_out = write_rows(
        tmp_path / "held.parquet",
        [{**row, "target": other["target"]} for row, other in zip(ROWS[:8], ROWS[7::-1], strict=True)],
    )
    settings = StudentSettings(name="tiny", model="./unused", lora=None, early_stopping=2, written_rows=3)
    sft = {"bf16": False, "max_steps": 200, "learning_rate": 1e-2, "save_steps": 5, "lr_scheduler_type": "constant"}
    config = sft_config(sft, 0)
    done = fine_tune(rows, base(architecture), settings, config, tmp_path / "out", False, validation=held_out)
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    curve = {entry["step"]: entry["eval_loss"] for entry in record["evaluations"]}
    assert done.steps < 200
    assert done.best_step == min(curve, key=lambda step: curve[step]) < done.steps
    assert done.validation["loss"] == pytest.approx(min(curve.values()), abs=1e-4)
    assert {"written_bleu", "written_self_bleu", "written_ibleu", "written_copies"} <= done.validation.keys()


def test_a_stopped_early_stopping_goes_on_counting(
    base: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_rows(tmp_path / "rows.parquet", ROWS[:8])
    held_out = write_rows(
        tmp_path / "held.parquet",
        [{**row, "target": other["target"]} for row, other in zip(ROWS[:8], ROWS[7::-1], strict=True)],
    )
    settings = StudentSettings(name="tiny", model="./unused", early_stopping=3)
    sft = {"bf16": False, "max_steps": 300, "learning_rate": 5e-2, "save_steps": 4, "lr_scheduler_type": "constant"}

    def run(name: str) -> Training:
        return fine_tune(rows, base("t5"), settings, sft_config(sft, 0), tmp_path / name, True, validation=held_out)

    whole = run("whole")
    assert whole.best_step is not None
    from lemonpress.students.progress import Progress

    step_end = Progress.on_step_end

    def die_late(self: Progress, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        step_end(self, args, state, control, **kwargs)
        if state.global_step == whole.best_step + 6:  # one evaluation without a better one is counted
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_step_end", die_late)
        with pytest.raises(KeyboardInterrupt):
            run("killed")
    resumed = run("killed")
    assert (resumed.steps, resumed.best_step, resumed.validation) == (whole.steps, whole.best_step, whole.validation)
    assert same(whole, resumed, atol=1e-6)


def test_a_model_without_a_contract_is_asked_in_the_prompts_of_its_kind(base: Make) -> None:
    assert Student.load(base("t5").folder).contract == Contract("seq2seq", formats=FORMATS["seq2seq"])
    assert Student.load(base("gpt2").folder).contract == Contract("causal", formats=FORMATS["causal"])
