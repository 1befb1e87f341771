"""Copy-Input on MRPC pins tokens, casing, smoothing and stemming to the paper's tables without a model."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.benchmarks import BENCHMARKS, FOLDER, local_file, open_benchmark
from lemonpress.evaluation.scoring import score
from lemonpress.recipes.evaluation import BenchmarkChoice

PAPER = {"BLEU": 44.4, "ROUGE-L": 65.7, "iBLEU": 1.1, "Self-BLEU": 100.0, "sacreBLEU": 47.5}


@pytest.fixture(scope="module")
def file() -> Path:
    found = local_file(BENCHMARKS["mrpc"])
    if found is None:
        folder = os.environ.get(FOLDER) or "no folder"
        reason = f"NOT CHECKED against the paper: {FOLDER} names {folder}, without mrpc_test.jsonl.gz"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def mrpc(file: Path) -> Benchmark:
    return open_benchmark(BenchmarkChoice(name="mrpc", data=str(file)))


def test_copy_input_gives_the_papers_numbers(mrpc: Benchmark) -> None:
    assert len(mrpc.sources) == 1147
    scores = {one.metric: one for one in score(mrpc, mrpc.sources)}
    assert {name: scores[name].mean for name in PAPER} == pytest.approx(PAPER, abs=0.1)
    assert scores["sacreBLEU"].signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")


@pytest.mark.weights
def test_the_program_gives_them_to_others(file: Path, weights_home: Path, tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    command = ["--system", "copy-input", "--benchmark", "mrpc", "--data", str(file), "--output", str(output)]
    left_out = ["--fluency", "none", "--sentence-encoder", "none"]  # they say nothing of copies, slowly
    environment = {**os.environ, "LEMONPRESS_HOME": str(weights_home)}
    program = [sys.executable, "trainers/benchmark.py", *command, *left_out]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(output.read_text(encoding="utf-8"))["benchmarks"]["mrpc"]
    scores = {name: one["value"] for name, one in found["systems"]["Copy-Input"]["scores"].items()}
    assert {name: scores[name] for name in PAPER} == pytest.approx(PAPER, abs=0.1)
    assert scores["BERT-iBLEU"] == 0
    assert scores["Both ways"] == 100
    assert found["rows"] == 1147
