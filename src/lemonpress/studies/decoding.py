"""Decoding: what one student writes greedily, sampled and by beam search."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lemonpress.engine.store import Store
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.benchmarks import open_benchmark
from lemonpress.evaluation.evaluate import run as evaluate
from lemonpress.evaluation.judges import Judges
from lemonpress.evaluation.predictions import Prediction
from lemonpress.evaluation.results import Result
from lemonpress.evaluation.scoring import Score
from lemonpress.evaluation.systems import open_system
from lemonpress.evaluation.writing import System
from lemonpress.home import home
from lemonpress.markdown import literal
from lemonpress.recipes.evaluation import BenchmarkChoice, DecodingSettings, StudentSystem
from lemonpress.recipes.judges import JudgeSettings
from lemonpress.studies.variant_plans import GREEDY, DecodingPlan
from lemonpress.studies.variants import page, result_json, result_lines


@dataclass(frozen=True)
class Subject:
    """What is studied.

    Attributes:
        name: Of the student.
        system: The student.
        benchmark: What it rewrites.
        judges: The models behind metrics.
    """

    name: str
    system: System
    benchmark: Benchmark
    judges: Judges

    @classmethod
    def open(cls, student: str, revision: str | None, choice: BenchmarkChoice, judges: JudgeSettings) -> "Subject":
        """Find and check everything that is named, before any work.

        Args:
            student: Hub id or ./folder.
            revision: Commit, tag or branch of a Hub student.
            choice: The benchmark.
            judges: The models behind metrics.

        Raises:
            UserError: Something is missing or of the wrong kind.
        """
        benchmark = open_benchmark(choice)
        system = open_system(student, StudentSystem(system="student", model=student, revision=revision))
        system.check(benchmark, DecodingSettings())
        return cls(student, system, benchmark, Judges.open(judges, exemplars=False))


def study(plan: DecodingPlan, subject: Subject, announce: Callable[[str], None]) -> Result:
    """Let the student rewrite the benchmark by every setting, and score what it wrote.

    What was written and judged before is found again, as that of any other evaluation.

    Returns:
        One row a setting.
    """
    store = Store(home() / "benchmarks")
    predictions: dict[str, Prediction] = {}
    scores: dict[str, list[Score]] = {}
    for name, decoding in plan.settings.items():
        announce(name)
        found = evaluate(store, [subject.system], subject.benchmark, subject.judges, decoding)
        (predictions[name],), (scores[name],) = found.predictions.values(), found.scores.values()
    return Result(subject.benchmark, predictions, scores)


def report(plan: DecodingPlan, subject: Subject, result: Result, command: str) -> str:
    """The study in Markdown: what was asked, the command, how each setting did."""
    question = (
        f"How should {literal(subject.name)} write? It rewrote every source once by each setting, of at most "
        f"{plan.max_new_tokens} tokens."
    )
    found = result_lines(result, GREEDY)
    return page(f"Decoding, {literal(subject.name)}", question, command, found, "decoding.png")


def figures(plan: DecodingPlan, subject: Subject, result: Result, command: str) -> dict[str, Any]:
    """The study as plain values, for ``study.json``."""
    return {
        "study": "decoding",
        "command": command,
        "student": dict(subject.system.key),
        **result_json(result, GREEDY, plan.settings),
    }
