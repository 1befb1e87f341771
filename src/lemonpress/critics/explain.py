"""What every critic says of a few pairs, kept or not: for people, not for corpora."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lemonpress.critics.base import Critic
from lemonpress.critics.scores import Tables
from lemonpress.pairs import Shard


@dataclass(frozen=True)
class Verdict:
    """One critic's word on one pair.

    Attributes:
        critic: Its name.
        score: Rounded to 1e-4, as in a corpus.
        kept: Whether the score passes.
        description: What the score means and which pass.
        reason: What in the sentences made the score, where a critic can say it.
    """

    critic: str
    score: float
    kept: bool
    description: str
    reason: str = ""

    @property
    def measures(self) -> str:
        """What the score means and which pass, and what made it."""
        return f"{self.description}: {self.reason}" if self.reason else self.description


def explain(source: str, target: str, critics: Sequence[Critic], context: str = "") -> list[Verdict]:
    """Ask every critic about one pair; see `explain_many`."""
    return explain_many([source], [target], critics, context)[0]


def explain_many(
    sources: Sequence[str], targets: Sequence[str], critics: Sequence[Critic], context: str = ""
) -> list[list[Verdict]]:
    """Ask every critic about some pairs in one batch.

    Unlike the cascade, a critic is asked about pairs that another one rejected too. Diversity compares the pairs of a
    corpus with each other and has no word on a single one.

    Args:
        sources: One sentence a pair.
        targets: As many rewritings.
        critics: Those of a corpus, from `lemonpress.critics.build`.
        context: What all sentences follow; without it, critics that read contexts have no word.

    Returns:
        For each pair one verdict a critic that can judge it, from the cheapest critic to the dearest.

    Raises:
        ValueError: The lists differ in length, or a text is blank.
    """
    if len(sources) != len(targets):
        raise ValueError(f"{len(sources)} sources but {len(targets)} targets")
    if not all(text.strip() for text in (*sources, *targets)):
        raise ValueError("a blank text cannot be judged")
    if not sources:
        return []
    place = {text: number for number, text in enumerate(dict.fromkeys([*sources, *targets]))}
    shard = Shard.of_groups([("explained", "", list(place), context)])
    tables = Tables(shard)
    ones = np.array([place[text] for text in sources], dtype=np.int64)
    others = np.array([place[text] for text in targets], dtype=np.int64)
    verdicts: list[list[Verdict]] = [[] for _ in sources]
    for critic in sorted(critics, key=lambda critic: (critic.cost, critic.name)):
        if "context" in critic.columns and not context:
            continue
        scores = np.round(critic.report(tables, ones, others), 4)
        kept = critic.keeps(scores)
        for number, said in enumerate(verdicts):
            reason = critic.reason(sources[number], targets[number])
            said.append(Verdict(critic.name, float(scores[number]), bool(kept[number]), critic.description, reason))
    return verdicts
