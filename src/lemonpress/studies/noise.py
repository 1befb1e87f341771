"""Noise in the training data: what a share of wrong targets costs."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from lemonpress.distilling import train_student
from lemonpress.evaluation.results import Result
from lemonpress.markdown import literal
from lemonpress.students.train import Base
from lemonpress.studies.variant_plans import NoisePlan
from lemonpress.studies.variants import Trial, Variant, compare, study_text, with_training_rows


def study(plan: NoisePlan, trial: Trial, base: Base, announce: Callable[[str], None]) -> tuple[list[Variant], Result]:
    """Train a student on the recipe's corpora with every share of noise, and compare them.

    Args:
        plan: The shares.
        trial: Recipe and benchmark; self-distillation is not run.
        base: Of the students.
        announce: Told of each stage as it begins.

    Returns:
        The students from the least noise up, and their comparison.
    """
    announce("Build the corpora")
    built = trial.build()
    variants = []
    for share in sorted(plan.shares):
        announce(f"Train with {share:.0%} of the targets wrong")
        noisy, wrong = {}, 0
        for name, one in built.items():
            table, count = with_noise(one.corpus.read("train"), share, trial.run.recipe.seed)
            noisy[name] = with_training_rows(one, table, trial.folder / f"noise-{share:g}" / name)
            wrong += count
        training = train_student(replace(trial.run, folder=trial.folder), base, noisy)
        variants.append(Variant(f"{share:.0%} noise", [training], {"wrong targets": wrong}))
    announce("Compare")
    return variants, compare(trial, variants)


def with_noise(rows: pa.Table, share: float, seed: int) -> tuple[pa.Table, int]:
    """Rows of which some have the target of another one.

    The targets of the chosen rows move on among them, so that all targets stay, and the rows of a smaller share are
    among those of a larger one.

    Args:
        rows: With the column target.
        share: Of the rows, 0 to 1; a single row is none, as it has nobody to change with.
        seed: Chooses the rows.

    Returns:
        The rows in their order, and how many were chosen.
    """
    count = round(share * rows.num_rows)
    if count < 2:
        return rows, 0
    chosen = np.random.default_rng(seed).permutation(rows.num_rows)[:count]
    places = np.arange(rows.num_rows)
    places[chosen] = np.roll(chosen, 1)
    column = rows.schema.get_field_index("target")
    return rows.set_column(column, rows.schema.field("target"), rows["target"].take(pa.array(places))), count


def report(trial: Trial, variants: Sequence[Variant], result: Result, command: str) -> str:
    """The study in Markdown: what was asked, the command, how the students were trained, how they did."""
    recipe = trial.run.recipe
    assert recipe.student is not None
    question = (
        "What do wrong targets cost? A seeded share of the training rows got the target of another row; base "
        f"({literal(recipe.student.model)}), number of rows, steps and seed are the same."
    )
    return study_text(
        f"Noise in the training data, recipe {literal(recipe.name)}", question, command, variants, result, "noise.png"
    )
