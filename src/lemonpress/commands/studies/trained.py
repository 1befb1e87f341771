"""What the studies that train students share: recipe, benchmark, base, and what they write."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lemonpress.console import heading
from lemonpress.recipes import Recipe, add_recipe_arguments
from lemonpress.recipes.evaluation import BenchmarkChoice

if TYPE_CHECKING:
    from lemonpress.evaluation.results import Result
    from lemonpress.students.train import Base
    from lemonpress.studies.variants import Trial

DATA = "data/heldout.jsonl"


def add_recipe(parser: argparse.ArgumentParser, epilog: str) -> None:
    """Recipe and overrides, with the study's own words before the table of keys."""
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")
    parser.epilog = f"{epilog}\n{parser.epilog}"


def add_benchmark(parser: argparse.ArgumentParser) -> None:
    """The benchmark, how much of it, and where the study goes."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--benchmark", metavar="NAME", help="a declared benchmark, such as mrpc, quora or gigaword")
    which.add_argument(
        "--data",
        metavar="FILE",
        help=f"JSON lines (.gz too) of source and reference or references (default: {DATA}, which ships)",
    )
    parser.add_argument(
        "--task", choices=("paraphrase", "summary"), default="paraphrase", help="of --data (default: paraphrase)"
    )
    parser.add_argument("--count", type=int, metavar="N", help="use the first N rows (default: all)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write")


def benchmark_choice(args: argparse.Namespace) -> BenchmarkChoice:
    """The benchmark that the command line names.

    Raises:
        UserError: --count is below 1.
    """
    from lemonpress.recipes.load import check_section

    named = {"name": args.benchmark} if args.benchmark else {"data": args.data or DATA, "task": args.task}
    return check_section({**named, "count": args.count}, "command line", BenchmarkChoice)


def options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of a command line by name, to write it again."""
    skipped = ("command", "study", "overrides")
    named = {name.replace("_", "-"): value for name, value in vars(args).items() if name not in skipped}
    return {name: value for name, value in named.items() if name != "task" or args.benchmark is None}


def run_trial(trial: "Trial", work: "Callable[[Base], None]") -> None:
    """Check the recipe's second half, put the students' base on the local Hub, and work in the study's folder alone.

    Raises:
        UserError: The student's base or a training setting is wrong, or another process is at work.
    """
    from lemonpress.engine.store import sole_run
    from lemonpress.hub.destination import destination
    from lemonpress.pipeline import preflight, publish_student_base

    preflight(trial.run)
    to = destination("local")
    with sole_run(trial.folder):
        with sole_run(trial.run.folder):  # where the base is staged
            base = publish_student_base(trial.run, to).base
        work(base)


def write(folder: Path, result: "Result", figures: Mapping[str, Any], text: str) -> None:
    """Write a study's files but for its plot, and print its report."""
    from lemonpress.studies.report import write_study
    from lemonpress.studies.variants import write_texts

    write_study(folder, figures, text)
    write_texts(result, folder / "texts.jsonl")
    heading(f"written to {folder}")
    print(text)


def first_stage(recipe: Recipe) -> Recipe:
    """The recipe without self-distillation and syntactic control: one training a student."""
    from lemonpress.studies.variants import without_control

    return without_control(recipe).model_copy(update={"self_distillation": None})
