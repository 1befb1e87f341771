"""Routes about repositories as a whole: who am I, create, delete, move, settings, info, lists."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lemonpress.hub.local import cards, trees
from lemonpress.hub.local.errors import HubError, bad_request
from lemonpress.hub.local.names import KINDS, RepoId, repo_id, split_repo_id
from lemonpress.hub.local.requests import (
    Caller,
    base_url,
    caller,
    flag,
    open_readable,
    parameter,
    readable_repo,
    require_contents,
    require_owner,
    store_of,
    with_body,
    writable_repo,
)
from lemonpress.hub.local.revisions import commit_time, resolve
from lemonpress.hub.local.store import OWNER, OpenRepo, timestamp

_SORT_KEYS = {"lastModified", "createdAt"}


def whoami(request: Request) -> Response:
    """``GET /api/whoami-v2``."""
    if caller(request) is not Caller.OWNER:
        raise HubError(401, "Invalid username or password.")
    token = {"displayName": "local Hub", "role": "write"}
    return JSONResponse(
        {
            "type": "user",
            "id": OWNER,
            "name": OWNER,
            "fullname": "Lemonpress local Hub",
            "isPro": False,
            "orgs": [],
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


def _kind(fields: dict[str, Any]) -> str:
    kind = str(fields.get("type") or "model")
    if kind not in KINDS:
        raise bad_request(f"The local Hub serves no repositories of type {kind!r}: use one of {', '.join(KINDS)}")
    return KINDS[kind]


def _private(fields: dict[str, Any]) -> bool | None:
    if "visibility" not in fields:
        private = fields.get("private")
        return None if private is None else bool(private)
    if fields["visibility"] not in ("public", "private"):
        raise bad_request(
            f"The local Hub does not serve the visibility {fields['visibility']!r}: use public or private"
        )
    return bool(fields["visibility"] == "private")


def _named(fields: dict[str, Any]) -> RepoId:
    return repo_id(_kind(fields), str(fields.get("organization") or OWNER), str(fields.get("name") or ""))


def create(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/repos/create``."""
    require_owner(request)
    repo = _named(fields)
    url = f"{base_url(request)}/{repo.url_path}"
    try:
        store_of(request).create(repo, _private(fields) or False, fields.get("sdk") if repo.kind == "spaces" else None)
    except HubError as refusal:
        refusal.body = {"url": url}
        raise
    return JSONResponse({"url": url, "name": repo.full})


def delete(request: Request, fields: dict[str, Any]) -> Response:
    """``DELETE /api/repos/delete``."""
    require_owner(request)
    store_of(request).delete(open_readable(request, _named(fields)).id)
    return Response("OK")


def move(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/repos/move``."""
    require_owner(request)
    kind = _kind(fields)
    target = split_repo_id(kind, str(fields.get("toRepo")))
    source = open_readable(request, split_repo_id(kind, str(fields.get("fromRepo"))))
    store_of(request).move(source.id, target)
    return Response("OK")


def settings(request: Request, fields: dict[str, Any]) -> Response:
    """``PUT /api/{kind}/{id}/settings``."""
    repo = writable_repo(request)
    gated = fields.get("gated")
    if gated is not None and gated not in ("auto", "manual", False):
        raise bad_request(f"Invalid gated setting {gated!r}: use auto, manual or false")
    store_of(request).change(repo.id, _private(fields), gated)
    return JSONResponse({})


def describe(repo: OpenRepo, revision: str, blobs: bool) -> dict[str, Any]:
    """A repository at a revision, as the clients' info classes read it.

    Args:
        repo: the repository.
        revision: branch, tag or commit.
        blobs: whether files carry their size and ids.
    """
    commit = resolve(repo, revision)
    entries = trees.files(repo, commit)
    card = cards.metadata(readme(repo, entries))
    found: dict[str, Any] = {
        "_id": str(commit.id)[:24],
        "id": repo.id.full,
        "author": repo.id.namespace,
        "sha": str(commit.id),
        "lastModified": timestamp(commit_time(commit)),
        "createdAt": repo.settings.created_at,
        "private": repo.settings.private,
        "gated": repo.settings.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": cards.tags(card, repo.id.kind),
        "cardData": card or None,
        "siblings": [_sibling(entry, blobs) for entry in entries],
        "usedStorage": sum(entry.size for entry in entries),
    }
    if repo.id.kind == "models":
        found["modelId"] = repo.id.full
        found |= {name: card[name] for name in ("library_name", "pipeline_tag") if name in card}
    if repo.id.kind == "spaces":
        found["sdk"] = card.get("sdk", repo.settings.sdk)
        found["runtime"] = {"stage": "STOPPED", "hardware": {"current": None, "requested": None}}
    return found


def readme(repo: OpenRepo, entries: list[trees.Entry]) -> str:
    """Text of the repository's card, empty if it has none."""
    for entry in entries:
        if entry.path == "README.md" and entry.pointer is None:
            return trees.read_blob(repo, entry).decode(errors="replace")
    return ""


def _sibling(entry: trees.Entry, blobs: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"rfilename": entry.path}
    if blobs:
        found |= {"size": entry.size, "blobId": entry.oid}
        if entry.pointer is not None:
            pointer = entry.pointer
            found["lfs"] = {"sha256": pointer.oid, "size": pointer.size, "pointerSize": len(pointer.text())}
    return found


def info(request: Request) -> Response:
    """``GET /api/{kind}/{id}`` and ``GET /api/{kind}/{id}/revision/{revision}``."""
    revision = parameter(request, "revision") if "revision" in request.path_params else "main"
    blobs = flag(request.query_params.get("blobs", ""))
    return JSONResponse(describe(readable_repo(request), revision, blobs))


def auth_check(request: Request) -> Response:
    """``GET /api/{kind}/{id}/auth-check``."""
    require_contents(request, readable_repo(request))
    return Response("OK")


def listing(request: Request) -> Response:
    """``GET /api/{kind}``: the repositories that the caller may see."""
    query = request.query_params
    author, search = query.get("author"), query.get("search", "").lower()
    wanted = {tag for value in query.getlist("filter") for tag in value.split(",")}
    may_see_private = caller(request) is Caller.OWNER
    found = []
    for repo in store_of(request).all(request.path_params["kind"]):
        hidden = repo.settings.private and not may_see_private
        if hidden or (author and repo.id.namespace != author) or search not in repo.id.full.lower():
            continue
        described = describe(repo, "main", blobs=False)
        if wanted <= set(described["tags"]):
            found.append(described)
    if query.get("sort") in _SORT_KEYS:
        found.sort(key=lambda described: str(described[query["sort"]]), reverse=True)
    limit = query.get("limit", "")
    return JSONResponse(found[: int(limit)] if limit.isdigit() else found)


def validate_yaml(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/validate-yaml``: 400 if the card's metadata is refused."""
    errors, warnings = cards.problems(str(fields.get("content", "")), str(fields.get("repoType", "model")))
    body = {"errors": [{"message": text} for text in errors], "warnings": [{"message": text} for text in warnings]}
    return JSONResponse(body, 400 if errors else 200)


def runtime(request: Request) -> Response:
    """``GET /api/{kind}/{id}/runtime``: the local Hub keeps Spaces, it does not run them."""
    return JSONResponse(describe(readable_repo(request), "main", blobs=False).get("runtime", {}))


_ID = "/api/{kind:kind}/{namespace}/{name}"
ROUTES = [
    Route("/api/whoami-v2", whoami),
    Route("/api/validate-yaml", with_body(validate_yaml), methods=["POST"]),
    Route("/api/repos/create", with_body(create), methods=["POST"]),
    Route("/api/repos/delete", with_body(delete), methods=["DELETE"]),
    Route("/api/repos/move", with_body(move), methods=["POST"]),
    Route("/api/{kind:kind}", listing),
    Route(_ID, info),
    Route(_ID + "/revision/{revision}", info),
    Route(_ID + "/settings", with_body(settings), methods=["PUT"]),
    Route(_ID + "/auth-check", auth_check),
    Route(_ID + "/runtime", runtime),
]
