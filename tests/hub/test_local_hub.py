"""The stock HfApi against the local Hub: repositories, commits, revisions, trees, errors."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile, RepoFolder

from lemonpress.hub.local.server import LocalHub

KINDS = ["model", "dataset", "space"]


def put(api: HfApi, repo: str, files: dict[str, bytes], kind: str = "model", message: str = "put", **more: str) -> str:
    """Commit files and return the commit's id."""
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    return api.create_commit(repo, operations, commit_message=message, repo_type=kind, **more).oid


@pytest.mark.parametrize("kind", KINDS)
def test_a_repository_lives_from_creation_to_deletion(api: HfApi, anonymous: HfApi, hub: LocalHub, kind: str) -> None:
    sdk = {"space_sdk": "gradio"} if kind == "space" else {}
    url = api.create_repo("someone/life", repo_type=kind, **sdk)
    prefix = "" if kind == "model" else f"{kind}s/"
    assert str(url) == f"{hub.endpoint}/{prefix}someone/life"
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo("someone/life", repo_type=kind, **sdk)
    assert api.create_repo("someone/life", repo_type=kind, exist_ok=True, **sdk) == url
    assert anonymous.repo_info("someone/life", repo_type=kind).sha
    assert api.create_repo("bare", repo_type=kind, **sdk).repo_id == "lemonpress/bare"

    api.move_repo("someone/life", "lemonpress/after", repo_type=kind)
    assert anonymous.repo_info("someone/life", repo_type=kind).id == "lemonpress/after"
    api.create_repo("someone/life", repo_type=kind, **sdk)
    assert anonymous.repo_info("someone/life", repo_type=kind).id == "someone/life"
    with pytest.raises(HfHubHTTPError, match="409"):
        api.move_repo("someone/life", "lemonpress/after", repo_type=kind)

    for repo in ("someone/life", "lemonpress/after", "lemonpress/bare"):
        api.delete_repo(repo, repo_type=kind)
        assert not api.repo_exists(repo, repo_type=kind)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo("lemonpress/after", repo_type=kind)
    api.delete_repo("lemonpress/after", repo_type=kind, missing_ok=True)


def test_who_am_i_needs_the_token(api: HfApi, anonymous: HfApi, hub: LocalHub) -> None:
    me = api.whoami()
    assert (me["name"], me["auth"]["accessToken"]["role"]) == ("lemonpress", "write")
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(endpoint=hub.endpoint, token="hf_somebody_else").whoami()
    assert (hub.root / "token").stat().st_mode & 0o777 == 0o600
    assert (hub.root / "token").read_text() == hub.token


def test_commits_add_copy_and_delete_regular_and_large_files(api: HfApi, hub: LocalHub, tmp_path: Path) -> None:
    repo = api.create_repo("lemonpress/files").repo_id
    big = os.urandom(4 << 20)
    text = "süß\n".encode()
    first = put(api, repo, {"text.md": text, "data/big.bin": big, "empty.bin": b"", "image.png": b"\x89PNG"})
    info = {item.rfilename: item for item in api.model_info(repo, files_metadata=True).siblings or []}
    assert info["text.md"].lfs is None
    assert info["text.md"].size == 6
    assert info["data/big.bin"].lfs is not None
    assert info["data/big.bin"].lfs.size == info["data/big.bin"].size == 4 << 20
    assert info["empty.bin"].lfs is None
    assert info["image.png"].lfs is not None
    stored = hub.root / "lfs" / info["data/big.bin"].lfs.sha256[:2] / info["data/big.bin"].lfs.sha256[2:4]
    assert (stored / info["data/big.bin"].lfs.sha256).read_bytes() == big

    second = api.create_commit(
        repo,
        [
            CommitOperationCopy("data/big.bin", "copied/big.bin"),
            CommitOperationCopy("text.md", "copied/text.md"),
            CommitOperationDelete("empty.bin"),
            CommitOperationDelete("data/"),
        ],
        commit_message="second",
        commit_description="copies and removals",
        parent_commit=first,
    ).oid
    assert api.list_repo_files(repo) == [".gitattributes", "copied/big.bin", "copied/text.md", "image.png", "text.md"]
    folder = Path(snapshot_download(repo, endpoint=hub.endpoint, cache_dir=tmp_path, revision=second))
    assert (folder / "copied/big.bin").read_bytes() == big
    assert (folder / "copied/text.md").read_text() == "süß\n"
    assert "empty.bin" in api.list_repo_files(repo, revision=first)
    newest = api.list_repo_commits(repo)[0]
    assert (newest.commit_id, newest.title, newest.message) == (second, "second", "copies and removals")

    with pytest.raises(EntryNotFoundError):
        api.delete_file("empty.bin", repo)
    assert put(api, repo, {"text.md": text}) == second
    renamed = put(api, repo, {"image.png/now-a-folder": b"x", "copied": b"now a file"})
    assert api.list_repo_files(repo, revision=renamed) == [
        ".gitattributes",
        "copied",
        "image.png/now-a-folder",
        "text.md",
    ]


def test_copies_between_repositories_carry_regular_files(api: HfApi) -> None:
    source = api.create_repo("lemonpress/copy-source").repo_id
    target = api.create_repo("lemonpress/copy-target", repo_type="dataset").repo_id
    put(api, source, {"notes.txt": b"one"})
    copy = CommitOperationCopy("notes.txt", "from/model.txt", src_repo_id=source, src_repo_type="model")
    api.create_commit(target, [copy], commit_message="copy", repo_type="dataset")
    assert "from/model.txt" in api.list_repo_files(target, repo_type="dataset")


def test_a_commit_on_a_stale_parent_is_refused_and_leaves_nothing(api: HfApi) -> None:
    repo = api.create_repo("lemonpress/parents").repo_id
    start = api.model_info(repo).sha
    head = put(api, repo, {"a": b"1"}, parent_commit=start)
    with pytest.raises(HfHubHTTPError) as refused:
        put(api, repo, {"b": b"2"}, parent_commit=start)
    assert refused.value.response.status_code == 412
    assert api.model_info(repo).sha == head
    assert api.list_repo_files(repo) == [".gitattributes", "a"]
    with pytest.raises(BadRequestError, match="pull requests"):
        put(api, repo, {"b": b"2"}, create_pr=True)
    with pytest.raises(RevisionNotFoundError):
        put(api, repo, {"b": b"2"}, revision="no-such-branch")


def test_tags_and_branches_name_commits_and_tags_never_move(api: HfApi, anonymous: HfApi) -> None:
    repo = api.create_repo("lemonpress/refs", repo_type="dataset").repo_id
    one = put(api, repo, {"a.txt": b"one"}, "dataset")
    api.create_tag(repo, tag="v1.0.0", tag_message="first", repo_type="dataset")
    api.create_branch(repo, branch="feature/x", repo_type="dataset")
    two = put(api, repo, {"a.txt": b"two"}, "dataset")
    three = put(api, repo, {"b.txt": b"three"}, "dataset", revision="feature/x")
    api.create_tag(repo, tag="v2.0.0", revision=two, repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(repo, tag="v1.0.0", revision=two, repo_type="dataset")
    api.create_tag(repo, tag="v1.0.0", revision=two, repo_type="dataset", exist_ok=True)

    refs = anonymous.list_repo_refs(repo, repo_type="dataset")
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"v1.0.0": one, "v2.0.0": two}
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": two, "feature/x": three}
    for revision in ("v1.0.0", one, one[:10], "refs/tags/v1.0.0"):
        assert anonymous.dataset_info(repo, revision=revision).sha == one
    titles = [commit.title for commit in anonymous.list_repo_commits(repo, repo_type="dataset", revision="feature/x")]
    assert titles == ["put", "put", "initial commit"]
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_branch(repo, branch="feature/x", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.create_tag(repo, tag="v3", revision="nowhere", repo_type="dataset")

    api.delete_tag(repo, tag="v2.0.0", repo_type="dataset")
    api.delete_branch(repo, branch="feature/x", repo_type="dataset")
    refs = anonymous.list_repo_refs(repo, repo_type="dataset")
    assert ([ref.name for ref in refs.tags], [ref.name for ref in refs.branches]) == (["v1.0.0"], ["main"])
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag(repo, tag="v2.0.0", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="403"):
        api.delete_branch(repo, branch="main", repo_type="dataset")
    assert not api.revision_exists(repo, "v2.0.0", repo_type="dataset")


def test_trees_come_in_pages_and_paths_are_looked_up(api: HfApi, anonymous: HfApi) -> None:
    repo = api.create_repo("lemonpress/tree").repo_id
    put(api, repo, {f"d{number % 7}/f{number:04d}.txt": b"%d" % number for number in range(1100)}, message="many")
    put(api, repo, {"d1/f0001.txt": b"changed"}, message="change one")
    entries = list(anonymous.list_repo_tree(repo, recursive=True))
    files = [entry.path for entry in entries if isinstance(entry, RepoFile)]
    assert len(files) == len(set(files)) == 1101
    assert [entry.path for entry in entries if isinstance(entry, RepoFolder)] == [f"d{number}" for number in range(7)]
    top = [entry.path for entry in anonymous.list_repo_tree(repo)]
    assert top == [".gitattributes", *(f"d{number}" for number in range(7))]
    assert len(list(anonymous.list_repo_tree(repo, "d3"))) == 157
    titles = {entry.path: entry.last_commit.title for entry in anonymous.list_repo_tree(repo, "d1", expand=True)}
    assert len(titles) == 157
    assert titles["d1/f0001.txt"] == "change one"
    assert set(titles.values()) == {"change one", "many"}
    for missing in ("nothing", "d1/f0001.txt", "d1/f0001.txt/below"):
        with pytest.raises(EntryNotFoundError):
            list(anonymous.list_repo_tree(repo, missing))

    found = anonymous.get_paths_info(repo, ["d1", "d1/f0001.txt", "absent", "d1/f0001.txt/below"], expand=True)
    assert [type(entry) for entry in found] == [RepoFolder, RepoFile]
    assert [entry.last_commit.title for entry in found if entry.last_commit] == ["change one", "change one"]
    assert anonymous.file_exists(repo, "d1/f0001.txt")
    assert not anonymous.file_exists(repo, "d1/absent.txt")


def test_what_gitignore_excludes_is_not_uploaded(api: HfApi, tmp_path: Path) -> None:
    repo = api.create_repo("lemonpress/ignore").repo_id
    put(api, repo, {".gitignore": b"*.log\nbuild/\n"})
    for name in ("kept.txt", "run.log", "build/out.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    api.upload_folder(repo_id=repo, folder_path=tmp_path)
    assert api.list_repo_files(repo) == [".gitattributes", ".gitignore", "kept.txt"]
    (tmp_path / "kept.txt").unlink()
    (tmp_path / "new.txt").write_text("new")
    api.upload_folder(repo_id=repo, folder_path=tmp_path, delete_patterns="*.txt")
    assert api.list_repo_files(repo) == [".gitattributes", ".gitignore", "new.txt"]


def test_private_repositories_look_missing_to_others(
    api: HfApi, anonymous: HfApi, hub: LocalHub, tmp_path: Path
) -> None:
    repo = api.create_repo("lemonpress/secret", private=True).repo_id
    put(api, repo, {"a.txt": b"secret"})
    foreign = HfApi(endpoint=hub.endpoint, token="hf_somebody_else")
    for outsider, status in ((anonymous, 401), (foreign, 404)):
        for name in (repo, "lemonpress/never-made"):
            with pytest.raises(RepositoryNotFoundError) as refused:
                outsider.model_info(name)
            assert refused.value.response.status_code == status
        assert repo not in [model.id for model in outsider.list_models()]
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download(repo, "a.txt", endpoint=hub.endpoint, token=False, cache_dir=tmp_path)
    assert api.model_info(repo).private
    assert repo in [model.id for model in api.list_models()]
    api.update_repo_settings(repo, private=False)
    assert anonymous.model_info(repo).private is False


def test_only_the_token_writes(api: HfApi, anonymous: HfApi, hub: LocalHub) -> None:
    repo = api.create_repo("lemonpress/guarded").repo_id
    foreign = HfApi(endpoint=hub.endpoint, token="hf_somebody_else")
    assert foreign.model_info(repo).id == repo
    for outsider, status in ((anonymous, 401), (foreign, 403)):
        for write in (
            lambda outsider=outsider: put(outsider, repo, {"a": b"1"}),
            lambda outsider=outsider: outsider.create_tag(repo, tag="v1"),
            lambda outsider=outsider: outsider.create_repo("lemonpress/theirs"),
            lambda outsider=outsider: outsider.delete_repo(repo),
            lambda outsider=outsider: outsider.update_repo_settings(repo, private=True),
            lambda outsider=outsider: outsider.move_repo(repo, "lemonpress/theirs"),
        ):
            with pytest.raises(HfHubHTTPError) as refused:
                write()
            assert refused.value.response.status_code == status
    assert api.list_repo_files(repo) == [".gitattributes"]


def test_gated_files_need_the_token(api: HfApi, anonymous: HfApi, hub: LocalHub, tmp_path: Path) -> None:
    repo = api.create_repo("lemonpress/gated", repo_type="dataset").repo_id
    put(api, repo, {"a.txt": b"gated"}, "dataset")
    api.update_repo_settings(repo, repo_type="dataset", gated="auto")
    assert anonymous.dataset_info(repo).gated == "auto"
    with pytest.raises(GatedRepoError):
        anonymous.auth_check(repo, repo_type="dataset")
    api.auth_check(repo, repo_type="dataset")
    where = {"repo_type": "dataset", "endpoint": hub.endpoint, "cache_dir": tmp_path}
    with pytest.raises(GatedRepoError):
        hf_hub_download(repo, "a.txt", token=False, **where)
    assert Path(hf_hub_download(repo, "a.txt", token=hub.token, **where)).read_text() == "gated"


def test_missing_revisions_and_files_raise_the_clients_errors(api: HfApi, hub: LocalHub, tmp_path: Path) -> None:
    repo = api.create_repo("lemonpress/missing").repo_id
    with pytest.raises(RevisionNotFoundError):
        api.model_info(repo, revision="v9")
    with pytest.raises(EntryNotFoundError) as refused:
        hf_hub_download(repo, "absent.txt", endpoint=hub.endpoint, cache_dir=tmp_path)
    assert refused.value.response.headers["X-Repo-Commit"] == api.model_info(repo).sha
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download(repo, "absent.txt", endpoint=hub.endpoint, cache_dir=tmp_path, revision="v9")
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("gpt2")
    with pytest.raises(HfHubHTTPError, match="does not serve"):
        api.get_repo_discussions(repo).__next__()


def test_lists_are_filtered_by_author_search_and_tag(api: HfApi, anonymous: HfApi) -> None:
    card = (
        b"---\nlicense: mit\nlanguage: [en, de]\ntags: [paraphrase]\ntask_categories: [text-generation]\n---\n# Card\n"
    )
    for name in ("listers/one", "listers/two", "others/one"):
        api.create_repo(name, repo_type="dataset")
    put(api, "listers/one", {"README.md": card}, "dataset")
    assert [found.id for found in anonymous.list_datasets(author="listers")] == ["listers/one", "listers/two"]
    assert [found.id for found in anonymous.list_datasets(author="listers", limit=1)] == ["listers/one"]
    assert {found.id for found in anonymous.list_datasets(search="ONE")} >= {"listers/one", "others/one"}
    assert [found.id for found in anonymous.list_datasets(author="listers", filter="paraphrase")] == ["listers/one"]
    assert [found.id for found in anonymous.list_datasets(author="listers", language="de")] == ["listers/one"]
    assert [found.id for found in anonymous.list_datasets(author="listers", task_categories="text-generation")]
    assert not list(anonymous.list_datasets(author="listers", filter=["paraphrase", "license:gpl-3.0"]))
    info = anonymous.dataset_info("listers/one")
    assert info.card_data is not None
    assert info.card_data.license == "mit"
    assert {"license:mit", "language:de", "paraphrase"} <= set(info.tags or [])
    assert "listers" not in [found.id.split("/")[0] for found in anonymous.list_models(author="listers")]


def test_cards_are_validated_before_they_are_pushed(api: HfApi) -> None:
    repo = api.create_repo("lemonpress/cards").repo_id
    with pytest.raises(ValueError, match="Bad YAML"):
        put(api, repo, {"README.md": b"---\nlicense: [mit\n---\n"})
    with pytest.raises(ValueError, match='"license" must be'):
        put(api, repo, {"README.md": b"---\nlicense: {name: mit}\n---\n"})
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        put(api, repo, {"README.md": b"# No metadata\n"})
    api.create_repo("lemonpress/cards", repo_type="space", space_sdk="gradio")
    with pytest.raises(ValueError, match='"sdk" must be one of'):
        put(api, repo, {"README.md": b"---\nsdk: flask\n---\n"}, "space")


def test_concurrent_commits_are_all_kept(api: HfApi) -> None:
    repo = api.create_repo("lemonpress/race").repo_id
    with ThreadPoolExecutor(8) as pool:
        commits = list(pool.map(lambda number: put(api, repo, {f"f{number}.txt": b"%d" % number}), range(16)))
    assert len(set(commits)) == 16
    assert len(api.list_repo_files(repo)) == 17
    assert len(api.list_repo_commits(repo)) == 17

    head = api.model_info(repo).sha

    def race(number: int) -> int:
        try:
            put(api, repo, {"winner.txt": b"%d" % number}, parent_commit=head)
        except HfHubHTTPError as error:
            return error.response.status_code
        return 200

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(race, range(8))) == [200] + [412] * 7


def test_the_file_system_reads_writes_and_lists(hub: LocalHub, api: HfApi) -> None:
    repo = api.create_repo("lemonpress/fs", repo_type="dataset").repo_id
    system = HfFileSystem(endpoint=hub.endpoint, token=hub.token, skip_instance_cache=True)
    root = f"datasets/{repo}"
    with system.open(f"{root}/data/a.txt", "w") as file:
        file.write("lemon" * 1000)
    assert system.ls(f"{root}/data", detail=False) == [f"{root}/data/a.txt"]
    with system.open(f"{root}/data/a.txt", "rb", block_size=100) as file:
        file.seek(4995)
        assert file.read() == b"lemon"
    system.cp_file(f"{root}/data/a.txt", f"{root}/b.txt")
    system.rm(f"{root}/data/a.txt")
    assert [Path(name).name for name in system.glob(f"{root}/**/*.txt")] == ["b.txt"]
