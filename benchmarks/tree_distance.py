"""Pairs per second of the tree edit distance: `lemonpress.syntax.distance` against zss and apted in one run."""

import argparse
import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import apted
import numpy as np
import zss

from lemonpress.syntax.distance import at_least, distances, encode
from lemonpress.syntax.thresholds import THRESHOLDS
from lemonpress.syntax.trees import Tree, node

_PHRASES = ("NP", "VP", "PP", "SBAR", "ADJP", "ADVP")
_WORDS = ("NN", "DT", "IN", "NNP", "JJ", "NNS", "VBD", "RB", "CC", "VB", "PRP", "TO", ",", "CD")


def parse_like(draw: np.random.Generator, size: int) -> Tree:
    """A random tree of the shape that parses have: phrases of one to four parts, labels of a treebank."""
    parts = [node(str(draw.choice(_WORDS))) for _ in range(max(1, round(0.6 * size)))]
    while (nodes := sum(part.size for part in parts)) < size - 1:
        start = int(draw.integers(len(parts)))
        end = min(len(parts), start + int(draw.integers(1, 5)))
        if end - start == len(parts) and nodes < size - 2:
            end = max(start + 1, end - 1)  # one phrase over everything would leave only a chain to grow
        parts[start:end] = [node(str(draw.choice(_PHRASES)), parts[start:end])]
    return node("ROOT", parts)


def as_zss(tree: Tree) -> zss.Node:
    """The tree as zss takes it."""
    return zss.Node(tree.label, [as_zss(child) for child in tree.children])


class AsApted:
    """The tree as apted takes it."""

    def __init__(self, tree: Tree) -> None:
        self.name = tree.label
        self.children = [AsApted(child) for child in tree.children]


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Median wall-clock seconds of a call."""
    runs = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        runs.append(time.perf_counter() - started)
    return float(np.median(runs))


def measure(size: int, trees: int, references: int, repeats: int) -> dict[str, object]:
    """Time all ways on trees of one size, and check that their distances are equal."""
    draw = np.random.default_rng(size)
    made = [parse_like(draw, size) for _ in range(trees)]
    left, right = np.triu_indices(trees, 1)
    threshold = THRESHOLDS["stanza"]
    found = distances(encode(made), left, right)
    exact = len(left) / seconds(lambda: distances(encode(made), left, right), repeats)
    bounded = len(left) / seconds(lambda: at_least(encode(made), left, right, threshold), repeats)
    some = draw.choice(len(left), references, replace=False)

    their_trees = [as_zss(tree) for tree in made]
    started = time.perf_counter()
    by_zss = [zss.simple_distance(their_trees[left[p]], their_trees[right[p]]) for p in some]
    zss_rate = references / (time.perf_counter() - started)
    apted_trees = [AsApted(tree) for tree in made]
    started = time.perf_counter()
    by_apted = [apted.APTED(apted_trees[left[p]], apted_trees[right[p]]).compute_edit_distance() for p in some]
    apted_rate = references / (time.perf_counter() - started)
    return {
        "nodes": size,
        "pairs": len(left),
        "pairs_of_zss_and_apted": references,
        "equal": found[some].tolist() == by_zss == by_apted,
        "bounded_equal": bool(np.array_equal(at_least(encode(made), left, right, threshold), found >= threshold)),
        "zss_pairs_per_second": round(zss_rate, 1),
        "apted_pairs_per_second": round(apted_rate, 1),
        "lemonpress_pairs_per_second": round(exact),
        f"at_least_{threshold}_pairs_per_second": round(bounded),
        "ratio_to_zss": round(exact / zss_rate, 1),
        "ratio_to_apted": round(exact / apted_rate, 1),
    }


def main() -> None:
    """Measure trees of each size and print one JSON object, or write it and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[25, 40, 60], help="nodes per tree (default 25 40 60)")
    parser.add_argument("--trees", type=int, default=100, help="trees to pair, all with all (default 100)")
    parser.add_argument("--references", type=int, default=40, help="pairs for zss and apted (default 40)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of ours; the median counts (default 5)")
    parser.add_argument("--json", type=Path, help="write the JSON here and print a table")
    arguments = parser.parse_args()
    if min(arguments.sizes) < 2 or arguments.trees < 2 or arguments.repeats < 1:
        parser.error("--sizes and --trees must be at least 2, --repeats at least 1")
    if not 1 <= arguments.references <= arguments.trees * (arguments.trees - 1) // 2:
        parser.error("--references must be at least 1 and at most the number of pairs of --trees")
    results = [measure(size, arguments.trees, arguments.references, arguments.repeats) for size in arguments.sizes]
    report = json.dumps(
        {"zss_version": version("zss"), "apted_version": version("apted"), "results": results}, indent=2
    )
    if arguments.json is None:
        print(report)
        return
    arguments.json.write_text(report + "\n", encoding="utf-8")
    columns = list(results[0])
    print("| " + " | ".join(columns) + " |\n|" + " --- |" * len(columns))
    for result in results:
        print("| " + " | ".join(str(result[column]) for column in columns) + " |")


if __name__ == "__main__":
    main()
