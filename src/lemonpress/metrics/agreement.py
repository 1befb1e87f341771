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
    groups: Sequence[int] | None = None,
) -> bootstrap.Estimate:
    """Krippendorff's alpha with its bootstrap interval over units, by the krippendorff package.

    1 is perfect agreement, 0 what chance gives, and below it raters disagree more than by chance.

    Args:
        ratings: For each unit what each rater said, raters in the same order; None or NaN where one said nothing.
        level: What differences between ratings mean: nominal, ordinal, interval or ratio.
        seed: Seed of the resampling.
        resamples: Samples of units drawn with replacement.
        groups: Of each unit the number of its group; units of a group, such as the criteria of one text, are drawn
            together. None draws each unit alone.

    Returns:
        Alpha and its percentile interval. All NaN where all raters gave the same rating to all units: alpha compares
        with what chance would give, and of one value chance gives nothing else. NaN also in the resamples that are so.

    Raises:
        ValueError: Units with different numbers of raters, other units than groups, a rating that is no finite number,
            or no unit with two ratings.
    """
    from krippendorff import alpha

    if not len(ratings):
        raise ValueError("alpha of no units is undefined")
    table = np.array([_row(unit, row, len(ratings[0])) for row, unit in enumerate(ratings)])
    together = np.arange(len(table)) if groups is None else np.array(groups)
    if len(together) != len(table):
        raise ValueError(f"{len(table)} units but {len(together)} groups; give the group of each unit")
    # Units that no two raters rated are not counted.
    counted = (~np.isnan(table)).sum(axis=1) > 1
    table = table[counted]
    if not len(table):
        raise ValueError("no unit has the ratings of two raters; alpha compares raters of the same unit")
    domain = np.unique(table[~np.isnan(table)])
    if len(domain) == 1:
        return bootstrap.Estimate(np.nan, np.nan, np.nan, np.full(resamples, np.nan))
    counts = (table[:, :, None] == domain).sum(axis=1)

    def of(units: npt.NDArray[np.int64]) -> float:
        return float(alpha(value_counts=units, value_domain=domain, level_of_measurement=level))

    known, group = np.unique(together[counted], return_inverse=True)
    drawn = bootstrap.draws(len(known), seed, resamples)
    with np.errstate(invalid="ignore"):
        resampled = np.array([of(np.repeat(counts, times[group], axis=0)) for times in drawn])
    return bootstrap.Estimate(of(counts), *bootstrap.ends(resampled), resampled)


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
