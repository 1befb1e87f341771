"""Releases checked where they lie: rows keep what their card promises, weights are whole, before anything leaves."""

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lemonpress.errors import UserError
from lemonpress.hub.configs import read_configs

_TEXT = pa.large_string()  # holds any number of bytes
_MOST_SHOWN = 80


def check_rows(folder: Path, card: Mapping[str, Any]) -> None:
    """Read every Parquet file that the card lists and check it against the others; other files are left alone.

    Args:
        folder: The complete tree.
        card: Front matter of its card.

    Raises:
        UserError: A file cannot be read or has no row, files of a configuration have other columns, a row has no
            ``id`` or ``context_id`` in such a column, an ``id`` is there twice in a configuration, or rows of one
            ``context_id`` are in two splits.
    """
    there = [file.relative_to(folder).as_posix() for file in folder.rglob("*.parquet")]
    contexts: dict[str, pa.Array] = {}
    for config in read_configs(card):
        first: tuple[str, pa.Schema] | None = None
        ids: list[pa.Array] = []
        for split, paths in config.files(there).items():
            for path in paths:
                schema, table = _read(folder, path)
                first = first or (path, schema)
                if not schema.equals(first[1]):
                    raise UserError(f"{path}: has other columns than {first[0]}; make the corpus again")
                if "id" in schema.names:
                    ids += table["id"].chunks
                if "context_id" in schema.names:
                    known = contexts.get(split, pa.array([], _TEXT))
                    contexts[split] = pc.unique(pa.chunked_array([known, *table["context_id"].chunks]))
        _check_distinct(pa.chunked_array(ids, _TEXT), config.name)
    _check_apart(contexts)


def check_weights(folder: Path, paths: Sequence[str]) -> None:
    """Open every file of weights as far as its header, and every JSON file.

    Args:
        folder: The complete tree.
        paths: Its files.

    Raises:
        UserError: A file is cut short or is not what its name says, or an index names a file that is not there.
    """
    from safetensors import SafetensorError, safe_open

    for path in paths:
        try:
            if path.endswith(".safetensors"):
                # The header names every tensor's place, and a file that ends before the last one is refused.
                with safe_open(folder / path, framework="numpy"):
                    pass
            elif path.endswith(".safetensors.index.json"):
                _check_shards(folder, path, paths)
            elif path.endswith(".json"):
                json.loads((folder / path).read_bytes())
        except (SafetensorError, ValueError, RecursionError) as error:
            raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())}); save the model again") from None


def _check_shards(folder: Path, path: str, paths: Sequence[str]) -> None:
    """Refuse an index of weights that names a file which is not there."""
    index = json.loads((folder / path).read_bytes())
    named = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(named, dict):
        raise ValueError("it has no weight_map")
    for shard in sorted({str(name) for name in named.values()}):
        if str(PurePosixPath(path).parent / shard) not in paths:
            raise UserError(f"{path}: names {_shown(shard)}, which is not there; save the model again")


def _read(folder: Path, path: str) -> tuple[pa.Schema, pa.Table]:
    """The columns of a file, and as text those that tell its rows and contexts apart."""
    try:
        with pq.ParquetFile(folder / path) as file:
            schema = file.schema_arrow.remove_metadata()
            rows = file.metadata.num_rows
            found = file.read(columns=[name for name in ("id", "context_id") if name in schema.names])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())}); make the corpus again") from None
    if not rows:
        raise UserError(f"{path}: holds no row, which datasets.load_dataset cannot load; leave the file out")
    if len(set(schema.names)) < len(schema.names):
        raise UserError(f"{path}: has two columns of one name; make the corpus again")
    for at, name in enumerate(found.column_names):
        column = found.column(at)
        if column.null_count:
            raise UserError(f"{path}: {column.null_count:,} of {rows:,} rows have no {name}; give each row one")
        try:
            found = found.set_column(at, name, column.cast(_TEXT))
        except pa.ArrowException:
            raise UserError(f"{path}: {name} is {column.type}, which tells no rows apart; write it as text") from None
    return schema, found


def _check_distinct(ids: pa.ChunkedArray, config: str) -> None:
    if pc.count_distinct(ids).as_py() == len(ids):
        return
    values, counts = pc.value_counts(ids).flatten()
    twice = values.filter(pc.greater(counts, 1))[0].as_py()
    raise UserError(f"{config}: holds a row's id twice ({_shown(twice)}); make the corpus again")


def _check_apart(contexts: Mapping[str, pa.Array]) -> None:
    for one, other in combinations(contexts, 2):
        both = pc.filter(contexts[one], pc.is_in(contexts[one], value_set=contexts[other]))
        if len(both):
            shown = _shown(both[0].as_py())
            raise UserError(f"context_id {shown}: has rows in {one} and in {other}; give each context one split")


def _shown(value: str) -> str:
    """A value as a part of one line."""
    text = " ".join(value.split())
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"
