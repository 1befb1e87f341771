"""Scores as a Markdown table that also reads well in a terminal."""

from lemonpress.evaluation.benchmark import Score

_ARROWS = {
    "BLEU": "↑",
    "Self-BLEU": "↓",
    "iBLEU": "↑",
    "ROUGE-1": "↑",
    "ROUGE-2": "↑",
    "ROUGE-L": "↑",
    "Compression": "↓",
    "Novel 2-grams": "↑",
    "Copies": "↓",
    "Jaccard": "↓",
    "Perplexity": "↓",
    "Entailed": "↑",
    "Both ways": "↑",
}
_DIGITS = {"Compression": 2}


def render(results: dict[str, list[Score]]) -> str:
    """Render one benchmark's scores: systems as rows, metrics as columns, signatures beneath.

    Args:
        results: Scores of each system, by its name, in the order of the rows. Columns come in the order in which
            metrics first appear; a system without a metric has a dash there.

    Returns:
        Markdown that ends with a newline: cells are `mean [low, high]`, arrows point to the better end. Where a
        metric is over fewer sentences than its row's n, the cell says over how many.

    Raises:
        ValueError: No results, or a system without scores.
    """
    if not results or not all(results.values()):
        raise ValueError("every system needs at least one score, and there must be a system")
    metrics = list(dict.fromkeys(score.metric for scores in results.values() for score in scores))
    rows = [["System", "n", *(f"{metric} {_ARROWS.get(metric, '')}".rstrip() for metric in metrics)]]
    for system, scores in results.items():
        n = max(score.n for score in scores)
        cells = {score.metric: _cell(score, n) for score in scores}
        rows.append([system.replace("|", "\\|"), f"{n:,}", *(cells.get(metric, "–") for metric in metrics)])
    return "\n".join([*_align(rows), "", *_legend(metrics, results)]) + "\n"


def _cell(score: Score, n: int) -> str:
    digits = _DIGITS.get(score.metric, 1)
    # Adding zero turns a rounded -0.0 into 0.0.
    mean, low, high = (f"{round(value, digits) + 0.0:.{digits}f}" for value in (score.mean, score.low, score.high))
    return f"{mean} [{low}, {high}]" + (f" (n {score.n:,})" if score.n != n else "")


def _align(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in rows]
    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return [lines[0], rule, *lines[1:]]


def _legend(metrics: list[str], results: dict[str, list[Score]]) -> list[str]:
    lines = ["Cells are mean [95 % bootstrap interval over sentences]; ↑ higher is better, ↓ lower is better.", ""]
    for metric in metrics:
        signatures = dict.fromkeys(s.signature for scores in results.values() for s in scores if s.metric == metric)
        lines += [f"- {metric}: `{signature}`" for signature in signatures]
    return lines
