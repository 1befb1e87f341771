"""trainers/critic.py: a tiny critic from its recipe to a corpus's critic; killed, measured again, refused."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lemonpress.critics import classification
from lemonpress.nli.rows import CLASSES, KINDS, NliRow
from lemonpress.sources import resolve

PROGRAM = Path(__file__).parents[2] / "trainers/critic.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, negation_rows: list[NliRow]) -> Path:
    """Files of rows, and of human judgements."""
    folder = tmp_path_factory.mktemp("data")
    for name, rows in (("train", negation_rows[:60]), ("validation", negation_rows[40:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(vars(row)) + "\n" for row in rows))
    pairs = [
        {"source": row.premise, "reference": row.hypothesis, "paraphrase": row.label == "entailment"}
        for row in negation_rows
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return folder


@pytest.fixture(scope="module")
def recipe(tiny_encoder: Path, data: Path) -> dict[str, Any]:
    return {
        "name": "tiny",
        "encoder": str(tiny_encoder),
        "max_tokens": 32,
        "lora": {"r": 4, "alpha": 8},
        "datasets": {"nli": {"path": "train.jsonl", "sources": {"tiny": {"rows": 60, "licence": "CC0-1.0"}}}},
        "validation": {"path": "validation.jsonl"},
        "test": {"path": "validation.jsonl"},
        "paraphrases": {"path": "pairs.jsonl"},
        "save_steps": 5,
        "stages": [{"name": "all", "rows": {"nli": 60}, "epochs": 4, "learning_rate": 5e-3, "batch_size": 4}],
    }


@pytest.fixture(scope="module")
def command(recipe: dict[str, Any], data: Path) -> Callable[..., list[str]]:
    """Arguments of the program: `command(output, **changes of the recipe)`."""

    def arguments(output: Path, *more: str, **changes: Any) -> list[str]:
        file = output.with_suffix(".yaml")
        file.write_text(yaml.safe_dump({**recipe, **changes}))
        return ["--config", str(file), "--data", str(data), "--output", str(output), *more]

    return arguments


@pytest.fixture(scope="module")
def made(command: Callable[..., list[str]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a training that was killed and run again, and what the program printed then."""
    out = tmp_path_factory.mktemp("made") / "critic"
    arguments = [sys.executable, str(PROGRAM), *command(out)]
    # As many threads as here: sums depend on them.
    environment = os.environ | {
        "LEMONPRESS_HOME": str(out.with_name("home")),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        until = time.monotonic() + 200
        while not (out / "all/checkpoints/checkpoint-10/trainer_state.json").exists() and time.monotonic() < until:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
    assert not (out / "all/trained").exists()
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return out, done.stdout


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """The program's main function in this process."""
    spec = importlib.util.spec_from_file_location("critic_program", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(arguments: list[str]) -> int:
        monkeypatch.setattr(sys, "argv", [str(PROGRAM), *arguments])
        return int(module.main())

    return run


def _weights(out: Path) -> bytes:
    return (out / "asset/adapter_model.safetensors").read_bytes()


def test_what_was_trained_judges_as_a_critic(made: tuple[Path, str], home: Path) -> None:
    out, printed = made
    assert "nli/tiny" in printed
    assert "60 rows: 30 entailment, 10 contradiction, 20 not_entailment" in printed
    assert "stage all: 60 steps of 4 on 60 rows" in printed
    critic = resolve(str(out / "asset"))
    assert classification.labels_of(critic, "here") == list(CLASSES)
    texts = ["the cat saw the dog", "the clerk met the town"]
    negated = [text.replace("saw", "never saw").replace("met", "never met") for text in texts]
    chances = classification.load(critic, "cpu").probabilities(texts * 2, [*texts, *negated])
    assert chances.shape == (4, 3)
    assert chances.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert chances[:2, 0].min() > chances[2:, 0].max()
    figures = json.loads((out / "asset/figures.json").read_text())
    assert figures["temperature"] > 0
    assert (out / "asset/README.md").is_file()


def test_a_killed_training_goes_on_to_the_same_critic(
    command: Callable[..., list[str]],
    made: tuple[Path, str],
    tmp_path: Path,
    program: Callable[[list[str]], int],
    home: Path,
) -> None:
    assert program(command(tmp_path / "whole")) == 0
    assert _weights(tmp_path / "whole") == _weights(made[0])


def test_an_output_that_is_a_file_is_refused_and_kept(
    command: Callable[..., list[str]],
    tmp_path: Path,
    program: Callable[[list[str]], int],
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "taken").write_text("mine")
    assert program(command(tmp_path / "taken")) == 2
    assert "taken: is a file; name a folder" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_checkpoint_is_measured_and_written(
    command: Callable[..., list[str]],
    made: tuple[Path, str],
    tmp_path: Path,
    program: Callable[[list[str]], int],
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checkpoints = made[0] / "all/checkpoints"
    assert program(command(tmp_path / "last", "--trained", str(checkpoints / "checkpoint-60"))) == 0
    assert _weights(tmp_path / "last") == _weights(made[0])
    assert program(command(tmp_path / "none", "--trained", str(checkpoints))) == 2
    assert "holds no adapter_model.safetensors; give a folder that this recipe trained" in capsys.readouterr().err
    assert program(command(tmp_path / "none", "--trained", str(checkpoints / "checkpoint-60"), lora=None)) == 2
    assert "holds no model.safetensors" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_whole_weights_are_written_whole(
    command: Callable[..., list[str]], tmp_path: Path, program: Callable[[list[str]], int], home: Path
) -> None:
    stages = [
        {"name": "all", "rows": {"nli": 60}, "learning_rate": 1e-3, "early_stopping": {"every": 1, "patience": 1}}
    ]
    out = tmp_path / "whole"
    assert program(command(out, lora=None, stages=stages, class_weights="balanced", paraphrases=None, test=None)) == 0
    critic = resolve(str(out / "asset"))
    assert critic.base is None
    assert classification.load(critic, "cpu").probabilities(["the cat"], ["the dog"]).shape == (1, 3)


def test_a_dry_run_checks_all_and_writes_nothing(
    command: Callable[..., list[str]],
    tmp_path: Path,
    program: Callable[[list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "dry"
    assert program(command(out, "--dry-run")) == 0
    printed = capsys.readouterr().out
    assert "stage all: 60 steps of 4 on 60 rows: 30 entailment" in printed
    assert "validation/tiny" in printed
    trained, parameters = _parameters(printed)
    assert 0 < trained < parameters
    assert not out.exists()


def _parameters(printed: str) -> tuple[int, int]:
    (line,) = [line for line in printed.splitlines() if line.endswith("parameters are trained")]
    trained, parameters = line.rsplit(": ", 1)[1].split(" parameters")[0].split(" of ")
    return int(trained.replace(",", "")), int(parameters.replace(",", ""))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"datasets": {"nli": {"path": "train.jsonl", "labels": {"entailment": "entailment"}}}},
            "datasets.nli.labels: ",
        ),
        ({"validation": {"path": "absent.csv"}}, "validation.path: no file absent.csv in "),
        ({"encoder": "./nowhere"}, "encoder: nowhere holds no model"),
        ({"max_tokens": 512}, "max_tokens: 512 is more than "),
        ({"stages": []}, "'stages': "),
    ],
)
def test_bad_input_is_one_line(
    command: Callable[..., list[str]],
    tmp_path: Path,
    program: Callable[[list[str]], int],
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    said: str,
) -> None:
    out = tmp_path / "bad"
    assert program(command(out, **changes)) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("critic.py: error: ")
    assert said in error
    assert not out.exists()


def test_the_help_teaches() -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    words = ("premise", "not_entailment", "corpora.NAME.critics.entailment.model=", "datasets.NAME.labels")
    for word in (*words, *KINDS):
        assert word in done.stdout
