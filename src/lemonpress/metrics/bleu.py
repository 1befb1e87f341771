"""BLEU as the papers count it, corpus BLEU as everybody else does, and iBLEU."""

import math
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.words import ngrams, require_same_length

Floats = npt.NDArray[np.float64]
References = Sequence[Sequence[str]]

_ORDERS = (1, 2, 3, 4)


def sentence_bleu(candidates: Sequence[str], references: References) -> Floats:
    """BLEU-4 of each candidate: lower-cased Treebank tokens, one added to every n-gram count, unigrams too.

    The brevity penalty takes the reference nearest in length (the shorter of two as near). A candidate of fewer than
    four tokens is judged on the orders that it has, so that an exact copy scores 100 and a stranger does not gain
    from orders that are not there.

    Args:
        candidates: Texts to judge.
        references: For each candidate at least one reference.

    Returns:
        One BLEU in [0, 100] per candidate; 0 for one without tokens.

    Raises:
        ValueError: The lists differ in length, or a candidate has no reference.
    """
    from nltk.tokenize import TreebankWordTokenizer

    require_same_length(candidates, references, "reference lists")
    tokenizer = TreebankWordTokenizer()
    scores = np.zeros(len(candidates))
    for row, (candidate, alternatives) in enumerate(zip(candidates, references, strict=True)):
        if not alternatives:
            raise ValueError(f"row {row} has no reference")
        scores[row] = _bleu(
            tokenizer.tokenize(candidate.lower()),
            [tokenizer.tokenize(reference.lower()) for reference in alternatives],
        )
    return scores


def _bleu(candidate: list[str], references: list[list[str]]) -> float:
    size = len(candidate)
    if not size:
        return 0.0
    orders = [n for n in _ORDERS if n <= size]
    logs = 0.0
    for n in orders:
        allowed: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            allowed |= Counter(ngrams(reference, n))
        matched = sum((Counter(ngrams(candidate, n)) & allowed).values())
        logs += math.log((matched + 1) / (size - n + 2))
    nearest = min((len(reference) for reference in references), key=lambda length: (abs(length - size), length))
    return 100 * math.exp(logs / len(orders) + min(0.0, 1 - nearest / size))


def paper_bleu(candidates: Sequence[str], references: References) -> float:
    """Mean of `sentence_bleu`, the BLEU of the paper's tables.

    Args:
        candidates: Texts to judge, at least one.
        references: For each candidate at least one reference.

    Returns:
        BLEU in [0, 100].

    Raises:
        ValueError: No candidates, lists of different length, or a candidate without reference.
    """
    if not candidates:
        raise ValueError("BLEU of no candidates is undefined")
    return float(sentence_bleu(candidates, references).mean())


def self_bleu(candidates: Sequence[str], sources: Sequence[str]) -> Floats:
    """`sentence_bleu` of each candidate against its own source: 100 for a copy, lower is more diverse.

    Args:
        candidates: Paraphrases.
        sources: What they paraphrase.

    Returns:
        One BLEU in [0, 100] per candidate.

    Raises:
        ValueError: The lists differ in length.
    """
    return sentence_bleu(candidates, [[source] for source in sources])


def corpus_bleu(candidates: Sequence[str], references: References) -> tuple[float, str]:
    """Corpus BLEU by sacreBLEU's defaults: 13a tokens, mixed case, exponential smoothing.

    Args:
        candidates: Texts to judge.
        references: For each candidate at least one reference; their number may vary.

    Returns:
        BLEU in [0, 100] and sacreBLEU's own signature.

    Raises:
        ValueError: No candidates, lists of different length, or a candidate without reference.
    """
    from sacrebleu.metrics import BLEU

    require_same_length(candidates, references, "reference lists")
    if not candidates:
        raise ValueError("BLEU of no candidates is undefined")
    if not all(references):
        raise ValueError(f"row {[bool(alternatives) for alternatives in references].index(False)} has no reference")
    streams = max(len(alternatives) for alternatives in references)
    padded = [
        [alternatives[k] if k < len(alternatives) else None for alternatives in references] for k in range(streams)
    ]
    metric = BLEU()
    score = metric.corpus_score(list(candidates), padded)
    return float(score.score), str(metric.get_signature())


def ibleu(bleu_ref: Floats, bleu_src: Floats, alpha: float = 0.7) -> Floats:
    """iBLEU (Sun and Zhou 2012): likeness to the reference less likeness to the source.

    Args:
        bleu_ref: BLEU of the candidates against their references, in [0, 100].
        bleu_src: BLEU of the same candidates against their sources, in [0, 100].
        alpha: Weight of the reference in [0, 1]; 0.7 is the paper's.

    Returns:
        alpha * bleu_ref - (1 - alpha) * bleu_src, in [-100 * (1 - alpha), 100 * alpha].
    """
    return alpha * bleu_ref - (1 - alpha) * bleu_src


def signature() -> str:
    """What exactly `sentence_bleu`, `paper_bleu` and `self_bleu` compute, for tables and cards."""
    return f"BLEU-4|level:sentence|case:lc|tok:treebank|smooth:add-1, all orders|eff:yes|nltk:{version('nltk')}"


def ibleu_signature(alpha: float = 0.7) -> str:
    """What exactly `ibleu` computes over `sentence_bleu`, for tables and cards."""
    return f"iBLEU|alpha:{alpha:g}|{signature()}"
