"""The interface of the annotation Space and its API."""

import hmac
import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from rating_page import card, done, guidelines, head, message, way_back, welcome

from lemonpress.annotation.collect import collect, rows_of
from lemonpress.annotation.pushing import pushing
from lemonpress.annotation.results import results, summary
from lemonpress.annotation.store import MAX_NAME, Shown, Store
from lemonpress.annotation.study import Study, read_key, read_study
from lemonpress.errors import UserError
from lemonpress.evaluation.ratings import CRITERIA
from lemonpress.home import home

_HERE = Path(__file__).parent
_SCALE = [("1 Not at all", 1), ("2 Partly", 2), ("3 Fully", 3)]
_AT_ONCE = 32  # answers worked out side by side
_WAITING = 512  # callers in the queue; more are told to come back
_OWNER_CODE = 12  # characters at least

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


def build(study: Study, store: Store, owner_code: str | None, systems: Mapping[str, list[str]] | None) -> gr.Blocks:
    """The page and the API endpoints.

    Args:
        study: What is rated.
        store: Where ratings go.
        owner_code: What `/results` asks for; None refuses everybody.
        systems: Who wrote each item; None tells no systems apart in results.
    """
    with gr.Blocks(title=study.title, analytics_enabled=False) as blocks:
        _page(study, store)
        _api(study, store, owner_code, systems)
    return blocks


def _page(study: Study, store: Store) -> None:
    """What raters see: a welcome, then one text at a time, then thanks."""
    code = gr.BrowserState("", storage_key=f"lemonpress-annotation-{study.id}", secret=store.secret("browser"))
    # The text before the rater, on the page and not in the session: Save is of the text that was there when pressed.
    turn = gr.Number(None, precision=0, visible="hidden", elem_id="an-turn")
    top = gr.HTML(head(study.title, None), elem_id="an-top")
    note = gr.HTML("", elem_id="an-note")
    with gr.Column(elem_id="an-welcome") as entrance:
        gr.HTML(welcome(study))
        name = gr.Textbox(
            label="Your name, or the code you were given",
            max_length=MAX_NAME,
            elem_id="an-name",
            autofocus=True,
        )
        begin = gr.Button("Begin", variant="primary", elem_id="an-begin")
    with gr.Column(visible=False, elem_id="an-rate") as rating:
        text = gr.HTML("", elem_id="an-text")
        questions = [
            gr.Radio(
                _SCALE,
                label=f"{criterion.capitalize()}: {guideline.question}",
                elem_id=f"an-{criterion}",
                elem_classes="an-question",
            )
            for criterion, guideline in study.guidelines.criteria.items()
        ]
        with gr.Row(elem_id="an-buttons"):
            back = gr.Button("Back", elem_id="an-back", min_width=90)
            submit = gr.Button("Save and go on", variant="primary", elem_id="an-submit", min_width=160)
    with gr.Column(visible=False, elem_id="an-done") as ending:
        thanks = gr.HTML("")
        with gr.Row():
            correct = gr.Button("Correct the last answer", elem_id="an-correct")
            another = gr.Button("Rate some more", elem_id="an-another")
    gr.HTML(guidelines(study), elem_id="an-guidelines")
    with gr.Column(visible=False, elem_id="an-leave") as leaving:
        pass_code = gr.HTML("")
        stop = gr.Button("Stop for now", elem_id="an-stop", size="sm")
    # The text last: when it is there, the page takes answers, and the questions must be blank by then.
    everything = [code, *questions, turn, back, top, note, entrance, rating, ending, thanks, another, leaving,
                  pass_code, text]  # fmt: skip

    def show_entrance(said: str = "") -> dict[Any, Any]:
        return {
            code: "",
            turn: None,
            top: head(study.title, None),
            note: message(said),
            entrance: gr.Column(visible=True),
            rating: gr.Column(visible=False),
            ending: gr.Column(visible=False),
            leaving: gr.Column(visible=False),
        }

    def show(given: str, shown: Shown | None) -> dict[Any, Any]:
        """A text, or thanks after the last one."""
        progress = store.progress(given)
        common = {
            code: given,
            note: "",
            entrance: gr.Column(visible=False),
            rating: gr.Column(visible=shown is not None),
            ending: gr.Column(visible=shown is None),
            leaving: gr.Column(visible=True),
            pass_code: way_back(given),
        }
        if shown is None:
            thanked = {thanks: done(progress), another: gr.Button(visible=progress.more), turn: None}
            return {**common, **thanked, top: head(study.title, (progress.done, progress.total))}
        said_before = shown.scores or {}
        return {
            **common,
            turn: shown.showing,
            top: head(study.title, (shown.place, shown.total)),
            text: card(study.task, shown),
            back: gr.Button(interactive=shown.place > 1),
            **{
                question: said_before.get(criterion)
                for criterion, question in zip(CRITERIA[study.task], questions, strict=True)
            },
        }

    def come(given: object) -> Any:
        if not isinstance(given, str) or not given:
            return gr.skip()  # a fast visitor may be past the entrance by now
        try:
            return show(given, store.next(given))
        except UserError:  # of a store that is no more
            return show_entrance()

    def enter(entered: object) -> dict[Any, Any]:
        try:
            given = store.enter(entered)
            return {**show(given, store.next(given)), name: ""}
        except UserError as error:
            return {note: message(str(error))}

    def save(given: str, showing: int | None, *scores: object) -> dict[Any, Any]:
        try:
            if None in scores:
                return {note: message("Please answer all three questions.")}
            store.rate(given, showing, dict(zip(CRITERIA[study.task], scores, strict=True)))
            place = store.place(given, showing)
            after = None if place is None else store.at(given, place + 1)
            return show(given, after or store.next(given))  # after the last one, those that were passed over
        except UserError as error:
            return {note: message(str(error))}

    def go_back(given: str, showing: int | None) -> dict[Any, Any]:
        try:
            place = store.progress(given).total + 1 if showing is None else store.place(given, showing)
            return show(given, store.next(given) if place is None else store.at(given, max(place - 1, 1)))
        except UserError as error:
            return {note: message(str(error))}

    def go_on(given: str) -> dict[Any, Any]:
        try:
            store.another(given)
            return show(given, store.next(given))
        except UserError as error:
            return {note: message(str(error))}

    def leave(given: str) -> dict[Any, Any]:
        return show_entrance(f"All you said is saved. Your code to come back with: {given}")

    # "once" would lose what comes while the page has not yet taken in an answer. Save twice is Save once: it says
    # which text it is of.
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "multiple"}
    gr.on(None, come, [code], everything, **quiet)
    gr.on([begin.click, name.submit], enter, [name], [*everything, name], **{**quiet, "trigger_mode": "once"})
    submit.click(save, [code, turn, *questions], everything, **quiet)
    back.click(go_back, [code, turn], everything, **quiet)
    correct.click(go_back, [code, turn], everything, **quiet)
    another.click(go_on, [code], everything, **quiet)
    stop.click(leave, [code], everything, **quiet)


def _api(study: Study, store: Store, owner_code: str | None, systems: Mapping[str, list[str]] | None) -> None:
    def start(name: str) -> dict[str, Any]:
        """Begin as a rater, or come back.

        Args:
            name: Any name of up to 60 characters, a pseudonym at best, or the code from an earlier start. A name that
                has taken part is refused, which tells whoever asks that it has.

        Returns:
            code: what the other endpoints ask for; task; criteria: what is rated, from 1 to 3; guidelines: what the
            points mean; progress: as of /progress.
        """
        code = store.enter(name)
        return {
            "code": code,
            "task": study.task,
            "criteria": list(CRITERIA[study.task]),
            "guidelines": study.guidelines.model_dump(mode="json"),
            "progress": _progress(store, code),
        }

    def next_text(code: str) -> dict[str, Any]:
        """The next text to rate; the first one of a new batch when the last batch is rated to its end.

        Args:
            code: From /start.

        Returns:
            showing: names the text in /rate; place and total: in the batch; source; candidate: what a system wrote,
            which may be empty. All null when this rater has had every text.
        """
        shown = store.next(code)
        if shown is None and store.another(code):
            shown = store.next(code)
        if shown is None:
            return dict.fromkeys(("showing", "place", "total", "source", "candidate"))
        return {
            "showing": shown.showing,
            "place": shown.place,
            "total": shown.total,
            "source": shown.item.source,
            "candidate": shown.item.candidate,
        }

    def rate(code: str, showing: int, scores: dict[str, Any]) -> dict[str, Any]:
        """Rate a text; it is on the disk when the answer comes. Rated again, the last rating counts.

        Args:
            code: From /start.
            showing: From /next.
            scores: 1, 2 or 3 for each criterion.

        Returns:
            progress: as of /progress.
        """
        store.rate(code, showing, scores)
        return {"progress": _progress(store, code)}

    def progress(code: str) -> dict[str, Any]:
        """How far a rater is in the batch and in the study.

        Args:
            code: From /start.

        Returns:
            done and total: texts of the batch; rated: in all; more: whether there are texts beyond the batch.
        """
        return _progress(store, code)

    def owner_results(owner_code: str) -> dict[str, Any]:
        """The study's results so far, for its owner.

        Args:
            owner_code: As the Space's settings have it.

        Returns:
            As results.json of `lemonpress annotation results`; systems are told apart where the Space has the key.
        """
        _check_owner(owner_code)
        return summary(results(study, collect(study, rows_of(store), systems)))

    def _check_owner(given: object) -> None:
        if owner_code is None:
            raise UserError("Results are not given here: the owner has set no LEMONPRESS_OWNER_CODE.")
        said = given.encode(errors="replace") if isinstance(given, str) else b""
        if not hmac.compare_digest(said, owner_code.encode()):
            raise UserError("Results are for the study's owner: this is not the owner's code.")

    gr.api(_told(start), api_name="start")
    gr.api(_told(next_text), api_name="next")
    gr.api(_told(rate), api_name="rate")
    gr.api(_told(progress), api_name="progress")
    gr.api(_told(owner_results), api_name="results", concurrency_limit=1)


def _progress(store: Store, code: str) -> dict[str, Any]:
    found = store.progress(code)
    return {"done": found.done, "total": found.total, "rated": found.rated, "more": found.more}


def _told(function: Callable[_Given, _Answer]) -> Callable[_Given, _Answer]:
    """The function with mendable errors as callers see them."""

    @wraps(function)
    def told(*given: _Given.args, **named: _Given.kwargs) -> _Answer:
        try:
            return function(*given, **named)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return told


def _theme() -> Any:
    theme = gr.themes.Base(primary_hue="yellow", neutral_hue="stone", font=["system-ui", "sans-serif"])
    return theme.set(body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400")


def main() -> int:
    """Open the study and its ratings, then serve until stopped."""
    study = read_study(Path(os.environ.get("LEMONPRESS_STUDY", _HERE / "study")))
    owner_code = os.environ.get("LEMONPRESS_OWNER_CODE")
    if owner_code is not None and len(owner_code) < _OWNER_CODE:
        raise UserError(f"LEMONPRESS_OWNER_CODE: is short; give {_OWNER_CODE} characters or more")
    key = os.environ.get("LEMONPRESS_KEY")
    systems = None if key is None else read_key(Path(key), study)
    folder = Path(os.environ.get("LEMONPRESS_RATINGS", home() / "ratings" / study.id))
    store = Store(folder, study)
    # A Space is stopped by SIGTERM: the last ratings are pushed then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with pushing(store, study, folder / "pushed", os.environ.get("HF_TOKEN")):
        build(study, store, owner_code, systems).queue(max_size=_WAITING, default_concurrency_limit=_AT_ONCE).launch(
            theme=_theme(),
            css_paths=_HERE / "style.css",
            head=f"<script>{(_HERE / 'keys.js').read_text(encoding='utf-8')}</script>",
            footer_links=["api"],
            max_file_size="1kb",
            ssr_mode=False,
        )
    return 0
