"""The first half of the walk: contexts to sentences to scores, shard by shard."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from lemonpress.asking.chat import Question
from lemonpress.assets import asset
from lemonpress.contexts import read_contexts, sample_contexts
from lemonpress.critics import build, build_diversity
from lemonpress.critics.judging import Pairing, Panel, judge_shard, score_shard
from lemonpress.engine.local import Task, Tick, Work, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.errors import UserError
from lemonpress.existing import read_pairs
from lemonpress.funnel import Step, add_costs, merge
from lemonpress.home import run_folder
from lemonpress.recipes import (
    ChatTeacherSettings,
    ControlSettings,
    CorpusSettings,
    PairRows,
    Recipe,
    SourceSentences,
    TeacherContexts,
    TeacherSettings,
    digest,
)
from lemonpress.sentences import sample_sentences
from lemonpress.source_sentences import read_sentences
from lemonpress.sources import Model, resolve
from lemonpress.syntax.parsers import Parser, find_parser
from lemonpress.teachers.causal_lm import CausalTeacher
from lemonpress.teachers.chat_api import (
    ChatTeacher,
    Limit,
    continuation_question,
    open_teacher,
    rewriting_question,
)
from lemonpress.teachers.instruct import InstructTeacher
from lemonpress.weights import check_causal, ordinary_folder

SERVED = "served"
"""In place of the commit of a model behind a server, which names none."""
_NO_LIMIT = Limit()


@dataclass(frozen=True)
class Run:
    """A recipe, its folder and its models; models load when they are first needed.

    Attributes:
        recipe: What to do.
        folder: Everything this run writes.
        teacher_model: The resolved teacher; None where every pool is one of existing pairs.
        given: What was read from files or datasets, by pool: contexts, sentences to rewrite, or pairs.
        limit: What a teacher behind a server may cost.
        panels: What judges each corpus.
        parsers: What parses the targets of each corpus with syntactic control.
    """

    recipe: Recipe
    folder: Path
    teacher_model: Model | None
    given: Mapping[str, pa.Table] = field(repr=False)
    limit: Limit
    panels: Mapping[str, Panel] = field(repr=False)
    parsers: Mapping[str, Parser] = field(repr=False)

    @classmethod
    def open(cls, recipe: Recipe, limit: Limit = _NO_LIMIT) -> "Run":
        """Check everything that can be checked before any work: models, servers, files, critics.

        Args:
            recipe: What to do.
            limit: What a teacher behind a server may cost.

        Raises:
            UserError: A model, server, package or file is missing or wrong.
        """
        teacher = None
        if isinstance(recipe.teacher, ChatTeacherSettings):
            teacher = Model(recipe.teacher.model, SERVED, Path(), recipe.teacher.licence)
        elif recipe.teacher is not None:
            teacher = resolve(recipe.teacher.model, recipe.teacher.revision, where="teacher.model")
            check_causal(teacher, "teacher.model")
            teacher = replace(teacher, licence=recipe.teacher.licence or teacher.licence)
        panels = {name: _panel(name, corpus) for name, corpus in recipe.corpora.items()}
        parsers = {name: _parser(name, corpus.control) for name, corpus in recipe.corpora.items() if corpus.control}
        given = {}
        for name, pool in recipe.contexts.items():
            if isinstance(pool, PairRows):
                _check_columns(name, pool, panels)
                given[name] = read_pairs(pool, name, recipe.resolve_path)
            elif isinstance(pool, SourceSentences):
                given[name] = read_sentences(pool, name, recipe.resolve_path)
            elif not isinstance(pool, TeacherContexts):
                given[name] = read_contexts(pool, name, recipe.resolve_path)
        return cls(recipe, run_folder(recipe.name), teacher, given, limit, panels, parsers)

    @property
    def store(self) -> Store:
        """Finished shards of this run, and those that ship."""
        return Store(self.folder / "shards", (asset("data/starter"),))

    @cached_property
    def teacher(self) -> CausalTeacher:
        """The loaded teacher."""
        return CausalTeacher.load(*self._local)

    @cached_property
    def instruct(self) -> InstructTeacher:
        """The loaded teacher, to be asked in its chat template."""
        return InstructTeacher.load(*self._local)

    @property
    def _local(self) -> tuple[Path, str, str]:
        settings = self.recipe.teacher
        assert isinstance(settings, TeacherSettings)
        assert self.teacher_model is not None
        return ordinary_folder(self.teacher_model), settings.dtype, settings.device


@dataclass(frozen=True)
class Pool:
    """The shards of one pool: contexts, their next sentences, and the scores of those.

    A pool of existing pairs has no context shards; its pairing is ``given``. The sentences of a pool that a model on a
    server rewrote are for one corpus, which decides what was asked.
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


def press(run: Run, corpora: Collection[str] | None = None) -> list[Pool]:
    """Contexts, next sentences and scores of every pool of the recipe.

    Finished shards, the run's own or shipped ones, are not made again.

    Args:
        run: The run.
        corpora: A teacher on a server rewrites sentences for these corpora alone; for all of the recipe if None.
    """
    recipe = run.recipe
    pools = []
    contexts = {name: [] if _is_paired(run, name) else _contexts(run, name) for name in recipe.contexts}
    for name, shards in contexts.items():
        if isinstance(recipe.contexts[name], SourceSentences):
            wanted = [one for one in recipe.corpora if corpora is None or one in corpora]
            pools += [_rewritten(run, name, corpus, shards) for corpus in wanted]
            continue
        pairing: Pairing = "given" if _is_paired(run, name) else "pool"
        sentences = _paired(run, name) if pairing == "given" else _sentences(run, name, shards)
        pools.append(Pool(name, shards, sentences, score(run, sentences, pairing, name), pairing))
    return pools


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

    tasks = [Task((shard,), _rows(shard)) for shard in sentences]
    return run_stage(run.store, stage, tasks, work, f"scores ({label})", "context")


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

    tasks = [Task((one, other), _rows(one)) for one, other in zip(sentences, scores, strict=True)]
    shards = run_stage(run.store, stage, tasks, work, corpus, "context")
    key = _key_digest(run, corpus)
    costs = merge(_steps(shard.stats["funnels"].get(key, [])) for shard in scores)
    return Verdicts(shards, add_costs(merge(_steps(shard.stats["funnel"]) for shard in shards), costs))


def _steps(values: list[dict[str, Any]]) -> list[Step]:
    return [Step(**value) for value in values]


def _key_digest(run: Run, corpus: str) -> str:
    return digest(panel_key(run.panels[corpus], run.recipe.corpora[corpus]))


def panel_key(panel: Panel, corpus: CorpusSettings) -> dict[str, Any]:
    """What decides the verdicts of a corpus: its task, critics, their models, diversity; not their order."""
    return {
        "task": corpus.task,
        "pairs": corpus.pairs,
        "critics": sorted((settings.model_dump(mode="json") for settings in corpus.critics), key=str),
        "models": {critic.name: critic.key for critic in panel.critics if critic.key},
        "diversity": corpus.diversity.model_dump(mode="json") if corpus.diversity else None,
    }


def teacher_key(run: Run) -> dict[str, Any]:
    """What identifies the teacher in shard keys."""
    assert run.teacher_model is not None
    settings = run.recipe.teacher
    return {**run.teacher_model.key, **({"dtype": settings.dtype} if isinstance(settings, TeacherSettings) else {})}


def _panel(name: str, corpus: CorpusSettings) -> Panel:
    critics = build(corpus.critics, partial(resolve, where=f"corpora.{name}.critics"))
    critics.sort(key=lambda critic: (critic.cost, critic.name))  # the order in a recipe decides nothing
    return Panel(critics, build_diversity(corpus.diversity, critics), corpus.pairs)


def _parser(name: str, control: ControlSettings) -> Parser:
    where = f"corpora.{name}.control"
    return find_parser(control.parser, control.model, partial(resolve, where=where), where)


def _check_columns(name: str, pool: PairRows, panels: Mapping[str, Panel]) -> None:
    for corpus, panel in panels.items():
        for critic in panel.critics:
            if "context" in critic.columns and pool.context_column is None:
                raise UserError(
                    f"contexts.{name}: critic {critic.name} of corpora.{corpus} reads contexts, and these pairs have "
                    "none; name their context_column or take the critic out"
                )


def _is_paired(run: Run, pool: str) -> bool:
    return isinstance(run.recipe.contexts[pool], PairRows)


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
            return _rows_alone(table, start, count)

    tasks = [Task((), count, part) for (_, count), part in zip(spans, parts, strict=True)]
    return run_stage(
        run.store,
        Stage("contexts", 2, key),
        tasks,
        lambda index, inputs, tick: Output({"contexts": work(*spans[index], tick)}, {"rows": spans[index][1]}),
        f"contexts ({pool})",
        "context",
    )


def _rows_alone(table: pa.Table, start: int, count: int) -> pa.Table:
    """Some rows without the commit they came from: equal rows are equal shards."""
    return table.slice(start, count).replace_schema_metadata(None)


def _spans(total: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(size, total - start)) for start in range(0, total, size)]


def _sampler(run: Run, pool: str, settings: TeacherContexts) -> Callable[[int, int, Tick], pa.Table]:
    def work(start: int, count: int, tick: Tick) -> pa.Table:
        return sample_contexts(run.teacher, settings, pool, run.recipe.seed, start, count, tick)

    return work


def _paired(run: Run, pool: str) -> list[Shard]:
    table = run.given[pool]
    spans = _spans(table.num_rows, run.recipe.shard_size)
    parts = [_rows_alone(table, start, count) for start, count in spans]
    tasks = [Task((), part.num_rows, digest(part.to_pylist())) for part in parts]
    return run_stage(
        run.store,
        Stage("pairs", 1, {"pool": pool}),
        tasks,
        lambda index, inputs, tick: Output({"sentences": parts[index]}, {"rows": parts[index].num_rows}),
        f"pairs ({pool})",
        "group",
    )


def _sentences(run: Run, pool: str, contexts: list[Shard]) -> list[Shard]:
    settings, seed = run.recipe.sentences, run.recipe.seed
    key = {**settings.model_dump(mode="json", exclude_none=True), "seed": seed, "teacher": teacher_key(run)}
    stage, tasks = Stage("sentences", 1, key), [Task((shard,), _rows(shard)) for shard in contexts]

    def written(write: Callable[[pa.Table, Tick], pa.Table]) -> list[Shard]:
        return run_stage(run.store, stage, tasks, _writing(write), f"sentences ({pool})", "context")

    if not isinstance(run.recipe.teacher, ChatTeacherSettings):
        return written(lambda rows, tick: sample_sentences(rows, run.teacher, settings, seed, tick))
    with _served(run, pool, stage, tasks, lambda text: continuation_question(settings, text, seed)) as teacher:
        return written(lambda rows, tick: teacher.continue_contexts(rows, settings, seed, tick))


def _rewritten(run: Run, pool: str, corpus: str, contexts: list[Shard]) -> Pool:
    """What the teacher makes of every sentence of a pool for one corpus, and its scores."""
    settings, task, seed = run.recipe.corpora[corpus].rewriting, run.recipe.corpora[corpus].task, run.recipe.seed
    key = {**settings.model_dump(mode="json"), "task": task, "seed": seed, "teacher": teacher_key(run)}
    stage, tasks = Stage("rewritings", 1, key), [Task((shard,), _rows(shard)) for shard in contexts]
    label = f"{pool}, {corpus}"

    def written(write: Callable[[pa.Table, Tick], pa.Table]) -> list[Shard]:
        return run_stage(run.store, stage, tasks, _writing(write), f"rewritings ({label})", "sentence")

    if isinstance(run.recipe.teacher, ChatTeacherSettings):
        with _served(run, label, stage, tasks, lambda text: rewriting_question(settings, text, task, seed)) as teacher:
            shards = written(lambda rows, tick: teacher.rewrite(rows, settings, task, seed, tick))
    else:
        shards = written(lambda rows, tick: run.instruct.rewrite(rows, settings, task, seed, tick))
    return Pool(pool, contexts, shards, score(run, shards, "from_first", pool, [corpus]), "from_first", corpus)


def _writing(write: Callable[[pa.Table, Tick], pa.Table]) -> Work:
    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        table = write(inputs[0].table("contexts"), tick)
        return Output({"sentences": table}, {"rows": table.num_rows})

    return work


@contextmanager
def _served(
    run: Run, label: str, stage: Stage, tasks: Sequence[Task], ask: Callable[[str], Question]
) -> Iterator[ChatTeacher]:
    """The teacher on a server; where shards are missing, first checked, told from a sample, and asked in batches."""
    settings = run.recipe.teacher
    assert isinstance(settings, ChatTeacherSettings)
    with open_teacher(settings, run.limit) as teacher:
        if any(run.store.find(stage, task.key(stage, at)) is None for at, task in enumerate(tasks)):
            contexts = [task.inputs[0].table("contexts")["context"].to_pylist() for task in tasks]
            questions = [ask(text) for texts in contexts for text in texts]
            teacher.check(questions[0])
            told = teacher.estimate(questions)
            if told is not None:
                print(f"{label}: {len(questions):,} questions will take about {told.line()}")
            teacher.ask_ahead(questions)
        yield teacher


def _rows(shard: Shard) -> int:
    return int(shard.stats["rows"])
