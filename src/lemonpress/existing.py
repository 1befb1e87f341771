"""Pairs of an existing corpus, grouped for the critics: rows of a Hub dataset, a folder or a file."""

import ast
import io
import json
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from lemonpress.errors import UserError
from lemonpress.reading import (
    SUFFIXES,
    Rows,
    batch_rows,
    column_text,
    dataset_commit,
    dataset_rows,
    first_line,
    json_rows,
    load_rows,
    names_hub_dataset,
)
from lemonpress.recipes import PairRows
from lemonpress.rows import PAIRED, content_id

_MOST_SENTENCES = 4096  # of one group: its entailment matrix is quadratic
_MOST_CHARACTERS = 2000  # of one sentence: longer texts are paragraphs, which the critics do not judge
_CSV_BLOCK = 1 << 24  # bytes; a row must fit
_NO_COMMA = re.compile(r"""['"]\s+['"]""")


def read_pairs(settings: PairRows, pool: str, find: Callable[[str], Path]) -> pa.Table:
    """Read the pairs of an existing corpus, group by group.

    Pairs of one group may stand anywhere in the corpus. All distinct sentences are held in memory.

    Args:
        settings: Where the rows are, and their columns.
        pool: Domain of the rows.
        find: Turns the recipe's path into a file or folder.

    Returns:
        Rows of `rows.PAIRED`, one a group, in order of first appearance. ``sampled`` counts the pairs that were read;
        ``dropped`` those that are none: ``blank source``, ``blank target``, ``too long`` (either text has more than
        2,000 characters: critics judge sentences), ``copy`` (target equals source) and ``duplicate`` (the pair stood
        there before). Sentences are those of the others and of duplicates, stripped.
        The schema's metadata names the ``commit`` of a Hub dataset.

    Raises:
        UserError: The corpus or a column is missing, a row is malformed, no pair is left, or a group has too many
            sentences.
    """
    where = f"contexts.{pool}: {settings.path}"
    rows, commit = _open(settings, find(settings.path).expanduser(), pool)
    groups: dict[str, _Group] = {}
    for place, row in islice(rows, settings.count):
        _add(groups, row, settings, f"{where}, {place}")
    _check(groups, where)
    table = _table(groups, pool)
    return table if commit is None else table.replace_schema_metadata({b"commit": commit.encode()})


@dataclass(slots=True)
class _Group:
    context: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    pairs: dict[tuple[int, int], None] = field(default_factory=dict)
    sampled: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, source: str, target: str) -> None:
        """Count a pair, and keep it where it is one and new."""
        self.sampled += 1
        if not source or not target:
            self.dropped["blank target" if source else "blank source"] += 1
        elif max(len(source), len(target)) > _MOST_CHARACTERS:
            self.dropped["too long"] += 1
        elif source == target:
            self.dropped["copy"] += 1
        else:
            for sentence in (source, target):
                self.positions.setdefault(sentence, len(self.positions))
                self.counts[sentence] = self.counts.get(sentence, 0) + 1
            pair = (self.positions[source], self.positions[target])
            if pair in self.pairs:
                self.dropped["duplicate"] += 1
            self.pairs[pair] = None


def _add(groups: dict[str, _Group], row: Mapping[str, Any], settings: PairRows, where: str) -> None:
    source = column_text(row.get(settings.source_column), settings.source_column, where)
    key = _key(row.get(settings.group_column), settings.group_column, where) if settings.group_column else ""
    group = groups.setdefault(key or source, _Group())
    if settings.context_column:
        context = column_text(row.get(settings.context_column), settings.context_column, where)
        group.context = group.context or context
    for target in listed_texts(row.get(settings.target_column), settings.target_column, where):
        group.add(source, target)
    if len(group.positions) > _MOST_SENTENCES:
        raise UserError(
            f"{where}: group {_shown(key or source)} has more than {_MOST_SENTENCES:,} distinct sentences; "
            "name a column of smaller groups under 'group_column'"
        )


def _shown(key: str) -> str:
    return repr(key if len(key) <= 40 else f"{key[:37]}...")


def _key(value: object, column: str, where: str) -> str:
    return str(value) if isinstance(value, int) else column_text(value, column, where)


def listed_texts(value: object, column: str, where: str) -> list[str]:
    """The rewritings that a row lists: a text, a list of texts, or such a list written as a string.

    Args:
        value: What the column holds.
        column: Its name.
        where: The recipe field and row, for error messages.

    Returns:
        The texts, stripped; one blank one where there is none.

    Raises:
        UserError: The column holds anything else.
    """
    texts = value if isinstance(value, list) else _written_list(value, where) if isinstance(value, str) else [value]
    return [column_text(text, column, where) for text in texts] or [""]


def _written_list(text: str, where: str) -> Sequence[object]:
    """The texts of a JSON or Python list that was written as a string; any other string alone."""
    bare = text.strip()
    if not (bare.startswith("[") and bare.endswith("]")):
        return [text]
    try:
        found = json.loads(bare)
    except (ValueError, RecursionError):
        found = _python_list(bare, where)
    if isinstance(found, list) and all(item is None or isinstance(item, str) for item in found):
        return found
    return [text]


def _python_list(text: str, where: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in sentences
            found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    # Python reads 'a' 'b' as one text; arrays that were printed look like this.
    if _NO_COMMA.search(text):
        kinds = [
            token.type
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type not in (tokenize.NL, tokenize.NEWLINE)
        ]
        if (tokenize.STRING, tokenize.STRING) in pairwise(kinds):
            raise UserError(f"{where}: a list of texts without commas; write JSON lists")
    return found


def _check(groups: Mapping[str, _Group], where: str) -> None:
    if any(group.pairs for group in groups.values()):
        return
    if not groups:
        raise UserError(f"{where}: holds no row; give a corpus of pairs")
    dropped: Counter[str] = Counter()
    for group in groups.values():
        dropped.update(group.dropped)
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
    raise UserError(
        f"{where}: no row holds two different sentences ({reasons}); "
        "name the right columns under 'source_column' and 'target_column'"
    )


def _table(groups: Mapping[str, _Group], pool: str) -> pa.Table:
    kinds = groups.values()
    columns = {
        "context_id": [content_id(key) for key in groups],
        "context": [group.context for group in kinds],
        "domain": [pool] * len(groups),
        "sentences": [list(group.positions) for group in kinds],
        "counts": [list(group.counts.values()) for group in kinds],
        "sampled": [group.sampled for group in kinds],
        "dropped": [sorted(group.dropped.items()) for group in kinds],
        "sources": [[source for source, _ in group.pairs] for group in kinds],
        "targets": [[target for _, target in group.pairs] for group in kinds],
    }
    return pa.table(columns, schema=PAIRED)


def _open(settings: PairRows, place: Path, pool: str) -> tuple[Rows, str | None]:
    """The rows, read as they are asked for, and the commit of a Hub dataset."""
    field_name = f"contexts.{pool}"
    on_hub = names_hub_dataset(settings.path, place)
    commit = dataset_commit(settings.path, settings.revision, field_name) if on_hub else None
    if settings.revision is not None and not on_hub:
        raise UserError(f"{field_name}: revision {settings.revision!r} is for Hub datasets; remove it")
    if on_hub or place.is_dir():
        path = settings.path if on_hub else str(place)
        loaded = load_rows(path, settings.config, settings.split, commit, field_name)
        names = _columns(settings, loaded.column_names, f"{field_name}: {settings.path}")
        return dataset_rows(loaded.select_columns(names)), commit
    where = f"{field_name}: {settings.path}"
    if not place.is_file():
        raise UserError(f"{where}: no such file or folder; check the path")
    if not place.name.endswith(SUFFIXES):
        raise UserError(f"{where}: is no {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file; convert it")
    if settings.config is not None:
        raise UserError(f"{where}: config {settings.config!r} is for datasets, not for a file; remove it")
    if place.name.endswith((".jsonl", ".jsonl.gz")):
        return _json_rows(settings, place, field_name), None
    tables = _parquet_batches if place.suffix == ".parquet" else _csv_batches
    return _sound_rows(tables(settings, place, where), place, where), None


def _columns(settings: PairRows, present: Iterable[str], where: str) -> list[str]:
    """The columns that are read, all of them present."""
    names = list(present)
    wanted = [settings.source_column, settings.target_column, settings.group_column, settings.context_column]
    asked = list(dict.fromkeys(name for name in wanted if name is not None))
    for name in asked:
        if name not in names:
            raise UserError(f"{where}: has no column {name!r}; it has {', '.join(names)}")
    return asked


def _json_rows(settings: PairRows, file: Path, field_name: str) -> Rows:
    first = True
    for place, row in json_rows(file, field_name):
        if first:  # later rows may leave out what they lack
            _columns(settings, row, f"{field_name}: {settings.path}")
            first = False
        yield place, row


def _sound_rows(batches: Iterator[pa.RecordBatch], file: Path, where: str) -> Rows:
    try:
        yield from batch_rows(batches)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        kind = file.suffix.removeprefix(".")
        raise UserError(f"{where}: no sound {kind} file: {first_line(error)}") from None


def _parquet_batches(settings: PairRows, file: Path, where: str) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as rows:
        yield from rows.iter_batches(batch_size=1000, columns=_columns(settings, rows.schema_arrow.names, where))


def _csv_batches(settings: PairRows, file: Path, where: str) -> Iterator[pa.RecordBatch]:
    """Comma-separated values with RFC 4180's quotes, or tab-separated ones, which have none."""
    from pyarrow import csv

    read = csv.ReadOptions(block_size=_CSV_BLOCK, use_threads=False)  # with threads, errors name no row
    tabs = file.suffix == ".tsv"
    parse = csv.ParseOptions(delimiter="\t", quote_char=False) if tabs else csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(file, read, parse) as rows:
        names = _columns(settings, rows.schema.names, where)
    convert = csv.ConvertOptions(include_columns=names, column_types=dict.fromkeys(names, pa.string()))
    with csv.open_csv(file, read, parse, convert) as rows:
        yield from rows
