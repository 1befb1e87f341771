"""Dependency trees by spaCy."""

from pathlib import Path

import numpy as np
import pytest

from lemonpress.errors import UserError
from lemonpress.syntax.distance import at_least, encode
from lemonpress.syntax.parsers import SpacyDependency, spacy_dependency
from lemonpress.syntax.preprocess import wordless
from lemonpress.syntax.thresholds import THRESHOLDS
from lemonpress.syntax.trees import Tree
from one_line import one_line


@pytest.fixture(scope="module")
def parser() -> SpacyDependency:
    return spacy_dependency()


@pytest.mark.weights
def test_trees(parser: SpacyDependency) -> None:
    (tree,) = parser.parse(["The old dog saw a cat."])
    assert str(tree) == "(ROOT/VBD (nsubj/NN det/DT amod/JJ) (dobj/NN det/DT) punct/.)"


@pytest.mark.weights
def test_words_are_leaves_in_the_order_of_the_sentence(parser: SpacyDependency) -> None:
    sentences = ["The old dog, which (as we know) barks, saw a cat.", "“Don't go,” she said — twice."]
    with_words = SpacyDependency(parser.model, preprocess=False)
    trees = with_words.parse(sentences)
    for tree, sentence in zip(trees, sentences, strict=True):
        said = [label for label, arity in zip(tree.labels, tree.arities, strict=True) if not arity]
        expected = sentence.replace("(", "-LRB-").replace(")", "-RRB-").replace(" ", "")
        assert "".join(said) == expected
    assert [wordless(tree) for tree in trees] == parser.parse(sentences)
    assert with_words.key != parser.key


@pytest.mark.weights
def test_two_sentences_in_one_are_joined(parser: SpacyDependency) -> None:
    (tree,) = parser.parse(["The dog barked at the cat. The cat ran away."])
    assert tree.label == "S"
    assert [child.label[:5] for child in tree.children] == ["ROOT/", "ROOT/"]


@pytest.mark.weights
def test_white_space_and_odd_characters(parser: SpacyDependency) -> None:
    plain, spaced = parser.parse(["The dog saw a cat.", "  The dog\n\nsaw \u00a0 a\tcat. "])
    assert plain == spaced
    trees = parser.parse(["🍋", ")(", "\u200b", "a" * 3000, "((( ))) <|end|>"])
    assert all(isinstance(tree, Tree) for tree in trees)


@pytest.mark.weights
def test_empty_sentence(parser: SpacyDependency) -> None:
    assert parser.parse([]) == []
    with pytest.raises(ValueError, match="sentence 0 is empty"):
        parser.parse([""])


@pytest.mark.weights
def test_threshold_tells_other_syntax_from_other_words(parser: SpacyDependency) -> None:
    same = ["The minister opened the new bridge on Monday.", "The mayor visited the old school on Friday."]
    other = [
        "The minister, who had opposed the plan for years, opened the new bridge over the river on Monday.",
        "On Monday, people could cross the river for the first time after the bridge was opened by the minister.",
    ]
    forest = encode(parser.parse([*same, *other]))
    passed = at_least(forest, np.array([0, 2]), np.array([1, 3]), THRESHOLDS[parser.name])
    assert passed.tolist() == [False, True]


def test_wrong_references_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.cfg").write_text("[nlp]\n", encoding="utf-8")
    for reference in ("package:no-such-package", str(tmp_path / "absent"), str(tmp_path)):
        with pytest.raises(UserError) as error:
            spacy_dependency(reference, where="syntax.model")
        assert one_line(error).startswith("syntax.model: ")


def test_pipeline_without_a_parser_is_one_line(tmp_path: Path) -> None:
    import spacy

    spacy.blank("en").to_disk(tmp_path)
    with pytest.raises(UserError) as error:
        spacy_dependency(str(tmp_path))
    assert "has no tagger" in one_line(error)
