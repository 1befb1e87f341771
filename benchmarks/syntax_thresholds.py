"""The tree edit distance at which a parser passes the share of pairs that gold constituency trees pass at 12.

Takes a treebank of bracketed trees, one a line, which stays where it is: only figures and a plot are written.
"""

import argparse
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from nltk.tokenize.treebank import TreebankWordDetokenizer
from scipy.stats import rankdata, spearmanr

from lemonpress.syntax.cache import parse_cached
from lemonpress.syntax.distance import Forest, Index, distances, encode
from lemonpress.syntax.parsers import Parser, spacy_dependency
from lemonpress.syntax.preprocess import sgcp
from lemonpress.syntax.stanza import stanza_constituency
from lemonpress.syntax.trees import Tree, parse_brackets

GOLD = 12
LENGTHS = (0.8, 1.5)
_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LCB-": "{", "-RCB-": "}", "-LSB-": "[", "-RSB-": "]"}
_KEPT, _INK, _FAINT = "#d9a300", "#2b2b2b", "#6f6f6f"


@dataclass(frozen=True)
class Pairs:
    """Pairs of sentences of similar length, by their places."""

    left: Index
    right: Index


def plain_labels(tree: Tree) -> Tree:
    """The tree without functions and indices in its labels (NP-SBJ-1 is NP): parsers give none."""
    labels = tuple(
        label if not arity or label.startswith("-") else re.split(r"[-=|]", label)[0]
        for label, arity in zip(tree.labels, tree.arities, strict=True)
    )
    return Tree(labels, tree.arities)


def sentence(tree: Tree) -> tuple[str, int]:
    """The text of a tree as it would be written, and its number of tokens."""
    words = [
        _BRACKETS.get(label, label).replace("\\/", "/").replace("\\*", "*")
        for place, (label, arity) in enumerate(zip(tree.labels, tree.arities, strict=True))
        if not arity and tree.labels[place + 1] != "-NONE-"
    ]
    return TreebankWordDetokenizer().detokenize(words), len(words)


def read(file: Path, shortest: int, longest: int) -> tuple[list[str], list[Tree]]:
    """Distinct sentences of so many tokens, and their trees as SGCP prepares them."""
    found: dict[str, Tree] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        tree = plain_labels(parse_brackets(line))
        text, tokens = sentence(tree)
        if shortest <= tokens <= longest:
            found.setdefault(text, sgcp(tree))
    return list(found), list(found.values())


def random_pairs(draw: np.random.Generator, fitting: Callable[[int], Index], sentences: int, count: int) -> Pairs:
    """Any two sentences of similar length."""
    left = draw.integers(sentences, size=count)
    return Pairs(left, np.array([draw.choice(fitting(place)) for place in left]))


def neighbours(forest: Forest, asked: Index, fitting: Callable[[int], Index], count: int) -> Pairs:
    """Each asked sentence with those of similar length that are nearest to it."""
    left, right = [], []
    for place in asked:
        others = fitting(place)
        order = np.argsort(distances(forest, np.full(len(others), place), others), kind="stable")[:count]
        left.append(np.full(len(order), place))
        right.append(others[order])
    return Pairs(np.concatenate(left), np.concatenate(right))


def match(gold: Index, found: Index) -> dict[str, Any]:
    """The threshold that passes nearest to the share that gold trees pass, and how well the two agree."""
    passed = gold >= GOLD
    share = float(passed.mean())
    threshold = min(
        range(1, int(found.max()) + 2), key=lambda each: (abs(float((found >= each).mean()) - share), each)
    )
    ranks = rankdata(found)
    positive, negative = int(passed.sum()), int((~passed).sum())
    auc = (ranks[passed].sum() - positive * (positive + 1) / 2) / (positive * negative) if negative else None
    return {
        "pairs": len(gold),
        "gold_share": round(share, 4),
        "threshold": threshold,
        "shares": {str(each): round(float((found >= each).mean()), 4) for each in range(threshold - 2, threshold + 3)},
        "agreement": round(float(((found >= threshold) == passed).mean()), 4),
        "auc": None if auc is None else round(float(auc), 4),
        "spearman": round(float(spearmanr(gold, found).statistic), 4),
    }


def dependency_variant(tree: Tree, relation: bool, tag: bool, punctuation: bool) -> Tree:
    """The dependency tree with less in its labels, or without punctuation (whose dependents then take its place)."""
    labels: list[str] = []
    arities: list[int] = []
    standing: list[int] = []
    for label, arity in zip(tree.labels, tree.arities, strict=True):
        below = sum(standing[len(standing) - arity :])
        del standing[len(standing) - arity :]
        if not punctuation and label.startswith("punct/"):
            standing.append(below)
            continue
        its_relation, _, its_tag = label.partition("/")
        labels.append("/".join([its_relation] * relation + [its_tag] * tag) or "x")
        arities.append(below)
        standing.append(1)
    return Tree(tuple(labels), tuple(arities))


def plot(gold: Index, found: Index, threshold: int, name: str, path: Path) -> None:
    """Draw the shares that pass at each threshold, and the two distances of each pair."""
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({key: value for key, value in rcParamsDefault.items() if not key.startswith("backend")}):
        figure = Figure(figsize=(10.0, 4.4), dpi=150, facecolor="white")
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
        FigureCanvasAgg(figure)
        shares, pairs = figure.subplots(1, 2)
        marks = np.arange(31)
        for values, label, colour in ((gold, "gold trees", _INK), (found, name, _KEPT)):
            shares.plot(
                marks, [float((values >= mark).mean()) for mark in marks], color=colour, label=label, linewidth=2
            )
        share = float((gold >= GOLD).mean())
        shares.plot([0, max(GOLD, threshold)], [share, share], color=_FAINT, linewidth=1, linestyle=":")
        for mark, colour in ((GOLD, _INK), (threshold, _KEPT)):
            shares.plot([mark, mark], [0, share], color=colour, linewidth=1, linestyle=":")
        shares.set(xlim=(0, 30), ylim=(0, 1.02), xlabel="threshold, edits", ylabel="share of close pairs that pass")
        shares.set_title(f"{name}: {threshold} passes what gold trees pass at {GOLD}", loc="left", color=_INK)
        shares.legend(frameon=False)
        limit = int(np.percentile(np.concatenate([gold, found]), 99)) + 1
        counts = np.histogram2d(gold, found, bins=[np.arange(limit + 1) - 0.5] * 2)[0]
        places = np.argwhere(counts > 0)
        sizes = 2.5 * counts[counts > 0]
        pairs.scatter(places[:, 0], places[:, 1], s=sizes, color=_KEPT, alpha=0.6, linewidths=0)
        pairs.axvline(GOLD - 0.5, color=_INK, linewidth=1, linestyle=":")
        pairs.axhline(threshold - 0.5, color=_INK, linewidth=1, linestyle=":")
        pairs.set(xlim=(-1, limit), ylim=(-1, limit), xlabel="gold distance, edits", ylabel=f"{name} distance, edits")
        pairs.set_title("close pairs, area by count", loc="left", color=_INK)
        for axes in (shares, pairs):
            axes.tick_params(length=0, colors=_FAINT)
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, format="png", metadata={"Software": None})


def calibrate(parser: Parser, sentences: Sequence[str], gold: Sequence[Tree], arguments: argparse.Namespace) -> None:
    """Match the parser's distances with the gold ones on each kind of pair; write and print the figures."""
    parses = parse_cached(parser, sentences, arguments.cache)
    gold_forest, forest = encode(gold), encode(parses)
    lengths = np.array([len(text) for text in sentences])

    def fitting(place: int) -> Index:
        ratios = lengths / lengths[place]
        inside = (ratios >= LENGTHS[0]) & (ratios <= LENGTHS[1])
        inside[place] = False
        return np.flatnonzero(inside)

    draw = np.random.default_rng(arguments.seed)
    fit = np.array([place for place in range(len(sentences)) if len(fitting(place)) >= arguments.nearest])
    asked = draw.choice(fit, min(arguments.asked, len(fit)), replace=False)
    kinds = {
        "random": random_pairs(draw, fitting, len(sentences), 2 * len(asked) * arguments.nearest),
        "nearest by gold": neighbours(gold_forest, asked, fitting, arguments.nearest),
        "nearest by parser": neighbours(forest, asked, fitting, arguments.nearest),
    }
    near = [kinds["nearest by gold"], kinds["nearest by parser"]]
    close = Pairs(np.concatenate([pairs.left for pairs in near]), np.concatenate([pairs.right for pairs in near]))
    kinds["close: both kinds of nearest"] = close

    def matched(other: Forest, pairs: Pairs) -> dict[str, Any]:
        return match(distances(gold_forest, pairs.left, pairs.right), distances(other, pairs.left, pairs.right))

    report: dict[str, Any] = {
        "parser": parser.key,
        "lemonpress": version("lemonpress"),
        "sentences": len(sentences),
        "gold_threshold": GOLD,
        "mean_nodes": {
            "gold": round(float(np.diff(gold_forest.starts).mean()), 1),
            "parser": round(float(np.diff(forest.starts).mean()), 1),
        },
        "kinds": {name: matched(forest, pairs) for name, pairs in kinds.items()},
    }
    report["threshold"] = report["kinds"]["close: both kinds of nearest"]["threshold"]
    if parser.name == "spacy":
        report["labels, on close pairs"] = {
            f"{name}, {'with' if punctuation else 'without'} punctuation": matched(
                encode([dependency_variant(tree, relation, tag, punctuation) for tree in parses]), close
            )
            for name, relation, tag in (("relation", True, False), ("tag", False, True), ("relation/tag", True, True))
            for punctuation in (True, False)
        }
    text = json.dumps(report, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    if arguments.plot:
        values = [distances(each, close.left, close.right) for each in (gold_forest, forest)]
        plot(values[0], values[1], report["threshold"], parser.name, arguments.plot)


def main() -> None:
    """Read the treebank, parse its sentences, match the thresholds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trees", type=Path, help="bracketed gold trees with words, one a line")
    parser.add_argument("--parser", choices=["spacy", "stanza"], default="spacy", help="default spacy")
    parser.add_argument("--longest", type=int, default=30, help="most tokens of a sentence (default 30)")
    parser.add_argument("--shortest", type=int, default=5, help="fewest tokens of a sentence (default 5)")
    parser.add_argument("--asked", type=int, default=400, help="sentences whose nearest are sought (default 400)")
    parser.add_argument("--nearest", type=int, default=5, help="nearest sentences for each (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the sentences asked and the random pairs (default 0)")
    parser.add_argument("--cache", type=Path, help="folder of kept parses (default: that of lemonpress)")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--plot", type=Path, help="write the plot here (PNG)")
    arguments = parser.parse_args()
    if arguments.trees is None:
        print("nothing to calibrate: give a treebank with --trees FILE")
        return
    if min(arguments.asked, arguments.nearest) < 1:
        parser.error("--asked and --nearest must be at least 1")
    if not arguments.trees.is_file():
        parser.error(f"--trees: {arguments.trees} is no file")
    sentences, gold = read(arguments.trees, arguments.shortest, arguments.longest)
    if len(sentences) < 2:
        parser.error(f"--trees: {arguments.trees} has {len(sentences)} sentences of fitting length; two are needed")
    calibrate(spacy_dependency() if arguments.parser == "spacy" else stanza_constituency(), sentences, gold, arguments)


if __name__ == "__main__":
    main()
