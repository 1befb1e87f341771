"""Scores as Markdown tables that also read well in a terminal."""

from collections.abc import Sequence

from lemonpress.evaluation.scoring import BETTER, Score
from lemonpress.markdown import table

_ARROWS = {1: " ↑", -1: " ↓", 0: ""}
_DIGITS = {"Compression": 2, "Density": 2}


def render(results: dict[str, list[Score]], metrics: Sequence[str] | None = None, legend: bool = True) -> str:
    """Render one benchmark's scores: systems as rows, metrics as columns, signatures beneath.

    Args:
        results: Scores of each system, by its name, in the order of the rows. Columns come in the order in which
            metrics first appear; a system without a metric has a dash there.
        metrics: Show these alone, in this order, as far as there are any; all of them by default.
        legend: Whether what the cells are, and every metric's signature, stand beneath.

    Returns:
        Markdown that ends with a newline: cells are `mean [low, high]`, arrows point to the better end. Where a
        metric is over fewer sentences than its row's n, the cell says over how many.

    Raises:
        ValueError: No results, or a system without scores.
    """
    columns = _metrics(results, metrics)
    rows = [["System", "n", *map(_headed, columns)]]
    for system, scores in results.items():
        n = max(score.n for score in scores)
        cells = {score.metric: _cell(score, n) for score in scores}
        rows.append([_cell_text(system), f"{n:,}", *(cells.get(metric, "–") for metric in columns)])
    return "\n".join([*table(rows), *(["", *_legend(columns, results)] if legend else [])]) + "\n"


def render_transposed(results: dict[str, list[Score]]) -> str:
    """As `render`, with metrics as rows and systems as columns: for more metrics than systems."""
    metrics = _metrics(results, None)
    counts = {system: max(score.n for score in scores) for system, scores in results.items()}
    rows = [["Metric", *(f"{_cell_text(system)} (n {n:,})" for system, n in counts.items())]]
    for metric in metrics:
        found = {system: [one for one in scores if one.metric == metric] for system, scores in results.items()}
        cells = [_cell(one[0], counts[system]) if one else "–" for system, one in found.items()]
        rows.append([_headed(metric), *cells])
    return "\n".join([*table(rows), "", *_legend(metrics, results)]) + "\n"


def number(value: float) -> str:
    """A count or rate for a table."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _metrics(results: dict[str, list[Score]], wanted: Sequence[str] | None) -> list[str]:
    if not results or not all(results.values()):
        raise ValueError("every system needs at least one score, and there must be a system")
    present = dict.fromkeys(score.metric for scores in results.values() for score in scores)
    return list(present) if wanted is None else [metric for metric in wanted if metric in present]


def _cell_text(name: str) -> str:
    """A name in a cell: also printed in a terminal, so nothing but what would end the cell is escaped."""
    return name.replace("|", "\\|")


def _headed(metric: str) -> str:
    return metric + _ARROWS[BETTER.get(metric, 0)]


def _cell(score: Score, n: int) -> str:
    digits = _DIGITS.get(score.metric, 1)
    # Adding zero turns a rounded -0.0 into 0.0.
    mean, low, high = (f"{round(value, digits) + 0.0:.{digits}f}" for value in (score.mean, score.low, score.high))
    return f"{mean} [{low}, {high}]" + (f" (n {score.n:,})" if score.n != n else "")


def _legend(metrics: list[str], results: dict[str, list[Score]]) -> list[str]:
    lines = ["Cells are mean [95 % bootstrap interval over sentences]; ↑ higher is better, ↓ lower is better.", ""]
    for metric in metrics:
        signatures = dict.fromkeys(s.signature for scores in results.values() for s in scores if s.metric == metric)
        lines += [f"- {metric}: `{signature}`" for signature in signatures]
    return lines
