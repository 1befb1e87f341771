"""How far raters agree."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal

import numpy as np
import numpy.typing as npt

from lemonpress.metrics import bootstrap

Level = Literal["nominal", "ordinal", "interval", "ratio"]


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | None]],
    level: Level = "ordinal",
    seed: int = 0,
    resamples: int = bootstrap.RESAMPLES,
) -> bootstrap.Estimate:
    """Krippendorff's alpha with its bootstrap interval over units, by the krippendorff package.

    1 is perfect agreement, 0 what chance gives, and below it raters disagree more than by chance.

    Args:
        ratings: For each unit what each rater said, raters in the same order; None or NaN where one said nothing.
        level: What differences between ratings mean: nominal, ordinal, interval or ratio.
        seed: Seed of the resampling.
        resamples: Samples of units drawn with replacement.

    Returns:
        Alpha and its percentile interval. All NaN where all raters gave the same rating to all units: alpha compares
        with what chance would give, and of one value chance gives nothing else. NaN also in the resamples that are so.

    Raises:
        ValueError: Units with different numbers of raters, a rating that is no finite number, or no unit with two
            ratings.
    """
    from krippendorff import alpha

    if not len(ratings):
        raise ValueError("alpha of no units is undefined")
    table = np.array([_row(unit, row, len(ratings[0])) for row, unit in enumerate(ratings)])
    # Units that no two raters rated are not counted.
    table = table[(~np.isnan(table)).sum(axis=1) > 1]
    if not len(table):
        raise ValueError("no unit has the ratings of two raters; alpha compares raters of the same unit")
    domain = np.unique(table[~np.isnan(table)])
    if len(domain) == 1:
        return bootstrap.Estimate(np.nan, np.nan, np.nan, np.full(resamples, np.nan))
    counts = (table[:, :, None] == domain).sum(axis=1)

    def of(units: npt.NDArray[np.int64]) -> float:
        return float(alpha(value_counts=units, value_domain=domain, level_of_measurement=level))

    drawn = bootstrap.draws(len(counts), seed, resamples)
    with np.errstate(invalid="ignore"):
        resampled = np.array([of(np.repeat(counts, times, axis=0)) for times in drawn])
    low, high = np.nanquantile(resampled, [(1 - bootstrap.LEVEL) / 2, (1 + bootstrap.LEVEL) / 2])
    return bootstrap.Estimate(of(counts), float(low), float(high), resampled)


def _row(unit: Sequence[float | None], row: int, raters: int) -> npt.NDArray[np.float64]:
    if len(unit) != raters:
        raise ValueError(f"unit {row} has {len(unit)} ratings but unit 0 has {raters}; give None for a missing one")
    try:
        found = np.array(unit, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"unit {row} has a rating that is no number: {list(unit)!r:.60}") from None
    if np.isinf(found).any():
        raise ValueError(f"unit {row} has a rating that is not finite")
    return found


def krippendorff_signature(level: Level = "ordinal") -> str:
    """What exactly `krippendorff_alpha` computes, for tables and cards."""
    return f"Krippendorff's alpha|level:{level}|krippendorff:{version('krippendorff')}"
