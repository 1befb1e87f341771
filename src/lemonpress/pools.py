"""Pools: contexts, their sentences and scores, as shards."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lemonpress.critics.judging import Pairing
from lemonpress.engine.store import Shard
from lemonpress.funnel import Step


@dataclass(frozen=True)
class Pool:
    """The shards of one pool: contexts, their next sentences, and the scores of those.

    A pool of existing pairs has no context shards; its pairing is ``given``. The sentences of a pool that a
    teacher rewrote are for one corpus, which decides what was asked.
    """

    name: str
    contexts: list[Shard]
    sentences: list[Shard]
    scores: list[Shard]
    pairing: Pairing
    corpus: str | None = None

    def serves(self, corpus: str) -> bool:
        """Whether it has candidates for a corpus."""
        return self.corpus in (None, corpus)


def readings(pools: Sequence[Pool]) -> tuple[list[Step], dict[str, float]]:
    """The funnel before there are candidates, samples to distinct sentences and rows to distinct pairs; and drops."""
    totals: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = {"samples": Counter(), "pairs": Counter()}
    for pool in pools:
        kind = "pairs" if pool.pairing == "given" else "samples"
        # The source heads its group, and samples that copy it count with it.
        given = 1 if pool.pairing == "from_first" else 0
        for shard in pool.sentences:
            table = shard.table("sentences")
            totals[kind] += sum(table["sampled"].to_pylist())
            if kind == "pairs":
                totals["distinct pairs"] += sum(map(len, table["sources"].to_pylist()))
            else:
                totals["formed"] += sum(sum(counts) - given for counts in table["counts"].to_pylist())
                totals["distinct"] += sum(len(sentences) - given for sentences in table["sentences"].to_pylist())
            for reasons in table["dropped"].to_pylist():
                dropped[kind].update(dict(reasons))
    steps = []
    if totals["samples"]:
        steps += [
            Step("well-formed sentence", totals["samples"], totals["formed"]),
            Step("distinct sentence", totals["formed"], totals["distinct"]),
        ]
    if totals["pairs"]:
        steps.append(Step("usable pair", totals["pairs"], totals["distinct pairs"]))
    return steps, {
        f"{kind} dropped, {reason}": float(count)
        for kind, counts in dropped.items()
        for reason, count in sorted(counts.items())
    }
