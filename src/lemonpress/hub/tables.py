"""The Parquet files of two versions of a corpus: columns, ids and rows, read no further than a comparison needs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lemonpress.hub.configs import read_configs
from lemonpress.hub.patience import patiently
from lemonpress.hub.tree import LocalFile, RemoteFile

Opened = Callable[[str], AbstractContextManager[IO[bytes]]]
_ROWS = 1 << 16


@dataclass(frozen=True)
class Split:
    """One split of a configuration, in one or more Parquet files."""

    files: Mapping[str, LocalFile | RemoteFile]
    open: Opened

    def same(self, other: "Split") -> bool:
        """Whether the files are the same as another's, in content and order."""
        pairs = list(zip(self.files.values(), other.files.values(), strict=False))
        return len(self.files) == len(other.files) and all(_same(ours, theirs) for ours, theirs in pairs)

    @cached_property
    def columns(self) -> dict[str, str]:
        """Type of each column, by name."""
        with self.open(next(iter(self.files))) as stream:
            return {field.name: str(field.type) for field in pq.read_schema(stream)}

    @cached_property
    def ids(self) -> pa.ChunkedArray | None:
        """The ids of all rows; None where there is no such column."""
        if "id" not in self.columns:
            return None
        chunks = []
        for path in self.files:
            with self.open(path) as stream:
                chunks += pq.read_table(stream, columns=["id"])["id"].cast(pa.string()).chunks
        return pa.chunked_array(chunks, pa.string())

    def rows(self) -> Iterator[pa.Table]:
        """All rows, some at a time."""
        for path in self.files:
            with self.open(path) as stream, pq.ParquetFile(stream) as table:
                yield from (pa.Table.from_batches([batch]) for batch in table.iter_batches(_ROWS))

    def equal(self, other: "Split") -> bool:
        """Whether all rows are equal and in the same order, whatever wrote the files."""
        if self.columns != other.columns:
            return False
        return _equal(_evenly(self.rows()), _evenly(other.rows()))


def splits_of(
    card: Mapping[str, Any], files: Mapping[str, LocalFile | RemoteFile], opened: Opened
) -> dict[str, dict[str, Split]]:
    """Every split that the card lists and that lies in Parquet files, by configuration and name."""
    return {
        config.name: {
            split: Split({path: files[path] for path in paths}, opened)
            for split, paths in config.files(files).items()
            if paths and all(path.endswith(".parquet") for path in paths)
        }
        for config in read_configs(card)
    }


def count_in(some: pa.ChunkedArray, other: pa.ChunkedArray) -> int:
    """How many values of one array are in another one."""
    found = pc.sum(pc.is_in(some, value_set=other.combine_chunks())).as_py()
    return int(found or 0)


def same_rows(path: str, old: Opened, new: Opened) -> bool:
    """Whether two files of a path hold equal rows, whatever wrote them; the old one is read over the network."""

    file = {path: LocalFile(path, 0, "", "")}
    return patiently(lambda: Split(file, old).equal(Split(file, new)))


def _same(ours: LocalFile | RemoteFile, theirs: LocalFile | RemoteFile) -> bool:
    if isinstance(ours, RemoteFile):
        return ours.same(theirs)
    return theirs.same(ours) if isinstance(theirs, RemoteFile) else ours.sha256 == theirs.sha256


def _evenly(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of equal length, so that two sides can be compared one by one."""
    held = None
    for table in tables:
        held = table if held is None else pa.concat_tables([held, table])
        while held.num_rows >= _ROWS:
            yield held.slice(0, _ROWS)
            held = held.slice(_ROWS)
    if held is not None and held.num_rows:
        yield held


def _equal(ours: Iterator[pa.Table], theirs: Iterator[pa.Table]) -> bool:
    return all(
        one is not None and other is not None and one.equals(other.cast(one.schema))
        for one, other in zip_longest(ours, theirs)
    )
