"""The rows of a critic's training: NLI datasets, and rows made by rule from a pool and from general sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lemonpress.nli.paraphrases import paraphrase_rows, read_pairs
from lemonpress.nli.pool import parse, pool_rows, read_pool, split_contexts
from lemonpress.nli.rows import ENTAILMENT, NliRow
from lemonpress.nli.settings import CriticRecipe

_GENERAL = ("conjnli", "scitail", "help")


@dataclass(frozen=True)
class Mix:
    """Rows to train on, by source as a recipe's stages name them, and rows of held-out contexts to measure with.

    Attributes:
        train: Lists under nli, paraphrase and the kinds of `pool.pool_rows`.
        held_out: Lists under the kinds of `pool.pool_rows`.
        contexts: Sentences of the held-out contexts.
    """

    train: dict[str, list[NliRow]]
    held_out: dict[str, list[NliRow]]
    contexts: list[list[str]]


def build_mix(recipe: CriticRecipe, rows: Sequence[NliRow], starter: Path, paragraphs: Path, parser: Path) -> Mix:
    """Make every row that a recipe may train on.

    Args:
        recipe: How many contexts to hold out, how many general sentences to edit, the seed.
        rows: NLI rows to train on.
        starter: A pressed pool.
        paragraphs: The texts that the pool's contexts come from.
        parser: Folder of a spaCy pipeline.

    Raises:
        UserError: The pool or its texts are missing.
    """
    train, kept = split_contexts(read_pool(starter, paragraphs), recipe.held_out, recipe.seed)
    general = general_sentences(rows, recipe.general_sentences, recipe.seed)
    pool = parse(train, parser)
    made = pool_rows(pool, recipe.seed)
    pairs = [(first, second) for first, second in parse(read_pairs(), parser).contexts]
    made["paraphrase"] = paraphrase_rows(pairs, pool.donors, recipe.seed)
    if general:
        for kind, more in pool_rows(parse([[text] for text in general], parser), recipe.seed).items():
            made[kind] = made[kind] + [NliRow(r.premise, r.hypothesis, r.label, f"general-{r.source}") for r in more]
    made["identical"] = made["identical"] + [
        NliRow(text, text, ENTAILMENT, "general-identical") for text in sorted({row.premise for row in rows})
    ]
    return Mix({"nli": list(rows), **made}, pool_rows(parse(kept, parser), recipe.seed), kept)


def general_sentences(rows: Sequence[NliRow], count: int, seed: int) -> list[str]:
    """A seeded sample of whole sentences of 10 to 40 words among the premises of encyclopedic and news sources."""
    texts = sorted({row.premise for row in rows if row.source in _GENERAL and 10 <= len(row.premise.split()) <= 40})
    order = np.random.default_rng([seed, 29]).permutation(len(texts))[:count]
    return [texts[position] for position in order]
