"""LoRA rank: what a larger adapter is worth, all else equal."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lemonpress.distilling import train_student
from lemonpress.evaluation.results import Result
from lemonpress.markdown import literal
from lemonpress.students.train import Base
from lemonpress.studies.variant_plans import RankPlan
from lemonpress.studies.variants import Trial, Variant, compare, study_text


def study(plan: RankPlan, trial: Trial, base: Base, announce: Callable[[str], None]) -> tuple[list[Variant], Result]:
    """Train a student of every rank on the recipe's corpora, and compare them.

    Args:
        plan: The ranks.
        trial: Recipe and benchmark; self-distillation is not run.
        base: Of the students.
        announce: Told of each stage as it begins.

    Returns:
        The students from the lowest rank up, and their comparison.
    """
    student = trial.run.recipe.student
    assert student is not None
    assert student.lora is not None
    announce("Build the corpora")
    built = trial.build()
    variants = []
    for rank in sorted(plan.ranks):
        alpha = max(1, round(rank * student.lora.alpha / student.lora.r))
        announce(f"Train with rank {rank}, alpha {alpha}")
        lora = student.lora.model_copy(update={"r": rank, "alpha": alpha})
        recipe = trial.run.recipe.model_copy(update={"student": student.model_copy(update={"lora": lora})})
        training = train_student(replace(trial.run, recipe=recipe, folder=trial.folder), base, built)
        assert training.adapter is not None
        facts = {"alpha": alpha, "trainable parameters": parameters(training.adapter)}
        variants.append(Variant(f"rank {rank}", [training], facts))
    announce("Compare")
    return variants, compare(trial, variants)


def parameters(adapter: Path) -> int:
    """Parameters of an adapter, as they are saved."""
    from safetensors import safe_open

    with safe_open(adapter / "adapter_model.safetensors", framework="numpy") as weights:
        return sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118


def report(trial: Trial, variants: Sequence[Variant], result: Result, command: str) -> str:
    """The study in Markdown: what was asked, the command, how the students were trained, how they did."""
    recipe = trial.run.recipe
    assert recipe.student is not None
    question = (
        f"What is a larger adapter on {literal(recipe.student.model)} worth? Every student was trained on the same "
        "rows in the same order; alpha keeps its ratio to the rank, and every other setting is the recipe's."
    )
    return study_text(
        f"LoRA rank, recipe {literal(recipe.name)}", question, command, variants, result, "lora-rank.png"
    )
