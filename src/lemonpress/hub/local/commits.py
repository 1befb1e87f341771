"""What a client commits: read from its newline-delimited JSON, written as one git commit."""

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

import pygit2

from lemonpress.hub.local.errors import HubError, bad_request, entry_not_found, revision_not_found
from lemonpress.hub.local.lfs import MAX_POINTER_SIZE, parse_pointer, require_object
from lemonpress.hub.local.names import file_path, ref_name
from lemonpress.hub.local.revisions import BRANCHES
from lemonpress.hub.local.store import OpenRepo, Store, signature

MAX_LINE = 64 << 20


@dataclass(frozen=True)
class Header:
    """Message of a commit and the head it expects, if it expects one."""

    summary: str
    description: str
    parent: str | None


@dataclass(frozen=True)
class Change:
    """One path that a commit sets (``blob``), or removes (``blob`` is None)."""

    path: str
    blob: pygit2.Oid | None
    is_folder: bool = False


def read_changes(store: Store, repo: OpenRepo, body: IO[bytes]) -> tuple[Header, list[Change]]:
    """Read a commit's body line by line, writing its files as loose git objects on the way.

    Objects of a commit that fails later stay unreferenced and invisible. At most one line is in memory.

    Args:
        store: the Hub's folder.
        repo: the repository that gets the objects.
        body: newline-delimited JSON: a header, then one operation a line.

    Raises:
        HubError: 400 or 413 with the number of the offending line.
    """
    header: Header | None = None
    changes: list[Change] = []
    number = 0
    while line := body.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise HubError(
                413, f"Line {number} of the commit is larger than {MAX_LINE >> 20} MiB: upload the file as LFS"
            )
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            key, value = item["key"], item["value"]
            if key == "header":
                header = Header(str(value["summary"]), str(value.get("description") or ""), value.get("parentCommit"))
            else:
                changes.append(_change(store, repo, key, value))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise bad_request(f"Line {number} of the commit is malformed: {type(error).__name__}: {error}") from error
    if header is None:
        raise bad_request("The commit has no header line")
    return header, changes


def _change(store: Store, repo: OpenRepo, key: str, value: dict[str, Any]) -> Change:
    path = str(value["path"])
    if key == "file":
        return Change(file_path(path), repo.git.create_blob(_content(store, path, value)))
    if key == "lfsFile":
        if value.get("algo", "sha256") != "sha256":
            raise bad_request(f"Unknown LFS hash {value['algo']!r} for {path!r}: only sha256 is served")
        pointer = require_object(store.root, str(value["oid"]), value.get("size"))
        return Change(file_path(path), repo.git.create_blob(pointer.text()))
    if key == "deletedFile":
        return Change(file_path(path), None)
    if key == "deletedFolder":
        return Change(file_path(path.rstrip("/")), None, is_folder=True)
    raise bad_request(f"The local Hub does not serve the commit operation {key!r}")


def _content(store: Store, path: str, value: dict[str, Any]) -> bytes:
    encoding = value.get("encoding", "utf-8")
    if encoding not in ("base64", "utf-8"):
        raise bad_request(f"Unknown encoding {encoding!r} of {path!r}: use base64 or utf-8")
    text = str(value["content"]).encode()
    try:
        content = base64.b64decode(text, validate=True) if encoding == "base64" else text
    except binascii.Error as error:
        raise bad_request(f"The content of {path!r} is not base64: {error}") from error
    pointer = parse_pointer(content) if len(content) <= MAX_POINTER_SIZE else None
    if pointer is not None:
        require_object(store.root, pointer.oid, pointer.size)
    return content


def write_commit(repo: OpenRepo, branch: str, header: Header, changes: list[Change]) -> str:
    """Write one commit on a branch; the caller holds the repository's lock.

    A commit that changes nothing writes nothing and answers the head.

    Args:
        repo: the repository.
        branch: name of an existing branch.
        header: message and expected head.
        changes: in the order the client sent them.

    Returns:
        The id of the branch's head after the call.

    Raises:
        HubError: 404 for a missing branch or deleted path, 412 if the head is not the expected one.
    """
    full = ref_name(BRANCHES, branch)
    if full not in repo.git.references:
        raise revision_not_found(str(repo.id), branch)
    head = repo.git.references[full].peel(pygit2.Commit)
    expected = header.parent
    if expected is not None and not (len(expected) >= 7 and str(head.id).startswith(expected)):
        raise HubError(412, f"A commit has happened since: {branch} is at {head.id}, the commit expects {expected}")
    index = pygit2.Index()
    index.read_tree(head.tree)
    for change in changes:
        _apply(index, change, str(head.id))
    tree = index.write_tree(repo.git)
    if tree == head.tree.id:
        return str(head.id)
    message = f"{header.summary}\n\n{header.description}" if header.description else header.summary
    return str(repo.git.create_commit(full, signature(), signature(), message, tree, [head.id]))


def _apply(index: pygit2.Index, change: Change, head: str) -> None:
    before = len(index)
    if change.blob is None and not change.is_folder:
        if change.path not in index:
            raise entry_not_found(change.path, head)
        index.remove(change.path)
        return
    index.remove_directory(change.path)
    if change.blob is None:
        if len(index) == before:
            raise entry_not_found(change.path, head)
        return
    # libgit2 would keep a file and a folder of one name side by side.
    for folder in PurePosixPath(change.path).parents:
        if str(folder) in index:
            index.remove(str(folder))
    try:
        index.add(pygit2.IndexEntry(change.path, change.blob, pygit2.enums.FileMode.BLOB))
    except pygit2.GitError as error:
        raise bad_request(f"git refuses the path {change.path!r}: {error}") from error
