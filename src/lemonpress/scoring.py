"""Scores and verdicts of sentence shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from lemonpress.critics.judging import Pairing, judge_shard, score_shard
from lemonpress.engine.local import Task, Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage
from lemonpress.funnel import Step, add_costs, merge
from lemonpress.recipes import digest
from lemonpress.runs import Run, panel_key


def score(
    run: Run, sentences: list[Shard], pairing: Pairing, label: str, corpora: Sequence[str] | None = None
) -> list[Shard]:
    """Score sentence shards with the model-backed critics of some corpora together; of all by default."""
    recipe = run.recipe
    keyed = {_key_digest(run, name): name for name in (recipe.corpora if corpora is None else corpora)}
    panels = [run.panels[keyed[key]] for key in sorted(keyed)]
    stage = Stage("scores", 3, {"pairing": pairing, "seed": recipe.seed, "panels": sorted(keyed)})

    @cache
    def shipped() -> dict[str, Shard]:
        # Of what ships alone: what a run finds must not depend on what was run before.
        return {shard.stats["of"]: shard for shard in run.store.shipped_shards(stage.name)}

    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        known = shipped().get(inputs[0].digest)
        stored = known.table("scores") if known else None
        table, funnels = score_shard(inputs[0].table("sentences"), panels, pairing, recipe.seed, stored)
        costs = dict(zip(sorted(keyed), ([step.to_json() for step in funnel] for funnel in funnels), strict=True))
        return Output({"scores": table}, {"funnels": costs, "of": inputs[0].digest})

    tasks = [Task((shard,), shard.rows) for shard in sentences]
    return run_stage(run.store, stage, tasks, work, f"scores ({label})", "context")


@dataclass(frozen=True)
class Verdicts:
    """The judged shards of one corpus, and their funnel."""

    shards: list[Shard]
    funnel: list[Step]


def judge(run: Run, corpus: str, sentences: list[Shard], scores: list[Shard], pairing: Pairing) -> Verdicts:
    """Judge the candidate pairs of sentence shards for one corpus."""
    settings = run.recipe.corpora[corpus]
    stage = Stage(
        "verdicts",
        4,
        {"pairing": pairing, "seed": run.recipe.seed, "panel": panel_key(run.panels[corpus], settings)},
    )

    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        kept, rejected, verdict = judge_shard(
            inputs[0].table("sentences"),
            inputs[1].table("scores"),
            run.panels[corpus],
            settings.task,
            pairing,
            run.recipe.seed,
        )
        return Output({"kept": kept, "rejected": rejected}, {"funnel": [step.to_json() for step in verdict.funnel]})

    tasks = [Task((one, other), one.rows) for one, other in zip(sentences, scores, strict=True)]
    shards = run_stage(run.store, stage, tasks, work, corpus, "context")
    key = _key_digest(run, corpus)
    costs = merge(_steps(shard.stats["funnels"].get(key, [])) for shard in scores)
    return Verdicts(shards, add_costs(merge(_steps(shard.stats["funnel"]) for shard in shards), costs))


def _steps(values: list[dict[str, Any]]) -> list[Step]:
    return [Step(**value) for value in values]


def _key_digest(run: Run, corpus: str) -> str:
    return digest(panel_key(run.panels[corpus], run.recipe.corpora[corpus]))
