"""Benchmarks read from JSON lines, and the scores of a system on them."""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lemonpress.errors import UserError
from lemonpress.metrics import bleu, rouge
from lemonpress.metrics import compression as lengths
from lemonpress.metrics import diversity as overlap
from lemonpress.metrics.bootstrap import interval
from lemonpress.recipes import Task

Floats = npt.NDArray[np.float64]
Values = Iterator[tuple[str, Floats, str]]

_REFERENCES: dict[Task, tuple[str, ...]] = {
    "paraphrase": ("reference", "references", "paraphrases"),
    "summary": ("reference", "references", "summary"),
}
_SEED = 0  # one for all: systems and metrics are resampled on the same sentences


@dataclass(frozen=True)
class Benchmark:
    """Texts to rewrite, with what people wrote for them.

    Attributes:
        name: What tables call it.
        sources: Texts that a system rewrites.
        references: At least one reference for each source.
        task: paraphrase or summary.
    """

    name: str
    sources: list[str]
    references: list[list[str]]
    task: Task


@dataclass(frozen=True)
class Score:
    """One metric of one system on one benchmark.

    Attributes:
        metric: Its name in tables.
        mean: Mean over sentences: percent or points of 100, except perplexity and compression.
        low: Lower end of the 95 % bootstrap interval of the mean.
        high: Upper end.
        n: Sentences that the mean is over.
        signature: What exactly was computed.
    """

    metric: str
    mean: float
    low: float
    high: float
    n: int
    signature: str


def load(path: Path, task: Task) -> Benchmark:
    """Read a benchmark from JSON lines, one object a line; blank lines are skipped.

    Args:
        path: A ``.jsonl`` file, gzip-compressed where its name ends in ``.gz``. Each object has ``source``, a text,
            and exactly one of ``reference``, ``references`` and ``paraphrases`` (task paraphrase) or ``summary``
            (task summary), a text or a list of texts. Other fields are ignored.
        task: What a system is to write for each source: a paraphrase or a summary.

    Returns:
        The benchmark, named like the file without its endings.

    Raises:
        UserError: The file cannot be read, has no rows, or has a line without those fields.
    """
    sources: list[str] = []
    references: list[list[str]] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    source, alternatives = _row(line, task, f"{path} line {number}")
                    sources.append(source)
                    references.append(alternatives)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(f"{path}: cannot be read as UTF-8 JSON lines ({reason}); give another file") from error
    if not sources:
        raise UserError(f"{path}: has no rows; give a file with one JSON object a line")
    return Benchmark(path.name.removesuffix(".gz").removesuffix(".jsonl"), sources, references, task)


def _row(line: str, task: Task, where: str) -> tuple[str, list[str]]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: is not JSON ({error.msg}); write one object a line") from error
    if not isinstance(row, dict):
        raise UserError(f"{where}: is not a JSON object; write one object with source and reference a line")
    if "source" not in row:
        raise UserError(f"{where}: has no field source; name the text to rewrite so")
    present = [name for name in _REFERENCES[task] if name in row]
    if len(present) != 1:
        found = " and ".join(present) or "no reference"
        raise UserError(f"{where}: has {found}; give exactly one of the fields {', '.join(_REFERENCES[task])}")
    alternatives = row[present[0]]
    if isinstance(alternatives, str):
        alternatives = [alternatives]
    if not isinstance(alternatives, list) or not alternatives:
        raise UserError(f"{where}: field {present[0]} holds no text; give a text or a list of texts")
    for name, text in [("source", row["source"]), *((present[0], text) for text in alternatives)]:
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"{where}: field {name} holds {text!r:.40}; give a text that is not blank")
    return row["source"], alternatives


def score(
    task: Task,
    sources: Sequence[str],
    references: Sequence[Sequence[str]],
    candidates: Sequence[str],
    fluency: Floats | None,
    fluency_signature: str = "perplexity",
) -> list[Score]:
    """Score what a system wrote by the metrics of a task.

    Args:
        task: paraphrase (BLEU, self-BLEU, iBLEU, copies, Jaccard) or summary (ROUGE-1/2/L, compression, novel bigrams,
            copies).
        sources: Texts that the system rewrote, at least one, none blank.
        references: For each source at least one reference.
        candidates: What the system wrote, one for each source.
        fluency: Perplexity of each candidate, NaN where it has none; None leaves the metric out.
        fluency_signature: What gave the perplexities, from `lemonpress.metrics.fluency.signature`.

    Returns:
        One score for each metric, in the order of the tables; perplexity, the last, only where a candidate has one.

    Raises:
        UserError: Nothing to score, lists of different length, or a row with a blank source or no reference.
    """
    _check(sources, references, candidates, fluency)
    metrics = _paraphrase if task == "paraphrase" else _summary
    scores = [_score(*values) for values in metrics(sources, references, candidates)]
    if fluency is not None and not np.isnan(fluency).all():
        scores.append(_score("Perplexity", fluency[~np.isnan(fluency)], fluency_signature))
    return scores


def _check(
    sources: Sequence[str], references: Sequence[Sequence[str]], candidates: Sequence[str], fluency: Floats | None
) -> None:
    if not sources:
        raise UserError("benchmark has no sources; give at least one")
    others: list[tuple[str, int]] = [("reference lists", len(references)), ("candidates", len(candidates))]
    if fluency is not None:
        others.append(("perplexities", len(fluency)))
    for name, count in others:
        if count != len(sources):
            raise UserError(f"benchmark has {len(sources)} sources but {count} {name}; give one for each source")
    for row, (source, alternatives) in enumerate(zip(sources, references, strict=True)):
        if not source.strip():
            raise UserError(f"benchmark row {row}: the source is blank; remove the row")
        if not alternatives:
            raise UserError(f"benchmark row {row}: has no reference; give one or remove the row")


def percentage(metric: str, hits: Sequence[bool], signature: str) -> Score:
    """The share of sentences for which something is so, in percent."""
    return _score(metric, 100.0 * np.array(hits, dtype=np.float64), signature)


def _score(metric: str, values: Floats, signature: str) -> Score:
    mean, low, high = interval(values, _SEED)
    return Score(metric, mean, low, high, len(values), signature)


def _paraphrase(sources: Sequence[str], references: Sequence[Sequence[str]], candidates: Sequence[str]) -> Values:
    to_reference = bleu.sentence_bleu(candidates, references)
    to_source = bleu.self_bleu(candidates, sources)
    yield "BLEU", to_reference, bleu.signature()
    yield "Self-BLEU", to_source, f"against:source|{bleu.signature()}"
    yield "iBLEU", bleu.ibleu(to_reference, to_source), bleu.ibleu_signature()
    yield _copies(sources, candidates)
    yield "Jaccard", 100 * overlap.jaccard(candidates, sources), overlap.signature("jaccard")


def _summary(sources: Sequence[str], references: Sequence[Sequence[str]], candidates: Sequence[str]) -> Values:
    for kind, values in rouge.rouge_multi(candidates, references).items():
        yield f"ROUGE-{kind[-1]}", 100 * values, rouge.signature(kind)
    yield "Compression", lengths.compression(candidates, sources), lengths.compression_signature()
    yield "Novel 2-grams", 100 * overlap.novel_ngrams(candidates, sources, 2), overlap.signature("novel 2-grams")
    yield _copies(sources, candidates)


def _copies(sources: Sequence[str], candidates: Sequence[str]) -> tuple[str, Floats, str]:
    return "Copies", 100 * overlap.copies(candidates, sources), overlap.signature("copies")
