"""How long the paraphraser takes: five judged candidates of a sentence of about 20 words, and a search.

The sentences are held-out ones that ship, 17 to 23 words long, each asked once, so that nothing comes from memory; a
few others are asked before, as the Space does when it starts (models load, kernels are compiled). Time is that of the
Space's own code without the network. Where others work on the same cores, the processor's own seconds say more than
the clock's; medians are over sentences, and the load is shown. Searches are over a corpus of 100,000 pairs, ten of
which are shown.

python benchmarks/space.py --student lemonpress/lemon-student-demo@1.0.0
"""

import argparse
import json
import os
import sys
import time

import numpy as np
import pyarrow as pa

from lemonpress.assets import asset
from lemonpress.console import run_program

sys.path.insert(0, str(asset("spaces/paraphraser")))

from checks import Ask
from corpus import Corpus, Filter, page_of
from page_explore import pairs
from rewriting import Rewriter, load
from settings import Named

_WARM_UP = 3
_ROWS = 100_000


def main() -> int:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--student", default="lemonpress/lemon-student-demo@1.0.0", help="release, NAMESPACE/NAME@1.0.0"
    )
    parser.add_argument("--hub", default="local", help="where it is: local, or the address of a Hub (default: local)")
    parser.add_argument("--count", type=int, default=15, help="sentences (default: 15)")
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _measure(args.student, args.hub, args.count))


def _measure(student: str, hub: str, count: int) -> int:
    import torch

    from lemonpress.hub.destination import destination

    repo_id, _, version = student.partition("@")
    start = time.perf_counter()
    rewriter, _ = load(Named(repo_id, version), destination("local").endpoint if hub == "local" else hub)
    loaded = time.perf_counter() - start
    sentences = _sentences(count + _WARM_UP)
    model = rewriter.pinned.student.model
    print(f"{student}: loaded in {loaded:.1f} s; {model.dtype}, {torch.get_num_threads()} threads")
    print("| task | sentences | write, s | judge, s | both, s (median) | 90th percentile | processor, s | load |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for wanted in (Ask("paraphrase"), Ask("summary")):
        if wanted.task in rewriter.tasks:
            _row(rewriter, wanted, sentences)
    _search(sentences)
    return 0


def _row(rewriter: Rewriter, wanted: Ask, sentences: list[str]) -> None:
    times = []
    for sentence in sentences:
        start, worked = time.perf_counter(), time.process_time()
        written = rewriter.write(sentence, wanted)
        middle = time.perf_counter()
        rewriter.judge(sentence, written, wanted)
        times.append((middle - start, time.perf_counter() - middle, time.process_time() - worked))
    write, judge, worked = np.array(times[_WARM_UP:]).T
    whole = write + judge
    print(
        f"| {wanted.task} | {len(whole)} | {np.median(write):.2f} | {np.median(judge):.2f} | {np.median(whole):.2f} | "
        f"{np.quantile(whole, 0.9):.2f} | {np.median(worked):.2f} | {os.getloadavg()[0]:.1f} |",
        flush=True,
    )


def _search(sentences: list[str]) -> None:
    """Time what the tab Explore does, on random pairs of the sentences."""
    draw = np.random.default_rng(0)
    one, other = draw.integers(len(sentences), size=(2, _ROWS))
    texts = pa.array(sentences)
    table = pa.table(
        {
            "source": texts.take(pa.array(one)),
            "target": texts.take(pa.array(other)),
            "domain": pa.array(["news", "travel"]).take(pa.array(one % 2)),
            "split": pa.array(["train"] * _ROWS),
            "entailment": draw.random(_ROWS),
            "rouge_l": draw.random(_ROWS),
        }
    )
    scores = {"entailment": "", "rouge_l": ""}
    corpus = Corpus(Named("a/b", "1.0.0"), "0" * 40, scores, ("news", "travel"), (), ((), ()), table)
    bounds = [Filter("entailment", 0.9), Filter("rouge_l", None, 0.5)]
    asked: dict[str, tuple[str, str | None, list[Filter]]] = {
        "words in 100,000 pairs": ("the", None, []),
        "bounds of two scores": ("", None, bounds),
        "words, domain and bounds": ("the", "news", bounds),
    }
    print("\n| search | found | median of 9, ms |\n| --- | ---: | ---: |")
    for name, given in asked.items():
        times = []
        for _ in range(9):
            start = time.perf_counter()
            found = corpus.find(*given)
            pairs(corpus.rows(page_of(found, 2)[0]), corpus)
            times.append(time.perf_counter() - start)
        print(f"| {name} | {len(found):,} | {1000 * np.median(times):.0f} |")


def _sentences(count: int) -> list[str]:
    rows = map(json.loads, asset("data/heldout.jsonl").read_text(encoding="utf-8").splitlines())
    texts = dict.fromkeys(row["source"] for row in rows)
    return [text for text in texts if 17 <= len(text.split()) <= 23][:count]


if __name__ == "__main__":
    sys.exit(main())
