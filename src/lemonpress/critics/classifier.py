"""Any text classifier as a critic of single sentences: toxicity, quality, formality."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.classification import in_precision, labels_of, load
from lemonpress.critics.scores import Floats, Tables
from lemonpress.errors import UserError
from lemonpress.pairs import Index
from lemonpress.recipes import ClassifierSettings
from lemonpress.recipes.critics import PrecisionName
from lemonpress.sources import Model


@dataclass(frozen=True)
class TextClassifier(Critic):
    """Probability of one label of a text classifier, within bounds.

    Every distinct sentence of the shard is classified once, whichever pairs are asked for, so that batches, and with
    them the last digits, depend on the shard alone.

    Raises:
        UserError: The model is no sequence classifier, has no weights, or does not have the label.
    """

    settings: ClassifierSettings
    model: Model
    cost: int = 55

    def __post_init__(self) -> None:
        where = f"critic {self.name}"
        labels = labels_of(self.model, where)
        if self.settings.label not in labels:
            raise UserError(
                f"{where}: {self.model.id} has no label {self.settings.label!r}; its labels are {', '.join(labels)}"
            )

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.model,)

    @property
    def description(self) -> str:
        side = "the target" if self.settings.sides == "target" else "the worse sentence"
        bounds = [f"from {self.settings.min:g}"] if self.settings.min > 0 else []
        bounds += [f"up to {self.settings.max:g}"] if self.settings.max < 1 else []
        by = f"by {self.model.id}{in_precision(self.settings.precision)}"
        return f"p({self.settings.label}) of {side} {by}, kept {' '.join(bounds)}"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        """The probability that is nearer to a bound, or further beyond it, where both sentences count."""
        chances = self._chances(tables.shard.sentences)
        if self.settings.sides == "target":
            return chances[targets]
        room = self._room(chances)
        return np.where(room[sources] < room[targets], chances[sources], chances[targets])

    def keeps(self, scores: Floats) -> Mask:
        return (scores >= self.settings.min) & (scores <= self.settings.max)

    def reason(self, source: str, target: str) -> str:
        chances = [_alone(self.model, self.settings.precision, text)[self._label] for text in (source, target)]
        first, second = (round(float(chance), 4) for chance in chances)
        said = f"{self.settings.label} {second:.2f} in the target"
        return said if self.settings.sides == "target" else f"{said}, {first:.2f} in the source"

    def _room(self, chances: Floats) -> Floats:
        """Distance to the nearer bound, negative beyond it; a bound that every probability meets is none."""
        below = chances - self.settings.min if self.settings.min > 0 else np.inf
        above = self.settings.max - chances if self.settings.max < 1 else np.inf
        return np.minimum(below, above)

    def _chances(self, sentences: list[str]) -> Floats:
        distinct = sorted(set(sentences))
        row = {sentence: number for number, sentence in enumerate(distinct)}
        chances = _probabilities(self.model, self.settings.precision, tuple(distinct))
        return np.round(chances[[row[sentence] for sentence in sentences], self._label], 4)

    @property
    def _label(self) -> int:
        return labels_of(self.model, f"critic {self.name}").index(self.settings.label)


@lru_cache(maxsize=4)
def _probabilities(model: Model, precision: PrecisionName, distinct: tuple[str, ...]) -> Floats:
    """Probabilities of all labels for a shard's sentences, kept while that shard is judged, for every corpus."""
    return load(model, precision=precision).probabilities(distinct)


@lru_cache(maxsize=1 << 12)
def _alone(model: Model, precision: PrecisionName, sentence: str) -> Floats:
    """Probabilities of all labels for one sentence, for reasons: many pairs share it."""
    return load(model, precision=precision).probabilities((sentence,))[0]
