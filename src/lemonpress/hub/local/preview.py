"""The first rows of a dataset, read from its Parquet files for its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lemonpress.hub.configs import Config, default_config
from lemonpress.hub.local import lfs, trees
from lemonpress.hub.local.store import OpenRepo

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS = 5
_COLUMNS = 24
_CELL = 240
_NAME = 60
_WIDE = 28


@dataclass(frozen=True)
class Column:
    """Name and type of a column, and whether it holds numbers."""

    name: str
    type: str
    numeric: bool


@dataclass(frozen=True)
class Cell:
    """A value as text, cut if long, and how it is set: ``text`` (long), ``short`` or ``none`` (not a text at all)."""

    text: str
    style: str


@dataclass(frozen=True)
class Preview:
    """The first rows of one file.

    Attributes:
        path: the file.
        split: the split that lists it; None where the card lists no configuration.
        columns: the shown columns.
        rows: the cells of each shown row.
        count: rows of the whole file.
        hidden: columns that are not shown.
    """

    path: str
    split: str | None
    columns: list[Column]
    rows: list[list[Cell]]
    count: int
    hidden: int


def chosen(configs: Sequence[Config], name: str | None) -> Config | None:
    """The named configuration, else the one that is loaded without a name, else the first; None of none."""
    named = next((config for config in configs if config.name == name), None)
    return named or default_config(configs) or next(iter(configs), None)


def first_rows(root: Path, repo: OpenRepo, entries: Sequence[trees.Entry], config: Config | None) -> Preview | None:
    """The first rows of a configuration's first split that lies in Parquet files.

    Args:
        root: the Hub's folder.
        repo: the repository.
        entries: its files at the revision that is shown.
        config: the configuration; None for the first Parquet file, whatever it holds.

    Returns:
        At most 5 rows and 24 columns of them; None if there is no such file or it cannot be read.
    """
    tables = {entry.path: entry for entry in entries if entry.path.endswith(".parquet")}
    splits = {None: list(tables)} if config is None else config.files(tables)
    found = ((split, tables[path]) for split, paths in splits.items() for path in paths)
    split, entry = next(found, (None, None))
    return None if entry is None else _read(root, repo, entry, split)


def _read(root: Path, repo: OpenRepo, entry: trees.Entry, split: str | None) -> Preview | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if entry.pointer is None:
            source: pa.NativeFile = pa.BufferReader(trees.read_blob(repo, entry))
        else:
            source = pa.memory_map(str(lfs.object_path(root, entry.pointer.oid)))
        # Without buffering ahead, only the pages that hold the first rows are read.
        with source, pq.ParquetFile(source, pre_buffer=False) as file:
            return _first_rows(file, entry.path, split)
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        return None


def _first_rows(file: "pq.ParquetFile", path: str, split: str | None) -> Preview:
    schema = file.schema_arrow
    names = list(dict.fromkeys(schema.names))[:_COLUMNS]
    batches = file.iter_batches(_ROWS, row_groups=_first_groups(file), columns=names, use_threads=False)
    rows = (row for batch in batches for row in zip(*(_cells(batch, name) for name in names), strict=True))
    return Preview(
        path,
        split,
        [_column(schema.field(schema.names.index(name))) for name in names],
        [list(row) for row in islice(rows, _ROWS)],
        file.metadata.num_rows,
        len(schema.names) - len(names),
    )


def _first_groups(file: "pq.ParquetFile") -> list[int]:
    """As many row groups as it takes: a corpus that is written shard by shard begins with small ones."""
    groups, rows = [], 0
    for group in range(file.num_row_groups):
        if rows >= _ROWS:
            break
        groups.append(group)
        rows += file.metadata.row_group(group).num_rows
    return groups


def _column(field: "pa.Field") -> Column:
    import pyarrow as pa

    numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    return Column(_cut(field.name, _NAME), _cut(str(field.type), _NAME), numeric)


def _cells(rows: "pa.RecordBatch", name: str) -> list[Cell]:
    return [_cell(value) for value in rows.column(rows.schema.names.index(name)).to_pylist()]


def _cell(value: object) -> Cell:
    if value is None:
        return Cell("null", "none")
    if isinstance(value, bytes):
        return Cell(f"{len(value)} bytes", "none")
    if isinstance(value, float):
        return Cell(f"{value:.4g}", "short")
    text = _cut(str(value), _CELL)
    return Cell(text, "text" if len(text) > _WIDE else "short")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
