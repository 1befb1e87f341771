"""Collections: the page of a Hub that lists what belongs together."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lemonpress.errors import UserError
from lemonpress.hub.checks import RepoType
from lemonpress.hub.destination import Destination
from lemonpress.hub.patience import causes, patiently

if TYPE_CHECKING:
    from huggingface_hub import Collection, HfApi

# The Hub's own limits in characters; the one for titles is not documented and the careful reading of what it answers.
MAX_TITLE = 59
MAX_DESCRIPTION = 150
MAX_NOTE = 500


@dataclass(frozen=True)
class CollectionItem:
    """A repository in a collection.

    Attributes:
        repo_id: ``namespace/name``.
        repo_type: dataset, model or space.
        note: What the collection says of it, in plain text of up to 500 characters; None leaves it as it is.
    """

    repo_id: str
    repo_type: RepoType
    note: str | None = None


def update_collection(
    to: Destination, namespace: str, title: str, items: Sequence[CollectionItem], description: str | None = None
) -> str:
    """Make a collection or complete the one of that title; what people added to it stays.

    Running it again changes nothing. Notes and the description are replaced where they differ.

    Args:
        to: The Hub.
        namespace: User or organisation that owns the collection.
        title: Up to 59 characters; it identifies the collection.
        items: Repositories that must be in it, in the order of first addition.
        description: Plain text of up to 150 characters; None leaves it as it is.

    Returns:
        Address of the collection's page.

    Raises:
        UserError: A text is too long, an item is not on the Hub, the token may not write, or the Hub cannot be
            reached or keeps refusing.
    """
    from huggingface_hub import HfApi

    _require_short("title", title, MAX_TITLE)
    _require_short("description", description, MAX_DESCRIPTION)
    for item in items:
        _require_short(f"note of {item.repo_id}", item.note, MAX_NOTE)
    api = HfApi(endpoint=to.endpoint, token=to.token or False, library_name="lemonpress")
    with _explained(to, namespace, title):
        collection = _find(api, namespace, title) or patiently(
            lambda: api.create_collection(title, namespace=namespace, description=description, exists_ok=True)
        )
        if description is not None and description != collection.description:
            patiently(partial(api.update_collection_metadata, collection.slug, description=description))
        for item in items:
            _put(api, collection, item)
    return collection.url


def _require_short(name: str, text: str | None, limit: int) -> None:
    if text is not None and len(text) > limit:
        raise UserError(f"{name}: has {len(text)} characters; a Hub's collection takes {limit}")


def _find(api: "HfApi", namespace: str, title: str) -> "Collection | None":
    # The client repeats the pages of a list by itself; a list shows four items of each collection.
    listed = api.list_collections(owner=namespace)
    slug = next((collection.slug for collection in listed if collection.title == title), None)
    return None if slug is None else patiently(lambda: api.get_collection(slug))


def _put(api: "HfApi", collection: "Collection", item: CollectionItem) -> None:
    wanted = (item.repo_type, item.repo_id)
    there = next((one for one in collection.items if (one.item_type, one.item_id) == wanted), None)
    if there is None:
        patiently(
            partial(
                api.add_collection_item,
                collection.slug,
                item.repo_id,
                item.repo_type,
                note=item.note,
                exists_ok=True,
            )
        )
    elif item.note is not None and item.note != there.note:
        patiently(partial(api.update_collection_item, collection.slug, there.item_object_id, note=item.note))


@contextmanager
def _explained(to: Destination, namespace: str, title: str) -> Iterator[None]:
    """Turn the client's errors into one line."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    named = f"collection {title!r} of {namespace}"
    again = "run it again to complete the collection"
    try:
        yield
    except Exception as error:
        for cause in causes(error):
            if isinstance(cause, HfHubHTTPError):
                status = cause.response.status_code
                if status in (401, 403):
                    raise UserError(
                        f"{to.endpoint} does not let this token write the {named} ({status}); "
                        "use a token that may write to repositories and collections of that namespace"
                    ) from None
                said = " ".join((cause.server_message or str(cause)).split())
                # A Hub may quote what it was sent.
                said = said.replace(to.token, "***") if to.token else said
                raise UserError(f"{to.endpoint} refused the {named} ({status}: {said}); {again}") from None
            if isinstance(cause, OfflineModeIsEnabled):
                raise UserError(f"HF_HUB_OFFLINE is set; unset it to update the {named} on {to.endpoint}") from None
            if isinstance(cause, httpx.TransportError | json.JSONDecodeError):
                raise UserError(
                    f"{to.endpoint} cannot be reached ({type(cause).__name__}); check the address, then {again}"
                ) from None
        raise
