"""BLEU as the papers count it, corpus BLEU as everybody else does, and iBLEU."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from lemonpress.metrics import bootstrap
from lemonpress.metrics.lcs import Index
from lemonpress.metrics.tokens import Rows, TokenTable, matches, ngram_table, number_rows, token_table
from lemonpress.metrics.words import require_pairs, require_referenced

Floats = npt.NDArray[np.float64]
References = Sequence[Sequence[str]]

_ORDERS = 4


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
        ValueError: The lists differ in length, a candidate has no reference, or a row is no text.
    """
    require_referenced(candidates, references)
    if not candidates:
        return np.zeros(0)
    rows = number_rows(candidates, references)
    counts = _count(token_table(_treebank(text).split() for text in rows.texts), rows)
    sizes = np.maximum(counts.sizes, 1)
    # A candidate without n-grams of an order adds log(1).
    logs = np.log((counts.matched + 1) / (counts.totals + 1)).sum(axis=1)
    scores = 100 * np.exp(logs / np.minimum(sizes, _ORDERS) + np.minimum(0.0, 1 - counts.nearest / sizes))
    return np.where(counts.sizes > 0, scores, 0.0)


def paper_bleu(candidates: Sequence[str], references: References) -> float:
    """Mean of `sentence_bleu`, the BLEU of the paper's tables.

    Args:
        candidates: Texts to judge, at least one.
        references: For each candidate at least one reference.

    Returns:
        BLEU in [0, 100].

    Raises:
        ValueError: No candidates, lists of different length, a candidate without reference, or a row that is no text.
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
        ValueError: The lists differ in length, or a row is no text.
    """
    require_pairs(candidates, sources)
    return sentence_bleu(candidates, [[source] for source in sources])


def corpus_bleu(candidates: Sequence[str], references: References) -> tuple[float, str]:
    """Corpus BLEU by sacreBLEU's defaults: 13a tokens, mixed case, exponential smoothing.

    Args:
        candidates: Texts to judge.
        references: For each candidate at least one reference; their number may vary.

    Returns:
        BLEU in [0, 100] and sacreBLEU's own signature.

    Raises:
        ValueError: No candidates, lists of different length, a candidate without reference, or a row that is no text.
    """
    from sacrebleu.metrics import BLEU

    require_referenced(candidates, references)
    if not candidates:
        raise ValueError("BLEU of no candidates is undefined")
    metric = BLEU()
    score = metric.corpus_score(list(candidates), _streams(references))
    return float(score.score), str(metric.get_signature())


def corpus_bleu_estimate(
    candidates: Sequence[str], references: References, seed: int = 0
) -> tuple[bootstrap.Estimate, str]:
    """`corpus_bleu` with its bootstrap interval: BLEU of resampled sentences' summed counts.

    Args:
        candidates: Texts to judge.
        references: For each candidate at least one reference; their number may vary.
        seed: Seed of the resampling; estimates of equal seed and number of rows can be compared by `bootstrap.paired`.

    Returns:
        The estimate, in [0, 100], and sacreBLEU's own signature.

    Raises:
        ValueError: As for `corpus_bleu`.
    """
    from sacrebleu.metrics import BLEU

    require_referenced(candidates, references)
    if not candidates:
        raise ValueError("BLEU of no candidates is undefined")
    metric = BLEU()
    rows = number_rows(candidates, references)
    counts = _count(token_table(metric.tokenizer(text.rstrip()).split() for text in rows.texts), rows)

    def of(sums: Floats) -> float:
        size, nearest, *found = sums.astype(int).tolist()
        return float(BLEU.compute_bleu(found[:_ORDERS], found[_ORDERS:], size, nearest, smooth_method="exp").score)

    estimate = bootstrap.statistic(
        np.column_stack([counts.sizes, counts.nearest, counts.matched, counts.totals]), of, seed
    )
    # The signature says how many references there are, or that their number varies.
    extremes = [min(references, key=len), max(references, key=len)]
    metric.corpus_score(["", ""], _streams(extremes))
    return estimate, str(metric.get_signature())


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


# Most of the time goes here, and systems are compared on the same sources and references.
@lru_cache(maxsize=1 << 16)
def _treebank(text: str) -> str:
    """Lower-cased Treebank tokens, between spaces."""
    from nltk.tokenize import TreebankWordTokenizer

    return " ".join(TreebankWordTokenizer().tokenize(text.lower()))


@dataclass(frozen=True)
class _Counts:
    """What BLEU is made of, for each row.

    Attributes:
        sizes: Tokens of the candidate; shape (rows,).
        nearest: Tokens of the reference nearest in length, the shorter of two as near; shape (rows,).
        matched: N-grams of the candidate that its references have; shape (rows, 4).
        totals: N-grams of the candidate; shape (rows, 4).
    """

    sizes: Index
    nearest: Index
    matched: Index
    totals: Index


def _count(tokens: TokenTable, rows: Rows) -> _Counts:
    """Counts of at least one row."""
    sizes = tokens.lengths[rows.candidates]
    lengths = tokens.lengths[rows.references]
    # Ordered by how far a length is from the candidate's, then by the length itself.
    base = lengths.max() + 1
    order = np.abs(lengths - np.repeat(sizes, np.diff(rows.starts))) * base + lengths
    orders = range(1, _ORDERS + 1)
    matched = [matches(ngram_table(tokens, n), rows.candidates, rows.references, rows.starts) for n in orders]
    return _Counts(
        sizes,
        np.minimum.reduceat(order, rows.starts[:-1]) % base,
        np.stack(matched, axis=1),
        np.stack([np.maximum(sizes - n + 1, 0) for n in orders], axis=1),
    )


def _streams(references: References) -> list[list[str | None]]:
    """References as sacreBLEU takes them: the first of every row, then the second..., None where a row has no more."""
    return [list(stream) for stream in zip_longest(*references)]


def signature() -> str:
    """What exactly `sentence_bleu`, `paper_bleu` and `self_bleu` compute, for tables and cards."""
    return f"BLEU-4|level:sentence|case:lc|tok:treebank|smooth:add-1, all orders|eff:yes|nltk:{version('nltk')}"


def ibleu_signature(alpha: float = 0.7) -> str:
    """What exactly `ibleu` computes over `sentence_bleu`, for tables and cards."""
    return f"iBLEU|alpha:{alpha:g}|{signature()}"
