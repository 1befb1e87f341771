"""Trees as special tokens: read back as they were, and cut for training rows."""

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lemonpress.errors import UserError
from lemonpress.students.linear import (
    delinearise,
    label_parts,
    linearise,
    special_tokens,
    training_cut,
    user_tree,
)
from lemonpress.syntax.trees import Tree, cut, depths, node, parse_brackets
from one_line import one_line

_TAGS = (
    "NP",
    "NN",
    "DT",
    "det",
    "punct",
    "other",
    "(",
    "-LRB-",
    ",",
    ".",
    ":",
    "``",
    "''",
    "$",
    "#",
    "HYPH",
    "/",
    "//",
)
_ODD = st.text("/&<>;gtamp:()treNP", min_size=1, max_size=9)
_ANY = st.text(min_size=1, max_size=5).filter(lambda label: not any(character.isspace() for character in label))
_ONE = st.sampled_from(_TAGS) | _ODD | _ANY
_LABELS = _ONE | st.builds("{}/{}".format, _ONE, _ONE)
TREES = st.recursive(
    st.builds(node, _LABELS), lambda trees: st.builds(node, _LABELS, st.lists(trees, max_size=4)), max_leaves=15
)
CONSTITUENCY = "(S (ROOT (NP DT NN) (VP VBD (NP DT JJ NN)) .))"
DEPENDENCY = "(ROOT/VBD (nsubj/NN det/DT amod/JJ) punct/,)"


@given(TREES)
@example(node("A", [node("B"), node("/C")]))
@example(node("A", [node("B/C")]))
@example(node("A", [node("B"), node("C")]))
@example(node("/"))
def test_a_tree_is_read_back_as_it_was(tree: Tree) -> None:
    assert delinearise(linearise(tree, label_parts([tree]))) == tree


@given(TREES)
def test_every_token_of_a_tree_is_a_special_token(tree: Tree) -> None:
    parts = label_parts([tree])
    tokens = special_tokens(parts)
    assert len(set(tokens)) == len(tokens)
    text, found = linearise(tree, parts), 0
    assert not any(character.isspace() for character in text)
    while text:
        [token] = [token for token in tokens if text.startswith(token)]
        text, found = text.removeprefix(token), found + 1
    brackets = 2 * max(1, sum(arity > 0 for arity in tree.arities))
    assert found == brackets + sum(label.count("/") + 1 for label in tree.labels)


def test_tokens_by_hand() -> None:
    trees = [parse_brackets(CONSTITUENCY), parse_brackets(DEPENDENCY)]
    parts = label_parts(trees)
    assert parts == label_parts(reversed(trees)) == tuple(sorted(parts))
    assert {"NP", "nsubj", "/NN", "/,"} < set(parts)
    assert linearise(parse_brackets("(S (NP DT NN) VP)"), parts) == (
        "<tree:(><tree:S><tree:(><tree:NP><tree:DT><tree:NN><tree:)><tree:VP><tree:)>"
    )
    assert linearise(parse_brackets("(nsubj/NN det/DT)"), parts) == (
        "<tree:(><tree:nsubj><tree:/NN><tree:det><tree:/DT><tree:)>"
    )
    assert special_tokens(["NP", "/NN"]) == ["<tree:(>", "<tree:)>", "<tree:other>", "<tree:NP>", "<tree:/NN>"]


def test_labels_outside_the_inventory_are_other() -> None:
    parts = label_parts([parse_brackets("(S (NP DT NN))"), parse_brackets("(nsubj/NN det/DT)")])
    tree = parse_brackets("(S (NP DT FOO) nsubj/DT det/XX nsubj NN/NN)")
    assert str(delinearise(linearise(tree, parts))) == "(S (NP DT other) nsubj/DT other nsubj NN/NN)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(S NP)",
        "<tree:S>",
        "<tree:(><tree:S>",
        "<tree:(><tree:S><tree:)><tree:)>",
        "<tree:(><tree:S><tree:)><tree:(><tree:S><tree:)>",
        "<tree:(><tree:(><tree:S><tree:)><tree:)>",  # a bracket without a label
        "<tree:(><tree:S><tree:(><tree:NP><tree:)><tree:)>",  # a leaf in brackets
        "<tree:(></NN><tree:)>",
        "<tree:(><tree:/NN><tree:)>",  # continues no label
        "<tree:(><tree:S><tree:NP><tree:)><tree:/NN>",
        "<tree:(><tree:S><tree:a(b><tree:)>",
        "<tree:(><tree:S> <tree:NP><tree:)>",
        "<tree:(><tree:S><tree:&><tree:)>",
        "<tree:(><tree:S>\n<tree:NP><tree:)> and words",
    ],
)
def test_what_is_no_whole_tree_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UserError) as error:
        delinearise(text)
    assert one_line(error).startswith("tree ")


def test_training_rows_see_trees_of_every_depth() -> None:
    chain = Tree(("A",) * 9, (0,) + (1,) * 8)
    levels = Counter(max(depths(training_cut(f"row {number}", chain))) + 1 for number in range(4000))
    assert set(levels) == {2, 3, 4, 5, 9}
    assert levels[9] == pytest.approx(2000, abs=130)
    for depth in (2, 3, 4, 5):
        assert levels[depth] == pytest.approx(500, abs=90)
    assert training_cut("row 0", chain) == training_cut("row 0", chain)


def test_a_typed_tree_is_read_and_cut() -> None:
    parts = label_parts([parse_brackets(CONSTITUENCY)])
    tree = parse_brackets(CONSTITUENCY)
    assert user_tree(f" {CONSTITUENCY}\n", None, parts) == tree
    assert user_tree(CONSTITUENCY, 3, parts) == cut(tree, 3)
    with_words = "(S (ROOT (NP (DT the) (NN dog)) (VP (VBD saw) (NP (DT a) (NN cat))) (. .)))"
    assert str(user_tree(with_words, 3, parts)) == "(S (ROOT NP VP .))"
    with pytest.raises(UserError) as error:
        user_tree(with_words, None, parts)
    assert one_line(error).startswith("tree label 'the': ")
    assert "trees have no words" in str(error.value)


@pytest.mark.parametrize(
    ("text", "levels", "said"),
    [
        ("(S (NNP DT))", None, "tree label 'NNP'"),
        ("(S NP/NN)", None, "tree label 'NP/NN'"),
        ("(S NP", None, "brackets are not closed"),
        ("", None, "brackets are not closed"),
        ("(S NP)", 0, "levels: "),
    ],
)
def test_a_typed_tree_that_cannot_be_used_is_refused_in_one_line(text: str, levels: int | None, said: str) -> None:
    with pytest.raises(UserError) as error:
        user_tree(text, levels, label_parts([parse_brackets(CONSTITUENCY)]))
    assert said in one_line(error)
