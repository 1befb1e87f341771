"""Branches, tags and commits of one repository."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pygit2

from lemonpress.hub.local.errors import HubError, bad_request, revision_not_found
from lemonpress.hub.local.names import ref_name
from lemonpress.hub.local.store import OpenRepo, signature

BRANCHES = "refs/heads"
TAGS = "refs/tags"
_HEX = re.compile(r"[0-9a-f]{7,40}\Z")


def resolve(repo: OpenRepo, revision: str) -> pygit2.Commit:
    """The commit of a branch, tag, full ref name or commit id (7 digits or more).

    Raises:
        HubError: 404 ``RevisionNotFound``.
    """
    names = [revision] if revision.startswith("refs/") else [f"{BRANCHES}/{revision}", f"{TAGS}/{revision}"]
    for name in names:
        if pygit2.reference_is_valid_name(name) and name in repo.git.references:
            return repo.git.references[name].peel(pygit2.Commit)
    found = repo.git.get(revision) if _HEX.match(revision) else None
    if not isinstance(found, pygit2.Commit):
        raise revision_not_found(str(repo.id), revision)
    return found


def refs(repo: OpenRepo, folder: str) -> list[dict[str, str]]:
    """Branches (``refs/heads``) or tags (``refs/tags``) with the commits they lead to."""
    return [
        {
            "name": name.removeprefix(f"{folder}/"),
            "ref": name,
            "targetCommit": str(repo.git.references[name].peel(pygit2.Commit).id),
        }
        for name in sorted(repo.git.references)
        if name.startswith(f"{folder}/")
    ]


def create_branch(repo: OpenRepo, name: str, start: str | None) -> None:
    """Start a branch at a revision, ``main`` by default.

    Raises:
        HubError: 409 if it exists, 404 if the starting point does not.
    """
    _refuse_existing(repo, BRANCHES, name, "branch")
    repo.git.references.create(ref_name(BRANCHES, name), resolve(repo, start or "main").id)


def create_tag(repo: OpenRepo, name: str, revision: str, message: str) -> None:
    """Tag a revision; with a message the tag is an annotated one.

    Raises:
        HubError: 409 if it exists: a tag is never moved. 404 if the revision is missing.
    """
    commit = resolve(repo, revision)
    _refuse_existing(repo, TAGS, name, "tag")
    if message:
        repo.git.create_tag(name, commit.id, pygit2.enums.ObjectType.COMMIT, signature(), message)
    else:
        repo.git.references.create(ref_name(TAGS, name), commit.id)


def delete_ref(repo: OpenRepo, folder: str, name: str) -> None:
    """Remove a branch or tag.

    Raises:
        HubError: 404 if it is missing, 403 for ``main``.
    """
    full = ref_name(folder, name)
    if full not in repo.git.references:
        raise revision_not_found(str(repo.id), name)
    if full == f"{BRANCHES}/main":
        raise HubError(403, "The branch main cannot be deleted")
    repo.git.references.delete(full)


def history(repo: OpenRepo, commit: pygit2.Commit) -> Iterator[pygit2.Commit]:
    """A commit and its ancestors, newest first."""
    order = pygit2.enums.SortMode.TOPOLOGICAL | pygit2.enums.SortMode.TIME
    return iter(repo.git.walk(commit.id, order))


def commit_time(commit: pygit2.Commit) -> datetime:
    """When a commit was made."""
    return datetime.fromtimestamp(commit.commit_time, UTC)


def _refuse_existing(repo: OpenRepo, folder: str, name: str, what: str) -> None:
    if not name:
        raise bad_request(f"A {what} needs a name")
    if ref_name(folder, name) in repo.git.references:
        raise HubError(409, f"The {what} {name!r} exists already in {repo.id} and is not moved")
