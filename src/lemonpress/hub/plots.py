"""Plots of a release, as PNG files with the same bytes for the same numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lemonpress.funnel import Step
from lemonpress.plotting import FAINT, INK, bare_axes, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KEPT = "#d9a300"
_SEEN = "#f3e6bd"
# Where the largest count is so many times the smallest, a linear scale hides the small ones.
_LOG_FROM = 50


def funnel_plot(funnel: Sequence[Step], path: Path, title: str) -> None:
    """Draw what each step saw and kept, as horizontal bars from the first step down.

    Args:
        funnel: Steps in order; at least one.
        path: PNG file to write.
        title: Heading.

    Raises:
        ValueError: The funnel has no steps.
    """
    if not funnel:
        raise ValueError("a funnel plot needs at least one step")
    with new_figure(9.0, 1.25 + 0.42 * len(funnel), dpi=150) as figure:
        _draw(figure.add_subplot(), funnel, title)
        save(figure, path)


def _draw(axes: "Axes", funnel: Sequence[Step], title: str) -> None:
    rows = range(len(funnel))
    counts = [count for step in funnel for count in (step.seen, step.kept) if count]
    logarithmic = bool(counts) and max(counts) >= _LOG_FROM * min(counts)
    largest = max(counts, default=1)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(0.8, largest * 1.15)
    else:
        axes.set_xlim(0, largest * 1.02)
    axes.barh(rows, [step.seen for step in funnel], height=0.66, color=_SEEN, label="seen")
    axes.barh(rows, [step.kept for step in funnel], height=0.66, color=_KEPT, label="kept")
    axes.set_ylim(len(funnel) - 0.5, -0.5)
    axes.set_yticks(rows, [step.name for step in funnel], color=INK)
    axes.set_xlabel("count (logarithmic scale)" if logarithmic else "count", color=FAINT)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    bare_axes(axes, without=("top", "right", "left"))
    axes.tick_params(axis="y", colors=INK)
    axes.set_title(title, loc="left", color=INK, fontweight="bold", pad=22)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, borderpad=0.1, borderaxespad=0.2)
    for row, step in enumerate(funnel):
        axes.annotate(
            _label(step),
            (1.0, row),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=INK,
        )


def _label(step: Step) -> str:
    share = f" ({100 * step.kept / step.seen:.1f} %)" if step.seen else ""
    return f"{step.kept:,} of {step.seen:,}{share}"
