"""The pairs of a corpus for its report: a seeded sample, and what is counted over all of them in one pass."""

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.deduplication import Deduplicator
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.leakage import Leakage, Overlap
from lemonpress.existing import listed_texts
from lemonpress.reading import Rows, column_text
from lemonpress.recipes import DeduplicationSettings
from lemonpress.tables import need_columns, open_table


@dataclass(frozen=True)
class Pairs:
    """A corpus whose rows are read as they are asked for.

    Attributes:
        name: What the report calls it.
        identity: What names its content: ``id``, and the ``commit`` of a Hub dataset or the ``sha256`` of files.
        rows: Place and columns of each row; read once.
        source_column: Column of the sources.
        target_column: Column of the targets: a text, or a list of texts that are a pair each, also written as a
            string.
    """

    name: str
    identity: Mapping[str, str]
    rows: Rows
    source_column: str = "source"
    target_column: str = "target"


@dataclass(frozen=True)
class Pair:
    """A sampled pair.

    Attributes:
        place: Of its row, such as ``line 3``.
        source: Text.
        target: Its paraphrase or summary.
        scores: The row's numbers, by column; NaN where it has none.
    """

    place: str
    source: str
    target: str
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Read:
    """A corpus once read.

    Attributes:
        pairs: All of them.
        lengths: How many sources and targets have how many words, by side.
        duplicates: Pairs that repeat an earlier one but for case, spaces and punctuation.
        overlaps: What all pairs share with each benchmark.
        drawn: Sampled pairs, each with the number by which it was drawn and its position in the corpus.
    """

    pairs: int
    lengths: Mapping[str, Mapping[int, int]]
    duplicates: int
    overlaps: tuple[Overlap, ...]
    drawn: Sequence[tuple[float, int, Pair]]

    def sample(self, size: int) -> list[Pair]:
        """A uniform sample of at most `size` pairs, in the order of the corpus."""
        chosen = sorted(self.drawn, key=lambda drawn: drawn[:2])[:size]
        return [pair for _, _, pair in sorted(chosen, key=lambda drawn: drawn[1])]


def open_pairs(
    path: str,
    name: str | None = None,
    source_column: str = "source",
    target_column: str = "target",
    *,
    config: str | None = None,
    split: str = "train",
    revision: str | None = None,
) -> Pairs:
    """Open a corpus: a file, a dataset's folder or a dataset on the Hub, at the commit that it names now.

    Args:
        path: File (.jsonl, .jsonl.gz, .csv, .tsv, .parquet), folder or Hub id.
        name: What the report calls it; its file's or repository's name if None.
        source_column: Column of the sources.
        target_column: Column of the targets.
        config: Configuration of a dataset.
        split: Split of a dataset.
        revision: Commit, tag or branch of a Hub dataset.

    Raises:
        UserError: It cannot be found or read, or lacks a column.
    """
    where = f"corpus {path}"
    table = open_table(path, Path(path).expanduser(), revision=revision, config=config, split=split, where=where)
    need_columns(table, {source_column: "source_column", target_column: "target_column"}, where)
    short = path.rstrip("/").rpartition("/")[2].split(".")[0]
    return Pairs(name or short or path, table.identity, table.rows, source_column, target_column)


def read(corpus: Pairs, most: int, seed: int, benchmarks: Sequence[Benchmark] = ()) -> Read:
    """Read a corpus once, whatever its size: in memory are the sample and a digest of each distinct pair.

    Args:
        corpus: Its rows are used up.
        most: Pairs that the sample may need.
        seed: Of the sample.
        benchmarks: What the corpus may leak.

    Raises:
        UserError: It holds no row, or a row whose source or target is missing, blank or no text.
    """
    from tqdm import tqdm

    generator = np.random.default_rng(seed)
    lengths: dict[str, Counter[int]] = {"source": Counter(), "target": Counter()}
    deduplicator = Deduplicator(DeduplicationSettings(), seed)
    leakage = Leakage(benchmarks)
    drawn: list[tuple[float, int, Pair]] = []
    count = 0
    for place, row in tqdm(corpus.rows, desc=f"read {corpus.name}", unit="row", leave=False, delay=2, disable=None):
        for source, target in _texts(row, corpus, place):
            lengths["source"][len(source.split())] += 1
            lengths["target"][len(target.split())] += 1
            deduplicator.keep([source], [target])
            leakage.add(place, source, target)
            # A heap of the smallest numbers: its greatest is the first to go.
            number, position = -generator.random(), -count
            if len(drawn) < most:
                heapq.heappush(drawn, (number, position, _pair(row, corpus, place, source, target)))
            elif number > drawn[0][0]:
                heapq.heapreplace(drawn, (number, position, _pair(row, corpus, place, source, target)))
            count += 1
    if not count:
        raise UserError(f"{corpus.name}: holds no row; give a corpus with rows")
    return Read(
        count,
        lengths,
        deduplicator.dropped["exact"],
        leakage.found(),
        [(-number, -position, pair) for number, position, pair in drawn],
    )


def _texts(row: Mapping[str, Any], corpus: Pairs, place: str) -> list[tuple[str, str]]:
    where = f"{corpus.name}, {place}"
    sides = (
        (corpus.source_column, [column_text(row.get(corpus.source_column), corpus.source_column, where)]),
        (corpus.target_column, listed_texts(row.get(corpus.target_column), corpus.target_column, where)),
    )
    for column, texts in sides:
        if not all(texts):
            raise UserError(f"{where}: column {column!r} holds no text; give it one or remove the row")
    (_, (source,)), (_, targets) = sides
    return [(source, target) for target in targets]


def _pair(row: Mapping[str, Any], corpus: Pairs, place: str, source: str, target: str) -> Pair:
    texts = (corpus.source_column, corpus.target_column)
    numbers = {column: value for column, value in row.items() if column not in texts}
    scores = {column: float(value) for column, value in numbers.items() if isinstance(value, float)}
    return Pair(place, source, target, scores)


def score_columns(pairs: Sequence[Pair]) -> dict[str, list[float]]:
    """The numbers that a corpus brings along, by column; NaN where a row has none."""
    names = dict.fromkeys(name for pair in pairs for name, value in pair.scores.items() if math.isfinite(value))
    columns = {name: [pair.scores.get(name, math.nan) for pair in pairs] for name in names}
    return {
        name: [value if math.isfinite(value) else math.nan for value in values] for name, values in columns.items()
    }
