"""A corpus from judged shards: splits by context, rejected rows sampled, Parquet written shard by shard."""

import heapq
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lemonpress.engine.store import Shard
from lemonpress.recipes import Task
from lemonpress.rows import REJECTED, content_id

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Corpus:
    """A corpus on disk.

    Attributes:
        folder: Holds ``<task>/<split>.parquet`` and ``rejected/train.parquet``.
        task: paraphrase or summary; also the name of its default configuration.
        rows: Rows of each split.
        rejected: Rejected rows kept in the release.
        statistics: Figures for the card.
    """

    folder: Path
    task: Task
    rows: Mapping[str, int]
    rejected: int
    statistics: Mapping[str, float]

    def file(self, split: str) -> Path:
        """The Parquet file of a split."""
        return self.folder / self.task / f"{split}.parquet"

    def read(self, split: str) -> pa.Table:
        """The rows of a split."""
        return pq.read_table(self.file(split))


def split_of(context_id: str, holdout: float) -> str:
    """The split of a context: decided by its content alone, so it never moves between versions.

    Args:
        context_id: Content id.
        holdout: Share of contexts in validation, and again in test.
    """
    place = int(content_id("split", context_id), 16) / 16**16
    return "test" if place < holdout else "validation" if place < 2 * holdout else "train"


def assemble(
    shards: Sequence[Shard], folder: Path, task: Task, schema: pa.Schema, holdout: float, rejected_rows: int, seed: int
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
        seed: Of that sample.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".corpus-", dir=folder.parent))
    try:
        (scratch / task).mkdir()
        (scratch / "rejected").mkdir()
        rows, figures = _write_kept(shards, scratch / task, schema, holdout)
        rejected = _sample_rejected((shard.table("rejected") for shard in shards), task, rejected_rows, seed)
        pq.write_table(rejected, scratch / "rejected" / "train.parquet", compression="zstd")
        scratch.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Corpus(folder, task, rows, rejected.num_rows, figures)


def _write_kept(
    shards: Sequence[Shard], folder: Path, schema: pa.Schema, holdout: float
) -> tuple[dict[str, int], dict[str, float]]:
    seen: set[str] = set()
    rows: Counter[str] = Counter(dict.fromkeys(SPLITS, 0))
    words: Counter[str] = Counter()
    contexts: set[str] = set()
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(pq.ParquetWriter(folder / f"{split}.parquet", schema, compression="zstd"))
            for split in SPLITS
        }
        for table in _distinct((shard.table("kept") for shard in shards), seen):
            splits = np.array([split_of(key, holdout) for key in table["context_id"].to_pylist()], dtype=object)
            for split in SPLITS:
                part = table.filter(pa.array(splits == split))
                writers[split].write_table(part.cast(schema))
                rows[split] += part.num_rows
            contexts.update(table["context_id"].to_pylist())
            for side in ("source", "target"):
                words[side] += sum(len(text.split()) for text in table[side].to_pylist())
    total = max(1, sum(rows.values()))
    figures = {
        "pairs": float(sum(rows.values())),
        "contexts with pairs": float(len(contexts)),
        "mean words of source": round(words["source"] / total, 2),
        "mean words of target": round(words["target"] / total, 2),
    }
    return dict(rows), figures


def _distinct(tables: Iterable[pa.Table], seen: set[str]) -> Iterator[pa.Table]:
    for table in tables:
        fresh = []
        for key in table["id"].to_pylist():
            fresh.append(key not in seen)
            seen.add(key)
        yield table.filter(pa.array(fresh, pa.bool_()))


def _sample_rejected(tables: Iterable[pa.Table], task: str, most: int, seed: int) -> pa.Table:
    """The rejected pairs with the smallest seeded hashes, at most so many a critic."""
    heaps: dict[str, list[tuple[int, str]]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for table in tables:
        for critic in dict.fromkeys(table["critic"].to_pylist()):
            heap = heaps.setdefault(critic, [])
            of_critic = table.filter(pc.equal(table["critic"], critic))
            for row in _some(of_critic, most, seed):
                key = content_id(task, row["source"], row["target"])
                rank = int(content_id(str(seed), key), 16)
                entry = (-rank, key)
                if key in rows or most == 0:
                    continue
                if len(heap) < most:
                    heapq.heappush(heap, entry)
                elif entry > heap[0]:
                    del rows[heapq.heapreplace(heap, entry)[1]]
                else:
                    continue
                rows[key] = {"id": key, **row}
    ordered = sorted(rows.values(), key=lambda row: (str(row["critic"]), str(row["id"])))
    return pa.Table.from_pylist(ordered, schema=REJECTED)


def _some(table: pa.Table, most: int, seed: int) -> list[dict[str, Any]]:
    """At most so many rows of one shard, drawn by seed and shard size."""
    if table.num_rows <= most:
        return table.to_pylist()
    chosen = np.random.default_rng([seed, table.num_rows]).choice(table.num_rows, most, replace=False)
    return table.take(pa.array(np.sort(chosen))).to_pylist()
