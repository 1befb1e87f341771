"""Plots of results."""

from collections.abc import Mapping
from pathlib import Path

from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.scoring import BETTER, Score
from lemonpress.plotting import COLOURS, FAINT, INK, bare_axes, new_figure, save
from lemonpress.recipes import Task

# What pulls a system two ways: to say the same, and to say it otherwise.
_AXES: dict[Task, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "paraphrase": (("Self-BLEU",), ("Both ways", "BERTScore", "BLEU")),
    "summary": (("Compression",), ("Entailed", "ROUGE-L")),
}


def tradeoff_plot(benchmark: Benchmark, scores: Mapping[str, list[Score]], path: Path) -> None:
    """Draw each system between the two ends that its task pulls to, with its intervals.

    Paraphrases: unlikeness to the source against meaning kept; summaries: brevity against faithfulness.

    Args:
        benchmark: Names the plot.
        scores: Of each system.
        path: PNG file to write.
    """
    wide, high = (_chosen(scores, names) for names in _AXES[benchmark.task])
    with new_figure(7.5, 5.0) as figure:
        axes = figure.add_subplot()
        for place, (name, found) in enumerate(scores.items()):
            by_metric = {one.metric: one for one in found}
            x, y = by_metric[wide], by_metric[high]
            colour = COLOURS[place % len(COLOURS)]
            axes.errorbar(
                x.mean,
                y.mean,
                xerr=[[x.mean - x.low], [x.high - x.mean]],
                yerr=[[y.mean - y.low], [y.high - y.mean]],
                fmt="o",
                color=colour,
                capsize=2,
                label=name,
            )
        for label, metric in ((axes.set_xlabel, wide), (axes.set_ylabel, high)):
            end = {1: " (higher is better)", -1: " (lower is better)"}[BETTER[metric]]
            label(metric + end, color=FAINT)
        axes.set_xlim(0, 1.05 if wide == "Compression" else 105)
        axes.set_ylim(0, 105)
        bare_axes(axes)
        axes.set_title(f"{benchmark.name}, {len(benchmark.sources):,} sources", loc="left", color=INK)
        figure.legend(loc="outside lower center", ncols=min(4, len(scores)), frameon=False)
        save(figure, path)


def _chosen(scores: Mapping[str, list[Score]], names: tuple[str, ...]) -> str:
    """The first of some metrics that every system has."""
    present = [{one.metric for one in found} for found in scores.values()]
    return next(name for name in names if all(name in one for one in present))
