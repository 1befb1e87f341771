"""What ratings say of systems and of raters: means, preferences, agreement, and how many sources would be enough."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from lemonpress.evaluation.agreement import ALL, Judged
from lemonpress.evaluation.ratings import CRITERIA, SCALE, Rating
from lemonpress.metrics.bootstrap import Estimate, mean

Floats = npt.NDArray[np.float64]

DIFFERENCE = 0.1
"""Points between two systems that the power advice is about."""

POWER = 0.8
LEVEL = 0.05


@dataclass(frozen=True)
class SystemMeans:
    """A system's ratings.

    Attributes:
        items: Its texts that are rated.
        ratings: Of them.
        means: By criterion, from 1 to 3, with a bootstrap interval over sources.
        shares: By criterion, of the ratings that are 1, 2 and 3.
    """

    items: int
    ratings: int
    means: Mapping[str, Estimate]
    shares: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Preference:
    """Two systems on the sources for which people rated both.

    Attributes:
        one: A system.
        other: Another.
        wins: Sources for which `one` has the higher mean rating.
        ties: Sources with equal ones; also where both wrote the same.
        losses: Sources for which `other` has it.
        difference: Mean of `one` less that of `other`, with a bootstrap interval over sources.
        deviation: Standard deviation of the difference over sources; NaN of a single one.
        p: Two-sided sign test over wins and losses.
        adjusted: The same by Holm's method, for all pairs of systems on this criterion.
    """

    one: str
    other: str
    wins: int
    ties: int
    losses: int
    difference: Estimate
    deviation: float
    p: float
    adjusted: float


@dataclass(frozen=True)
class Rater:
    """A rater beside the others, and beside themselves.

    Attributes:
        items: Texts rated.
        beside: Agreement with the others on the texts that they rated too; None where there are none.
        repeats: Texts rated once more.
        consistent: Share of equal ratings in these, over all criteria; None without repeats.
    """

    items: int
    beside: Judged | None
    repeats: int
    consistent: float | None


def system_means(ratings: Sequence[Rating]) -> dict[str, SystemMeans]:
    """Means of each system, for each criterion.

    A text's rating is the mean over its raters; texts of one system count alike, however many rated them.
    """
    criteria = CRITERIA[ratings[0].task]
    found = {}
    for system in _systems(ratings):
        own = [one for one in ratings if system in one.systems]
        found[system] = SystemMeans(
            len({one.item for one in own}),
            len(own),
            {name: mean(list(_by_source(own, (name,)).values())) for name in criteria},
            {name: tuple(float(np.mean([one.scores[name] == score for one in own])) for score in SCALE)
             for name in criteria},
        )  # fmt: skip
    return found


def preferences(ratings: Sequence[Rating]) -> dict[str, list[Preference]]:
    """How each two systems compare, source by source: by criterion, and over `ALL` of them."""
    criteria = CRITERIA[ratings[0].task]
    every = {name: (name,) for name in criteria} | {ALL: criteria}
    return {name: _adjusted(list(_pairs(ratings, which))) for name, which in every.items()}


def sources_needed(deviation: float) -> int | None:
    """Sources for telling two systems apart that differ by `DIFFERENCE`.

    Paired differences of that deviation, taken as normal: ``((z(1 - LEVEL / 2) + z(POWER)) deviation / DIFFERENCE)²``.

    Args:
        deviation: Standard deviation of the difference over sources.

    Returns:
        Sources, 2 or more; None where the deviation is unknown or 0, which says nothing of other sources.
    """
    from scipy.stats import norm

    if not deviation > 0:
        return None
    z = float(norm.ppf(1 - LEVEL / 2) + norm.ppf(POWER))
    return max(2, math.ceil((z * deviation / DIFFERENCE) ** 2))


def each_rater(ratings: Sequence[Rating], repeats: Sequence[Rating], beside: Mapping[str, Judged]) -> dict[str, Rater]:
    """Every rater's share and consistency.

    Args:
        ratings: Of texts shown for the first time.
        repeats: Of texts shown once more.
        beside: Of `evaluation.agreement.each_beside_others`.
    """
    first = {(one.rater, one.item): one for one in ratings}
    found: dict[str, Rater] = {}
    for rater in dict.fromkeys(one.rater for one in ratings):
        again = [one for one in repeats if one.rater == rater and (rater, one.item) in first]
        equal = [
            one.scores[name] == first[rater, one.item].scores[name] for one in again for name in CRITERIA[one.task]
        ]
        found[rater] = Rater(
            sum(one.rater == rater for one in ratings),
            beside.get(rater),
            len(again),
            float(np.mean(equal)) if equal else None,
        )
    return found


def _systems(ratings: Sequence[Rating]) -> list[str]:
    return sorted({name for one in ratings for name in one.systems})


def _by_source(ratings: Sequence[Rating], criteria: Sequence[str]) -> dict[str, float]:
    """Mean rating of one system's text for each source, over raters and criteria."""
    scores: dict[str, list[float]] = {}
    for one in ratings:
        scores.setdefault(one.source, []).append(float(np.mean([one.scores[name] for name in criteria])))
    return {source: float(np.mean(values)) for source, values in scores.items()}


def _pairs(ratings: Sequence[Rating], criteria: Sequence[str]) -> Iterator[Preference]:
    from scipy.stats import binomtest

    by_system = {
        system: _by_source([one for one in ratings if system in one.systems], criteria) for system in _systems(ratings)
    }
    for (one, ours), (other, theirs) in combinations(by_system.items(), 2):
        # Means of the same scores in another order may differ in their last bits.
        apart = np.round([ours[source] - theirs[source] for source in ours if source in theirs], 9)
        if not len(apart):
            continue
        wins, losses = int((apart > 0).sum()), int((apart < 0).sum())
        p = float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
        deviation = float(apart.std(ddof=1)) if len(apart) > 1 else math.nan
        yield Preference(one, other, wins, len(apart) - wins - losses, losses, mean(apart), deviation, p, p)


def _adjusted(pairs: Sequence[Preference]) -> list[Preference]:
    """The same with Holm's p-values: no p is smaller than one that it follows."""
    adjusted = [0.0] * len(pairs)
    floor = 0.0
    for rank, place in enumerate(sorted(range(len(pairs)), key=lambda place: pairs[place].p)):
        floor = max(floor, min(1.0, (len(pairs) - rank) * pairs[place].p))
        adjusted[place] = floor
    return [replace(pair, adjusted=p) for pair, p in zip(pairs, adjusted, strict=True)]
