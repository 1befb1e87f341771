"""What every route needs of a request: the caller, the repository, the body."""

import hmac
import json
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from lemonpress.hub.local.errors import HubError, bad_request, repo_not_found
from lemonpress.hub.local.names import RepoId, repo_id
from lemonpress.hub.local.store import OpenRepo, Store

MAX_BODY = 32 << 20
Endpoint = Callable[[Request], Awaitable[Response]]


class _KindConvertor(Convertor[str]):
    regex = "models|datasets|spaces"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("kind", _KindConvertor())


class Caller(Enum):
    """Who asks: nobody known, somebody with another Hub's token, or the owner of this one."""

    ANONYMOUS = "anonymous"
    FOREIGN = "foreign"
    OWNER = "owner"


def store_of(request: Request) -> Store:
    """The folder that this server serves."""
    store: Store = request.app.state.store
    return store


def base_url(request: Request) -> str:
    """The server's address as the client wrote it, without a closing slash."""
    return str(request.base_url).rstrip("/")


def caller(request: Request) -> Caller:
    """Who asks. A foreign token reads what anybody reads, so that a user's own login does no harm."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Caller.ANONYMOUS
    owner = hmac.compare_digest(token.strip().encode(), store_of(request).token.encode())
    return Caller.OWNER if owner else Caller.FOREIGN


def require_owner(request: Request) -> None:
    """Let only the token's owner through.

    Raises:
        HubError: 401 without a token, 403 with another one.
    """
    who = caller(request)
    if who is Caller.ANONYMOUS:
        raise HubError(401, "Writing to the local Hub needs its token")
    if who is Caller.FOREIGN:
        raise HubError(403, "This token may not write to the local Hub: use the one in the Hub's folder")


def parameter(request: Request, name: str) -> str:
    """A decoded part of the path; the router sees paths undecoded so that ``%2F`` stays inside its part."""
    return unquote(request.path_params[name])


def named_repo(request: Request) -> RepoId:
    """The repository id in the path."""
    kind = request.path_params.get("kind", "models")
    return repo_id(kind, parameter(request, "namespace"), parameter(request, "name"))


def readable_repo(request: Request) -> OpenRepo:
    """Open the path's repository for reading.

    Raises:
        HubError: ``RepoNotFound`` if it is missing, or private and the caller is not the owner.
    """
    return open_readable(request, named_repo(request))


def open_readable(request: Request, wanted: RepoId) -> OpenRepo:
    """Open a repository for reading; see ``readable_repo``."""
    who = caller(request)
    repo = store_of(request).find(wanted)
    if repo is None or (repo.settings.private and who is not Caller.OWNER):
        raise repo_not_found(str(wanted), known_caller=who is not Caller.ANONYMOUS)
    return repo


def writable_repo(request: Request) -> OpenRepo:
    """Open the path's repository for writing, which the token's owner alone may do."""
    require_owner(request)
    return readable_repo(request)


def require_contents(request: Request, repo: OpenRepo) -> None:
    """Let only the owner read the files of a gated repository.

    Raises:
        HubError: ``GatedRepo``, 401 without a token and 403 with another one.
    """
    who = caller(request)
    if repo.settings.gated and who is not Caller.OWNER:
        status = 401 if who is Caller.ANONYMOUS else 403
        raise HubError(status, f"Access to {repo.id} is gated and needs the local Hub's token", "GatedRepo")


def flag(value: object) -> bool:
    """A yes or no of a query or form."""
    return str(value).lower() in ("true", "1")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HubError(413, f"The request's body is larger than {MAX_BODY >> 20} MiB")
    return bytes(body)


def with_body(handler: Callable[[Request, dict[str, Any]], Response]) -> Endpoint:
    """Endpoint that reads a bounded JSON or form body and runs the handler in a worker thread.

    The values of a form are lists of strings.
    """

    async def endpoint(request: Request) -> Response:
        raw = await _body(request)
        fields: dict[str, Any] = {}
        try:
            if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
                for name, value in parse_qsl(raw.decode(), keep_blank_values=True):
                    fields.setdefault(name, []).append(value)
            elif raw:
                fields = json.loads(raw)
        except ValueError as error:
            raise bad_request(f"The request's body is malformed: {error}") from error
        if not isinstance(fields, dict):
            raise bad_request("The request's body must be a JSON object")
        return await run_in_threadpool(handler, request, fields)

    return endpoint
