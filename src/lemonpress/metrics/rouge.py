"""ROUGE, equal to the rouge-score package to the last bit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.lcs import Ids, Index, lcs_lengths
from lemonpress.metrics.words import require_same_length

Floats = npt.NDArray[np.float64]

_TOKEN = re.compile("[a-z0-9]+")


@dataclass(frozen=True)
class TokenTable:
    """ROUGE tokens of a list of texts as integers.

    Attributes:
        ids: Token ids of all texts, one text after the other.
        starts: Where each text begins in `ids`, with the end of the last one appended; texts + 1 values.
        vocabulary: Number of distinct tokens.
    """

    ids: Ids
    starts: Index
    vocabulary: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> Index:
        """Tokens of each text."""
        return np.diff(self.starts)


def tokenize(texts: Sequence[str]) -> TokenTable:
    """Tokenise texts as rouge-score does without stemming: lower-cased runs of a-z and 0-9.

    Args:
        texts: Any Unicode texts; one without such characters has no tokens.

    Returns:
        The table that `rouge_l_pairs` reads; text t of the list is sequence t of the table.
    """
    vocabulary: dict[str, int] = {}
    ids: list[int] = []
    starts = [0]
    for text in texts:
        ids += [vocabulary.setdefault(token, len(vocabulary)) for token in _TOKEN.findall(text.lower())]
        starts.append(len(ids))
    return TokenTable(np.array(ids, np.int32), np.array(starts, np.int64), len(vocabulary))


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


def rouge_multi(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Floats]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F1 of each candidate against its best reference, from rouge-score itself.

    Args:
        candidates: Texts to judge.
        references: For each candidate at least one reference; each score takes the one that it likes best.

    Returns:
        F1 in [0, 1] per candidate under rouge1, rouge2 and rougeL.

    Raises:
        ValueError: The lists differ in length, or a candidate has no reference.
    """
    from rouge_score.rouge_scorer import RougeScorer

    require_same_length(candidates, references, "reference lists")
    kinds = ["rouge1", "rouge2", "rougeL"]
    scorer = RougeScorer(kinds, use_stemmer=False)
    scores = {kind: np.zeros(len(candidates)) for kind in kinds}
    for row, (candidate, alternatives) in enumerate(zip(candidates, references, strict=True)):
        if not alternatives:
            raise ValueError(f"row {row} has no reference")
        best = scorer.score_multi(alternatives, candidate)
        for kind in kinds:
            scores[kind][row] = best[kind].fmeasure
    return scores


def _f1(common: Index, left: Index, right: Index) -> Floats:
    """F1 by the very float operations of rouge-score, so that equality with it is exact."""
    precision, recall = common / right, common / left
    total = precision + recall
    score = np.zeros(len(common))
    np.divide(2 * precision * recall, total, out=score, where=total > 0)
    return score


def signature(kind: str = "rougeL") -> str:
    """What exactly is computed, for tables and cards.

    Args:
        kind: rouge1, rouge2 or rougeL.

    Returns:
        Metric, casing, stemming, tokens and the version of rouge-score it equals.
    """
    return f"{kind}|f1|case:lc|stem:no|tok:a-z0-9|refs:max|rouge-score:{version('rouge-score')}"
