"""Tables of a user's: a file, a dataset's folder or a dataset on the Hub, opened alike."""

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lemonpress.errors import UserError
from lemonpress.reading import (
    SUFFIXES,
    Rows,
    batch_rows,
    dataset_commit,
    dataset_rows,
    first_line,
    json_rows,
    load_rows,
    names_hub_dataset,
)
from lemonpress.sources import file_digest

if TYPE_CHECKING:
    from datasets import Dataset

_UNREADABLE = (pa.ArrowException, csv.Error, OSError, UnicodeDecodeError)


@dataclass(frozen=True)
class Table:
    """Rows with their places, read as they are asked for.

    Attributes:
        name: What messages call it.
        columns: Of its first row at least.
        rows: Place and columns of each row.
        identity: What names it in provenance: ``id`` (Hub id, or the name of the file or folder) and the ``commit`` of
            a Hub dataset or the ``sha256`` of a file or of a folder's files.
        classes: Names of the classes of each ClassLabel column.
    """

    name: str
    columns: Sequence[str]
    rows: Rows
    identity: dict[str, str]
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def open_table(
    path: str,
    place: Path,
    *,
    revision: str | None,
    config: str | None,
    split: str,
    where: str,
    config_field: str = "config",
    looked: str = "in the working folder; check the path",
) -> Table:
    """Open a table; its rows are read later.

    Args:
        path: File, dataset folder or Hub id, as the user wrote it.
        place: Where a file or folder of that path would be.
        revision: Commit, tag or branch of a Hub dataset; the head of its default branch if None. The rows are those of
            the commit that it names now.
        config: Configuration of a dataset; the only or default one if None.
        split: Split of a dataset; files have none.
        where: The recipe section, such as ``datasets.nli``, for error messages.
        config_field: What the section calls `config`.
        looked: Where a file was looked for, and what to do where it is not there.

    Raises:
        UserError: The file, dataset, revision, configuration or split is missing or cannot be read, or a field does
            not apply.
    """
    if names_hub_dataset(path, place):
        commit = dataset_commit(path, revision, where)
        loaded = load_rows(path, config, split, commit, where)
        return _dataset(loaded, f"{path} ({split})", {"id": path, "commit": commit})
    if revision is not None:
        raise UserError(f"{where}.revision: {revision!r} is for Hub datasets; remove it")
    if place.is_dir():
        loaded = load_rows(str(place), config, split, None, where)
        return _dataset(loaded, f"{place} ({split})", _identity(place))
    if not place.is_file():
        raise UserError(f"{where}.path: no file {path} {looked}")
    if not place.name.endswith(SUFFIXES):
        raise UserError(f"{where}.path: {place} is no {', '.join(SUFFIXES)} file; convert it")
    if config is not None:
        raise UserError(f"{where}.{config_field}: {config!r} is for datasets, not for a file; remove it")
    try:
        if place.suffix == ".parquet":
            return _parquet(place, where)
        return _json(place, where) if place.name.endswith((".jsonl", ".jsonl.gz")) else _csv(place, where)
    except _UNREADABLE as error:
        raise UserError(f"{where}.path: {place} cannot be read: {first_line(error)}") from None


def need_columns(table: Table, wanted: Mapping[str, str], where: str) -> None:
    """Refuse a table that lacks a column.

    Args:
        table: As opened.
        wanted: The field of the section that names each column, by column.
        where: The recipe section.

    Raises:
        UserError: A column is missing, or the table holds no row to have columns.
    """
    if not table.columns:
        raise UserError(f"{where}: {table.name} holds no row; give a file with rows")
    for column, named_by in wanted.items():
        if column not in table.columns:
            raise UserError(
                f"{where}.{named_by}: {table.name} has no column {column!r}; it has {', '.join(table.columns)}"
            )


def _identity(place: Path) -> dict[str, str]:
    return {"id": place.resolve().name, "sha256": _folder_digest(place) if place.is_dir() else file_digest(place)}


def _folder_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()):
        if not name.startswith(".") and "/." not in name:
            digest.update(f"{name}\0{file_digest(folder / name)}\n".encode())
    return digest.hexdigest()


def _dataset(loaded: "Dataset", name: str, identity: dict[str, str]) -> Table:
    classes = {column: kind.names for column, kind in loaded.features.items() if hasattr(kind, "names")}
    return Table(name, loaded.column_names, dataset_rows(loaded), identity, classes)


def _json(file: Path, where: str) -> Table:
    first = next(json_rows(file, where), None)
    return Table(str(file), list(first[1]) if first else [], json_rows(file, where), _identity(file))


def _csv(file: Path, where: str) -> Table:
    """Comma-separated values with quotes, or tab-separated ones, which have none."""
    tabs = file.suffix == ".tsv"
    dialect: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tabs else {}

    def records() -> Iterator[tuple[str, list[str]]]:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True, **dialect)
            yield from ((f"line {reader.line_num}", fields) for fields in reader if fields)

    header = next(records(), ("", []))[1]

    def rows() -> Rows:
        for place, fields in islice(records(), 1, None):
            if len(fields) != len(header):
                has = f"has {len(fields)} fields, the header has {len(header)}; quote or mend it"
                raise UserError(f"{where}: {file}, {place}: {has}")
            yield place, dict(zip(header, fields, strict=True))

    return Table(str(file), header, _guarded(rows(), file, where), _identity(file))


def _parquet(file: Path, where: str) -> Table:
    import pyarrow.parquet as pq

    def rows() -> Rows:
        with pq.ParquetFile(file) as table:
            yield from batch_rows(table.iter_batches(batch_size=1000))

    return Table(str(file), pq.read_schema(file).names, _guarded(rows(), file, where), _identity(file))


def _guarded(rows: Rows, file: Path, where: str) -> Rows:
    try:
        yield from rows
    except _UNREADABLE as error:
        raise UserError(f"{where}.path: {file} cannot be read: {first_line(error)}") from None
