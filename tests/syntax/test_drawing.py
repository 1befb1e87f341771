"""Drawn trees: well-formed, escaped, every node once, nothing on top of another."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.syntax.drawing import draw
from lemonpress.syntax.trees import Tree, depths, node, parse_brackets

LABELS = st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters="()"), min_size=1, max_size=12)
TREES = st.recursive(
    LABELS.map(node), lambda below: st.builds(node, LABELS, st.lists(below, min_size=1, max_size=4)), max_leaves=12
)


def boxes(svg: ET.Element) -> list[tuple[float, float, float]]:
    """Left, right and top of each box."""
    found = [part for part in svg if part.tag == "rect"]
    return [
        (float(b.attrib["x"]), float(b.attrib["x"]) + float(b.attrib["width"]), float(b.attrib["y"])) for b in found
    ]


@given(TREES)
def test_every_node_is_drawn_once_and_apart(tree: Tree) -> None:
    svg = ET.fromstring(draw(tree))
    assert [part.text for part in svg if part.tag == "text"] == list(tree.labels)
    assert len([part for part in svg if part.tag == "path"]) == tree.size - 1
    placed = boxes(svg)
    rows = {
        level: [box for box, at in zip(placed, depths(tree), strict=True) if at == level] for level in depths(tree)
    }
    for row in rows.values():
        assert len({top for _, _, top in row}) == 1
        for (_, right, _), (left, _, _) in itertools.pairwise(row):
            assert right <= left
    width = float(svg.attrib["viewBox"].split()[2])
    assert all(left >= 0 and right <= width for left, right, _ in placed)


def test_a_tree_is_named_for_those_who_do_not_see_it() -> None:
    svg = ET.fromstring(draw(parse_brackets("(S (NP DT NN) VP)"), "Syntax to follow"))
    assert (svg.attrib["role"], svg.attrib["aria-label"]) == ("img", "Syntax to follow: (S (NP DT NN) VP)")


@pytest.mark.parametrize("label", ["<script>alert`1`</script>", "\"'>", "&amp;", "]]>", "x" * 300])
def test_labels_are_text_whatever_they_hold(label: str) -> None:
    drawn = draw(node("S", [node(label)]), label)
    assert not re.search(r"<(?!/?(?:svg|path|rect|text)\b)", drawn)
    assert [part.text for part in ET.fromstring(drawn) if part.tag == "text"] == [label, "S"]
