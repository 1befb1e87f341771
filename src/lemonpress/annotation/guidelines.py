"""What raters are told: each property asked about, what its three points mean, and an example of each."""

from collections.abc import Mapping

from lemonpress.annotation.study import Guideline, Guidelines, Point
from lemonpress.evaluation.ratings import CRITERIA
from lemonpress.recipes import Task

_SOURCE = "The old bridge was closed on Monday because engineers had found cracks in two of its pillars."
_REWORDED = "Cracks that engineers discovered in two pillars led to the closure of the old bridge on Monday."
_SHORT = "Cracks in two pillars closed the old bridge."


def _guideline(question: str, *points: tuple[str, str]) -> Guideline:
    return Guideline(
        question=question, points=[Point(meaning=meaning, example=example) for meaning, example in points]
    )


_BROKEN = ("Broken: hard to read, or no sentence.", "Bridge the old Monday closing, pillars two cracks of engineers.")
_FAULTY = (
    "Understandable, with a fault or an odd turn.",
    "The old bridge was closed in Monday, engineers had find cracks in two of its pillars.",
)
_FLUENT = "Reads as a careful writer would put it."

_PARAPHRASE = {
    "fluent": _guideline("Is it fluent English?", _BROKEN, _FAULTY, (_FLUENT, _REWORDED)),
    "faithful": _guideline(
        "Does it keep the meaning of the source?",
        ("It says something else, or makes up what the source does not say.", "The old bridge collapsed on Monday."),
        (
            "Most of the meaning is kept; a detail is lost, added or changed.",
            "The old bridge was closed because engineers had found cracks in its pillars.",
        ),
        ("All of the meaning is kept, and nothing is added.", _REWORDED),
    ),
    "dissimilar": _guideline(
        "Is it worded differently from the source?",
        (
            "The same text, or nearly the same.",
            "The old bridge was closed on Monday because engineers found cracks in two of its pillars.",
        ),
        (
            "Some words are replaced or moved; most of the sentence stays.",
            "The old bridge was shut on Monday after engineers had discovered cracks in two of its pillars.",
        ),
        ("Other words and another structure.", _REWORDED),
    ),
}

_SUMMARY = {
    "fluent": _guideline("Is it fluent English?", _BROKEN, _FAULTY, (_FLUENT, _SHORT)),
    "faithful": _guideline(
        "Does the source say what it says?",
        ("It says something that the source does not say.", "The old bridge collapsed on Monday."),
        ("True to the source but for a slip, or it misses the main point.", "Engineers found cracks in a bridge."),
        ("All of it is in the source, the main point too.", _SHORT),
    ),
    "concise": _guideline(
        "Is it short, with the main point alone?",
        (
            "As long as the source, or nearly.",
            "The old bridge was closed on Monday because engineers had found cracks in two pillars.",
        ),
        (
            "Shorter, with details or words that could go.",
            "The old bridge was closed on Monday because of cracks in two of its pillars.",
        ),
        ("Only what matters, in few words.", _SHORT),
    ),
}

_ALL: Mapping[Task, Mapping[str, Guideline]] = {"paraphrase": _PARAPHRASE, "summary": _SUMMARY}


def guidelines(task: Task) -> Guidelines:
    """The guidelines of a task, for the criteria and the scale of the paper's Appendix D."""
    return Guidelines(source=_SOURCE, criteria={name: _ALL[task][name] for name in CRITERIA[task]})
