"""Pairs per second of ROUGE-L: `lemonpress.metrics.rouge` against rouge-score, on the same sentences in one run."""

import argparse
import json
import re
import time
from importlib.metadata import version
from importlib.resources import files

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from lemonpress.metrics.rouge import rouge_l_pairs, tokenize


def sentences(count: int) -> list[str]:
    """The first sentences of the packaged starting paragraphs."""
    lines = files("lemonpress").joinpath("data/paragraphs.jsonl").read_text(encoding="utf-8").splitlines()
    found = [part for line in lines for part in re.split(r"(?<=[.!?]) ", json.loads(line)["text"])]
    if len(found) < count:
        raise SystemExit(f"--sentences: only {len(found)} are at hand; ask for fewer")
    return found[:count]


def main() -> None:
    """Score all pairs both ways, check that the scores are equal, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=100, help="sentences to pair, all with all (default 100)")
    parser.add_argument("--repeats", type=int, default=20, help="runs of ours; the median counts (default 20)")
    arguments = parser.parse_args()
    if arguments.sentences < 2 or arguments.repeats < 1:
        parser.error("--sentences must be at least 2 and --repeats at least 1")
    texts = sentences(arguments.sentences)
    left, right = np.triu_indices(len(texts), 1)

    started = time.perf_counter()
    first = rouge_l_pairs(tokenize(texts), left, right)
    first_call = time.perf_counter() - started
    runs = []
    for _ in range(arguments.repeats):
        started = time.perf_counter()
        rouge_l_pairs(tokenize(texts), left, right)
        runs.append(time.perf_counter() - started)
    ours = float(np.median(runs))

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    started = time.perf_counter()
    theirs = [scorer.score(texts[i], texts[j])["rougeL"].fmeasure for i, j in zip(left, right, strict=True)]
    reference = time.perf_counter() - started

    print(
        json.dumps(
            {
                "sentences": len(texts),
                "pairs": len(left),
                "equal": first.tolist() == theirs,
                "rouge_score_version": version("rouge-score"),
                "rouge_score_pairs_per_second": round(len(left) / reference),
                "lemonpress_pairs_per_second": round(len(left) / ours),
                "ratio": round(reference / ours, 1),
                "lemonpress_first_call_seconds": round(first_call, 3),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
