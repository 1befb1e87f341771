"""Judged pairs of files and Hub datasets, checked row by row before any model is loaded."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lemonpress.assets import find_file
from lemonpress.errors import UserError
from lemonpress.nli.rows import ENTAILMENT, LABELS, NliRow
from lemonpress.nli.settings import (
    CriticRecipe,
    DatasetSettings,
    ParaphraseSettings,
    TableSettings,
    label_key,
)
from lemonpress.reading import check_text, dataset_commit, names_hub_dataset
from lemonpress.tables import Table, need_columns, open_table

_SHOWN = 5  # values, columns or sources that a message lists
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def read_dataset(settings: DatasetSettings, where: str, data: Path | None = None) -> list[NliRow]:
    """Read judged pairs.

    Args:
        settings: Where they are, their columns, what their labels mean, and which sources are wanted.
        where: The recipe field, such as ``datasets.nli``; its last part is the source of rows that name none.
        data: Folder that relative paths are looked for in first; then the working folder.

    Returns:
        Rows in the order of the dataset, without those whose label maps to null or whose source is not wanted.

    Raises:
        UserError: The file or dataset is missing or unreadable, a column is missing, a label is not mapped, a text is
            empty, a source is missing or differs from its recorded rows, or all rows have one class.
    """
    table = _open(settings, where, data)
    columns = settings.columns
    named = "source" in columns.model_fields_set or columns.source in table.columns
    wanted = [columns.premise, columns.hypothesis, columns.label, *([columns.source] if named else [])]
    need_columns(table, dict.fromkeys(wanted, "columns"), where)
    classes = table.classes.get(columns.label, ())
    meanings = {name: name for name in LABELS} if settings.labels is None else settings.labels
    rows: list[NliRow] = []
    unknown: Counter[str] = Counter()
    sources: set[str] = set()
    for place, row in table.rows:
        source = label_key(row.get(columns.source)) if named else where.rsplit(".", 1)[-1]
        sources.add(source)
        if settings.sources is not None and source not in settings.sources:
            continue
        value = _value(row.get(columns.label), classes, meanings)
        if value not in meanings:
            unknown[value] += 1
        elif (label := meanings[value]) is not None:
            premise, hypothesis = (
                _text(row.get(name), name, f"{where}: {table.name}, {place}")
                for name in (columns.premise, columns.hypothesis)
            )
            rows.append(NliRow(premise, hypothesis, label, source))
    if unknown:
        values = ", ".join(f"{value!r} ({count:,} rows)" for value, count in unknown.most_common(_SHOWN))
        raise UserError(
            f"{where}.labels: {table.name}: no meaning is given to {values}; map each to {', '.join(LABELS)} or null"
        )
    _check_sources(settings, rows, sources, f"{where}.sources", table.name)
    _check_classes(rows, f"{where}: {table.name}")
    return rows


def read_judgements(settings: ParaphraseSettings, where: str, data: Path | None = None) -> list[tuple[str, str, bool]]:
    """Read pairs of sentences with human judgements of whether they say the same.

    Args:
        settings: Where they are, and their columns.
        where: The recipe field, for error messages.
        data: Folder that relative paths are looked for in first; then the working folder.

    Raises:
        UserError: The file or dataset is missing or unreadable, a column is missing, a text is empty, a judgement is
            none, or all judgements are alike.
    """
    table = _open(settings, where, data)
    columns = settings.columns
    need_columns(table, dict.fromkeys((columns.source, columns.reference, columns.label), "columns"), where)
    pairs = []
    for place, row in table.rows:
        here = f"{where}: {table.name}, {place}"
        first, second = (_text(row.get(name), name, here) for name in (columns.source, columns.reference))
        truth = _TRUTH.get(label_key(row.get(columns.label)).lower())
        if truth is None:
            raise UserError(f"{here}: column {columns.label!r} is neither true nor false (1 nor 0); correct it")
        pairs.append((first, second, truth))
    if len({truth for _, _, truth in pairs}) < 2:
        raise UserError(f"{where}: {table.name}: needs paraphrases and non-paraphrases; give a file with both")
    return pairs


def digest_rows(rows: Sequence[NliRow]) -> str:
    """SHA-256 of rows in any order.

    Each row is one line of JSON, ``[premise, hypothesis, label]`` as `json.dumps` writes it with ensure_ascii=False;
    the lines are sorted, end in a newline each, and are digested as UTF-8.
    """
    lines = sorted(json.dumps([row.premise, row.hypothesis, row.label], ensure_ascii=False) for row in rows)
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def pin_datasets(recipe: CriticRecipe, data: Path | None = None) -> CriticRecipe:
    """A recipe whose Hub datasets name the commits that their revisions mean now.

    Raises:
        UserError: A dataset or revision is missing, or the Hub cannot be reached.
    """

    def pin(settings: Any, where: str) -> Any:
        if settings is None or not names_hub_dataset(settings.path, _locate(settings, data)):
            return settings
        return settings.model_copy(update={"revision": dataset_commit(settings.path, settings.revision, where)})

    return recipe.model_copy(
        update={
            "datasets": {name: pin(one, f"datasets.{name}") for name, one in recipe.datasets.items()},
            **{name: pin(getattr(recipe, name), name) for name in ("validation", "test", "paraphrases")},
        }
    )


def _locate(settings: TableSettings, data: Path | None) -> Path:
    if data is not None and (data / settings.path).exists():
        return data / settings.path
    return find_file(settings.path).expanduser()


def _open(settings: DatasetSettings | ParaphraseSettings, where: str, data: Path | None) -> Table:
    return open_table(
        settings.path,
        _locate(settings, data),
        revision=settings.revision,
        config=settings.subset,
        split=settings.split,
        where=where,
        config_field="subset",
        looked="in the working folder; name it by --data" if data is None else f"in {data} or the working folder",
    )


def _value(value: object, classes: Sequence[str], meanings: Mapping[str, object]) -> str:
    """What a label map calls a value: of a ClassLabel its number, where the map has numbers, else its name."""
    key = label_key(value)
    named = isinstance(value, int) and key not in meanings and 0 <= value < len(classes)
    return classes[value] if named and isinstance(value, int) else key


def _text(value: object, column: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        what = "is empty" if isinstance(value, str) or value is None else f"holds {type(value).__name__}, not text"
        raise UserError(f"{where}: column {column!r} {what}; mend the row or map its label to null")
    check_text(value, column, where)
    return value


def _check_sources(
    settings: DatasetSettings, rows: Sequence[NliRow], present: set[str], where: str, name: str
) -> None:
    for source, known in (settings.sources or {}).items():
        found = [row for row in rows if row.source == source]
        if source not in present:
            there = ", ".join(sorted(present)[: 2 * _SHOWN])
            raise UserError(f"{where}.{source}: {name} has no such source; it has {there}")
        if known.rows is not None and known.rows != len(found):
            raise UserError(
                f"{where}.{source}: {name} has {len(found):,} rows of it, {known.rows:,} are expected; "
                "get the data that the recipe was made with, or correct rows"
            )
        if known.sha256 is not None and (digest := digest_rows(found)) != known.sha256:
            raise UserError(
                f"{where}.{source}: its {len(found):,} rows in {name} have sha256 {digest[:12]}..., "
                f"{known.sha256[:12]}... is expected; get the data that the recipe was made with, or correct sha256"
            )


def _check_classes(rows: Sequence[NliRow], where: str) -> None:
    labels = Counter(row.label for row in rows)
    if not labels:
        raise UserError(f"{where}: no row is left; give rows, or widen labels and sources")
    if labels[ENTAILMENT] in (0, len(rows)):
        raise UserError(
            f"{where}: all {len(rows):,} rows are labelled {', '.join(sorted(labels))}; "
            "a critic needs entailments and others"
        )
