"""Routes that write and read history: preupload, commit, branches, tags, refs, commits."""

import base64
import codecs
import html
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import pygit2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lemonpress.hub.local import revisions, trees
from lemonpress.hub.local.commits import read_changes, write_commit
from lemonpress.hub.local.errors import bad_request
from lemonpress.hub.local.lfs import SUFFIXES
from lemonpress.hub.local.names import file_path
from lemonpress.hub.local.requests import (
    base_url,
    flag,
    parameter,
    readable_repo,
    store_of,
    with_body,
    writable_repo,
)
from lemonpress.hub.local.store import OWNER, OpenRepo, timestamp

MAX_REGULAR_SIZE = 5 << 20
_COMMITS_PER_PAGE = 50


def upload_mode(path: str, size: int, sample: bytes) -> str:
    """How a file should come: ``regular`` (kept by git) for small text, ``lfs`` for everything else.

    Args:
        path: path in the repository.
        size: size in bytes.
        sample: the first bytes of the file, 512 at most.
    """
    binary_name = PurePosixPath(path).suffix.lower().lstrip(".") in SUFFIXES
    return "lfs" if size and (binary_name or size > MAX_REGULAR_SIZE or not _is_text(sample)) else "regular"


def _is_text(sample: bytes) -> bool:
    try:
        # Not final: the sample may end inside a character.
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=False)
    except UnicodeDecodeError:
        return False
    return b"\0" not in sample


def ignored(rules: str, paths: list[str]) -> set[str]:
    """Those of the paths that ``.gitignore`` rules exclude, as git itself judges them."""
    if not rules.strip():
        return set()
    with tempfile.TemporaryDirectory() as folder:
        judge = pygit2.init_repository(folder)
        judge.config["core.excludesFile"] = ""
        Path(folder, ".gitignore").write_text(rules)
        return {path for path in paths if judge.path_is_ignored(path)}


def preupload(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/{kind}/{id}/preupload/{revision}``: how each file is to be uploaded."""
    repo = writable_repo(request)
    _refuse_pull_request(request)
    commit = revisions.resolve(repo, parameter(request, "revision"))
    try:
        files = [_announced(file) for file in fields["files"]]
    except (KeyError, TypeError, ValueError) as error:
        raise bad_request(f"The list of files is malformed: {type(error).__name__}: {error}") from error
    rules = fields["gitIgnore"] if "gitIgnore" in fields else _own_ignore_rules(repo, commit)
    skipped = ignored(str(rules), [path for path, _, _ in files])
    return JSONResponse(
        {
            "files": [
                {
                    "path": path,
                    "uploadMode": upload_mode(path, size, sample),
                    "shouldIgnore": path in skipped,
                    "oid": _content_id(trees.find(repo, commit, path)),
                }
                for path, size, sample in files
            ]
        }
    )


def _announced(file: dict[str, Any]) -> tuple[str, int, bytes]:
    return file_path(str(file["path"])), int(file["size"]), base64.b64decode(file["sample"])


def _content_id(entry: trees.Entry | None) -> str | None:
    if entry is None or entry.is_folder:
        return None
    return entry.pointer.oid if entry.pointer is not None else entry.oid


def _own_ignore_rules(repo: OpenRepo, commit: pygit2.Commit) -> str:
    entry = trees.find(repo, commit, ".gitignore")
    return "" if entry is None else trees.read_blob(repo, entry).decode(errors="replace")


def _refuse_pull_request(request: Request) -> None:
    if flag(request.query_params.get("create_pr", "")):
        raise bad_request("The local Hub does not serve pull requests: commit to a branch")


async def commit(request: Request) -> Response:
    """``POST /api/{kind}/{id}/commit/{revision}``; the body is spooled to disk before it is read."""
    await run_in_threadpool(writable_repo, request)
    _refuse_pull_request(request)
    with tempfile.TemporaryFile(dir=store_of(request).root / "tmp") as body:
        async for chunk in request.stream():
            await run_in_threadpool(body.write, chunk)
        body.seek(0)
        return await run_in_threadpool(_commit, request, body)


def _commit(request: Request, body: Any) -> Response:
    store, repo = store_of(request), writable_repo(request)
    header, changes = read_changes(store, repo, body)
    with store.locked(repo.id):
        oid = write_commit(writable_repo(request), parameter(request, "revision"), header, changes)
    url = f"{base_url(request)}/{repo.id.url_path}/commit/{oid}"
    return JSONResponse({"success": True, "commitOid": oid, "commitUrl": url})


def create_branch(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/{kind}/{id}/branch/{branch}``."""
    repo = writable_repo(request)
    with store_of(request).locked(repo.id):
        revisions.create_branch(repo, parameter(request, "branch"), fields.get("startingPoint"))
    return JSONResponse({})


def delete_branch(request: Request) -> Response:
    """``DELETE /api/{kind}/{id}/branch/{branch}``."""
    repo = writable_repo(request)
    with store_of(request).locked(repo.id):
        revisions.delete_ref(repo, revisions.BRANCHES, parameter(request, "branch"))
    return JSONResponse({})


def create_tag(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/{kind}/{id}/tag/{revision}``: tag that revision."""
    repo = writable_repo(request)
    with store_of(request).locked(repo.id):
        name, message = str(fields.get("tag") or ""), str(fields.get("message") or "")
        revisions.create_tag(repo, name, parameter(request, "revision"), message)
    return JSONResponse({})


def delete_tag(request: Request) -> Response:
    """``DELETE /api/{kind}/{id}/tag/{tag}``."""
    repo = writable_repo(request)
    with store_of(request).locked(repo.id):
        revisions.delete_ref(repo, revisions.TAGS, parameter(request, "revision"))
    return JSONResponse({})


def refs(request: Request) -> Response:
    """``GET /api/{kind}/{id}/refs``."""
    repo = readable_repo(request)
    found: dict[str, Any] = {
        "branches": revisions.refs(repo, revisions.BRANCHES),
        "tags": revisions.refs(repo, revisions.TAGS),
        "converts": [],
    }
    if flag(request.query_params.get("include_prs", "")):
        found["pullRequests"] = []
    return JSONResponse(found)


def commits(request: Request) -> Response:
    """``GET /api/{kind}/{id}/commits/{revision}``: history, newest first, with ``Link`` pages."""
    repo = readable_repo(request)
    query = request.query_params
    head = revisions.resolve(repo, parameter(request, "revision"))
    page = int(query["p"]) if query.get("p", "").isdigit() else 0
    size = min(max(int(query["limit"]), 1), 1000) if query.get("limit", "").isdigit() else _COMMITS_PER_PAGE
    past = list(revisions.history(repo, head))
    formatted = "formatted" in query.getlist("expand[]")
    found = [_described(item, formatted) for item in past[page * size : (page + 1) * size]]
    following = request.url.include_query_params(p=page + 1)
    headers = {"Link": f'<{following}>; rel="next"'} if len(past) > (page + 1) * size else {}
    return JSONResponse(found, headers=headers)


def _described(item: pygit2.Commit, formatted: bool) -> dict[str, Any]:
    title, _, message = item.message.partition("\n")
    found: dict[str, Any] = {
        "id": str(item.id),
        "title": title,
        "message": message.strip(),
        "date": timestamp(revisions.commit_time(item)),
        "authors": [{"user": OWNER}],
    }
    if formatted:
        found["formatted"] = {"title": html.escape(title), "message": html.escape(found["message"])}
    return found


_ID = "/api/{kind:kind}/{namespace}/{name}"
ROUTES = [
    Route(_ID + "/preupload/{revision}", with_body(preupload), methods=["POST"]),
    Route(_ID + "/commit/{revision}", commit, methods=["POST"]),
    Route(_ID + "/branch/{branch}", with_body(create_branch), methods=["POST"]),
    Route(_ID + "/branch/{branch}", delete_branch, methods=["DELETE"]),
    Route(_ID + "/tag/{revision}", with_body(create_tag), methods=["POST"]),
    Route(_ID + "/tag/{revision}", delete_tag, methods=["DELETE"]),
    Route(_ID + "/refs", refs),
    Route(_ID + "/commits/{revision}", commits),
]
