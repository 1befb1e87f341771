import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from student_rows import COMMIT, ROWS, SETTINGS, write_rows

from lemonpress.errors import UserError
from lemonpress.recipes import LoraSettings
from lemonpress.students.prompts import completion, prompt
from lemonpress.students.settings import sft_config
from lemonpress.students.train import Base, Training, fine_tune
from one_line import one_line

Train = Callable[..., Training]


def adapter(training: Training) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(training.folder / "adapter" / "adapter_model.safetensors")


def same_adapters(one: Training, other: Training, **tolerance: float) -> bool:
    import torch

    left, right = adapter(one), adapter(other)
    return left.keys() == right.keys() and all(torch.allclose(left[k], right[k], **tolerance) for k in left)


def test_loss_is_the_raw_models_over_target_tokens_alone(train: Train, tiny_causal: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_causal), AutoTokenizer.from_pretrained(tiny_causal)
    total, count = 0.0, 0
    for row in ROWS:
        asked = tokenizer(prompt(row["task"], row["source"])).input_ids  # type: ignore[arg-type]
        written = [*tokenizer(completion(row["target"])).input_ids, tokenizer.eos_token_id]
        labels = torch.tensor([[-100] * len(asked) + written])
        with torch.inference_mode():
            total += model(input_ids=torch.tensor([asked + written]), labels=labels).loss.item() * len(written)
        count += len(written)
    trained = train("parity")
    assert trained.first_loss == pytest.approx(total / count, abs=2e-4)
    assert train("packed", packing=True, max_length=128).first_loss == pytest.approx(total / count, abs=2e-4)


def test_accumulation_of_four_batches_is_one_batch(train: Train) -> None:
    exact = {"optim": "sgd", "learning_rate": 1.0, "max_grad_norm": 0, "warmup_steps": 0}
    whole = train("whole", **exact)
    parts = train("parts", per_device_train_batch_size=4, gradient_accumulation_steps=4, **exact)
    assert parts.first_loss == pytest.approx(whole.first_loss, abs=1e-4)
    assert same_adapters(whole, parts, atol=1e-5)
    moved = sum(value.abs().sum().item() for name, value in adapter(whole).items() if "lora_B" in name)
    assert moved > 1


@pytest.mark.parametrize("killed_at", ["a step", "publishing"])
def test_a_killed_training_goes_on_as_if_it_had_not_been(
    train: Train, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    settings = {"max_steps": 6, "per_device_train_batch_size": 4, "save_steps": 2, "learning_rate": 1e-2}
    whole = train("whole", **settings)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if killed_at == "a step":
            from lemonpress.students.progress import Progress

            step_end = Progress.on_step_end

            def die_late(self: Progress, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                step_end(self, args, state, control, **kwargs)
                if state.global_step == 5:
                    die()

            patch.setattr(Progress, "on_step_end", die_late)
        else:
            patch.setattr("lemonpress.students.train.write_tree", die)
        with pytest.raises(KeyboardInterrupt):
            train("killed", **settings)
    out = whole.folder.parent.parent / "killed"
    assert not (out / "merged").exists()
    resumed = train("killed", resume=True, **settings)
    assert (resumed.steps, resumed.tokens) == (whole.steps, whole.tokens)
    assert (resumed.first_loss, resumed.last_loss) == pytest.approx((whole.first_loss, whole.last_loss), abs=1e-4)
    assert same_adapters(whole, resumed, atol=1e-6)
    assert not (out / "checkpoints").exists()


def test_a_finished_training_is_taken_as_it_is_and_another_recipe_is_not(train: Train) -> None:
    first = train("twice")
    made = (first.folder / "model.safetensors").stat().st_mtime_ns
    assert train("twice", resume=True) == first
    assert (first.folder / "model.safetensors").stat().st_mtime_ns == made
    assert train("twice", resume=True, max_steps=2).steps == 2


def test_checkpoints_of_another_recipe_are_refused(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lemonpress.students.train.write_tree", die)
        with pytest.raises(KeyboardInterrupt):
            train("mine")
    with pytest.raises(UserError, match="checkpoints of another training") as error:
        train("mine", resume=True, max_steps=2)
    one_line(error)


def test_rows_longer_than_max_length_are_counted_and_left_out(train: Train) -> None:
    long = {"task": "summary", "source": "The cat " * 60, "target": "The cat."}
    done = train("long", rows=[*ROWS, long], max_length=120)
    assert (done.lost_rows, done.rows) == (1, {"paraphrase": 12, "summary": 4})
    with pytest.raises(UserError, match="max_length") as error:
        train("none", max_length=8)
    one_line(error)


def test_the_record_holds_counts_and_the_curve(train: Train, base: Base) -> None:
    done = train("recorded", max_steps=4, per_device_train_batch_size=8, learning_rate=1e-2)
    record = json.loads((done.folder.parent / "training.json").read_text())
    assert [step for step, _ in record["losses"]] == [1, 2, 3, 4]
    assert done.last_loss < done.first_loss
    assert done.tokens == record["training"]["tokens"] > 4 * 8 * 20
    adapter_config = json.loads((done.folder / "adapter" / "adapter_config.json").read_text())
    assert (adapter_config["base_model_name_or_path"], adapter_config["revision"]) == ("lemonpress/tiny", COMMIT)


@pytest.mark.parametrize(
    ("row", "words"),
    [({"task": "haiku"}, "haiku"), ({"source": " "}, "blank"), ({"target": ""}, "blank")],
)
def test_a_bad_row_is_named(train: Train, row: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match="row 16") as error:
        train("bad", rows=[*ROWS, {**ROWS[0], **row}])
    assert words in one_line(error)


def test_bad_files_are_refused_before_any_work(base: Base, tmp_path: Path) -> None:
    out = tmp_path / "out"
    untasked = tmp_path / "untasked.parquet"
    pq.write_table(pa.table({"source": ["A."], "target": ["B."]}), untasked)
    files = [(tmp_path / "absent.parquet", "no readable"), (untasked, "task is missing")]
    for file, words in [*files, (write_rows(tmp_path / "empty.parquet", []), "no rows")]:
        with pytest.raises(UserError, match=words) as error:
            fine_tune(file, base, SETTINGS, sft_config({}, 0), out, False)
        one_line(error)
        assert not out.exists()


def test_a_target_module_that_matches_nothing_is_refused(base: Base, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"lora": LoraSettings(target_modules=["nowhere"])})
    rows = write_rows(tmp_path / "rows.parquet", ROWS)
    with pytest.raises(UserError, match="nowhere") as error:
        fine_tune(rows, base, settings, sft_config({"bf16": False}, 0), tmp_path / "out", False)
    one_line(error)


def test_the_choice_among_rows_is_seeded_and_per_task(base: Base, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"max_rows": 3})
    rows = write_rows(tmp_path / "rows.parquet", ROWS)
    done = [
        fine_tune(
            rows, base, settings, sft_config({"bf16": False, "max_steps": 1}, seed), tmp_path / f"{seed}{copy}", False
        )
        for seed, copy in ((0, "a"), (0, "b"), (1, "a"))
    ]
    assert done[0].rows == {"paraphrase": 3, "summary": 3}
    assert done[0].first_loss == done[1].first_loss != done[2].first_loss
