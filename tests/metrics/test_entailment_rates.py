from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from lemonpress.critics.classification import labels_of, load
from lemonpress.metrics.entailment import entailed, entailment, entailment_signature
from lemonpress.metrics.fluency import acceptability, acceptability_signature
from lemonpress.sources import resolve


class Contains:
    """A premise entails the words that it has; a single text is as acceptable as it is long."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def probabilities(self, ones: Sequence[str], others: Sequence[str] | None = None) -> npt.NDArray[np.float64]:
        if others is None:
            self.asked += [(one,) for one in ones]
            chances = np.array([len(one) / 100 for one in ones])
        else:
            pairs = list(zip(ones, others, strict=True))
            self.asked += pairs
            chances = np.array([len({*x.split()} & {*y.split()}) / len(y.split()) for x, y in pairs])
        return np.stack([1 - chances, chances], axis=1)


def test_each_direction_is_asked_once_and_copies_and_blanks_never() -> None:
    classifier = Contains()
    sources = ["a b c d", "a b c d", "x", "x", "x y", "x"]
    candidates = ["a b", "a b", "x", " ", "x", "x y"]
    forward, backward = entailment(candidates, sources, classifier, 1)
    assert forward.tolist() == [1, 1, 1, 0, 1, 0.5]
    assert backward.tolist() == [0.5, 0.5, 1, 0, 0.5, 1]
    assert sorted(classifier.asked) == [("a b", "a b c d"), ("a b c d", "a b"), ("x", "x y"), ("x y", "x")]


def test_a_blank_text_entails_nothing_even_itself() -> None:
    forward, backward = entailment(["", "  "], ["", "a"], Contains(), 1)
    assert [*forward, *backward] == [0, 0, 0, 0]


def test_rates_count_from_the_threshold_on_as_the_critics_round() -> None:
    forward, backward = np.array([0.75, 0.749951, 0.7499, 1.0]), np.array([0.75, 0.2, 0.9, 0.749])
    one, both = entailed(forward, backward)
    assert one.tolist() == [1, 1, 0, 1]
    assert both.tolist() == [1, 0, 0, 0]
    assert entailed(forward, backward, 0.2)[1].tolist() == [1, 1, 1, 1]
    with pytest.raises(ValueError, match="2 candidates but 1 backward probabilities"):
        entailed(np.zeros(2), np.zeros(1))


@pytest.mark.weights
def test_a_packaged_model_tells_paraphrases_from_additions() -> None:
    model = resolve("data/nli-critic")
    label = labels_of(model, "test").index("entailment")
    sources = ["The mayor opened the new bridge on Friday morning.", "The mayor opened the new bridge on Friday."]
    candidates = ["On Friday morning, the mayor opened the new bridge.", "The mayor opened the new bridge."]
    classifier = load(model, device="cpu")
    forward, backward = entailment(candidates, sources, classifier, label)
    expected = classifier.probabilities(sources, candidates)[:, label]
    np.testing.assert_allclose(forward, expected, atol=1e-5)
    one, both = entailed(forward, backward)
    assert one.tolist() == [1, 1]
    assert both.tolist() == [1, 0]


def test_acceptability_asks_each_text_once_and_no_blank_one() -> None:
    classifier = Contains()
    assert acceptability(["abc", "", "abcde", "abc", " \n"], classifier, 1).tolist() == [0.03, 0, 0.05, 0.03, 0]
    assert classifier.asked == [("abc",), ("abcde",)]
    assert acceptability([" "], classifier, 1).tolist() == [0]


def test_rows_that_cannot_be_scored_are_named() -> None:
    with pytest.raises(ValueError, match="1 candidates but 2 sources"):
        entailment(["a"], ["a", "b"], Contains(), 1)
    with pytest.raises(ValueError, match="candidate of row 0 is None, not a text"):
        entailment([None], ["a"], Contains(), 1)
    with pytest.raises(ValueError, match="text of row 1 is 3, not a text"):
        acceptability(["a", 3], Contains(), 1)


def test_no_rows_give_no_scores() -> None:
    assert [side.shape for side in entailment([], [], Contains(), 1)] == [(0,), (0,)]
    assert acceptability([], Contains(), 1).shape == (0,)


def test_signatures_name_model_label_and_threshold() -> None:
    assert entailment_signature("org/nli@1a2b", "entailment") == (
        "entailment|min:0.75|label:entailment|model:org/nli@1a2b"
    )
    assert "|probability|" in entailment_signature("org/nli@1a2b", "entailment", None)
    assert acceptability_signature("org/cola@1a2b", "acceptable") == (
        "acceptability|probability|label:acceptable|model:org/cola@1a2b"
    )
