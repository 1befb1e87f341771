from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.metrics.compression import compression, compression_signature, coverage, coverage_signature
from lemonpress.metrics.diversity import copies, copy_rate, jaccard, novel_ngrams, signature
from lemonpress.metrics.words import words


def test_words_are_lower_cased_runs_with_inner_apostrophes() -> None:
    assert words("It's 'Zoë’s' 3rd re-entry — ok!") == ["it's", "zoë’s", "3rd", "re", "entry", "ok"]


def test_copies_ignore_casing_punctuation_and_spacing() -> None:
    sources = ["Hello, world!", "Hello, world!", "...", "Hello, world!"]
    candidates = ["  hello world", "world hello", "", ""]
    assert copies(candidates, sources).tolist() == [1, 0, 1, 0]
    assert copy_rate(candidates, sources) == 0.5


def test_copy_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no candidates"):
        copy_rate([], [])


def test_jaccard_counts_distinct_words() -> None:
    candidates = ["a a b", "", "", "A, b."]
    assert jaccard(candidates, ["b c", "", "a", "b a"]).tolist() == pytest.approx([1 / 3, 1, 0, 1])


def test_novel_ngrams_counts_repeats() -> None:
    candidates = ["a b c", "x y x y", "a", ""]
    sources = ["a b d", "x y", "a b", "a b"]
    assert novel_ngrams(candidates, sources, 2).tolist() == pytest.approx([1 / 2, 1 / 3, 0, 0])
    assert novel_ngrams(["a z"], ["a b"], 1).tolist() == [0.5]


def test_compression_counts_what_stands_between_white_space() -> None:
    assert compression(["a b-c", "", "a b c"], ["a b c d", "# .", "a"]).tolist() == [0.5, 0, 3]


def test_compression_names_the_blank_source() -> None:
    with pytest.raises(ValueError, match="row 1 is blank"):
        compression(["a", "b"], ["a", " "])


def test_coverage_is_the_share_of_words_from_the_source() -> None:
    assert coverage(["the The dog", "", "x"], ["The cat.", "a", "a"]).tolist() == pytest.approx([2 / 3, 0, 0])


@given(st.text(), st.text())
def test_shares_stay_within_bounds_and_coverage_complements_novelty(candidate: str, source: str) -> None:
    for values in (jaccard([candidate], [source]), coverage([candidate], [source]), copies([candidate], [source])):
        assert 0 <= values[0] <= 1
    if words(candidate):
        total = coverage([candidate], [source]) + novel_ngrams([candidate], [source], 1)
        assert np.allclose(total, 1)


@pytest.mark.parametrize("metric", [copies, jaccard, compression, coverage, lambda y, x: novel_ngrams(y, x, 2)])
def test_unpaired_lists_are_refused(metric: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="1 candidates but 2 sources"):
        metric(["a"], ["a", "b"])


def test_signatures_name_the_metric_and_its_words() -> None:
    assert signature("jaccard") == "jaccard|against:source|case:lc|tok:words"
    assert coverage_signature() == "coverage|against:source|case:lc|tok:words"
    assert compression_signature() == "compression|against:source|tok:whitespace"
