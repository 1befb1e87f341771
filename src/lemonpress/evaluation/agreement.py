"""How far raters agree: people with each other, and models with people."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lemonpress.evaluation.ratings import CRITERIA, Kind, Rating
from lemonpress.markdown import literal, table
from lemonpress.metrics.agreement import krippendorff_alpha, krippendorff_signature
from lemonpress.metrics.bootstrap import Estimate, mean, statistic

Floats = npt.NDArray[np.float64]

ALL = "all"
"""The criteria taken together."""

_ByRater = Mapping[str, Mapping[str, Rating]]


@dataclass(frozen=True)
class Humans:
    """How far people agree with each other on one criterion.

    Attributes:
        items: Rated by two or more of them.
        ratings: Of these items.
        alpha: Krippendorff's, ordinal, with a bootstrap interval over items; None where it is undefined: no item has
            two ratings, or all ratings are equal.
    """

    items: int
    ratings: int
    alpha: Estimate | None


@dataclass(frozen=True)
class Judged:
    """How far a model agrees with people on one criterion, over the items that both have rated.

    Attributes:
        items: How many these are.
        exact: Share of ratings within half a point of the people's mean, with a bootstrap interval over items; beside
            one person this is the share of equal ratings.
        spearman: Rank correlation with the people's mean, with a bootstrap interval over items; None where one of the
            two does not vary.
        humans: Alpha of the people on these items, as in `Humans`.
        alpha: The same with the model as one more rater.
    """

    items: int
    exact: Estimate
    spearman: Estimate | None
    humans: Estimate | None
    alpha: Estimate | None


@dataclass(frozen=True)
class Agreement:
    """Who agrees with whom.

    Attributes:
        raters: Kind of each, and the items that it has rated.
        humans: By criterion, and over `ALL` of them.
        judges: The same for each model that shares an item with a person.
    """

    raters: dict[str, tuple[Kind, int]]
    humans: dict[str, Humans]
    judges: dict[str, dict[str, Judged]]


def agreement(ratings: Sequence[Rating]) -> Agreement:
    """How far human raters agree, and each model with them.

    Args:
        ratings: Of one task, one or more, each rater's at most once for an item (`read_ratings` sees to it).
    """
    by_rater: dict[str, dict[str, Rating]] = {}
    for one in ratings:
        by_rater.setdefault(one.rater, {})[one.item] = one
    kinds = {one.rater: one.kind for one in ratings}
    people = [rater for rater, kind in kinds.items() if kind == "human"]
    items = list(dict.fromkeys(one.item for one in ratings if one.kind == "human"))
    criteria = {name: (name,) for name in CRITERIA[ratings[0].task]} | {ALL: CRITERIA[ratings[0].task]}
    judges = {}
    for judge in (rater for rater, kind in kinds.items() if kind == "model"):
        shared = [item for item in items if item in by_rater[judge]]
        if shared:
            judges[judge] = {name: _judged(by_rater, people, judge, shared, which) for name, which in criteria.items()}
    return Agreement(
        {rater: (kinds[rater], len(rated)) for rater, rated in by_rater.items()},
        {name: _humans(by_rater, people, items, which) for name, which in criteria.items()},
        judges,
    )


def each_beside_others(ratings: Sequence[Rating]) -> dict[str, Judged]:
    """Each person as a judge beside the other people, over all criteria; without those who share no item with others.

    Args:
        ratings: As for `agreement`.
    """
    by_rater: dict[str, dict[str, Rating]] = {}
    for one in ratings:
        if one.kind == "human":
            by_rater.setdefault(one.rater, {})[one.item] = one
    found = {}
    for rater, rated in by_rater.items():
        others = [other for other in by_rater if other != rater]
        shared = [item for item in rated if any(item in by_rater[other] for other in others)]
        if shared:
            found[rater] = _judged(by_rater, others, rater, shared, CRITERIA[ratings[0].task])
    return found


def report(found: Agreement) -> str:
    """Agreement as Markdown that ends with a newline: the people's alpha, then each model beside them."""
    kinds = [kind for kind, _ in found.raters.values()]
    lines = [f"Human raters: {kinds.count('human')}; models: {kinds.count('model')}.", ""]
    rows = [["Criterion", "items", "ratings", "alpha"]]
    rows += [[name, f"{one.items:,}", f"{one.ratings:,}", _cell(one.alpha)] for name, one in found.humans.items()]
    lines += table(rows)
    for judge, judged in found.judges.items():
        rows = [["Criterion", "items", "exact", "Spearman", "alpha of humans", "alpha with the judge"]]
        rows += [
            [name, f"{one.items:,}", *map(_cell, (one.exact, one.spearman, one.humans, one.alpha))]
            for name, one in judged.items()
        ]
        lines += ["", f"{literal(judge)}, on the items that people have rated too:", "", *table(rows)]
    lines += [
        "",
        f"alpha: `{krippendorff_signature()}`. exact: within half a point of the mean human rating. "
        "Brackets: 95 % bootstrap intervals.",
    ]
    return "\n".join(lines) + "\n"


def figures(found: Agreement) -> dict[str, Any]:
    """Agreement as JSON holds it; null where a figure is undefined."""
    return {
        "raters": {rater: {"kind": kind, "items": items} for rater, (kind, items) in found.raters.items()},
        "humans": {
            name: {"items": one.items, "ratings": one.ratings, "alpha": interval(one.alpha)}
            for name, one in found.humans.items()
        },
        "judges": {
            judge: {
                name: {
                    "items": one.items,
                    "exact": interval(one.exact),
                    "spearman": interval(one.spearman),
                    "alpha_humans": interval(one.humans),
                    "alpha_with_judge": interval(one.alpha),
                }
                for name, one in judged.items()
            }
            for judge, judged in found.judges.items()
        },
    }


def interval(estimate: Estimate | None) -> dict[str, float] | None:
    """A figure as JSON holds it."""
    return None if estimate is None else {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _humans(by_rater: _ByRater, people: Sequence[str], items: Sequence[str], criteria: Sequence[str]) -> Humans:
    several = [item for item in items if sum(item in by_rater[rater] for rater in people) > 1]
    units = _units(by_rater, people, several, criteria)
    count = sum(score is not None for unit in units for score in unit)
    return Humans(len(several), count, _alpha(units, len(criteria)))


def _judged(
    by_rater: _ByRater, people: Sequence[str], judge: str, items: Sequence[str], criteria: Sequence[str]
) -> Judged:
    of_people = _units(by_rater, people, items, criteria)
    of_judge = _units(by_rater, [judge], items, criteria)
    theirs, own = (_means(units).reshape(len(items), len(criteria)) for units in (of_people, of_judge))
    hits = np.abs(own - theirs) <= 0.5
    return Judged(
        len(items),
        mean(hits.mean(axis=1)),
        _spearman(own, theirs),
        _alpha(of_people, len(criteria)),
        _alpha([[*unit, *more] for unit, more in zip(of_people, of_judge, strict=True)], len(criteria)),
    )


def _units(
    by_rater: _ByRater, raters: Sequence[str], items: Iterable[str], criteria: Sequence[str]
) -> list[list[int | None]]:
    """What each rater said, None where one said nothing; a unit is one criterion of one item."""
    return [
        [by_rater[rater][item].scores[name] if item in by_rater[rater] else None for rater in raters]
        for item in items
        for name in criteria
    ]


def _means(units: Sequence[Sequence[int | None]]) -> Floats:
    known = [[score for score in unit if score is not None] for unit in units]
    return np.array([sum(scores) / len(scores) for scores in known])


def _alpha(units: Sequence[Sequence[int | None]], criteria: int) -> Estimate | None:
    """Alpha of units that come by item, as many criteria each; its interval resamples items."""
    if not any(sum(score is not None for score in unit) > 1 for unit in units):
        return None
    found = krippendorff_alpha(units, level="ordinal", groups=[unit // criteria for unit in range(len(units))])
    return None if math.isnan(found.value) else found


def _spearman(one: Floats, other: Floats) -> Estimate | None:
    """Rank correlation of values of shape (items, criteria), the criteria pooled; items are resampled.

    There are few distinct values, so it is computed of how often each value meets each.
    """
    (rows, row_of), (columns, column_of) = (np.unique(values, return_inverse=True) for values in (one, other))
    shape = (len(rows), len(columns))
    if 1 in shape:
        return None
    cells = row_of.reshape(one.shape) * len(columns) + column_of.reshape(one.shape)
    counts = np.zeros((len(one), len(rows) * len(columns)))
    np.add.at(counts, (np.arange(len(one))[:, None], cells), 1)
    return statistic(counts, lambda sums: _rank_correlation(sums.reshape(shape)))


def _rank_correlation(counts: Floats) -> float:
    """Spearman's coefficient of a contingency table: Pearson's of the mid-ranks; NaN where one side does not vary."""
    rows, columns = (_centred_ranks(counts.sum(axis=axis)) for axis in (1, 0))
    spread = math.sqrt((counts.sum(axis=1) @ rows**2) * (counts.sum(axis=0) @ columns**2))
    return float(rows @ counts @ columns) / spread if spread > 0 else math.nan


def _centred_ranks(totals: Floats) -> Floats:
    ranks = np.cumsum(totals) - totals / 2
    return ranks - totals.sum() / 2


def _cell(one: Estimate | None) -> str:
    return "–" if one is None else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"
