"""Finished shards on disk, found by content key.

A shard is a folder of Parquet files and a ``shard.json`` that lists their digests. It is written beside its place and
moved there by one rename, so it is whole or absent; a torn or foreign one is noticed by its digests and made again.
"""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lemonpress.errors import UserError
from lemonpress.recipes import digest
from lemonpress.sources import file_digest

_MANIFEST = "shard.json"
_SCRATCH = (".new-", ".corpus-", ".release-", ".merged-", ".draft-")


@dataclass(frozen=True)
class Shard:
    """A finished shard.

    Attributes:
        folder: Where its files are.
        digest: SHA-256 over the names and digests of its tables: equal content, equal digest.
        stats: What the stage reported when it made the shard: counts, seconds. Not part of the digest.
    """

    folder: Path
    digest: str
    stats: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Contexts, sentences or groups in it, where its stage counts them."""
        return int(self.stats["rows"])

    def table(self, name: str) -> pa.Table:
        """Read one of its tables."""
        return pq.read_table(self.folder / f"{name}.parquet")


@dataclass(frozen=True)
class Output:
    """What a stage makes of one shard's input."""

    tables: Mapping[str, pa.Table]
    stats: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A stage of the walk.

    Attributes:
        name: Folder of its shards.
        version: Raised whenever the same settings and input would give other rows.
        settings: Everything else that decides its rows: its part of the recipe, model commits, seeds.
    """

    name: str
    version: int
    settings: Mapping[str, Any]

    @cached_property
    def prefix(self) -> str:
        """Digest of name, version and settings."""
        return digest({"stage": self.name, "version": self.version, "settings": dict(self.settings)})

    def key(self, inputs: Sequence[str], index: int) -> str:
        """The content key of one shard: the stage, its input digests, and its index."""
        return digest({"stage": self.prefix, "inputs": list(inputs), "index": index})[:32]


@dataclass(frozen=True)
class Store:
    """Shards under a folder, and read-only folders that are looked through first.

    Attributes:
        folder: New shards go here, as ``folder/STAGE/KEY``.
        shipped: Folders with finished shards, such as the starter pool.
    """

    folder: Path
    shipped: tuple[Path, ...] = ()

    def find(self, stage: Stage, key: str) -> Shard | None:
        """A finished shard, or None. A damaged one of our own is removed.

        Raises:
            UserError: A shipped shard does not match its digests.
        """
        for root in (*self.shipped, self.folder):
            place = root / stage.name / key
            if not place.is_dir():
                continue
            shard = _read(place)
            if shard is not None:
                return shard
            if root != self.folder:
                raise UserError(f"{place}: does not match its digests in {_MANIFEST}; reinstall lemonpress")
            shutil.rmtree(place)
        return None

    def shipped_shards(self, stage: str) -> list[Shard]:
        """The whole shards of a stage that ship, in the order of their keys."""
        places = sorted(place for root in self.shipped for place in (root / stage).glob("*"))
        return [shard for shard in map(_read, places) if shard is not None]

    def write(self, stage: Stage, key: str, output: Output) -> Shard:
        """Write a shard whole, by one rename."""
        place = self.folder / stage.name / key
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
        try:
            files = {}
            for name, table in output.tables.items():
                file = scratch / f"{name}.parquet"
                pq.write_table(table, file, compression="zstd", use_dictionary=True)
                files[file.name] = file_digest(file)
            manifest = {"stage": stage.name, "key": key, "files": files, "stats": dict(output.stats)}
            (scratch / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
            scratch.chmod(0o755)
            scratch.rename(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return Shard(place, _tables_digest(files), output.stats)


@contextmanager
def sole_run(folder: Path) -> Iterator[None]:
    """Hold a run folder alone, and clear what a killed run left half-written there.

    Raises:
        UserError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder}: another run is at work here; wait for it or give this one another name"
            ) from None
        for leftover in [place for name in _SCRATCH for place in folder.rglob(f"{name}*")]:
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _read(place: Path) -> Shard | None:
    try:
        manifest = json.loads((place / _MANIFEST).read_text(encoding="utf-8"))
        files = manifest["files"]
        whole = all(file_digest(place / name) == expected for name, expected in files.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Shard(place, _tables_digest(files), manifest.get("stats", {})) if whole else None


def _tables_digest(files: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{name}\0{files[name]}\n" for name in sorted(files)).encode()).hexdigest()
