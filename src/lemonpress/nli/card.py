"""The card of a critic, rendered from its recipe and figures alone."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from lemonpress.hub.cards import render_template
from lemonpress.nli.settings import CriticRecipe, TableSettings
from lemonpress.packages import PACKAGES
from lemonpress.sources import Model

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_RESULTS = (
    ("accuracy", "two_way", "Accuracy, entailment or not"),
    ("precision", "precision", "Precision of entailment at 0.75"),
    ("recall", "recall", "Recall of entailment at 0.75"),
    ("average_precision", "average_precision", "Average precision of entailment"),
)


def card(recipe: CriticRecipe, base: Model, figures: Mapping[str, Any], table: str, curves: bool) -> str:
    """Render README.md of a critic.

    Args:
        recipe: What it was made by; its licence and notes are the card's.
        base: The encoder.
        figures: As in ``figures.json``.
        table: The same as a Markdown table.
        curves: Whether ``curves.png`` lies beside the card.
    """
    from huggingface_hub import ModelCardData

    package = PACKAGES.get(recipe.encoder.removeprefix("package:")) if recipe.encoder.startswith("package:") else None
    origin = package.origin if package else recipe.encoder
    data = ModelCardData(
        base_model=origin if _HUB_ID.fullmatch(origin) else None,
        base_model_relation=("finetune" if recipe.lora is None else "adapter") if _HUB_ID.fullmatch(origin) else None,
        datasets=sorted({one.path for one in recipe.datasets.values() if _on_hub(one)}) or None,
        eval_results=list(_results(recipe, figures)) or None,
        language=recipe.language,
        library_name="transformers" if recipe.lora is None else "peft",
        license=recipe.license,
        model_name=recipe.name,
        pipeline_tag="text-classification",
        tags=["natural-language-inference", "critic", "lemonpress", *([] if recipe.lora is None else ["lora"])],
    )
    plain = recipe.model_dump(mode="json", by_alias=True, exclude={"notes"})
    return render_template(
        "cards/critic_card.md.jinja",
        data,
        recipe=recipe,
        base=base,
        package=package,
        figures=figures,
        table=table,
        curves=curves,
        precision=_precisions(figures),
        recipe_yaml=yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100).strip(),
    )


def _results(recipe: CriticRecipe, figures: Mapping[str, Any]) -> Iterator["EvalResult"]:
    """What the Hub shows of the figures: those on the recipe's test rows."""
    from huggingface_hub import EvalResult

    if recipe.test is None or "nli" not in figures:
        return
    on_hub = _on_hub(recipe.test)
    for kind, key, name in _RESULTS:
        if figures["nli"][key] is not None:
            yield EvalResult(
                task_type="text-classification",
                task_name="Natural language inference",
                dataset_type=recipe.test.path if on_hub else "file",
                dataset_name=recipe.test.path,
                dataset_split=recipe.test.split if on_hub else None,
                dataset_revision=recipe.test.revision,
                metric_type=kind,
                metric_name=name,
                metric_value=figures["nli"][key],
            )


def _on_hub(settings: TableSettings) -> bool:
    """Datasets on the Hub are pinned before training; files and folders have no revision."""
    return settings.revision is not None


def _precisions(figures: Mapping[str, Any]) -> list[str]:
    """How often a pass is right, in words."""
    measured = (("nli", "the test rows"), ("judged", "the judged pool pairs"))
    shares = [(figures[key]["precision"], where) for key, where in measured if key in figures]
    return [
        f"{100 * (1 - share):.1f}% of what passes on {where} is wrong" for share, where in shares if share is not None
    ]
