"""Copy-Input on MRPC pins tokens, casing, smoothing and stemming to the paper's tables without a model."""

import os
from pathlib import Path

import pytest

from lemonpress.evaluation.benchmark import Benchmark, load, score
from lemonpress.metrics.bleu import corpus_bleu, paper_bleu
from lemonpress.metrics.rouge import rouge_l


@pytest.fixture(scope="module")
def mrpc() -> Benchmark:
    folder = os.environ.get("LEMONPRESS_BENCHMARKS")
    if not folder:
        pytest.skip("NOT CHECKED against the paper: LEMONPRESS_BENCHMARKS names no folder with mrpc_test.jsonl.gz")
    path = Path(folder) / "mrpc_test.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"NOT CHECKED against the paper: {path} is missing")
    return load(path, "paraphrase")


def test_copy_input_gives_the_papers_numbers(mrpc: Benchmark) -> None:
    assert len(mrpc.sources) == 1147
    scores = {s.metric: s.mean for s in score("paraphrase", mrpc.sources, mrpc.references, mrpc.sources, None)}
    assert scores["BLEU"] == pytest.approx(44.4, abs=0.1)
    assert scores["Self-BLEU"] == pytest.approx(100)
    assert scores["iBLEU"] == pytest.approx(1.1, abs=0.1)
    assert paper_bleu(mrpc.sources, mrpc.references) == scores["BLEU"]


def test_copy_input_gives_the_papers_rouge_l(mrpc: Benchmark) -> None:
    scores = rouge_l(mrpc.sources, [alternatives[0] for alternatives in mrpc.references])
    assert 100 * scores.mean() == pytest.approx(65.7, abs=0.1)


def test_copy_input_gives_the_known_corpus_bleu(mrpc: Benchmark) -> None:
    value, signature = corpus_bleu(mrpc.sources, mrpc.references)
    assert value == pytest.approx(47.5, abs=0.1)
    assert signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
