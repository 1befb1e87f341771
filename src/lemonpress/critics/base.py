"""What a critic is."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from lemonpress.pairs import Index, Shard

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]


class Critic(Protocol):
    """Scores candidate pairs and says which scores pass.

    Attributes:
        name: Column of its score and label in the funnel.
        description: What a score means and which pass, in a few words.
        cost: Rank in the cascade; cheap critics run first. The order never changes the result.
        scorer: Names the model and settings whose scores are kept with the shard, so that no pair is scored twice;
            None where scoring is cheaper than keeping.
        symmetric: Whether (x, y) and (y, x) always score the same.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def cost(self) -> int: ...
    @property
    def scorer(self) -> str | None: ...
    @property
    def symmetric(self) -> bool: ...

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        """Score pairs of sentence positions."""
        ...

    def keeps(self, scores: Floats) -> Mask:
        """Which scores pass."""
        ...


def agreement(features: Sequence[frozenset[str]], sources: Index, targets: Index, mode: str) -> Floats:
    """1.0 where the target's features agree with the source's, else 0.0.

    Args:
        features: One set for each sentence position.
        sources: Positions of sources.
        targets: Positions of targets.
        mode: ``equal``, or ``subset``: the target has none that the source lacks.
    """
    number: dict[frozenset[str], int] = {}
    ids = np.array([number.setdefault(feature, len(number)) for feature in features], dtype=np.int64)
    if mode == "equal":
        return (ids[sources] == ids[targets]).astype(np.float64)
    distinct = list(number)
    asked, place = np.unique(np.stack([ids[sources], ids[targets]]), axis=1, return_inverse=True)
    inside = np.array([distinct[target] <= distinct[source] for source, target in asked.T], dtype=np.float64)
    return inside[place.ravel()]
