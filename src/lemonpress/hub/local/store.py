"""The Hub's folder: repositories, their settings, the token, and locks for writers."""

import json
import os
import secrets
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pygit2

from lemonpress.hub.local.errors import HubError
from lemonpress.hub.local.lfs import SUFFIXES
from lemonpress.hub.local.names import KINDS, RepoId, split_repo_id

OWNER = "lemonpress"
_SETTINGS = "lemonpress.json"
_MAX_MOVES = 8


@dataclass(frozen=True)
class Settings:
    """What git does not know about a repository."""

    created_at: str
    private: bool = False
    gated: Literal["auto", "manual", False] = False
    sdk: str | None = None


@dataclass(frozen=True)
class OpenRepo:
    """A repository as one request sees it."""

    id: RepoId
    settings: Settings
    git: pygit2.Repository


def timestamp(moment: datetime) -> str:
    """A moment in the one format that the clients parse: UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def signature() -> pygit2.Signature:
    """Author and committer of what the Hub writes itself, now."""
    return pygit2.Signature(OWNER, f"{OWNER}@localhost")


@dataclass(frozen=True)
class Store:
    """A Hub's folder, opened by ``open_store``; one server at a time uses it."""

    root: Path
    token: str = field(repr=False)
    collections_lock: threading.Lock = field(default_factory=threading.Lock)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _locks: dict[RepoId, threading.RLock] = field(default_factory=dict)

    def _folder(self, repo: RepoId) -> Path:
        return self.root / "repos" / repo.kind / repo.namespace / f"{repo.name}.git"

    def _moved(self, repo: RepoId) -> Path:
        return self._folder(repo).with_suffix(".moved")

    @contextmanager
    def locked(self, *repos: RepoId) -> Iterator[None]:
        """Keep other writers out of these repositories."""
        with ExitStack() as stack:
            for repo in sorted(set(repos), key=str):
                with self._guard:
                    lock = self._locks.setdefault(repo, threading.RLock())
                stack.enter_context(lock)
            yield

    def find(self, repo: RepoId) -> OpenRepo | None:
        """Open a repository, under its new id if it was moved; None if there is none."""
        for _ in range(_MAX_MOVES):
            folder = self._folder(repo)
            if (folder / _SETTINGS).is_file():
                settings = Settings(**json.loads((folder / _SETTINGS).read_text()))
                git = pygit2.Repository(str(folder), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)
                return OpenRepo(repo, settings, git)
            if not self._moved(repo).is_file():
                return None
            repo = split_repo_id(repo.kind, self._moved(repo).read_text())
        return None

    def all(self, kind: str) -> Iterator[OpenRepo]:
        """Every repository of a kind, by id."""
        for folder in sorted((self.root / "repos" / kind).glob("*/*.git")):
            repo = self.find(RepoId(kind, folder.parent.name, folder.name.removesuffix(".git")))
            if repo is not None:
                yield repo

    def create(self, repo: RepoId, private: bool, sdk: str | None) -> None:
        """Make a repository with a first commit on ``main``.

        Raises:
            HubError: 409 if it exists.
        """
        with self.locked(repo):
            folder = self._folder(repo)
            if folder.exists():
                raise HubError(409, f"The repository {repo} exists already")
            draft = self.root / "tmp" / f"create-{uuid.uuid4().hex}"
            git = pygit2.init_repository(str(draft), bare=True, initial_head="main")
            attributes = "".join(f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in sorted(SUFFIXES))
            builder = git.TreeBuilder()
            builder.insert(".gitattributes", git.create_blob(attributes.encode()), pygit2.enums.FileMode.BLOB)
            git.create_commit("refs/heads/main", signature(), signature(), "initial commit", builder.write(), [])
            settings = Settings(timestamp(datetime.now(UTC)), private, sdk=sdk)
            write_atomically(draft / _SETTINGS, json.dumps(asdict(settings)))
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft.rename(folder)
            self._moved(repo).unlink(missing_ok=True)

    def delete(self, repo: RepoId) -> None:
        """Remove a repository; it disappears at once, its large objects stay for others that share them."""
        with self.locked(repo):
            grave = self.root / "tmp" / f"delete-{uuid.uuid4().hex}"
            self._folder(repo).rename(grave)
        shutil.rmtree(grave)

    def move(self, source: RepoId, target: RepoId) -> None:
        """Rename a repository; its old id keeps leading to it until another one takes the id.

        Raises:
            HubError: 409 if the target exists.
        """
        with self.locked(source, target):
            if self._folder(target).exists():
                raise HubError(409, f"The repository {target} exists already")
            self._folder(target).parent.mkdir(parents=True, exist_ok=True)
            self._folder(source).rename(self._folder(target))
            self._moved(target).unlink(missing_ok=True)
            write_atomically(self._moved(source), target.full)

    def change(self, repo: RepoId, private: bool | None, gated: Literal["auto", "manual", False] | None) -> None:
        """Change settings of an existing repository; None leaves one as it is."""
        with self.locked(repo):
            path = self._folder(repo) / _SETTINGS
            settings = Settings(**json.loads(path.read_text()))
            settings = settings if private is None else replace(settings, private=private)
            settings = settings if gated is None else replace(settings, gated=gated)
            write_atomically(path, json.dumps(asdict(settings)))


def open_store(root: Path) -> Store:
    """Open a Hub's folder, making it and its token at the first start.

    Args:
        root: the folder; temporary files of an earlier, killed server are removed from it.
    """
    for kind in KINDS.values():
        (root / "repos" / kind).mkdir(parents=True, exist_ok=True)
    (root / "lfs").mkdir(exist_ok=True)
    shutil.rmtree(root / "tmp", ignore_errors=True)
    (root / "tmp").mkdir(exist_ok=True)
    return Store(root, read_or_make_token(root))


def read_or_make_token(root: Path) -> str:
    """The Hub's token, readable by its owner alone."""
    path = root / "token"
    if not path.exists():
        write_atomically(path, f"hf_local_{secrets.token_hex(20)}")
    return path.read_text().strip()


def write_atomically(path: Path, text: str) -> None:
    """Write a file that only the owner reads: all of it or nothing."""
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
