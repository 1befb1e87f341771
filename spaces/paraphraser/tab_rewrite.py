"""The tab that rewrites: text in, candidates while you watch."""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
import page
from checks import LEVELS, MAX_CANDIDATES, MAX_CHARACTERS, MAX_SENTENCES, TEMPERATURES, WORDS
from feedback import MAX_WHY
from judging import Sentence, together
from parts import AT_ONCE, STUDENT_QUEUE, Parts

from lemonpress.errors import UserError
from lemonpress.recipes import StudentTask
from syntax import EXEMPLARS, TEMPLATE_LEVELS

N, TEMPERATURE = 5, 0.7
TASKS: dict[StudentTask, str] = {"paraphrase": "Paraphrase", "control": "Follow a syntax", "summary": "Summarise"}
EXAMPLES: tuple[tuple[str, StudentTask], ...] = (
    ("Two firefighters were injured when the roof collapsed.", "paraphrase"),
    ("After the storm, volunteers cleared fallen trees from the road. Most of the trains ran again by noon.",
     "paraphrase"),
    ("The council closed the old bridge for six weeks.", "control"),
    ("The town council, which met late into the night on Thursday, voted to plant 400 trees along the main road "
     "after residents complained about the heat in summer.", "summary"),
)  # fmt: skip
_FOLLOW = ("An example sentence", "A template")
_CHOICES = 40


def rewrite_tab(parts: Parts) -> None:
    """Add the tab's components and events to the Blocks under construction."""
    rewriter = parts.rewriter
    tasks = [(TASKS[task], task) for task in rewriter.tasks]
    text = gr.Textbox(
        label="Text",
        info=f"English, up to {MAX_CHARACTERS:,} characters and {MAX_SENTENCES} sentences",
        placeholder="Type or paste a sentence or a few",
        lines=3,
        max_lines=12,
        elem_id="lp-input",
    )
    task = gr.Radio(tasks, value=tasks[0][1], label="Task", elem_id="lp-task", elem_classes="lp-segments")
    syntax_box, syntax = _syntax_settings(parts, visible=tasks[0][1] == "control")
    words = gr.Slider(
        0,
        WORDS[1],
        0,
        step=1,
        label="Words for each sentence",
        info="0 leaves the length to the student",
        visible=rewriter.lengths and tasks[0][1] == "summary",
        elem_id="lp-words",
    )
    with gr.Accordion("Candidates and variety", open=False, elem_id="lp-settings"), gr.Row():
        n = gr.Slider(1, MAX_CANDIDATES, N, step=1, label="Candidates for each sentence", min_width=220)
        temperature = gr.Slider(
            *TEMPERATURES,
            TEMPERATURE,
            step=0.1,
            label="Variety (temperature)",
            info="higher is more varied, and less faithful",
            min_width=220,
        )
    button = gr.Button("Rewrite", variant="primary", elem_id="lp-rewrite")
    said = gr.HTML(elem_id="lp-status", elem_classes="lp-live")
    best = gr.Textbox(label="Best candidates, put together", visible=False, buttons=["copy"], elem_id="lp-best")
    shown = gr.HTML(page.message("Candidates will appear here."), elem_id="lp-answer")
    latest = gr.State({}, time_to_live=3600)
    about, feedback = _feedback_form(parts, latest)
    outputs = [said, best, shown, latest, about, feedback]

    def show(
        text: str, task: StudentTask, n: int, temperature: float, words: int, follow: str, exemplar: str, tree: str
    ) -> Iterator[tuple[Any, ...]]:
        try:
            followed = None
            if task == "control":
                followed = _followed(parts, follow, exemplar, tree)
            kept_words = words if task == "summary" and rewriter.lengths else None
            found, wanted = parts.asked(text, rewriter.check_task(task), n, temperature, kept_words, followed)
            total, results = len(found.sentences), list[Sentence]()
            yield _progress(results, wanted.n, total)
            for result in rewriter.rewrite(found, wanted):
                results.append(result)
                if len(results) < total:
                    yield _progress(results, wanted.n, total)
        except UserError as error:
            yield page.status(""), gr.skip(), page.message(str(error)), gr.skip(), gr.skip(), gr.skip()
            return
        whole = found.joined(together(results))
        any_kept = any(result.best for result in results)
        rated = rateable(results, whole if total > 1 and any_kept else None)
        yield (
            page.status(page.done(results)),
            gr.Textbox(whole, visible=any_kept),
            page.answer(results, wanted.n),
            {"task": task, "rated": [(source, rewriting) for _, source, rewriting in rated]},
            gr.Dropdown([(label, place) for place, (label, *_) in enumerate(rated)], value=0 if rated else None),
            gr.Accordion(visible=bool(rated), open=False),
        )

    asked = [text, task, n, temperature, words, *syntax]
    events: dict[str, Any] = {
        "api_visibility": "private",
        "concurrency_id": STUDENT_QUEUE,
        "concurrency_limit": AT_ONCE,
        "trigger_mode": "once",
        "show_progress_on": said,
    }
    gr.on([button.click, text.submit], show, asked, outputs, **events)
    examples = gr.Examples(
        [list(example) for example in EXAMPLES if example[1] in rewriter.tasks],
        [text, task],
        label="Examples, answered at a click",
        elem_id="lp-examples",
    )
    examples.load_input_event.then(show, asked, outputs, **events)
    task.change(
        lambda task: (gr.Group(visible=task == "control"), gr.Slider(visible=task == "summary" and rewriter.lengths)),
        task,
        [syntax_box, words],
        api_visibility="private",
        queue=False,
        show_progress="hidden",
    )


def _syntax_settings(parts: Parts, visible: bool) -> tuple[Any, list[Any]]:
    """The box of what to follow, with its tree drawn, and its settings: kind, example sentence, template."""
    syntax = parts.rewriter.syntax
    with gr.Group(visible=visible, elem_id="lp-syntax") as box:
        follow = gr.Radio(
            list(_FOLLOW if parts.templates else _FOLLOW[:1]),
            value=_FOLLOW[0],
            label="Follow the syntax of",
            elem_classes="lp-segments",
            visible=bool(parts.templates),
        )
        exemplar = gr.Dropdown(
            list(EXEMPLARS),
            value=EXEMPLARS[0],
            allow_custom_value=True,
            label="Example sentence",
            info="Choose one, or type your own and press Enter",
            elem_id="lp-exemplar",
        )
        template = gr.Dropdown(
            [(f"{one.example} ({one.rows} rows)", one.tree) for one in parts.templates],
            label="Template",
            info="The commonest tops of trees in the corpus, each with a sentence that has it",
            visible=False,
            elem_id="lp-template",
        )
        drawing = gr.HTML(elem_id="lp-drawing")
    if syntax is None:
        return box, [follow, exemplar, template]

    def draw(follow: str, exemplar: str, tree: str) -> str:
        try:
            return page.tree(_followed(parts, follow, exemplar, tree), "Syntax to follow")
        except UserError as error:
            return page.message(str(error))

    chosen = [follow, exemplar, template]
    events: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    for component in chosen:
        component.change(draw, chosen, drawing, **events)
    follow.change(
        lambda follow: (gr.Dropdown(visible=follow == _FOLLOW[0]), gr.Dropdown(visible=follow == _FOLLOW[1])),
        follow,
        [exemplar, template],
        **events,
    )
    drawing.value = draw(_FOLLOW[0], EXEMPLARS[0], "")
    return box, chosen


def _followed(parts: Parts, follow: str, exemplar: str, tree: str) -> str:
    """The tree that the settings of the page mean."""
    if follow == _FOLLOW[1]:
        return parts.tree("", tree, LEVELS[1])
    return parts.tree(exemplar, "", TEMPLATE_LEVELS)


def _feedback_form(parts: Parts, latest: Any) -> tuple[Any, Any]:
    with gr.Accordion("Tell us what you think", open=False, visible=False, elem_id="lp-feedback") as form:
        about = gr.Dropdown([], label="Which rewriting", elem_id="lp-about")
        rating = gr.Radio([("Good", "good"), ("Bad", "bad")], label="It is", elem_classes="lp-segments")
        why = gr.Textbox(
            label="Why (if you like)",
            info="Your text, this rewriting and your words are kept, and nothing about you",
            max_length=MAX_WHY,
            lines=2,
            elem_id="lp-why",
        )
        send = gr.Button("Send", elem_id="lp-send")
        thanks = gr.HTML(elem_id="lp-thanks", elem_classes="lp-live")

    def keep(about: int | None, rating: str | None, why: str, latest: dict[str, Any]) -> tuple[str, Any]:
        try:
            rated = latest.get("rated", ())
            if about is None or not 0 <= about < len(rated):
                raise UserError("Please rewrite a text first, then choose a rewriting.")
            source, rewriting = rated[about]
            parts.box.put(latest["task"], source, rewriting, rating, why)
        except UserError as error:
            return page.status(str(error)), gr.skip()
        return page.status("Thank you: it is stored."), ""

    send.click(
        keep,
        [about, rating, why, latest],
        [thanks, why],
        api_visibility="private",
        queue=False,
    )
    return about, form


def _progress(results: list[Sentence], n: int, total: int) -> tuple[Any, ...]:
    now = len(results) + 1
    doing = f"Sentence {now} of {total}: " if total > 1 else ""
    said = page.status(f"{doing}writing and judging {n} candidates …", busy=True)
    shown = page.answer(results, n, total) if results else page.message("The first candidates are on their way.")
    return said, gr.skip(), shown, gr.skip(), gr.skip(), gr.skip()


def rateable(results: Sequence[Sentence], whole: str | None) -> list[tuple[str, str, str]]:
    """What feedback may be about: the whole text, then the candidates as they are shown.

    Args:
        results: Of all sentences.
        whole: The best candidates put together, or None.

    Returns:
        (label, source, rewriting) of each.
    """
    text = " ".join(result.source for result in results)
    named = [] if whole is None else [("The whole text", text, whole)]
    for number, result in enumerate(results, 1):
        before = f"Sentence {number}: " if len(results) > 1 else ""
        named += [(f"{before}{one.text}", result.source, one.text) for one in result.candidates]
    return named[:_CHOICES]
