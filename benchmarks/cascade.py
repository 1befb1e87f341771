"""Wall-clock of the cascade against the naive enumeration of the paper, same critics, same sentences, one run.

    python benchmarks/cascade.py
    python benchmarks/cascade.py --contexts 3 --json cascade.json

Naive: every critic is asked about every ordered pair with stock libraries (the transformers tokenizer on pairs of
texts in fixed batches, rouge-score, both sentences of each pair parsed and compared by zss), then Algorithm 1 asks for
the entailments of every two survivors. In turn: the same, but each critic sees only what the one before it left, in
the paper's order, and each sentence is parsed once. All must keep the same pairs; the two plain ones read one table of
the model's scores, since scores move in the last digits with the batch, but the model works for every question of
theirs. The cascade judges both corpora of the recipe over one pool, as a run does: what the first asked, the second
knows. Fails where the kept sets differ.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import zss
from rouge_score.rouge_scorer import RougeScorer
from tqdm import tqdm

from lemonpress.assets import asset
from lemonpress.console import quiet_libraries
from lemonpress.critics import build, build_diversity
from lemonpress.critics.cascade import judge
from lemonpress.critics.classification import Classifier, load
from lemonpress.critics.diversity import _tie_break
from lemonpress.critics.entailment import Entailment
from lemonpress.critics.scores import Tables
from lemonpress.critics.syntax import Syntax
from lemonpress.pairs import Shard
from lemonpress.recipes import CorpusSettings, load_recipe
from lemonpress.syntax.parsers import spacy_dependency
from lemonpress.syntax.trees import Tree

Pair = tuple[int, int]
_BATCH = 64
_OFFLINE = {"entailment": ["model=data/nli-critic"], "syntax": ["parser=spacy", "min=null"]}


def main() -> None:
    """Run both ways on both tasks, check that they keep the same pairs, print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexts", type=int, default=1, help="contexts of the shipped pool, k = 100 (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args()
    quiet_libraries()
    shard = _shard(args.contexts)
    tables = Tables(shard)
    results = [_measure(shard, corpus, tables) for corpus in _corpora()]
    results.append(_together(results))
    figures = {"contexts": args.contexts, "sentences": len(shard.sentences), "tasks": results}
    print(_table(results))
    text = json.dumps(figures, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")
    if not results[-1]["same_kept_set"]:
        raise SystemExit("the cascade kept other pairs than the plain enumeration")


def _shard(contexts: int) -> Shard:
    """The contexts of the shipped pool's first shards that have the median number of distinct sentences."""
    files = sorted(asset("data/starter").glob("sentences/*/sentences.parquet"))[:4]
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    rows.sort(key=lambda row: (-len(row["sentences"]), row["context_id"]))
    middle = len(rows) // 2
    chosen = rows[middle : middle + contexts]
    return Shard.of_groups([(r["context_id"], r["domain"], r["sentences"], r["context"]) for r in chosen])


def _corpora() -> list[CorpusSettings]:
    """The paper's corpora with the models that can be had offline."""
    paper = load_recipe("dataset_builders/recipes/paper.yaml")
    overrides = [
        f"corpora.{name}.critics.{critic.critic}.{change}"
        for name, corpus in paper.corpora.items()
        for critic in corpus.critics
        for change in _OFFLINE.get(critic.critic, [])
    ]
    return list(load_recipe("dataset_builders/recipes/paper.yaml", overrides).corpora.values())


def _measure(shard: Shard, corpus: CorpusSettings, tables: Tables) -> dict[str, Any]:
    critics = build(corpus.critics)
    diversity = build_diversity(corpus.diversity, critics)
    assert diversity is not None
    [nli] = {critic.scorer for critic in critics if isinstance(critic, Entailment)}
    model = load(nli.model)
    model.probabilities(shard.sentences[:8], shard.sentences[1:9])  # loaded and warm for all
    spacy_dependency().parse(shard.sentences[:1])
    sources, targets = shard.ordered_pairs()
    judge(sources[:2], targets[:2], critics, None, Tables(shard), 0)

    started = time.perf_counter()
    found = judge(sources, targets, critics, diversity, tables, 0)
    ours = time.perf_counter() - started

    scores = _Asked(shard, model, nli.label, tables, nli)
    naive = _Plain(corpus, shard, scores)
    everything = list(zip(sources.tolist(), targets.tolist(), strict=True))
    naive_kept, naive_seconds = naive.run(everything, lazily=False)
    naive_passes, naive_edges = scores.passes, scores.edges
    scores.passes = scores.edges = 0
    turn_kept, turn_seconds = naive.run(everything, lazily=True)
    kept = set(zip(*(side.tolist() for side in found.kept), strict=True))
    steps = {step.name: step for step in found.funnel}
    in_cascade = sum(step.scored for name, step in steps.items() if name != "diversity")
    return {
        "task": corpus.task,
        "ordered_pairs": len(sources),
        "kept": len(kept),
        "same_kept_set": kept == naive_kept == turn_kept,
        "naive_seconds": round(naive_seconds, 2),
        "in_turn_seconds": round(turn_seconds, 2),
        "cascade_seconds": round(ours, 2),
        "ratio_naive": round(naive_seconds / ours, 1),
        "ratio_in_turn": round(turn_seconds / ours, 1),
        "nli_passes_naive": naive_passes,
        "nli_passes_naive_algorithm_1": naive_edges,
        "nli_passes_in_turn": scores.passes,
        "nli_passes_in_turn_algorithm_1": scores.edges,
        "nli_passes_cascade": in_cascade,
        "nli_passes_share_of_pairs": round(in_cascade / len(sources), 3),
        "nli_passes_algorithm_1": steps["diversity"].scored,
        "rejected": {step.name: step.rejected for step in found.funnel},
    }


@dataclass
class _Asked:
    """The model, asked plainly: fixed batches of text pairs in the order of the questions, nothing remembered.

    The answers come from the tables, which both sides share; the model works all the same.
    """

    shard: Shard
    model: Classifier
    label: int
    tables: Tables
    scorer: Any
    passes: int = 0
    edges: int = 0

    def __call__(self, pairs: Sequence[Pair], edges: bool = False) -> dict[Pair, float]:
        for start in tqdm(range(0, len(pairs), _BATCH), desc="  plain NLI", leave=False, unit="batch"):
            self._forward(pairs[start : start + _BATCH])
        self.passes += 0 if edges else len(pairs)
        self.edges += len(pairs) if edges else 0
        if not pairs:
            return {}
        one, other = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
        known = self.tables.scores(self.scorer, one, other)
        return dict(zip(pairs, known.tolist(), strict=True))

    def _forward(self, pairs: Sequence[Pair]) -> None:
        import torch

        texts = self.shard.sentences
        batch = self.model.tokenizer(
            [texts[one] for one, _ in pairs], [texts[other] for _, other in pairs], padding=True, return_tensors="pt"
        )
        with torch.inference_mode():
            self.model.model(**batch.to(self.model.device))


@dataclass
class _Plain:
    """The paper's filters with stock libraries."""

    corpus: CorpusSettings
    shard: Shard
    asked: _Asked
    trees: dict[int, zss.Node] = field(default_factory=dict)
    lazily: bool = False

    def run(self, pairs: list[Pair], lazily: bool) -> tuple[set[Pair], float]:
        started = time.perf_counter()
        self.trees.clear()
        self.lazily = lazily
        kept = set(pairs)
        for settings in self.corpus.critics:
            seen = [pair for pair in pairs if pair in kept] if lazily else pairs
            kept &= self._passing(settings, seen)
        chosen = self._algorithm_1([pair for pair in pairs if pair in kept])
        return chosen, time.perf_counter() - started

    def _passing(self, settings: Any, pairs: list[Pair]) -> set[Pair]:
        texts = self.shard.sentences
        match settings.critic:
            case "entailment":
                forward = self.asked(pairs)
                passing = {pair for pair in pairs if forward[pair] >= settings.min}
                if settings.direction == "both":
                    reverse = self.asked([pair[::-1] for pair in pairs])
                    passing &= {pair for pair in pairs if reverse[pair[::-1]] >= settings.min}
                return passing
            case "rouge_l":
                scorer = RougeScorer(["rougeL"], use_stemmer=False)
                return {
                    (x, y)
                    for x, y in pairs
                    if round(scorer.score(texts[x], texts[y])["rougeL"].fmeasure, 4) <= settings.max
                }
            case "syntax":
                least = Syntax(settings, spacy_dependency()).least
                if self.lazily:
                    self._parse(sorted({place for pair in pairs for place in pair}))
                else:
                    for pair in tqdm(pairs, desc="  parse", leave=False, unit="pair"):
                        self._parse(list(pair))
                bar = tqdm(pairs, desc="  zss", leave=False, unit="pair")
                return {(x, y) for x, y in bar if zss.simple_distance(self.trees[x], self.trees[y]) >= least}
            case "compression":
                words = [len(text.split()) for text in texts]
                return {(x, y) for x, y in pairs if round(words[y] / words[x], 4) < settings.below}
        raise AssertionError(settings)

    def _parse(self, places: list[int]) -> None:
        trees = spacy_dependency().parse([self.shard.sentences[place] for place in places])
        self.trees |= dict(zip(places, map(_node, trees), strict=True))

    def _algorithm_1(self, pairs: list[Pair]) -> set[Pair]:
        assert self.corpus.diversity is not None
        above = self.corpus.diversity.above
        group_of = self.shard.group_of(np.arange(len(self.shard.sentences)))
        parent = list(range(len(pairs)))

        def root(place: int) -> int:
            while parent[place] != place:
                place = parent[place]
            return place

        couples = [(i, j) for i, j in _couples(len(pairs)) if group_of[pairs[i][0]] == group_of[pairs[j][0]]]
        questions = [
            question
            for i, j in couples
            for a, b in zip(pairs[i], pairs[j], strict=True)
            for question in ((a, b), (b, a))
            if a != b
        ]
        scores = self.asked(questions, edges=True)
        for i, j in couples:
            if any(a == b or max(scores[a, b], scores[b, a]) > above for a, b in zip(pairs[i], pairs[j], strict=True)):
                parent[root(i)] = root(j)
        both = self.asked([question for pair in pairs for question in (pair, pair[::-1])], edges=True)
        best: dict[int, tuple[float, int, Pair]] = {}
        for place, pair in enumerate(pairs):
            texts = self.shard.sentences
            rank = (round(both[pair] + both[pair[::-1]], 4), _tie_break(0, texts[pair[0]], texts[pair[1]]), pair)
            best[root(place)] = max(best.get(root(place), rank), rank)
        return {pair for _, _, pair in best.values()}


def _couples(count: int) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(count) for j in range(i))


def _node(tree: Tree) -> zss.Node:
    return zss.Node(tree.label, [_node(child) for child in tree.children])


def _together(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Both corpora of the pool."""
    total: dict[str, Any] = {
        name: round(sum(one[name] for one in results), 2)
        for name, value in results[0].items()
        if isinstance(value, int | float) and not name.startswith("ratio") and not name.endswith("share_of_pairs")
    }
    total |= {"task": "both", "same_kept_set": all(one["same_kept_set"] for one in results)}
    total |= {"ordered_pairs": results[0]["ordered_pairs"]}
    for plain in ("naive", "in_turn"):
        total[f"ratio_{plain}"] = round(total[f"{plain}_seconds"] / total["cascade_seconds"], 1)
    total["nli_passes_share_of_pairs"] = round(total["nli_passes_cascade"] / total["ordered_pairs"], 3)
    return total


def _table(results: list[dict[str, Any]]) -> str:
    head = [
        "task",
        "pairs",
        "kept",
        "same",
        "naive s",
        "in turn s",
        "cascade s",
        "times",
        "NLI / pairs",
        "of diversity",
    ]
    rows = [
        [
            r["task"],
            f"{r['ordered_pairs']:,}",
            f"{r['kept']:,}",
            "yes" if r["same_kept_set"] else "NO",
            f"{r['naive_seconds']:.1f}",
            f"{r['in_turn_seconds']:.1f}",
            f"{r['cascade_seconds']:.2f}",
            f"{r['ratio_naive']:.0f}",
            f"{r['nli_passes_share_of_pairs']:.3f}",
            f"{r['nli_passes_algorithm_1']:,}",
        ]
        for r in results
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
