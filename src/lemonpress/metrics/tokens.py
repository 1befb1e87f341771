"""Texts as integers, for metrics that count tokens and n-grams of many texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numba import njit

from lemonpress.metrics.lcs import Ids, Index


@dataclass(frozen=True)
class TokenTable:
    """Tokens of a list of texts as integers.

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


def token_table(texts: Iterable[Sequence[str]]) -> TokenTable:
    """Number the tokens of texts.

    Args:
        texts: The tokens of each text, in order.

    Returns:
        A table whose sequence t is text t.
    """
    vocabulary: dict[str, int] = {}
    ids: list[int] = []
    starts = [0]
    for tokens in texts:
        ids += [vocabulary.setdefault(token, len(vocabulary)) for token in tokens]
        starts.append(len(ids))
    return TokenTable(np.array(ids, np.int32), np.array(starts, np.int64), len(vocabulary))


def ngram_table(tokens: TokenTable, n: int) -> TokenTable:
    """The n-grams of each text, numbered like tokens; none crosses from one text to the next.

    Args:
        tokens: The texts.
        n: Tokens of an n-gram, at least 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; an n-gram has at least one token")
    if n == 1:
        return tokens
    ends = np.repeat(tokens.starts[1:], tokens.lengths)
    places = np.flatnonzero(np.arange(len(tokens.ids)) + n <= ends)
    grams = tokens.ids[places].astype(np.int64)
    for k in range(1, n):
        # Renumbered at every step, so that the products stay far below 64 bits.
        _, grams = np.unique(grams * tokens.vocabulary + tokens.ids[places + k], return_inverse=True)
    starts = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum(np.maximum(tokens.lengths - n + 1, 0), out=starts[1:])
    return TokenTable(grams.astype(np.int32), starts, int(grams.max(initial=-1)) + 1)


@dataclass(frozen=True)
class Rows:
    """Candidates and their references as numbers of distinct texts.

    Attributes:
        texts: Each text once.
        candidates: Number of each row's candidate; shape (rows,).
        references: Numbers of the references, row after row; shape (references,).
        starts: Where each row's references begin, with the end of the last one appended; rows + 1 values.
    """

    texts: list[str]
    candidates: Index
    references: Index
    starts: Index


def number_rows(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> Rows:
    """Number the distinct texts of candidates and references, so that each is tokenised once.

    Args:
        candidates: One text a row.
        references: The texts that each candidate is compared with, as many lists as candidates.
    """
    numbers: dict[str, int] = {}
    left = [numbers.setdefault(text, len(numbers)) for text in candidates]
    right = [numbers.setdefault(text, len(numbers)) for alternatives in references for text in alternatives]
    starts = np.zeros(len(references) + 1, np.int64)
    np.cumsum([len(alternatives) for alternatives in references], out=starts[1:])
    return Rows(list(numbers), np.array(left, np.int64), np.array(right, np.int64), starts)


def matches(tokens: TokenTable, candidates: Index, references: Index, starts: Index) -> Index:
    """Tokens of each candidate that its references have too, each at most as often as the reference that has most.

    Args:
        tokens: The texts; a table of n-grams gives matching n-grams.
        candidates: Numbers of texts in [0, len(tokens)), one a row.
        references: Numbers of texts in [0, len(tokens)), row after row.
        starts: Where each row's references begin, with the end of the last one appended; rows + 1 values.

    Returns:
        One count a row.
    """
    return cast(Index, _matches(tokens.ids, tokens.starts, tokens.vocabulary, candidates, references, starts))


@njit(cache=True, nogil=True)
def _matches(ids: Ids, starts: Index, vocabulary: int, candidates: Index, references: Index, rows: Index) -> Index:
    found = np.zeros(len(candidates), np.int64)
    allowed = np.zeros(vocabulary, np.int64)
    here = np.zeros(vocabulary, np.int64)
    for row in range(len(candidates)):
        for reference in references[rows[row] : rows[row + 1]]:
            own = ids[starts[reference] : starts[reference + 1]]
            for token in own:
                here[token] += 1
                allowed[token] = max(allowed[token], here[token])
            for token in own:
                here[token] = 0
        for token in ids[starts[candidates[row]] : starts[candidates[row] + 1]]:
            if allowed[token] > 0:
                allowed[token] -= 1
                found[row] += 1
        for reference in references[rows[row] : rows[row + 1]]:
            for token in ids[starts[reference] : starts[reference + 1]]:
                allowed[token] = 0
    return found
