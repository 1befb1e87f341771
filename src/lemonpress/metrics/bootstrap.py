"""Confidence intervals and paired tests by resampling sentences."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint16]

RESAMPLES = 1000
LEVEL = 0.95

COUNTS_AT_ONCE = 1 << 22
"""Counts of resamples that are held as floats at a time: 32 MiB."""


@dataclass(frozen=True)
class Estimate:
    """A figure of some sentences, and what resampling them makes of it.

    Attributes:
        value: Of the sentences themselves.
        low: Lower end of its interval.
        high: Upper end.
        resampled: The figure of each resample, shape (resamples,); those of equal seed and number of sentences are of
            the same sentences, so that two systems can be compared pair by pair (`paired`).
    """

    value: float
    low: float
    high: float
    resampled: Floats


@lru_cache(maxsize=2)
def draws(n: int, seed: int = 0, resamples: int = RESAMPLES) -> Counts:
    """How often each of `n` sentences is drawn into each resample; equal arguments give equal draws.

    Returns:
        Counts of shape (resamples, n), read-only; each row sums to n.
    """
    generator = np.random.default_rng(seed)
    counts = np.empty((resamples, n), np.uint16)
    for row in counts:
        row[:] = np.bincount(generator.integers(n, size=n), minlength=n)
    counts.flags.writeable = False
    return counts


def mean(values: npt.ArrayLike, seed: int = 0, resamples: int = RESAMPLES, level: float = LEVEL) -> Estimate:
    """Mean of per-sentence values with its percentile bootstrap interval.

    Args:
        values: One value per sentence; NaN where a sentence has none, and at least one that is finite.
        seed: Seed of the resampling.
        resamples: Samples drawn with replacement, each as large as `values`.
        level: Share of the resampled means that the interval holds, in (0, 1).

    Raises:
        ValueError: No values, or an infinite one.
    """
    sample = np.asarray(values, np.float64)
    if sample.ndim != 1 or not sample.size:
        raise ValueError(f"values must be flat and not empty, not of shape {sample.shape}")
    if np.isinf(sample).any():
        raise ValueError(f"value of row {int(np.isinf(sample).argmax())} is not finite")
    known = ~np.isnan(sample)
    if not known.any():
        raise ValueError("no row has a value")
    sums = _weighted(draws(len(sample), seed, resamples), np.stack([np.where(known, sample, 0.0), known], axis=1))
    with np.errstate(invalid="ignore"):
        means = sums[:, 0] / sums[:, 1]
    return _estimate(float(sample[known].mean()), means, level)


def statistic(
    counts: npt.ArrayLike, of: Callable[[Floats], float], seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """A figure that is computed of sums over sentences, such as corpus BLEU, with its bootstrap interval.

    Args:
        counts: What each sentence adds to the sums, shape (sentences, sums).
        of: The figure of some sums.
        seed: Seed of the resampling.
        resamples: As for `mean`.
    """
    table = np.asarray(counts, np.float64)
    sums = _weighted(draws(len(table), seed, resamples), table)
    return _estimate(of(table.sum(axis=0)), np.array([of(row) for row in sums]), LEVEL)


@dataclass(frozen=True)
class Paired:
    """How one system differs from another on the same sentences.

    Attributes:
        difference: Of the figures themselves.
        low: Lower end of the difference's interval.
        high: Upper end.
        p: Two-sided p-value of no difference (paired bootstrap, Koehn 2004): twice the share of resamples on the less
            frequent side of zero, counting the sample itself, so never 0.
    """

    difference: float
    low: float
    high: float
    p: float


def paired(one: Estimate, other: Estimate, level: float = LEVEL) -> Paired:
    """Compare two systems' figures of the same sentences, resample by resample.

    Args:
        one: Of the system in question.
        other: Of the system that it is compared with.
        level: As for `mean`.

    Raises:
        ValueError: The figures were resampled differently.
    """
    if one.resampled.shape != other.resampled.shape:
        raise ValueError(f"{len(one.resampled)} resamples cannot be paired with {len(other.resampled)}")
    both = _estimate(one.value - other.value, one.resampled - other.resampled, level)
    apart = both.resampled[~np.isnan(both.resampled)]
    rarer = min(int((apart <= 0).sum()), int((apart >= 0).sum()))
    return Paired(both.value, both.low, both.high, min(1.0, 2 * (rarer + 1) / (len(apart) + 1)))


def interval(
    values: npt.ArrayLike, seed: int, resamples: int = RESAMPLES, level: float = LEVEL
) -> tuple[float, float, float]:
    """`mean` of finite values, as (mean, low, high).

    Raises:
        ValueError: No values, or one that is not finite.
    """
    sample = np.asarray(values, np.float64)
    if np.isnan(sample).any():
        raise ValueError(f"value of row {int(np.isnan(sample).argmax())} is not finite")
    found = mean(sample, seed, resamples, level)
    return found.value, found.low, found.high


def _weighted(counts: Counts, table: Floats) -> Floats:
    """Sums over the sentences of each resample, shape (resamples, columns)."""
    step = max(1, COUNTS_AT_ONCE // max(1, counts.shape[1]))
    parts = [counts[start : start + step].astype(np.float64) @ table for start in range(0, len(counts), step)]
    return np.concatenate(parts)


def ends(resampled: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Ends of the percentile interval of a figure's resamples; those without a figure (NaN) do not count."""
    low, high = np.nanquantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _estimate(value: float, resampled: Floats, level: float) -> Estimate:
    return Estimate(value, *ends(resampled, level), resampled)
