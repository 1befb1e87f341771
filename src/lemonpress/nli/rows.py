"""Rows of natural-language inference: what a critic is trained and measured on."""

from dataclasses import dataclass

ENTAILMENT, NEUTRAL, CONTRADICTION, NOT_ENTAILMENT = "entailment", "neutral", "contradiction", "not_entailment"
LABELS = (ENTAILMENT, NEUTRAL, CONTRADICTION, NOT_ENTAILMENT)
"""A model has the first three, in this order; the last stands for neutral or contradiction, whichever it is."""
CLASSES = LABELS[:3]
KINDS = (
    "identical",
    "restated",
    "reworded",
    "paraphrase",
    "staged",
    "shortened",
    "changed",
    "swapped",
    "same_context",
    "other_context",
    "mined",
    "family",
    "judged",
    "doubted",
    "copied",
)
"""Rows that are made from a pool, by kind, as a recipe's stages name them."""


@dataclass(frozen=True)
class NliRow:
    """One judged pair.

    Attributes:
        premise: What is taken as true.
        hypothesis: What may follow from it.
        label: One of `LABELS`.
        source: Dataset or rule that the row comes from.
    """

    premise: str
    hypothesis: str
    label: str
    source: str
