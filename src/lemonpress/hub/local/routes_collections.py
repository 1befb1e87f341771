"""Routes about collections: lists, one of them, its metadata and its items."""

from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lemonpress.hub.collection import MAX_DESCRIPTION, MAX_NOTE, MAX_TITLE
from lemonpress.hub.local import collection_store
from lemonpress.hub.local.collection_store import Collection, Item
from lemonpress.hub.local.errors import HubError, bad_request
from lemonpress.hub.local.names import KINDS, repo_id, split_repo_id
from lemonpress.hub.local.requests import Caller, caller, open_readable, parameter, require_owner, store_of, with_body
from lemonpress.hub.local.revisions import commit_time, resolve
from lemonpress.hub.local.store import OWNER, OpenRepo, timestamp

_LISTED_ITEMS = 4
_THEMES = ("orange", "blue", "green", "purple", "pink", "indigo")


def visible(request: Request) -> list[Collection]:
    """The collections that the caller may see, newest change first."""
    owner = caller(request) is Caller.OWNER
    return [collection for collection in collection_store.every(store_of(request)) if owner or not collection.private]


def readable_collection(request: Request) -> Collection:
    """The path's collection.

    Raises:
        HubError: 404 if it is missing, or private and the caller is not the owner.
    """
    namespace, name = parameter(request, "namespace"), parameter(request, "slug")
    found = collection_store.find(store_of(request), namespace, name)
    if found is None or (found.private and caller(request) is not Caller.OWNER):
        raise HubError(404, f"Collection {namespace}/{name} not found")
    return found


def readable_items(request: Request, collection: Collection) -> list[tuple[Item, OpenRepo]]:
    """The items of a collection whose repositories the caller may see."""
    owner = caller(request) is Caller.OWNER
    found = collection_store.contents(store_of(request), collection)
    return [(item, repo) for item, repo in found if owner or not repo.settings.private]


def listing(request: Request) -> Response:
    """``GET /api/collections``: every collection with its first four items."""
    query = request.query_params
    owners, items, limit = query.getlist("owner"), query.getlist("item"), query.get("limit", "")
    found = []
    for collection in visible(request):
        inside = {f"{repo.id.kind}/{repo.id.full}" for _, repo in readable_items(request, collection)}
        if (not owners or collection.namespace in owners) and (not items or inside & set(items)):
            described = _described(request, collection, _LISTED_ITEMS)
            # The clients count the positions in a list themselves, and refuse given ones.
            del described["position"]
            found.append(described)
    return JSONResponse(found[: int(limit)] if limit.isdigit() else found)


def show(request: Request) -> Response:
    """``GET /api/collections/{slug}``."""
    return JSONResponse(_described(request, readable_collection(request)))


def create(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/collections``: 409 with the slug of the namespace's collection of that title, if there is one."""
    require_owner(request)
    store = store_of(request)
    # Where a repository could be, a collection can.
    namespace = repo_id("models", str(fields.get("namespace") or OWNER), "collection").namespace
    drawn = Collection(collection_store.new_key(), namespace, title="", changed="")
    asked = _with_metadata(drawn, {"title": "", **fields})
    with store.collections_lock:
        for other in collection_store.every(store):
            if (other.namespace, other.title) == (asked.namespace, asked.title):
                raise HubError(409, f"The collection {other.slug} exists already", body={"slug": other.slug})
        return JSONResponse(_described(request, collection_store.save(store, asked)))


def change(request: Request, fields: dict[str, Any]) -> Response:
    """``PATCH /api/collections/{slug}``: title, description, privacy, theme."""
    changed = _edit(request, lambda collection: _with_metadata(collection, fields))
    return JSONResponse({"success": True, "data": _described(request, changed)})


def delete(request: Request) -> Response:
    """``DELETE /api/collections/{slug}``."""
    require_owner(request)
    store = store_of(request)
    with store.collections_lock:
        collection_store.remove(store, readable_collection(request))
    return JSONResponse({"success": True})


def add(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/collections/{slug}/items``: 404 for a repository that is not there, 409 for one that is an item."""
    require_owner(request)
    wanted = fields.get("item")
    kind, name = (wanted.get("type"), wanted.get("id")) if isinstance(wanted, dict) else (None, None)
    if kind not in KINDS:
        raise bad_request(
            f"The local Hub keeps no items of type {kind!r} in collections: use one of {', '.join(KINDS)}"
        )
    repo = open_readable(request, split_repo_id(KINDS[kind], str(name))).id
    item = Item(collection_store.new_key(), kind, repo.full, _text(fields, "note", MAX_NOTE))

    def added(collection: Collection) -> Collection:
        if any(there.id == repo for _, there in collection_store.contents(store_of(request), collection)):
            raise HubError(409, f"The {kind} {repo.full} is in {collection.slug} already")
        return replace(collection, items=(*collection.items, item))

    return JSONResponse(_described(request, _edit(request, added)))


def change_item(request: Request, fields: dict[str, Any]) -> Response:
    """``PATCH /api/collections/{slug}/items/{item}``: note and position."""
    key = parameter(request, "item")
    position = fields.get("position")
    if position is not None and (not isinstance(position, int) or position < 0):
        raise bad_request(f"Invalid position {position!r}: use a number from 0")

    def changed(collection: Collection) -> Collection:
        place, item = _item(collection, key)
        items = [one for one in collection.items if one is not item]
        if "note" in fields:
            item = replace(item, note=_text(fields, "note", MAX_NOTE))
        items.insert(place if position is None else position, item)
        return replace(collection, items=tuple(items))

    _edit(request, changed)
    return JSONResponse({"success": True})


def delete_item(request: Request) -> Response:
    """``DELETE /api/collections/{slug}/items/{item}``."""
    key = parameter(request, "item")

    def without(collection: Collection) -> Collection:
        _, item = _item(collection, key)
        return replace(collection, items=tuple(one for one in collection.items if one is not item))

    _edit(request, without)
    return JSONResponse({"success": True})


def _edit(request: Request, change: Callable[[Collection], Collection]) -> Collection:
    """Change the path's collection; what would not differ is not written."""
    require_owner(request)
    store = store_of(request)
    with store.collections_lock:
        before = readable_collection(request)
        after = change(before)
        return before if after == before else collection_store.save(store, after)


def _item(collection: Collection, key: str) -> tuple[int, Item]:
    for place, item in enumerate(collection.items):
        if item.key == key:
            return place, item
    raise HubError(404, f"The collection {collection.slug} has no item {key!r}")


def _with_metadata(collection: Collection, fields: dict[str, Any]) -> Collection:
    if "position" in fields:
        raise bad_request("The local Hub lists collections by their last change: leave position out")
    title = (_text(fields, "title", MAX_TITLE) or "") if "title" in fields else collection.title
    if not title:
        raise bad_request("A collection needs a title")
    theme = fields.get("theme", collection.theme)
    if theme not in _THEMES:
        raise bad_request(f"Unknown theme {theme!r}: use one of {', '.join(_THEMES)}")
    return replace(
        collection,
        title=title,
        description=_text(fields, "description", MAX_DESCRIPTION)
        if "description" in fields
        else collection.description,
        private=bool(fields.get("private", collection.private)),
        theme=theme,
    )


def _text(fields: dict[str, Any], name: str, limit: int) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit:
        raise bad_request(f"The {name} must be a text of up to {limit} characters")
    return value


def _described(request: Request, collection: Collection, most: int | None = None) -> dict[str, Any]:
    """A collection as the clients read it, with its first items or all of them."""
    items = readable_items(request, collection)[:most]
    return {
        "slug": collection.slug,
        "title": collection.title,
        "description": collection.description,
        "owner": {"type": "user", "name": collection.namespace, "fullname": collection.namespace},
        "position": 0,
        "private": collection.private,
        "theme": collection.theme,
        "upvotes": 0,
        "isUpvotedByUser": False,
        "gating": False,
        "lastUpdated": collection.changed,
        "items": [_described_item(place, item, repo) for place, (item, repo) in enumerate(items)],
    }


def _described_item(place: int, item: Item, repo: OpenRepo) -> dict[str, Any]:
    found: dict[str, Any] = {
        "_id": item.key,
        "id": repo.id.full,
        "type": item.kind,
        "repoType": item.kind,
        "position": place,
        "author": repo.id.namespace,
        "private": repo.settings.private,
        "gated": repo.settings.gated,
        "lastModified": timestamp(commit_time(resolve(repo, "main"))),
    }
    if item.note is not None:
        found["note"] = {"text": item.note, "html": escape(item.note)}
    return found


_SLUG = "/api/collections/{namespace}/{slug}"
ROUTES = [
    Route("/api/collections", listing),
    Route("/api/collections", with_body(create), methods=["POST"]),
    Route(_SLUG, show),
    Route(_SLUG, with_body(change), methods=["PATCH"]),
    Route(_SLUG, delete, methods=["DELETE"]),
    Route(_SLUG + "/items", with_body(add), methods=["POST"]),
    Route(_SLUG + "/items/{item}", with_body(change_item), methods=["PATCH"]),
    Route(_SLUG + "/items/{item}", delete_item, methods=["DELETE"]),
]
