"""The local Hub as an ASGI application."""

import errno
import hashlib
import ipaddress
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lemonpress.hub.local import routes_collections, routes_files, routes_git, routes_lfs, routes_pages, routes_repos
from lemonpress.hub.local.errors import HubError, repo_not_found
from lemonpress.hub.local.requests import Caller, caller, store_of
from lemonpress.hub.local.store import Store


def root_id(root: Path) -> str:
    """What tells two Hub folders apart without naming them."""
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]


def about(request: Request) -> Response:
    """``GET /api/lemonpress``: that this is a local Hub, its version, folder and process."""
    try:
        release = version("lemonpress")
    except PackageNotFoundError:
        release = "unknown"
    return JSONResponse({"version": release, "root_id": root_id(store_of(request).root), "pid": os.getpid()})


def telemetry(request: Request) -> Response:
    """``HEAD /api/telemetry/...``: nothing is kept."""
    return Response()


def no_namespace(request: Request) -> Response:
    """Repositories without a namespace, such as ``gpt2``: the local Hub has none."""
    known = caller(request) is not Caller.ANONYMOUS
    raise repo_not_found(request.path_params["name"], known)


def unknown_call(request: Request) -> Response:
    """Any other call of the Hub's API: kept from being read as the page of a repository."""
    raise HTTPException(404)


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HubError):
        raise error
    headers = error.headers | {"X-Error-Message": error.message.encode("ascii", "replace").decode().replace("\n", " ")}
    if error.code is not None:
        headers["X-Error-Code"] = error.code
    return JSONResponse({"error": error.message} | error.body, error.status, headers)


def _not_served(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    hint = ": set HF_HUB_DISABLE_XET=1 before importing huggingface_hub" if "/xet-" in request.url.path else ""
    message = f"The local Hub does not serve {request.method} {request.url.path}{hint}"
    return _refused(request, HubError(status, message))


def _disk_trouble(request: Request, error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _refused(request, HubError(507, "The disk of the local Hub is full: free some space and upload again"))
    raise error


def _hung_up(request: Request, error: Exception) -> Response:
    return Response(status_code=400)


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Door:
    """Refuses foreign ``Host`` headers (DNS rebinding) and leaves paths undecoded for the router."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = Request(scope).url.hostname or ""
            if not is_loopback(host):
                await Response("The local Hub answers on loopback addresses only", 403)(scope, receive, send)
                return
            scope = {**scope, "path": scope["raw_path"].decode("ascii")}
        await self.app(scope, receive, send)


def build_app(store: Store) -> ASGIApp:
    """The application that serves one folder."""
    handlers: dict[Any, Any] = {
        HubError: _refused,
        OSError: _disk_trouble,
        ClientDisconnect: _hung_up,
        404: _not_served,
        405: _not_served,
    }
    routes = [
        Route("/api/lemonpress", about),
        Route("/api/telemetry/{topic:path}", telemetry),
        *routes_lfs.ROUTES,
        *routes_repos.ROUTES,
        *routes_git.ROUTES,
        *routes_files.ROUTES,
        *routes_collections.ROUTES,
        Route("/api/{kind:kind}/{name}", no_namespace),
        Route("/api/{kind:kind}/{name}/revision/{revision}", no_namespace),
        Route("/{name}/resolve/{revision}/{path:path}", no_namespace),
        Route("/api/{rest:path}", unknown_call, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        *routes_pages.ROUTES,
    ]
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.state.store = store
    return _Door(app)
