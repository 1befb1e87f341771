"""Reports on corpora: the paper's Table 1 for any pairs, side by side, with what should be read and known of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lemonpress.deduplication import Deduplicator
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.corpus_measures import Column, Figure, Measures, columns, figure, wholes
from lemonpress.evaluation.corpus_rows import Pair, Pairs, read, score_columns
from lemonpress.evaluation.leakage import Overlap
from lemonpress.metrics import bootstrap
from lemonpress.output import check_folder, whole_folder
from lemonpress.recipes import DeduplicationSettings

Floats = npt.NDArray[np.float64]

FILE = "report.json"
FORMAT = 2
"""Raised whenever the same corpora and settings would give another report."""

MEASURES_PLOT = "histograms.png"
SCORES_PLOT = "scores.png"
_TEXT = "report.md"

NEAR = 0.8
"""Jaccard similarity of word pairs from which a sampled pair is a near duplicate of an earlier one."""

_BINS = 30
_MOST = 0.995  # of the values have bins of their own; those above are in the last one
_EXTREMES = 2


@dataclass(frozen=True)
class ReportSettings:
    """How corpora are measured.

    Attributes:
        sample: Pairs measured of each corpus, at most; of several corpora as many as the smallest has, since the
            entropy of n-grams grows with their number.
        seed: Of samples, examples and intervals.
        examples: Pairs shown at random.
        measures: The models that measure.
    """

    sample: int = 10_000
    seed: int = 0
    examples: int = 5
    measures: Measures = field(default_factory=Measures)


@dataclass(frozen=True)
class Histogram:
    """How often a measure has which values; the bins are those of all corpora of the report.

    Attributes:
        measure: Its name.
        edges: Of the bins, one more than counts. Values above are in the last bin.
        counts: Values in each bin.
        own: Whether it is a column of the corpus itself.
    """

    measure: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    own: bool = False


@dataclass(frozen=True)
class Example:
    """A pair to read.

    Attributes:
        place: Of its row in the corpus.
        source: Text.
        target: Its paraphrase or summary.
        why: The measure that it is an extreme of, as ``lowest Cosine Sim``; empty for one drawn at random.
        value: That measure's value.
    """

    place: str
    source: str
    target: str
    why: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Lengths:
    """Words of all sources or targets of a corpus, a word being what stands between white space."""

    shortest: int
    median: int
    longest: int


@dataclass(frozen=True)
class CorpusReport:
    """What was measured of one corpus.

    Attributes:
        name: Of the corpus.
        identity: What names its content.
        pairs: All of them.
        sampled: Pairs that the figures are over.
        figures: The table's, in its order.
        lengths: Of all pairs, by side.
        duplicates: Pairs that repeat an earlier one but for case, spaces and punctuation, of all.
        near_duplicates: Pairs that share `NEAR` of their word pairs with an earlier one, of the sampled ones; equal
            ones count.
        leakage: What all pairs share with each benchmark.
        histograms: Of measures and the corpus's own scores.
        random: Pairs drawn at random.
        extremes: Pairs of the lowest and highest value of each measure and own score.
    """

    name: str
    identity: dict[str, str]
    pairs: int
    sampled: int
    figures: tuple[Figure, ...]
    lengths: dict[str, Lengths]
    duplicates: int
    near_duplicates: int
    leakage: tuple[Overlap, ...]
    histograms: tuple[Histogram, ...]
    random: tuple[Example, ...]
    extremes: tuple[Example, ...]


@dataclass(frozen=True)
class Report:
    """Corpora side by side.

    Attributes:
        corpora: In the order of the table's columns.
        sample: Pairs of each that were measured, at most.
        seed: Of samples, examples and intervals.
        format: `FORMAT` of the program that wrote it.
    """

    corpora: tuple[CorpusReport, ...]
    sample: int
    seed: int
    format: int = FORMAT


@dataclass(frozen=True)
class _Measured:
    """A corpus's sample with everything that was measured of its pairs."""

    sample: Sequence[Pair]
    columns: Sequence[Column]
    own: Mapping[str, Floats]
    figures: tuple[Figure, ...]


def corpus_report(corpora: Sequence[Pairs], settings: ReportSettings, benchmarks: Sequence[Benchmark] = ()) -> Report:
    """Measure corpora side by side, on samples of equal size.

    Every row of every corpus is read once before a model loads; in memory stay the samples and about 100 bytes of each
    distinct pair.

    Args:
        corpora: At least one, of different names; their rows are used up.
        settings: Sample, seed and models.
        benchmarks: What the corpora may leak.

    Raises:
        ValueError: No corpus, or two of one name.
        UserError: A corpus holds no row, or a row whose source or target is missing, blank or no text.
    """
    names = [corpus.name for corpus in corpora]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"corpora need different names, and at least one; not {names}")
    found = [read(corpus, settings.sample, settings.seed, benchmarks) for corpus in corpora]
    size = min(settings.sample, *(one.pairs for one in found))
    measured = [_measure(one.sample(size), settings) for one in found]
    drawn = _histograms(measured)
    reports = [
        CorpusReport(
            name=corpus.name,
            identity=dict(corpus.identity),
            pairs=one.pairs,
            sampled=size,
            figures=of.figures,
            lengths={side: _lengths(counts) for side, counts in one.lengths.items()},
            duplicates=one.duplicates,
            near_duplicates=_near_duplicates(of.sample, settings.seed),
            leakage=one.overlaps,
            histograms=histograms,
            random=_random(of.sample, settings),
            extremes=_extremes(of),
        )
        for corpus, one, of, histograms in zip(corpora, found, measured, drawn, strict=True)
    ]
    return Report(tuple(reports), settings.sample, settings.seed)


def write(report: Report, folder: Path) -> None:
    """Write ``report.json``, ``report.md`` and the plots, whole or not at all.

    Args:
        report: To write.
        folder: New, empty, or an earlier report, which is replaced.

    Raises:
        UserError: As `check_output`.
    """
    from lemonpress.evaluation.report_text import render

    with whole_folder(folder, check_output) as scratch:
        write_files(report, scratch)
        (scratch / _TEXT).write_text(render(report), encoding="utf-8")


def write_files(report: Report, folder: Path) -> None:
    """Write ``report.json`` and the plots into a folder: what a card shows.

    Args:
        report: To write; equal reports give equal bytes.
        folder: There already.
    """
    from lemonpress.evaluation.report_plots import plot_measures, plot_scores

    (folder / FILE).write_text(to_json(report), encoding="utf-8")
    plot_measures(report, folder / MEASURES_PLOT)
    if has_scores(report):
        plot_scores(report, folder / SCORES_PLOT)


def has_scores(report: Report) -> bool:
    """Whether a corpus brings scores of its own along, so that there is a plot of them."""
    return any(histogram.own for corpus in report.corpora for histogram in corpus.histograms)


def check_output(folder: Path) -> None:
    """Refuse a place where a report would overwrite anything but a report.

    Raises:
        UserError: As `lemonpress.output.check_folder`.
    """
    check_folder(folder, (FILE, _TEXT, MEASURES_PLOT, SCORES_PLOT), "a report", marker=FILE)


def to_json(report: Report) -> str:
    """A report as the text of ``report.json``; see `from_json`."""
    return json.dumps(asdict(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> Report:
    """Read the text of ``report.json``.

    Raises:
        pydantic.ValidationError: It is none.
    """
    from pydantic import TypeAdapter

    return TypeAdapter(Report).validate_json(text)


def _measure(sample: Sequence[Pair], settings: ReportSettings) -> _Measured:
    from tqdm import tqdm

    sources, targets = [pair.source for pair in sample], [pair.target for pair in sample]
    asked = columns(sources, targets, settings.measures)
    found = list(tqdm(asked, desc="measure", unit="measure", leave=False, delay=2, disable=None))
    own = {name: np.array(values) for name, values in score_columns(sample).items()}
    means = [
        figure(column.name, bootstrap.mean(column.values, settings.seed), len(sample), column.signature)
        for column in found
    ]
    means += [
        figure(
            name, bootstrap.mean(values, settings.seed), int(np.isfinite(values).sum()), "the column's mean", own=True
        )
        for name, values in own.items()
    ]
    return _Measured(sample, found, own, (*wholes(targets, settings.seed), *means))


def _lengths(counts: Mapping[int, int]) -> Lengths:
    sizes = sorted(counts)
    below = np.cumsum([counts[size] for size in sizes])
    return Lengths(sizes[0], sizes[int(np.searchsorted(below, below[-1] / 2))], sizes[-1])


def _near_duplicates(sample: Sequence[Pair], seed: int) -> int:
    deduplicator = Deduplicator(DeduplicationSettings(near=NEAR), seed)
    deduplicator.keep([pair.source for pair in sample], [pair.target for pair in sample])
    return sum(deduplicator.dropped.values())


def _histograms(measured: Sequence[_Measured]) -> list[tuple[Histogram, ...]]:
    """Of each corpus, all in the same bins; a corpus that lacks a measure has no value in any."""
    graded = [{(name, name in of.own): values for name, values in _graded(of).items()} for of in measured]
    edges = {}
    for key in dict.fromkeys(key for one in graded for key in one):
        together = np.concatenate([one[key] for one in graded if key in one])
        together = together[np.isfinite(together)]
        if not key[1] or together.min() < together.max():  # a critic's verdict is the same for all that it kept
            edges[key] = _edges(together)
    return [
        tuple(_histogram(name, own, bins, one.get((name, own), np.empty(0))) for (name, own), bins in edges.items())
        for one in graded
    ]


def _edges(values: Floats) -> Floats:
    """Edges of at most `_BINS` equal bins; those of whole numbers hold as many of them each."""
    low, high = values.min(), np.quantile(values, _MOST, method="higher")
    if (values == np.round(values)).all():
        width = -(-(high - low + 1) // _BINS)
        return np.arange(low, high + width + 1, width) - 0.5
    return np.linspace(low, high, _BINS + 1)


def _histogram(name: str, own: bool, edges: Floats, values: Floats) -> Histogram:
    counts, _ = np.histogram(np.minimum(values[np.isfinite(values)], edges[-1]), edges)
    return Histogram(name, tuple(float(f"{edge:.6g}") for edge in edges), tuple(map(int, counts)), own)


def _graded(of: _Measured) -> dict[str, Floats]:
    """The measures and own scores that are more than a yes or no."""
    return {column.name: column.values for column in of.columns if column.graded} | dict(of.own)


def _random(sample: Sequence[Pair], settings: ReportSettings) -> tuple[Example, ...]:
    order = np.random.default_rng(settings.seed).permutation(len(sample))[: settings.examples]
    return tuple(Example(sample[at].place, sample[at].source, sample[at].target) for at in sorted(order))


def _extremes(of: _Measured) -> tuple[Example, ...]:
    examples = []
    for name, values in _graded(of).items():
        order = np.argsort(values, kind="stable")
        order = order[np.isfinite(values[order])]
        if not len(order) or values[order[0]] == values[order[-1]]:
            continue
        for which, places in (("lowest", order[:_EXTREMES]), ("highest", order[::-1][:_EXTREMES])):
            for at in places:
                pair, value = of.sample[at], float(f"{values[at]:.6g}")
                examples.append(Example(pair.place, pair.source, pair.target, f"{which} {name}", value))
    return tuple(examples)
