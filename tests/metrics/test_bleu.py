import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nltk.translate.bleu_score import sentence_bleu as nltk_bleu
from sacrebleu.metrics import BLEU

from lemonpress.metrics.bleu import (
    corpus_bleu,
    ibleu,
    ibleu_signature,
    paper_bleu,
    self_bleu,
    sentence_bleu,
    signature,
)

sentence = st.lists(st.sampled_from(["the", "cat", "dog", "sat", "ran", "home"]), min_size=4, max_size=12)


def add_one_everywhere(precisions: list[Fraction], *_: object, **__: object) -> list[float]:
    return [(p.numerator + 1) / (p.denominator + 1) for p in precisions]


@given(sentence, st.lists(sentence, min_size=1, max_size=3))
def test_equals_nltk_where_all_orders_exist(candidate: list[str], references: list[list[str]]) -> None:
    # NLTK answers 0 before smoothing where no unigram matches.
    assume(set(candidate) & {word for reference in references for word in reference})
    ours = sentence_bleu([" ".join(candidate)], [[" ".join(reference) for reference in references]])
    theirs = nltk_bleu(references, candidate, smoothing_function=add_one_everywhere)
    assert ours[0] == pytest.approx(100 * theirs)


def test_casing_does_not_count_and_punctuation_is_split() -> None:
    assert sentence_bleu(["It's THE end."], [["it's the end ."]]).tolist() == pytest.approx([100.0])


@pytest.mark.parametrize("text", ["yes", "oh no", "a b c", "a b c d"])
def test_short_copies_score_100_and_short_strangers_do_not_gain(text: str) -> None:
    assert self_bleu([text], [text]).tolist() == pytest.approx([100.0])
    size = len(text.split())
    stranger = " ".join("xyzw"[:size])
    smoothed = [1 / (size - n + 2) for n in range(1, size + 1)]
    assert self_bleu([stranger], [text])[0] == pytest.approx(100 * math.prod(smoothed) ** (1 / size))


def test_brevity_takes_the_nearest_reference_and_the_shorter_of_two() -> None:
    candidate = "a b c d e"
    assert sentence_bleu([candidate], [["a b c d e f g h i", "a b c d"]])[0] == pytest.approx(100.0)
    assert sentence_bleu([candidate], [["a b c d", "a b c d e f"]])[0] == pytest.approx(100.0)
    assert sentence_bleu([candidate], [["a b c d e f"]])[0] == pytest.approx(100 * math.exp(1 - 6 / 5))


def test_empty_candidate_scores_0() -> None:
    assert sentence_bleu(["", "a"], [["a"], ["a"]]).tolist() == pytest.approx([0.0, 100.0])


def test_paper_bleu_is_the_mean_over_sentences() -> None:
    candidates, references = ["the cat sat", "a dog ran home"], [["the cat sat down"], ["a dog ran home"]]
    assert paper_bleu(candidates, references) == pytest.approx(sentence_bleu(candidates, references).mean())


def test_corpus_bleu_equals_sacrebleu_with_its_signature() -> None:
    candidates = ["The cat sat on the mat.", "A dog ran home today."]
    metric = BLEU()
    expected = metric.corpus_score(
        candidates, [["The cat sat on a mat.", "The dog ran home today."], ["The cat.", None]]
    )
    score, printed = corpus_bleu(candidates, [["The cat sat on a mat.", "The cat."], ["The dog ran home today."]])
    assert score == expected.score
    assert printed == str(metric.get_signature())
    assert "tok:13a" in printed


@pytest.mark.parametrize("function", [sentence_bleu, paper_bleu, corpus_bleu])
def test_bad_references_are_refused(function: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="2 candidates but 1 reference lists"):
        function(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="row 1 has no reference"):
        function(["a", "b"], [["a"], []])


@pytest.mark.parametrize("function", [paper_bleu, corpus_bleu])
def test_bleu_of_nothing_is_refused(function: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="no candidates"):
        function([], [])


def test_ibleu_weighs_reference_against_source() -> None:
    to_reference, to_source = np.array([44.4, 50.0]), np.array([100.0, 0.0])
    assert ibleu(to_reference, to_source).tolist() == pytest.approx([1.08, 35.0])
    assert ibleu(to_reference, to_source, alpha=0.9).tolist() == pytest.approx([29.96, 45.0])


def test_signatures_tell_casing_tokens_smoothing_and_alpha() -> None:
    assert "case:lc|tok:treebank|smooth:add-1" in signature()
    assert ibleu_signature(0.9).startswith("iBLEU|alpha:0.9|BLEU-4")
