"""The paraphraser: a Gradio Space on a released student.

Settings come from the environment: ``LEMONPRESS_STUDENT`` and ``LEMONPRESS_STUDENT_VERSION`` name the release,
``HF_ENDPOINT`` the Hub.
"""

# ZeroGPU asks to be imported before torch. A folder named spaces on the path imports too, without GPU.
try:
    import spaces
except ImportError:
    spaces = None

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from page import answer, message, model_line
from rewrite import MAX_CANDIDATES, MAX_CHARACTERS, TEMPERATURES, Rewriter, load, together

from lemonpress.console import run_program
from lemonpress.errors import UserError
from lemonpress.recipes import Task

STUDENT = "lemonpress/lemon-student-demo"
VERSION = "1.0.0"
_TITLE = "Lemonpress paraphraser"
_WAITING = 32  # callers in the queue; more are told to come back
_TASKS = {"paraphrase": "Paraphrase", "summary": "Summarise"}
_EXAMPLES = [
    ["The museum will stay closed until the end of March while workers repair its roof.", "paraphrase"],
    ["Heavy snow delayed dozens of trains between the two cities on Tuesday morning.", "paraphrase"],
    [
        "The town council, which met late into the night on Thursday, voted to plant 400 trees along the main road "
        "after residents complained about the heat in summer.",
        "summary",
    ],
]

Function = TypeVar("Function", bound=Callable[..., Any])


def build(rewriter: Rewriter, endpoint: str) -> gr.Blocks:
    """The interface and the API endpoint ``/rewrite``."""
    run = _on_gpu(rewriter.rewrite)

    def show(text: str, task: Task, n: int, temperature: float) -> tuple[Any, str]:
        try:
            results = run(text, task, n, temperature)
        except UserError as error:
            return gr.Textbox(visible=False), message(str(error))
        kept = any(result.best for result in results)
        return gr.Textbox(together(results), visible=kept), answer(results, n)

    def rewrite(text: str, task: Task = "paraphrase", n: int = 5, temperature: float = 0.7) -> dict[str, Any]:
        """Rewrite a short English text sentence by sentence and judge every candidate.

        Args:
            text: Up to 400 characters, 5 sentences, 60 words a sentence.
            task: paraphrase or summary.
            n: Samples for each sentence, 1 to 8; copies of the source and repetitions are left out.
            temperature: 0.1 to 1.5; higher is more varied.

        Returns:
            text: the input with each sentence replaced by its best candidate; sentences: their candidates, with
            scores, verdicts and reasons; model: id, version and commit.
        """
        try:
            results = run(text, task, n, temperature)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None
        return {
            "text": together(results),
            "sentences": [result.as_json() for result in results],
            "model": {"id": rewriter.repo_id, "version": rewriter.version, "commit": rewriter.commit},
        }

    tasks = [(_TASKS[task], task) for task in rewriter.critics]
    with gr.Blocks(title=_TITLE, analytics_enabled=False) as blocks:
        gr.HTML(
            f'<div class="lp-head"><h1>{_TITLE}</h1><p>A small student rewrites your sentence; the critics that chose '
            "its training data judge what it says.</p></div>"
        )
        text = gr.Textbox(
            label="Text",
            info=f"English, up to {MAX_CHARACTERS} characters and five sentences",
            placeholder="Type or paste a sentence",
            lines=3,
            max_lines=8,
            autofocus=True,
            elem_id="lp-input",
        )
        task = gr.Radio(tasks, value=tasks[0][1], label="Task")
        with gr.Row():
            n = gr.Slider(1, MAX_CANDIDATES, 5, step=1, label="Candidates a sentence", min_width=220)
            temperature = gr.Slider(*TEMPERATURES, 0.7, step=0.1, label="Temperature", min_width=220)
        button = gr.Button("Rewrite", variant="primary", elem_id="lp-rewrite")
        best = gr.Textbox(
            label="Best candidates",
            visible=False,
            buttons=["copy"],
            elem_id="lp-best",
        )
        shown = gr.HTML(message("Candidates will appear here."), elem_id="lp-answer")
        gr.Examples([example for example in _EXAMPLES if example[1] in rewriter.critics], [text, task])
        gr.HTML(model_line(rewriter, endpoint), elem_id="lp-pinned")
        gr.on(
            [button.click, text.submit],
            show,
            [text, task, n, temperature],
            [best, shown],
            api_visibility="private",
            concurrency_id="student",
            concurrency_limit=1,
            trigger_mode="once",
        )
        gr.api(rewrite, api_name="rewrite", concurrency_id="student")
    return blocks


def main() -> int:
    """Load the student once, then serve."""
    from huggingface_hub import constants

    student = os.environ.get("LEMONPRESS_STUDENT", STUDENT)
    version = os.environ.get("LEMONPRESS_STUDENT_VERSION", VERSION)
    rewriter = load(student, version)
    for task in rewriter.critics:  # models that load when first needed do so now, and the first visitor need not wait
        rewriter.rewrite("The small shop opens at nine on Sundays.", task, 1, 0.7)
    build(rewriter, constants.ENDPOINT).queue(max_size=_WAITING).launch(
        theme=_theme(),
        css_paths=Path(__file__).with_name("style.css"),
        footer_links=["api"],
        max_file_size="1kb",
        ssr_mode=False,
    )
    return 0


def _on_gpu(function: Function) -> Function:
    """The function on ZeroGPU's terms where they apply, else as it is."""
    gpu = getattr(spaces, "GPU", None)
    wrapped: Function = gpu(duration=30)(function) if gpu else function
    return wrapped


def _theme() -> Any:
    return gr.themes.Base(primary_hue="yellow", neutral_hue="stone", font=["system-ui", "sans-serif"]).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        button_primary_background_fill="#facc15",
        button_primary_background_fill_hover="#eab308",
        button_primary_background_fill_dark="#facc15",
        button_primary_background_fill_hover_dark="#eab308",
        button_primary_text_color="#1c1917",
        button_primary_text_color_dark="#1c1917",
    )


if __name__ == "__main__":
    sys.exit(run_program("paraphraser", main))
