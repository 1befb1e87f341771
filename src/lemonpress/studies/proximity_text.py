"""A study of paraphrastic proximity in words: its tables, its figures, and pairs to read."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lemonpress.critics.classification import in_precision
from lemonpress.markdown import literal
from lemonpress.markdown import table as markdown_table
from lemonpress.metrics.bleu import signature as bleu_signature
from lemonpress.metrics.bootstrap import paired
from lemonpress.nli.measures import THRESHOLD
from lemonpress.studies.proximity import Point, Proximity, Subject
from lemonpress.studies.report import cell


def report(found: Proximity, subject: Subject, command: str) -> str:
    """The study in Markdown: what was asked, the command, both tables, and what changes from end to end.

    Args:
        found: The study.
        subject: What was studied.
        command: That makes it again.
    """
    plan, nli = found.plan, subject.nli[0].scorer
    head = ["distinct", "equivalent, %", "Self-BLEU", "equivalent of distinct, %", "Self-BLEU of distinct"]

    def rows(name: str, points: Sequence[Point], label: str) -> list[str]:
        return markdown_table([[name, *head], *([f"{getattr(one, label):g}", *_cells(one)] for one in points)])

    short, long = found.by_length[0], found.by_length[-1]
    cold, hot = found.by_temperature[0], found.by_temperature[-1]
    return "\n".join(
        [
            f"# Paraphrastic proximity of {literal(subject.teacher.id)}",
            "",
            "How often do the next sentences that a language model samples after one context say the same? "
            f"{plan.count} texts were cut to their first sentences, and {plan.k} next sentences sampled after each. "
            "Two sentences are equivalent where each entails the other with a probability of at least "
            f"{THRESHOLD:g} by {literal(nli.model.id)}{in_precision(nli.precision)}; a copy is equivalent, with a "
            "Self-BLEU of 100. Pairs are unordered and of one context; *distinct* leaves copies out (case and "
            "punctuation aside).",
            "",
            "```",
            command,
            "```",
            "",
            f"Temperature {plan.temperature:g}, contexts of so many sentences:",
            "",
            *rows("sentences", found.by_length, "length"),
            "",
            f"Contexts of {plan.length} sentences, at temperature:",
            "",
            *rows("temperature", found.by_temperature, "temperature"),
            "",
            f"From {short.length} to {long.length} sentences the equivalent pairs change by {_change(short, long)}; "
            f"from temperature {cold.temperature:g} to {hot.temperature:g} by {_change(cold, hot)}.",
            "",
            "Cells are value [95 % bootstrap interval over contexts]; the texts are the same in every row. *distinct* "
            f"counts sentences of a context. Self-BLEU is the mean of both directions, `{bleu_signature()}`.",
            "",
            "![Equivalent pairs and their Self-BLEU by length of context and by temperature](proximity.png)",
            "",
        ]
    )


def figures(found: Proximity, subject: Subject, command: str) -> dict[str, Any]:
    """The study as plain values, for ``study.json``."""
    return {
        "study": "proximity",
        "command": command,
        "teacher": subject.teacher.key,
        "nli": subject.nli[0].scorer.key,
        "threshold": THRESHOLD,
        "self_bleu": bleu_signature(),
        "plan": asdict(found.plan),
        "points": [point.to_json() for point in found.points.values()],
    }


def write_examples(found: Proximity, file: Path) -> None:
    """Write the pairs to read, as JSON lines of equivalent, context, first, second and self_bleu."""
    lines = [json.dumps(row, ensure_ascii=False) for row in found.examples]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _cells(point: Point) -> list[str]:
    return [
        cell(point.distinct),
        cell(point.equivalent, 2, 100),
        cell(point.self_bleu),
        cell(point.distinct_equivalent, 2, 100),
        cell(point.distinct_self_bleu),
    ]


def _change(before: Point, after: Point) -> str:
    parts = []
    for name, one, other in (
        ("points", after.equivalent, before.equivalent),
        ("points of the distinct ones", after.distinct_equivalent, before.distinct_equivalent),
    ):
        if not (len(one.resampled) and len(other.resampled)):
            continue  # one of them is of no pair
        change = paired(one, other)
        parts.append(f"{100 * change.difference:+.2f} [{100 * change.low:+.2f}, {100 * change.high:+.2f}] {name}")
    return " and ".join(parts) or "what cannot be told without pairs"
