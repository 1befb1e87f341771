import math
import random
import re
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from lemonpress.metrics.bleu import sentence_bleu
from lemonpress.metrics.bootstrap import draws, paired
from lemonpress.metrics.ngrams import (
    entropy_estimate,
    group_self_bleu,
    group_self_bleu_signature,
    msttr,
    msttr_estimate,
    msttr_signature,
    ngram_entropy,
    ngram_entropy_signature,
)

corpus = st.lists(st.one_of(st.text(max_size=20), st.lists(st.sampled_from("aabc")).map(" ".join)), max_size=8)


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())


def plain_entropy(texts: list[str], n: int) -> float:
    counts = Counter(tuple(tokens(text)[k : k + n]) for text in texts for k in range(len(tokens(text)) - n + 1))
    total = sum(counts.values())
    return -sum(count / total * math.log2(count / total) for count in counts.values())


def random_corpus(size: int, vocabulary: int = 40) -> list[str]:
    draw = random.Random(size)
    return [" ".join(str(draw.randrange(vocabulary)) for _ in range(draw.randrange(1, 12))) for _ in range(size)]


@settings(deadline=None)
@given(corpus, st.integers(1, 4))
@example(["The the THE"], 1)
@example(["a b", "b a", "a"], 2)
def test_entropy_equals_a_plain_count(texts: list[str], n: int) -> None:
    assume(any(len(tokens(text)) >= n for text in texts))
    assert ngram_entropy(texts, n) == pytest.approx(plain_entropy(texts, n), abs=1e-12)


def test_entropy_is_in_bits_and_stays_within_texts() -> None:
    assert ngram_entropy(["a b c d"], 1) == pytest.approx(2)
    assert ngram_entropy(["a b", "c d", "e f", "g h"], 2) == pytest.approx(2)  # b c is no bigram
    assert ngram_entropy(["Same, same!", "same same"], 2) == pytest.approx(0)


@pytest.mark.parametrize("function", [ngram_entropy, entropy_estimate])
def test_a_corpus_without_n_grams_is_refused(function: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match=r"^no text has 3 words"):
        function(["a b", ""], 3)
    with pytest.raises(ValueError, match=r"^text of row 1 is None"):
        function(["a b", None], 1)
    with pytest.raises(ValueError, match=r"^n is 0"):
        function(["a b"], 0)


def test_entropies_of_resamples_are_those_of_the_drawn_texts_moved_onto_the_value() -> None:
    texts = [*random_corpus(60), ""]
    estimate = entropy_estimate(texts, 2, seed=5, resamples=40)
    resampled = [
        plain_entropy([text for text, times in zip(texts, row, strict=True) for _ in range(times)], 2)
        for row in draws(61, 5, 40)
    ]
    assert estimate.value == pytest.approx(plain_entropy(texts, 2))
    assert estimate.resampled.mean() == pytest.approx(estimate.value)
    assert np.mean(resampled) < estimate.value - 0.3  # what the move is for
    np.testing.assert_allclose(estimate.resampled - estimate.value, resampled - np.mean(resampled), atol=1e-9)
    assert estimate.low < estimate.value < estimate.high


def test_entropies_of_two_corpora_can_be_compared() -> None:
    rich, poor = random_corpus(200), random_corpus(200, vocabulary=20)
    found = paired(entropy_estimate(rich, 1), entropy_estimate(poor, 1))
    assert 0.8 < found.low < found.difference < found.high < 1.2


def plain_msttr(texts: list[str], segment: int, seed: int) -> float:
    """As GEM-metrics and NLG-diversity count it, of shuffled texts."""
    order = np.random.default_rng(seed).permutation(len(texts))
    run = [token for place in order for token in tokens(texts[place])]
    ratios = []
    for start in range(0, len(run), segment):
        part = run[start : start + segment]
        if len(part) == segment:
            ratios.append(len(set(part)) / segment)
    return sum(ratios) / len(ratios)


@given(corpus, st.integers(1, 6), st.integers(0, 3))
def test_msttr_equals_a_plain_count(texts: list[str], segment: int, seed: int) -> None:
    assume(sum(len(tokens(text)) for text in texts) >= segment)
    assert msttr(texts, segment, seed) == pytest.approx(plain_msttr(texts, segment, seed))


def test_msttr_drops_the_tail_and_depends_on_nothing_but_the_seed() -> None:
    assert msttr(["a A b b c c c"], segment=2) == pytest.approx((0.5 + 0.5 + 0.5) / 3)
    texts = random_corpus(200)
    assert msttr(texts) == msttr(texts)
    assert msttr(texts, seed=1) != msttr(texts, seed=2)


def test_msttr_has_an_interval_over_segments() -> None:
    texts = random_corpus(400)
    estimate = msttr_estimate(texts, segment=50)
    assert estimate.value == pytest.approx(msttr(texts, segment=50))
    assert estimate.low < estimate.value < estimate.high


def test_a_corpus_shorter_than_a_segment_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the texts have 3 words; a segment takes 100$"):
        msttr(["a b", "c"])
    with pytest.raises(ValueError, match=r"^segment is 0"):
        msttr(["a b", "c"], segment=0)


def test_group_self_bleu_is_the_mean_of_each_text_against_the_others() -> None:
    groups = [["the cat sat on it", "a cat sat there", "the cat sat"], ["alone"], [], ["same text", "same text"]]
    first = groups[0]
    expected = sentence_bleu(first, [[first[1], first[2]], [first[0], first[2]], [first[0], first[1]]]).mean()
    scores = group_self_bleu(groups)
    assert scores[0] == pytest.approx(expected)
    assert np.isnan(scores[1:3]).all()
    assert scores[3] == pytest.approx(100)


def test_group_self_bleu_of_groups_without_pairs_is_undefined() -> None:
    assert np.isnan(group_self_bleu([["a"], []])).tolist() == [True, True]
    assert group_self_bleu([]).shape == (0,)


def test_groups_that_are_no_lists_of_texts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^group 1: text of row 1 is None, not a text$"):
        group_self_bleu([["a", "b"], ["a", None]])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="was given as the list"):
        group_self_bleu(["a text", "another"])


def test_signatures_name_what_is_counted() -> None:
    assert ngram_entropy_signature(2) == "H2|bits|joint|within:text|case:lc|tok:words|punct:no"
    assert msttr_signature(50, 1) == "MSTTR|segment:50|shuffle-seed:1|tail:dropped|case:lc|tok:words|punct:no"
    assert group_self_bleu_signature().startswith("self-BLEU|against:others of the group|BLEU-4|")
