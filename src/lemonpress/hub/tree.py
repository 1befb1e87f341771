"""The files of a release: what they are and the digests a Hub knows them by."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lemonpress.errors import UserError

_CHUNK = 1 << 20


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
            files.append(_digest(file, path))
    return tuple(sorted(files, key=lambda file: file.path))


def tree_digest(files: Iterable[LocalFile]) -> str:
    """SHA-256 over the sorted paths and contents, in hexadecimal."""
    lines = sorted(f"{file.path}\0{file.sha256}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _digest(file: Path, path: str) -> LocalFile:
    size = file.stat().st_size
    sha256 = hashlib.sha256()
    blob = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha256.update(chunk)
            blob.update(chunk)
    return LocalFile(path, size, sha256.hexdigest(), blob.hexdigest())
