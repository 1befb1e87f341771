"""The walk: context, sentences, pairs, critics, rows, release, student, self-distillation, release, benchmark.

Builders, trainers and the demo call these steps; each one leaves finished work where it is and makes the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from lemonpress.corpora import Corpus, assemble, split_of
from lemonpress.engine.store import Shard
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark, Score
from lemonpress.evaluation.benchmark import load as load_benchmark
from lemonpress.evaluation.systems import System, compare, perplexity_judge
from lemonpress.evaluation.table import render as render_table
from lemonpress.funnel import Step, merge
from lemonpress.hub.destination import Destination
from lemonpress.hub.reader import read_in_fresh_process
from lemonpress.hub.release import Release
from lemonpress.pressing import Pool, Run, judge, press, readings, score
from lemonpress.publishing import release_base, release_corpus, release_student
from lemonpress.recipes import Recipe, Task, digest
from lemonpress.rows import corpus_schema
from lemonpress.sources import Model, file_digest, resolve
from lemonpress.students.generate import Student, ZeroShot
from lemonpress.students.prompts import prompt, prompt_digest
from lemonpress.students.self_distill import fresh_sentences, press_candidates, training_rows
from lemonpress.students.settings import sft_config
from lemonpress.students.train import Base, Training, fine_tune
from lemonpress.weights import check_causal, ordinary_folder


@dataclass(frozen=True)
class Built:
    """A corpus with the funnel that made it."""

    corpus: Corpus
    funnel: list[Step]


def build_corpus(run: Run, name: str, pools: Sequence[Pool]) -> Built:
    """Judge the pools for one corpus and write it: pairs, critics, rows.

    Args:
        run: The run.
        name: A corpus of the recipe.
        pools: Scored sentences, from `press`.
    """
    verdicts = [judge(run, name, pool.sentences, pool.scores, pool.pairing) for pool in pools]
    shards = [shard for verdict in verdicts for shard in verdict.shards]
    corpus = _assemble(run, name, shards, run.folder / "corpora" / name)
    steps, reasons = readings(pools)
    funnel = [*steps, *merge(verdict.funnel for verdict in verdicts)]
    return Built(replace(corpus, statistics={**corpus.statistics, **reasons}), funnel)


@dataclass(frozen=True)
class Bases:
    """The student's base: its weights here, and the repository that names it."""

    model: Model
    base: Base
    release: Release | None


def publish_base(run: Run, to: Destination) -> Bases:
    """Make sure that the student's base has a repository and a commit.

    Package weights are released under their own name; a Hub model has both already.

    Raises:
        UserError: The base is a local folder, which nobody else could load.
    """
    student = run.recipe.student
    assert student is not None
    model = _student_base(run.recipe)
    folder = ordinary_folder(model)
    if student.model.startswith("package:"):
        release = release_base(run, model, folder, to)
        assert release.commit is not None
        return Bases(model, Base(folder, release.repo_id, release.commit), release)
    return Bases(model, Base(folder, model.id, model.commit), None)


def preflight(run: Run) -> None:
    """Check what the second half of the walk will need, before the first half spends any time.

    Raises:
        UserError: The student's base, a training field or the benchmark file is wrong.
    """
    recipe = run.recipe
    if recipe.student is None:
        raise UserError(f"{recipe.name}: the recipe has no student section; use dataset_builders for corpora alone")
    _student_base(recipe)
    for sft in (recipe.student.sft, {**recipe.student.sft, **recipe.student.distilled_sft}):
        sft_config(sft, run.folder, recipe.seed)
    if recipe.benchmark:
        for task in {corpus.task for corpus in recipe.corpora.values()}:
            load_benchmark(recipe.resolve_path(recipe.benchmark.path), task)


def _student_base(recipe: Recipe) -> Model:
    assert recipe.student is not None
    reference = recipe.student.model
    model = resolve(reference, recipe.student.revision, where="student.model")
    check_causal(model, "student.model")
    if model.commit.startswith("sha256:") and not reference.startswith("package:"):
        raise UserError(f"student.model: {reference} is a local folder; publish it first and give its Hub id")
    return model


def train_student(run: Run, base: Base, built: Mapping[str, Built]) -> Training:
    """Fine-tune the student on the training splits of all corpora (paper, section 3.3, first stage)."""
    student = run.recipe.student
    assert student is not None
    rows = run.folder / "training" / "round-0.parquet"
    training_rows([(one.corpus.task, one.corpus.read("train")) for one in built.values()], rows)
    return _fine_tune(run, rows, base, student.sft, 0, None)


@dataclass(frozen=True)
class Round:
    """One round of self-distillation.

    Attributes:
        fresh: The sources of the round, by corpus.
        distilled: D_para: the student's own pairs that the critics kept, by corpus.
        training: The student trained on them.
    """

    fresh: dict[str, list[dict[str, str]]]
    distilled: dict[str, Built]
    training: Training


def self_distil(
    run: Run,
    base: Base,
    pools: Sequence[Pool],
    built: Mapping[str, Built],
    student: Training,
    earlier: Sequence[Round],
) -> Round:
    """One round: fresh teacher sentences, the student's candidates, the same critics, train again.

    Args:
        run: The run.
        base: The student's base.
        pools: Where fresh sentences come from.
        built: The first corpora: their sentences are not fresh, their test contexts are left alone.
        student: The student that writes, and that is trained further.
        earlier: Rounds done before this one; their sources are not fresh either.

    Raises:
        UserError: The critics keep none of the student's pairs.
    """
    recipe, settings, number = run.recipe, run.recipe.self_distillation, len(earlier) + 1
    assert settings is not None
    assert recipe.student is not None
    sentences = [shard for pool in pools for shard in pool.sentences]
    distilled: dict[str, Built] = {}
    fresh: dict[str, list[dict[str, str]]] = {}
    for name, one in built.items():
        task = one.corpus.task
        used = {text for split in one.corpus.rows for row in _texts(one.corpus, split) for text in row}
        used |= {row["source"] for round_ in earlier for row in round_.fresh[name]}
        contexts = {key for shard in sentences for key in shard.table("sentences")["context_id"].to_pylist()}
        allowed = [key for key in contexts if split_of(key, recipe.corpora[name].holdout) == "train"]
        fresh[name] = fresh_sentences(sentences, used, allowed, settings.sentences, recipe.seed + number)
        shards = press_candidates(run.store, student.folder, task, fresh[name], settings, recipe.seed + number)
        scores = score(run, shards, "from_first", f"{name}, round {number}", [name])
        verdicts = judge(run, name, shards, scores, "from_first")
        corpus = _assemble(run, name, verdicts.shards, run.folder / "corpora" / f"{name}-round-{number}", holdout=0.0)
        distilled[name] = Built(corpus, verdicts.funnel)
    rows = run.folder / "training" / f"round-{number}.parquet"
    parts = [(one.corpus.task, one.corpus.read("train")) for one in distilled.values()]
    if settings.union:
        parts += [(one.corpus.task, one.corpus.read("train").select(["source", "target"])) for one in built.values()]
    if training_rows(parts, rows) == 0:
        raise UserError("self_distillation: the critics kept none of the student's pairs; train the student longer")
    sft = {**recipe.student.sft, **recipe.student.distilled_sft}
    return Round(fresh, distilled, _fine_tune(run, rows, base, sft, number, student))


def benchmark(run: Run, base: Bases, students: Mapping[str, Training]) -> dict[Task, dict[str, list[Score]]]:
    """Compare Copy-Input, the base prompted zero-shot, and students on held-out sentences.

    Args:
        run: The run.
        base: The students' base; it is the zero-shot system, and measures fluency.
        students: Trained students by row name.
    """
    recipe, settings = run.recipe, run.recipe.benchmark
    assert settings is not None
    base_key = {"id": base.base.id, "weights": base.model.commit}
    systems = [System("Copy-Input", {"system": "copy-input"}, None)]
    systems.append(
        System(
            "Base, zero-shot",
            {"system": "zero-shot", "prompt": prompt_digest(), **base_key},
            cache(lambda: ZeroShot.load(base.base.folder)),
        )
    )
    for name, training in students.items():
        key = {
            "system": "student",
            "prompt": prompt_digest(),
            "weights": file_digest(training.folder / "model.safetensors"),
        }
        systems.append(System(name, key, cache(lambda folder=training.folder: Student.load(folder))))
    tasks: list[Task] = list(dict.fromkeys(corpus.task for corpus in recipe.corpora.values()))
    judge_model = perplexity_judge(f"{base.base.id}@{base.model.commit}", base.base.folder)
    results: dict[Task, dict[str, list[Score]]] = {}
    for task in tasks:
        full = load_benchmark(recipe.resolve_path(settings.path), task)
        part = Benchmark(full.name, full.sources[: settings.count], full.references[: settings.count], task)
        results[task] = compare(run.store, systems, part, judge_model, settings.max_new_tokens)
    return results


def benchmark_text(results: Mapping[Task, Mapping[str, list[Score]]]) -> str:
    """The tables of all tasks, as Markdown."""
    return "\n\n".join(f"**{task}**\n\n{render_table(dict(rows))}" for task, rows in results.items())


def publish_student(
    run: Run,
    base: Bases,
    trainings: Sequence[Training],
    corpora: Sequence[Release],
    table: str | None,
    to: Destination,
) -> Release:
    """Publish the last student of a run; its card counts all trainings, the first and every round's."""
    first, *rounds = trainings
    facts: dict[str, Any] = {
        **{f"rows, {task}": count for task, count in first.rows.items()},
        **{f"rows, {task}, self-distillation": sum(r.rows[task] for r in rounds) for task in first.rows if rounds},
        "steps": sum(training.steps for training in trainings),
        "tokens": sum(training.tokens for training in trainings),
        "loss, first steps": round(first.first_loss, 3),
        "loss, last steps": round(trainings[-1].last_loss, 3),
    }
    named = (base.base.id, base.base.commit)
    return release_student(run, trainings[-1], named, base.model, corpora, facts, table, to)


def held_out_sentences(run: Run) -> list[str]:
    """The benchmark's sources; none without a benchmark."""
    if run.recipe.benchmark is None:
        return []
    task = next(iter(run.recipe.corpora.values())).task
    return load_benchmark(run.recipe.resolve_path(run.recipe.benchmark.path), task).sources


def read_back(
    to: Destination, corpora: Sequence[tuple[Release, Task]], student: Release, sources: Sequence[str]
) -> dict[str, Any]:
    """Load releases by tag in a fresh process that has only ``HF_ENDPOINT`` set, and rewrite some sentences.

    Returns:
        ``rows`` of each configuration and split, and the ``texts`` written.

    Raises:
        RuntimeError: The stock clients could not load what was released.
    """
    datasets = [
        (release.repo_id, config, release.tag)
        for release, task in corpora
        for config in (task, "rejected")
        if any(path.startswith(f"{config}/") for path, _ in release.files)
    ]
    prompts = [prompt(task, source) for _, task in corpora[:1] for source in sources]
    return read_in_fresh_process(to, datasets, (student.repo_id, student.tag), prompts)


def _assemble(run: Run, name: str, shards: Sequence[Shard], folder: Path, holdout: float | None = None) -> Corpus:
    settings = run.recipe.corpora[name]
    schema = corpus_schema(run.panels[name].scores)
    share = settings.holdout if holdout is None else holdout
    return assemble(
        shards, folder, settings.task, schema, share, settings.rejected_rows, run.recipe.seed, settings.deduplicate
    )


def _fine_tune(
    run: Run, rows: Path, base: Base, sft: Mapping[str, Any], number: int, start: Training | None
) -> Training:
    """Train in a folder of its own content, so that another recipe's checkpoints are never in the way."""
    settings = run.recipe.student
    assert settings is not None
    key = digest(
        {
            "rows": file_digest(rows),
            "base": base.commit,
            "student": settings.model_dump(mode="json"),
            "sft": dict(sft),
            "seed": run.recipe.seed,
            "start": file_digest(start.folder / "model.safetensors") if start else None,
        }
    )
    out = run.folder / "students" / f"round-{number}-{key[:12]}"
    adapter = start.folder / "adapter" if start else None
    return fine_tune(rows, base, settings, dict(sft), out, run.recipe.seed, resume=True, start=adapter)


def _texts(corpus: Corpus, split: str) -> list[tuple[str, str]]:
    table = corpus.read(split)
    return list(zip(table["source"].to_pylist(), table["target"].to_pylist(), strict=True))


@dataclass(frozen=True)
class Walked:
    """What a whole walk made."""

    pools: list[Pool]
    built: dict[str, Built]
    corpora: dict[str, Release]
    base: Bases
    students: dict[str, Training]
    rounds: list[Round]
    table: str | None
    student: Release


def walk(run: Run, to: Destination, announce: Callable[[str], None]) -> Walked:
    """The whole walk of a recipe with a student.

    Args:
        run: The run.
        to: Where releases go.
        announce: Told of each stage as it begins.

    Raises:
        UserError: A release is refused, or the critics kept too little; `preflight` finds the rest before.
    """
    recipe = run.recipe
    announce("Press: contexts, next sentences, scores")
    pools = press(run)
    announce("Judge: pairs, critics, rows")
    built = {name: build_corpus(run, name, pools) for name in recipe.corpora}
    _require_rows(built)
    announce(f"Release the corpora and the base to {to.endpoint}")
    releases = {name: release_corpus(run, name, one.corpus, one.funnel, to) for name, one in built.items()}
    base = publish_base(run, to)
    announce("Train the student")
    student = train_student(run, base.base, built)
    students = {"Student": student}
    rounds: list[Round] = []
    for number in range(1, (recipe.self_distillation.rounds if recipe.self_distillation else 0) + 1):
        announce(f"Self-distillation, round {number}")
        rounds.append(self_distil(run, base.base, pools, built, student, rounds))
        student = rounds[-1].training
        students[f"Student, self-distilled {number}x"] = student
    table = None
    if recipe.benchmark:
        announce("Benchmark")
        table = benchmark_text(benchmark(run, base, students))
    announce("Release the student")
    released = publish_student(run, base, list(students.values()), list(releases.values()), table, to)
    return Walked(pools, built, releases, base, students, rounds, table, released)


def _require_rows(built: Mapping[str, Built]) -> None:
    for name, one in built.items():
        if one.corpus.rows["train"] == 0:
            raise UserError(
                f"corpora.{name}: the critics kept no training pair; use more contexts, a larger k or milder critics"
            )
