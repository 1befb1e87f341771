"""What a system wrote for a benchmark, scored by the metrics of its task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.judges import Judged
from lemonpress.metrics import bert_ibleu, bleu, bootstrap, rouge
from lemonpress.metrics import compression as lengths
from lemonpress.metrics import diversity as overlap
from lemonpress.metrics.bootstrap import Estimate, Paired
from lemonpress.recipes import Task

Floats = npt.NDArray[np.float64]

MAIN: dict[Task, tuple[str, ...]] = {
    "paraphrase": (
        "iBLEU",
        "BERT-iBLEU",
        "BLEU",
        "ROUGE-L",
        "Self-BLEU",
        "Copies",
        "Both ways",
        "Perplexity",
        "TED-F to exemplar",
        "TED-F to reference",
    ),
    "summary": ("ROUGE-1", "ROUGE-2", "ROUGE-L", "BERTScore", "Compression", "Copies", "Entailed", "Perplexity"),
}
"""The metrics of a table that does not show all; tree distances where there are exemplars (paper, Table 4)."""

BETTER: dict[str, int] = {
    "iBLEU": 1,
    "iBLEU (sacreBLEU)": 1,
    "BERT-iBLEU": 1,
    "BLEU": 1,
    "sacreBLEU": 1,
    "ROUGE-1": 1,
    "ROUGE-2": 1,
    "ROUGE-L": 1,
    "ROUGE-L (stem)": 1,
    "BERTScore": 1,
    "ParaScore": 1,
    "Cosine": 1,
    "Self-BLEU": -1,
    "Copies": -1,
    "Jaccard": -1,
    "Compression": -1,
    "Novel 2-grams": 1,
    "Entailed": 1,
    "Both ways": 1,
    "Perplexity": -1,
    "Acceptable": 1,
    "TED-F to exemplar": -1,
    "TED-F to reference": -1,
}
"""Which end of a metric is the better one: 1 the higher, -1 the lower. A metric that is not here has none."""


@dataclass(frozen=True)
class Score:
    """One metric of one system on one benchmark.

    Attributes:
        metric: Its name in tables.
        mean: Mean over sentences, or the figure of the whole corpus: percent or points of 100, except perplexity,
            compression, density and tree edit distance.
        low: Lower end of the 95 % bootstrap interval.
        high: Upper end.
        n: Sentences that it is over.
        signature: What exactly was computed.
        resampled: The metric of each bootstrap resample, for `compare`; None where it is not kept.
    """

    metric: str
    mean: float
    low: float
    high: float
    n: int
    signature: str
    resampled: Floats | None = field(default=None, compare=False, repr=False)


def score(
    benchmark: Benchmark, candidates: Sequence[str], judged: Mapping[str, Judged] | None = None, alpha: float = 0.7
) -> list[Score]:
    """Score what a system wrote.

    Args:
        benchmark: What it rewrote, at least one row.
        candidates: What it wrote, one for each source; empty where it wrote nothing.
        judged: What models say of each row, from `lemonpress.evaluation.judges`; their metrics are left out otherwise.
        alpha: Weight of the reference in iBLEU; the paper's by default.

    Returns:
        One score for each metric, in the order of the tables. A metric that no row has a value of is left out.

    Raises:
        UserError: Nothing to score, lists of different length, or a row with a blank source or no reference.
    """
    _check(benchmark, candidates)
    metrics = _paraphrase if benchmark.task == "paraphrase" else _summary
    return list(metrics(benchmark, candidates, judged or {}, alpha))


def compare(one: Score, other: Score) -> Paired:
    """How a score differs from another system's of the same metric and sentences, by paired bootstrap.

    Raises:
        ValueError: Their resamples were not kept.
    """
    return bootstrap.paired(_estimate(one), _estimate(other))


def _estimate(one: Score) -> Estimate:
    if one.resampled is None:
        raise ValueError(f"{one.metric}: its resamples were not kept")
    return Estimate(one.mean, one.low, one.high, one.resampled)


def _check(benchmark: Benchmark, candidates: Sequence[str]) -> None:
    sources, references = benchmark.sources, benchmark.references
    if not sources:
        raise UserError(f"benchmark {benchmark.name}: has no sources; give at least one")
    for name, count in (("reference lists", len(references)), ("candidates", len(candidates))):
        if count != len(sources):
            raise UserError(
                f"benchmark {benchmark.name}: has {len(sources)} sources but {count} {name}; give one for each source"
            )
    for row, (source, alternatives) in enumerate(zip(sources, references, strict=True)):
        if not source.strip():
            raise UserError(f"benchmark {benchmark.name}: the source of row {row} is blank; remove the row")
        if not alternatives:
            raise UserError(f"benchmark {benchmark.name}: row {row} has no reference; give one or remove the row")


def _paraphrase(
    benchmark: Benchmark, candidates: Sequence[str], judged: Mapping[str, Judged], alpha: float
) -> Iterator[Score]:
    sources, references = benchmark.sources, benchmark.references
    to_reference = bleu.sentence_bleu(candidates, references)
    to_source = bleu.self_bleu(candidates, sources)
    yield mean_score("iBLEU", bleu.ibleu(to_reference, to_source, alpha), bleu.ibleu_signature(alpha))
    if "BERTScore to source" in judged:
        similarity = judged["BERTScore to source"]
        yield mean_score(
            "BERT-iBLEU",
            bert_ibleu.bert_ibleu(similarity.values, to_source),
            bert_ibleu.bert_ibleu_signature(similarity.signature),
        )
    yield mean_score("BLEU", to_reference, bleu.signature())
    yield from _rouge(benchmark, candidates)
    yield mean_score("Self-BLEU", to_source, f"against:source|{bleu.signature()}")
    yield _copies(sources, candidates)
    yield mean_score("Jaccard", 100 * overlap.jaccard(candidates, sources), overlap.signature("jaccard"))
    yield from _corpus(benchmark, candidates, alpha)
    yield from _modelled(judged, ("BERTScore", "ParaScore", "Cosine"), 100)
    yield from _modelled(judged, ("Entailed", "Both ways", "Acceptable"), 100)
    yield from _modelled(judged, ("Perplexity", "TED-F to exemplar", "TED-F to reference"), 1)


def _summary(
    benchmark: Benchmark, candidates: Sequence[str], judged: Mapping[str, Judged], alpha: float
) -> Iterator[Score]:
    sources = benchmark.sources
    yield from _rouge(benchmark, candidates)
    yield from _modelled(judged, ("BERTScore",), 100)
    yield mean_score("Compression", lengths.compression(candidates, sources), lengths.compression_signature())
    yield mean_score("Coverage", 100 * lengths.coverage(candidates, sources), lengths.coverage_signature())
    yield mean_score("Density", lengths.density(candidates, sources), lengths.density_signature())
    novel = overlap.novel_ngrams(candidates, sources, 2)
    yield mean_score("Novel 2-grams", 100 * novel, overlap.signature("novel 2-grams"))
    yield _copies(sources, candidates)
    yield from _modelled(judged, ("Cosine",), 100)
    yield from _modelled(judged, ("Entailed", "Acceptable"), 100)
    yield from _modelled(judged, ("Perplexity",), 1)


def _rouge(benchmark: Benchmark, candidates: Sequence[str]) -> Iterator[Score]:
    for kind, values in rouge.rouge_multi(candidates, benchmark.references).items():
        yield mean_score(f"ROUGE-{kind[-1]}", 100 * values, rouge.signature(kind))
    if benchmark.exemplars is not None:  # SGCP stems, and so does everybody who compares with it
        stemmed = rouge.rouge_multi(candidates, benchmark.references, stem=True)["rougeL"]
        yield mean_score("ROUGE-L (stem)", 100 * stemmed, rouge.signature("rougeL", stem=True))


def _corpus(benchmark: Benchmark, candidates: Sequence[str], alpha: float) -> Iterator[Score]:
    """Corpus BLEU as everybody else counts it, and iBLEU of it."""
    n = len(candidates)
    reference, signature = bleu.corpus_bleu_estimate(candidates, benchmark.references)
    source, _ = bleu.corpus_bleu_estimate(candidates, [[source] for source in benchmark.sources])
    yield Score("sacreBLEU", reference.value, reference.low, reference.high, n, signature, reference.resampled)
    resampled = bleu.ibleu(reference.resampled, source.resampled, alpha)
    value = float(bleu.ibleu(np.array(reference.value), np.array(source.value), alpha))
    low, high = bootstrap.ends(resampled)
    yield Score("iBLEU (sacreBLEU)", value, low, high, n, f"iBLEU|alpha:{alpha:g}|{signature}", resampled)


def _copies(sources: Sequence[str], candidates: Sequence[str]) -> Score:
    return mean_score("Copies", 100 * overlap.copies(candidates, sources), overlap.signature("copies"))


def _modelled(judged: Mapping[str, Judged], names: Sequence[str], scale: float) -> Iterator[Score]:
    for name in names:
        if name in judged and not np.isnan(judged[name].values).all():
            yield mean_score(name, scale * judged[name].values, judged[name].signature)


def mean_score(metric: str, values: Floats, signature: str) -> Score:
    """The mean of per-sentence values, NaN where a sentence has none, with its interval."""
    found = bootstrap.mean(values)
    n = int((~np.isnan(values)).sum())
    return Score(metric, found.value, found.low, found.high, n, signature, found.resampled)
