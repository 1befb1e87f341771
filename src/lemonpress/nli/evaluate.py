"""What matters to a critic: whether "entails" at the threshold can be trusted, and how much it finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lemonpress.critics.classification import labels_of, load
from lemonpress.errors import UserError
from lemonpress.nli.judged import JudgedPair
from lemonpress.nli.measures import THRESHOLD, Floats, Mask, curve, intervals, log_loss, reliability, share
from lemonpress.nli.rows import CLASSES, CONTRADICTION, ENTAILMENT, NEUTRAL, NOT_ENTAILMENT, NliRow
from lemonpress.sources import Model

_PRECISE = 0.90
_GRID = (*(round(0.05 * step, 2) for step in range(1, 20)), 0.99)
_STARTS = {ENTAILMENT: "entail", NEUTRAL: "neutral", CONTRADICTION: "contradict"}


@dataclass(frozen=True)
class NliCritic:
    """An NLI model whose classes are known by name.

    Attributes:
        model: A sequence-classification model.
        places: Class index of entailment, neutral and contradiction; of a two-way model, of entailment and the other.
    """

    model: Model
    places: tuple[int, ...]

    def judge(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """Probabilities of (premise, hypothesis) pairs.

        Returns:
            (pairs, 3): entailment, neutral, contradiction; of a two-way model (pairs, 2): entailment, not_entailment.
        """
        if not pairs:
            return np.empty((0, len(self.places)))
        premises, hypotheses = zip(*pairs, strict=True)
        return load(self.model).probabilities(premises, hypotheses)[:, self.places]


def open_critic(model: Model, where: str) -> NliCritic:
    """Find the classes of an NLI model by their labels, in whatever order it has them; weights load when it judges.

    Args:
        model: A resolved model: whole weights or an adapter.
        where: The recipe field or argument, for error messages.

    Raises:
        UserError: It is no sequence classifier, or its labels are not those of NLI, two-way or three-way.
    """
    labels = labels_of(model, where)
    wanted = [_STARTS[name] for name in CLASSES] if len(labels) == len(CLASSES) else [_STARTS[ENTAILMENT]]
    found = [[place for place, label in enumerate(labels) if label.casefold().startswith(start)] for start in wanted]
    if len(labels) > len(CLASSES) or any(len(places) != 1 for places in found):
        raise UserError(
            f"{where}: {model.id} has the labels {', '.join(labels)}; "
            "an NLI model has entailment, neutral and contradiction, or entailment and another"
        )
    places = [place for (place,) in found]
    return NliCritic(model, tuple(places if len(places) == len(CLASSES) else (places[0], 1 - places[0])))


def entailments(rows: Sequence[NliRow]) -> Mask:
    """Which rows are labelled entailment."""
    return np.array([row.label == ENTAILMENT for row in rows], dtype=bool)


def measure_passes(truth: Mask, scores: Floats, groups: Sequence[str] | None = None) -> dict[str, Any]:
    """Precision and recall of "entails" at 0.75 with intervals, and what other thresholds would give.

    Args:
        truth: Which pairs are entailments.
        scores: p(entailment).
        groups: Pairs of one group are resampled together for the intervals.

    Returns:
        precision and recall with their 95% intervals, average_precision, precise: the threshold of highest recall at
        a precision of at least 0.90, curve: threshold, precision, recall; None where there is no such figure.
    """
    passed = scores >= THRESHOLD
    ends = intervals(truth, passed, groups)
    line = curve(truth, scores) if truth.any() else None
    widest = line.widest(_PRECISE) if line else None
    return {
        "precision": share(truth[passed]),
        "precision_interval": ends["precision"],
        "recall": share(passed[truth]),
        "recall_interval": ends["recall"],
        "average_precision": line.average_precision if line else None,
        "precise": dict(zip(("threshold", "precision", "recall"), widest, strict=True)) if widest else None,
        "curve": [[threshold, *line.at(threshold)] for threshold in _GRID] if line else None,
    }


def measure_nli(rows: Sequence[NliRow], chances: Floats) -> dict[str, Any]:
    """Accuracy two-way and three-way, precision and recall of "entails" at 0.75, all in [0, 1].

    Args:
        rows: Judged pairs; two-way rows do not count in the three-way accuracy.
        chances: What `NliCritic.judge` says of them; two-way models have no three-way accuracy.

    Returns:
        Figures by name; None where there is nothing to take a share of.
    """
    truth, guess = entailments(rows), chances.argmax(axis=1)
    passed = chances[:, 0] >= THRESHOLD
    exact = [
        CLASSES[place] == row.label
        for row, place in zip(rows, guess, strict=True)
        if row.label != NOT_ENTAILMENT and chances.shape[1] == len(CLASSES)
    ]
    return {
        "rows": len(rows),
        "two_way": share((guess == 0) == truth),
        "three_way": share(np.array(exact, dtype=bool)),
        "precision": share(truth[passed]),
        "recall": share(passed[truth]),
    }


def measure_sources(rows: Sequence[NliRow], chances: Floats) -> dict[str, dict[str, Any]]:
    """`measure_nli` of each source."""
    sources = np.array([row.source for row in rows])
    return {
        str(source): measure_nli([row for row in rows if row.source == source], chances[sources == source])
        for source in np.unique(sources)
    }


def measure_calibration(rows: Sequence[NliRow], chances: Floats) -> dict[str, Any]:
    """How far p(entailment) is a probability.

    Returns:
        error: expected calibration error over 15 bins of equally many rows; log_loss: of whether a row is an
        entailment, nats; temperature: what would fit these rows best, 1 for a calibrated critic; bins: mean
        p(entailment), share of entailments, rows.
    """
    truth = entailments(rows)
    bins = reliability(truth, chances[:, 0])
    return {
        "error": bins.error,
        "log_loss": log_loss(truth, chances[:, 0]),
        "temperature": fit_temperature(rows, chances),
        "bins": [
            list(one) for one in zip(*(a.tolist() for a in (bins.scores, bins.shares, bins.counts)), strict=True)
        ],
    }


def measure_paraphrases(human: Mask, scores: Floats, identities: Floats) -> dict[str, Any]:
    """What of human judgements a critic shares when it asks for both directions at 0.75.

    Args:
        human: Which pairs people judged to say the same.
        scores: p(first => second) and p(second => first), shape (2, pairs).
        identities: p(sentence => itself) of the sentences.

    Returns:
        positives and negatives: shares of human paraphrases and non-paraphrases that pass both ways; identities: share
        of sentences that entail themselves; agreement: share of pairs of which both directions pass or neither does;
        agreement_positives: the same among human paraphrases.
    """
    there, back = scores >= THRESHOLD
    return {
        "pairs": len(human),
        "positives": share((there & back)[human]),
        "negatives": share((there & back)[~human]),
        "identities": share(identities >= THRESHOLD),
        "agreement": share(there == back),
        "agreement_positives": share((there == back)[human]),
    }


def measure_judged(pairs: Sequence[JudgedPair], scores: Floats) -> dict[str, Any]:
    """Precision and recall on pairs of a pool that were judged in both directions.

    Args:
        pairs: Judged pairs; the intervals resample their contexts.
        scores: p(first => second) and p(second => first), shape (2, pairs).

    Returns:
        `measure_passes` over ordered pairs; labels: by judged label, how many ordered pairs there are and how many
        pass; both_ways: pairs that should and do pass both ways, with precision and recall.
    """
    labels = np.array([*(pair.forward for pair in pairs), *(pair.backward for pair in pairs)])
    passed = scores.ravel() >= THRESHOLD
    contexts = [pair.context_id for pair in pairs]
    truth = labels == ENTAILMENT
    both_truth = truth[: len(pairs)] & truth[len(pairs) :]
    both = scores.min(axis=0) >= THRESHOLD
    ends = intervals(both_truth, both, contexts)
    return {
        "pairs": len(pairs),
        "contexts": len(set(contexts)),
        **measure_passes(truth, scores.ravel(), [*contexts, *contexts]),
        "labels": {
            name: {"judged": int((labels == name).sum()), "pass": int(passed[labels == name].sum())}
            for name in CLASSES
        },
        "both_ways": {
            "judged": int(both_truth.sum()),
            "pass": int(both.sum()),
            "precision": share(both_truth[both]),
            "precision_interval": ends["precision"],
            "recall": share(both[both_truth]),
            "recall_interval": ends["recall"],
        },
    }


def pass_shares(rows: Sequence[NliRow], scores: Floats) -> dict[str, float]:
    """Share of each source's rows with p(entailment) of at least 0.75."""
    sources = np.array([row.source for row in rows])
    passed = scores >= THRESHOLD
    return {str(source): float(passed[sources == source].mean()) for source in np.unique(sources)}


def fit_temperature(rows: Sequence[NliRow], chances: Floats) -> float:
    """The temperature that makes the rows most likely; above 1 the model is too sure of itself.

    Args:
        rows: Rows that the model was not trained on.
        chances: What `NliCritic.judge` says of them; logarithms of probabilities serve as logits.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = np.log(np.maximum(chances, np.finfo(np.float32).tiny))
    places = range(chances.shape[1])
    # -inf takes the classes that disagree with a row's label out of its sum.
    agreeing = np.where([[_agrees(row.label, place, len(places)) for place in places] for row in rows], 0.0, -np.inf)

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        return float((logsumexp(scaled, axis=1) - logsumexp(scaled + agreeing, axis=1)).mean())

    return float(minimize_scalar(loss, bounds=(0.25, 8.0), method="bounded").x)


def _agrees(label: str, place: int, classes: int) -> bool:
    """Whether a column of `NliCritic.judge`, one of so many, agrees with a label."""
    if place == 0 or label == NOT_ENTAILMENT or classes < len(CLASSES):
        return (label == ENTAILMENT) == (place == 0)
    return CLASSES[place] == label
