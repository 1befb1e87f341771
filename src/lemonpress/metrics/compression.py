"""How much shorter a candidate is than its source, and how much of it comes from there."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from lemonpress.metrics.lcs import Ids, Index
from lemonpress.metrics.tokens import number_rows, token_table
from lemonpress.metrics.words import SIGNATURE, require_pairs, words

Floats = npt.NDArray[np.float64]


def compression(candidates: Sequence[str], sources: Sequence[str]) -> Floats:
    """Words of each candidate over words of its source, a word being what stands between white space.

    Args:
        candidates: Summaries.
        sources: What they summarise, none blank.

    Returns:
        One ratio per candidate: 0 for an empty candidate, 1 for one as long as the source.

    Raises:
        ValueError: The lists differ in length, a row is no text, or a source is blank.
    """
    require_pairs(candidates, sources)
    lengths = np.array([len(source.split()) for source in sources], np.float64)
    if not lengths.all():
        raise ValueError(f"source of row {int(lengths.argmin())} is blank")
    return np.array([len(candidate.split()) for candidate in candidates], np.float64) / lengths


def coverage(candidates: Sequence[str], sources: Sequence[str]) -> Floats:
    """Share of a candidate's words, repeats counted, that occur in its source (Grusky et al. 2018, Newsroom).

    Args:
        candidates: Summaries.
        sources: What they summarise.

    Returns:
        One share in [0, 1] per candidate; 0 for one without words.

    Raises:
        ValueError: The lists differ in length, or a row is no text.
    """
    require_pairs(candidates, sources)
    scores = np.zeros(len(candidates))
    for row, (candidate, source) in enumerate(zip(candidates, sources, strict=True)):
        known = set(words(source))
        found = [word in known for word in words(candidate)]
        if found:
            scores[row] = sum(found) / len(found)
    return scores


def density(candidates: Sequence[str], sources: Sequence[str]) -> Floats:
    """Squared lengths of the fragments that a candidate takes from its source, over its words (Grusky et al. 2018).

    Fragments are found greedily, from the candidate's first word to its last: each is the longest run of words from
    there on that the source has, by the paper's procedure, which goes on in the source behind a run that it
    has compared.

    Args:
        candidates: Summaries.
        sources: What they summarise.

    Returns:
        One density per candidate: 0 where no word is the source's, the number of its words for a copy; 0 for one
        without words.

    Raises:
        ValueError: The lists differ in length, or a row is no text.
    """
    require_pairs(candidates, sources)
    rows = number_rows(candidates, [[source] for source in sources])
    tokens = token_table(words(text) for text in rows.texts)
    squares = _squared_fragments(tokens.ids, tokens.starts, rows.candidates, rows.references)
    return squares / np.maximum(tokens.lengths[rows.candidates], 1)


@njit(cache=True, nogil=True)
def _squared_fragments(ids: Ids, starts: Index, candidates: Index, sources: Index) -> Index:
    sums = np.zeros(len(candidates), np.int64)
    for row in range(len(candidates)):
        summary = ids[starts[candidates[row]] : starts[candidates[row] + 1]]
        source = ids[starts[sources[row]] : starts[sources[row] + 1]]
        i = 0
        while i < len(summary):
            longest = j = 0
            while j < len(source):
                size = 0
                while i + size < len(summary) and j + size < len(source) and summary[i + size] == source[j + size]:
                    size += 1
                longest = max(longest, size)
                j += max(size, 1)
            sums[row] += longest**2
            i += max(longest, 1)
    return sums


def compression_signature() -> str:
    """What exactly `compression` counts, for tables and cards."""
    return "compression|against:source|tok:whitespace"


def coverage_signature() -> str:
    """What exactly `coverage` counts, for tables and cards."""
    return f"coverage|against:source|{SIGNATURE}"


def density_signature() -> str:
    """What exactly `density` counts, for tables and cards."""
    return f"density|against:source|fragments:greedy|{SIGNATURE}"
