"""Batches of token sequences for encoders and classifiers: sorted by length, filled up to a number of tokens."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

BAR_FROM = 2000
"""Texts or pairs from which on a progress bar is worth its lines; fewer are done in a moment."""

_CPU_TOKENS = 2048  # of a batch: small ones stay in the cache
_GPU_TOKENS = 65536


def batch_tokens(device: str) -> int:
    """Most tokens of a batch on a device."""
    return _GPU_TOKENS if device.startswith("cuda") else _CPU_TOKENS


def batches_by_length(lengths: npt.NDArray[np.int64], most_tokens: int) -> Iterator[npt.NDArray[np.intp]]:
    """Batches of rows, longest first; their composition depends on the lengths alone.

    Args:
        lengths: Tokens of each row, shape (rows,).
        most_tokens: Of a batch, by its longest row; a longer row is a batch of its own.

    Yields:
        Row numbers; every row is in one batch.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, most_tokens // max(1, int(lengths[order[start]])))
        yield order[start : start + size]
        start += size


def longest_input(config: Any, tokenizer: Any) -> int:
    """Most tokens of an input. Where the tokenizer names no limit, two positions are left to RoBERTa's padding.

    Args:
        config: The model's configuration; without a number of positions it is taken to have 512.
        tokenizer: The model's tokenizer.
    """
    positions = int(getattr(config, "max_position_embeddings", 512))
    named = int(tokenizer.model_max_length)
    return named if named <= positions else positions - 2
