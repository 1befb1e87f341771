"""The walk: context, sentences, pairs, critics, rows, release, student, self-distillation, release, benchmark.

Builders, trainers and the demo call these steps; each one leaves finished work where it is and makes the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemonpress.building import Built, build_corpus
from lemonpress.distilling import Distillation, distil, train_student, wants_validation, with_diversity
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.benchmarks import open_benchmark
from lemonpress.evaluation.chats import instruct_system
from lemonpress.evaluation.evaluate import run as evaluate
from lemonpress.evaluation.judges import Judges
from lemonpress.evaluation.results import Result, measured_of
from lemonpress.evaluation.scoring import MAIN
from lemonpress.evaluation.systems import open_system, student_system
from lemonpress.evaluation.table import render as render_table
from lemonpress.hub.destination import Destination
from lemonpress.hub.reader import read_in_fresh_process
from lemonpress.hub.release import Release
from lemonpress.ingredients import corpus_licence, student_licence
from lemonpress.pools import Pool
from lemonpress.pressing import press
from lemonpress.publishing import collect, release_corpus, release_round
from lemonpress.publishing_students import Bases, publish_base, release_student, resolve_base, training_facts
from lemonpress.recipes import BenchmarkSettings, Recipe, Task
from lemonpress.recipes.evaluation import BenchmarkChoice, CopyInput, DecodingSettings, InstructModel
from lemonpress.runs import Run
from lemonpress.sources import Model
from lemonpress.students import contract as contracts
from lemonpress.students.prompts import prompt
from lemonpress.students.train import Training, check_kind, schedule_evaluation
from lemonpress.students.tree import kind_of
from lemonpress.weights import language_model_kind


def publish_student_base(run: Run, to: Destination) -> Bases:
    """Make sure that the base of the recipe's student has a repository and a commit."""
    return publish_base(_student_base(run.recipe), run.recipe.namespace, to, run.recipe.name)


def preflight(run: Run) -> None:
    """Check what the second half of the walk will need, before the first half spends any time.

    Raises:
        UserError: The student's base, a training field or the benchmark file is wrong, or licences contradict.
    """
    from lemonpress.students.settings import sft_config

    recipe = run.recipe
    if recipe.student is None:
        raise UserError(f"{recipe.name}: the recipe has no student section; use dataset_builders for corpora alone")
    base = _student_base(recipe)
    kind = language_model_kind(base, "student.model")
    for name in recipe.corpora:
        corpus_licence(run, name)
    student_licence(run, base)
    for sft in (recipe.student.sft, {**recipe.student.sft, **recipe.student.distilled_sft}):
        config = sft_config(sft, recipe.seed)
        check_kind(kind, recipe.student, config)
        schedule_evaluation(config, recipe.student, wants_validation(recipe.student, sft))
    if recipe.benchmark:
        _benchmarks(recipe, recipe.benchmark)
        Judges.open(recipe.benchmark.judges, exemplars=False)


def _student_base(recipe: Recipe) -> Model:
    assert recipe.student is not None
    return resolve_base(recipe.student.model, recipe.student.revision)


def benchmark(run: Run, base: Bases, students: Mapping[str, Training]) -> list[Result]:
    """Compare Copy-Input, the base prompted zero-shot, and students on held-out sentences.

    Args:
        run: The run.
        base: The students' base; it is the zero-shot system.
        students: Trained students by row name.
    """
    recipe, settings = run.recipe, run.recipe.benchmark
    assert settings is not None
    zero_shot = Model(base.base.id, base.model.commit, base.base.folder, base.model.licence)
    systems = [
        open_system("Copy-Input", CopyInput(system="copy")),
        instruct_system("Base, zero-shot", zero_shot, InstructModel(system="instruct", model=base.base.id)),
        *(student_system(name, training.folder) for name, training in students.items()),
    ]
    judges = Judges.open(settings.judges, exemplars=False)
    decoding = DecodingSettings(max_new_tokens=settings.max_new_tokens)
    return [evaluate(run.store, systems, one, judges, decoding) for one in _benchmarks(recipe, settings)]


def _benchmarks(recipe: Recipe, settings: BenchmarkSettings) -> list[Benchmark]:
    """The benchmark file as it is for each task of the recipe's corpora."""
    tasks: list[Task] = list(dict.fromkeys(corpus.task for corpus in recipe.corpora.values()))
    return [
        open_benchmark(BenchmarkChoice(data=str(recipe.resolve_path(settings.path)), task=task, count=settings.count))
        for task in tasks
    ]


def benchmark_text(results: Sequence[Result]) -> str:
    """The tables of all tasks, as Markdown."""
    return "\n\n".join(
        f"**{one.benchmark.task}**\n\n{render_table(dict(one.scores), MAIN[one.benchmark.task])}" for one in results
    )


def publish_student(
    run: Run,
    base: Bases,
    trainings: Sequence[Training],
    corpora: Sequence[Release],
    results: Sequence[Result],
    to: Destination,
    name: str | None = None,
) -> Release:
    """Publish the last student of some trainings; its card counts them all, the first and every round's.

    Args:
        run: The run.
        base: What it was trained on.
        trainings: The first, and those of the rounds up to this student's.
        corpora: Releases that it was trained on.
        results: Benchmarks that it was compared on, as the last system; none leaves them out of its card.
        to: Where it goes.
        name: Repository name; the recipe's by default.
    """
    measured = measured_of(results, list(results[0].scores)[-1], benchmark_text(results)) if results else None
    seconds = sum(one.seconds for one in trainings)
    return release_student(run, trainings[-1], base, corpora, training_facts(trainings), measured, seconds, to, name)


def held_out_sentences(run: Run) -> list[str]:
    """The benchmark's sources; none without a benchmark."""
    if run.recipe.benchmark is None:
        return []
    return _benchmarks(run.recipe, run.recipe.benchmark)[0].sources


def read_back(
    to: Destination, corpora: Sequence[tuple[Release, Task]], student: Release, tree: Path, sources: Sequence[str]
) -> dict[str, Any]:
    """Load releases by tag in a fresh process that has only ``HF_ENDPOINT`` set, and rewrite some sentences.

    Args:
        to: The Hub.
        corpora: Releases and their tasks.
        student: The student's release.
        tree: What was released of it, for its prompts.
        sources: Sentences that it rewrites for the first corpus's task.

    Returns:
        ``rows`` of each configuration and split, and the ``texts`` written.

    Raises:
        RuntimeError: The stock clients could not load what was released.
    """
    datasets = [
        (release.repo_id, config, release.tag)
        for release, task in corpora
        for config in (task, "control", "rejected", "raw")
        if any(path.startswith(f"{config}/") for path, _ in release.files)
    ]
    formats = contracts.read(tree, kind_of(tree)).formats
    prompts = [prompt(task, source, formats) for _, task in corpora[:1] for source in sources]
    return read_in_fresh_process(to, datasets, (student.repo_id, student.tag), prompts)


@dataclass(frozen=True)
class Walked:
    """What a whole walk made."""

    pools: list[Pool]
    built: dict[str, Built]
    corpora: dict[str, Release]
    base: Bases
    students: dict[str, Training]
    distillation: Distillation
    rounds: list[Release]
    results: list[Result]
    student: Release
    collection: str | None

    @property
    def tree(self) -> Path:
        """What was released of the student."""
        return list(self.students.values())[-1].folder


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
    require_rows(built)
    announce(f"Release the corpora and the base to {to.endpoint}")
    releases = {name: release_corpus(run, name, one, to) for name, one in built.items()}
    base = publish_student_base(run, to)
    announce("Train the student")
    student = train_student(run, base.base, built)
    distillation = distil(run, base.base, pools, built, student, announce)
    students = {"Student": student} | {
        f"Student, self-distilled {one.number}x": one.training for one in distillation.rounds
    }
    rounds = publish_rounds(run, base, student, distillation, list(releases.values()), to)
    results = []
    if recipe.benchmark:
        announce("Benchmark")
        results = benchmark(run, base, students)
    announce("Release the student")
    own = [release for release in rounds if release.repo_type == "dataset"]
    released = publish_student(run, base, list(students.values()), [*releases.values(), *own], results, to)
    everything = [*releases.values(), *([base.release] if base.release else []), *rounds, released]
    collection = collect(recipe, everything, to)
    return Walked(pools, built, releases, base, students, distillation, rounds, results, released, collection)


def publish_rounds(
    run: Run, base: Bases, first: Training, distillation: Distillation, corpora: Sequence[Release], to: Destination
) -> list[Release]:
    """Publish every round's corpora and student, where the recipe asks for it, as NAME-round-N.

    Round 0 is the student before the first round, which wrote that round's corpora.

    Returns:
        The releases, in the order in which they were made.
    """
    settings, student = run.recipe.self_distillation, run.recipe.student
    if settings is None or not settings.release:
        return []
    assert student is not None
    trainings = [first]
    used = list(corpora)
    made = [publish_student(run, base, trainings, used, (), to, f"{student.name}-round-0")]
    for one in distillation.rounds:
        writer = made[-1]
        own = [
            release_round(
                with_diversity(run, name, settings.diversity),
                name,
                built,
                one.number,
                len(one.fresh[name]),
                writer,
                base.model,
                to,
            )
            for name, built in one.distilled.items()
            if built.corpus.rows["train"]
        ]
        trainings.append(one.training)
        used += own
        made += [*own, publish_student(run, base, trainings, used, (), to, f"{student.name}-round-{one.number}")]
    return made


def require_rows(built: Mapping[str, Built]) -> None:
    """Refuse to train where a corpus has no training pair.

    Raises:
        UserError: A corpus is empty.
    """
    for name, one in built.items():
        if one.corpus.rows["train"] == 0:
            raise UserError(
                f"corpora.{name}: the critics kept no training pair; use more contexts, a larger k or milder critics"
            )
