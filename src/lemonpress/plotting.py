"""The look that all plots share, and PNG files with the same bytes for the same numbers."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#2b2b2b"
FAINT = "#6f6f6f"
# Told apart by lightness too; readable on white, which every file brings along for dark pages.
COLOURS = ("#d9a300", "#2a6fbb", "#b5432a", "#3f8f5b", "#7a5195", "#6b6b6b")


@contextmanager
def new_figure(width: float, height: float, dpi: int = 100) -> "Iterator[Figure]":
    """A white figure to draw on and to `save`, inside the context: the user's own style must not reach a file.

    Args:
        width: In inches.
        height: In inches.
        dpi: Pixels an inch.
    """
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({key: value for key, value in rcParamsDefault.items() if not key.startswith("backend")}):
        figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
        FigureCanvasAgg(figure)
        yield figure


def bare_axes(axes: "Axes", without: Collection[str] = ("top", "right")) -> None:
    """Take ticks and some of the frame away, and draw what stays faintly.

    Args:
        axes: To style, once drawn.
        without: Sides without a frame.
    """
    axes.tick_params(which="both", length=0, colors=FAINT)
    for name, spine in axes.spines.items():
        spine.set_visible(name not in without)
        spine.set_color(FAINT)


def save(figure: "Figure", file: Path) -> None:
    """Write a figure as a PNG file of 64 colours, a third of the size of one in full colour.

    Args:
        figure: From `new_figure`.
        file: To write.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)  # `new_figure` made it
    canvas.draw()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(64).save(file, optimize=True)
