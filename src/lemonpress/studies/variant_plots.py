"""Plots of the studies that compare students, as small PNG files with the same bytes for the same numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lemonpress.evaluation.results import Result
from lemonpress.evaluation.scoring import BETTER, Score
from lemonpress.plotting import COLOURS, FAINT, INK, bare_axes, new_figure, save
from lemonpress.recipes import Task

_SHOWN: dict[Task, tuple[str, ...]] = {
    "paraphrase": ("BERT-iBLEU", "iBLEU", "Self-BLEU", "Both ways"),
    "summary": ("ROUGE-L", "BERTScore", "Compression", "Entailed"),
}
_TRADED: dict[Task, tuple[str, str]] = {
    "paraphrase": ("Self-BLEU", "Both ways"),
    "summary": ("Compression", "Entailed"),
}


def lines_plot(result: Result, values: Sequence[float], across: str, file: Path, doubling: bool = False) -> None:
    """Draw the main metrics along the values that a study tries, with their intervals.

    Args:
        result: Of rows in the order of the values.
        values: Of each row.
        across: What they are.
        file: PNG file to write.
        doubling: The values double from one to the next: their axis is logarithmic.
    """
    shown = _shown(result)
    with new_figure(3.0 * len(shown), 3.1) as figure:
        for axes, (metric, scores), colour in zip(
            figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), COLOURS, strict=False
        ):
            axes.errorbar(
                values,
                [one.mean for one in scores],
                yerr=_ends(scores),
                color=colour,
                marker="o",
                markersize=4,
                elinewidth=0.9,
            )
            if doubling:
                axes.set_xscale("log", base=2)
            axes.set_xticks(values, [f"{value:g}" for value in values])
            axes.set_xlabel(across, color=FAINT)
            axes.set_title(_titled(metric), loc="left", color=INK, fontweight="bold", fontsize=11)
            bare_axes(axes)
        save(figure, file)


def bars_plot(result: Result, file: Path) -> None:
    """Draw the main metrics of each variant as bars with intervals, a panel a metric.

    Args:
        result: The comparison.
        file: PNG file to write.
    """
    shown, names = _shown(result), list(result.scores)
    with new_figure(2.4 + 2.3 * len(shown), 0.7 + 0.42 * len(names)) as figure:
        for axes, (metric, scores), colour in zip(
            figure.subplots(1, len(shown), sharey=True, squeeze=False)[0], shown.items(), COLOURS, strict=False
        ):
            places = range(len(names))
            axes.barh(places, [one.mean for one in scores], 0.6, color=colour)
            axes.errorbar(
                [one.mean for one in scores], places, xerr=_ends(scores), fmt="none", ecolor=INK, elinewidth=0.9
            )
            axes.set_yticks(places, names)
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set_title(_titled(metric), loc="left", color=INK, fontweight="bold", fontsize=11)
            bare_axes(axes)
        save(figure, file)


def tradeoff_lines_plot(result: Result, lines: Mapping[str, Sequence[tuple[str, str]]], file: Path) -> None:
    """Draw rows between the two ends that their task pulls to, those of one method joined by a line.

    Args:
        result: The comparison.
        lines: For each method its rows, and what is written beside each point.
        file: PNG file to write.

    Raises:
        ValueError: The rows lack one of the two metrics.
    """
    wide, high = _TRADED[result.benchmark.task]
    with new_figure(7.5, 4.8) as figure:
        axes = figure.add_subplot()
        for (method, rows), colour in zip(lines.items(), COLOURS * len(lines), strict=False):
            x, y = ([_score(result.scores[name], metric) for name, _ in rows] for metric in (wide, high))
            axes.errorbar(
                [one.mean for one in x],
                [one.mean for one in y],
                xerr=_ends(x),
                yerr=_ends(y),
                color=colour,
                marker="o",
                markersize=4,
                elinewidth=0.6,
                label=method,
            )
            for across, up, (_, label) in zip(x, y, rows, strict=True):
                axes.annotate(
                    label, (across.mean, up.mean), (5, 6), textcoords="offset points", fontsize=8, color=colour
                )
        axes.set_xlabel(_titled(wide), color=FAINT)
        axes.set_ylabel(_titled(high), color=FAINT)
        axes.margins(0.1)
        axes.set_ylim(bottom=0)
        bare_axes(axes)
        figure.legend(loc="outside lower center", ncols=4, frameon=False)
        save(figure, file)


def _shown(result: Result) -> dict[str, list[Score]]:
    """The scores of all rows, for each metric that is drawn and that all of them have."""
    found: dict[str, list[Score]] = {}
    for metric in _SHOWN[result.benchmark.task]:
        scores = [one for scores in result.scores.values() for one in scores if one.metric == metric]
        if len(scores) == len(result.scores):
            found[metric] = scores
    return found


def _score(scores: Sequence[Score], metric: str) -> Score:
    return next(one for one in scores if one.metric == metric)


def _titled(metric: str) -> str:
    return metric + {1: " ↑", -1: " ↓", 0: ""}[BETTER.get(metric, 0)]


def _ends(scores: Sequence[Score]) -> list[list[float]]:
    return [[one.mean - one.low for one in scores], [one.high - one.mean for one in scores]]
