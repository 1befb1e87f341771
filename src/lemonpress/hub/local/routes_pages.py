"""Pages for people: the index and one page per repository."""

from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
import pygit2
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from lemonpress.hub.local import cards, revisions, trees
from lemonpress.hub.local.names import KINDS
from lemonpress.hub.local.page_template import PAGE
from lemonpress.hub.local.requests import Caller, base_url, caller, parameter, readable_repo, store_of
from lemonpress.hub.local.routes_repos import readme
from lemonpress.hub.local.store import OpenRepo

_SHOWN_FILES = 500
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_TEMPLATE = jinja2.Environment(autoescape=True).from_string(PAGE)


def index(request: Request) -> Response:
    """``GET /``: the repositories that the caller may see."""
    groups, hidden = [], 0
    for kind in KINDS.values():
        shown = []
        for repo in store_of(request).all(kind):
            if repo.settings.private and caller(request) is not Caller.OWNER:
                hidden += 1
            else:
                shown.append(_row(repo))
        groups.append((kind.capitalize(), shown))
    fields = {"title": "Local Hub", "groups": groups, "hidden": hidden, "endpoint": base_url(request)}
    return HTMLResponse(_TEMPLATE.render(fields), headers=_HEADERS)


def _row(repo: OpenRepo) -> dict[str, str]:
    tags = [(_time(repo, ref["targetCommit"]), ref["name"]) for ref in revisions.refs(repo, revisions.TAGS)]
    changed = revisions.commit_time(revisions.resolve(repo, "main"))
    return {
        "name": repo.id.full,
        "url_path": repo.id.url_path,
        "tag": max(tags)[1] if tags else "-",
        "changed": f"{changed:%Y-%m-%d %H:%M} UTC",
    }


def _time(repo: OpenRepo, commit: str) -> int:
    return revisions.resolve(repo, commit).commit_time


def repository(request: Request) -> Response:
    """``GET [/{kind}]/{id}[/tree/{revision}]``: card, files and tags at a revision, ``main`` by default."""
    repo = readable_repo(request)
    in_path = parameter(request, "revision") if "revision" in request.path_params else "main"
    revision = request.query_params.get("revision", in_path)
    commit = revisions.resolve(repo, revision)
    entries = trees.files(repo, commit)
    text = readme(repo, entries)
    prefix = f"/{repo.id.url_path}/resolve/{quote(revision, safe='')}"
    fields: dict[str, Any] = {
        "title": repo.id.full,
        "repo": repo.id,
        "kind": repo.id.kind.removesuffix("s").capitalize(),
        "revision": revision,
        "commit": str(commit.id)[:12],
        "changed": f"{revisions.commit_time(commit):%Y-%m-%d %H:%M} UTC",
        "private": repo.settings.private,
        "gated": repo.settings.gated,
        "labels": cards.tags(cards.metadata(text), repo.id.kind),
        "endpoint": base_url(request),
        "snippet": _snippet(repo, revision, commit),
        "refs": [
            ref["name"] for folder in (revisions.BRANCHES, revisions.TAGS) for ref in revisions.refs(repo, folder)
        ],
        "files": [
            {"path": entry.path, "size": readable_size(entry.size), "href": f"{prefix}/{quote(entry.path)}"}
            for entry in entries[:_SHOWN_FILES]
        ],
        "hidden": max(len(entries) - _SHOWN_FILES, 0),
        "card": render_card(text, prefix),
    }
    return HTMLResponse(_TEMPLATE.render(fields), headers=_HEADERS)


def _snippet(repo: OpenRepo, revision: str, commit: pygit2.Commit) -> str:
    pinned = str(commit.id) if revision == "main" else revision
    if repo.id.kind == "datasets":
        return f'datasets.load_dataset("{repo.id.full}", revision="{pinned}")'
    if repo.id.kind == "models":
        return f'transformers.AutoModel.from_pretrained("{repo.id.full}", revision="{pinned}")'
    return f'huggingface_hub.snapshot_download("{repo.id.full}", repo_type="space", revision="{pinned}")'


def readable_size(size: int) -> str:
    """A size in bytes with a decimal unit, as the Hub shows it."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"


def render_card(text: str, prefix: str) -> Markup:
    """A card as HTML: its own HTML is shown as text, its relative links lead to the repository's files.

    Args:
        text: the whole card, metadata included.
        prefix: URL path under which the repository's files resolve.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = markdown.parse(cards.split_card(text)[1])
    for token in tokens:
        for child in token.children or []:
            for name in ("src", "href"):
                target = child.attrGet(name)
                if isinstance(target, str) and _is_relative(target):
                    child.attrSet(name, f"{prefix}/{target.removeprefix('./')}")
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))


def _is_relative(target: str) -> bool:
    parts = urlsplit(target)
    return bool(parts.path) and not (parts.scheme or parts.netloc or target.startswith("/"))


def blob(request: Request) -> Response:
    """``GET [/{kind}]/{id}/blob/{revision}/{path}``: to the file itself."""
    repo = readable_repo(request)
    revision, path = request.path_params["revision"], request.path_params["path"]
    return RedirectResponse(f"/{repo.id.url_path}/resolve/{revision}/{path}", 302)


_PATHS = {"": repository, "/tree/{revision}": repository, "/commit/{revision}": repository}
ROUTES = [
    Route("/", index),
    *(Route("/{kind:kind}/{namespace}/{name}" + path, endpoint) for path, endpoint in _PATHS.items()),
    *(Route("/{namespace}/{name}" + path, endpoint) for path, endpoint in _PATHS.items()),
    Route("/{kind:kind}/{namespace}/{name}/blob/{revision}/{path:path}", blob),
    Route("/{namespace}/{name}/blob/{revision}/{path:path}", blob),
]
