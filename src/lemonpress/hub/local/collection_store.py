"""Collections of the local Hub: one JSON file each, in a folder per namespace."""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lemonpress.hub.local.names import KINDS, split_repo_id
from lemonpress.hub.local.store import OpenRepo, Store, timestamp, write_atomically

_KEY = re.compile(r"(?:.*-)?([0-9a-f]{24})\Z")


@dataclass(frozen=True)
class Item:
    """A repository in a collection: its kind is ``model``, ``dataset`` or ``space``."""

    key: str
    kind: str
    repo: str
    note: str | None = None


@dataclass(frozen=True)
class Collection:
    """What people gathered under a title; the key never changes."""

    key: str
    namespace: str
    title: str
    changed: str
    description: str | None = None
    private: bool = False
    theme: str = "green"
    items: tuple[Item, ...] = ()

    @property
    def slug(self) -> str:
        """``namespace/title-key``, as it stands in addresses."""
        words = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return f"{self.namespace}/{f'{words}-{self.key}'.lstrip('-')}"


def new_key() -> str:
    """An id in the Hub's form."""
    return secrets.token_hex(12)


def find(store: Store, namespace: str, name: str) -> Collection | None:
    """The collection of a slug, also of one that its title had before."""
    key = _KEY.match(name)
    if key is None:
        return None
    return next((one for one in every(store) if (one.namespace, one.key) == (namespace, key[1])), None)


def every(store: Store) -> Iterator[Collection]:
    """All collections, newest change first."""
    found = []
    for path in (store.root / "collections").glob("*/*.json"):
        with suppress(FileNotFoundError):  # deleted since
            found.append(_read(path))
    yield from sorted(found, key=lambda collection: (collection.changed, collection.key), reverse=True)


def save(store: Store, collection: Collection) -> Collection:
    """Write a new or changed collection, with the moment of the change."""
    written = replace(collection, changed=timestamp(datetime.now(UTC)))
    path = _path(store, written)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(asdict(written)))
    return written


def remove(store: Store, collection: Collection) -> None:
    """Delete a collection; the repositories in it stay."""
    _path(store, collection).unlink()


def contents(store: Store, collection: Collection) -> list[tuple[Item, OpenRepo]]:
    """The items whose repositories are there, under the ids that these have now."""
    found = []
    for item in collection.items:
        repo = store.find(split_repo_id(KINDS[item.kind], item.repo))
        if repo is not None:
            found.append((item, repo))
    return found


def _path(store: Store, collection: Collection) -> Path:
    return store.root / "collections" / collection.namespace / f"{collection.key}.json"


def _read(path: Path) -> Collection:
    fields = json.loads(path.read_text())
    return Collection(**{**fields, "items": tuple(Item(**item) for item in fields["items"])})
