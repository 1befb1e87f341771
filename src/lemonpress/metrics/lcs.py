"""Longest common subsequence lengths of many pairs of token sequences, compiled and exact."""

from typing import cast

import numpy as np
import numpy.typing as npt
from numba import njit

Ids = npt.NDArray[np.int32]
Index = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def _lengths(ids: Ids, starts: Index, vocabulary: int, left: Index, right: Index, order: Index) -> Index:
    """Hyyro's bit-parallel recurrence, one bit per token of the left sequence."""
    lengths = np.zeros(len(left), np.int64)
    rows = np.zeros(vocabulary, np.int64)  # token -> row of `masks`; row 0 stays empty
    masks = np.zeros((1, 1), np.uint64)
    state = np.zeros(1, np.uint64)
    one, full = np.uint64(1), ~np.uint64(0)
    loaded, words = -1, 0
    for pair in order:
        if left[pair] != loaded:
            if loaded >= 0:
                for p in range(starts[loaded], starts[loaded + 1]):
                    rows[ids[p]] = 0
            loaded = left[pair]
            size = starts[loaded + 1] - starts[loaded]
            words = (size + 63) // 64
            masks = np.zeros((size + 1, words), np.uint64)
            state = np.zeros(words, np.uint64)
            used = 0
            for position in range(size):
                token = ids[starts[loaded] + position]
                if rows[token] == 0:
                    used += 1
                    rows[token] = used
                masks[rows[token], position // 64] |= one << np.uint64(position % 64)
        state[:] = full
        for p in range(starts[right[pair]], starts[right[pair] + 1]):
            row = rows[ids[p]]
            if row == 0:
                continue
            carry = np.uint64(0)
            for w in range(words):
                match = state[w] & masks[row, w]
                partial = state[w] + match
                total = partial + carry
                carry = one if partial < match or total < carry else np.uint64(0)
                state[w] = total | (state[w] - match)
        # Each cleared bit is one element of the subsequence; bits past the sequence are never cleared.
        for w in range(words):
            cleared = ~state[w]
            while cleared:
                cleared &= cleared - one
                lengths[pair] += 1
    return lengths


def lcs_lengths(ids: Ids, starts: Index, vocabulary: int, left: Index, right: Index) -> Index:
    """Length of the longest common subsequence of each pair (left[p], right[p]).

    Args:
        ids: Token ids of all sequences, one after the other, each in [0, vocabulary).
        starts: Where each sequence begins in `ids`, with the end of the last one appended; sequences + 1 values.
        vocabulary: Number of distinct token ids.
        left: Sequence numbers in [0, sequences), one per pair.
        right: Sequence numbers in [0, sequences), one per pair.

    Returns:
        One length in tokens per pair.
    """
    # Pairs of one left sequence run together, so that its match masks are built once.
    order = np.argsort(left, kind="stable")
    return cast(Index, _lengths(ids, starts, vocabulary, left, right, order))
