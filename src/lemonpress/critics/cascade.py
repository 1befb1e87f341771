"""The cascade: conjunctive critics from cheap to dear, then diversity."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lemonpress.critics.base import Critic
from lemonpress.critics.diversity import Diversity
from lemonpress.critics.scores import Floats, Tables
from lemonpress.funnel import Step, add_costs
from lemonpress.pairs import Index


@dataclass(frozen=True)
class Judgement:
    """What the cascade decided over the candidate pairs of a shard.

    Attributes:
        kept: Sources and targets of the pairs that every critic accepted.
        scores: Each critic's scores of the kept pairs; diversity's is the size of the pair's group.
        rejected: (critic, sources, targets, scores) of the pairs that each critic rejected; diversity's score is the
            size of the pair's group.
        funnel: What each critic saw and kept.
    """

    kept: tuple[Index, Index]
    scores: dict[str, Floats]
    rejected: list[tuple[str, Index, Index, Floats]]
    funnel: list[Step]


def judge(
    sources: Index,
    targets: Index,
    critics: Sequence[Critic],
    diversity: Diversity | None,
    tables: Tables,
    seed: int,
) -> Judgement:
    """Run the critics over candidate pairs.

    Args:
        sources: Positions of the candidates' sources.
        targets: Positions of their targets.
        critics: All must accept a pair. They run from cheap to dear on what is left; the kept set does not depend on
            the order.
        diversity: What keeps one of the survivors that say the same, or None.
        tables: The shard and its known scores; new ones are added.
        seed: Settles diversity's ties.
    """
    funnel: list[Step] = []
    rejected: list[tuple[str, Index, Index, Floats]] = []
    for critic in sorted(critics, key=lambda critic: (critic.cost, critic.name)):
        started, known = time.perf_counter(), tables.scored
        seen = np.round(critic.score(tables, sources, targets), 4)
        keep = critic.keeps(seen)
        rejected.append((critic.name, sources[~keep], targets[~keep], seen[~keep]))
        spent = time.perf_counter() - started
        funnel.append(Step(critic.name, len(seen), int(keep.sum()), spent, tables.scored - known))
        sources, targets = sources[keep], targets[keep]
    if diversity is not None:
        started, known = time.perf_counter(), tables.scored
        chosen = diversity.select(tables, sources, targets, seed)
        keep = chosen.kept
        rejected.append(("diversity", sources[~keep], targets[~keep], chosen.sizes[~keep].astype(np.float64)))
        spent = time.perf_counter() - started
        funnel.append(Step("diversity", len(keep), int(keep.sum()), spent, tables.scored - known))
        sources, targets = sources[keep], targets[keep]
    scores: dict[str, Floats] = {}
    reported: list[Step] = []
    for critic in critics:
        started, known = time.perf_counter(), tables.scored
        scores[critic.name] = np.round(critic.report(tables, sources, targets), 4)
        reported.append(Step(critic.name, 0, 0, time.perf_counter() - started, tables.scored - known))
    if diversity is not None:
        scores["diversity"] = chosen.sizes[keep].astype(np.float64)
    funnel = add_costs(funnel, reported)
    return Judgement((sources, targets), scores, rejected, funnel)
