"""How far a candidate moves away from the words of its source."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.words import SIGNATURE, ngrams, require_pairs, words

Floats = npt.NDArray[np.float64]


def copies(candidates: Sequence[str], sources: Sequence[str]) -> Floats:
    """Whether each candidate repeats its source but for casing, punctuation and spacing.

    Args:
        candidates: Texts to judge.
        sources: What they were made from.

    Returns:
        1 for a copy and 0 otherwise, per candidate. Texts without any word are copies of each other.

    Raises:
        ValueError: The lists differ in length, or a row is no text.
    """
    require_pairs(candidates, sources)
    return np.array([words(y) == words(x) for y, x in zip(candidates, sources, strict=True)], np.float64)


def copy_rate(candidates: Sequence[str], sources: Sequence[str]) -> float:
    """Share of candidates that are `copies` of their source.

    Args:
        candidates: Texts to judge, at least one.
        sources: What they were made from.

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: No candidates, lists of different length, or a row that is no text.
    """
    if not candidates:
        raise ValueError("the copy rate of no candidates is undefined")
    return float(copies(candidates, sources).mean())


def jaccard(candidates: Sequence[str], sources: Sequence[str]) -> Floats:
    """Distinct words that candidate and source share, over the distinct words of both.

    Args:
        candidates: Texts to judge.
        sources: What they were made from.

    Returns:
        One similarity in [0, 1] per candidate; 1 where neither has a word.

    Raises:
        ValueError: The lists differ in length, or a row is no text.
    """
    require_pairs(candidates, sources)
    scores = np.ones(len(candidates))
    for row, (candidate, source) in enumerate(zip(candidates, sources, strict=True)):
        y, x = set(words(candidate)), set(words(source))
        if y or x:
            scores[row] = len(y & x) / len(y | x)
    return scores


def novel_ngrams(candidates: Sequence[str], sources: Sequence[str], n: int) -> Floats:
    """Share of a candidate's word n-grams, repeats counted, that its source does not have.

    Args:
        candidates: Texts to judge.
        sources: What they were made from.
        n: Words of an n-gram, at least 1.

    Returns:
        One share in [0, 1] per candidate; 0 for one of fewer than n words.

    Raises:
        ValueError: The lists differ in length, or a row is no text.
    """
    require_pairs(candidates, sources)
    scores = np.zeros(len(candidates))
    for row, (candidate, source) in enumerate(zip(candidates, sources, strict=True)):
        known = set(ngrams(words(source), n))
        novel = [gram not in known for gram in ngrams(words(candidate), n)]
        if novel:
            scores[row] = sum(novel) / len(novel)
    return scores


def signature(metric: str) -> str:
    """What exactly a metric of this module counts, for tables and cards.

    Args:
        metric: Its name, such as copy rate, Jaccard or novel 2-grams.

    Returns:
        The name, casing and tokens.
    """
    return f"{metric}|against:source|{SIGNATURE}"
