"""NLI pairs per second: sorted batches of sentences tokenised once, against unsorted fixed batches of text pairs.

python benchmarks/nli.py
python benchmarks/nli.py --model alisawuffles/roberta-large-wanli --pairs 20000
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from lemonpress.assets import asset
from lemonpress.console import quiet_libraries
from lemonpress.critics.classification import Classifier, load
from lemonpress.sources import resolve


def main() -> None:
    """Score the same pairs both ways, twice in turn, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="data/nli-critic", help="NLI model (default data/nli-critic, which ships)")
    parser.add_argument("--pairs", type=int, default=3000, help="pairs of the shipped pool (default 3000)")
    parser.add_argument("--batch", type=int, default=64, help="pairs in a fixed batch (default 64)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args()
    quiet_libraries()
    ones, others = _pairs(args.pairs)
    model = load(resolve(args.model))
    _unsorted(model, ones[: args.batch], others[: args.batch], args.batch)
    seconds: dict[str, list[float]] = {"unsorted": [], "sorted": []}
    for _ in range(2):
        started = time.perf_counter()
        plain = _unsorted(model, ones, others, args.batch)
        seconds["unsorted"].append(time.perf_counter() - started)
        started = time.perf_counter()
        ours = model.probabilities(ones, others)
        seconds["sorted"].append(time.perf_counter() - started)
    figures = {
        "model": args.model,
        "pairs": len(ones),
        "largest_difference": float(np.abs(plain - ours).max()),
        "unsorted_pairs_per_second": round(len(ones) / min(seconds["unsorted"])),
        "lemonpress_pairs_per_second": round(len(ones) / min(seconds["sorted"])),
        "ratio": round(min(seconds["unsorted"]) / min(seconds["sorted"]), 2),
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


def _pairs(count: int) -> tuple[list[str], list[str]]:
    """Random ordered pairs of sentences of the same contexts."""
    files = sorted(asset("data/starter").glob("sentences/*/sentences.parquet"))[:2]
    groups = [row for file in files for row in pq.read_table(file)["sentences"].to_pylist()]
    draw = np.random.default_rng(0)
    chosen = [draw.choice(groups[draw.integers(len(groups))], 2, replace=False) for _ in range(count)]
    return [str(one) for one, _ in chosen], [str(other) for _, other in chosen]


def _unsorted(model: Classifier, ones: list[str], others: list[str], size: int) -> np.ndarray:
    import torch

    found = []
    for start in range(0, len(ones), size):
        part = slice(start, start + size)
        batch = model.tokenizer(ones[part], others[part], padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            found.append(model.model(**batch.to(model.device)).logits.float().softmax(-1).cpu().numpy())
    return np.concatenate(found)


if __name__ == "__main__":
    main()
