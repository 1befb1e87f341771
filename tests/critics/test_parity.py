"""The cascade equals a plain, slow enumeration of both papers' presets, on sentences of the shipped pool.

Both sides share one table of entailment scores; everything else is done again with the reference libraries:
rouge-score, zss, and Algorithm 1 as the paper states it, pair against pair.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import zss
from groups import MatrixScorer
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from lemonpress.assets import asset
from lemonpress.critics import build
from lemonpress.critics.base import Critic
from lemonpress.critics.cascade import judge
from lemonpress.critics.diversity import Diversity, _tie_break
from lemonpress.critics.entailment import Entailment
from lemonpress.critics.judging import Panel, candidate_pairs
from lemonpress.critics.numbers import Numbers
from lemonpress.critics.scores import Tables
from lemonpress.critics.syntax import Syntax
from lemonpress.pairs import Shard
from lemonpress.recipes import CorpusSettings, EntailmentSettings, NumberSettings, load_recipe
from lemonpress.rows import SENTENCES
from lemonpress.syntax.parsers import spacy_dependency
from lemonpress.syntax.trees import Tree

pytestmark = pytest.mark.weights
Pair = tuple[int, int]
TREE_DISTANCE = 12  # of both sides: parity is about the arithmetic


@cache
def pools() -> list[list[str]]:
    """The sentences of two shards of the pool that ships, by context."""
    import pyarrow.parquet as pq

    files = sorted(asset("data/starter").glob("sentences/*/sentences.parquet"))[:2]
    return [row for file in files for row in pq.read_table(file)["sentences"].to_pylist()]


@dataclass
class Scene:
    """A few groups of real sentences with one table of entailment scores."""

    groups: list[list[str]]
    scores: np.ndarray
    labels: np.ndarray

    @property
    def table(self) -> object:
        import pyarrow as pa

        rows = [
            {"context_id": f"c{n}", "context": "", "domain": "toy", "sentences": group, "counts": [1] * len(group),
             "sampled": len(group), "dropped": []}
            for n, group in enumerate(self.groups)
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=SENTENCES)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    chosen = draw(st.lists(st.integers(0, len(pools()) - 1), min_size=1, max_size=3, unique=True))
    groups = []
    for place in chosen:
        size = draw(st.integers(0, 9))
        groups.append([str(text) for text in random.permutation(pools()[place])[:size]])
    total = sum(map(len, groups))
    steps = draw(st.sampled_from([4, 20, 10_000]))  # few values hit the thresholds and tie
    lift = draw(st.sampled_from([0.0, 0.3, 0.6]))
    scores = np.round(np.minimum(1, random.integers(0, steps + 1, (total, total)) / steps + lift), 4)
    np.fill_diagonal(scores, 1)
    return Scene(groups, scores, (random.random((total, total)) < scores / 2).astype(float))


def panel(corpus: CorpusSettings, scene: Scene) -> Panel:
    """The preset's critics, with the scene's table for the NLI model and spaCy for Stanza."""
    scorer = MatrixScorer(scene.scores, "entailment", other=scene.labels)
    critics: list[Critic] = []
    for one in corpus.critics:
        if one.critic == "entailment":
            premises = ("longer", "shorter") if one.direction == "both" else ("source",)
            critics += [Entailment(one, scorer, premise) for premise in premises]
        elif one.critic == "syntax":
            critics.append(Syntax(one.model_copy(update={"min": TREE_DISTANCE}), spacy_dependency()))
        else:
            critics += build([one])
    assert corpus.diversity is not None
    return Panel(critics, Diversity(corpus.diversity, scorer), corpus.pairs)


@cache
def rouge_l(one: str, other: str) -> float:
    return float(RougeScorer(["rougeL"], use_stemmer=False).score(one, other)["rougeL"].fmeasure)


@cache
def tree(sentence: str) -> zss.Node:
    def convert(node: Tree) -> zss.Node:
        return zss.Node(node.label, [convert(child) for child in node.children])

    return convert(spacy_dependency().parse([sentence])[0])


@cache
def tree_distance(one: str, other: str) -> float:
    return float(zss.simple_distance(tree(one), tree(other)))


def agree_in_numbers(mode: str, one: str, other: str) -> bool:
    """The critic's own reading of numbers, one pair at a time: it has no reference but its own tests."""
    critic = Numbers(NumberSettings(critic="numbers", mode=mode))
    return bool(critic.score(Tables(Shard.of_groups([("", "", [one, other], "")])), np.array([0]), np.array([1]))[0])


def naive(corpus: CorpusSettings, scene: Scene, seed: int) -> set[Pair]:
    """Enumerate, ask everything of every pair, then compare every survivor with every other."""
    texts = [text for group in scene.groups for text in group]
    group_of = [number for number, group in enumerate(scene.groups) for _ in group]
    entails: Callable[[int, int], float] = lambda x, y: 1.0 if x == y else scene.scores[x, y]  # noqa: E731
    kept = []
    for x in range(len(texts)):
        for y in range(len(texts)):
            if x == y or group_of[x] != group_of[y] or (corpus.pairs == "unordered" and x > y):
                continue
            if all(accepts(one, texts[x], texts[y], entails(x, y), entails(y, x)) for one in corpus.critics):
                kept.append((x, y))
    assert corpus.diversity is not None
    hashes = {pair: _tie_break(seed, texts[pair[0]], texts[pair[1]]) for pair in kept}
    if corpus.diversity.method == "components":
        above = corpus.diversity.above

        def same(one: Pair, other: Pair) -> bool:
            return group_of[one[0]] == group_of[other[0]] and any(
                max(entails(a, b), entails(b, a)) > above for a, b in zip(one, other, strict=True)
            )

        worth = {pair: round(entails(*pair) + entails(*pair[::-1]), 4) for pair in kept}
        return {max(part, key=lambda pair: (worth[pair], hashes[pair])) for part in components(kept, same)}
    for side in (0, 1):

        def same_side(one: Pair, other: Pair, side: int = side) -> bool:
            a, b = one[side], other[side]
            return group_of[a] == group_of[b] and (a == b or bool(scene.labels[a, b] or scene.labels[b, a]))

        kept = [
            max(part, key=lambda pair: (-entails(*pair[::-1]), hashes[pair])) for part in components(kept, same_side)
        ]
    return set(kept)


def accepts(one: object, source: str, target: str, forward: float, reverse: float) -> bool:
    match one.critic:
        case "entailment":
            return forward >= one.min and (one.direction == "forward" or reverse >= one.min)
        case "rouge_l":
            return round(rouge_l(source, target), 4) <= one.max
        case "syntax":
            return tree_distance(source, target) >= TREE_DISTANCE
        case "compression":
            return one.min <= round(len(target.split()) / len(source.split()), 4) < one.below
        case "length":
            return one.min <= round(len(target) / len(source), 4) <= one.max
        case "numbers":
            return agree_in_numbers(one.mode, source, target)
    raise AssertionError(one)


def components(pairs: list[Pair], same: Callable[[Pair, Pair], bool]) -> list[list[Pair]]:
    found: list[list[Pair]] = []
    rest = list(pairs)
    while rest:
        part, stack = [], [rest[0]]
        while stack:
            pair = stack.pop()
            if pair in rest:
                rest.remove(pair)
                part.append(pair)
                stack += [other for other in rest if same(pair, other)]
        found.append(part)
    return found


@pytest.mark.parametrize("preset", ["paper", "official-code"])
@pytest.mark.parametrize("task", ["paraphrase", "summary"])
def test_the_cascade_equals_the_naive_enumeration(preset: str, task: str, home: Path) -> None:
    recipe = load_recipe(f"dataset_builders/recipes/{preset}.yaml")
    [corpus] = [corpus for corpus in recipe.corpora.values() if corpus.task == task]
    kept_in_all = 0

    @settings(deadline=None, max_examples=60)
    @given(scenes(), st.integers(0, 99))
    def check(scene: Scene, seed: int) -> None:
        nonlocal kept_in_all
        judged = panel(corpus, scene)
        shard, sources, targets = candidate_pairs(scene.table, judged, "pool")
        found = judge(sources, targets, judged.critics, judged.diversity, Tables(shard), seed)
        expected = naive(corpus, scene, seed)
        assert set(zip(*(side.tolist() for side in found.kept), strict=True)) == expected
        kept_in_all += len(expected)

    check()
    assert kept_in_all > 5


def test_the_presets_are_data() -> None:
    """Their differences from each other are in their recipes; an entailment entry is a recipe's too."""
    paper, code = (load_recipe(f"dataset_builders/recipes/{name}.yaml") for name in ("paper", "official-code"))
    assert (paper.sentences.temperature, code.sentences.temperature) == (0.7, 0.5)
    assert (paper.sentences.no_repeat_ngram, code.sentences.no_repeat_ngram) == (None, 3)
    [dimple], [coded] = ([c for c in r.corpora.values() if c.task == "paraphrase"] for r in (paper, code))
    assert {one.critic for one in dimple.critics} == {"entailment", "rouge_l", "syntax"}
    assert {one.critic for one in coded.critics} == {"entailment", "rouge_l", "length", "numbers"}
    assert (dimple.diversity.method, coded.diversity.method) == ("components", "two_pass")
    assert isinstance(dimple.critics[0], EntailmentSettings)
