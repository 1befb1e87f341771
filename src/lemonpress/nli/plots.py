"""Curves of critics, as a small PNG file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lemonpress.nli.measures import THRESHOLD, Floats, Mask, curve, reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK = "#2b2b2b"
_FAINT = "#6f6f6f"
# Told apart by lightness too; readable on white, which the file brings along for dark pages.
_COLOURS = ("#d9a300", "#2a6fbb", "#b5432a", "#3f8f5b", "#7a5195", "#6b6b6b")
MOST = len(_COLOURS)
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
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    # The user's own style must not reach a published file.
    with rc_context({key: value for key, value in rcParamsDefault.items() if not key.startswith("backend")}):
        figure = Figure(figsize=(12.0, 4.3), dpi=100, facecolor="white")
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
        canvas = FigureCanvasAgg(figure)
        by_threshold, by_recall, calibration = figure.subplots(1, 3)
        for line, colour in zip(lines, _COLOURS, strict=False):
            _draw(line, colour, by_threshold, by_recall, calibration)
        _finish(by_threshold, "Precision (solid) and recall (dashed)", "threshold on p(entailment)", "")
        by_threshold.axvline(THRESHOLD, color=_FAINT, linewidth=0.8, linestyle=":")
        by_threshold.annotate(f"{THRESHOLD}", (THRESHOLD, 0.02), (3, 0), textcoords="offset points", color=_FAINT)
        _finish(by_recall, f"Precision and recall (dot: {THRESHOLD})", "recall", "precision")
        _finish(calibration, "Reliability", "mean p(entailment)", "share of entailments")
        calibration.plot([0, 1], [0, 1], color=_FAINT, linewidth=0.8, linestyle=":")
        figure.legend(*by_recall.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        canvas.draw()
        # A palette keeps the file a third of its size: critics ship with it.
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(64).save(file, optimize=True)


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
        by_recall.plot([recall], [precision], color=colour, marker="o", markersize=6, markeredgecolor=_INK)
    bins = reliability(line.entails, line.scores)
    calibration.plot(bins.scores, bins.shares, color=colour, marker="o", markersize=3.5)


def _finish(axes: "Axes", title: str, across: str, up: str) -> None:
    axes.set_title(title, loc="left", color=_INK, fontweight="bold", fontsize=11)
    axes.set_xlabel(across, color=_FAINT)
    axes.set_ylabel(up, color=_FAINT)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=_FAINT)
    for name in ("top", "right"):
        axes.spines[name].set_visible(False)
    for name in ("left", "bottom"):
        axes.spines[name].set_color(_FAINT)
