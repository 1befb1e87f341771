"""Training rows of students: a weighted mixture of files, folders and Hub datasets, checked before any training."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from lemonpress.assets import find_file
from lemonpress.errors import UserError
from lemonpress.reading import column_text
from lemonpress.recipes import StudentTask, TrainingData
from lemonpress.rows import TRAINING, content_id
from lemonpress.syntax.trees import parse_brackets
from lemonpress.tables import Table, need_columns, open_table


@dataclass(frozen=True)
class DatasetCounts:
    """What became of the rows of one dataset.

    Attributes:
        name: What messages call the dataset.
        read: Rows that were read.
        dropped: Rows that teach nothing, by reason: ``blank source``, ``blank target`` or ``copy`` (target equals
            source). The other rows are usable.
        used: Training rows that the dataset's weight made of the usable ones.
    """

    name: str
    read: int
    dropped: Mapping[str, int]
    used: int


@dataclass(frozen=True)
class TrainingRows:
    """Training rows and where they come from.

    Attributes:
        table: Rows of `rows.TRAINING`: datasets in order, and of each the passes that its weight asks for, rows in
            order; texts are stripped.
        counts: Of each dataset.
        sources: Of each dataset, for provenance: ``id`` and ``commit`` or ``sha256``, ``config`` and ``split`` (None
            for files), ``weight``, ``rows_read``, ``dropped`` by reason, ``rows_used``.
    """

    table: pa.Table
    counts: tuple[DatasetCounts, ...]
    sources: list[dict[str, Any]]


def training_table(datasets: Sequence[TrainingData], seed: int, where: str = "datasets") -> TrainingRows:
    """Read a mixture of training rows.

    Args:
        datasets: Where the rows are, their columns, tasks and weights.
        seed: Decides which rows a broken weight takes, by their content alone.
        where: The recipe field that lists the datasets; the first is ``datasets.0``.

    Raises:
        UserError: A dataset or a column is missing, a row is malformed, a dataset has no usable row, or the trees of
            control rows come from two parsers.
    """
    tables = [TRAINING.empty_table()]
    counts: list[DatasetCounts] = []
    sources: list[dict[str, Any]] = []
    parsers: dict[str, str] = {}
    for number, data in enumerate(datasets):
        here = f"{where}.{number}"
        place = find_file(data.path).expanduser()
        table = open_table(data.path, place, revision=data.revision, config=data.config, split=data.split, where=here)
        rows, dropped = _usable_rows(table, data, here, parsers)
        read = len(rows) + dropped.total()
        if not rows:
            raise UserError(f"{here}: {table.name}: {_nothing_usable(read, dropped)}")
        places = _weighted(rows, data.weight, seed)
        tables.append(pa.Table.from_pylist(rows, schema=TRAINING).take(pa.array(places, pa.int64())))
        counts.append(DatasetCounts(table.name, read, dict(sorted(dropped.items())), len(places)))
        sources.append(
            {
                **table.identity,
                "config": data.config,
                "split": None if place.is_file() else data.split,
                "weight": data.weight,
                "rows_read": read,
                "dropped": counts[-1].dropped,
                "rows_used": len(places),
            }
        )
    return TrainingRows(pa.concat_tables(tables), tuple(counts), sources)


@dataclass(frozen=True)
class TrainingFiles:
    """Training rows on disk, as `lemonpress.students.train.fine_tune` reads them.

    Attributes:
        train: File of the rows that are trained on.
        validation: File of those that are evaluated, or None.
        sources: Of the rows that are trained on, for provenance; as in `TrainingRows`, with the revision asked for.
        counts: Of every dataset, those that are evaluated last.
    """

    train: Path
    validation: Path | None
    sources: list[dict[str, Any]]
    counts: tuple[DatasetCounts, ...]

    def report(self) -> list[str]:
        """A line a dataset: rows read, left out by reason, used."""
        return [_reported(count) for count in self.counts]


def read_training_files(
    train: Sequence[TrainingData], validation: Sequence[TrainingData], seed: int, folder: Path
) -> TrainingFiles:
    """Read training and validation rows into ``train.parquet`` and ``validation.parquet`` of a folder.

    Args:
        train: Datasets that are trained on.
        validation: Datasets that are evaluated; may be none.
        seed: As for `training_table`.
        folder: Of the training.

    Raises:
        UserError: As for `training_table`; nothing is written then.
    """
    rows = training_table(train, seed)
    held_out = training_table(validation, seed, "validation") if validation else None
    sources = [{**one, "revision": data.revision} for one, data in zip(rows.sources, train, strict=True)]
    written = write_rows(rows.table, folder / "train.parquet")
    if held_out is None:
        return TrainingFiles(written, None, sources, rows.counts)
    evaluated = write_rows(held_out.table, folder / "validation.parquet")
    return TrainingFiles(written, evaluated, sources, rows.counts + held_out.counts)


def write_rows(rows: pa.Table, file: Path) -> Path:
    """Write training rows by one rename, so that a file is whole or not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_suffix(".new")
    pq.write_table(rows, scratch, compression="zstd")
    return scratch.replace(file)


def _reported(count: DatasetCounts) -> str:
    dropped = "".join(f", {number:,} left out ({reason})" for reason, number in count.dropped.items())
    return f"{count.name}: {count.read:,} rows{dropped}, {count.used:,} used"


_Row = dict[str, str | None]


def _usable_rows(
    table: Table, data: TrainingData, where: str, parsers: dict[str, str]
) -> tuple[list[_Row], Counter[str]]:
    """The rows that teach something, and the number of others by reason."""
    wanted = {data.source_column: "source_column", data.target_column: "target_column"}
    if data.task is None:
        wanted[data.task_column] = "task_column"
    elif data.task == "control":
        wanted |= {data.tree_column: "tree_column", data.parser_column: "parser_column"}
    need_columns(table, wanted, where)
    rows: list[_Row] = []
    dropped: Counter[str] = Counter()
    for place, row in islice(table.rows, data.count):
        here = f"{where}: {table.name}, {place}"
        task = data.task or _task(row.get(data.task_column), table.classes.get(data.task_column, ()), here)
        source, target = (
            column_text(row.get(column), column, here) for column in (data.source_column, data.target_column)
        )
        if not source or not target:
            dropped["blank target" if source else "blank source"] += 1
        elif source == target:
            dropped["copy"] += 1
        else:
            control = _tree(row, data, here, parsers) if task == "control" else {}
            rows.append({"task": task, "source": source, "target": target, **control})
    return rows, dropped


def _task(value: object, classes: Sequence[str], where: str) -> str:
    named = classes[value] if isinstance(value, int) and 0 <= value < len(classes) else value
    if named not in get_args(StudentTask):
        known = ", ".join(get_args(StudentTask))
        raise UserError(f"{where}: task {repr(named)[:60]} is none of {known}; correct it, or set 'task' for all rows")
    return str(named)


def _tree(row: Mapping[str, Any], data: TrainingData, where: str, parsers: dict[str, str]) -> _Row:
    """A control row's tree and parser; `parsers` remembers the first row of each parser."""
    tree, parser = (column_text(row.get(column), column, where) for column in (data.tree_column, data.parser_column))
    for text, column in ((tree, data.tree_column), (parser, data.parser_column)):
        if not text:
            raise UserError(f"{where}: a control row needs text in column {column!r}; fill it or change the task")
    try:
        parse_brackets(tree)
    except UserError as error:
        raise UserError(f"{where}: column {data.tree_column!r}: {error}") from None
    parsers.setdefault(parser, where)
    if len(parsers) > 1:
        first = next(iter(parsers))
        raise UserError(
            f"{where}: its tree is of parser {parser!r}, earlier ones are of {first!r} (first in {parsers[first]}); "
            "train on the trees of one parser"
        )
    return {"tree": tree, "parser": parser}


def _nothing_usable(read: int, dropped: Mapping[str, int]) -> str:
    if not read:
        return "holds no row; give a dataset with rows"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
    return f"none of its {read:,} rows can be used ({reasons}); name the right source_column and target_column"


def _weighted(rows: Sequence[_Row], weight: float, seed: int) -> list[int]:
    """Places of the rows that a weight takes: whole passes, then the part of a pass that content hashes choose."""
    passes, extra = divmod(max(1, round(weight * len(rows))), len(rows))
    ranked = sorted(range(len(rows)), key=lambda place: _rank(rows[place], seed)) if extra else []
    return [*range(len(rows))] * passes + sorted(ranked[:extra])


def _rank(row: _Row, seed: int) -> str:
    return content_id("weight", str(seed), *(str(row.get(name)) for name in TRAINING.names))
