"""The first half of the walk: contexts to sentences to scores, shard by shard."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from lemonpress.asking.chat import Question
from lemonpress.contexts import sample_contexts
from lemonpress.critics.judging import Pairing
from lemonpress.engine.local import Task, Tick, Work, run_stage
from lemonpress.engine.store import Output, Shard, Stage
from lemonpress.pools import Pool
from lemonpress.recipes import ChatTeacherSettings, PairRows, SourceSentences, TeacherContexts, digest
from lemonpress.runs import Run, teacher_key
from lemonpress.scoring import score
from lemonpress.sentences import sample_sentences
from lemonpress.teachers.chat_api import ChatTeacher, continuation_question, open_teacher, rewriting_question


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
    stage, tasks = Stage("sentences", 1, key), [Task((shard,), shard.rows) for shard in contexts]

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
    stage, tasks = Stage("rewritings", 1, key), [Task((shard,), shard.rows) for shard in contexts]
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
