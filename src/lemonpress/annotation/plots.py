"""Plots of a study's results."""

from collections.abc import Mapping
from pathlib import Path

from lemonpress.annotation.statistics import SystemMeans
from lemonpress.annotation.study import Study
from lemonpress.evaluation.ratings import CRITERIA, SCALE
from lemonpress.plotting import COLOURS, FAINT, INK, bare_axes, new_figure, save

_SHADES = ("#f3e2a9", "#e3b93c", "#9c7400")  # of 1, 2 and 3, told apart by lightness


def means_plot(study: Study, systems: Mapping[str, SystemMeans], path: Path) -> None:
    """Draw the mean of each system on each criterion, with its interval.

    Args:
        study: Names the plot.
        systems: By name.
        path: PNG file to write.
    """
    criteria = CRITERIA[study.task]
    with new_figure(7.5, 1.4 + 0.36 * len(systems) + 0.3) as figure:
        panels = figure.subplots(1, len(criteria), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, criteria, strict=True):
            for place, one in enumerate(systems.values()):
                estimate = one.means[name]
                ends = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
                axes.errorbar(
                    estimate.value, place, xerr=ends, fmt="o", color=COLOURS[place % len(COLOURS)], capsize=2
                )
            axes.set_xlim(SCALE[0] - 0.1, SCALE[-1] + 0.1)
            axes.set_xticks(SCALE)
            axes.set_ylim(len(systems) - 0.5, -0.5)
            axes.set_yticks(range(len(systems)), list(systems))
            axes.grid(axis="x", color="#e6e6e6")
            axes.set_axisbelow(True)
            bare_axes(axes, ("top", "right", "left"))
            axes.set_title(name, loc="left", color=INK)
        figure.supxlabel("mean rating, 95 % interval over sources (higher is better)", color=FAINT, fontsize=9)
        save(figure, path)


def shares_plot(study: Study, systems: Mapping[str, SystemMeans], path: Path) -> None:
    """Draw the shares of the ratings 1, 2 and 3 of each system on each criterion.

    Args:
        study: Names the plot.
        systems: By name.
        path: PNG file to write.
    """
    criteria = CRITERIA[study.task]
    with new_figure(7.5, 1.6 + 0.36 * len(systems) + 0.3) as figure:
        panels = figure.subplots(1, len(criteria), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, criteria, strict=True):
            left = [0.0] * len(systems)
            for score, colour, place in zip(SCALE, _SHADES, range(len(SCALE)), strict=True):
                widths = [100 * one.shares[name][place] for one in systems.values()]
                axes.barh(range(len(systems)), widths, left=left, color=colour, height=0.62, label=str(score))
                left = [start + width for start, width in zip(left, widths, strict=True)]
            axes.set_xlim(0, 100)
            axes.set_ylim(len(systems) - 0.5, -0.5)
            axes.set_yticks(range(len(systems)), list(systems))
            bare_axes(axes, ("top", "right", "left", "bottom"))
            axes.set_title(name, loc="left", color=INK)
        figure.supxlabel("share of ratings, per cent", color=FAINT, fontsize=9)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(SCALE), frameon=False)
        save(figure, path)
