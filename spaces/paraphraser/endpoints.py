"""The named endpoints, for gradio_client and, where it is on, the Model Context Protocol."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from checks import Passage, ask, passage
from comparing import side_by_side, tally
from corpus import drawn_from, page_of
from exploring import filters
from judging import Sentence, together
from parts import AT_ONCE, STUDENT_QUEUE, Parts
from rewriting import Pinned

from lemonpress.errors import UserError
from lemonpress.recipes import StudentTask

_SEEDS = 2**31


def add_endpoints(parts: Parts) -> None:
    """Add to the Blocks under construction an endpoint for each task that is offered."""
    tasks = parts.rewriter.tasks
    if "paraphrase" in tasks:
        _writes(_paraphrase(parts), "paraphrase")
    if "control" in tasks:
        _writes(_control(parts), "control")
    if "summary" in tasks:
        _writes(_summarise(parts), "summarise")
    _writes(_compare(parts), "compare")
    # Gradio's own client puts calls of these into the queue too, others that are posted need not wait.
    gr.api(_explore(parts), api_name="explore", queue=False, concurrency_id="corpus", concurrency_limit=4)
    gr.api(_feedback(parts), api_name="feedback", queue=False, concurrency_id="feedback", concurrency_limit=4)


def _writes(function: Callable[..., Any], name: str) -> None:
    gr.api(function, api_name=name, concurrency_id=STUDENT_QUEUE, concurrency_limit=AT_ONCE)


@contextmanager
def _kindly() -> Iterator[None]:
    """Turn what a caller can mend into the endpoint's own error."""
    try:
        yield
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _answers(
    parts: Parts, text: str, task: StudentTask, n: int, temperature: float, words: int = 0, tree: str | None = None
) -> Iterator[dict[str, Any]]:
    """The answer so far after each sentence, so that Gradio may stop when the caller is gone.

    Sentences that are not written yet stand in the text as they are.
    """
    found, wanted = parts.asked(text, task, n, temperature, words, tree)
    results: list[Sentence] = []
    for result in parts.rewriter.rewrite(found, wanted):
        results.append(result)
        yield {
            "text": _so_far(found, results),
            "sentences": [result.as_json() for result in results],
            "model": parts.rewriter.pinned.as_json(),
            **({"tree": tree} if tree is not None else {}),
        }


def _so_far(text: Passage, results: list[Sentence]) -> str:
    return text.joined([*together(results), *text.sentences[len(results) :]])


def _paraphrase(parts: Parts) -> Callable[..., Any]:
    def paraphrase(text: str, n: int = 5, temperature: float = 0.7) -> Iterator[dict[str, Any]]:
        """Say an English text in other words, sentence by sentence, and judge every candidate.

        Args:
            text: Up to 2,000 characters and 20 sentences of 60 words; a blank line begins a paragraph.
            n: Samples for each sentence, 1 to 8, and at most 60 for the whole text.
            temperature: 0.1 to 1.5; higher is more varied.

        Returns:
            text: the input with each sentence replaced by its best candidate; sentences: their candidates, with
            scores, verdicts and reasons; model: id, version and commit.
        """
        with _kindly():
            yield from _answers(parts, text, "paraphrase", n, temperature)

    return paraphrase


def _control(parts: Parts) -> Callable[..., Any]:
    def control(
        text: str, exemplar: str = "", tree: str = "", levels: int = 3, n: int = 5, temperature: float = 0.7
    ) -> Iterator[dict[str, Any]]:
        """Say an English text in other words, in the syntax of an exemplar sentence or of a tree.

        Args:
            text: As for paraphrase; every sentence follows the same syntax.
            exemplar: A sentence whose syntax is followed; or give a tree.
            tree: A tree, or the top of one, in brackets and without words, such as (ROOT/VBD nsubj/NN dobj/NN), in
                the labels of the student's own parser.
            levels: Levels of the tree that are followed, 2 to 6.
            n: As for paraphrase.
            temperature: As for paraphrase.

        Returns:
            As paraphrase, and tree: what was followed, in brackets. The measure asked_syntax is a candidate's
            distance from it, in edits.
        """
        with _kindly():
            yield from _answers(parts, text, "control", n, temperature, tree=parts.tree(exemplar, tree, levels))

    return control


def _summarise(parts: Parts) -> Callable[..., Any]:
    def summarise(text: str, words: int = 0, n: int = 5, temperature: float = 0.7) -> Iterator[dict[str, Any]]:
        """Say each sentence of an English text in fewer words, and judge every candidate.

        Args:
            text: As for paraphrase.
            words: Wanted words for each sentence, 1 to 40; 0 leaves the length to the student.
            n: As for paraphrase.
            temperature: As for paraphrase.

        Returns:
            As paraphrase.
        """
        with _kindly():
            yield from _answers(parts, text, "summary", n, temperature, words)

    return summarise


def _compare(parts: Parts) -> Callable[..., Any]:
    def compare(
        text: str, left: str, right: str, task: str = "paraphrase", n: int = 3, temperature: float = 0.7
    ) -> Iterator[dict[str, Any]]:
        """Let two published students rewrite the same text, judged by the same critics.

        Args:
            text: As for paraphrase; at most 30 samples for each student.
            left: A release that this Space offers, such as lemonpress/lemon-student-demo@1.0.0.
            right: Another one.
            task: paraphrase or summary.
            n: Samples for each sentence, 1 to 8.
            temperature: As for paraphrase.

        Returns:
            left and right, each with model, text, sentences (as paraphrase) and tally: candidates, kept ones and the
            mean of every score.
        """
        with _kindly():
            found = passage(text)
            wanted = ask(_plain(parts, task), n, temperature, sentences=2 * len(found.sentences))
            one, other = parts.shelf.get(left, "left"), parts.shelf.get(right, "right")
            for sides in side_by_side(one, other, found, wanted):
                yield {
                    name: _side(student.pinned, results, _so_far(found, results))
                    for name, student, results in zip(("left", "right"), (one, other), sides, strict=True)
                }

    return compare


def _side(pinned: Pinned, results: list[Sentence], text: str) -> dict[str, Any]:
    return {
        "model": pinned.as_json(),
        "text": text,
        "sentences": [result.as_json() for result in results],
        "tally": dict(tally(results)),
    }


def _plain(parts: Parts, task: object) -> StudentTask:
    """A task that takes no tree."""
    if task == "control":
        raise UserError("task: please choose paraphrase or summary.")
    return parts.rewriter.check_task(task)


def _explore(parts: Parts) -> Callable[..., Any]:
    def explore(
        corpus: str = "",
        search: str = "",
        domain: str = "",
        scores: dict[str, list[float | None]] | None = None,
        page: int = 1,
        draw: int = 0,
    ) -> dict[str, Any]:
        """Read the released corpus that the student learnt from.

        Args:
            corpus: A release that this Space offers, such as lemonpress/dimple-demo@1.0.0; the first one if empty.
            search: Words as they stand in source or target, case aside.
            domain: One of the corpus's domains; all of them if empty.
            scores: Smallest and largest value by score, each a number or null, such as {"entailment": [0.9, null]}.
            page: Page of ten pairs, from 1 on.
            draw: Draw ten pairs by chance instead, with this number as the seed; 0 for pages.

        Returns:
            corpus: id, version and commit; pairs: the rows; found: how many match; page and pages.
        """
        with _kindly():
            read = parts.library.get(corpus or next(iter(parts.library.names), ""))
            numbers = [value for value in (page, draw) if isinstance(value, int) and 0 <= value < _SEEDS]
            if len(numbers) < 2 or not isinstance(search, str) or not isinstance(domain, str):
                raise UserError("search and domain: please send text; page and draw: whole numbers.")
            found = read.find(search, domain or None, filters(scores))
            rows, number, pages = page_of(found, page)
            return {
                "corpus": {"id": read.name.repo_id, "version": read.name.version, "commit": read.commit},
                "pairs": read.rows(drawn_from(found, draw) if draw else rows),
                "found": len(found),
                "page": number,
                "pages": pages,
            }

    return explore


def _feedback(parts: Parts) -> Callable[..., Any]:
    def feedback(task: str, source: str, text: str, rating: str, why: str = "") -> dict[str, Any]:
        """Say whether a rewriting is good or bad. The texts and the day are kept, and nothing of who sent them.

        Args:
            task: paraphrase, control or summary.
            source: What was rewritten.
            text: The rewriting.
            rating: good or bad.
            why: In your words, up to 500 characters; may be empty.

        Returns:
            stored: true, once it is on the disk.
        """
        with _kindly():
            parts.box.put(parts.rewriter.check_task(task), source, text, rating, why)
            return {"stored": True}

    return feedback
