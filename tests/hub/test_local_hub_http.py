"""The local Hub over plain HTTP: ranges, large-file protocol, hostile requests, pages."""

import hashlib
import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lemonpress.hub.local import cards
from lemonpress.hub.local.errors import HubError
from lemonpress.hub.local.names import file_path, repo_id
from lemonpress.hub.local.ranges import byte_range
from lemonpress.hub.local.routes_git import upload_mode
from lemonpress.hub.local.server import LocalHub

Ask = Callable[..., Any]
TEXT = b"0123456789" * 10


@pytest.fixture
def repo(api: HfApi) -> str:
    """A model repository with one regular and one large file."""
    name = api.create_repo("lemonpress/http", exist_ok=True).repo_id
    files = [CommitOperationAdd("dir/text.txt", TEXT), CommitOperationAdd("dir/large.bin", TEXT * 30_000)]
    api.create_commit(name, files, commit_message="files")
    return name


@pytest.mark.parametrize(("path", "content"), [("dir/text.txt", TEXT), ("dir/large.bin", TEXT * 30_000)])
def test_ranges_of_both_kinds_of_file(ask: Ask, repo: str, path: str, content: bytes) -> None:
    url, size = f"/{repo}/resolve/main/{path}", len(content)
    whole = ask("GET", url)
    assert (whole.status, whole.body, whole.headers["content-length"]) == (200, content, str(size))
    assert whole.headers["accept-ranges"] == "bytes"
    for wanted, start, end in (
        ("0-9", 0, 10),
        ("95-", 95, size),
        ("-7", size - 7, size),
        (f"90-{size * 2}", 90, size),
    ):
        part = ask("GET", url, Range=f"bytes={wanted}")
        assert (part.status, part.body) == (206, content[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert part.headers["etag"] == whole.headers["etag"]
    outside = ask("GET", url, Range=f"bytes={size}-")
    assert (outside.status, outside.headers["content-range"]) == (416, f"bytes */{size}")
    assert ask("GET", url, Range="bytes=0-1,5-6").status == 200
    head = ask("HEAD", url)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(size))
    assert len(head.headers["x-repo-commit"]) == 40
    if path.endswith(".bin"):
        digest = hashlib.sha256(content).hexdigest()
        assert head.headers["x-linked-etag"] == head.headers["etag"] == f'"{digest}"'
        assert head.headers["x-linked-size"] == str(size)
    else:
        blob = hashlib.sha1(b"blob %d\0" % size + content).hexdigest()
        assert head.headers["etag"] == f'"{blob}"'


@given(size=st.integers(0, 50), first=st.integers(0, 60), last=st.integers(0, 60))
def test_a_range_lies_inside_the_file_or_is_refused(size: int, first: int, last: int) -> None:
    content = bytes(range(size))
    for header, expected in (
        (f"bytes={first}-{first + last}", content[first : first + last + 1]),
        (f"bytes={first}-", content[first:]),
        (f"bytes=-{last}", content[max(size - last, 0) :]),
    ):
        if expected:
            start, end = byte_range(header, size) or (0, size)
            assert content[start:end] == expected
        else:
            with pytest.raises(HubError, match="outside"):
                byte_range(header, size)


def announce(ask: Ask, hub: LocalHub, repo: str, content: bytes) -> dict[str, Any]:
    """Announce an upload the way Git LFS does and return what the Hub says of the object."""
    body = {"operation": "upload", "objects": [{"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}]}
    url = f"/{repo}.git/info/lfs/objects/batch"
    answer = ask("POST", url, json.dumps(body).encode(), Authorization=f"Bearer {hub.token}")
    assert answer.status == 200
    return json.loads(answer.body)["objects"][0]


def test_a_large_file_is_kept_only_as_announced(ask: Ask, hub: LocalHub, repo: str) -> None:
    content = os.urandom(100_000)
    actions = announce(ask, hub, repo, content)["actions"]
    target = actions["upload"]["href"].removeprefix(hub.endpoint)
    verify = actions["verify"]["href"].removeprefix(hub.endpoint)
    proof = {"Authorization": f"Bearer {hub.token}"}
    for wrong in (content[:-1], content + b"x", content[:-1] + bytes([content[-1] ^ 1])):
        assert ask("PUT", target, wrong).status == 400
        assert ask("POST", verify, b"{}", **proof).status == 400
    assert ask("PUT", target.split("?")[0] + f"?size={len(content)}&ticket=forged", content).status == 403
    assert "actions" in announce(ask, hub, repo, content)
    assert not list((hub.root / "tmp").iterdir())
    assert ask("PUT", target, content).status == 200
    assert ask("POST", verify, json.dumps({"size": len(content)}).encode(), **proof).status == 200
    assert "actions" not in announce(ask, hub, repo, content)
    assert ask("POST", f"/{repo}.git/info/lfs/objects/batch", b"{}").status == 401


@pytest.mark.parametrize("kind", ["lfs", "commit"])
def test_an_upload_that_breaks_off_leaves_nothing(ask: Ask, hub: LocalHub, api: HfApi, repo: str, kind: str) -> None:
    content = os.urandom(300_000)
    before = api.model_info(repo).sha
    if kind == "lfs":
        href = announce(ask, hub, repo, content)["actions"]["upload"]["href"]
        start = f"PUT {href.removeprefix(hub.endpoint)}"
    else:
        start = f"POST /api/models/{repo}/commit/main"
    host, port = hub.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        fields = f"Host: {host}\r\nAuthorization: Bearer {hub.token}\r\nContent-Length: {len(content)}"
        connection.sendall(f"{start} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + content[:200_000])
    deadline, quiet = time.monotonic() + 20, 0
    while quiet < 50 and time.monotonic() < deadline:  # the server may not have begun when the client is gone
        quiet = 0 if list((hub.root / "tmp").iterdir()) else quiet + 1
        time.sleep(0.02)
    assert quiet == 50
    assert api.model_info(repo).sha == before
    if kind == "lfs":
        assert "actions" in announce(ask, hub, repo, content)


def commit(ask: Ask, hub: LocalHub, repo: str, *lines: object) -> Any:
    """Send a commit whose lines are given."""
    head = {"key": "header", "value": {"summary": "raw"}}
    body = "\n".join(json.dumps(line) for line in (head, *lines)).encode()
    return ask("POST", f"/api/models/{repo}/commit/main", body, Authorization=f"Bearer {hub.token}")


HOSTILE_PATHS = [
    "../escape",
    "a/../../escape",
    "/etc/passwd",
    ".git/config",
    "a/.GIT/hooks/pre-commit",
    "a\0b",
    "a\nb",
    "a\\..\\b",
    "a//b",
    "./a",
    "..",
    "",
    "x" * 300,
    "git~1/config",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_no_path_leaves_the_repository(ask: Ask, hub: LocalHub, api: HfApi, repo: str, path: str) -> None:
    before = api.model_info(repo).sha
    for operation in (
        {"key": "file", "value": {"path": path, "content": "eA==", "encoding": "base64"}},
        {
            "key": "lfsFile",
            "value": {"path": path, "algo": "sha256", "oid": hashlib.sha256(TEXT * 30_000).hexdigest()},
        },
        {"key": "deletedFile", "value": {"path": path}},
    ):
        assert commit(ask, hub, repo, operation).status in (400, 404)
    if path:
        for url in (
            f"/{repo}/resolve/main/{quote(path, safe='')}",
            f"/api/models/{repo}/tree/main/{quote(path, safe='')}",
        ):
            assert ask("GET", url).status in (400, 404)
    assert api.model_info(repo).sha == before


@given(path=st.text(alphabet="./a\\\0g~it", max_size=12))
def test_accepted_paths_stay_below_their_folder(path: str) -> None:
    try:
        accepted = file_path(path)
    except HubError:
        return
    assert not accepted.startswith("/")
    assert os.path.normpath(f"/repos/{accepted}") == f"/repos/{accepted}"


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(namespace=st.text(alphabet="./a-\0_", max_size=6), name=st.text(alphabet="./a-\0_git", max_size=6))
def test_accepted_repository_ids_stay_below_their_folder(namespace: str, name: str) -> None:
    try:
        accepted = repo_id("models", namespace, name)
    except HubError:
        return
    assert os.path.normpath(f"/repos/{accepted.full}.git") == f"/repos/{namespace}/{name}.git"


def test_no_url_leaves_the_hubs_folder(ask: Ask, hub: LocalHub, repo: str) -> None:
    secret = hub.token.encode()
    for url in (
        "/../token",
        "/lemonpress/../../token",
        "/lemonpress/http/resolve/main/../../../../token",
        "/lemonpress/http/resolve/main/%2e%2e/%2e%2e/token",
        "/lemonpress/%2e%2e%2f%2e%2e/resolve/main/token",
        "/api/models/..%2f../token",
        "/api/models/lemonpress/http/revision/..%2f..%2ftoken",
        "/api/models/lemonpress/http/tree/refs%2f..%2f..",
        "/lemonpress/http/resolve/HEAD%00/dir/text.txt",
    ):
        answer = ask("GET", url)
        assert answer.status in (400, 401, 404)
        assert secret not in answer.body
    for name in ("../x", "a/b", "..", ".git", "a..b", "x.git", "", "a b", "api/x"):
        namespace, _, rest = name.rpartition("/")
        body = json.dumps({"name": rest, "organization": namespace or None}).encode()
        created = ask("POST", "/api/repos/create", body, Authorization=f"Bearer {hub.token}")
        assert created.status == (200 if name == "a/b" else 400)


def test_malformed_commits_are_refused_with_their_line(ask: Ask, hub: LocalHub, api: HfApi, repo: str) -> None:
    before = api.model_info(repo).sha
    missing = {"path": "a.bin", "algo": "sha256", "oid": "0" * 64, "size": 3}
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 3\n"
    for line, word in (
        ({"key": "lfsFile", "value": missing}, "not uploaded"),
        ({"key": "lfsFile", "value": missing | {"oid": "../../token"}}, "SHA-256"),
        ({"key": "file", "value": {"path": "a", "content": pointer, "encoding": "utf-8"}}, "not uploaded"),
        ({"key": "file", "value": {"path": "a", "content": "***", "encoding": "base64"}}, "base64"),
        ({"key": "file", "value": {"content": ""}}, "Line 2"),
        ({"key": "symlink", "value": {"path": "a"}}, "symlink"),
        ("words", "Line 2"),
    ):
        refused = commit(ask, hub, repo, line)
        assert refused.status == 400
        assert word in json.loads(refused.body)["error"]
    authorised = {"Authorization": f"Bearer {hub.token}"}
    assert ask("POST", f"/api/models/{repo}/commit/main", b"not json\n", **authorised).status == 400
    assert ask("POST", f"/api/models/{repo}/commit/main", b"", **authorised).status == 400
    assert ask("POST", f"/api/models/{repo}/preupload/main", b"[]", **authorised).status == 400
    assert ask("POST", f"/api/models/{repo}/preupload/main", b'{"files":[{}]}', **authorised).status == 400
    assert api.model_info(repo).sha == before


def test_paths_info_takes_json_too(ask: Ask, repo: str) -> None:
    body = json.dumps({"paths": ["dir", "dir/text.txt", "none"]}).encode()
    answer = ask("POST", f"/api/models/{repo}/paths-info/main", body, Content_Type="application/json")
    assert [(item["type"], item["path"]) for item in json.loads(answer.body)] == [
        ("directory", "dir"),
        ("file", "dir/text.txt"),
    ]


def test_tree_links_keep_the_query(ask: Ask, repo: str) -> None:
    url, seen = f"/api/models/{repo}/tree/main?recursive=true&limit=1", []
    while url:
        answer = ask("GET", url)
        seen += [item["path"] for item in json.loads(answer.body)]
        link = answer.headers.get("link", "")
        parts = urlsplit(link[1 : link.find(">")])
        url = f"{parts.path}?{parts.query}" if link else ""
    assert seen == [".gitattributes", "dir", "dir/large.bin", "dir/text.txt"]
    assert ask("GET", f"/api/models/{repo}/tree/main?cursor=%ff").status == 400


def test_requests_for_other_hosts_are_refused(ask: Ask) -> None:
    assert ask("GET", "/api/lemonpress", Host="evil.example:80").status == 403
    assert ask("GET", "/api/lemonpress", Host="localhost").status == 200


def test_what_is_not_served_says_so(ask: Ask, repo: str) -> None:
    assert ask("HEAD", "/api/telemetry/datasets/load").status == 200
    for url in ("/api/jobs/lemonpress", "/api/buckets/a/b", f"/api/models/{repo}/discussions", "/api/agent-harnesses"):
        answer = ask("GET", url)
        assert answer.status == 404
        assert "does not serve" in json.loads(answer.body)["error"]
    xet = ask("GET", f"/api/models/{repo}/xet-write-token/main")
    assert (xet.status, "HF_HUB_DISABLE_XET=1" in xet.headers["x-error-message"]) == (404, True)


@pytest.mark.parametrize(
    ("path", "size", "sample", "mode"),
    [
        ("README.md", 10, b"# T\xc3\xa4xt", "regular"),
        ("cut.txt", 600, b"a" * 511 + b"\xc3", "regular"),
        ("latin.txt", 4, b"T\xe4xt", "lfs"),
        ("zero.txt", 4, b"a\0bc", "lfs"),
        ("huge.json", 6 << 20, b"{}", "lfs"),
        ("model.safetensors", 3, b"abc", "lfs"),
        ("DATA.PARQUET", 3, b"abc", "lfs"),
        ("empty.bin", 0, b"", "regular"),
    ],
)
def test_how_a_file_is_uploaded(path: str, size: int, sample: bytes, mode: str) -> None:
    assert upload_mode(path, size, sample) == mode


def test_the_pages_show_card_files_and_tags_and_run_nothing(ask: Ask, api: HfApi) -> None:
    card = (
        "---\nlicense: mit\ntags: ['<b>']\n---\n# Lemon & lime\n\n<script>alert(1)</script>\n\n"
        "![plot](./plots/a.png) [data](data.csv) [bad](javascript:alert(1))\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    name = api.create_repo("lemonpress/page", repo_type="dataset").repo_id
    files = [
        CommitOperationAdd("README.md", card.encode()),
        CommitOperationAdd("<img src=x>.txt", b"x" * 1500),
        CommitOperationAdd("page.html", b"<script>alert(1)</script>"),
    ]
    api.create_commit(name, files, commit_message="page", repo_type="dataset")
    api.create_tag(name, tag="v1.0.0", repo_type="dataset")
    api.create_repo("lemonpress/hidden-page", private=True)
    for url in (f"/datasets/{name}", f"/datasets/{name}?revision=v1.0.0", f"/datasets/{name}/tree/v1.0.0"):
        page = ask("GET", url)
        html = page.body.decode()
        assert page.status == 200
        assert "<h1>Lemon &amp; lime</h1>" in html
        assert "<td>1</td>" in html
        assert "1.5 kB" in html
        assert "v1.0.0" in html
        assert "license:mit" in html
        assert "<script" not in html
        assert "<img src=x" not in html
        assert "<b>" not in html
        assert 'href="javascript' not in html
        revision = "v1.0.0" if "v1" in url else "main"
        assert f'src="/datasets/{name}/resolve/{revision}/plots/a.png"' in html
        assert "default-src 'none'" in page.headers["content-security-policy"]
    raw = ask("GET", f"/datasets/{name}/resolve/main/page.html")
    assert raw.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in raw.headers["content-security-policy"]
    assert ask("GET", f"/datasets/{name}/blob/main/README.md").headers["location"].endswith("/resolve/main/README.md")
    index = ask("GET", "/").body.decode()
    assert f'href="/datasets/{name}"' in index
    assert "hidden-page" not in index
    assert ask("GET", "/lemonpress/hidden-page").status == 401
    assert ask("GET", f"/datasets/{name}?revision=v9").status == 404


@pytest.mark.parametrize("block", ["a: &a [*a]", "2020-01-01: 1", "a: 2020-13-45", "a: " + "[" * 3000])
def test_odd_metadata_is_no_failure_of_the_hub(block: str) -> None:
    text = f"---\n{block}\n---\n# A card\n"
    assert cards.metadata(text) == {}
    errors, _ = cards.problems(text, "dataset")
    assert all("\n" not in error for error in errors)
