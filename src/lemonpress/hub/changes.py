"""What a release changes of the one before: rows, columns, splits, weights, recipe, models, licence."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from lemonpress.hub.checks import RepoType
from lemonpress.hub.patience import patiently
from lemonpress.hub.published import Published
from lemonpress.hub.tree import LocalFile, RemoteFile
from lemonpress.hub.versions import Change, Level

_SAID = ("README.md", "provenance.json", "report.json")
_HELD_OUT = ("validation", "test")
_MOST = 20
"""Differences of a recipe that are listed; of the others the number is given."""


@dataclass(frozen=True)
class Draft:
    """A release as it lies in a folder, before it is published.

    Attributes:
        folder: The tree.
        files: Its files, by path.
        card: Front matter of its card.
        provenance: Content of its ``provenance.json``.
    """

    folder: Path
    files: Mapping[str, LocalFile]
    card: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def open(self, path: str) -> IO[bytes]:
        """A file of it."""
        return (self.folder / path).open("rb")


def changes(repo_type: RepoType, old: Published, new: Draft) -> list[Change]:
    """Every difference between a release and the one before, the gravest first.

    Args:
        repo_type: dataset, model or space.
        old: The release before.
        new: The release to be.
    """
    card = old.card()
    origin = old.json("provenance.json")
    found = [*_licence(card, new.card)]
    if repo_type == "dataset":
        found += _corpus(old, card, new)
    elif repo_type == "model":
        found += _model(old, card, new)
    else:
        found += _files(old, new, "minor")
    found += _made_by(origin, new.provenance)
    if not found:
        found = _said(old, new)
    return sorted(found, key=lambda change: ("major", "minor", "patch").index(change.level))


def is_said(path: str) -> bool:
    """Whether a file only says something of a release: its card, provenance, report and plots."""
    return path in _SAID or path.endswith(".png") or path.startswith(".eval_results/")


def differing(old: Published, files: Mapping[str, LocalFile]) -> list[str]:
    """Paths that only one of two trees has, or that differ, in order."""
    both = old.files.keys() & files.keys()
    return sorted((old.files.keys() ^ files.keys()) | {path for path in both if not old.files[path].same(files[path])})


def _licence(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Change]:
    ours, theirs = (
        " ".join(map(str, filter(None, (card.get("license"), card.get("license_name"))))) for card in (old, new)
    )
    if ours != theirs:
        yield Change("major", f"licence: {ours or 'none'} → {theirs or 'none'}")


@dataclass(frozen=True)
class _Table:
    """One split of a configuration."""

    path: str
    file: LocalFile | RemoteFile
    open: Callable[[str], AbstractContextManager[IO[bytes]]]

    def columns(self) -> dict[str, str]:
        with self.open(self.path) as stream:
            return {field.name: str(field.type) for field in pq.read_schema(stream)}

    def ids(self) -> frozenset[str] | None:
        """Ids of its rows; None where it has no such column."""
        with self.open(self.path) as stream, pq.ParquetFile(stream) as table:
            if "id" not in table.schema_arrow.names:
                return None
            return frozenset(table.read(columns=["id"])["id"].to_pylist())


def _tables(
    card: Mapping[str, Any], files: Mapping[str, Any], opened: Callable[[str], AbstractContextManager[IO[bytes]]]
) -> dict[str, dict[str, _Table]]:
    """Every split whose one file is listed by the card and there, by configuration."""
    found: dict[str, dict[str, _Table]] = {}
    for config in card.get("configs") or []:
        listed = config.get("data_files")
        splits = listed if isinstance(listed, list) else []
        found[str(config.get("config_name"))] = {
            str(one["split"]): _Table(one["path"], files[one["path"]], opened)
            for one in splits
            if one.get("path") in files
        }
    return found


def _corpus(old: Published, card: Mapping[str, Any], new: Draft) -> Iterable[Change]:
    ours = _tables(card, old.files, old.open)
    theirs = _tables(new.card, new.files, new.open)
    if set(card.get("task_categories") or []) != set(new.card.get("task_categories") or []):
        yield Change("major", f"task: {_listed(card, 'task_categories')} → {_listed(new.card, 'task_categories')}")
    for name in ours.keys() - theirs.keys():
        yield Change("major", f"configuration {name} is gone")
    for name in sorted(theirs.keys() - ours.keys()):
        yield Change("minor", f"configuration {name} is new")
    for name in sorted(ours.keys() & theirs.keys()):
        yield from _config(name, ours[name], theirs[name])
    moved = _moved(ours, theirs)
    if moved:
        yield Change("major", f"{moved:,} rows are in another split")


def _config(name: str, old: Mapping[str, _Table], new: Mapping[str, _Table]) -> Iterable[Change]:
    sample = name in ("rejected", "raw")
    for split in sorted(old.keys() - new.keys()):
        yield Change("minor" if sample else "major", f"{name}: split {split} is gone")
    for split in sorted(new.keys() - old.keys()):
        yield Change("minor", f"{name}: split {split} is new")
    both = [split for split in new if split in old]
    differing = [split for split in both if not _same(old[split], new[split])]
    if differing:
        first = differing[0]
        yield from _columns(name, patiently(old[first].columns), new[first].columns())
    for split in differing:
        yield from _rows(name, split, patiently(old[split].ids), new[split].ids(), sample)


def _same(old: _Table, new: _Table) -> bool:
    return isinstance(old.file, RemoteFile) and old.file.same(new.file)


def _columns(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[Change]:
    for column, kind in old.items():
        if column not in new:
            yield Change("major", f"{name}: column {column} is gone")
        elif new[column] != kind:
            yield Change("major", f"{name}: column {column} was {kind} and is {new[column]}")
    for column in new:
        if column not in old:
            yield Change("minor", f"{name}: column {column} is new")


def _rows(
    name: str, split: str, old: frozenset[str] | None, new: frozenset[str] | None, sample: bool
) -> Iterable[Change]:
    where = f"{name}, {split}"
    if old is None or new is None:
        yield Change("minor", f"{where}: the rows changed")
        return
    added, gone = len(new - old), len(old - new)
    if gone:
        # What was measured on a held-out split cannot be measured on the new one.
        level: Level = "major" if split in _HELD_OUT and not sample else "minor"
        yield Change(level, f"{where}: {gone:,} of {len(old):,} rows are gone")
    if added:
        yield Change("minor", f"{where}: {added:,} rows are new, {len(new):,} in all")
    if not added and not gone:
        yield Change("minor", f"{where}: the same rows with other values or in another order")


def _moved(old: Mapping[str, Mapping[str, _Table]], new: Mapping[str, Mapping[str, _Table]]) -> int:
    """Rows of the configurations that both have which are in another split than before."""
    moved = 0
    for name in old.keys() & new.keys() - {"rejected", "raw"}:
        if all(split in new[name] and _same(table, new[name][split]) for split, table in old[name].items()):
            continue
        before = {split: patiently(table.ids) for split, table in old[name].items()}
        after = {split: table.ids() for split, table in new[name].items()}
        moved += sum(
            len((before[one] or frozenset()) & (after[other] or frozenset()))
            for one in before
            for other in after
            if one != other
        )
    return moved


def _model(old: Published, card: Mapping[str, Any], new: Draft) -> Iterable[Change]:
    kinds = {"config.json": ("model_type", "architectures"), "student.json": ("kind", "formats", "parser")}
    for file, keys in kinds.items():
        was, now = old.json(file), _json(new, file)
        yield from (Change("major", f"{file}: {key} changed") for key in keys if was.get(key) != now.get(key))
    tasks = [set(one.get("tasks", ())) for one in (old.json("student.json"), _json(new, "student.json"))]
    yield from (Change("major", f"task {task} is gone") for task in sorted(tasks[0] - tasks[1]))
    yield from (Change("minor", f"task {task} is new") for task in sorted(tasks[1] - tasks[0]))
    if card.get("base_model") != new.card.get("base_model"):
        yield Change("major", f"base: {card.get('base_model')} → {new.card.get('base_model')}")
    yield from _trained_on(old.json("provenance.json"), new.provenance)
    yield from _files(old, new, "minor")


def _trained_on(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Change]:
    before, after = (
        {
            one["id"]: one.get("tag") or one.get("revision") or str(one.get("commit") or one.get("sha256"))[:12]
            for one in origin.get("datasets", ())
        }
        for origin in (old, new)
    )
    yield from _differences("trained on", before, after)


def _json(draft: Draft, path: str) -> dict[str, Any]:
    if path not in draft.files:
        return {}
    with draft.open(path) as stream:
        found: dict[str, Any] = json.load(stream)
    return found


def _files(old: Published, new: Draft, level: Level) -> Iterable[Change]:
    """Differences of the files that hold the thing itself."""
    for path in differing(old, new.files):
        if is_said(path):
            continue
        state = "is new" if path not in old.files else "is gone" if path not in new.files else "changed"
        yield Change(level, f"{path} {state}")


def _made_by(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[Change]:
    """Differences of how it was made, as the provenances say."""
    models = [
        {role: f"{m['id']}@{str(m['commit'])[:19]}" for role, m in origin.get("models", {}).items()}
        for origin in (old, new)
    ]
    yield from _differences("model, ", *models)
    recipes = [dict(_flat(origin.get("recipe", {}))) for origin in (old, new)]
    yield from _differences("recipe, ", *recipes)
    versions = [dict(origin.get("environment", {}).get("packages", {})) for origin in (old, new)]
    for change in _differences("made with ", *versions):
        yield Change("patch", change.text)


def _differences(what: str, old: Mapping[str, object], new: Mapping[str, object]) -> list[Change]:
    texts = []
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if before != after:
            texts.append(f"{what}{key}: {'none' if before is None else before} → {'none' if after is None else after}")
    shown = [Change("minor", text) for text in texts[:_MOST]]
    return shown + ([Change("minor", f"{what}{len(texts) - _MOST} more differences")] if len(texts) > _MOST else [])


def _flat(value: object, path: str = "") -> Iterable[tuple[str, object]]:
    """The leaves of a recipe by dotted path; critics by their names."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) and "critic" in item for item in value):
        for item in value:
            yield from _flat(
                {k: v for k, v in item.items() if k != "critic"}, f"{path}.{item.get('name') or item['critic']}"
            )
    elif value is not None:
        yield path, value


def _said(old: Published, new: Draft) -> list[Change]:
    paths = [path for path in differing(old, new.files) if is_said(path) and path != "provenance.json"]
    return [Change("patch", f"{path} says something else") for path in paths]


def _listed(card: Mapping[str, Any], key: str) -> str:
    return ", ".join(card.get(key) or []) or "none"
