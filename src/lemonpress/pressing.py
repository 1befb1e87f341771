"""The first half of the walk: contexts to sentences to scores, shard by shard."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from lemonpress.asking.questions import Question
from lemonpress.contexts import sample_contexts
from lemonpress.critics.judging import Pairing
from lemonpress.engine.local import Task, Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage
from lemonpress.errors import UserError
from lemonpress.pools import Pool
from lemonpress.recipes import ChatTeacherSettings, PairRows, SourceSentences, TeacherContexts, digest
from lemonpress.runs import Run, teacher_key
from lemonpress.scoring import score
from lemonpress.sentences import sample_sentences
from lemonpress.teachers.chat_api import ChatTeacher, continuation_question, open_teacher, rewriting_question
from lemonpress.teachers.rewriting import messages_for

_SOURCES = 16  # given sources to a context: a source has a few pairs, a context thousands
_TELLING = 8  # answers without any rewriting that tell enough of a teacher


def press(run: Run, corpora: Collection[str] | None = None) -> list[Pool]:
    """Contexts, next sentences and scores of every pool of the recipe.

    Finished shards, the run's own or shipped ones, are not made again.

    Args:
        run: The run.
        corpora: Sentences are rewritten for these corpora alone; for all of the recipe if None.

    Raises:
        UserError: The teacher cannot be used, or its first answers hold nothing.
    """
    return [_scored(run, pool) for pool in write(run, corpora)]


def write(run: Run, corpora: Collection[str] | None = None) -> list[Pool]:
    """The pools of `press` without scores: everything that a teacher writes, before any critic."""
    contexts = {name: [] if _is_paired(run, name) else _contexts(run, name) for name in run.recipe.contexts}
    wanted = [name for name in run.recipe.corpora if corpora is None or name in corpora]
    writings = {
        name: [] if _is_paired(run, name) else _writings(run, name, shards, wanted)
        for name, shards in contexts.items()
    }
    pools = []
    with _served(run, [one for every in writings.values() for one in every]) as served:
        for name, shards in contexts.items():
            if _is_paired(run, name):
                pools.append(Pool(name, [], _paired(run, name), [], "given"))
            for one in writings[name]:
                pairing: Pairing = "pool" if one.corpus is None else "from_first"
                pools.append(Pool(name, shards, one.written(run, served), [], pairing, one.corpus))
    return pools


def _scored(run: Run, pool: Pool) -> Pool:
    corpora = None if pool.corpus is None else [pool.corpus]
    return replace(pool, scores=score(run, pool.sentences, pool.pairing, pool.name, corpora))


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
    spans = _spans(table.num_rows, _SOURCES * run.recipe.shard_size)
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


@dataclass(frozen=True)
class _Writing:
    """What a teacher writes for a pool: the shards of one stage.

    Attributes:
        stage: Of the shards.
        tasks: A shard of contexts each.
        label: For people.
        unit: What is counted.
        here: What a model on this machine does with some contexts.
        there: What one behind a server does.
        question: What that one is asked for a context.
        corpus: For which sentences are rewritten; None where contexts are continued.
    """

    stage: Stage
    tasks: list[Task]
    label: str
    unit: str
    here: Callable[[pa.Table, Tick], pa.Table]
    there: Callable[[ChatTeacher, pa.Table, Tick], pa.Table]
    question: Callable[[str], Question]
    corpus: str | None = None

    def written(self, run: Run, served: ChatTeacher | None) -> list[Shard]:
        """The shards, made where they are missing."""

        def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
            rows = inputs[0].table("contexts")
            table = self.here(rows, tick) if served is None else self.there(served, rows, tick)
            self._check(run, table)
            return Output({"sentences": table}, {"rows": table.num_rows})

        return run_stage(run.store, self.stage, self.tasks, work, self.label, self.unit)

    def questions(self, run: Run) -> Iterator[Question]:
        """What a server is asked for the shards that are missing."""
        for index, task in enumerate(self.tasks):
            if run.store.find(self.stage, task.key(self.stage, index)) is None:
                yield from map(self.question, task.inputs[0].table("contexts")["context"].to_pylist())

    def _check(self, run: Run, table: pa.Table) -> None:
        """Do not go on with a teacher whose answers hold no rewriting: each may cost money or minutes."""
        rows = table.to_pylist()
        if self.corpus is None or len(rows) < _TELLING or any(len(row["sentences"]) > 1 for row in rows):
            return
        dropped: Counter[str] = Counter()
        for row in rows:
            dropped.update(dict(row["dropped"]))
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.most_common(3)) or "copies alone"
        assert run.teacher_model is not None
        raise UserError(
            f"{self.label}: none of {len(rows):,} answers of {run.teacher_model.id} holds a rewriting ({reasons}); "
            f"raise corpora.{self.corpus}.rewriting.max_new_tokens, word its prompt otherwise, or take another teacher"
        )


def _writings(run: Run, pool: str, contexts: list[Shard], corpora: Sequence[str]) -> list[_Writing]:
    if isinstance(run.recipe.contexts[pool], SourceSentences):
        return [_rewriting(run, pool, corpus, contexts) for corpus in corpora]
    settings, seed = run.recipe.sentences, run.recipe.seed
    key = {**settings.model_dump(mode="json", exclude_none=True), "seed": seed, "teacher": teacher_key(run)}
    return [
        _Writing(
            Stage("sentences", 1, key),
            [Task((shard,), shard.rows) for shard in contexts],
            f"sentences ({pool})",
            "context",
            lambda rows, tick: sample_sentences(rows, run.teacher, settings, seed, tick),
            lambda teacher, rows, tick: teacher.continue_contexts(rows, settings, seed, tick),
            lambda text: continuation_question(settings, text, seed),
        )
    ]


def _rewriting(run: Run, pool: str, corpus: str, contexts: list[Shard]) -> _Writing:
    settings, task, seed = run.recipe.corpora[corpus].rewriting, run.recipe.corpora[corpus].task, run.recipe.seed
    key = {
        **settings.model_dump(mode="json"),
        "task": task,
        "asked": messages_for(settings, "{sentence}", task),  # our words too, where the recipe has none
        "seed": seed,
        "teacher": teacher_key(run),
    }
    return _Writing(
        Stage("rewritings", 2, key),
        [Task((shard,), shard.rows) for shard in contexts],
        f"rewritings ({pool}, {corpus})",
        "sentence",
        lambda rows, tick: run.instruct.rewrite(rows, settings, task, seed, tick),
        lambda teacher, rows, tick: teacher.rewrite(rows, settings, task, seed, tick),
        lambda text: rewriting_question(settings, text, task, seed),
        corpus,
    )


@contextmanager
def _served(run: Run, writings: Sequence[_Writing]) -> Iterator[ChatTeacher | None]:
    """The teacher on a server, checked and told of all that it will be asked; None for one on this machine."""
    settings = run.recipe.teacher
    if not isinstance(settings, ChatTeacherSettings) or not writings:
        yield None
        return
    with open_teacher(settings, run.limit) as teacher:
        questions = [question for one in writings for question in one.questions(run)]
        if questions:
            teacher.check(questions[0])
            told = teacher.estimate(questions)
            if told is not None:
                print(f"{len(questions):,} questions will take about {told.line()}")
            teacher.ask_ahead(questions)
        yield teacher
