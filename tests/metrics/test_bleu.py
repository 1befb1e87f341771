import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from nltk.tokenize import TreebankWordTokenizer
from nltk.translate.bleu_score import sentence_bleu as nltk_bleu
from sacrebleu.metrics import BLEU

from lemonpress.metrics.bleu import (
    corpus_bleu,
    corpus_bleu_estimate,
    ibleu,
    ibleu_signature,
    paper_bleu,
    self_bleu,
    sentence_bleu,
    signature,
)
from lemonpress.metrics.bootstrap import draws

sentence = st.lists(st.sampled_from(["the", "cat", "dog", "sat", "ran", "home"]), min_size=4, max_size=12)


def add_one_everywhere(precisions: list[Fraction], *_: object, **__: object) -> list[float]:
    return [(p.numerator + 1) / (p.denominator + 1) for p in precisions]


def plain_bleu(candidate: str, references: list[str]) -> float:
    tokens, *others = [TreebankWordTokenizer().tokenize(text.lower()) for text in (candidate, *references)]
    orders = range(1, min(4, len(tokens)) + 1)
    logs = 0.0
    for n in orders:
        own, *counts = [Counter(zip(*(text[k:] for k in range(n)), strict=False)) for text in (tokens, *others)]
        allowed: Counter[tuple[str, ...]] = Counter()
        for count in counts:
            allowed |= count
        logs += math.log((sum((own & allowed).values()) + 1) / (sum(own.values()) + 1))
    if not tokens:
        return 0.0
    nearest = min((len(other) for other in others), key=lambda length: (abs(length - len(tokens)), length))
    return 100 * math.exp(logs / len(orders) + min(0.0, 1 - nearest / len(tokens)))


anything = st.one_of(st.text(max_size=20), st.lists(st.sampled_from(["a", "B", "c.", "it's"])).map(" ".join))


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(anything, st.lists(anything, min_size=1, max_size=3)), max_size=5))
@example([("", [""]), ("a", ["", "a"]), ("a a a b", ["a a", "b a a a a"])])
def test_equals_a_plain_count_on_any_rows(rows: list[tuple[str, list[str]]]) -> None:
    ours = sentence_bleu([candidate for candidate, _ in rows], [references for _, references in rows])
    np.testing.assert_allclose(ours, [plain_bleu(*row) for row in rows], rtol=1e-12, atol=0)


@settings(deadline=None)
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


def test_corpus_bleu_is_estimated_from_the_counts_of_resampled_sentences() -> None:
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(list("abcdefg"), size)) for size in draw.integers(0, 12, 240)]
    candidates = texts[:80]
    references = [
        [text, other] if row % 2 else [text]
        for row, (text, other) in enumerate(zip(texts[80:160], texts[160:], strict=True))
    ]
    estimate, printed = corpus_bleu_estimate(candidates, references, seed=3)
    score, expected = corpus_bleu(candidates, references)
    assert estimate.value == pytest.approx(score, abs=1e-9)
    assert printed == expected
    assert estimate.low < estimate.value < estimate.high
    for times, resampled in list(zip(draws(80, seed=3), estimate.resampled, strict=True))[:20]:
        rows = np.repeat(np.arange(80), times)
        again, _ = corpus_bleu([candidates[row] for row in rows], [references[row] for row in rows])
        assert resampled == pytest.approx(again, abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.tuples(anything, st.lists(anything, min_size=1, max_size=3)), min_size=1, max_size=5))
@example([("Well, it's 3.5%... &quot;no&quot; ", ["well, it's 3.5%...", "&quot;No&quot;"]), ("", [""])])
def test_the_estimated_corpus_bleu_is_sacrebleus(rows: list[tuple[str, list[str]]]) -> None:
    candidates, references = [candidate for candidate, _ in rows], [references for _, references in rows]
    estimate, printed = corpus_bleu_estimate(candidates, references)
    score, expected = corpus_bleu(candidates, references)
    assert (estimate.value, printed) == (pytest.approx(score, abs=1e-9), expected)


def test_corpus_bleu_of_copies_has_no_spread() -> None:
    estimate, _ = corpus_bleu_estimate(["a b c d e", "f g h i"], [["a b c d e"], ["f g h i"]])
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((100, 100, 100))


@pytest.mark.parametrize("function", [sentence_bleu, paper_bleu, corpus_bleu, corpus_bleu_estimate])
def test_bad_references_are_refused(function: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="2 candidates but 1 reference lists"):
        function(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="row 1 has no reference"):
        function(["a", "b"], [["a"], []])


@pytest.mark.parametrize("function", [paper_bleu, corpus_bleu, corpus_bleu_estimate])
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
