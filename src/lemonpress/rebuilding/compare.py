"""A rebuilt corpus beside the released one, table by table and row by row."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lemonpress.errors import UserError
from lemonpress.funnel import Step
from lemonpress.hub.tree import digest_file
from lemonpress.output import check_folder, whole_folder
from lemonpress.rebuilding.origin import Origin

State = Literal["identical", "same rows", "other scores", "unknown", "other rows"]
STATES: tuple[State, ...] = ("identical", "same rows", "other scores", "unknown", "other rows")
"""How a rebuilt table compares with the released one, the best first."""


@dataclass(frozen=True)
class Compared:
    """A rebuilt table beside the released one.

    Rows are told apart by their id, whatever their order; raw contexts by theirs.

    Attributes:
        path: In the release.
        state: See `STATES`; ``same rows`` was written in other bytes, ``unknown`` has other bytes and the released
            rows are not at hand.
        released: Rows of the released table; None where that is not known.
        rebuilt: Rows of the rebuilt table.
        missing: Released rows that were not made again.
        added: Rows that were not released.
        changed: Rows of equal id that differ in another column than a score.
        rescored: Rows that differ in a score alone.
        largest: Largest difference of two scores.
        columns: Columns that only one of the tables has.
    """

    path: str
    state: State
    released: int | None
    rebuilt: int
    missing: int = 0
    added: int = 0
    changed: int = 0
    rescored: int = 0
    largest: float = 0.0
    columns: tuple[str, ...] = ()


def check_output(folder: Path) -> None:
    """Refuse a folder that holds anything.

    Raises:
        UserError: It does, or it cannot be made.
    """
    check_folder(folder, (), "a rebuilt corpus")


def tables_of(corpus: Path) -> dict[str, Path]:
    """The Parquet files of a corpus's folder that have rows, by path: those that a release has."""
    files = sorted(corpus.rglob("*.parquet"))
    return {file.relative_to(corpus).as_posix(): file for file in files if pq.read_metadata(file).num_rows}


def copy_tables(corpus: Path, folder: Path) -> None:
    """Copy the tables of a corpus, all of them or none.

    Args:
        corpus: Its folder.
        folder: New or empty.

    Raises:
        UserError: See `check_output`.
    """
    with whole_folder(folder, check_output) as new:
        for path, file in tables_of(corpus).items():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, new / path)


def compare(origin: Origin, corpus: Path) -> list[Compared]:
    """Compare the tables of a rebuilt corpus with the released ones; rows are read only where bytes differ.

    Args:
        origin: The release.
        corpus: Folder of the rebuilt corpus.

    Raises:
        UserError: A released table cannot be read.
    """
    rebuilt = tables_of(corpus)
    return [_compared(origin, path, rebuilt.get(path)) for path in sorted(origin.tables.keys() | rebuilt.keys())]


def worst(compared: Sequence[Compared]) -> State:
    """The state of the whole corpus: that of its worst table."""
    return max((one.state for one in compared), key=STATES.index, default="identical")


def first_change(origin: Origin, funnel: Sequence[Step]) -> str | None:
    """The first step of the funnel that saw or kept another number than then, or None."""
    before = {step.name: step for step in origin.stated.funnel}
    for step in funnel:
        then = before.get(step.name, Step(step.name, 0, 0))
        if (step.seen, step.kept) != (then.seen, then.kept):
            return f"{step.name}: kept {step.kept:,} of {step.seen:,} here, {then.kept:,} of {then.seen:,} then"
    return None


def _compared(origin: Origin, path: str, file: Path | None) -> Compared:
    there = origin.tables.get(path)
    rows = pq.read_metadata(file).num_rows if file else 0
    if file is None or there is None:
        stated = origin.stated.content.get(path)
        released = (stated.rows if stated else None) if there else 0
        return Compared(path, "other rows", released, rows, missing=released or 0, added=rows)
    if there.same(digest_file(file, path)):
        return Compared(path, "identical", rows, rows)
    try:
        table = origin.read(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{origin.label}: {path} is no sound Parquet file ({type(error).__name__})") from None
    if table is None:
        stated = origin.stated.content.get(path)
        released = stated.rows if stated else None
        return Compared(path, "unknown" if released in (None, rows) else "other rows", released, rows)
    return compare_tables(path, table, pq.read_table(file))


def compare_tables(path: str, released: pa.Table, rebuilt: pa.Table) -> Compared:
    """Compare two tables of one file row by row; columns of floating-point numbers are scores.

    Args:
        path: Of the file.
        released: Rows as they were released.
        rebuilt: Rows as they were made again.
    """
    columns = tuple(sorted(set(released.column_names) ^ set(rebuilt.column_names)))
    then, now = _keys(released), _keys(rebuilt)
    places = pc.index_in(then, value_set=now)
    both = pc.is_valid(places)
    theirs, ours = released.filter(both), rebuilt.take(places.filter(both))
    changed = np.zeros(ours.num_rows, bool)
    moved = np.zeros(ours.num_rows)
    for name in released.column_names:
        if name in columns or theirs[name].equals(ours[name]):
            continue
        if pa.types.is_floating(theirs[name].type) and pa.types.is_floating(ours[name].type):
            gap = np.abs(theirs[name].to_numpy() - ours[name].to_numpy())
            moved = np.maximum(moved, np.nan_to_num(gap, nan=np.inf))
        else:
            values = zip(theirs[name].to_pylist(), ours[name].to_pylist(), strict=True)
            changed |= np.array([one != other for one, other in values])
    rescored = (moved > 0) & ~changed
    missing, added = len(then) - ours.num_rows, len(now) - ours.num_rows
    state: State = "same rows"
    if missing or added or columns or changed.any():
        state = "other rows"
    elif rescored.any():
        state = "other scores"
    largest = float(moved[rescored].max(initial=0.0))
    counts = (len(then), len(now), missing, added, int(changed.sum()), int(rescored.sum()))
    return Compared(path, state, *counts, largest, columns)


def _keys(table: pa.Table) -> pa.Array:
    """What tells the rows of a table apart: their ids; of an id that comes again its number, too."""
    ids = table["id" if "id" in table.column_names else "context_id"].to_pylist()
    seen: Counter[str] = Counter()
    keys = []
    for key in ids:
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key} {seen[key]}")
    return pa.array(keys, pa.string())
