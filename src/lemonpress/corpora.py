"""A corpus from judged shards: splits by context, rejected rows sampled, Parquet written shard by shard."""

import heapq
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lemonpress.control import write_control
from lemonpress.deduplication import Deduplicator
from lemonpress.engine.store import Shard
from lemonpress.recipes import DeduplicationSettings, Task
from lemonpress.rows import JUDGED, REJECTED, content_id
from lemonpress.syntax.parsers import Parser

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Corpus:
    """A corpus on disk.

    Attributes:
        folder: Holds ``<task>/<split>.parquet`` and ``rejected/train.parquet``, and with syntactic control
            ``control/<split>.parquet`` of each split that has rows.
        task: paraphrase or summary; also the name of its default configuration.
        rows: Rows of each split.
        rejected: Rejected rows kept in the release.
        statistics: Figures for the card.
        control: Whether the targets were parsed for syntactic control.
    """

    folder: Path
    task: Task
    rows: Mapping[str, int]
    rejected: int
    statistics: Mapping[str, float]
    control: bool = False

    def file(self, split: str, config: str | None = None) -> Path:
        """The Parquet file of a split, of the default configuration unless another is named."""
        return self.folder / (config or self.task) / f"{split}.parquet"

    def read(self, split: str, config: str | None = None) -> pa.Table:
        """The rows of a split, of the default configuration unless another is named."""
        return pq.read_table(self.file(split, config))


def split_of(context_id: str, holdout: float) -> str:
    """The split of a context: decided by its content alone, so it never moves between versions.

    Args:
        context_id: Content id.
        holdout: Share of contexts in validation, and again in test.
    """
    place = int(content_id("split", context_id), 16) / 16**16
    return "test" if place < holdout else "validation" if place < 2 * holdout else "train"


def assemble(
    shards: Sequence[Shard],
    folder: Path,
    task: Task,
    schema: pa.Schema,
    holdout: float,
    rejected_rows: int,
    seed: int,
    deduplicate: DeduplicationSettings | None = None,
    parser: Parser | None = None,
) -> Corpus:
    """Write the corpus of some judged shards.

    Pairs that several contexts gave are kept once, where they came first. Everything lands by one rename.

    Args:
        shards: Verdict shards, each with the tables ``kept`` and ``rejected``.
        folder: Where the corpus goes; replaced if present.
        task: Names the default configuration.
        schema: Of the kept rows.
        holdout: Share of contexts in validation, and again in test.
        rejected_rows: Rejected pairs kept for each critic, a sample by seeded content hash.
        seed: Of that sample, and of near-duplicate removal.
        deduplicate: Also drop duplicates that are not equal to the letter, over all splits; they are rejected by
            ``deduplicate`` with score 0.
        parser: Also write the pairs with the parse tree of their target, as the configuration ``control``.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".corpus-", dir=folder.parent))
    distinct = _Distinct(None if deduplicate is None else Deduplicator(deduplicate, seed))
    sample = _RejectedSample(task, rejected_rows, seed)
    try:
        (scratch / task).mkdir()
        (scratch / "rejected").mkdir()
        rows, figures = _write_kept(shards, scratch / task, schema, holdout, distinct, sample)
        for shard in shards:
            sample.add(shard.table("rejected"))
        rejected = sample.table()
        pq.write_table(rejected, scratch / "rejected" / "train.parquet", compression="zstd")
        if parser is not None:
            pairs = [scratch / task / f"{split}.parquet" for split in SPLITS if rows[split]]
            write_control(pairs, scratch / "control", parser)
        scratch.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Corpus(folder, task, rows, rejected.num_rows, {**figures, **distinct.figures}, parser is not None)


def _write_kept(
    shards: Sequence[Shard],
    folder: Path,
    schema: pa.Schema,
    holdout: float,
    distinct: "_Distinct",
    sample: "_RejectedSample",
) -> tuple[dict[str, int], dict[str, float]]:
    rows: Counter[str] = Counter(dict.fromkeys(SPLITS, 0))
    words: Counter[str] = Counter()
    sizes: Counter[float] = Counter()
    contexts: set[str] = set()
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(pq.ParquetWriter(folder / f"{split}.parquet", schema, compression="zstd"))
            for split in SPLITS
        }
        for shard in shards:
            table, duplicates = distinct.divide(shard.table("kept"))
            sample.add(duplicates)
            splits = np.array([split_of(key, holdout) for key in table["context_id"].to_pylist()], dtype=object)
            for split in SPLITS:
                part = table.filter(pa.array(splits == split))
                if part.num_rows:  # datasets does not read a file whose first row group is empty
                    writers[split].write_table(part.cast(schema))
                rows[split] += part.num_rows
            contexts.update(table["context_id"].to_pylist())
            for side in ("source", "target"):
                words[side] += sum(len(text.split()) for text in table[side].to_pylist())
            if "diversity" in schema.names:
                sizes.update(table["diversity"].to_pylist())
    total = max(1, sum(rows.values()))
    figures = {
        "pairs": float(sum(rows.values())),
        "contexts with pairs": float(len(contexts)),
        "mean words of source": round(words["source"] / total, 2),
        "mean words of target": round(words["target"] / total, 2),
    }
    if "diversity" in schema.names:
        figures |= {
            "groups of one pair": float(sizes[1.0]),
            "mean pairs a group": round(sum(size * count for size, count in sizes.items()) / total, 2),
            "largest group": max(sizes, default=0.0),
        }
    return dict(rows), figures


class _Distinct:
    """Divides kept rows, shard after shard, into those that are new and those that repeat an earlier one."""

    def __init__(self, deduplicator: Deduplicator | None) -> None:
        self._deduplicator = deduplicator
        self._seen: set[str] = set()
        self._repeated = 0

    def divide(self, table: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The rows that are new, and duplicates of them that are not equal to the letter, as rows of `rows.JUDGED`."""
        fresh = []
        for key in table["id"].to_pylist():
            fresh.append(key not in self._seen)
            self._seen.add(key)
        self._repeated += len(fresh) - sum(fresh)
        table = table.filter(pa.array(fresh, pa.bool_()))
        if self._deduplicator is None:
            return table, JUDGED.empty_table()
        kept = self._deduplicator.keep(table["source"].to_pylist(), table["target"].to_pylist())
        duplicates = table.filter(pa.array(~kept))
        judged = {name: duplicates[name] for name in ("source", "target", "context_id", "domain")} | {
            "critic": pa.array(["deduplicate"] * duplicates.num_rows, pa.string()),
            "score": pa.array(np.zeros(duplicates.num_rows)),
        }
        return table.filter(pa.array(kept)), pa.table(judged, schema=JUDGED)

    @property
    def figures(self) -> dict[str, float]:
        """Duplicates dropped, those that were equal to the letter among the exact ones."""
        if self._deduplicator is None:
            return {}
        dropped = self._deduplicator.dropped
        return {
            "duplicates dropped, exact": float(dropped["exact"] + self._repeated),
            "duplicates dropped, near": float(dropped["near"]),
        }


class _RejectedSample:
    """The rejected pairs with the smallest seeded hashes, at most so many a critic."""

    def __init__(self, task: str, most: int, seed: int) -> None:
        self._task = task
        self._most = most
        self._seed = seed
        self._heaps: dict[str, list[tuple[int, str]]] = {}
        self._rows: dict[str, dict[str, Any]] = {}

    def add(self, table: pa.Table) -> None:
        """Take rows of `rows.JUDGED` in."""
        for critic in dict.fromkeys(table["critic"].to_pylist()):
            heap = self._heaps.setdefault(critic, [])
            of_critic = table.filter(pc.equal(table["critic"], critic))
            for row in _some(of_critic, self._most, self._seed):
                key = content_id(self._task, row["source"], row["target"])
                rank = int(content_id(str(self._seed), key), 16)
                entry = (-rank, key)
                if key in self._rows or self._most == 0:
                    continue
                if len(heap) < self._most:
                    heapq.heappush(heap, entry)
                elif entry > heap[0]:
                    del self._rows[heapq.heapreplace(heap, entry)[1]]
                else:
                    continue
                self._rows[key] = {"id": key, **row}

    def table(self) -> pa.Table:
        """The sample, as rows of `rows.REJECTED`."""
        ordered = sorted(self._rows.values(), key=lambda row: (str(row["critic"]), str(row["id"])))
        return pa.Table.from_pylist(ordered, schema=REJECTED)


def _some(table: pa.Table, most: int, seed: int) -> list[dict[str, Any]]:
    """At most so many rows of one shard, drawn by seed and shard size."""
    if table.num_rows <= most:
        return table.to_pylist()
    chosen = np.random.default_rng([seed, table.num_rows]).choice(table.num_rows, most, replace=False)
    return table.take(pa.array(np.sort(chosen))).to_pylist()
