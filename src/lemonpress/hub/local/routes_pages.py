"""Pages for people: the index, one page per repository and one per collection."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
import pygit2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from lemonpress.hub.configs import Config, read_configs
from lemonpress.hub.local import cards, facts, preview, revisions, snippets, trees
from lemonpress.hub.local.card_pages import render_card, summary
from lemonpress.hub.local.errors import HubError
from lemonpress.hub.local.names import KINDS, split_repo_id
from lemonpress.hub.local.page_template import TEMPLATES
from lemonpress.hub.local.requests import (
    Caller,
    base_url,
    caller,
    open_readable,
    parameter,
    readable_repo,
    require_contents,
    store_of,
)
from lemonpress.hub.local.routes_collections import readable_collection, readable_items, visible
from lemonpress.hub.local.routes_repos import readme
from lemonpress.hub.local.store import OpenRepo

_SHOWN_FILES = 500
_SHOWN_REFS = 8
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_TEMPLATES = jinja2.Environment(
    autoescape=True, loader=jinja2.DictLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.filters |= {"day": facts.day, "size": facts.readable_size}


def _page(name: str, **fields: object) -> Response:
    # Metadata may hold halves of surrogate pairs, which have no UTF-8.
    html = _TEMPLATES.get_template(name).render(fields).encode(errors="replace")
    return HTMLResponse(html, headers=_HEADERS)


@dataclass(frozen=True)
class _Row:
    """A repository on the index: page, newest tag if any, last change, and what it is in one line."""

    name: str
    url_path: str
    tag: str | None
    changed: datetime
    summary: str


def index(request: Request) -> Response:
    """``GET /``: the repositories and collections that the caller may see."""
    groups, hidden = [], 0
    for kind in KINDS.values():
        shown = []
        for repo in store_of(request).all(kind):
            if repo.settings.private and caller(request) is not Caller.OWNER:
                hidden += 1
            else:
                shown.append(_row(repo))
        groups.append((kind.capitalize(), shown))
    listed = [(collection, _changed(collection.changed)) for collection in visible(request)]
    return _page("index", groups=groups, hidden=hidden, collections=listed, endpoint=base_url(request))


def _row(repo: OpenRepo) -> _Row:
    newest = next((ref.name for ref in facts.refs(repo) if ref.is_tag), None)
    commit = revisions.resolve(repo, "main")
    found = trees.find(repo, commit, "README.md")
    about = summary(readme(repo, [] if found is None or found.is_folder else [found]))
    return _Row(repo.id.full, repo.id.url_path, newest, revisions.commit_time(commit), about)


def _changed(timestamp: str) -> datetime:
    return datetime.fromisoformat(timestamp)


def collection(request: Request) -> Response:
    """``GET /collections/{slug}``: what is in a collection."""
    found = readable_collection(request)
    items = [(item, repo.id) for item, repo in readable_items(request, found)]
    return _page("collection", collection=found, changed=_changed(found.changed), items=items)


def repository(request: Request) -> Response:
    """``GET [/{kind}]/{id}[/tree/{revision}]``: what a repository is and how it is used, at a revision.

    The query may name a ``revision`` (``main`` by default) and, for datasets, the ``config`` whose rows are shown.
    """
    repo = readable_repo(request)
    in_path = parameter(request, "revision") if "revision" in request.path_params else "main"
    revision = request.query_params.get("revision", in_path)
    commit = revisions.resolve(repo, revision)
    entries = trees.files(repo, commit)
    text = readme(repo, entries)
    card = cards.metadata(text)
    prefix = f"/{repo.id.url_path}/resolve/{quote(revision, safe='')}"
    refs = facts.refs(repo)
    shown = next((ref for ref in refs if ref.name == revision and ref.commit == str(commit.id)), None)
    pinned = _pinned(refs, shown, commit)
    configs = read_configs(card) if repo.id.kind == "datasets" else []
    config = preview.chosen(configs, request.query_params.get("config"))
    return _page(
        "repository",
        repo=repo.id,
        settings=repo.settings,
        kind=repo.id.kind.removesuffix("s").capitalize(),
        commit=str(commit.id),
        changed=revisions.commit_time(commit),
        summary=summary(text),
        labels=facts.labels(card),
        origins=_origins(request, card),
        tags=cards.tags(card, repo.id.kind),
        endpoint=base_url(request),
        code=snippets.load_code(
            repo, entries, pinned.name if pinned else str(commit.id), config.name if config else None
        ),
        run=snippets.run_command(repo, entries, pinned.name if pinned else None, base_url(request)),
        pinned=pinned,
        refs=[refs[:_SHOWN_REFS], refs[_SHOWN_REFS:]],
        shown=shown,
        configs=[
            (one.name, urlencode({"revision": revision, "config": one.name}, errors="replace")) for one in configs
        ],
        config=config,
        preview=_preview(request, repo, entries, config),
        files=[(entry, f"{prefix}/{quote(entry.path)}") for entry in entries[:_SHOWN_FILES]],
        count=len(entries),
        total=sum(entry.size for entry in entries),
        card=render_card(text, prefix),
    )


def _pinned(refs: Sequence[facts.Ref], shown: facts.Ref | None, commit: pygit2.Commit) -> facts.Ref | None:
    """The tag to load what is shown by: tags never move. None where only the commit's id says what is shown.

    Readers of ``main`` get the newest version, which is what was released, not what happens to lie on the branch.
    """
    if shown is not None and shown.is_tag:
        return shown
    if shown is not None and shown.name == "main":
        return next((ref for ref in refs if ref.version), None)
    return next((ref for ref in refs if ref.version and ref.commit == str(commit.id)), None)


def _origins(request: Request, card: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Repositories that a card names as what it was made of, with a link to those that the caller can open here."""
    found = []
    for field, origin, label in (("base_model", "models", "Base model"), ("datasets", "datasets", "Dataset")):
        value = card.get(field)
        for name in value if isinstance(value, list) else [] if value is None else [value]:
            try:
                link = f"/{open_readable(request, split_repo_id(origin, str(name))).id.url_path}"
            except HubError:
                link = None
            found.append((label, str(name), link))
    return found


def _preview(
    request: Request, repo: OpenRepo, entries: Sequence[trees.Entry], config: Config | None
) -> preview.Preview | None:
    if repo.id.kind != "datasets":
        return None
    try:
        require_contents(request, repo)
    except HubError:
        return None
    return preview.first_rows(store_of(request).root, repo, entries, config)


def blob(request: Request) -> Response:
    """``GET [/{kind}]/{id}/blob/{revision}/{path}``: to the file itself."""
    repo = readable_repo(request)
    revision, path = request.path_params["revision"], request.path_params["path"]
    return RedirectResponse(f"/{repo.id.url_path}/resolve/{revision}/{path}", 302)


_PATHS = {"": repository, "/tree/{revision}": repository, "/commit/{revision}": repository}
ROUTES = [
    Route("/", index),
    Route("/collections/{namespace}/{slug}", collection),
    *(Route("/{kind:kind}/{namespace}/{name}" + path, endpoint) for path, endpoint in _PATHS.items()),
    *(Route("/{namespace}/{name}" + path, endpoint) for path, endpoint in _PATHS.items()),
    Route("/{kind:kind}/{namespace}/{name}/blob/{revision}/{path:path}", blob),
    Route("/{namespace}/{name}/blob/{revision}/{path:path}", blob),
]
