"""Loading releases by version, with and without a Hub."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, constants

from lemonpress.errors import UserError
from lemonpress.hub.destination import Destination
from lemonpress.hub.load import load, snapshot
from lemonpress.hub.local.server import LocalHub, running
from lemonpress.hub.release import release

README = """---
license: apache-2.0
configs:
- config_name: paraphrase
  default: true
  data_files:
  - {split: train, path: paraphrase/train.parquet}
  - {split: test, path: paraphrase/test.parquet}
- config_name: rejected
  data_files:
  - {split: train, path: rejected/*.parquet}
---
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path / "home"))


def publish(hub: LocalHub, tmp_path: Path, repo: str, version: str, marker: str) -> str | None:
    tree = tmp_path / version
    for name in ("paraphrase/train", "paraphrase/test", "rejected/a", "rejected/b"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"source": [f"{marker} {name}"]}), tree / f"{name}.parquet")
    (tree / "README.md").write_text(README)
    (tree / "provenance.json").write_text("{}")
    return release(tree, repo, "dataset", version, Destination(hub.endpoint, hub.token, local=True)).commit


def test_a_version_loads_after_main_moved_on(hub: LocalHub, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish(hub, tmp_path, "press/loaded", version, version)
    for version in ("1.0.0", "1.1.0", "1.0.0"):
        corpus = load("press/loaded", "paraphrase", version, endpoint=hub.endpoint)
        assert {split: rows["source"] for split, rows in corpus.items()} == {
            "train": [f"{version} paraphrase/train"],
            "test": [f"{version} paraphrase/test"],
        }
    assert load("press/loaded", version="v1.0.0", split="test", endpoint=hub.endpoint)[0]["source"].startswith("1.0.0")
    assert load("press/loaded", split="test", endpoint=hub.endpoint)[0]["source"].startswith("1.1.0")
    rejected = load("press/loaded", "rejected", "1.0.0", "train", hub.endpoint)
    assert rejected["source"] == ["1.0.0 rejected/a", "1.0.0 rejected/b"]


def test_every_form_of_data_files_is_loaded(hub: LocalHub, api: HfApi, tmp_path: Path) -> None:
    card = """\ufeff---
configs:
- {config_name: string, data_files: "*.parquet"}
- {config_name: strings, data_files: [b/b.parquet, a.parquet]}
- {config_name: mapping, data_files: {one: a.parquet, two: [b/b.parquet]}}
- config_name: entries
  data_files:
  - {split: one, path: "**/b.parquet"}
  - {split: two, path: "**/a.parquet"}
  - {split: one, path: b/*/c.parquet}
- {config_name: text, data_files: README.md}
- {config_name: none}
---
"""
    tree = tmp_path / "forms"
    for name in ("a", "b/b", "b/c/c"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"source": [name]}), tree / f"{name}.parquet")
    (tree / "README.md").write_text(card, encoding="utf-8")
    api.create_repo("press/forms", repo_type="dataset")
    api.upload_folder(repo_id="press/forms", repo_type="dataset", folder_path=tree)
    for config, expected in {
        "string": {"train": ["a"]},
        "strings": {"train": ["b/b", "a"]},
        "mapping": {"one": ["a"], "two": ["b/b"]},
        "entries": {"one": ["b/b", "b/c/c"], "two": ["a"]},
    }.items():
        loaded = load("press/forms", config, endpoint=hub.endpoint)
        assert {split: rows["source"][:] for split, rows in loaded.items()} == expected
    for name, message in {"text": "not in Parquet files", "none": "lists no files", None: "name a config"}.items():
        with pytest.raises(UserError, match=message):
            load("press/forms", name, endpoint=hub.endpoint)


def test_what_is_not_there_is_named(hub: LocalHub, tmp_path: Path) -> None:
    publish(hub, tmp_path, "press/named", "1.0.0", "one")
    for arguments, message in (
        ({"version": "9.9.9"}, r"has no version v9\.9\.9"),
        ({"config": "control"}, "no config 'control'; there are: paraphrase, rejected"),
        ({"split": "dev"}, "no split 'dev'; there are: train, test"),
    ):
        with pytest.raises(UserError, match=message):
            load("press/named", endpoint=hub.endpoint, **arguments)
    with pytest.raises(UserError, match="has no such repository"):
        load("press/nowhere", endpoint=hub.endpoint)
    with pytest.raises(UserError, match="is no repository name"):
        load("no where", endpoint=hub.endpoint)


def test_without_the_hub_only_what_was_asked_for_is_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path / "hub") as hub:
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            publish(hub, tmp_path, "press/away", version, version)
        load("press/away", version="1.0.0", endpoint=hub.endpoint)
        load("press/away", version="1.1.0", split="train", endpoint=hub.endpoint)
    # Of these, datasets.load_dataset would return a cached other version.
    with pytest.raises(UserError, match=r"cannot be reached .* v1\.2\.0 is not cached"):
        load("press/away", version="1.2.0", endpoint=hub.endpoint)
    with pytest.raises(UserError, match="cannot be reached"):
        load("press/away", endpoint=hub.endpoint)
    assert load("press/away", version="1.1.0", split="train", endpoint=hub.endpoint)[0]["source"].startswith("1.1.0")
    assert load("press/away", version="1.0.0", endpoint=hub.endpoint)["train"][0]["source"].startswith("1.0.0")
    # Offline by choice; otherwise the client tries for half a minute to complete the version.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="cannot be reached"):
        load("press/away", version="1.1.0", endpoint=hub.endpoint)
    assert load("press/away", version="1.0.0", endpoint=hub.endpoint)["test"][0]["source"].startswith("1.0.0")


def test_snapshot_is_the_folder_of_the_tagged_commit(hub: LocalHub, tmp_path: Path) -> None:
    to = Destination(hub.endpoint, hub.token, local=True)
    tree = tmp_path / "model"
    tree.mkdir()
    (tree / "README.md").write_text("---\nlicense: mit\n---\n")
    (tree / "provenance.json").write_text("{}")
    commits = []
    for version in ("1.0.0", "1.1.0"):
        (tree / "config.json").write_text(f'{{"made": "{version}"}}')
        commits.append(release(tree, "press/snapshot", "model", version, to).commit)
    folder = snapshot("press/snapshot", "1.0.0", hub.endpoint)
    assert folder.name == commits[0]
    assert "1.0.0" in (folder / "config.json").read_text()
    with pytest.raises(UserError, match="has no version v2"):
        snapshot("press/snapshot", "2.0.0", hub.endpoint)
