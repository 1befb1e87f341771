"""What a release changes of the one before: rows, columns, splits, weights, recipe, models, licence."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lemonpress.hub.checks import RepoType
from lemonpress.hub.patience import patiently
from lemonpress.hub.published import Published
from lemonpress.hub.tables import Split, count_in, same_rows, splits_of
from lemonpress.hub.tree import LocalFile
from lemonpress.hub.versions import LEVELS, Change, Level

_SAID = ("README.md", "provenance.json", "report.json")
_HELD_OUT = ("validation", "test")
_SAMPLES = ("rejected", "raw")
_MOST = 20  # differences of one kind that are listed; of the others the number is given
_LONGEST = 240  # characters of a difference

Splits = Mapping[str, Mapping[str, Split]]


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

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """A file of it."""
        with (self.folder / path).open("rb") as stream:
            yield stream


def changes(repo_type: RepoType, old: Published, new: Draft) -> list[Change]:
    """The differences between a release and the one before, the gravest first.

    Args:
        repo_type: dataset, model or space.
        old: The release before; what its card and provenance say in forms of other programs is passed over.
        new: The release to be.
    """
    card, origin = old.card(), old.json("provenance.json")
    found = [*_licence(card, new.card)]
    if repo_type == "dataset":
        found += _corpus(old, card, new)
    elif repo_type == "model":
        found += _model(old, card, new)
    else:
        found += _files(old, new, repo_type)
    found += _made_by(origin, new.provenance)
    if not found:
        found = _said(old, new, repo_type)
    cut = [
        Change(one.level, one.text if len(one.text) <= _LONGEST else f"{one.text[: _LONGEST - 1]}…") for one in found
    ]
    return sorted(cut, key=lambda change: LEVELS.index(change.level))


def is_said(path: str, repo_type: RepoType) -> bool:
    """Whether a file only says something of a release: its card, provenance, report and plots."""
    return path in _SAID or (repo_type != "space" and path.endswith(".png")) or path.startswith(".eval_results/")


def differing(old: Published, files: Mapping[str, LocalFile], equal: Collection[str] = ()) -> list[str]:
    """Paths that only one of two trees has, or that differ, in order.

    Args:
        old: A release.
        files: Those of the other tree.
        equal: Paths that are known to be equal in all but their bytes.
    """
    both = (old.files.keys() & files.keys()) - set(equal)
    return sorted((old.files.keys() ^ files.keys()) | {path for path in both if not old.files[path].same(files[path])})


def equal_tables(old: Published, new: Draft) -> list[str]:
    """Parquet files that differ in their bytes alone, as another version of pyarrow writes them."""
    return [
        path
        for path in differing(old, new.files)
        if path.endswith(".parquet")
        and path in old.files
        and path in new.files
        and same_rows(path, old.open, new.open)
    ]


def _licence(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    ours, theirs = (
        " ".join(str(card[key]) for key in ("license", "license_name") if card.get(key)) for card in (old, new)
    )
    if ours != theirs:
        yield Change("major", f"licence: {ours or 'none'} → {theirs or 'none'}")


def _corpus(old: Published, card: Mapping[str, Any], new: Draft) -> Iterator[Change]:
    ours = splits_of(card, old.files, old.open)
    theirs = splits_of(new.card, new.files, new.open)
    before, after = (_listed(one.get("task_categories")) for one in (card, new.card))
    if before != after:
        yield Change("major", f"task: {', '.join(before) or 'none'} → {', '.join(after) or 'none'}")
    yield from (Change("major", f"configuration {name} is gone") for name in ours if name not in theirs)
    yield from (Change("minor", f"configuration {name} is new") for name in theirs if name not in ours)
    both = [name for name in theirs if name in ours]
    for name in both:
        yield from _config(name, ours[name], theirs[name])
        moved = 0 if name in _SAMPLES else _moved(ours[name], theirs[name])
        if moved:
            yield Change("major", f"{name}: {moved:,} rows are in another split")
    compared = {
        path for splits in (ours, theirs) for name in splits for one in splits[name].values() for path in one.files
    }
    yield from _files(old, new, "dataset", compared)


def _config(name: str, old: Mapping[str, Split], new: Mapping[str, Split]) -> Iterator[Change]:
    gone: Level = "minor" if name in _SAMPLES else "major"
    yield from (Change(gone, f"{name}: split {split} is gone") for split in old if split not in new)
    yield from (Change("minor", f"{name}: split {split} is new") for split in new if split not in old)
    differ = [split for split in new if split in old and not old[split].same(new[split])]
    for split in differ[:1]:
        yield from _columns(name, patiently(lambda: old[split].columns), new[split].columns)  # noqa: B023
    for split in differ:
        yield from _rows(name, split, old[split], new[split])


def _columns(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for column, kind in old.items():
        if column not in new:
            yield Change("major", f"{name}: column {column} is gone")
        elif new[column] != kind:
            yield Change("major", f"{name}: column {column} was {kind} and is {new[column]}")
    yield from (Change("minor", f"{name}: column {column} is new") for column in new if column not in old)


def _rows(name: str, split: str, old: Split, new: Split) -> Iterator[Change]:
    where = f"{name}, {split}"
    before, after = patiently(lambda: old.ids), new.ids
    added = gone = 0
    if before is not None and after is not None:
        added, gone = len(after) - count_in(after, before), len(before) - count_in(before, after)
    if gone and before is not None:
        # What was measured on a held-out split cannot be measured on the new one.
        level: Level = "major" if split in _HELD_OUT and name not in _SAMPLES else "minor"
        yield Change(level, f"{where}: {gone:,} of {len(before):,} rows are gone")
    if added and after is not None:
        yield Change("minor", f"{where}: {added:,} rows are new, {len(after):,} in all")
    if not added and not gone:
        if patiently(lambda: old.equal(new)):
            yield Change("patch", f"{where}: the same rows, written by another version of pyarrow")
        elif before is None or after is None:
            yield Change("minor", f"{where}: the rows changed")
        else:
            yield Change("minor", f"{where}: the same rows with other values or in another order")


def _moved(old: Mapping[str, Split], new: Mapping[str, Split]) -> int:
    """Rows that are in another split than before."""
    if all(split in new and one.same(new[split]) for split, one in old.items()):
        return 0
    moved = 0
    for split, one in old.items():
        before = patiently(lambda: one.ids)  # noqa: B023
        for other, table in new.items():
            if other != split and before is not None and table.ids is not None:
                moved += count_in(before, table.ids)
    return moved


def _model(old: Published, card: Mapping[str, Any], new: Draft) -> Iterator[Change]:
    kinds = {"config.json": ("model_type", "architectures"), "student.json": ("kind", "formats", "parser")}
    for file, keys in kinds.items():
        was, now = old.json(file), _json(new, file)
        yield from (Change("major", f"{file}: {key} changed") for key in keys if was.get(key) != now.get(key))
    before, after = (_listed(one.get("tasks")) for one in (old.json("student.json"), _json(new, "student.json")))
    yield from (Change("major", f"task {task} is gone") for task in before if task not in after)
    yield from (Change("minor", f"task {task} is new") for task in after if task not in before)
    if card.get("base_model") != new.card.get("base_model"):
        yield Change("major", f"base: {card.get('base_model')} → {new.card.get('base_model')}")
    yield from _files(old, new, "model")


def _json(draft: Draft, path: str) -> dict[str, Any]:
    if path not in draft.files:
        return {}
    with draft.open(path) as stream:
        return _mapping(json.load(stream))


def _files(old: Published, new: Draft, repo_type: RepoType, compared: Collection[str] = ()) -> list[Change]:
    """Differences of the files that hold the thing itself, but for those that were compared closer."""
    found = [path for path in differing(old, new.files) if not is_said(path, repo_type) and path not in compared]
    states = {
        path: "is new" if path not in old.files else "is gone" if path not in new.files else "changed"
        for path in found
    }
    return _some("minor", [f"{path} {state}" for path, state in states.items()], "more files differ")


def _made_by(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Differences of how it was made, as the provenances say."""
    for what, key in (("model", "models"), ("input", "inputs"), ("trained on", "datasets"), ("seed", "seeds")):
        yield from _differences(f"{what} ", _named(old.get(key)), _named(new.get(key)))
    students = [_named({"written by": one["student"]} if one.get("student") else {}) for one in (old, new)]
    yield from _differences("", students[0], students[1])
    yield from _differences("recipe, ", dict(_flat(old.get("recipe"))), dict(_flat(new.get("recipe"))))
    packages = [_mapping(_mapping(origin.get("environment")).get("packages")) for origin in (old, new)]
    yield from _differences("made with ", packages[0], packages[1], "patch")


def _named(value: object) -> dict[str, str]:
    """What took part, by role or id: id and version and commit, or a plain value."""
    if isinstance(value, list):
        value = {str(_mapping(one).get("id")): one for one in value if _mapping(one)}
    found = {}
    for role, one in _mapping(value).items():
        told = _mapping(one)
        marks = [str(told[key])[:19] for key in ("tag", "revision", "commit", "sha256", "rows") if told.get(key)]
        found[str(role)] = "@".join([str(told.get("id")), *marks]) if told else str(one)
    return found


def _differences(
    what: str, old: Mapping[str, object], new: Mapping[str, object], level: Level = "minor"
) -> list[Change]:
    texts = [
        f"{what}{key}: {_shown(old.get(key))} → {_shown(new.get(key))}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]
    return _some(level, texts, f"more differences of {what.strip(' ,')}")


def _some(level: Level, texts: list[str], more: str) -> list[Change]:
    shown = [Change(level, text) for text in texts[:_MOST]]
    return shown + ([Change(level, f"{len(texts) - _MOST:,} {more}")] if len(texts) > _MOST else [])


def _flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of a recipe by dotted path; critics by their names."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) and "critic" in item for item in value):
        for item in value:
            rest = {key: one for key, one in item.items() if key != "critic"}
            yield from _flat({"asked": True, **rest}, f"{path}.{item.get('name') or item['critic']}")
    elif value is not None:
        yield path, value


def _said(old: Published, new: Draft, repo_type: RepoType) -> list[Change]:
    """Differences of what is said where nothing else changed; the provenance always says something of its own."""
    paths = [path for path in differing(old, new.files) if is_said(path, repo_type) and path != "provenance.json"]
    return _some("patch", [f"{path} says something else" for path in paths], "more files say something else")


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _listed(value: object) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value] if value else [])]


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
