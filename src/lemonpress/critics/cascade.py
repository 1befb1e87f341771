"""The cascade: conjunctive critics from cheap to dear, then diversity."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lemonpress.critics.base import Critic, Floats
from lemonpress.critics.diversity import select
from lemonpress.critics.scores import ScoreTable
from lemonpress.funnel import Step
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import DiversitySettings


@dataclass(frozen=True)
class Judgement:
    """What the cascade decided over the candidate pairs of a shard.

    Attributes:
        kept: Sources and targets of the pairs that every critic accepted.
        scores: Each critic's scores of the kept pairs.
        rejected: (critic, sources, targets, scores) of the pairs that each critic rejected; diversity's score is the
            size of the pair's component.
        funnel: What each critic saw and kept.
    """

    kept: tuple[Index, Index]
    scores: dict[str, Floats]
    rejected: list[tuple[str, Index, Index, Floats]]
    funnel: list[Step]


@dataclass
class Tables:
    """The score tables of a shard, by scorer; shared by all corpora that judge it."""

    shard: Shard
    tables: dict[str, ScoreTable] = field(default_factory=dict)

    def score(self, critic: Critic, sources: Index, targets: Index) -> Floats:
        """A critic's scores of some pairs, from its table where it keeps one; rounded to 1e-4 either way."""
        if critic.scorer is None:
            return np.round(critic.score(self.shard, sources, targets), 4)
        table = self.of(critic)
        return table.lookup(sources, targets, lambda s, t: critic.score(self.shard, s, t))

    def of(self, critic: Critic) -> ScoreTable:
        """The table of a critic that keeps scores."""
        assert critic.scorer is not None
        return self.tables.setdefault(critic.scorer, ScoreTable(self.shard, critic.symmetric))

    def scored(self, critic: Critic) -> int:
        """Pairs that the critic's model had to score so far."""
        return self.of(critic).scored if critic.scorer else 0


def judge(
    shard: Shard,
    sources: Index,
    targets: Index,
    critics: Sequence[Critic],
    diversity: DiversitySettings | None,
    tables: Tables,
    seed: int,
) -> Judgement:
    """Run the critics over candidate pairs.

    Args:
        shard: The sentences.
        sources: Positions of the candidates' sources.
        targets: Positions of their targets.
        critics: All must accept a pair. They run from cheap to dear on what is left; the kept set does not depend on
            the order.
        diversity: Algorithm 1 over the survivors, or None.
        tables: Known scores; new ones are added.
        seed: Settles diversity's ties.
    """
    funnel: list[Step] = []
    rejected: list[tuple[str, Index, Index, Floats]] = []
    scores: dict[str, Floats] = {}
    for critic in sorted(critics, key=lambda critic: critic.cost):
        started, known = time.perf_counter(), tables.scored(critic)
        seen = tables.score(critic, sources, targets)
        keep = critic.keeps(seen)
        rejected.append((critic.name, sources[~keep], targets[~keep], seen[~keep]))
        scores = {name: values[keep] for name, values in scores.items()} | {critic.name: seen[keep]}
        spent = time.perf_counter() - started
        funnel.append(Step(critic.name, len(seen), int(keep.sum()), spent, tables.scored(critic) - known))
        sources, targets = sources[keep], targets[keep]
    if diversity is not None:
        started = time.perf_counter()
        edges = next(critic for critic in critics if critic.name == diversity.edges)
        chosen = select(shard, sources, targets, lambda s, t: tables.score(edges, s, t), diversity, seed)
        keep = chosen.kept
        rejected.append(("diversity", sources[~keep], targets[~keep], chosen.sizes[~keep].astype(np.float64)))
        scores = {name: values[keep] for name, values in scores.items()}
        funnel.append(Step("diversity", len(keep), int(keep.sum()), time.perf_counter() - started))
        sources, targets = sources[keep], targets[keep]
    return Judgement((sources, targets), scores, rejected, funnel)
