"""A study of thresholds as a person reads it, and as plain values."""

from collections.abc import Sequence
from typing import Any

from lemonpress.markdown import literal
from lemonpress.markdown import table as markdown_table
from lemonpress.metrics import bleu, diversity, rouge, similarity
from lemonpress.metrics.similarity import SentenceEncoder
from lemonpress.nli.judged import BENCHMARK, JudgedPair
from lemonpress.runs import panel_key
from lemonpress.studies.report import cell
from lemonpress.studies.thresholds import Level, Sweep, Verdicts


def report(
    sweep: Sweep, levels: Sequence[Level], judged: Sequence[JudgedPair], command: str, by: SentenceEncoder
) -> str:
    """The study in Markdown: what was asked, the command, yields and quality.

    Args:
        sweep: The corpus and the values.
        levels: What was found.
        judged: Pairs with their labels.
        command: That makes it again.
        by: The encoder that measured.
    """
    names = [f"{level.value:g}" + (" (recipe)" if level.value == sweep.own else "") for level in levels]
    moved = f"{sweep.critic} {sweep.setting}"
    yields = [[moved, "candidates", "every critic accepts", "after diversity", *levels[0].quality]]
    yields += [
        [
            name,
            f"{level.candidates:,}",
            f"{level.accepted:,}",
            f"{level.kept:,}",
            *(cell(estimate, 1) for estimate in level.quality.values()),
        ]
        for name, level in zip(names, levels, strict=True)
    ]
    head = ["accepted", "right, %", "found, %"]
    right = [[moved, *(f"{sweep.critic} alone: {one}" for one in head), *(f"all critics: {one}" for one in head)]]
    right += [[name, *_cells(level.alone), *_cells(level.together)] for name, level in zip(names, levels, strict=True)]
    corpus = sweep.run.recipe.corpora[sweep.corpus]
    meaning = "that say the same" if corpus.task == "paraphrase" else "whose source entails the target"
    return "\n".join(
        [
            f"# {literal(sweep.corpus)} by the threshold of {literal(sweep.critic)}",
            "",
            f"What does the setting `{moved}` do to a corpus of {corpus.task} pairs, its size and its quality, with "
            f"every other critic as recipe {literal(sweep.run.recipe.name)} has it?",
            "",
            "```",
            command,
            "```",
            "",
            *markdown_table(yields),
            "",
            "Measures are means over the pairs that are left, with [95 % bootstrap interval over contexts]; all but "
            "the cosine say how much of the source's words is left (lower: more diverse).",
            "",
            f"Of {len(judged):,} judged pairs ({BENCHMARK}), each in both directions, *right* is the share of the "
            f"accepted ones {meaning}, and *found* the share of those that are accepted:",
            "",
            *markdown_table(right),
            "",
            *(f"- {name}: `{text}`" for name, text in _signatures(by).items()),
            "",
            "![Pairs, likeness of words and meaning by threshold](thresholds.png)",
            "",
        ]
    )


def figures(sweep: Sweep, levels: Sequence[Level], command: str, by: SentenceEncoder) -> dict[str, Any]:
    """The study as plain values, for ``study.json``."""
    return {
        "study": "thresholds",
        "command": command,
        "recipe": sweep.run.recipe.name,
        "corpus": sweep.corpus,
        "panel": panel_key(sweep.run.panels[sweep.corpus], sweep.run.recipe.corpora[sweep.corpus]),
        "critic": sweep.critic,
        "setting": sweep.setting,
        "own": sweep.own,
        "signatures": _signatures(by),
        "levels": [level.to_json() for level in levels],
    }


def _signatures(encoder: SentenceEncoder) -> dict[str, str]:
    return {
        "Self-BLEU": bleu.signature(),
        "ROUGE-L": rouge.signature(),
        "Jaccard": diversity.signature("jaccard"),
        "Cosine": similarity.cosine_signature(encoder),
    }


def _cells(found: Verdicts) -> list[str]:
    cells = [f"{found.accepted:,}"]
    for name, value in (("precision", found.precision), ("recall", found.recall)):
        ends = found.ends[name]
        cells.append(
            "–"
            if value is None
            else f"{100 * value:.1f}" + (f" [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]" if ends else "")
        )
    return cells
