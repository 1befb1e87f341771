"""Repository ids, paths inside repositories and ref names: what is accepted, and nothing else."""

import re
from dataclasses import dataclass

import pygit2

from lemonpress.hub.local.errors import bad_request

KINDS = {"model": "models", "dataset": "datasets", "space": "spaces"}

MAX_PATH = 1024

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?\Z")
_RESERVED_NAMESPACES = {"api", "models", "datasets", "spaces"}


@dataclass(frozen=True)
class RepoId:
    """A repository: its kind (``models``, ``datasets`` or ``spaces``), namespace and name."""

    kind: str
    namespace: str
    name: str

    @property
    def full(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def url_path(self) -> str:
        """Path of the repository's page; models have no prefix."""
        return self.full if self.kind == "models" else f"{self.kind}/{self.full}"

    def __str__(self) -> str:
        return f"{self.kind}/{self.full}"


def repo_id(kind: str, namespace: str, name: str) -> RepoId:
    """Check the parts of a repository id.

    Raises:
        HubError: 400 if a part could leave its folder, is reserved or is no name the Hub would take.
    """
    if kind not in KINDS.values():
        raise bad_request(f"Unknown repository type {kind!r}: use one of {', '.join(KINDS)}")
    for part in (namespace, name):
        if not _PART.match(part) or ".." in part or "--" in part or part.endswith(".git"):
            raise bad_request(f"Invalid repository id {namespace + '/' + name!r}: use letters, digits, '-', '_', '.'")
    if namespace.lower() in _RESERVED_NAMESPACES:
        raise bad_request(f"The namespace {namespace!r} is reserved: choose another")
    return RepoId(kind, namespace, name)


def split_repo_id(kind: str, full: str) -> RepoId:
    """Check a ``namespace/name`` string."""
    namespace, slash, name = full.partition("/")
    if not slash:
        raise bad_request(f"Invalid repository id {full!r}: write it as namespace/name")
    return repo_id(kind, namespace, name)


def file_path(path: str) -> str:
    """Check a path inside a repository and return it.

    Raises:
        HubError: 400 for absolute paths, ``.`` and ``..``, empty parts, backslashes, control characters and ``.git``.
    """
    parts = path.split("/")
    folders = all(part not in ("", ".", "..") and part.lower() != ".git" for part in parts)
    short = len(path) <= MAX_PATH and all(len(part.encode()) < 256 for part in parts)
    plain = "\\" not in path and all(ord(char) >= 32 and ord(char) != 127 for char in path)
    if not (folders and short and plain):
        raise bad_request(f"Invalid path in repository: {path[:MAX_PATH]!r}")
    return path


def ref_name(folder: str, name: str) -> str:
    """Full name of a branch (``refs/heads``) or tag (``refs/tags``).

    Raises:
        HubError: 400 if git would not take the name, or if it could be mistaken for a commit.
    """
    full = f"{folder}/{name}"
    if not pygit2.reference_is_valid_name(full) or re.fullmatch(r"[0-9a-f]{40}", name) or name.startswith("refs/"):
        raise bad_request(f"Invalid branch or tag name {name!r}")
    return full
