"""A report as Markdown: what was measured, the table, the plots, and pairs to read."""

from collections.abc import Sequence

from lemonpress.evaluation.corpus_measures import Figure
from lemonpress.evaluation.report import MEASURES_PLOT, NEAR, SCORES_PLOT, CorpusReport, Example, Report, has_scores
from lemonpress.markdown import literal, table

# In the order of the paper's Table 1, then ours: the better end, and digits.
_MEASURES = {
    "Cosine Sim": ("↑", 1),
    "H2": ("↑", 2),
    "H3": ("↑", 2),
    "MSTTR": ("↑", 1),
    "Jaccard": ("↓", 1),
    "TED-3": ("↑", 2),
    "TED-F": ("↑", 2),
    "Self-BLEU": ("↓", 1),
    "ROUGE-L": ("↓", 1),
    "Copies": ("↓", 1),
    "Novel 2-grams": ("", 1),
    "Compression": ("", 2),
    "Coverage": ("", 1),
    "Density": ("", 2),
    "Entailed": ("↑", 1),
    "Entails back": ("↑", 1),
    "Both ways": ("↑", 1),
}
_OTHERS = ("", 1)
_CONTENT = 12  # digits of a commit or digest that are shown


def render(report: Report) -> str:
    """The whole report.

    Args:
        report: To show; its plots lie beside the text.

    Returns:
        Markdown that ends with a newline.
    """
    titles = ", ".join(corpus.name for corpus in report.corpora)
    parts = [
        f"# Corpus report: {literal(titles)}",
        section(report),
        *_leakage(report),
        *(part for corpus in report.corpora for part in _reading(corpus)),
    ]
    return "\n\n".join(parts) + "\n"


def section(report: Report) -> str:
    """What a card says of its corpus: the tables, what exactly each figure is, and the plots."""
    plots = [MEASURES_PLOT, *([SCORES_PLOT] if has_scores(report) else [])]
    names = literal(", ".join(corpus.name for corpus in report.corpora))
    return "\n\n".join(
        [measured(report), _signatures(report), *(f"![Histograms of {names}]({file})" for file in plots)]
    )


def glance(report: Report, measures: Sequence[str]) -> str:
    """Some figures of the first corpus in one line, those of them that were measured, and its near duplicates."""
    corpus = report.corpora[0]
    figures = {figure.measure: figure for figure in corpus.figures}
    told = [
        " ".join(filter(None, (literal(name), _MEASURES[name][0], _cell(figures[name], report))))
        for name in measures
        if name in figures
    ]
    return ", ".join([*told, f"near duplicates {100 * corpus.near_duplicates / max(1, corpus.sampled):.1f} %"])


def measured(report: Report) -> str:
    """What was read, and the table of figures."""
    sampled = report.corpora[0].sampled
    drawn = any(corpus.pairs > sampled for corpus in report.corpora)
    equal = " of each corpus" if len(report.corpora) > 1 else ""
    sizes = f"{sampled:,} pairs{equal}, drawn with seed {report.seed}" if drawn else f"all {sampled:,} pairs{equal}"
    said = (
        f"Figures are over {sizes}; cells are value [95 % bootstrap interval], ↑ and ↓ point to the better end. "
        "Sizes, lengths and duplicates are counted over all pairs, near duplicates over the measured ones."
    )
    names = [literal(corpus.name) for corpus in report.corpora]
    counted = table([["corpus", *names], *_counts(report)])
    figures = [["measure", *names]]
    of = [{figure.measure: figure for figure in corpus.figures} for corpus in report.corpora]
    for measure in dict.fromkeys([*_MEASURES, *(name for one in of for name in one)]):
        cells = [_cell(one[measure], report) if measure in one else "–" for one in of]
        if any(measure in one for one in of):
            figures.append([f"{literal(measure)} {_MEASURES.get(measure, _OTHERS)[0]}".strip(), *cells])
    return "\n\n".join([said, "\n".join(counted), "\n".join(table(figures))])


def _counts(report: Report) -> list[list[str]]:
    corpora = report.corpora
    rows = [["pairs", *(f"{corpus.pairs:,}" for corpus in corpora)]]
    for side in ("source", "target"):
        lengths = [corpus.lengths[side] for corpus in corpora]
        cells = [f"{of.median}, {of.shortest:,} to {of.longest:,}" for of in lengths]
        rows.append([f"words of a {side}: median, range", *cells])
    near = f"near duplicates (word pairs {100 * NEAR:.0f} % alike)"
    rows += [
        ["duplicates", *(_share(corpus.duplicates, corpus.pairs) for corpus in corpora)],
        [near, *(_share(corpus.near_duplicates, corpus.sampled) for corpus in corpora)],
    ]
    return rows + ([["content", *map(_content, corpora)]] if any(corpus.identity for corpus in corpora) else [])


def _content(corpus: CorpusReport) -> str:
    digest = corpus.identity.get("commit") or corpus.identity.get("sha256", "")
    return f"{literal(corpus.identity.get('id', ''))} {digest[:_CONTENT]}".strip()


def _cell(figure: Figure, report: Report) -> str:
    digits = 3 if figure.own else _MEASURES.get(figure.measure, _OTHERS)[1]
    # Adding zero turns a rounded -0.0 into 0.0.
    value, low, high = (
        f"{round(number, digits) + 0.0:.{digits}f}" for number in (figure.value, figure.low, figure.high)
    )
    known = "" if figure.n == report.corpora[0].sampled else f" (n {figure.n:,})"
    return f"{value} [{low}, {high}]{known}"


def _share(count: int, of: int) -> str:
    return f"{count:,} ({100 * count / of:.1f} %)"


def _signatures(report: Report) -> str:
    found = {
        figure.measure: figure.signature for corpus in report.corpora for figure in corpus.figures if not figure.own
    }
    lines = [f"- {measure}: `{signature}`" for measure, signature in found.items()]
    return _folded("What exactly was measured", "\n".join(lines))


def _leakage(report: Report) -> list[str]:
    overlaps = [(corpus, overlap) for corpus in report.corpora for overlap in corpus.leakage]
    if not overlaps:
        return []
    rows = [
        ["corpus", "benchmark", "pairs with a shared run", "pairs with an equal text", "rows shared", "rows equal"]
    ]
    shared = [["corpus", "benchmark", "place", "text", "the benchmark's", "shared"]]
    for corpus, overlap in overlaps:
        start = [literal(corpus.name), literal(overlap.benchmark)]
        pairs = [_share(count, overlap.pairs) for count in (overlap.shared_pairs, overlap.exact_pairs)]
        rows.append([*start, *pairs, *(_share(n, overlap.rows) for n in (overlap.shared_rows, overlap.exact_rows))])
        shared += [
            [*start, one.place, *(literal(text) for text in (one.text, one.other, one.run))]
            for one in overlap.examples
        ]
    parts = ["## Leakage", "\n".join(table(rows)), f"`{overlaps[0][1].signature}`, over all pairs."]
    return [*parts, *([_folded("What is shared", "\n".join(_plain(shared)))] if len(shared) > 1 else [])]


def _reading(corpus: CorpusReport) -> list[str]:
    random = [["place", "source", "target"], *([one.place, *_texts(one)] for one in corpus.random)]
    extremes = [["", "value", "place", "source", "target"]]
    extremes += [[literal(one.why), f"{one.value:.4g}", one.place, *_texts(one)] for one in corpus.extremes]
    return [
        f"## {literal(corpus.name)}: {len(corpus.random)} pairs at random",
        "\n".join(_plain(random)),
        _folded("Pairs at the extremes", "\n".join(_plain(extremes))),
    ]


def _texts(example: Example) -> list[str]:
    return [literal(example.source), literal(example.target)]


def _plain(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of texts, whose cells are too long to align."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]]


def _folded(title: str, text: str) -> str:
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"
