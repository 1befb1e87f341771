"""Variants of a recipe: students that differ in one thing, trained alike and compared on one benchmark."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lemonpress.building import Built, build_corpus
from lemonpress.corpora import SPLITS
from lemonpress.engine.store import Store, sole_run
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.benchmarks import open_benchmark
from lemonpress.evaluation.evaluate import run as evaluate
from lemonpress.evaluation.judges import Judges
from lemonpress.evaluation.results import Result, benchmark_json, differences, scores_json
from lemonpress.evaluation.scoring import MAIN
from lemonpress.evaluation.systems import student_system
from lemonpress.evaluation.table import render
from lemonpress.home import home
from lemonpress.markdown import literal
from lemonpress.markdown import table as markdown_table
from lemonpress.pipeline import require_rows
from lemonpress.pools import Pool
from lemonpress.pressing import press
from lemonpress.recipes import Recipe
from lemonpress.recipes.evaluation import BenchmarkChoice, DecodingSettings
from lemonpress.recipes.judges import JudgeSettings
from lemonpress.runs import Run
from lemonpress.students.datasets import write_rows
from lemonpress.students.train import Training


@dataclass(frozen=True)
class Trial:
    """What variants are made from and compared on.

    Attributes:
        run: The recipe; its pools are pressed in its own folder, once for all studies.
        benchmark: What the students rewrite.
        judges: The models behind metrics.
        decoding: How the students write.
        folder: Where corpora and students of the variants go. Trainings are kept by what they were trained on and
            with, so that a study that was stopped goes on.
    """

    run: Run
    benchmark: Benchmark
    judges: Judges
    decoding: DecodingSettings
    folder: Path

    @classmethod
    def open(cls, study: str, recipe: Recipe, choice: BenchmarkChoice) -> "Trial":
        """Find and check what the recipe and the benchmark need; judges and length of texts are the recipe's.

        Args:
            study: Name of the study.
            recipe: With a student; see `without_control`.
            choice: The benchmark.

        Raises:
            UserError: Something is missing, or no corpus of the recipe has the benchmark's task.
        """
        settings = recipe.benchmark
        benchmark = open_benchmark(choice)
        tasks = {name: corpus.task for name, corpus in recipe.corpora.items()}
        if benchmark.task not in tasks.values():
            raise UserError(
                f"benchmark {benchmark.name}: its task is {benchmark.task}, and recipe {recipe.name} has "
                f"{', '.join(f'{name} ({task})' for name, task in tasks.items())}; give a benchmark of that task"
            )
        run = Run.open(recipe)
        judges = Judges.open(settings.judges if settings else JudgeSettings(), exemplars=False)
        decoding = DecodingSettings(max_new_tokens=settings.max_new_tokens) if settings else DecodingSettings()
        return cls(run, benchmark, judges, decoding, home() / "studies" / study / recipe.name)

    def press(self) -> list[Pool]:
        """The recipe's pools, in the folder of its run, where any other program finds them too.

        Raises:
            UserError: Another process is at work there.
        """
        with sole_run(self.run.folder):
            return press(self.run)

    def build(self) -> dict[str, Built]:
        """The corpora of the recipe, every one with training rows.

        Raises:
            UserError: The critics kept too little.
        """
        run, pools = replace(self.run, folder=self.folder), self.press()
        built = {name: build_corpus(run, name, pools) for name in run.recipe.corpora}
        require_rows(built)
        return built


@dataclass(frozen=True)
class Variant:
    """A student and how it came about.

    Attributes:
        name: Row of the tables.
        trainings: The first, then those of the rounds of self-distillation.
        facts: What else the study tells of it, by column.
    """

    name: str
    trainings: Sequence[Training]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def student(self) -> Training:
        """The last training."""
        return self.trainings[-1]

    @property
    def row(self) -> dict[str, Any]:
        """How it was trained, by column."""
        return {
            **{name: f"{value:,}" if isinstance(value, int) else value for name, value in self.facts.items()},
            "rows": " + ".join(_counted(one) for one in self.trainings),
            "steps": " + ".join(str(one.steps) for one in self.trainings),
            "loss": f"{self.student.first_loss:.2f} → {self.student.last_loss:.2f}",
        }


def _counted(training: Training) -> str:
    return ", ".join(f"{count:,} {task}" for task, count in training.rows.items() if count)


def without_control(recipe: Recipe) -> Recipe:
    """The recipe without syntactic control: variants change pairs, whose trees would no longer be theirs."""
    corpora = {name: corpus.model_copy(update={"control": None}) for name, corpus in recipe.corpora.items()}
    return recipe.model_copy(update={"corpora": corpora})


def with_training_rows(built: Built, rows: pa.Table, folder: Path) -> Built:
    """A corpus with other training rows, its other splits as they are.

    Args:
        built: The corpus.
        rows: Instead of its training split; same columns.
        folder: Where it goes.
    """
    corpus = built.corpus
    for split in SPLITS:
        place = folder / corpus.task / f"{split}.parquet"
        if split == "train":
            write_rows(rows, place)
        else:
            shutil.copyfile(corpus.file(split), place)
    return replace(built, corpus=replace(corpus, folder=folder, rows={**corpus.rows, "train": rows.num_rows}))


def compare(trial: Trial, variants: Sequence[Variant]) -> Result:
    """Let the students rewrite the benchmark, and score what they wrote.

    What was written and judged before is found again, as that of any other evaluation.
    """
    systems = [student_system(one.name, one.student.folder) for one in variants]
    return evaluate(Store(home() / "benchmarks"), systems, trial.benchmark, trial.judges, trial.decoding)


def study_text(title: str, question: str, command: str, variants: Sequence[Variant], result: Result, plot: str) -> str:
    """A study of variants in Markdown: what was asked, the command, how each was trained, how they did.

    Args:
        title: Of the page, as Markdown.
        question: As Markdown.
        command: That makes the study again.
        variants: The first is the one that the others are compared with.
        result: Their comparison.
        plot: File beside the page.
    """
    columns = list(variants[0].row)
    return page(
        title,
        question,
        command,
        [
            *markdown_table([["", *columns], *([one.name, *map(str, one.row.values())] for one in variants)]),
            "",
            *result_lines(result, variants[0].name),
        ],
        plot,
    )


def page(title: str, question: str, command: str, body: Sequence[str], plot: str) -> str:
    """A study's page: title, question, command, findings, plot."""
    parts = [f"# {title}", "", question, "", "```", command, "```", "", *body, "", f"![{title}]({plot})", ""]
    return "\n".join(parts)


def result_lines(result: Result, baseline: str) -> list[str]:
    """The scores of all rows and their differences from one of them, as lines of Markdown."""
    benchmark = result.benchmark
    commit = f" at {benchmark.commit[:12]}" if benchmark.commit else ""
    source = f" ({literal(benchmark.dataset)}{commit})" if benchmark.dataset else ""
    apart = differences(result, baseline)
    metrics = [metric for metric in MAIN[benchmark.task] if all(metric in found for found in apart.values())]
    rows = [[name, *(_difference(found[metric]) for metric in metrics)] for name, found in apart.items()]
    return [
        f"Benchmark: {literal(benchmark.name)}{source}, {len(benchmark.sources):,} sources.",
        "",
        render(dict(result.scores), MAIN[benchmark.task]).rstrip(),
        "",
        f"Difference from {literal(baseline)}, with the 95 % interval of the paired bootstrap over sentences, not "
        "corrected for many comparisons:",
        "",
        *markdown_table([["", *metrics], *rows]),
    ]


def result_json(result: Result, baseline: str, decoding: Mapping[str, DecodingSettings]) -> dict[str, Any]:
    """A comparison as plain values.

    Args:
        result: The comparison.
        baseline: Row that the others are compared with.
        decoding: How the text of each row was written.
    """
    return {
        "benchmark": {"name": result.benchmark.name, **benchmark_json(result.benchmark)},
        "decoding": {name: one.model_dump(mode="json") for name, one in decoding.items()},
        "scores": {name: scores_json(scores) for name, scores in result.scores.items()},
        "baseline": baseline,
        "differences": differences(result, baseline),
    }


def study_json(study: str, trial: Trial, variants: Sequence[Variant], result: Result, command: str) -> dict[str, Any]:
    """A study of variants as plain values, for ``study.json``; folders of trainings are named alone."""
    trained = {
        one.name: {
            **one.facts,
            "trainings": [{**asdict(each), "folder": each.folder.parent.name} for each in one.trainings],
        }
        for one in variants
    }
    return {
        "study": study,
        "command": command,
        "recipe": trial.run.recipe.model_dump(mode="json"),
        "variants": trained,
        **result_json(result, variants[0].name, {one.name: trial.decoding for one in variants}),
    }


def write_texts(result: Result, file: Path) -> None:
    """Write what every row wrote, to read side by side: JSON lines of source, references, and a text by row."""
    texts = {name: one.texts for name, one in result.predictions.items()}
    with file.open("w", encoding="utf-8") as lines:
        for place, (source, references) in enumerate(
            zip(result.benchmark.sources, result.benchmark.references, strict=True)
        ):
            row = {"source": source, "references": references, **{name: own[place] for name, own in texts.items()}}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def _difference(found: Mapping[str, float]) -> str:
    return f"{found['difference']:+.1f} [{found['low']:+.1f}, {found['high']:+.1f}]"
