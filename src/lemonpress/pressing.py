"""The first half of the walk: contexts to sentences to scores, shard by shard."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from lemonpress.assets import asset
from lemonpress.contexts import read_contexts, sample_contexts
from lemonpress.critics import build
from lemonpress.critics.base import Critic
from lemonpress.critics.judging import Pairing, Panel, judge_shard, score_shard
from lemonpress.engine.local import Task, Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.funnel import Step
from lemonpress.home import run_folder
from lemonpress.recipes import CorpusSettings, Recipe, SentenceSettings, TeacherContexts, digest
from lemonpress.sentences import sample_sentences
from lemonpress.sources import Model, resolve
from lemonpress.teachers.causal_lm import CausalTeacher
from lemonpress.weights import check_causal, ordinary_folder


@dataclass(frozen=True)
class Run:
    """A recipe, its folder and its models; models load when they are first needed.

    Attributes:
        recipe: What to do.
        folder: Everything this run writes.
        teacher_model: The resolved teacher.
        given: Contexts that were read from files or datasets, by pool.
        critics: The critics of each corpus.
    """

    recipe: Recipe
    folder: Path
    teacher_model: Model
    given: Mapping[str, pa.Table] = field(repr=False)
    critics: Mapping[str, list[Critic]] = field(repr=False)

    @classmethod
    def open(cls, recipe: Recipe) -> "Run":
        """Check everything that can be checked before any work: models, files, critics.

        Raises:
            UserError: A model, package or file is missing or wrong.
        """
        teacher = resolve(recipe.teacher.model, recipe.teacher.revision, where="teacher.model")
        check_causal(teacher, "teacher.model")
        critics = {
            name: build(corpus.critics, partial(resolve, where=f"corpora.{name}.critics"))
            for name, corpus in recipe.corpora.items()
        }
        given = {
            name: read_contexts(pool, name, recipe.resolve_path)
            for name, pool in recipe.contexts.items()
            if not isinstance(pool, TeacherContexts)
        }
        return cls(recipe, run_folder(recipe.name), teacher, given, critics)

    @property
    def store(self) -> Store:
        """Finished shards of this run, and those that ship."""
        return Store(self.folder / "shards", (asset("data/starter"),))

    @cached_property
    def teacher(self) -> CausalTeacher:
        """The loaded teacher."""
        settings = self.recipe.teacher
        return CausalTeacher.load(ordinary_folder(self.teacher_model), settings.dtype, settings.device)

    def panel(self, corpus: str) -> Panel:
        """Critics and diversity of a corpus."""
        return self.critics[corpus], self.recipe.corpora[corpus].diversity


@dataclass(frozen=True)
class Pool:
    """The shards of one pool of contexts: contexts, their next sentences, and the scores of those."""

    name: str
    contexts: list[Shard]
    sentences: list[Shard]
    scores: list[Shard]


def press(run: Run) -> list[Pool]:
    """Contexts, next sentences and scores of every pool of the recipe.

    Finished shards, the run's own or shipped ones, are not made again.
    """
    recipe = run.recipe
    pools = []
    contexts = {name: _contexts(run, name) for name in recipe.contexts}
    for name, shards in contexts.items():
        sentences = _sentences(run, name, shards)
        pools.append(Pool(name, shards, sentences, score(run, sentences, "ordered", name)))
    return pools


def score(
    run: Run, sentences: list[Shard], pairing: Pairing, label: str, corpora: Sequence[str] | None = None
) -> list[Shard]:
    """Score sentence shards with the model-backed critics of some corpora together; of all by default."""
    recipe = run.recipe
    names = sorted(recipe.corpora if corpora is None else corpora)
    panels = [run.panel(name) for name in names]
    keys = sorted((panel_key(run.critics[name], recipe.corpora[name]) for name in names), key=str)
    stage = Stage("scores", 2, {"pairing": pairing, "seed": recipe.seed, "panels": keys})

    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        return Output({"scores": score_shard(inputs[0].table("sentences"), panels, pairing, recipe.seed)})

    tasks = [Task((shard,), _rows(shard)) for shard in sentences]
    return run_stage(run.store, stage, tasks, work, f"scores ({label})", "context")


@dataclass(frozen=True)
class Verdicts:
    """The judged shards of one corpus, and their funnel."""

    shards: list[Shard]
    funnel: list[Step]


def judge(run: Run, corpus: str, sentences: list[Shard], scores: list[Shard], pairing: Pairing) -> Verdicts:
    """Judge the candidate pairs of sentence shards for one corpus."""
    from lemonpress.funnel import merge

    settings = run.recipe.corpora[corpus]
    stage = Stage(
        "verdicts",
        2,
        {"pairing": pairing, "seed": run.recipe.seed, "panel": panel_key(run.critics[corpus], settings)},
    )

    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        kept, rejected, verdict = judge_shard(
            inputs[0].table("sentences"),
            inputs[1].table("scores"),
            run.panel(corpus),
            settings.task,
            pairing,
            run.recipe.seed,
        )
        return Output({"kept": kept, "rejected": rejected}, {"funnel": [step.to_json() for step in verdict.funnel]})

    tasks = [Task((one, other), _rows(one)) for one, other in zip(sentences, scores, strict=True)]
    shards = run_stage(run.store, stage, tasks, work, corpus, "context")
    return Verdicts(shards, merge([Step(**step) for step in shard.stats["funnel"]] for shard in shards))


def panel_key(critics: list[Critic], corpus: CorpusSettings) -> dict[str, Any]:
    """What decides the verdicts of a corpus: its task, critics, their models, diversity; not their order."""
    models = {critic.name: critic.scorer for critic in critics if critic.scorer}
    return {
        "task": corpus.task,
        "critics": sorted(
            (settings.model_dump(mode="json") for settings in corpus.critics), key=lambda s: s["critic"]
        ),
        "models": models,
        "diversity": corpus.diversity.model_dump(mode="json") if corpus.diversity else None,
    }


def teacher_key(run: Run) -> dict[str, Any]:
    """What identifies the teacher in shard keys."""
    return {**run.teacher_model.key, "dtype": run.recipe.teacher.dtype}


def _contexts(run: Run, pool: str) -> list[Shard]:
    recipe, settings = run.recipe, run.recipe.contexts[pool]
    if isinstance(settings, TeacherContexts):
        total, work = settings.count, _sampler(run, pool, settings)
        key: dict[str, Any] = {"pool": pool, "seed": recipe.seed, "teacher": teacher_key(run)}
        key |= settings.model_dump(mode="json", exclude={"count"})
        spans = _spans(total, recipe.shard_size)
        parts = [f"{start}+{count}" for start, count in spans]
    else:
        table = run.given[pool]
        key = {"pool": pool}
        spans = _spans(table.num_rows, recipe.shard_size)
        parts = [digest(table.slice(start, count).to_pylist()) for start, count in spans]

        def work(start: int, count: int, tick: Tick) -> pa.Table:
            return table.slice(start, count)

    tasks = [Task((), count, part) for (_, count), part in zip(spans, parts, strict=True)]
    return run_stage(
        run.store,
        Stage("contexts", 2, key),
        tasks,
        lambda index, inputs, tick: Output({"contexts": work(*spans[index], tick)}, {"rows": spans[index][1]}),
        f"contexts ({pool})",
        "context",
    )


def _spans(total: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(size, total - start)) for start in range(0, total, size)]


def _sampler(run: Run, pool: str, settings: TeacherContexts) -> Callable[[int, int, Tick], pa.Table]:
    def work(start: int, count: int, tick: Tick) -> pa.Table:
        return sample_contexts(run.teacher, settings, pool, run.recipe.seed, start, count, tick)

    return work


def _sentences(run: Run, pool: str, contexts: list[Shard]) -> list[Shard]:
    settings: SentenceSettings = run.recipe.sentences
    stage = Stage(
        "sentences", 1, {**settings.model_dump(mode="json"), "seed": run.recipe.seed, "teacher": teacher_key(run)}
    )

    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        table = sample_sentences(inputs[0].table("contexts"), run.teacher, settings, run.recipe.seed, tick)
        return Output({"sentences": table}, {"rows": table.num_rows})

    tasks = [Task((shard,), _rows(shard)) for shard in contexts]
    return run_stage(run.store, stage, tasks, work, f"sentences ({pool})", "context")


def _rows(shard: Shard) -> int:
    return int(shard.stats["rows"])
