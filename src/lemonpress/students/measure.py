"""What a student writes while it trains, measured at each evaluation."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from lemonpress.metrics import bleu
from lemonpress.students.contract import Contract
from lemonpress.students.linear import linearise
from lemonpress.syntax.trees import parse_brackets

MEASURES = {"written_bleu": True, "written_self_bleu": False, "written_ibleu": True, "written_copies": False}
"""What is measured of written rows, and whether more of it is better."""


def written_measure(
    rows: Sequence[dict[str, Any]], contract: Contract, tokenizer: Any, count: int, seed: int
) -> Callable[[Any], dict[str, float]]:
    """Measure what a model writes, greedily, for some validation rows.

    Args:
        rows: Validation rows.
        contract: The student's.
        tokenizer: Its tokenizer.
        count: Rows at most, a seeded sample.
        seed: Of the sample.

    Returns:
        A function of the model in training that gives ``written_bleu`` (the paper's BLEU against the targets),
        ``written_self_bleu`` (against the sources), ``written_ibleu`` and
        ``written_copies``, each of 100.
    """
    places = random.Random(f"{seed} written").sample(range(len(rows)), min(count, len(rows)))
    chosen = [rows[place] for place in sorted(places)]

    def measure(model: Any) -> dict[str, float]:
        from lemonpress.students.generate import Student

        student = Student.of(model, tokenizer, contract)
        sources, targets, texts = [], [], []
        for task in contract.tasks:
            part = [row for row in chosen if row["task"] == task]
            asked = [row["source"] for row in part]
            trees = None
            if task == "control":
                trees = [linearise(parse_brackets(row["tree"]), contract.parts) for row in part]
            texts += student.generate(task, asked, greedy=True, trees=trees)
            sources += asked
            targets += [row["target"] for row in part]
        written = [one for (one,) in texts]
        against = bleu.sentence_bleu(written, [[target] for target in targets])
        copied = bleu.self_bleu(written, sources)
        same = sum(" ".join(source.split()) == text for source, text in zip(sources, written, strict=True))
        return {
            "written_bleu": float(against.mean()),
            "written_self_bleu": float(copied.mean()),
            "written_ibleu": float(bleu.ibleu(against, copied).mean()),
            "written_copies": 100.0 * same / len(written),
        }

    return measure
