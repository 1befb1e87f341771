"""Releases checked where they lie: rows keep what their card promises, weights are whole, before anything leaves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lemonpress.errors import UserError


def check_rows(folder: Path, card: Mapping[str, Any]) -> None:
    """Read every Parquet file that the card lists and check it against the others.

    Args:
        folder: The complete tree.
        card: Front matter of its card.

    Raises:
        UserError: A file cannot be read or has no row, splits of a configuration have other columns, a row's ``id`` is
            there twice in a configuration, or rows of one ``context_id`` are in two splits.
    """
    contexts: dict[str, pa.Array] = {}
    for config in card.get("configs") or []:
        listed = config.get("data_files")
        files = {one["split"]: one["path"] for one in listed} if isinstance(listed, list) else {}
        columns: pa.Schema | None = None
        ids: list[pa.ChunkedArray] = []
        for split, path in files.items():
            schema, table = _read(folder, path)
            if columns is not None and not schema.equals(columns):
                raise UserError(f"{path}: has other columns than the split before it; make the corpus again")
            columns = schema
            if "id" in schema.names:
                ids += table["id"].chunks
            if "context_id" in schema.names:
                known = contexts.get(split, pa.array([], pa.string()))
                contexts[split] = pc.unique(pa.chunked_array([known, *table["context_id"].chunks]))
        if ids and pc.count_distinct(pa.chunked_array(ids)).as_py() < sum(map(len, ids)):
            raise UserError(f"{config.get('config_name')}: holds a row's id twice; make the corpus again")
    _check_apart(contexts)


def check_weights(folder: Path, paths: Sequence[str]) -> None:
    """Open every file of weights as far as its header, and every JSON file.

    Args:
        folder: The complete tree.
        paths: Its files.

    Raises:
        UserError: A file is cut short or is not what its name says.
    """
    from safetensors import SafetensorError, safe_open

    for path in paths:
        try:
            if path.endswith(".safetensors"):
                # The header names every tensor's place, and a file that ends before the last one is refused.
                with safe_open(folder / path, framework="numpy"):
                    pass
            elif path.endswith(".json"):
                json.loads((folder / path).read_bytes())
        except (SafetensorError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())}); save the model again") from None


def _read(folder: Path, path: str) -> tuple[pa.Schema, pa.Table]:
    """The columns of a file, and those rows of it that tell rows and contexts apart."""
    try:
        schema = pq.read_schema(folder / path).remove_metadata()
        rows = pq.read_metadata(folder / path).num_rows
        found = pq.read_table(folder / path, columns=[name for name in ("id", "context_id") if name in schema.names])
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read ({' '.join(str(error).split())}); make the corpus again") from None
    if not rows:
        raise UserError(f"{path}: holds no row, which datasets.load_dataset cannot load; leave the split out")
    return schema, found


def _check_apart(contexts: Mapping[str, pa.Array]) -> None:
    splits = list(contexts)
    for at, one in enumerate(splits):
        for other in splits[at + 1 :]:
            both = pc.filter(contexts[one], pc.is_in(contexts[one], value_set=contexts[other]))
            if len(both):
                raise UserError(
                    f"context_id {both[0].as_py()}: has rows in {one} and in {other}; give each context one split"
                )
