"""Plots of studies, as small PNG files with the same bytes for the same numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lemonpress.metrics.bootstrap import Estimate
from lemonpress.plotting import COLOURS, FAINT, INK, bare_axes, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lemonpress.studies.proximity import Point, Proximity
    from lemonpress.studies.thresholds import Level, Sweep

# Critics that are meant to tell by themselves which pairs say the same.
_MEANING = ("entailment", "similarity")


@dataclass(frozen=True)
class Series:
    """One figure along the values that a study tries.

    Attributes:
        name: In the legend.
        estimates: One for each value; a gap where there is none.
        colour: Of its line or bars.
        scale: What the estimates are multiplied by: 100 for shares in percent.
    """

    name: str
    estimates: Sequence[Estimate]
    colour: str
    scale: float = 1.0


def proximity_plot(found: "Proximity", file: Path) -> None:
    """Draw the paper's Figure 3: equivalent pairs as bars and their Self-BLEU as a line, in two panels.

    Args:
        found: The study.
        file: PNG file to write.
    """
    plan = found.plan
    panels = (
        (found.by_length, "length", "sentences of the context", f"Temperature {plan.temperature:g}"),
        (found.by_temperature, "temperature", "temperature", f"Contexts of {plan.length} sentences"),
    )
    with new_figure(11.0, 4.3) as figure:
        for axes, (points, label, across, title) in zip(figure.subplots(1, 2), panels, strict=True):
            places = [f"{getattr(point, label):g}" for point in points]
            right = _proximity_panel(axes, points, places, across, title)
        bars, lines = axes.get_legend_handles_labels(), right.get_legend_handles_labels()
        figure.legend(bars[0] + lines[0], bars[1] + lines[1], loc="outside lower center", ncols=4, frameon=False)
        save(figure, file)


def _proximity_panel(
    axes: "Axes", points: Sequence["Point"], places: Sequence[str], across: str, title: str
) -> "Axes":
    """Draw one panel; returns the axes on the right, those of Self-BLEU."""
    x = np.arange(len(points))
    for series, aside in (
        (Series("equivalent of all pairs", [point.equivalent for point in points], "#f3e6bd", 100), -0.19),
        (
            Series("equivalent of distinct pairs", [point.distinct_equivalent for point in points], COLOURS[0], 100),
            0.19,
        ),
    ):
        values, ends = _values(series)
        axes.bar(x + aside, values, 0.36, color=series.colour, label=series.name)
        axes.errorbar(x + aside, values, yerr=ends, fmt="none", ecolor=FAINT, elinewidth=0.9)
    right = axes.twinx()
    _line(right, x, Series("Self-BLEU of all equivalent pairs", [point.self_bleu for point in points], COLOURS[5]))
    _line(right, x, Series("of the distinct ones", [point.distinct_self_bleu for point in points], COLOURS[1]))
    axes.set_ylim(0, axes.get_ylim()[1])
    axes.set_ylabel("equivalent pairs, %", color=FAINT)
    right.set_ylim(0, 105)
    right.set_ylabel("Self-BLEU", color=FAINT)
    axes.set_xticks(range(len(points)), places)
    axes.set_xlabel(across, color=FAINT)
    axes.set_title(title, loc="left", color=INK, fontweight="bold", fontsize=11)
    bare_axes(axes)
    bare_axes(right, without=("top",))
    return right


def thresholds_plot(sweep: "Sweep", levels: Sequence["Level"], file: Path) -> None:
    """Draw the pairs that are left, how like their sources they are, and what meaning is kept, by threshold.

    Args:
        sweep: The corpus and the values.
        levels: What was found at each.
        file: PNG file to write.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    values = np.array([level.value for level in levels])
    with new_figure(12.0, 4.1) as figure:
        pairs, words, meaning = figure.subplots(1, 3)
        for name, counts, colour in (
            ("every critic accepts", [level.accepted for level in levels], COLOURS[1]),
            ("after diversity", [level.kept for level in levels], COLOURS[0]),
        ):
            # A logarithmic scale has no zero.
            pairs.plot(
                values, [count or np.nan for count in counts], color=colour, marker="o", markersize=4, label=name
            )
        pairs.set_yscale("log")
        pairs.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        pairs.yaxis.set_minor_locator(NullLocator())
        pairs.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        for axes, names in ((words, ("Self-BLEU", "ROUGE-L", "Jaccard")), (meaning, ("Cosine",))):
            for name, colour in zip(names, COLOURS, strict=False):
                _line(axes, values, Series(name, [level.quality[name] for level in levels], colour))
        right = [("right, all critics", [level.together for level in levels], COLOURS[2])]
        if sweep.critic in _MEANING:
            right.append((f"right, {sweep.critic} alone", [level.alone for level in levels], COLOURS[1]))
        for name, verdicts, colour in right:
            shares = [np.nan if one.precision is None else 100 * one.precision for one in verdicts]
            meaning.plot(values, shares, color=colour, marker="o", markersize=4, label=name)
        titles = ("Pairs", "Likeness of words", "Meaning")
        for axes, title in zip((pairs, words, meaning), titles, strict=True):
            if sweep.own is not None:
                axes.axvline(sweep.own, color=FAINT, linewidth=0.8, linestyle=":")
            axes.set_title(title, loc="left", color=INK, fontweight="bold", fontsize=11)
            axes.set_xlabel(f"{sweep.critic} {sweep.setting}", color=FAINT)
            axes.legend(frameon=False, fontsize=9)
            bare_axes(axes)
        save(figure, file)


def _line(axes: "Axes", x: np.ndarray, series: Series) -> None:
    values, ends = _values(series)
    axes.errorbar(
        x, values, yerr=ends, color=series.colour, marker="o", markersize=4, lw=1.6, elinewidth=0.9, label=series.name
    )


def _values(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Values and how far their intervals reach below and above."""
    values = np.array([one.value for one in series.estimates])
    ends = np.array([[one.value - one.low, one.high - one.value] for one in series.estimates]).T
    return series.scale * values, series.scale * np.maximum(ends, 0.0)
