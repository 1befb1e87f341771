"""Tree edit distance: equal to zss and apted, bounded or not."""

import itertools
from collections.abc import Sequence

import apted
import numpy as np
import pytest
import zss
from hypothesis import given, settings
from hypothesis import strategies as st

from lemonpress.syntax.distance import at_least, distances, encode, ted_3, ted_f
from lemonpress.syntax.trees import Tree, cut, node

_ONE = st.just("a")
_FEW = st.sampled_from("abc")
_UNICODE = st.sampled_from(["é", "e\u0301", "名詞", "🍋", "-LRB-", "a"])


def _trees(labels: st.SearchStrategy[str], leaves: int = 12) -> st.SearchStrategy[Tree]:
    grown = st.recursive(
        st.builds(node, labels), lambda trees: st.builds(node, labels, st.lists(trees, max_size=4)), max_leaves=leaves
    )
    return st.one_of(
        grown,
        st.builds(_chain, st.lists(labels, min_size=1, max_size=9)),
        st.builds(_star, labels, st.lists(labels, max_size=9)),
    )


def _chain(labels: Sequence[str]) -> Tree:
    return Tree(tuple(labels), (0,) + (1,) * (len(labels) - 1))


def _star(label: str, leaves: Sequence[str]) -> Tree:
    return node(label, [node(leaf) for leaf in leaves])


_PAIRS = st.one_of(*(st.tuples(_trees(labels), _trees(labels)) for labels in (_ONE, _FEW, _UNICODE)))


def _zss(tree: Tree) -> zss.Node:
    return zss.Node(tree.label, [_zss(child) for child in tree.children])


class _Apted:
    def __init__(self, tree: Tree) -> None:
        self.name = tree.label
        self.children = [_Apted(child) for child in tree.children]


def _one(left: Tree, right: Tree) -> int:
    return int(ted_f([left], [right])[0])


@given(_PAIRS)
@settings(deadline=None, max_examples=300)
def test_equal_to_zss_and_apted(pair: tuple[Tree, Tree]) -> None:
    left, right = pair
    found = _one(left, right)
    assert found == zss.simple_distance(_zss(left), _zss(right), label_dist=lambda a, b: int(a != b))
    assert found == apted.APTED(_Apted(left), _Apted(right)).compute_edit_distance()
    assert found == _one(right, left)


@given(st.lists(_trees(_FEW, leaves=25), min_size=1, max_size=5))
@settings(deadline=None, max_examples=300)
def test_bounded_is_the_distance_compared(trees: list[Tree]) -> None:
    forest = encode(trees)
    left, right = np.array(list(itertools.product(range(len(trees)), repeat=2))).T
    found = distances(forest, left, right)
    for threshold in range(-1, int(found.max()) + 3):
        assert np.array_equal(at_least(forest, left, right, threshold), found >= threshold)


@given(st.integers(0, 2**32 - 1), st.integers(20, 60))
@settings(deadline=None, max_examples=40)
def test_bounded_on_trees_a_few_edits_apart(seed: int, size: int) -> None:
    draw = np.random.default_rng(seed)
    tree = _random(draw, size)
    trees = [tree]
    for _ in range(6):
        trees.append(_edited(draw, trees[-1]))
    forest = encode(trees)
    left, right = np.triu_indices(len(trees))
    found = distances(forest, left, right)
    assert (found <= 3 * (right - left)).all()
    for threshold in range(1, 20):
        assert np.array_equal(at_least(forest, left, right, threshold), found >= threshold)


def _random(draw: np.random.Generator, size: int) -> Tree:
    trees: list[Tree] = []
    for _ in range(size - 1):
        taken = int(draw.integers(0, min(len(trees), 3) + 1)) if draw.random() < 0.5 else 0
        children = trees[len(trees) - taken :]
        trees = [*trees[: len(trees) - taken], node(str(draw.choice(list("abcdef"))), children)]
    return node("a", trees)


def _edited(draw: np.random.Generator, tree: Tree) -> Tree:
    """The tree after three edits: a changed label, a leaf more under the root, a child of the root gone."""
    labels = list(tree.labels)
    labels[int(draw.integers(len(labels)))] = "z"
    children = [*Tree(tuple(labels), tree.arities).children]
    children.insert(int(draw.integers(len(children) + 1)), node("y"))
    gone = int(draw.integers(len(children)))
    spliced = children[gone].children
    return node(labels[-1], [*children[:gone], *spliced, *children[gone + 1 :]])


@given(*[_trees(_FEW)] * 3)
@settings(deadline=None)
def test_is_a_metric(first: Tree, second: Tree, third: Tree) -> None:
    assert (_one(first, second) == 0) == (first == second)
    assert _one(first, third) <= _one(first, second) + _one(second, third)


def test_by_hand() -> None:
    left = node("S", [node("NP", [node("DT"), node("NN")]), node("VP", [node("VBD")])])
    right = node("S", [node("NP", [node("NN")]), node("VP", [node("VBD"), node("RB")])])
    assert ted_f([left, left], [right, left]).tolist() == [2, 0]
    deeper = node("S", [node("NP", [node("DT", [node("x")] * 5), node("NN")]), node("VP", [node("VBD")])])
    assert ted_3([deeper], [left]).tolist() == [0]
    assert ted_f([deeper], [left]).tolist() == [5]
    assert ted_3([deeper], [right]).tolist() == [_one(cut(deeper, 3), right)]


def test_nothing_and_wrong_positions() -> None:
    forest = encode([node("a")])
    none = np.array([], np.int64)
    assert distances(forest, none, none).tolist() == []
    assert at_least(forest, none, none, 3).tolist() == []
    assert ted_f([], []).tolist() == []
    for left, right in ([1], [0]), ([0], [-1]):
        with pytest.raises(IndexError):
            distances(forest, np.array(left), np.array(right))
    with pytest.raises(ValueError, match="one of each"):
        distances(forest, np.array([0, 0]), np.array([0]))
    with pytest.raises(ValueError, match="one of each"):
        ted_f([node("a")], [])


def test_trees_of_thousands_of_nodes() -> None:
    chain, star = _chain(["a"] * 5000), _star("a", ["a"] * 4999)
    assert ted_f([chain, chain], [star, _chain(["a"] * 4990)]).tolist() == [9996, 10]
    forest = encode([chain, star, _chain(["b"] * 5000)])
    assert at_least(forest, np.array([0, 0]), np.array([0, 2]), 12).tolist() == [False, True]
    for threshold in (9997, 2**40):
        assert at_least(forest, np.array([0]), np.array([1]), threshold).tolist() == [False]
