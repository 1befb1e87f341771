"""How the annotation Space looks: HTML in which every text is escaped."""

from html import escape

from lemonpress.annotation.store import Progress, Shown
from lemonpress.annotation.study import Guideline, Study
from lemonpress.recipes import Task

_WROTE: dict[Task, str] = {"paraphrase": "Paraphrase", "summary": "Summary"}


def head(title: str, progress: tuple[int, int] | None) -> str:
    """The title, and how far the rater is.

    Args:
        title: Of the study.
        progress: Place and total; None before the start.
    """
    shown = ""
    if progress is not None:
        place, total = progress
        shown = (
            f'<p class="an-progress">{place} of {total}</p><div class="an-bar" role="progressbar" aria-valuemin="0" '
            f'aria-valuemax="{total}" aria-valuenow="{place}" aria-label="Progress">'
            f'<span style="width: {100 * place / total:.1f}%"></span></div>'
        )
    return f'<header class="an-head"><h1>{escape(title)}</h1>{shown}</header>'


def welcome(study: Study) -> str:
    """What a rater is asked for, and what is stored."""
    what = {"paraphrase": "paraphrases", "summary": "summaries"}[study.task]
    return (
        f'<div class="an-card"><p>You will read sentences and {what} of them, and judge each by three questions on '
        "a scale from 1 to 3. Read the guidelines below first; they stay at hand.</p>"
        "<p>Every answer is saved at once. You may stop at any time and come back with your code.</p>"
        '<p class="an-small">Any name will do; best take one that nobody knows you by. The study stores no name, '
        "but whoever runs it can try names and learn which of them took part. It keeps a pseudonym, what you answer, "
        "and when.</p>"
        "</div>"
    )


def card(task: Task, shown: Shown) -> str:
    """The source, and what somebody wrote for it."""
    text = escape(shown.item.candidate) or "<em>(no text)</em>"
    return (
        f'<section class="an-card" aria-live="polite" data-showing="{shown.showing}">'
        f'<p class="an-label">Source</p><p class="an-source">{escape(shown.item.source)}</p>'
        f'<p class="an-label">{_WROTE[task]}</p><p class="an-candidate">{text}</p></section>'
    )


def done(progress: Progress) -> str:
    """Thanks at the end of a batch."""
    more = (
        "If you have time for more, there are more texts."
        if progress.more
        else "You have rated every text of this study."
    )
    return (
        '<section class="an-card an-thanks" role="status" data-showing="0"><h2>Thank you!</h2>'
        f"<p>All {progress.total} texts are done; you have given {progress.rated} ratings in all. {more}</p>"
        "</section>"
    )


def way_back(code: str) -> str:
    """The code to come back with."""
    return f'<p class="an-code">Your code to come back with: <b>{escape(code)}</b></p>'


def message(text: str) -> str:
    """A remark to the rater; nothing where there is none."""
    return f'<p class="an-message" role="status">{escape(text)}</p>' if text else ""


def guidelines(study: Study) -> str:
    """What each point means, with examples; and the keys."""
    told = "".join(_criterion(name, one) for name, one in study.guidelines.criteria.items())
    return (
        '<details class="an-guide"><summary>Guidelines</summary>'
        f"<p>In the examples, the source is: <q>{escape(study.guidelines.source)}</q></p>{told}"
        "<p>Judge each question by itself: a sentence may be fluent and false. Do not look for who wrote it.</p>"
        '<p class="an-keys">Keys: <kbd>1</kbd> <kbd>2</kbd> <kbd>3</kbd> answer and go to the next question, '
        "<kbd>Enter</kbd> saves, <kbd>B</kbd> goes back, <kbd>G</kbd> opens these guidelines.</p></details>"
    )


def _criterion(name: str, guideline: Guideline) -> str:
    points = "".join(
        f"<li><b>{score}</b> <span>{escape(point.meaning)} "
        f'<q class="an-example">{escape(point.example)}</q></span></li>'
        for score, point in enumerate(guideline.points, 1)
    )
    return f"<h3>{escape(name.capitalize())}: {escape(guideline.question)}</h3><ul>{points}</ul>"
