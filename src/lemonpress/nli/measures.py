"""What probabilities are worth against judgements: precision and recall over thresholds, and calibration."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

THRESHOLD = 0.75
"""p(entailment) at which the paper's critics keep a pair."""
_RESAMPLES = 2000


@dataclass(frozen=True)
class Curve:
    """Precision and recall at every threshold that the scores tell apart.

    Attributes:
        thresholds: Distinct scores, the highest first; a pair passes with a score of at least the threshold.
        precision: Share of the pairs that pass which are entailments.
        recall: Share of the entailments that pass; never falls along the curve.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats

    @property
    def average_precision(self) -> float:
        """Mean precision over the entailments, each at the threshold that lets it pass."""
        return float((np.diff(self.recall, prepend=0.0) * self.precision).sum())

    def widest(self, precision: float) -> tuple[float, float, float] | None:
        """Threshold, precision and recall where recall is highest at no less than a precision; None where nowhere."""
        precise = np.flatnonzero(self.precision >= precision)
        if not len(precise):
            return None
        best = precise[self.recall[precise].argmax()]
        return float(self.thresholds[best]), float(self.precision[best]), float(self.recall[best])

    def at(self, threshold: float) -> tuple[float | None, float]:
        """Precision and recall at any threshold; no precision where nothing passes."""
        passing = int((self.thresholds >= threshold).sum())
        if not passing:
            return None, 0.0
        return float(self.precision[passing - 1]), float(self.recall[passing - 1])


def curve(entails: Mask, scores: Floats) -> Curve:
    """The precision-recall curve.

    Args:
        entails: Which pairs are entailments; at least one.
        scores: p(entailment) of each pair.

    Raises:
        ValueError: There is no entailment.
    """
    if not entails.any():
        raise ValueError("a precision-recall curve needs an entailment")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    found = np.cumsum(entails[order])[last]
    return Curve(ordered[last], found / (last + 1), found / entails.sum())


def share(mask: Mask) -> float | None:
    """Share of what is true; None of nothing."""
    return float(mask.mean()) if len(mask) else None


def intervals(
    truth: Mask, passed: Mask, groups: Sequence[Hashable] | None = None, seed: int = 0
) -> dict[str, tuple[float, float] | None]:
    """95% bootstrap intervals of precision and recall.

    Args:
        truth: What should pass.
        passed: What does.
        groups: The group of each row; groups are resampled as a whole. By default each row is one.
        seed: Seed of the resampling.

    Returns:
        Lower and upper ends under precision and recall; None where most resamples have no such figure.
    """
    cells = np.stack([truth & passed, ~truth & passed, truth & ~passed], axis=1).astype(np.int64)
    if groups is not None:
        places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
        summed = np.zeros((len(places), cells.shape[1]), dtype=np.int64)
        np.add.at(summed, [places[group] for group in groups], cells)
        cells = summed
    # Groups with equal counts are interchangeable, so how often each kind is drawn is multinomial.
    kinds, sizes = np.unique(cells, axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(cells), sizes / len(cells), size=_RESAMPLES) @ kinds
    right, wrong, missed = drawn.T
    return {"precision": _ends(right, right + wrong), "recall": _ends(right, right + missed)}


def _ends(part: NDArray[np.int64], whole: NDArray[np.int64]) -> tuple[float, float] | None:
    there = whole > 0
    if 2 * there.sum() < len(whole):
        return None
    low, high = np.quantile(part[there] / whole[there], [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True)
class Reliability:
    """How far scores can be read as probabilities.

    Attributes:
        scores: Mean p(entailment) of each bin, lowest first.
        shares: Share of entailments in each bin.
        counts: Pairs of each bin.
    """

    scores: Floats
    shares: Floats
    counts: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of score and share, bins weighed by their pairs."""
        return float(np.average(np.abs(self.scores - self.shares), weights=self.counts))


def reliability(entails: Mask, scores: Floats, bins: int = 15) -> Reliability:
    """Bins of equally many pairs, by score.

    Args:
        entails: Which pairs are entailments; at least one pair.
        scores: p(entailment) of each pair.
        bins: Number of bins; one a pair where there are fewer pairs.
    """
    parts = np.array_split(np.argsort(scores, kind="stable"), min(bins, len(scores)))
    return Reliability(
        np.array([scores[part].mean() for part in parts]),
        np.array([entails[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def log_loss(entails: Mask, scores: Floats) -> float:
    """Mean -log p of whether a pair is an entailment, in nats."""
    chances = np.where(entails, scores, 1 - scores)
    return float(-np.log(np.maximum(chances, np.finfo(np.float32).tiny)).mean())
