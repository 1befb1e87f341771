"""Releases against a real Hub over the stock client."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoFile

from lemonpress.errors import UserError
from lemonpress.hub.destination import Destination, destination
from lemonpress.hub.local.faults import Fault, Faults, once
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.release import Release, release

README = """---
license: apache-2.0
configs:
- config_name: paraphrase
  default: true
  data_files:
  - split: train
    path: paraphrase/train.parquet
---
# A corpus
"""
SPOILT = {
    "429": Fault(status=429),
    "503": Fault(status=503),
    "cut": Fault(hang_up=True),
    "lose": Fault(hang_up=True, done=True),
}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path / "home"))


@pytest.fixture
def to(hub: LocalHub) -> Destination:
    return Destination(hub.endpoint, hub.token, local=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "paraphrase").mkdir(parents=True)
    (tree / "README.md").write_text(README)
    (tree / "provenance.json").write_text("{}")
    rows(tree, 20)
    return tree


@pytest.fixture
def repo(request: pytest.FixtureRequest) -> str:
    """A repository of the test's own."""
    return "press/" + request.node.name.replace("[", "-").replace("]", "").replace("_", "-")


def rows(tree: Path, count: int) -> None:
    # The Hub keeps a large file once; one that it has from another test would not be uploaded.
    numbers = [f"sentence {number} of {tree}" for number in range(count)]
    pq.write_table(pa.table({"source": numbers, "target": numbers}), tree / "paraphrase" / "train.parquet")


def paths(api: HfApi, repo: str, revision: str) -> set[str]:
    tree = api.list_repo_tree(repo, repo_type="dataset", revision=revision, recursive=True)
    return {item.path for item in tree if isinstance(item, RepoFile)} - {".gitattributes"}


def releases(api: HfApi, repo: str) -> list[str]:
    commits = api.list_repo_commits(repo, repo_type="dataset")
    return [commit.title for commit in commits if commit.title.startswith("Release")]


def tags(api: HfApi, repo: str) -> dict[str, str]:
    return {tag.name: tag.target_commit for tag in api.list_repo_refs(repo, repo_type="dataset").tags}


def test_release_is_one_commit_and_one_tag(api: HfApi, to: Destination, folder: Path, repo: str) -> None:
    made = release(folder, repo, "dataset", "1.0.0", to)
    assert made.uploaded
    assert tags(api, repo) == {"v1.0.0": made.commit}
    assert releases(api, repo) == ["Release v1.0.0"]
    expected = {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()
    }
    assert dict(made.files) == expected
    assert paths(api, repo, "v1.0.0") == set(expected)
    assert made.url == f"{to.endpoint}/datasets/{repo}"


def test_releasing_again_uploads_nothing(api: HfApi, to: Destination, folder: Path, repo: str) -> None:
    first = release(folder, repo, "dataset", "1.0.0", to)
    second = release(folder, repo, "dataset", "1.0.0", to)
    assert second == Release(**{**vars(first), "uploaded": False})
    assert len(releases(api, repo)) == 1


def test_changed_content_under_the_same_tag_is_refused(api: HfApi, to: Destination, folder: Path, repo: str) -> None:
    first = release(folder, repo, "dataset", "1.0.0", to)
    rows(folder, 21)
    with pytest.raises(
        UserError, match=r"v1\.0\.0 of .* exists with other content \(paraphrase/train.parquet\).*version"
    ):
        release(folder, repo, "dataset", "1.0.0", to)
    assert tags(api, repo) == {"v1.0.0": first.commit}
    assert len(releases(api, repo)) == 1


def test_a_new_version_removes_stale_files_and_keeps_the_old_tag(
    api: HfApi, to: Destination, folder: Path, repo: str
) -> None:
    (folder / "old").mkdir()
    (folder / "old" / "notes.txt").write_text("gone soon")
    release(folder, repo, "dataset", "1.0.0", to)
    (folder / "old" / "notes.txt").unlink()
    rows(folder, 30)
    made = release(folder, repo, "dataset", "1.1.0", to)
    assert made.uploaded
    assert "old/notes.txt" in paths(api, repo, "v1.0.0")
    assert paths(api, repo, "v1.1.0") == {"README.md", "provenance.json", "paraphrase/train.parquet"}
    assert releases(api, repo) == ["Release v1.1.0", "Release v1.0.0"]


def test_a_gitattributes_file_of_the_hub_is_kept(api: HfApi, to: Destination, folder: Path, repo: str) -> None:
    api.create_repo(repo, repo_type="dataset")
    api.upload_file(
        path_or_fileobj=b"*.zst filter=lfs\n", path_in_repo=".gitattributes", repo_id=repo, repo_type="dataset"
    )
    release(folder, repo, "dataset", "1.0.0", to)
    assert api.file_exists(repo, ".gitattributes", repo_type="dataset", revision="v1.0.0")
    assert not release(folder, repo, "dataset", "1.0.0", to).uploaded


def test_models_and_spaces_are_released_too(api: HfApi, to: Destination, tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    model = tmp_path / "model"
    (model / "adapter").mkdir(parents=True)
    (model / "README.md").write_text("---\nlicense: mit\n---\n")
    (model / "provenance.json").write_text("{}")
    (model / "adapter" / "adapter_config.json").write_text(
        '{"base_model_name_or_path": "press/base", "revision": "' + "a" * 40 + '"}'
    )
    save_file({"w": np.zeros(300_000, dtype=np.float32)}, model / "model.safetensors")
    assert release(model, "press/model", "model", "1.0.0", to).uploaded
    assert not release(model, "press/model", "model", "1.0.0", to).uploaded
    space = tmp_path / "space"
    space.mkdir()
    (space / "README.md").write_text("---\nsdk: gradio\n---\n")
    (space / "provenance.json").write_text("{}")
    (space / "app.py").write_text("print()\n")
    made = release(space, "press/space", "space", "1.0.0", to)
    assert api.file_exists("press/space", "app.py", repo_type="space", revision=str(made.commit))


@pytest.mark.parametrize(
    ("method", "part", "fault"),
    [
        ("GET", "/refs", "503"),
        ("POST", "/repos/create", "429"),
        ("POST", "/validate-yaml", "503"),
        ("POST", "/preupload/", "cut"),
        ("PUT", "", "503"),
        ("POST", "/commit/", "429"),
        ("POST", "/commit/", "lose"),
        ("POST", "/tag/", "lose"),
        ("GET", "/tree/", "cut"),
    ],
)
def test_a_passing_failure_is_outlived(
    api: HfApi, to: Destination, faults: Faults, folder: Path, method: str, part: str, fault: str
) -> None:
    repo = f"press/{method}-{part.strip('/').replace('/', '-') or 'lfs'}-{fault}"
    faults.rule = once(method, part, SPOILT[fault])
    made = release(folder, repo, "dataset", "1.0.0", to)
    assert any(asked == method and part in path for asked, path in faults.calls)
    assert made.uploaded
    assert tags(api, repo) == {"v1.0.0": made.commit}
    assert len(releases(api, repo)) == 1


def test_a_commit_by_someone_else_in_between_is_no_harm(
    api: HfApi, to: Destination, faults: Faults, folder: Path, repo: str
) -> None:
    meddled: list[str] = []

    def meddle(method: str, path: str) -> None:
        if method == "POST" and "/commit/" in path and not meddled:
            meddled.append(path)
            api.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=repo, repo_type="dataset")

    faults.rule = meddle
    made = release(folder, repo, "dataset", "1.0.0", to)
    assert meddled
    assert paths(api, repo, str(made.commit)) == {path for path, _ in made.files}
    assert next(commit.title for commit in api.list_repo_commits(repo, repo_type="dataset")) == "Release v1.0.0"
    assert len(releases(api, repo)) == 1


def test_a_release_killed_before_its_tag_is_completed(
    api: HfApi, to: Destination, faults: Faults, folder: Path, repo: str
) -> None:
    reached, killed = threading.Event(), threading.Event()

    def hold(method: str, path: str) -> Fault | None:
        if method == "POST" and "/tag/" in path:
            reached.set()
            killed.wait(30)
            return Fault(hang_up=True)
        return None

    faults.rule = hold
    script = (
        "import os; from pathlib import Path; from lemonpress.hub.destination import Destination\n"
        "from lemonpress.hub.release import release\n"
        f"release(Path({str(folder)!r}), {repo!r}, 'dataset', '1.0.0',"
        f" Destination({to.endpoint!r}, os.environ['WRITE_TOKEN'], True))"
    )
    environment = {**os.environ, "WRITE_TOKEN": to.token or ""}
    child = subprocess.Popen([sys.executable, "-c", script], env=environment, start_new_session=True)
    try:
        assert reached.wait(60)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        killed.set()
        faults.rule = None
    assert tags(api, repo) == {}
    completed = release(folder, repo, "dataset", "1.0.0", to)
    assert completed.uploaded
    assert tags(api, repo) == {"v1.0.0": completed.commit}
    assert len(releases(api, repo)) == 1


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads the argument lists of processes from /proc")
def test_the_token_is_in_no_error_argument_or_environment(
    to: Destination, faults: Faults, folder: Path, repo: str, capfd: pytest.CaptureFixture[str]
) -> None:
    token = to.token
    assert token is not None
    assert token not in repr(to)
    seen: list[bytes] = []
    spoil = once("POST", "/tag/", SPOILT["503"])

    def look(method: str, path: str) -> Fault | None:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                line = (process / "cmdline").read_bytes()
                if b"lemonpress.hub.publish" in line:
                    seen.append(line + (process / "environ").read_bytes())
            except OSError:
                continue  # it ended while we looked
        return spoil(method, path)

    faults.rule = look
    release(folder, repo, "dataset", "1.0.0", to)
    for bad in ("hf_bad\ntoken", "hf_other"):
        with pytest.raises(UserError) as caught:
            release(folder, repo, "dataset", "9.9.9", Destination(to.endpoint, bad, local=True))
        assert "\n" not in str(caught.value)
        assert bad not in str(caught.value)
    assert seen
    assert all(token.encode() not in line for line in seen)
    output = capfd.readouterr()
    assert token not in output.out + output.err
    assert "the Hub answered 503; trying again" in output.err


def test_a_token_that_may_not_write_is_named_as_the_reason(to: Destination, folder: Path, repo: str) -> None:
    for token in ("hf_wrong", None):
        with pytest.raises(UserError, match=r"does not let this token write to press/.* \(40[13]\)"):
            release(folder, repo, "dataset", "1.0.0", Destination(to.endpoint, token, local=True))


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("model.pkl", b"\x80\x04.", "model.pkl: pickles"),
        ("data/training_args.bin", b"\x80\x04.", "data/training_args.bin: pickles"),
        ("build.py", b"print()", "build.py: no such file kind"),
        ("notes.txt", b"\x80\x04\x95.", "notes.txt: its content"),
        ("more.parquet", b"\x80\x04\x95.", "more.parquet: its content"),
        ("README.md", b"# no front matter", "README.md: has no front matter"),
        ("README.md", b"---\na: [\n---\n", "README.md: the front matter is not YAML"),
        ("README.md", README.replace("train.parquet", "all.parquet").encode(), "names paraphrase/all.parquet"),
    ],
)
def test_what_may_not_leave_is_refused_by_name(
    api: HfApi, to: Destination, folder: Path, repo: str, path: str, content: bytes, message: str
) -> None:
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_bytes(content)
    with pytest.raises(UserError, match=message):
        release(folder, "press/refused", "dataset", "1.0.0", to)
    assert not api.repo_exists("press/refused", repo_type="dataset")


def test_links_and_missing_parts_are_refused(to: Destination, folder: Path, repo: str) -> None:
    (folder / "extra.txt").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match=r"extra\.txt: is a link"):
        release(folder, repo, "dataset", "1.0.0", to)
    (folder / "extra.txt").unlink()
    (folder / "provenance.json").unlink()
    with pytest.raises(UserError, match=r"provenance\.json: is missing"):
        release(folder, repo, "dataset", "1.0.0", to)
    with pytest.raises(UserError, match="no such folder"):
        release(folder / "nowhere", repo, "dataset", "1.0.0", to)
    with pytest.raises(UserError, match="version: 'v1'"):
        release(folder, repo, "dataset", "v1", to)


@pytest.mark.parametrize(
    ("path", "config", "message"),
    [
        ("adapter/", '{"base_model_name_or_path": "/home/me/base", "revision": null}', "name the repository"),
        ("adapter/", '{"base_model_name_or_path": "a/b", "revision": "main"}', "pin the commit"),
        ("", '{"base_model_name_or_path": "a/b", "revision": "main"}', "move it to adapter/"),
    ],
)
def test_adapters_without_a_published_base_are_refused(
    to: Destination, tmp_path: Path, path: str, config: str, message: str
) -> None:
    (tmp_path / "model" / "adapter").mkdir(parents=True)
    model = tmp_path / "model"
    (model / "README.md").write_text("---\nlicense: mit\n---\n")
    (model / "provenance.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    (model / f"{path}adapter_config.json").write_text(config)
    with pytest.raises(UserError, match=message):
        release(model, "press/adapter", "model", "1.0.0", to)


def test_destination_takes_the_users_token_and_hides_it(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    found = destination(f"{hub.endpoint}/")
    assert (found.endpoint, found.token, found.local) == (hub.endpoint, hub.token, True)
    assert hub.token not in repr(found)
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(UserError, match="answers 401 to the token") as refused:
        destination(hub.endpoint)
    assert "hf_of_somebody_else" not in str(refused.value)
    with pytest.raises(UserError, match="cannot be reached"):
        destination("http://127.0.0.1:1")
    monkeypatch.setenv("HF_TOKEN", "hf secret")
    with pytest.raises(UserError, match="HF_TOKEN"):
        destination("https://hub.example")
    with pytest.raises(UserError, match=r"'hub\.example' is no Hub"):
        destination("hub.example")
    with pytest.raises(UserError, match="user or password"):
        destination("https://me:pw@hub.example")


def test_local_destination_names_the_port_that_is_taken(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEMONPRESS_HUB_PORT", hub.endpoint.rpartition(":")[2])
    with pytest.raises(UserError, match="LEMONPRESS_HUB_PORT"):
        destination("local")
    monkeypatch.setenv("LEMONPRESS_HUB_PORT", "http")
    with pytest.raises(UserError, match="LEMONPRESS_HUB_PORT: 'http' is no port"):
        destination("local")


def test_large_files_that_the_hub_has_are_not_sent_again(to: Destination, faults: Faults, folder: Path) -> None:
    for number in range(4):
        pq.write_table(pa.table({"x": [f"large {number} {folder}"]}), folder / "paraphrase" / f"more-{number}.parquet")
    seen: list[str] = []

    def third_never_lands(method: str, path: str) -> Fault | None:
        if method == "PUT" and path not in seen:
            seen.append(path)
        return Fault(status=507) if method == "PUT" and path in seen[2:] else None

    faults.rule = third_never_lands
    with pytest.raises(UserError, match="run it again to complete"):
        release(folder, "press/resumed", "dataset", "1.0.0", to)
    stored = set(seen[:2])
    faults.rule = None
    faults.calls.clear()
    assert release(folder, "press/resumed", "dataset", "1.0.0", to).uploaded
    sent = [path for method, path in faults.calls if method == "PUT"]
    assert len(sent) == 3
    assert not stored & set(sent)
