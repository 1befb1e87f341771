"""The paraphraser: a Gradio Space on a released student.

Settings come from the environment; ``docs/space.md`` lists them.
"""

# ZeroGPU asks to be imported before torch. A folder named spaces on the path imports too, without GPU.
try:
    import spaces
except ImportError:
    spaces = None

import importlib.util
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import gradio as gr
import page
from checks import Ask, passage
from comparing import Shelf, offered
from endpoints import add_endpoints
from exploring import Library, found_from
from feedback import open_box
from parts import Parts
from rewriting import Rewriter, load
from settings import Settings, read
from tab_compare import compare_tab
from tab_explore import explore_tab
from tab_rewrite import EXAMPLES, TEMPERATURE, N, rewrite_tab

from lemonpress.console import run_program
from lemonpress.errors import UserError
from lemonpress.recipes import StudentTask
from syntax import EXEMPLARS, TEMPLATE_LEVELS, Template, templates

_TITLE = "Lemonpress paraphraser"
_WAITING = 64  # callers in the queue; more are told to come back
_HERE = Path(__file__).parent


def build(parts: Parts) -> gr.Blocks:
    """The interface and the API endpoints."""
    with gr.Blocks(title=_TITLE, analytics_enabled=False) as blocks:
        gr.HTML(
            f'<header class="lp-head"><h1>{_TITLE}</h1><p>A small student rewrites your sentences; the critics that '
            "chose its training data judge what it says.</p></header>"
        )
        with gr.Tabs(elem_id="lp-tabs"):
            with gr.Tab("Rewrite", id="rewrite"):
                rewrite_tab(parts)
            with gr.Tab("Compare", id="compare"):
                compare_tab(parts)
            with gr.Tab("Explore", id="explore"):
                explore_tab(parts)
        gr.HTML(page.model_line(parts.rewriter.pinned, parts.endpoint), elem_id="lp-pinned")
        add_endpoints(parts)
    return blocks


def assemble(settings: Settings) -> Parts:
    """Load what the Space shows.

    Raises:
        UserError: A release is missing, or feedback cannot be kept.
    """
    from huggingface_hub import constants

    box = open_box(settings, {"id": settings.student.repo_id, "version": settings.student.version})
    rewriter, folder = load(settings.student, on_gpu=_on_gpu)
    library = Library(found_from(folder, settings.corpora))
    shelf = Shelf(rewriter, offered(settings.student, settings.compare, None))
    return Parts(rewriter, shelf, library, _templates(rewriter, library), box, constants.ENDPOINT)


def main() -> int:
    """Load the student once, answer one example of each task, then serve and answer the others."""
    settings = read()
    parts = assemble(settings)
    firsts = {task: text for text, task in reversed(EXAMPLES)}
    _prepare(parts, [(text, task) for task, text in firsts.items()])  # models that load when first needed do so now
    Thread(target=_prepare, args=(parts, EXAMPLES), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # what stops a Space; the last feedback is pushed first
    with closing(parts.box):
        build(parts).queue(max_size=_WAITING).launch(
            theme=_theme(),
            css_paths=_HERE / "style.css",
            head=f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>",
            footer_links=["api"],
            max_file_size="1kb",
            ssr_mode=False,
            mcp_server=settings.mcp and _has_mcp(),
        )
    return 0


def _prepare(parts: Parts, examples: Sequence[tuple[str, StudentTask]]) -> None:
    """Answer examples with the settings that the page begins with, so that a click shows the answer at once."""
    for text, task in examples:
        if task in parts.rewriter.tasks:
            tree = parts.tree(EXEMPLARS[0], "", TEMPLATE_LEVELS) if task == "control" else None
            for _ in parts.rewriter.rewrite(passage(text), Ask(task, N, TEMPERATURE, tree=tree)):
                pass


def _templates(rewriter: Rewriter, library: Library) -> tuple[Template, ...]:
    """Trees to follow, from the first corpus that has any; none where the corpora cannot be read."""
    if rewriter.syntax is None:
        return ()
    for name in library.names:
        try:
            trees, targets = library.get(name).control
        except UserError as error:
            print(f"paraphraser: no templates: {error}", flush=True)
            return ()
        if trees:
            return tuple(templates(trees, targets, rewriter.syntax.contract))
    return ()


def _has_mcp() -> bool:
    found = importlib.util.find_spec("mcp") is not None
    if not found:
        print(
            "paraphraser: LEMONPRESS_MCP=1: needs the extra: pip install 'lemonpress[mcp]'; serving without",
            flush=True,
        )
    return found


def _on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on ZeroGPU's terms where they apply, else as it is."""
    gpu = getattr(spaces, "GPU", None)
    wrapped: Callable[..., Any] = gpu(duration=30)(function) if gpu else function
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
