"""Collections of the local Hub through the stock client, and the one call that keeps a collection complete."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError

from lemonpress.errors import UserError
from lemonpress.hub.collection import CollectionItem, update_collection
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.faults import Fault, Faults, once
from lemonpress.hub.local.server import LocalHub, running

NUMBERS = count()
LOST = Fault(hang_up=True, done=True)


@pytest.fixture(scope="module")
def faults() -> Faults:
    """What goes wrong with the Hub of these tests."""
    return Faults()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, faults: Faults) -> Iterator[LocalHub]:
    with running(tmp_path_factory.mktemp("hub"), faults=faults) as started:
        yield started


@pytest.fixture
def to(hub: LocalHub) -> Destination:
    return Destination(hub.endpoint, hub.token, local=True)


@pytest.fixture(autouse=True)
def _sound_and_quick(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.001)))
    faults.rule = None


@pytest.fixture
def space() -> str:
    """A namespace of the test's own."""
    return f"press-{next(NUMBERS)}"


def made(api: HfApi, space: str, *names: str) -> list[str]:
    """Dataset repositories."""
    return [api.create_repo(f"{space}/{name}", repo_type="dataset").repo_id for name in names]


def contents(api: HfApi, slug: str) -> list[tuple[str, str | None]]:
    return [(item.item_id, item.note) for item in api.get_collection(slug).items]


def status(error: pytest.ExceptionInfo[HfHubHTTPError]) -> int:
    return error.value.response.status_code


def test_a_collection_is_made_once(api: HfApi, space: str) -> None:
    first = api.create_collection("Réécrire: Corpora!", namespace=space, description="What was pressed")
    assert first.slug.startswith(f"{space}/r-crire-corpora-")
    assert first.url == f"{api.endpoint}/collections/{first.slug}"
    assert (first.description, first.private, first.items) == ("What was pressed", False, [])
    with pytest.raises(HfHubHTTPError) as again:
        api.create_collection("Réécrire: Corpora!", namespace=space)
    assert status(again) == 409
    assert api.create_collection("Réécrire: Corpora!", namespace=space, exists_ok=True) == first
    with ThreadPoolExecutor(8) as pool:
        slugs = list(
            pool.map(lambda _: api.create_collection("Together", namespace=space, exists_ok=True).slug, range(8))
        )
    assert len(set(slugs)) == 1
    assert [found.title for found in api.list_collections(owner=space)] == ["Together", "Réécrire: Corpora!"]
    assert len(list(api.list_collections(owner=space, limit=1))) == 1
    assert list(api.list_collections(owner="nobody")) == []


def test_items_are_added_noted_moved_and_removed(api: HfApi, space: str) -> None:
    one, two = made(api, space, "one", "two")
    model = api.create_repo(f"{space}/student").repo_id
    slug = api.create_collection("Items", namespace=space).slug
    api.add_collection_item(slug, one, "dataset", note="the <first>")
    api.add_collection_item(slug, two, "dataset")
    assert api.add_collection_item(slug, model, "model").items[-1].item_type == "model"
    with pytest.raises(HfHubHTTPError) as twice:
        api.add_collection_item(slug, one, "dataset", note="again")
    assert status(twice) == 409
    api.add_collection_item(slug, one, "dataset", note="again", exists_ok=True)
    assert contents(api, slug) == [(one, "the <first>"), (two, None), (model, None)]
    assert [found.slug for found in api.list_collections(item=f"models/{model}")] == [slug]

    items = api.get_collection(slug).items
    assert [item.position for item in items] == [0, 1, 2]
    api.update_collection_item(slug, items[1].item_object_id, note="second")
    api.update_collection_item(slug, items[2].item_object_id, position=0)
    assert contents(api, slug) == [(model, None), (one, "the <first>"), (two, "second")]
    api.delete_collection_item(slug, items[0].item_object_id)
    api.delete_collection_item(slug, items[0].item_object_id, missing_ok=True)
    with pytest.raises(HfHubHTTPError) as gone:
        api.update_collection_item(slug, items[0].item_object_id, note="late")
    assert status(gone) == 404
    assert contents(api, slug) == [(model, None), (two, "second")]
    with pytest.raises(HfHubHTTPError) as missing:
        api.add_collection_item(slug, f"{space}/nowhere", "dataset")
    assert status(missing) == 404
    with pytest.raises(BadRequestError, match="no items of type 'paper'"):
        api.add_collection_item(slug, "2307.09288", "paper")


def test_items_follow_their_repositories(api: HfApi, space: str) -> None:
    kept, moved, deleted = made(api, space, "kept", "moved", "deleted")
    slug = api.create_collection("Following", namespace=space).slug
    for repo in (kept, moved, deleted):
        api.add_collection_item(slug, repo, "dataset")
    api.move_repo(moved, f"{space}/here", repo_type="dataset")
    api.delete_repo(deleted, repo_type="dataset")
    assert contents(api, slug) == [(kept, None), (f"{space}/here", None)]
    with pytest.raises(HfHubHTTPError) as there:
        api.add_collection_item(slug, f"{space}/here", "dataset")
    assert status(there) == 409


def test_metadata_changes_and_old_addresses_stay(api: HfApi, space: str) -> None:
    slug = api.create_collection("First name", namespace=space).slug
    changed = api.update_collection_metadata(slug, title="Second name", description="More", theme="pink")
    assert changed.slug == slug.replace("first-name", "second-name")
    assert (changed.title, changed.description, changed.theme) == ("Second name", "More", "pink")
    assert api.get_collection(slug) == changed
    assert api.update_collection_metadata(slug, title="Second name") == changed, "the moment of the change moved"
    for wrong in ({"title": "x" * 60}, {"title": ""}, {"description": "x" * 151}, {"theme": "grey"}, {"position": 1}):
        with pytest.raises(BadRequestError):
            api.update_collection_metadata(slug, **wrong)  # type: ignore[arg-type]
    api.delete_collection(changed.slug)
    api.delete_collection(changed.slug, missing_ok=True)
    with pytest.raises(HfHubHTTPError) as gone:
        api.get_collection(slug)
    assert status(gone) == 404


def test_only_the_owner_writes_and_sees_what_is_private(api: HfApi, anonymous: HfApi, space: str) -> None:
    (public,) = made(api, space, "public")
    secret = api.create_repo(f"{space}/secret", repo_type="dataset", private=True).repo_id
    slug = api.create_collection("Open", namespace=space).slug
    hidden = api.create_collection("Hidden", namespace=space, private=True).slug
    for repo in (public, secret):
        api.add_collection_item(slug, repo, "dataset")
    assert contents(anonymous, slug) == [(public, None)]
    assert [found.slug for found in anonymous.list_collections(owner=space)] == [slug]
    with pytest.raises(HfHubHTTPError) as unseen:
        anonymous.get_collection(hidden)
    assert status(unseen) == 404
    key = api.get_collection(slug).items[0].item_object_id
    foreign = HfApi(endpoint=api.endpoint, token="hf_of_somebody_else")
    for client, code in ((anonymous, 401), (foreign, 403)):
        for write in (
            lambda client: client.create_collection("Theirs", namespace=space),
            lambda client: client.update_collection_metadata(slug, title="Theirs"),
            lambda client: client.add_collection_item(slug, public, "dataset"),
            lambda client: client.update_collection_item(slug, key, note="theirs"),
            lambda client: client.delete_collection_item(slug, key),
            lambda client: client.delete_collection(slug),
        ):
            with pytest.raises(HfHubHTTPError) as refused:
                write(client)
            assert status(refused) == code
    assert api.get_collection(slug).title == "Open"


def test_no_name_leaves_the_hubs_folder(api: HfApi, hub: LocalHub, ask) -> None:  # type: ignore[no-untyped-def]
    token = {"Authorization": f"Bearer {hub.token}"}
    for namespace in ("../..", "a/b", "api", ""):
        body = json.dumps({"title": "Out", "namespace": namespace or ".."}).encode()
        assert ask("POST", "/api/collections", body, **token).status == 400
    for slug in ("..%2F..%2Ftoken", "..%2Flfs/aaaaaaaaaaaaaaaaaaaaaaaa", "press/none"):
        assert ask("GET", f"/api/collections/{slug}", **token).status == 404
    assert {path.name for path in hub.root.iterdir()} <= {
        "collections",
        "lfs",
        "repos",
        "server.lock",
        "tmp",
        "token",
    }


def test_collections_outlive_the_server(tmp_path: Path) -> None:
    with running(tmp_path / "hub") as hub:
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        (repo,) = made(api, "press", "kept")
        slug = api.create_collection("Kept", namespace="press").slug
        api.add_collection_item(slug, repo, "dataset", note="still here")
    with running(tmp_path / "hub") as hub:
        assert contents(HfApi(endpoint=hub.endpoint), slug) == [("press/kept", "still here")]


def test_pages_show_collections_escaped(api: HfApi, space: str, ask) -> None:  # type: ignore[no-untyped-def]
    (repo,) = made(api, space, "shown")
    title, note = "<script>alert(1)</script>", "<b>bold</b> & more"
    slug = api.create_collection(title, namespace=space, description="<i>all</i>").slug
    api.add_collection_item(slug, repo, "dataset", note=note)
    hidden = api.create_collection("Out of sight", namespace=space, private=True).slug
    index, page = ask("GET", "/").body.decode(), ask("GET", f"/collections/{slug}").body.decode()
    assert f'<a href="/collections/{slug}">&lt;script&gt;alert(1)&lt;/script&gt;</a>' in index
    assert f'<a href="/datasets/{repo}">{repo}</a>' in page
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in page
    assert "&lt;i&gt;all&lt;/i&gt;" in page
    assert not any(tag in index + page for tag in ("<script", "<b>", "<i>", "Out of sight"))
    assert ask("GET", f"/collections/{hidden}").status == 404


def test_updating_completes_a_collection_and_then_changes_nothing(
    api: HfApi, to: Destination, faults: Faults, space: str
) -> None:
    names = made(api, space, *"abcdef")
    items = [CollectionItem(name, "dataset", f"corpus {name[-1]}") for name in names]
    page = update_collection(to, space, "Corpora", items[:5], "What was pressed")
    slug = page.removeprefix(f"{to.endpoint}/collections/")
    assert contents(api, slug) == [(item.repo_id, item.note) for item in items[:5]]
    # What people do meanwhile: add one of their own, note one, and order them.
    (theirs,) = made(api, space, "theirs")
    api.add_collection_item(slug, theirs, "dataset", note="read this too")
    api.update_collection_item(slug, api.get_collection(slug).items[5].item_object_id, position=0)

    fewer = [CollectionItem(names[0], "dataset"), CollectionItem(names[1], "dataset", "better"), items[5]]
    assert update_collection(to, space, "Corpora", fewer) == page
    after = api.get_collection(slug)
    assert after.description == "What was pressed"
    assert contents(api, slug) == [
        (theirs, "read this too"),
        (names[0], "corpus a"),
        (names[1], "better"),
        *((item.repo_id, item.note) for item in items[2:]),
    ]
    faults.calls.clear()
    assert update_collection(to, space, "Corpora", fewer, "What was pressed") == page
    assert {method for method, _ in faults.calls} == {"GET"}
    assert api.get_collection(slug) == after
    assert update_collection(to, space, "Corpora", [], "Pressed again") == page
    assert api.get_collection(slug).description == "Pressed again"


@pytest.mark.parametrize(
    ("method", "part", "fault"),
    [
        ("GET", "/api/collections", Fault(status=503)),
        ("POST", "/api/collections", LOST),
        ("POST", "/items", LOST),
        ("POST", "/items", Fault(status=429)),
        ("PATCH", "/items/", LOST),
    ],
)
def test_a_passing_failure_leaves_no_second_collection_or_item(
    api: HfApi, to: Destination, faults: Faults, space: str, method: str, part: str, fault: Fault
) -> None:
    (repo,) = made(api, space, "corpus")
    faults.rule = once(method, part, fault)
    for note in ("one", "two"):
        update_collection(to, space, "Outlived", [CollectionItem(repo, "dataset", note)])
    (found,) = api.list_collections(owner=space)
    assert contents(api, found.slug) == [(repo, "two")]


def test_refusals_are_one_line_without_the_token(
    api: HfApi, to: Destination, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_another_hub")
    (repo,) = made(api, space, "there")
    items = [CollectionItem(repo, "dataset")]
    for where, wanted, message in (
        (Destination(to.endpoint, "hf_wrong", local=True), items, r"does not let this token write the .* \(403\)"),
        (Destination(to.endpoint, None, local=True), items, r"does not let this token write the .* \(401\)"),
        (Destination("http://127.0.0.1:1", to.token, local=True), items, r"cannot be reached \(ConnectError\)"),
        (to, [*items, CollectionItem(f"{space}/no", "dataset")], r"\(404: Repository .*/no not found\); run it again"),
        (to, [CollectionItem(repo, "dataset", "x" * 501)], "note of .*/there: has 501 characters; .* takes 500"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            update_collection(where, space, "Refused", wanted)
        assert "\n" not in str(caught.value)
        assert "hf_" not in str(caught.value)
    with pytest.raises(UserError, match="title: has 60 characters"):
        update_collection(to, space, "x" * 60, items)
    with pytest.raises(UserError, match="description: has 151 characters"):
        update_collection(to, space, "Refused", items, "x" * 151)
