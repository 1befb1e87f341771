"""Routes of the Git LFS batch protocol: announce, upload, verify."""

import hashlib
import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lemonpress.hub.local import lfs
from lemonpress.hub.local.errors import HubError, bad_request
from lemonpress.hub.local.requests import base_url, require_owner, store_of, with_body, writable_repo
from lemonpress.hub.local.store import Store


def _ticket(store: Store, pointer: lfs.Pointer) -> str:
    """Proof that the owner announced this object: clients upload without their token."""
    return hmac.new(store.token.encode(), pointer.text(), hashlib.sha256).hexdigest()


def batch(request: Request, fields: dict[str, Any]) -> Response:
    """``POST [/{kind}]/{id}.git/info/lfs/objects/batch``: where to upload what is not there yet."""
    writable_repo(request)
    store = store_of(request)
    if fields.get("operation") != "upload" or fields.get("hash_algo", "sha256") != "sha256":
        raise bad_request("The local Hub serves LFS uploads with sha256 only: download through resolve")
    objects = []
    for announced in fields.get("objects", []):
        try:
            pointer = lfs.Pointer(str(announced["oid"]), int(announced["size"]))
        except (KeyError, TypeError, ValueError) as error:
            raise bad_request(f"The list of LFS objects is malformed: {type(error).__name__}: {error}") from error
        found: dict[str, Any] = {"oid": pointer.oid, "size": pointer.size}
        if lfs.object_size(store.root, pointer.oid) is None:
            upload = f"{base_url(request)}/api/lemonpress/lfs/{pointer.oid}"
            ticket = _ticket(store, pointer)
            found["actions"] = {
                "upload": {"href": f"{upload}?size={pointer.size}&ticket={ticket}"},
                "verify": {"href": f"{upload}/verify"},
            }
        objects.append(found)
    return JSONResponse({"transfer": "basic", "objects": objects}, media_type="application/vnd.git-lfs+json")


async def upload(request: Request) -> Response:
    """``PUT /api/lemonpress/lfs/{oid}``: the bytes of an announced object, streamed to disk."""
    store = store_of(request)
    size = request.query_params.get("size", "")
    pointer = lfs.Pointer(request.path_params["oid"], int(size) if size.isdigit() else 0)
    if not hmac.compare_digest(_ticket(store, pointer).encode(), request.query_params.get("ticket", "").encode()):
        raise HubError(403, "This upload was not announced by the local Hub's owner")
    await lfs.receive(store.root, pointer, request.stream())
    return Response("OK")


def verify(request: Request, fields: dict[str, Any]) -> Response:
    """``POST /api/lemonpress/lfs/{oid}/verify``: whether an object arrived."""
    require_owner(request)
    size = int(fields["size"]) if str(fields.get("size", "")).isdigit() else None
    lfs.require_object(store_of(request).root, request.path_params["oid"], size)
    return Response("OK")


_BATCH = "/{namespace}/{name}.git/info/lfs/objects/batch"
ROUTES = [
    Route("/{kind:kind}" + _BATCH, with_body(batch), methods=["POST"]),
    Route(_BATCH, with_body(batch), methods=["POST"]),
    Route("/api/lemonpress/lfs/{oid}", upload, methods=["PUT"]),
    Route("/api/lemonpress/lfs/{oid}/verify", with_body(verify), methods=["POST"]),
]
