"""Confidence intervals by resampling sentences."""

import numpy as np
import numpy.typing as npt

_DRAWS_AT_ONCE = 1 << 22  # 32 MiB of indices


def interval(
    values: npt.ArrayLike, seed: int, resamples: int = 1000, level: float = 0.95
) -> tuple[float, float, float]:
    """Mean of per-sentence values with its percentile bootstrap interval.

    Equal seeds draw equal sentences for every metric of as many values.

    Args:
        values: One finite value per sentence, at least one.
        seed: Seed of the resampling.
        resamples: Samples drawn with replacement, each as large as `values`.
        level: Share of the resampled means that the interval holds, in (0, 1).

    Returns:
        The mean and the lower and upper ends of the interval.

    Raises:
        ValueError: No values, or one that is not finite.
    """
    sample = np.asarray(values, np.float64)
    if sample.ndim != 1 or not sample.size:
        raise ValueError(f"values must be flat and not empty, not of shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"value of row {int(np.isfinite(sample).argmin())} is not finite")
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, _DRAWS_AT_ONCE // sample.size)
    for start in range(0, resamples, step):
        part = means[start : start + step]
        part[:] = sample[generator.integers(sample.size, size=(len(part), sample.size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(sample.mean()), float(low), float(high)
