"""Files and folders of one commit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pygit2

from lemonpress.hub.local.errors import entry_not_found
from lemonpress.hub.local.lfs import MAX_POINTER_SIZE, Pointer, parse_pointer
from lemonpress.hub.local.revisions import commit_time, history
from lemonpress.hub.local.store import OpenRepo, timestamp


@dataclass(frozen=True)
class Entry:
    """A file or folder: path, git object id, size in bytes (0 for folders) and, for large files, the pointer."""

    path: str
    oid: str
    is_folder: bool
    size: int
    pointer: Pointer | None = None

    def as_json(self) -> dict[str, object]:
        """The entry as the clients' tree and paths calls expect it."""
        found: dict[str, object] = {
            "type": "directory" if self.is_folder else "file",
            "oid": self.oid,
            "size": self.size,
            "path": self.path,
        }
        if self.pointer is not None:
            pointer_size = len(self.pointer.text())
            found["lfs"] = {"oid": self.pointer.oid, "size": self.pointer.size, "pointerSize": pointer_size}
        return found


def _entry(repo: OpenRepo, path: str, item: pygit2.Object) -> Entry:
    if isinstance(item, pygit2.Tree):
        return Entry(path, str(item.id), True, 0)
    size = repo.git.odb.read_header(item.id)[1]
    pointer = parse_pointer(repo.git.odb.read(item.id)[1]) if size <= MAX_POINTER_SIZE else None
    return Entry(path, str(item.id), False, pointer.size if pointer else size, pointer)


def _walk(repo: OpenRepo, tree: pygit2.Tree, prefix: str, recursive: bool) -> Iterator[Entry]:
    for item in tree:
        path = f"{prefix}{item.name}"
        yield _entry(repo, path, item)
        if recursive and isinstance(item, pygit2.Tree):
            yield from _walk(repo, item, f"{path}/", recursive)


def _object(commit: pygit2.Commit, path: str) -> pygit2.Object | None:
    try:
        return commit.tree[path]
    except KeyError:
        return None


def find(repo: OpenRepo, commit: pygit2.Commit, path: str) -> Entry | None:
    """The entry at a path, or None."""
    item = _object(commit, path)
    return None if item is None else _entry(repo, path, item)


def listing(repo: OpenRepo, commit: pygit2.Commit, folder: str, recursive: bool) -> list[Entry]:
    """Entries under a folder, by path.

    Args:
        repo: the repository.
        commit: the commit to list.
        folder: path of the folder, empty for the root.
        recursive: whether to descend; folders are listed too.

    Raises:
        HubError: 404 ``EntryNotFound`` if there is no such folder.
    """
    tree = _object(commit, folder) if folder else commit.tree
    if not isinstance(tree, pygit2.Tree):
        raise entry_not_found(folder, str(commit.id))
    found = _walk(repo, tree, f"{folder}/" if folder else "", recursive)
    return sorted(found, key=lambda entry: entry.path)


def files(repo: OpenRepo, commit: pygit2.Commit) -> list[Entry]:
    """Every file of a commit, by path."""
    return [entry for entry in listing(repo, commit, "", recursive=True) if not entry.is_folder]


def read_blob(repo: OpenRepo, entry: Entry) -> bytes:
    """The bytes git keeps for a file: its content, or its pointer."""
    return repo.git.odb.read(entry.oid)[1]


def last_commits(repo: OpenRepo, commit: pygit2.Commit, paths: Iterable[str]) -> dict[str, dict[str, str]]:
    """For each path the last commit that changed it, as the clients expect ``lastCommit``."""
    pending = set(paths)
    found: dict[str, dict[str, str]] = {}
    for past in history(repo, commit):
        if not pending:
            break
        before = past.parents[0] if past.parents else None
        for path in sorted(pending):
            old = _object(before, path) if before is not None else None
            new = _object(past, path)
            if new is not None and (old is None or old.id != new.id):
                title = past.message.partition("\n")[0]
                found[path] = {"id": str(past.id), "title": title, "date": timestamp(commit_time(past))}
                pending.discard(path)
    return found
