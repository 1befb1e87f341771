"""The tab that reads the released corpora."""

import random
from collections.abc import Sequence
from typing import Any

import gradio as gr
import page
from corpus import MAX_QUERY, Corpus, Filter, Rows, drawn_from, page_of
from exploring import bound
from page_explore import funnel, heading, pairs
from parts import Parts

from lemonpress.errors import UserError

_ALL = "All domains"
_ANY = "Any"
_FILTERS = 2


def explore_tab(parts: Parts) -> None:
    """Add the tab's components and events to the Blocks under construction."""
    names = parts.library.names
    if not names:
        gr.HTML(page.message("This student does not say what it learnt from, so there is no corpus to read."))
        return
    try:
        first = parts.library.get(names[0])
    except UserError as error:
        gr.HTML(page.message(f"The corpus cannot be read now: {error}"))
        return
    corpus = gr.Dropdown(names, value=names[0], label="Corpus", elem_id="lp-corpus")
    about = gr.HTML(heading(first, parts.endpoint), elem_id="lp-about-corpus")
    with gr.Row():
        query = gr.Textbox(
            label="Search", placeholder="Words in source or target", max_length=MAX_QUERY, min_width=220,
            elem_id="lp-search", scale=2,
        )  # fmt: skip
        domain = gr.Dropdown([_ALL, *first.domains], value=_ALL, label="Domain", min_width=160, elem_id="lp-domain")
    bounds: list[Any] = []
    with gr.Accordion("Filter by score", open=False, elem_id="lp-filters"):
        for number in range(1, _FILTERS + 1):
            with gr.Row():
                bounds += [
                    gr.Dropdown(_score_choices(first), value=_ANY, label=f"Score {number}", min_width=150),
                    gr.Textbox(label="At least", placeholder="any", max_length=12, min_width=90),
                    gr.Textbox(label="At most", placeholder="any", max_length=12, min_width=90),
                ]
    with gr.Row(elem_classes="lp-buttons"):
        find = gr.Button("Search", variant="primary", min_width=110, elem_id="lp-find")
        chance = gr.Button("Random pairs", min_width=110, elem_id="lp-random")
        back = gr.Button("Previous", min_width=90, elem_id="lp-back")
        forth = gr.Button("Next", min_width=90, elem_id="lp-forth")
    said = gr.HTML(elem_id="lp-found", elem_classes="lp-live")
    shown = gr.HTML(elem_id="lp-pairs")
    with gr.Accordion("How this corpus was pressed", open=False, elem_id="lp-funnel"):
        steps = gr.HTML(funnel(first.funnel))
    at = gr.State(1)

    def show(step: int | None, name: str, query: str, domain: str, number: int, *bounds: Any) -> tuple[Any, ...]:
        """A page: the first (0), the next (1), the previous (-1), or pairs by chance (None)."""
        try:
            read = parts.library.get(name)
            found = read.find(query or "", None if domain == _ALL else domain, typed_filters(bounds))
            if step is None:
                rows = drawn_from(found, random.randrange(2**31))
                words = f"{len(rows)} pairs by chance, of {_counted(found)}."
            else:
                rows, number, pages = page_of(found, 1 if step == 0 else number + step)
                words = f"{_counted(found)}, page {number:,} of {pages:,}."
            return page.status(words), pairs(read.rows(rows), read), number
        except UserError as error:
            return page.status(""), page.message(str(error)), 1

    def change(name: str) -> tuple[Any, ...]:
        try:
            read = parts.library.get(name)
        except UserError as error:
            return tuple(page.message(str(error)) if output is shown else gr.skip() for output in changed)
        chosen = gr.Dropdown(_score_choices(read), value=_ANY)
        fresh = [part for _ in range(_FILTERS) for part in (chosen, "", "")]
        domains = gr.Dropdown([_ALL, *read.domains], value=_ALL)
        rows, number, pages = page_of(read.find(), 1)
        words = f"{_counted(read.find())}, page {number:,} of {pages:,}."
        about, bars = heading(read, parts.endpoint), funnel(read.funnel)
        return (about, "", domains, page.status(words), pairs(read.rows(rows), read), 1, bars, *fresh)

    asked, outputs = [corpus, query, domain, at, *bounds], [said, shown, at]
    events: dict[str, Any] = {
        "api_visibility": "private",
        "queue": False,  # a queue full of texts to rewrite is no reason to refuse a search
        "show_progress": "minimal",
        "show_progress_on": said,
    }
    for trigger, step in ((find.click, 0), (query.submit, 0), (domain.input, 0), (forth.click, 1), (back.click, -1)):
        trigger(_step(show, step), asked, outputs, **events)
    chance.click(_step(show, None), asked, outputs, **events)
    changed = [about, query, domain, said, shown, at, steps, *bounds]
    corpus.input(change, corpus, changed, **events)
    found = first.find()
    rows, _, pages = page_of(found, 1)
    said.value = page.status(f"{_counted(found)}, page 1 of {pages:,}.")
    shown.value = pairs(first.rows(rows), first)


def _step(show: Any, step: int | None) -> Any:
    def stepped(*given: Any) -> tuple[Any, ...]:
        found: tuple[Any, ...] = show(step, *given)
        return found

    return stepped


def _score_choices(corpus: Corpus) -> list[tuple[str, str]]:
    return [(_ANY, _ANY), *((page.score_name(name), name) for name in corpus.scores)]


def typed_filters(bounds: Sequence[Any]) -> list[Filter]:
    """Bounds of scores as visitors type them: score, smallest and largest in turn.

    Raises:
        UserError: A bound is no number.
    """
    chosen = [bounds[start : start + 3] for start in range(0, len(bounds), 3)]
    return [Filter(name, _typed(least), _typed(most)) for name, least, most in chosen if name not in (None, _ANY)]


def _typed(text: object) -> float | None:
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        raise UserError("Filter by score: please type numbers, such as 0.9.") from None
    return bound(number)


def _counted(found: Rows) -> str:
    return f"{len(found):,} {'pair' if len(found) == 1 else 'pairs'}"
