"""Entailment by a natural-language-inference model."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.classification import in_precision, labels_of, load
from lemonpress.critics.scores import Floats, Tables
from lemonpress.errors import UserError
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import EntailmentSettings
from lemonpress.recipes.critics import PrecisionName
from lemonpress.sources import Model

Premise = Literal["source", "longer", "shorter"]


@dataclass(frozen=True)
class EntailmentScorer:
    """p(x ⇒ y) of ordered pairs, and whether entailment is the likeliest label; a sentence entails itself.

    Attributes:
        model: An NLI model.
        label: Class index of entailment.
        precision: Of the model's arithmetic; scores of different precision never share a table.
    """

    model: Model
    label: int
    precision: PrecisionName = "float32"
    symmetric: bool = False
    channels: tuple[str, ...] = ("", "argmax")

    @property
    def key(self) -> str:
        key = f"entailment-{self.label}:{self.model.id}@{self.model.commit}"
        return key if self.precision == "float32" else f"{key}:{self.precision}"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        texts = shard.sentences
        ones, others = [texts[place] for place in sources], [texts[place] for place in targets]
        found = np.ones((2, len(ones)))
        asked = np.flatnonzero([one != other for one, other in zip(ones, others, strict=True)])
        if len(asked):
            model = load(self.model, precision=self.precision)
            chances = model.probabilities([ones[n] for n in asked], [others[n] for n in asked])
            found[0, asked] = chances[:, self.label]
            found[1, asked] = chances.argmax(axis=1) == self.label
        return found


@dataclass(frozen=True)
class Entailment(Critic):
    """One sentence of the pair entails the other (paper, section 3.2).

    Semantic equivalence is two of these, one after the other. Whether x ⇔ y does not depend on the order of the
    pair, so the first asks whether the longer sentence entails the shorter one, for (x, y) and (y, x) alike, and the
    second asks the other direction of the little that is left: half of the questions are never put. The first are also
    those that a summary corpus and diversity ask, so they are answered once for all. In a corpus the first shows
    p(source ⇒ target) and the second p(target ⇒ source).

    Attributes:
        settings: Threshold.
        scorer: The NLI model.
        premise: The sentence that has to entail the other.
    """

    settings: EntailmentSettings
    scorer: EntailmentScorer
    premise: Premise = "source"

    @property
    def name(self) -> str:
        return "reverse_entailment" if self.premise == "shorter" else "entailment"

    @property
    def cost(self) -> int:
        return 71 if self.premise == "shorter" else 70

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.scorer.model,)

    @property
    def description(self) -> str:
        sides = {
            "source": "p(source ⇒ target)",
            "longer": "p(source ⇒ target); of a rejected pair p(longer ⇒ shorter)",
            "shorter": "p(target ⇒ source); of a rejected pair p(shorter ⇒ longer)",
        }
        by = f"by {self.scorer.model.id}{in_precision(self.scorer.precision)}"
        return f"{sides[self.premise]} {by}, kept from {self.settings.min:g}"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        if self.premise != "source":
            turn = tables.shard.shorter(sources, targets) != (self.premise == "shorter")
            sources, targets = np.where(turn, targets, sources), np.where(turn, sources, targets)
        return tables.scores(self.scorer, sources, targets)

    def keeps(self, scores: Floats) -> Mask:
        return scores >= self.settings.min

    def report(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        if self.premise == "shorter":
            sources, targets = targets, sources
        return tables.scores(self.scorer, sources, targets)


def entailment(settings: EntailmentSettings, model: Model) -> list[Entailment]:
    """The entailment critics of a recipe entry: one, or two for both directions.

    Raises:
        UserError: The model's labels do not say which one is entailment.
    """
    label = entailment_label(settings, labels_of(model, "critic entailment"))
    scorer = EntailmentScorer(model, label, settings.precision)
    premises: tuple[Premise, ...] = ("longer", "shorter") if settings.direction == "both" else ("source",)
    return [Entailment(settings, scorer, premise) for premise in premises]


def entailment_label(settings: EntailmentSettings, labels: list[str], where: str = "critic entailment") -> int:
    """Class index of entailment, by the labels' names: never by position, which differs from model to model.

    Args:
        settings: The recipe entry; its label, where it has one.
        labels: Of the model, by class index.
        where: What the model is for, in error messages.

    Raises:
        UserError: No label, or more than one, is called entailment; or the recipe names a label that is not there.
    """
    wanted = settings.label.casefold() if settings.label is not None else "entail"
    if settings.label is not None:
        found = [place for place, label in enumerate(labels) if label.casefold() == wanted]
    else:
        found = [place for place, label in enumerate(labels) if label.casefold().startswith(wanted)]
    if len(found) != 1:
        named = f"'{settings.label}'" if settings.label is not None else "entailment"
        raise UserError(
            f"{where}: {settings.model} has {len(found)} labels called {named}; its labels are {', '.join(labels)}; "
            "name one as label, or give another model"
        )
    return found[0]
