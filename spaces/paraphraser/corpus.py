"""A released corpus in memory: searched, filtered and paged without a loop over its rows."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from checks import check_printable
from settings import Named

from lemonpress.errors import UserError
from lemonpress.funnel import Step
from lemonpress.hub.checks import front_matter
from lemonpress.hub.configs import default_config, read_configs
from lemonpress.hub.load import snapshot

PAGE = 10
MAX_QUERY = 200
_FILES = ["README.md", "provenance.json", "*.parquet"]
_TEXTS = ("id", "source", "target", "domain", "split")
_CONTROL = "control"

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Filter:
    """Pairs whose score lies within bounds.

    Attributes:
        score: A score of the corpus.
        least: Smallest that passes, or None.
        most: Largest that passes, or None.
    """

    score: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Corpus:
    """A corpus at its pinned version.

    Attributes:
        name: Repository and version.
        commit: Of that release.
        scores: What each score means, by column.
        domains: All there are, sorted.
        funnel: What each step of making it saw and kept.
        control: Trees and the sentence of each, where the corpus has them.
        table: All splits of the default configuration, with the column ``split``.
    """

    name: Named
    commit: str
    scores: Mapping[str, str]
    domains: tuple[str, ...]
    funnel: tuple[Step, ...]
    control: tuple[Sequence[str], Sequence[str]]
    table: pa.Table = field(repr=False)
    _values: Mapping[str, npt.NDArray[np.float64]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_values", {column: self.table[column].to_numpy() for column in self.scores})

    def find(self, query: str = "", domain: str | None = None, filters: Sequence[Filter] = ()) -> Rows:
        """Positions of matching pairs, in the order of the corpus.

        Args:
            query: Words as they stand in source or target, case aside; all pairs if empty.
            domain: One of `domains`, or None.
            filters: All must pass.

        Raises:
            UserError: A domain or score that the corpus lacks, or a query that is too long or no text.
        """
        if len(query) > MAX_QUERY:
            raise UserError(f"search: please keep to {MAX_QUERY} characters.")
        check_printable(query, "search: this")
        if domain is not None and domain not in self.domains:
            raise UserError("domain: this corpus has no such domain; please choose one from the list.")
        passing = np.ones(self.table.num_rows, dtype=bool)
        for one in filters:
            if one.score not in self._values:
                raise UserError(f"score: please choose one of {', '.join(self.scores)}.")
            values = self._values[one.score]
            passing &= values >= (-np.inf if one.least is None else one.least)
            passing &= values <= (np.inf if one.most is None else one.most)
        if domain is not None:
            passing &= _mask(pc.equal(self.table["domain"], domain))
        rows = np.flatnonzero(passing)
        if query.strip():  # text is dearest, and read only where the rest passes
            left = self.table.select(["source", "target"]).take(rows)
            said = [pc.match_substring(left[side], query.strip(), ignore_case=True) for side in ("source", "target")]
            rows = rows[_mask(pc.or_(*said))]
        return rows

    def rows(self, positions: Rows) -> list[dict[str, Any]]:
        """Some pairs as plain values."""
        found: list[dict[str, Any]] = self.table.take(positions).to_pylist()
        return found


def page_of(found: Rows, number: int) -> tuple[Rows, int, int]:
    """One page of what was found.

    Args:
        found: Positions.
        number: From 1 on; beyond the last page the last one.

    Returns:
        Positions, the number of the page, and how many pages there are, at least one.
    """
    pages = max(1, -(-len(found) // PAGE))
    number = min(max(number, 1), pages)
    return found[(number - 1) * PAGE : number * PAGE], number, pages


def drawn_from(found: Rows, seed: int) -> Rows:
    """A page of pairs drawn from what was found: others for every seed."""
    chosen = random.Random(seed).sample(range(len(found)), min(PAGE, len(found)))
    return found[np.array(chosen, dtype=np.int64)]


def load(name: Named, endpoint: str | None = None) -> Corpus:
    """Download a corpus at its version and read it.

    Args:
        name: The release.
        endpoint: Address of the Hub, or None.

    Raises:
        UserError: There is no such release, or it lists no Parquet files.
    """
    folder = snapshot(name.repo_id, name.version, endpoint, "dataset", _FILES)
    for file in ("README.md", "provenance.json"):
        if not (folder / file).is_file():
            raise UserError(f"{name}: has no {file}, which every release of Lemonpress has; choose another release")
    card = front_matter((folder / "README.md").read_text(encoding="utf-8", errors="replace"))
    configs = read_configs(card)
    chosen = default_config(configs)
    if chosen is None:
        raise UserError(f"{name}: its card names no default configuration; choose another release")
    table = _read(folder, chosen.files(_paths(folder)), str(name))
    scores = _scores(table.schema)
    table = table.select([*(column for column in _TEXTS if column in table.column_names), *scores])
    stated = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    trees = next((config for config in configs if config.name == _CONTROL), None)
    control: tuple[Sequence[str], Sequence[str]] = ((), ())
    if trees is not None:
        rows = _read(folder, trees.files(_paths(folder)), str(name))
        control = (rows["tree"].to_pylist(), rows["target"].to_pylist())
    return Corpus(
        name,
        folder.name,
        scores,
        tuple(sorted(pc.unique(table["domain"]).to_pylist())),
        tuple(Step(step["name"], step["seen"], step["kept"]) for step in stated.get("funnel", ())),
        control,
        table,
    )


def _paths(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]


def _read(folder: Path, splits: Mapping[str, Sequence[str]], name: str) -> pa.Table:
    parts = []
    for split, paths in splits.items():
        for path in paths:
            table = pq.read_table(folder / path)
            parts.append(table.append_column("split", pa.repeat(pa.scalar(split), table.num_rows)))
    if not parts or not {"source", "target", "domain"} <= set(parts[0].column_names):
        raise UserError(f"{name}: holds no pairs in Parquet files; choose another release")
    return pa.concat_tables(parts, promote_options="default").combine_chunks()


def _scores(schema: pa.Schema) -> dict[str, str]:
    """Name and meaning of each score."""
    return {
        one.name: (one.metadata or {}).get(b"description", b"").decode()
        for one in schema
        if pa.types.is_floating(one.type)
    }


def _mask(values: Any) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = np.asarray(values.combine_chunks() if hasattr(values, "combine_chunks") else values)
    return found
