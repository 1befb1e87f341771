from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from lemonpress.metrics.syntax import tree_distance, tree_distance_signature
from lemonpress.sources import Model
from lemonpress.syntax.distance import ted_3, ted_f
from lemonpress.syntax.parsers import spacy_dependency
from lemonpress.syntax.trees import Tree, node


@dataclass(frozen=True)
class Chain:
    """Each word is the only child of the word before it."""

    model: Model
    name: str = "chain"
    key: str = "chain 1"
    seen: list[str] = field(default_factory=list)

    def parse(self, sentences: Sequence[str]) -> list[Tree]:
        self.seen.extend(sentences)
        trees = []
        for sentence in sentences:
            tree = node(sentence.split()[-1])
            for word in reversed(sentence.split()[:-1]):
                tree = node(word, [tree])
            trees.append(tree)
        return trees


@pytest.fixture
def chain(home: Path) -> Chain:
    return Chain(Model("chain", "1", home, "Apache-2.0"))


def test_distance_counts_edits_of_full_trees_or_of_their_top(chain: Chain) -> None:
    candidates, sources = ["a b c d e", "a b", "a x c"], ["a b c", "a b", "a b c"]
    assert tree_distance(candidates, sources, chain).tolist() == [2, 0, 1]
    assert tree_distance(candidates, sources, chain, levels=3).tolist() == [0, 0, 1]


def test_each_distinct_sentence_is_parsed_once(chain: Chain) -> None:
    tree_distance(["a b", "c", "a b"], ["c", "a b", "d"], chain)
    tree_distance(["d"], ["c"], chain, levels=1)
    assert sorted(chain.seen) == ["a b", "c", "d"]


def test_blank_texts_have_no_distance(chain: Chain) -> None:
    scores = tree_distance(["a b", " ", "a", ""], ["a c", "a", "\n", ""], chain)
    assert scores[0] == 1
    assert np.isnan(scores[1:]).all()
    assert tree_distance([], [], chain).shape == (0,)


def test_rows_that_are_no_text_are_refused(chain: Chain) -> None:
    with pytest.raises(ValueError, match=r"^candidate of row 0 is None"):
        tree_distance([None], ["a"], chain)  # type: ignore[list-item]
    assert not chain.seen


def test_signature_names_levels_and_parser(chain: Chain) -> None:
    assert tree_distance_signature(chain) == "TED-F|cost:unit|parser:chain 1"
    assert tree_distance_signature(chain, 3) == "TED-3|cost:unit|parser:chain 1"


@pytest.mark.weights
def test_distances_are_those_of_spacys_trees(home: Path) -> None:
    parser = spacy_dependency()
    candidates = ["A cat was seen by the old dog.", "Dogs see cats."]
    sources = ["The old dog saw a cat.", "Dogs saw cats."]
    left, right = parser.parse(candidates), parser.parse(sources)
    assert tree_distance(candidates, sources, parser).tolist() == ted_f(left, right).tolist()
    assert tree_distance(candidates, sources, parser, levels=3).tolist() == ted_3(left, right).tolist()
