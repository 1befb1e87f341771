"""ParaScore: BERTScore against source and references, and a small bonus for distance from the source."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.bertscore import Baseline, References, bert_score, bert_score_signature
from lemonpress.metrics.encoders import TokenEncoder
from lemonpress.metrics.words import require_pairs, require_referenced

Floats = npt.NDArray[np.float64]

WEIGHT = 0.05
_ENOUGH = 0.35


def parascore(
    candidates: Sequence[str],
    sources: Sequence[str],
    references: References | None,
    encoder: TokenEncoder,
    baseline: Baseline | None = None,
) -> Floats:
    """ParaScore (Shen et al. 2022) with the weight of the authors' toolkit.

    max(F1 against the source, F1 against the references) + 0.05 times `divergence`. Where BERTScore is measured
    anyway, the maximum of its two F1 plus `WEIGHT` times `divergence` is the same without encoding again.

    Args:
        candidates: Paraphrases.
        sources: What they paraphrase.
        references: For each candidate at least one reference; None for the reference-free form, F1 against the source
            alone.
        encoder: As for `bert_score`.
        baseline: As for `bert_score`.

    Returns:
        One score per candidate, at most 1.0175.

    Raises:
        ValueError: The lists differ in length, a candidate has no reference, or a row is no text.
    """
    require_pairs(candidates, sources)
    likened: References = [[source] for source in sources]
    if references is not None:
        require_referenced(candidates, references)
        likened = [[source, *alternatives] for source, alternatives in zip(sources, references, strict=True)]
    return bert_score(candidates, likened, encoder, baseline).f1 + WEIGHT * divergence(candidates, sources)


def divergence(candidates: Sequence[str], sources: Sequence[str]) -> Floats:
    """How far the characters of candidates are from those of their sources, as ParaScore rewards it.

    The edit distance of the characters, over the length of the longer text, is d. From d = 0.35 on the value is 0.35;
    below it falls in a straight line to -1 for a copy.

    Args:
        candidates: Paraphrases.
        sources: What they paraphrase.

    Returns:
        One value in [-1, 0.35] per candidate; -1 where both texts are empty.

    Raises:
        ValueError: The lists differ in length, or a row is no text.
    """
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cpdist

    require_pairs(candidates, sources)
    distances = cpdist(candidates, sources, scorer=Levenshtein.normalized_distance, dtype=np.float64)
    return np.where(distances >= _ENOUGH, _ENOUGH, (1 + _ENOUGH) / _ENOUGH * distances - 1)


def parascore_signature(encoder: TokenEncoder, referenced: bool, baseline: Baseline | None = None) -> str:
    """What exactly `parascore` computes, for tables and cards.

    Args:
        encoder: Gives the token vectors.
        referenced: Whether references are compared with, or the sources alone.
        baseline: As for `bert_score`.
    """
    against = "source, references" if referenced else "source"
    return (
        f"ParaScore|against:{against}|weight:{WEIGHT:g}|distance:characters/longer, enough at {_ENOUGH:g}"
        f"|{bert_score_signature(encoder, baseline)}"
    )
