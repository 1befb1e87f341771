from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lemonpress.metrics.bleu import self_bleu, sentence_bleu
from lemonpress.metrics.compression import (
    compression,
    compression_signature,
    coverage,
    coverage_signature,
    density,
    density_signature,
)
from lemonpress.metrics.diversity import copies, copy_rate, jaccard, novel_ngrams, signature
from lemonpress.metrics.rouge import rouge_multi
from lemonpress.metrics.words import require_texts, words


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


def fragments(source: list[str], summary: list[str]) -> list[list[str]]:
    """Procedure F of Grusky et al. 2018, line by line."""
    found: list[list[str]] = []
    i = 0
    while i < len(summary):
        longest: list[str] = []
        j = 0
        while j < len(source):
            if summary[i] == source[j]:
                k, m = i, j
                while k < len(summary) and m < len(source) and summary[k] == source[m]:
                    k, m = k + 1, m + 1
                if len(longest) < k - i:
                    longest = summary[i:k]
                j = m
            else:
                j += 1
        i += max(len(longest), 1)
        if longest:
            found.append(longest)
    return found


few_words = st.lists(st.sampled_from("aabbc"), max_size=15).map(" ".join)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(few_words, few_words), max_size=4))
@example([("a b c", "c a a b a b c"), ("a a a", "a a"), ("", "a"), ("a", "")])
def test_coverage_and_density_are_those_of_newsroom(rows: list[tuple[str, str]]) -> None:
    candidates, sources = [y for y, _ in rows], [x for _, x in rows]
    found = [[len(f) for f in fragments(x.split(), y.split())] for y, x in rows]
    sizes = [max(len(y.split()), 1) for y in candidates]
    np.testing.assert_allclose(
        coverage(candidates, sources), [sum(f) / size for f, size in zip(found, sizes, strict=True)]
    )
    np.testing.assert_allclose(
        density(candidates, sources), [sum(n * n for n in f) / size for f, size in zip(found, sizes, strict=True)]
    )


def test_density_of_a_copy_is_its_number_of_words() -> None:
    assert density(["The cat sat.", "dogs ran", "..."], ["the cat sat", "the cat sat", "a"]).tolist() == [3, 0, 0]


PAIRED = [copies, jaccard, compression, coverage, density, self_bleu, lambda y, x: novel_ngrams(y, x, 2)]


@pytest.mark.parametrize("metric", PAIRED)
def test_rows_that_are_no_text_are_refused_by_row(metric: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match=r"^candidate of row 1 is None, not a text$"):
        metric(["a", None], ["a", "b"])
    with pytest.raises(ValueError, match=r"^source of row 0 is nan, not a text$"):
        metric(["a", "b"], [float("nan"), "b"])
    with pytest.raises(ValueError, match=r"^source of row 1 is a list, not a text$"):
        metric(["a", "b"], ["a", ["b"]])


@pytest.mark.parametrize("metric", [sentence_bleu, rouge_multi])
@pytest.mark.parametrize(
    ("references", "message"),
    [
        ([["a"], []], "row 1 has no reference"),
        ([["a"], "b"], "references of row 1 are 'b'; give a list of texts"),
        ([["a"], None], "references of row 1 are None; give a list of texts"),
        ([["a", float("nan")], ["b"]], "a reference of row 0 is nan, not a text"),
        ([["a"]], "2 candidates but 1 reference lists"),
    ],
)
def test_bad_references_are_refused_by_row(metric: Callable[..., object], references: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        metric(["a", "b"], references)


def test_one_text_is_not_taken_for_a_list_of_them() -> None:
    with pytest.raises(ValueError, match="'The cat' was given as the list of all rows; give a list with one source"):
        require_texts("The cat", "source")


@pytest.mark.parametrize("metric", PAIRED)
def test_unpaired_lists_are_refused(metric: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="1 candidates but 2 sources"):
        metric(["a"], ["a", "b"])


def test_signatures_name_the_metric_and_its_words() -> None:
    assert signature("jaccard") == "jaccard|against:source|case:lc|tok:words"
    assert coverage_signature() == "coverage|against:source|case:lc|tok:words"
    assert density_signature() == "density|against:source|fragments:greedy|case:lc|tok:words"
    assert compression_signature() == "compression|against:source|tok:whitespace"
