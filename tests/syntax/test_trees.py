"""Trees and their brackets, and what is compared of a parse."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.errors import UserError
from lemonpress.syntax.preprocess import sgcp, wordless
from lemonpress.syntax.trees import Tree, cut, depths, node, parse_brackets, to_brackets
from one_line import one_line

_LABELS = st.text(min_size=1).filter(lambda label: not any(character.isspace() for character in label))
TREES = st.recursive(
    st.builds(node, _LABELS), lambda trees: st.builds(node, _LABELS, st.lists(trees, max_size=4)), max_leaves=15
)


def chain(length: int) -> Tree:
    return Tree(("A",) * length, (0,) + (1,) * (length - 1))


@given(TREES)
def test_brackets_round_trip(tree: Tree) -> None:
    printed = to_brackets(tree)
    assert "\n" not in printed
    assert parse_brackets(printed) == tree
    assert to_brackets(parse_brackets(printed)) == printed


@given(TREES)
def test_a_tree_is_its_root_and_children(tree: Tree) -> None:
    assert node(tree.label, tree.children) == tree
    assert 1 + sum(child.size for child in tree.children) == tree.size


@given(TREES, st.integers(1, 6))
def test_cut_keeps_the_top(tree: Tree, levels: int) -> None:
    top = cut(tree, levels)
    if levels == 1:
        assert top == node(tree.label)
    else:
        assert top == node(tree.label, [cut(child, levels - 1) for child in tree.children])
    assert max(depths(top)) == min(levels - 1, max(depths(tree)))


def test_brackets_by_hand() -> None:
    tree = node("S", [node("NP", [node("DT"), node("NN")]), node("VBZ")])
    assert str(tree) == "(S (NP DT NN) VBZ)"
    assert parse_brackets(" ( S(NP (DT)\n(NN) ) VBZ ) ") == tree
    assert str(node("x")) == "(x)"
    assert parse_brackets("( (S NP))").label == "ROOT"
    assert node("(").label == "-LRB-"
    assert str(node("S", [node("-LRB-"), node("a)b")])) == "(S -LRB- a-RRB-b)"


@pytest.mark.parametrize("text", ["", " ", "S", "(S", "(S NP", "(S))", "(S) (S)", "(S) x", ")", "x (S)", "(S (NP x)"])
def test_broken_brackets_are_one_line(text: str) -> None:
    with pytest.raises(UserError) as error:
        parse_brackets(text)
    one_line(error)


@pytest.mark.parametrize(
    ("labels", "arities"),
    [
        ((), ()),
        (("a",), ()),
        (("a", "b"), (0, 0)),
        (("a",), (1,)),
        (("a", "b"), (-1, 1)),
        (("",), (0,)),
        (("a b",), (0,)),
    ],
)
def test_what_is_no_tree(labels: tuple[str, ...], arities: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tree(labels, arities)


def test_deep_and_wide_trees() -> None:
    deep = chain(5000)
    wide = node("A", [node("A")] * 4999)
    for tree in (deep, wide):
        assert parse_brackets(str(tree)) == tree
        assert pickle.loads(pickle.dumps(tree)) == tree  # noqa: S301
        assert len({tree, parse_brackets(str(tree))}) == 1
        assert node("A", tree.children) == tree
    assert cut(deep, 3) == chain(3)
    assert max(depths(deep)) == 4999
    assert sgcp(deep) == Tree(("A",) * 4999 + ("S",), (0,) + (1,) * 4999)
    assert wordless(deep) == chain(4999)


@pytest.mark.parametrize(
    ("tree", "prepared"),
    [
        ("(ROOT (S (NP (DT The) (NN cat)) (VP (VBD sat)) (. .)))", "(S (ROOT (NP DT NN) (VP VBD) .))"),
        # An embedded S leaves its children to its parent; SBAR and SINV are no S.
        (
            "(ROOT (S (NP (PRP I)) (VP (VBP think) (SBAR (S (NP (PRP I)) (VP (VBP am)))))))",
            "(S (ROOT (NP PRP) (VP VBP (SBAR (NP PRP) (VP VBP)))))",
        ),
        ("(ROOT (SINV (VP (VBZ is)) (NP (PRP it))))", "(S (ROOT (SINV (VP VBZ) (NP PRP))))"),
        # Empty elements go, and the phrases that hold nothing else.
        (
            "(ROOT (S (S (NP (-NONE- *)) (VP (TO to) (VP (VB go)))) (VP (MD may))))",
            "(S (ROOT (VP TO (VP VB)) (VP MD)))",
        ),
        ("(ROOT (NP (NN go) (SBAR (-NONE- 0) (S (-NONE- *T*-1)))))", "(S (ROOT (NP NN)))"),
        ("(S (ROOT (S (NP (NN a)))) (ROOT (S (NP (NN b)))))", "(S (ROOT (NP NN)) (ROOT (NP NN)))"),
        ("(S (-NONE- *))", "(S)"),
        ("(word)", "(S)"),
    ],
)
def test_sgcp_by_hand(tree: str, prepared: str) -> None:
    assert str(sgcp(parse_brackets(tree))) == prepared


def test_wordless_by_hand() -> None:
    tree = parse_brackets("(ROOT/VBZ (nsubj/NNS (amod/JJ Old) dogs) bark (punct/. .))")
    assert str(wordless(tree)) == "(ROOT/VBZ (nsubj/NNS amod/JJ) punct/.)"
