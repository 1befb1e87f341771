"""How far meaning drifts when a system rewrites its own output again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.diversity import copy_rate
from lemonpress.metrics.words import require_texts

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Round:
    """One round of rewriting.

    Attributes:
        texts: What the system wrote of the previous round's texts.
        to_source: Similarity of each text to the original, one per source.
        to_previous: Similarity of each text to the one that it was made from.
        unchanged: Share of texts that are copies of the one that they were made from (`diversity.copy_rate`).
    """

    texts: list[str]
    to_source: Floats
    to_previous: Floats
    unchanged: float


def drift(
    rewrite: Callable[[Sequence[str]], Sequence[str]],
    sources: Sequence[str],
    rounds: int,
    similarity: Callable[[Sequence[str], Sequence[str]], Floats],
) -> list[Round]:
    """Rewrite texts, then what was written of them, and so on, and measure how far each round is from the start.

    Args:
        rewrite: The system: one text for each text.
        sources: Texts to begin with, at least one.
        rounds: Times that the system rewrites, at least 1.
        similarity: Of candidates and sources, one value a row, such as `bleu.self_bleu` or a cosine of embeddings.

    Returns:
        The rounds, first to last.

    Raises:
        ValueError: No sources, no rounds, a row that is no text, or a system that leaves out texts.
    """
    require_texts(sources, "source")
    if not sources:
        raise ValueError("the drift of no sources is undefined")
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; drift takes at least one")
    found: list[Round] = []
    previous = list(sources)
    for number in range(1, rounds + 1):
        texts = list(rewrite(previous))
        require_texts(texts, f"round {number}: text")
        if len(texts) != len(sources):
            raise ValueError(f"round {number}: the system wrote {len(texts)} texts for {len(sources)}")
        found.append(Round(texts, similarity(texts, sources), similarity(texts, previous), copy_rate(texts, previous)))
        previous = texts
    return found


def drift_signature(rounds: int, similarity: str) -> str:
    """What exactly `drift` computes, for tables and cards.

    Args:
        rounds: Times that the system rewrote.
        similarity: Signature of the similarity.
    """
    return f"drift|rounds:{rounds}|similarity:({similarity})"
