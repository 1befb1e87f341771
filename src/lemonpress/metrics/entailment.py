"""Whether candidates keep the meaning of their sources, by a natural-language-inference model."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.encoders import Classifier
from lemonpress.metrics.words import require_pairs, require_same_length

Floats = npt.NDArray[np.float64]

THRESHOLD = 0.75


def entailment(
    candidates: Sequence[str], sources: Sequence[str], classifier: Classifier, label: int
) -> tuple[Floats, Floats]:
    """Probability that the source entails the candidate, and that the candidate entails the source.

    Each distinct ordered pair is asked once. A text entails itself, and a blank candidate is entailed by nothing and
    entails nothing.

    Args:
        candidates: Texts to judge.
        sources: What they were made from.
        classifier: A natural-language-inference model, asked with (premise, hypothesis).
        label: Class index of entailment.

    Returns:
        (p(source ⇒ candidate), p(candidate ⇒ source)), two arrays of one value in [0, 1] per candidate.

    Raises:
        ValueError: The lists differ in length, or a row is no text.
    """
    require_pairs(candidates, sources)
    pairs = list(zip(sources, candidates, strict=True))
    asked = dict.fromkeys(pair for x, y in pairs if y.strip() and x != y for pair in ((x, y), (y, x)))
    known: dict[tuple[str, str], float] = {}
    if asked:
        chances = classifier.probabilities([one for one, _ in asked], [other for _, other in asked])
        known = dict(zip(asked, chances[:, label].tolist(), strict=True))
    itself = [float(bool(y.strip())) for _, y in pairs]  # where the pair was not asked
    forward = [known.get((x, y), alike) for (x, y), alike in zip(pairs, itself, strict=True)]
    backward = [known.get((y, x), alike) for (x, y), alike in zip(pairs, itself, strict=True)]
    return np.array(forward, np.float64), np.array(backward, np.float64)


def entailed(forward: Floats, backward: Floats, threshold: float = THRESHOLD) -> tuple[Floats, Floats]:
    """Which candidates are entailed by their source, and which are entailed and entail it; their means are the rates.

    Args:
        forward: p(source ⇒ candidate) of each candidate (`entailment`).
        backward: p(candidate ⇒ source).
        threshold: From which probability on; 0.75 is the paper's. Probabilities are rounded to 1e-4 before, as the
            critics round them.

    Returns:
        (entailed, entailed both ways), two arrays of 1 or 0 per candidate.

    Raises:
        ValueError: The arrays differ in length.
    """
    require_same_length(forward, backward, "backward probabilities")
    one, other = (np.round(np.asarray(side, np.float64), 4) >= threshold for side in (forward, backward))
    return one.astype(np.float64), (one & other).astype(np.float64)


def entailment_signature(model: str, label: str, threshold: float | None = THRESHOLD) -> str:
    """What exactly `entailment` and `entailed` compute, for tables and cards.

    Args:
        model: Id and commit of the model.
        label: Name of the label.
        threshold: Of the rates; None for the probabilities themselves.
    """
    kept = "probability" if threshold is None else f"min:{threshold:g}"
    return f"entailment|{kept}|label:{label}|model:{model}"
