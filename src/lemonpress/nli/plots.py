"""Curves of critics, as a small PNG file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lemonpress.nli.measures import THRESHOLD, Floats, Mask, curve, reliability
from lemonpress.plotting import COLOURS, FAINT, INK, bare_axes, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = len(COLOURS)
"""Lines that one plot can show."""


@dataclass(frozen=True)
class Line:
    """A critic on a benchmark.

    Attributes:
        name: In the legend.
        entails: Which pairs are entailments; at least one.
        scores: p(entailment) of each pair.
    """

    name: str
    entails: Mask
    scores: Floats


def plot_curves(lines: Sequence[Line], file: Path) -> None:
    """Draw precision and recall by threshold, precision by recall, and how far scores are probabilities.

    Args:
        lines: At least one and at most `MOST`, each in a colour of its own.
        file: PNG file to write.

    Raises:
        ValueError: There are no lines, or too many.
    """
    if not 0 < len(lines) <= MOST:
        raise ValueError(f"a plot shows 1 to {MOST} critics, not {len(lines)}")
    with new_figure(12.0, 4.3) as figure:
        by_threshold, by_recall, calibration = figure.subplots(1, 3)
        for line, colour in zip(lines, COLOURS, strict=False):
            _draw(line, colour, by_threshold, by_recall, calibration)
        _finish(by_threshold, "Precision (solid) and recall (dashed)", "threshold on p(entailment)", "")
        by_threshold.axvline(THRESHOLD, color=FAINT, linewidth=0.8, linestyle=":")
        by_threshold.annotate(f"{THRESHOLD}", (THRESHOLD, 0.02), (3, 0), textcoords="offset points", color=FAINT)
        _finish(by_recall, f"Precision and recall (dot: {THRESHOLD})", "recall", "precision")
        _finish(calibration, "Reliability", "mean p(entailment)", "share of entailments")
        calibration.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=":")
        figure.legend(*by_recall.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        save(figure, file)


def _draw(line: Line, colour: str, by_threshold: "Axes", by_recall: "Axes", calibration: "Axes") -> None:
    found = curve(line.entails, line.scores)
    # A threshold between two scores keeps what the higher one keeps.
    ends = np.append(found.thresholds, 0.0)
    for values, style in ((found.precision, "-"), (found.recall, "--")):
        held = np.append(values, values[-1])
        by_threshold.plot(ends, held, color=colour, linestyle=style, drawstyle="steps-post")
    by_recall.plot(found.recall, found.precision, color=colour, label=line.name)
    precision, recall = found.at(THRESHOLD)
    if precision is not None:
        by_recall.plot([recall], [precision], color=colour, marker="o", markersize=6, markeredgecolor=INK)
    bins = reliability(line.entails, line.scores)
    calibration.plot(bins.scores, bins.shares, color=colour, marker="o", markersize=3.5)


def _finish(axes: "Axes", title: str, across: str, up: str) -> None:
    axes.set_title(title, loc="left", color=INK, fontweight="bold", fontsize=11)
    axes.set_xlabel(across, color=FAINT)
    axes.set_ylabel(up, color=FAINT)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    bare_axes(axes)
