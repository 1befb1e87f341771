"""Two critics on the same data: where they agree, and who is right where they do not."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lemonpress.nli.evaluate import entailments
from lemonpress.nli.measures import THRESHOLD, Mask
from lemonpress.nli.report import Benchmarks, Verdicts
from lemonpress.nli.rows import ENTAILMENT


def agreement(truth: Mask, first: Mask, second: Mask) -> dict[str, Any]:
    """Agreement of what two critics keep.

    Args:
        truth: What should be kept.
        first: What the first critic keeps.
        second: What the second keeps.

    Returns:
        Counts under rows, both, only_first, only_second, neither; first_right and second_right: who is right how often
        where they differ; same: share of rows that are decided alike; kappa: Cohen's, None where chance alone would
        make them agree.
    """
    differ = first != second
    chance = float(first.mean() * second.mean() + (~first).mean() * (~second).mean())
    same = float((~differ).mean())
    return {
        "rows": len(truth),
        "both": int((first & second).sum()),
        "only_first": int((first & ~second).sum()),
        "only_second": int((~first & second).sum()),
        "neither": int((~first & ~second).sum()),
        "first_right": int((differ & (first == truth)).sum()),
        "second_right": int((differ & (second == truth)).sum()),
        "same": same,
        "kappa": (same - chance) / (1 - chance) if not np.isclose(chance, 1) else None,
    }


def agreement_table(found: Mapping[str, Mapping[str, Any]], first: str, second: str) -> list[str]:
    """Lines of a Markdown table.

    Args:
        found: `agreement` by what it was measured on.
        first: Name of the first critic.
        second: Name of the second.
    """
    lines = [
        f"A = {first}, B = {second}; a row passes with p(entailment) of at least 0.75",
        "",
        "| measured on | rows | both pass | only A | only B | neither | decided alike | kappa | A right | B right |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for where, one in found.items():
        counts = [f"{one[key]:,}" for key in ("rows", "both", "only_first", "only_second", "neither")]
        kappa = "–" if one["kappa"] is None else f"{one['kappa']:.3f}"
        right = [f"{one[key]:,}" for key in ("first_right", "second_right")]
        cells = [where, *counts, f"{100 * one['same']:.1f}%", kappa, *right]
        lines.append(f"| {' | '.join(cells)} |")
    return [
        *lines,
        "",
        "A right, B right: of the rows where they differ, how often each decides as the judgement does",
    ]


def compare(benchmarks: Benchmarks, first: Verdicts, second: Verdicts) -> dict[str, dict[str, Any]]:
    """`agreement` of two critics at 0.75 on every benchmark with judgements, by its name."""
    found = {}
    if benchmarks.test:
        passes = (verdicts.test[:, 0] >= THRESHOLD for verdicts in (first, second))
        found["NLI test"] = agreement(entailments(benchmarks.test), *passes)
    if benchmarks.judged:
        truth = np.array([[pair.forward, pair.backward] for pair in benchmarks.judged]).T.ravel() == ENTAILMENT
        passes = (verdicts.judged.ravel() >= THRESHOLD for verdicts in (first, second))
        found["judged pool pairs, ordered"] = agreement(truth, *passes)
    if benchmarks.paraphrases:
        human = np.array([same for _, _, same in benchmarks.paraphrases], dtype=bool)
        passes = (verdicts.paraphrases.min(axis=0) >= THRESHOLD for verdicts in (first, second))
        found["human judgements, both ways"] = agreement(human, *passes)
    return found
