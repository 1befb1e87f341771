"""ROUGE, equal to the rouge-score package to the last bit."""

import re
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.lcs import Index, lcs_lengths
from lemonpress.metrics.tokens import TokenTable, matches, ngram_table, number_rows, token_table
from lemonpress.metrics.words import require_referenced

Floats = npt.NDArray[np.float64]

_TOKEN = re.compile("[a-z0-9]+")


def tokenize(texts: Sequence[str], stem: bool = False) -> TokenTable:
    """Tokenise texts as rouge-score does: lower-cased runs of a-z and 0-9.

    Args:
        texts: Any Unicode texts; one without such characters has no tokens.
        stem: Cut words of more than three characters to their Porter stem.

    Returns:
        The table that `rouge_l_pairs` reads; text t of the list is sequence t of the table.
    """
    found = [_TOKEN.findall(text.lower()) for text in texts]
    if stem:
        from rouge_score.tokenizers import DefaultTokenizer

        tokenizer = DefaultTokenizer(use_stemmer=True)
        stems = {word: tokenizer.tokenize(word) for word in {word for words in found for word in words}}
        found = [[stem for word in words for stem in stems[word]] for words in found]
    return token_table(found)


def rouge_l_pairs(tokens: TokenTable, i: npt.ArrayLike, j: npt.ArrayLike) -> Floats:
    """ROUGE-L F1 of many pairs of texts of one table.

    F1 is symmetric: (i, j) and (j, i) score the same to the last bit.

    Args:
        tokens: The texts, from `tokenize`.
        i: Index of the first text of each pair, in [0, len(tokens)).
        j: Index of the second text of each pair, as many as `i`.

    Returns:
        One F1 in [0, 1] per pair; 0 where either text has no tokens.

    Raises:
        ValueError: `i` and `j` differ in length.
        IndexError: An index lies outside the table.
    """
    left, right = np.asarray(i, np.int64), np.asarray(j, np.int64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(f"i and j must be flat and of equal length, not of shapes {left.shape} and {right.shape}")
    # The compiled kernel reads memory unchecked.
    if left.size and not 0 <= min(left.min(), right.min()) <= max(left.max(), right.max()) < len(tokens):
        raise IndexError(f"pair indices must lie in [0, {len(tokens)})")
    common = lcs_lengths(tokens.ids, tokens.starts, tokens.vocabulary, left, right)
    lengths = np.maximum(tokens.lengths, 1)
    return _f1(common, lengths[left], lengths[right])


def rouge_l(sources: Sequence[str], targets: Sequence[str]) -> Floats:
    """ROUGE-L F1 without stemming of each source with its target, equal to rouge-score's.

    Args:
        sources: Texts.
        targets: As many texts; the score is symmetric.

    Returns:
        One F1 in [0, 1] per pair; 0 where either text has no tokens.

    Raises:
        ValueError: The lists differ in length.
    """
    if len(sources) != len(targets):
        raise ValueError(f"{len(sources)} sources but {len(targets)} targets")
    pairs = np.arange(len(sources))
    return rouge_l_pairs(tokenize([*sources, *targets]), pairs, pairs + len(sources))


def rouge_multi(
    candidates: Sequence[str], references: Sequence[Sequence[str]], stem: bool = False
) -> dict[str, Floats]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F1 of each candidate against its best reference.

    Args:
        candidates: Texts to judge.
        references: For each candidate at least one reference; each score takes the one that it likes best.
        stem: Compare Porter stems, as evaluations of controlled paraphrasing do (SGCP).

    Returns:
        F1 in [0, 1] per candidate under rouge1, rouge2 and rougeL.

    Raises:
        ValueError: The lists differ in length, a candidate has no reference, or a row is no text.
    """
    require_referenced(candidates, references)
    if not candidates:
        return {kind: np.zeros(0) for kind in ("rouge1", "rouge2", "rougeL")}
    rows = number_rows(candidates, references)
    tokens = tokenize(rows.texts, stem)
    left, right = np.repeat(rows.candidates, np.diff(rows.starts)), rows.references
    scores = {}
    for n in (1, 2):
        grams = ngram_table(tokens, n)
        sizes = np.maximum(grams.lengths, 1)
        scores[f"rouge{n}"] = _f1(matches(grams, left, right, np.arange(len(left) + 1)), sizes[left], sizes[right])
    scores["rougeL"] = rouge_l_pairs(tokens, left, right)
    return {kind: np.maximum.reduceat(values, rows.starts[:-1]) for kind, values in scores.items()}


def _f1(common: Index, left: Index, right: Index) -> Floats:
    """F1 by the very float operations of rouge-score, so that equality with it is exact."""
    precision, recall = common / right, common / left
    total = precision + recall
    score = np.zeros(len(common))
    np.divide(2 * precision * recall, total, out=score, where=total > 0)
    return score


def signature(kind: str = "rougeL", stem: bool = False) -> str:
    """What exactly is computed, for tables and cards.

    Args:
        kind: rouge1, rouge2 or rougeL.
        stem: Whether stems were compared.

    Returns:
        Metric, casing, stemming, tokens and the version of rouge-score it equals.
    """
    return (
        f"{kind}|f1|case:lc|stem:{'porter' if stem else 'no'}|tok:a-z0-9|refs:max|rouge-score:{version('rouge-score')}"
    )
