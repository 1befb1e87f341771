"""A corpus from judged shards: splits by context, rejected rows sampled, Parquet written shard by shard."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lemonpress.control import write_control
from lemonpress.deduplication import Deduplicator
from lemonpress.engine.store import Shard
from lemonpress.held_out import Mask, Owners, each
from lemonpress.personal_data import KINDS, Kind, count_rows, find
from lemonpress.recipes import DeduplicationSettings, Task
from lemonpress.rejections import RejectedSample
from lemonpress.rows import JUDGED, RAW, REJECTED, content_id
from lemonpress.syntax.parsers import Parser

SPLITS = ("train", "validation", "test")
# A sentence of several splits belongs to the first of these; to train where it is in none.
_HELD_OUT = ("test", "validation")


@dataclass(frozen=True)
class Corpus:
    """A corpus on disk.

    No context and no sentence is in two splits, whatever the configuration.

    Attributes:
        folder: Holds ``<task>/<split>.parquet``, and of each split that has rows ``rejected/<split>.parquet``, with
            syntactic control ``control/<split>.parquet`` and with the pool ``raw/<split>.parquet``.
        task: paraphrase or summary; also the name of its default configuration.
        rows: Rows of each split.
        rejected: Rejected rows kept in the release, of each split.
        statistics: Figures for the card.
        control: Whether the targets were parsed for syntactic control.
        personal: Rows, of the default configuration, ``rejected`` and ``raw`` together, that hold each kind of secret
            or personal data.
        withheld: Where such rows were dropped, pairs that the critics kept and that were left out for each kind;
            else empty.
        raw: Rows of the pool, of each split; empty where it was not asked for.
    """

    folder: Path
    task: Task
    rows: Mapping[str, int]
    rejected: Mapping[str, int]
    statistics: Mapping[str, float]
    control: bool = False
    personal: Mapping[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    withheld: Mapping[Kind, int] = field(default_factory=dict)
    raw: Mapping[str, int] = field(default_factory=dict)

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
    drop_personal: bool = False,
    raw: Sequence[Shard] = (),
) -> Corpus:
    """Write the corpus of some judged shards.

    A pair whose source or target stands in a pair of a test context is left out where its own context is of another
    split, and likewise for validation over train. Of the pairs that are left, those that several contexts gave are
    kept once, where they came first. Rejected pairs give way to kept ones, whatever their splits, and the pool to
    both. Everything lands by one rename.

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
        drop_personal: Leave out every sentence that holds secrets or personal data, with its pairs.
        raw: Sentence shards that are also written as they are, as the configuration ``raw``; none by default.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".corpus-", dir=folder.parent))
    draft = _Draft(scratch, task, holdout, drop_personal)
    distinct = _Distinct(None if deduplicate is None else Deduplicator(deduplicate, seed))
    sample = RejectedSample(task, rejected_rows, seed)
    try:
        rows, figures = draft.write_kept(shards, schema, distinct, sample)
        rejected = draft.write_rejected(shards, sample)
        pool, of_pool = draft.write_raw(raw) if raw else ({}, {})
        if parser is not None:
            pairs = [scratch / task / f"{split}.parquet" for split in SPLITS if rows[split]]
            write_control(pairs, scratch / "control", parser)
        scratch.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Corpus(
        folder,
        task,
        rows,
        rejected,
        {**figures, **distinct.figures, **of_pool},
        parser is not None,
        {kind: draft.personal[kind] for kind in KINDS},
        {kind: draft.withheld[kind] for kind in KINDS} if drop_personal else {},
        pool,
    )


class _Draft:
    """A corpus as it is written: configuration after configuration, each giving way to those before it."""

    def __init__(self, folder: Path, task: Task, holdout: float, drop_personal: bool) -> None:
        self.personal: Counter[Kind] = Counter()
        self.withheld: Counter[Kind] = Counter()
        self._folder = folder
        self._task = task
        self._holdout = holdout
        self._drop = drop_personal
        self._owners = Owners()

    def write_kept(
        self, shards: Sequence[Shard], schema: pa.Schema, distinct: "_Distinct", sample: RejectedSample
    ) -> tuple[dict[str, int], dict[str, float]]:
        """Write the default configuration; returns rows of each split, and figures."""
        for split in self._held_out():
            for shard in shards:
                table = shard.table("kept")
                pairs = self._admitted(self._sound(table.filter(pa.array(self._splits(table) == split))))
                self._owners.claim(split, _sentences(pairs))
        words: Counter[str] = Counter()
        sizes: Counter[float] = Counter()
        contexts: set[str] = set()
        left_out = 0
        with self._files(self._task, schema) as files:
            for shard in shards:
                sound = self._sound(shard.table("kept"), self.withheld)
                admitted = self._admitted(sound)
                left_out += sound.num_rows - admitted.num_rows
                table, duplicates = distinct.divide(admitted)
                sample.add(duplicates)
                files.write(table, self._splits(table))
                self._count(table)
                contexts.update(table["context_id"].to_pylist())
                for side in ("source", "target"):
                    words[side] += sum(len(text.split()) for text in table[side].to_pylist())
                if "diversity" in schema.names:
                    sizes.update(table["diversity"].to_pylist())
        pairs = sum(files.rows.values())
        total = max(1, pairs)
        figures = {
            "pairs": float(pairs),
            "contexts with pairs": float(len(contexts)),
            "mean words of source": round(words["source"] / total, 2),
            "mean words of target": round(words["target"] / total, 2),
            "pairs left out, sentence in a held-out split": float(left_out),
        }
        if "diversity" in schema.names:
            figures |= {
                "groups of one pair": float(sizes[1.0]),
                "mean pairs a group": round(sum(size * count for size, count in sizes.items()) / total, 2),
                "largest group": max(sizes, default=0.0),
            }
        return files.rows, figures

    def write_rejected(self, shards: Sequence[Shard], sample: RejectedSample) -> dict[str, int]:
        """Write the sample of rejected pairs; returns rows of each split."""
        for shard in shards:
            sample.add(self._admitted(self._sound(shard.table("rejected"))))
        pairs = sample.table()
        splits = self._splits(pairs)
        for split in self._held_out():
            self._owners.claim(split, _sentences(pairs.filter(pa.array(splits == split))))
        self._give_way_to(self._task)
        pairs = self._admitted(pairs)
        with self._files("rejected", REJECTED) as files:
            files.write(pairs, self._splits(pairs))
        files.remove_empty()
        self._count(pairs)
        return files.rows

    def write_raw(self, shards: Sequence[Shard]) -> tuple[dict[str, int], dict[str, float]]:
        """Write the pool as it was before any critic; returns contexts of each split, and figures."""
        for split in self._held_out():
            for shard in shards:
                for row in shard.table("sentences").to_pylist():
                    here = split_of(row["context_id"], self._holdout) == split
                    if here and not (self._drop and find(row["context"])):
                        self._owners.claim(split, row["sentences"])
        self._give_way_to(self._task, "rejected")
        figures: Counter[str] = Counter()
        with self._files("raw", RAW) as files:
            for shard in shards:
                rows = [self._pooled(row, figures) for row in shard.table("sentences").to_pylist()]
                table = pa.Table.from_pylist([row for row in rows if row is not None], schema=RAW)
                files.write(table, self._splits(table))
        files.remove_empty()
        labels = ["raw sentences", "raw sentences left out, in another split"]
        if self._drop:
            labels += [f"raw {what} left out, personal data" for what in ("contexts", "sentences")]
        return files.rows, {
            "raw contexts": float(sum(files.rows.values())),
            **{label: float(figures[label]) for label in labels},
        }

    def _pooled(self, row: Mapping[str, Any], figures: Counter[str]) -> dict[str, Any] | None:
        """A row of `rows.RAW` with the sentences that may be published, or None."""
        if self._drop and find(row["context"]):
            figures["raw contexts left out, personal data"] += 1
            return None
        split = split_of(row["context_id"], self._holdout)
        kept = []
        for sentence, count in zip(row["sentences"], row["counts"], strict=True):
            if self._drop and find(sentence):
                figures["raw sentences left out, personal data"] += 1
            elif not self._owners.allow(split, sentence):
                figures["raw sentences left out, in another split"] += 1
            else:
                kept.append((sentence, count))
        figures["raw sentences"] += len(kept)
        if not self._drop:
            self.personal.update(count_rows([[row["context"], *(sentence for sentence, _ in kept)]]))
        pooled = {name: row[name] for name in ("context_id", "domain", "context")}
        return {**pooled, "sentences": [text for text, _ in kept], "counts": [count for _, count in kept]}

    def _held_out(self) -> Sequence[str]:
        return _HELD_OUT if self._holdout else ()

    def _splits(self, table: pa.Table) -> npt.NDArray[Any]:
        return each(table["context_id"], lambda key: split_of(key, self._holdout))

    def _sound(self, pairs: pa.Table, withheld: Counter[Kind] | None = None) -> pa.Table:
        """The pairs without personal data where it is dropped, else all of them; the others are counted."""
        if not self._drop:
            return pairs
        holding = _holding(pairs)
        if withheld is not None:
            withheld.update(_kinds(pairs.filter(pa.array(holding))))
        return pairs.filter(pa.array(~holding))

    def _admitted(self, pairs: pa.Table) -> pa.Table:
        """The pairs that hold no sentence of another split."""
        return pairs.filter(pa.array(self._owners.allow_rows(pairs, self._splits(pairs))))

    def _count(self, pairs: pa.Table) -> None:
        if not self._drop:
            self.personal.update(_kinds(pairs.filter(pa.array(_holding(pairs)))))

    def _give_way_to(self, *configs: str) -> None:
        """Give the sentences of written training splits back to train, where another split has claimed them since."""
        for config in configs if self._holdout else ():
            file = self._folder / config / "train.parquet"
            if file.is_file():
                with pq.ParquetFile(file) as rows:
                    for group in range(rows.num_row_groups):
                        self._owners.hand_over("train", _sentences(rows.read_row_group(group)))

    def _files(self, config: str, schema: pa.Schema) -> "_SplitFiles":
        return _SplitFiles(self._folder / config, schema)


class _SplitFiles:
    """The Parquet files of a configuration, one of each split, written group of rows by group of rows."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        folder.mkdir()
        self.rows = dict.fromkeys(SPLITS, 0)
        self._schema = schema
        self._paths = {split: folder / f"{split}.parquet" for split in SPLITS}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for split, path in self._paths.items():
            self._writers[split] = self._stack.enter_context(pq.ParquetWriter(path, self._schema, compression="zstd"))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def write(self, table: pa.Table, splits: npt.NDArray[Any]) -> None:
        """Write rows, each to its split."""
        for split in SPLITS:
            part = table.filter(pa.array(splits == split))
            if part.num_rows:  # datasets does not read a file whose first row group is empty
                self._writers[split].write_table(part.cast(self._schema))
            self.rows[split] += part.num_rows

    def remove_empty(self) -> None:
        """Leave no file of a split without rows."""
        for split, path in self._paths.items():
            if not self.rows[split]:
                path.unlink()


def _sentences(pairs: pa.Table) -> Iterable[str]:
    return chain(pairs["source"].to_pylist(), pairs["target"].to_pylist())


def _holding(pairs: pa.Table) -> Mask:
    """Which pairs hold secrets or personal data."""
    sides = [each(pairs[side], lambda text: bool(find(text))) for side in ("source", "target")]
    return np.logical_or(*sides).astype(bool)


def _kinds(pairs: pa.Table) -> Counter[Kind]:
    return count_rows(zip(pairs["source"].to_pylist(), pairs["target"].to_pylist(), strict=True))


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
