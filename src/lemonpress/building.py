"""Corpora of a run: what the critics keep of some pools, or of what a student wrote."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lemonpress.corpora import Corpus, assemble
from lemonpress.engine.store import Shard
from lemonpress.funnel import Step, merge
from lemonpress.pools import Pool, readings
from lemonpress.rows import corpus_schema
from lemonpress.runs import Run
from lemonpress.scoring import judge


@dataclass(frozen=True)
class Built:
    """A corpus with the funnel that made it.

    Attributes:
        corpus: On disk.
        funnel: What each step saw and kept.
        seconds: How long the device worked on each stage, as its shards say; corpora of one pool share stages.
    """

    corpus: Corpus
    funnel: list[Step]
    seconds: Mapping[str, float]


def device_seconds(stages: Mapping[str, Iterable[Shard]]) -> dict[str, float]:
    """How long the shards of each stage took when they were made."""
    return {name: sum(float(shard.stats.get("seconds", 0)) for shard in shards) for name, shards in stages.items()}


def build_corpus(run: Run, name: str, pools: Sequence[Pool]) -> Built:
    """Judge the pools for one corpus and write it: pairs, critics, rows.

    Args:
        run: The run.
        name: A corpus of the recipe.
        pools: Scored sentences, from `press`; those for other corpora are passed over.
    """
    pools = [pool for pool in pools if pool.serves(name)]
    verdicts = [judge(run, name, pool.sentences, pool.scores, pool.pairing) for pool in pools]
    shards = [shard for verdict in verdicts for shard in verdict.shards]
    sampled = [shard for pool in pools if pool.pairing != "given" for shard in pool.sentences]
    raw = sampled if run.recipe.corpora[name].raw else []
    corpus = assemble_corpus(run, name, shards, run.folder / "corpora" / name, raw=raw)
    steps, reasons = readings(pools)
    funnel = [*steps, *merge(verdict.funnel for verdict in verdicts)]
    stages = {
        "contexts": (shard for pool in pools for shard in pool.contexts),
        "sentences": (shard for pool in pools for shard in pool.sentences),
        "scores": (shard for pool in pools for shard in pool.scores),
        "verdicts": shards,
    }
    return Built(replace(corpus, statistics={**corpus.statistics, **reasons}), funnel, device_seconds(stages))


def assemble_corpus(
    run: Run,
    name: str,
    shards: Sequence[Shard],
    folder: Path,
    holdout: float | None = None,
    raw: Sequence[Shard] = (),
) -> Corpus:
    """Write the corpus of some verdict shards, as the recipe's corpus `name` says.

    Args:
        run: The run.
        name: A corpus of the recipe.
        shards: Verdict shards.
        folder: Where it goes.
        holdout: Share of contexts in validation, and again in test; the recipe's by default.
        raw: Sentence shards that are also written as they are; none by default.
    """
    settings = run.recipe.corpora[name]
    schema = corpus_schema(run.panels[name].scores)
    share = settings.holdout if holdout is None else holdout
    return assemble(
        shards,
        folder,
        settings.task,
        schema,
        share,
        settings.rejected_rows,
        run.recipe.seed,
        settings.deduplicate,
        run.parsers.get(name),
        settings.personal_data == "drop",
        raw,
    )
