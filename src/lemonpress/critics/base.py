"""What a critic is, and what scores for it."""

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from lemonpress.critics.scores import Floats, Tables
from lemonpress.pairs import Index
from lemonpress.sources import Model

Mask: TypeAlias = npt.NDArray[np.bool_]


class Critic(Protocol):
    """Judges candidate pairs: a score for each, and which scores pass.

    Attributes:
        name: Column of its score and label in the funnel.
        description: What a score means and which pass, in a few words.
        cost: Rank in the cascade; cheap critics run first. The order never changes the result.
        columns: What it reads besides the two sentences; ``context`` is all there is.
        models: The models it asks.
        key: What decides its scores beyond its recipe settings: its models, or more.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def cost(self) -> int: ...

    @property
    def columns(self) -> frozenset[str]:
        return frozenset()

    @property
    def models(self) -> tuple[Model, ...]:
        return ()

    @property
    def key(self) -> str:
        return ", ".join(f"{model.id}@{model.commit}" for model in self.models)

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        """Score pairs of sentence positions, as far as the verdict needs."""
        ...

    def keeps(self, scores: Floats) -> Mask:
        """Which scores pass."""
        ...

    def report(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        """The scores that a corpus shows for kept pairs: those that judged, where a critic says nothing else."""
        return self.score(tables, sources, targets)

    def reason(self, source: str, target: str) -> str:
        """What in the two sentences made the score, in a few words; empty where the score says it all."""
        return ""
