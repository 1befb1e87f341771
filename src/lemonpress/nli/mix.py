"""The rows of a critic's training: datasets, and rows made from a pool, from families and from judged pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from lemonpress.assets import find_file
from lemonpress.nli.families import Family, copied_rows, family_rows, read_families, split_families
from lemonpress.nli.judged import DOUBTED, TRAINING, judged_rows, read_judged
from lemonpress.nli.paraphrases import paraphrase_rows, read_pairs
from lemonpress.nli.pool import parse, pool_rows, read_pool, split_contexts
from lemonpress.nli.rows import ENTAILMENT, NliRow
from lemonpress.nli.settings import CriticRecipe
from lemonpress.sources import resolve


@dataclass(frozen=True)
class Mix:
    """Rows to train on, by source as a recipe's stages name them, and rows to measure with.

    Attributes:
        train: Lists by dataset, and by kind (`rows.KINDS`) where there is a pool.
        held_out: Lists by kind: of contexts and families that are not trained on.
        contexts: Sentences of those contexts.
    """

    train: dict[str, list[NliRow]]
    held_out: dict[str, list[NliRow]] = field(default_factory=dict)
    contexts: list[list[str]] = field(default_factory=list)


def build_mix(recipe: CriticRecipe, nli: Mapping[str, Sequence[NliRow]]) -> Mix:
    """Make every row that a recipe may train on.

    Args:
        recipe: Its pool, and the seed.
        nli: Rows of each dataset.

    Returns:
        The datasets alone where the recipe has no pool.

    Raises:
        UserError: The pool or its texts are missing.
    """
    datasets = {name: list(rows) for name, rows in nli.items()}
    if recipe.pool is None:
        return Mix(datasets)
    settings, seed = recipe.pool, recipe.seed
    parser = resolve(settings.parser, where="pool.parser").folder
    contexts, kept = split_contexts(
        read_pool(find_file(settings.shards), find_file(settings.texts)), settings.held_out, seed
    )
    families, kept_families = split_families(read_families(), settings.held_out, seed)
    pool = parse(contexts, parser)
    made = pool_rows(pool, seed)
    pairs = parse([*read_pairs(), *_same(families)], parser).contexts
    made["paraphrase"] = paraphrase_rows([(first, second) for first, second in pairs], pool.donors, seed)
    made["family"] = family_rows(families)
    made["judged"] = judged_rows(read_judged(find_file(TRAINING)))
    made["doubted"] = judged_rows(read_judged(find_file(DOUBTED)), "doubted")
    every = [row for rows in datasets.values() for row in rows]
    if general := general_sentences(every, settings.general_sentences, seed):
        for kind, more in pool_rows(parse([[text] for text in general], parser), seed).items():
            made[kind] += [NliRow(r.premise, r.hypothesis, r.label, f"general-{r.source}") for r in more]
    premises = sorted({row.premise for row in every})
    made["identical"] += [NliRow(text, text, ENTAILMENT, "general-identical") for text in premises]
    made["copied"] = copied_rows(families, [row.hypothesis for row in made["changed"]], seed)
    held_out = {**pool_rows(parse(kept, parser), seed), "family": family_rows(kept_families)}
    return Mix({**datasets, **made}, held_out, kept)


def general_sentences(rows: Sequence[NliRow], count: int, seed: int) -> list[str]:
    """A seeded sample of whole sentences of 10 to 40 words among the premises."""
    texts = sorted({row.premise for row in rows if _is_sentence(row.premise)})
    order = np.random.default_rng([seed, 29]).permutation(len(texts))[:count]
    return [texts[position] for position in order]


def _is_sentence(text: str) -> bool:
    return 10 <= len(text.split()) <= 40 and text[:1].isupper() and text.endswith((".", "!", "?", '"', "”"))


def _same(families: Sequence[Family]) -> list[tuple[str, str]]:
    return [pair for family in families for pair in combinations((family.source, *family.paraphrases), 2)]
