"""Routes that read files: tree, paths-info and resolve."""

import base64
import mimetypes
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lemonpress.hub.local import lfs, revisions, trees
from lemonpress.hub.local.errors import HubError, bad_request, entry_not_found
from lemonpress.hub.local.names import file_path
from lemonpress.hub.local.ranges import byte_range, read_range
from lemonpress.hub.local.requests import (
    flag,
    parameter,
    readable_repo,
    require_contents,
    store_of,
    with_body,
)

_PAGE = 1000
_EXPANDED_PAGE = 50
_SHOWN_IMAGES = {".png", ".jpg", ".jpeg", ".gif", ".webp"}
_TEXTS = {
    ".md",
    ".txt",
    ".py",
    ".json",
    ".jsonl",
    ".yaml",
    ".yml",
    ".csv",
    ".tsv",
    ".toml",
    ".jinja",
}


def tree(request: Request) -> Response:
    """``GET /api/{kind}/{id}/tree/{revision}[/{path}]``: one page of a folder, with a ``Link`` to the next."""
    repo = readable_repo(request)
    query = request.query_params
    commit = revisions.resolve(repo, parameter(request, "revision"))
    path = parameter(request, "path").strip("/") if "path" in request.path_params else ""
    entries = trees.listing(repo, commit, file_path(path) if path else "", flag(query.get("recursive", "")))
    expand = flag(query.get("expand", ""))
    most = _EXPANDED_PAGE if expand else _PAGE
    size = min(max(int(query["limit"]), 1), most) if query.get("limit", "").isdigit() else most
    if "cursor" in query:
        last = _read_cursor(query["cursor"])
        entries = [entry for entry in entries if entry.path > last]
    page = entries[:size]
    found = [entry.as_json() for entry in page]
    if expand:
        changed = trees.last_commits(repo, commit, [entry.path for entry in page])
        found = [item | {"lastCommit": changed[entry.path]} for item, entry in zip(found, page, strict=True)]
    headers = {}
    if len(entries) > size:
        cursor = base64.urlsafe_b64encode(page[-1].path.encode()).decode()
        headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'
    return JSONResponse(found, headers=headers)


def _read_cursor(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor).decode()
    except ValueError as error:
        raise bad_request(f"Invalid cursor {cursor!r}") from error


def paths_info(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/{kind}/{id}/paths-info/{revision}``: what lies at some paths; missing ones are left out."""
    repo = readable_repo(request)
    commit = revisions.resolve(repo, parameter(request, "revision"))
    wanted = fields.get("paths", [])
    paths = [str(path).strip("/") for path in (wanted if isinstance(wanted, list) else [wanted])]
    entries = [entry for path in paths if path and (entry := trees.find(repo, commit, file_path(path)))]
    found = [entry.as_json() for entry in entries]
    expand = fields.get("expand", False)
    if flag(expand[0] if isinstance(expand, list) else expand):
        changed = trees.last_commits(repo, commit, [entry.path for entry in entries])
        found = [item | {"lastCommit": changed[entry.path]} for item, entry in zip(found, entries, strict=True)]
    return JSONResponse(found)


def resolve(request: Request) -> Response:
    """``GET`` and ``HEAD [/{kind}]/{id}/resolve/{revision}/{path}``: a file's bytes, or a range of them."""
    repo = readable_repo(request)
    require_contents(request, repo)
    commit = revisions.resolve(repo, parameter(request, "revision"))
    path = file_path(parameter(request, "path"))
    entry = trees.find(repo, commit, path)
    if entry is None or entry.is_folder:
        raise entry_not_found(path, str(commit.id))
    headers = _file_headers(entry) | {"X-Repo-Commit": str(commit.id)}
    wanted = byte_range(request.headers.get("range"), entry.size)
    start, end = wanted or (0, entry.size)
    headers["Content-Length"] = str(end - start)
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{entry.size}"
    status = 206 if wanted else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    if entry.pointer is None:
        return Response(trees.read_blob(repo, entry)[start:end], status, headers)
    large = lfs.object_path(store_of(request).root, entry.pointer.oid)
    if not large.is_file():
        raise HubError(410, f"The LFS object of {path!r} is gone from the Hub's folder: {large.name}")
    return StreamingResponse(read_range(large, start, end), status, headers)


def _file_headers(entry: trees.Entry) -> dict[str, str]:
    name = PurePosixPath(entry.path)
    etag = f'"{entry.pointer.oid if entry.pointer else entry.oid}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name.name)}",
        "Content-Type": _content_type(name),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    if entry.pointer is not None:
        headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(entry.size)}
    return headers


def _content_type(name: PurePosixPath) -> str:
    """Nothing that a browser would run: images as such, text as plain text, the rest as bytes."""
    if name.suffix.lower() in _SHOWN_IMAGES:
        return mimetypes.guess_type(name.name)[0] or "application/octet-stream"
    return "text/plain; charset=utf-8" if name.suffix.lower() in _TEXTS else "application/octet-stream"


_ID = "/api/{kind:kind}/{namespace}/{name}"
ROUTES = [
    Route(_ID + "/tree/{revision}", tree),
    Route(_ID + "/tree/{revision}/{path:path}", tree),
    Route(_ID + "/paths-info/{revision}", with_body(paths_info), methods=["POST"]),
    Route("/{kind:kind}/{namespace}/{name}/resolve/{revision}/{path:path}", resolve),
    Route("/{namespace}/{name}/resolve/{revision}/{path:path}", resolve),
]
