"""The tab that compares two published students."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import page
from checks import TEMPERATURES, ask, passage
from comparing import side_by_side
from page_compare import compared
from parts import AT_ONCE, STUDENT_QUEUE, Parts
from tab_rewrite import TASKS, TEMPERATURE

from lemonpress.errors import UserError
from lemonpress.recipes import StudentTask

N = 3
_TEXT = "The museum will stay closed until the end of March while workers repair its roof."


def compare_tab(parts: Parts) -> None:
    """Add the tab's components and events to the Blocks under construction."""
    names = parts.shelf.names
    if len(names) < 2:
        gr.HTML(page.message("There is only one published version of this student so far, so nothing to compare."))
        return
    tasks = [(TASKS[task], task) for task in parts.rewriter.tasks if task != "control"]
    with gr.Row():
        left = gr.Dropdown(names, value=names[0], label="One student", min_width=240, elem_id="lp-left")
        right = gr.Dropdown(names, value=names[1], label="Another one", min_width=240, elem_id="lp-right")
    text = gr.Textbox(
        label="Text",
        info="Both rewrite it; the critics of this Space's own student judge both",
        value=_TEXT,
        lines=2,
        max_lines=12,
        elem_id="lp-compare-input",
    )
    task = gr.Radio(tasks, value=tasks[0][1], label="Task", elem_classes="lp-segments")
    with gr.Accordion("Candidates and variety", open=False), gr.Row():
        n = gr.Slider(1, 8, N, step=1, label="Candidates for each sentence", min_width=220)
        temperature = gr.Slider(*TEMPERATURES, TEMPERATURE, step=0.1, label="Variety (temperature)", min_width=220)
    button = gr.Button("Compare", variant="primary", elem_id="lp-compare")
    said = gr.HTML(elem_id="lp-compare-status", elem_classes="lp-live")
    shown = gr.HTML(elem_id="lp-compared")

    def show(
        text: str, left: str, right: str, task: StudentTask, n: int, temperature: float
    ) -> Iterator[tuple[Any, str]]:
        try:
            found = passage(text)
            total = len(found.sentences)
            wanted = ask(parts.rewriter.check_task(task), n, temperature, sentences=2 * total)
            yield page.status("Loading the students …", busy=True), ""
            one, other = parts.shelf.get(left, "left"), parts.shelf.get(right, "right")
            yield page.status(f"Writing {wanted.n} candidates for each student …", busy=True), ""
            for step, sides in enumerate(side_by_side(one, other, found, wanted), 1):
                look = compared([(one.pinned, sides[0]), (other.pinned, sides[1])], wanted.n)
                words = f"{step} of {2 * total} answers are there …" if step < 2 * total else "Done."
                yield page.status(words, busy=step < 2 * total), look
        except UserError as error:
            yield page.status(""), page.message(str(error))

    gr.on(
        [button.click, text.submit],
        show,
        [text, left, right, task, n, temperature],
        [said, shown],
        api_visibility="private",
        concurrency_id=STUDENT_QUEUE,
        concurrency_limit=AT_ONCE,
        trigger_mode="once",
        show_progress_on=said,
    )
