"""Histograms of a report, corpora overlaid."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lemonpress.evaluation.report import Histogram, Report
from lemonpress.plotting import COLOURS, INK, bare_axes, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = len(COLOURS)
"""Corpora that one plot can show."""

_ACROSS = 4


def plot_measures(report: Report, file: Path) -> None:
    """Draw how the lengths and measures of each corpus are distributed.

    Args:
        report: Of at most `MOST` corpora.
        file: PNG file to write.
    """
    _plot(report, False, file)


def plot_scores(report: Report, file: Path) -> None:
    """Draw how the scores that the corpora bring along are distributed.

    Args:
        report: Of at most `MOST` corpora, one of them with scores.
        file: PNG file to write.
    """
    _plot(report, True, file)


def _plot(report: Report, own: bool, file: Path) -> None:
    if len(report.corpora) > MOST:
        raise ValueError(f"a plot shows at most {MOST} corpora, not {len(report.corpora)}")
    corpora = [[one for one in corpus.histograms if one.own == own] for corpus in report.corpora]
    panels = list(zip(*corpora, strict=True))
    down, across = -(-len(panels) // _ACROSS), min(_ACROSS, len(panels))
    with new_figure(3.0 * across, 0.5 + 2.0 * down) as figure:
        grid = figure.subplots(down, across, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            _draw(axes, panel)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        names = [corpus.name for corpus in report.corpora]
        handles = grid[0].get_legend_handles_labels()[0]
        figure.legend(handles, names, loc="outside upper left", ncols=MOST, frameon=False, labelcolor=INK)
        save(figure, file)


def _draw(axes: "Axes", panel: tuple[Histogram, ...]) -> None:
    for histogram, colour in zip(panel, COLOURS, strict=False):
        shares = 100 * np.array(histogram.counts) / max(1, sum(histogram.counts))
        axes.stairs(shares, histogram.edges, fill=True, alpha=0.35 if len(panel) > 1 else 0.8, color=colour, label=" ")
        axes.stairs(shares, histogram.edges, color=colour)
    axes.set_title(panel[0].measure, loc="left", color=INK, fontsize=9, fontweight="bold")
    axes.set_ylim(0, None)
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    axes.tick_params(labelsize=7)
    bare_axes(axes, without=("top", "right", "left"))
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
