"""The files of a release: what they are and the digests a Hub knows them by."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lemonpress.errors import UserError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_CHUNK = 1 << 20
HUBS_OWN = frozenset({".gitattributes"})
"""What the Hub writes when it makes a repository: part of no release, and nobody's stale file."""


@dataclass(frozen=True)
class LocalFile:
    """A file of a release.

    Attributes:
        path: Path in the repository.
        size: Bytes.
        sha256: SHA-256, by which a Hub knows a large file.
        blob: Git blob id, by which a Hub knows a small one.
    """

    path: str
    size: int
    sha256: str
    blob: str


@dataclass(frozen=True)
class RemoteFile:
    """A file as a Hub lists it.

    Attributes:
        path: Path in the repository.
        size: Bytes.
        blob: Git blob id: of a large file its pointer's.
        sha256: SHA-256 of a large file; None of a small one, which is known by its blob alone.
    """

    path: str
    size: int
    blob: str
    sha256: str | None

    def same(self, file: "LocalFile | RemoteFile") -> bool:
        """Whether it has the content of another file."""
        return self.sha256 == file.sha256 if self.sha256 else self.blob == file.blob


def list_remote(api: "HfApi", repo_id: str, repo_type: str, revision: str) -> dict[str, RemoteFile]:
    """Every file of a repository at a revision, by path."""
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(repo_id, repo_type=repo_type, revision=revision, recursive=True)
    return {
        item.path: RemoteFile(item.path, item.size, item.blob_id, item.lfs.sha256 if item.lfs else None)
        for item in tree
        if isinstance(item, RepoFile)
    }


def read_tree(folder: Path) -> tuple[LocalFile, ...]:
    """Digest every file of a folder, in the order of their paths.

    Raises:
        UserError: There is no such folder, or it holds a link.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; there is nothing to release")
    files = []
    for file in folder.rglob("*"):
        path = file.relative_to(folder).as_posix()
        if file.is_symlink():
            raise UserError(f"{path}: is a link; put the file itself into the release")
        if not file.is_dir():
            files.append(digest_file(file, path))
    return tuple(sorted(files, key=lambda file: file.path))


def tree_digest(files: Iterable[LocalFile]) -> str:
    """SHA-256 over the sorted paths and contents, in hexadecimal."""
    lines = sorted(f"{file.path}\0{file.sha256}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def digest_file(file: Path, path: str) -> LocalFile:
    """Digest one file, which the release names by this path."""
    size = file.stat().st_size
    sha256 = hashlib.sha256()
    blob = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha256.update(chunk)
            blob.update(chunk)
    return LocalFile(path, size, sha256.hexdigest(), blob.hexdigest())
