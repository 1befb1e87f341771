"""How much shorter a candidate is than its source, and how much of it comes from there."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.words import SIGNATURE, require_same_length, words

Floats = npt.NDArray[np.float64]


def compression(candidates: Sequence[str], sources: Sequence[str]) -> Floats:
    """Words of each candidate over words of its source, a word being what stands between white space.

    Args:
        candidates: Summaries.
        sources: What they summarise, none blank.

    Returns:
        One ratio per candidate: 0 for an empty candidate, 1 for one as long as the source.

    Raises:
        ValueError: The lists differ in length, or a source is blank.
    """
    require_same_length(candidates, sources, "sources")
    lengths = np.array([len(source.split()) for source in sources], np.float64)
    if not lengths.all():
        raise ValueError(f"source of row {int(lengths.argmin())} is blank")
    return np.array([len(candidate.split()) for candidate in candidates], np.float64) / lengths


def coverage(candidates: Sequence[str], sources: Sequence[str]) -> Floats:
    """Share of a candidate's words, repeats counted, that occur in its source.

    Args:
        candidates: Summaries.
        sources: What they summarise.

    Returns:
        One share in [0, 1] per candidate; 0 for one without words.

    Raises:
        ValueError: The lists differ in length.
    """
    require_same_length(candidates, sources, "sources")
    scores = np.zeros(len(candidates))
    for row, (candidate, source) in enumerate(zip(candidates, sources, strict=True)):
        known = set(words(source))
        found = [word in known for word in words(candidate)]
        if found:
            scores[row] = sum(found) / len(found)
    return scores


def compression_signature() -> str:
    """What exactly `compression` counts, for tables and cards."""
    return "compression|against:source|tok:whitespace"


def coverage_signature() -> str:
    """What exactly `coverage` counts, for tables and cards."""
    return f"coverage|against:source|{SIGNATURE}"
