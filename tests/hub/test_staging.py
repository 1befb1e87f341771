"""Versions of one repository after another: changelog, plan, what is recognised and what is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import CommitOperationAdd, HfApi
from safetensors.numpy import save_file

from lemonpress.errors import UserError
from lemonpress.hub.destination import Destination
from lemonpress.hub.load import load
from lemonpress.hub.local.faults import Faults
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.release import Release
from lemonpress.hub.staging import release_folder
from lemonpress.hub.verify import check_weights

Rows = list[tuple[str, str]]
TRAIN: Rows = [(f"sentence {number}", f"context {number // 2}") for number in range(20)]
TEST: Rows = [(f"held-out sentence {number}", f"held-out context {number}") for number in range(6)]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path / "home"))


class Press:
    """Releases versions of one corpus to the local Hub."""

    def __init__(self, hub: LocalHub, folder: Path, repo: str) -> None:
        self.to = Destination(hub.endpoint, hub.token, local=True)
        self.folder = folder
        self.repo = repo

    def __call__(
        self,
        version: str,
        train: Rows = TRAIN,
        test: Rows = TEST,
        *,
        licence: str = "apache-2.0",
        extra: str | None = "score",
        packages: str = "2.13.0",
        recipe: Mapping[str, Any] | None = None,
        said: str = "A corpus.",
        dry_run: bool = False,
    ) -> Release:
        tree = self.folder / f"{version}-{len(list(self.folder.iterdir()))}"
        splits = {"train": train, "test": test}
        (tree / "paraphrase").mkdir(parents=True)
        for split, rows in splits.items():
            table = pa.table(
                {
                    "id": [f"{task}-{text}" for text, task in rows],
                    "source": [text for text, _ in rows],
                    "context_id": [context for _, context in rows],
                    **({extra: [0.5] * len(rows)} if extra else {}),
                }
            )
            pq.write_table(table, tree / "paraphrase" / f"{split}.parquet")
        files = [{"split": split, "path": f"paraphrase/{split}.parquet"} for split in splits]
        matter = {
            "license": licence,
            "task_categories": ["text-generation"],
            "configs": [{"config_name": "paraphrase", "default": True, "data_files": files}],
        }

        def render(stated: Mapping[str, Any]) -> str:
            changes = [f"- {entry['version']}: {text}" for entry in stated["history"] for text in entry["changes"]]
            made = stated["environment"]["packages"]["torch"]
            return "\n".join(["---", yaml.safe_dump(matter).strip(), "---", said, f"torch {made}", *changes, ""])

        origin = {
            "recipe": {"corpora": {"c": {"critics": [{"critic": "rouge_l", "max": 0.75}]}}, **(recipe or {})},
            "models": {"teacher": {"id": "press/teacher", "commit": "a" * 40}},
            "environment": {"packages": {"torch": packages}},
        }
        return release_folder(tree, self.repo, "dataset", version, origin, render, self.to, dry_run=dry_run)


@pytest.fixture
def press(hub: LocalHub, tmp_path: Path, request: pytest.FixtureRequest) -> Press:
    (tmp_path / "trees").mkdir()
    number = abs(hash(request.node.name))
    return Press(hub, tmp_path / "trees", f"press/staged-{number}")


def changed(release: Release) -> dict[str, str]:
    assert release.plan is not None
    return {change.text: change.level for change in release.plan.changes}


def test_a_second_version_has_a_changelog_and_both_load(press: Press, api: HfApi) -> None:
    first = press("1.0.0")
    more = [*TRAIN, ("one more", "context 99"), ("and another", "context 98")]
    second = press("1.1.0", more)
    assert first.uploaded
    assert second.uploaded
    assert changed(second) == {"paraphrase, train: 2 rows are new, 22 in all": "minor"}
    card = Path(api.hf_hub_download(press.repo, "README.md", repo_type="dataset", revision="v1.1.0")).read_text()
    assert "- 1.1.0: paraphrase, train: 2 rows are new, 22 in all" in card
    assert "- 1.0.0: First release." in card
    for version, rows in (("1.0.0", 20), ("1.1.0", 22)):
        loaded = load(press.repo, "paraphrase", version=version, split="train", endpoint=press.to.endpoint)
        assert len(loaded) == rows


def test_an_older_version_is_recognised_with_newer_ones_there(press: Press) -> None:
    first = press("1.0.0")
    press("2.0.0", TRAIN[:10])
    again = press("1.0.0")
    assert (again.uploaded, again.commit) == (False, first.commit)
    assert again.state == "unchanged"


def test_equal_files_of_another_environment_are_the_release_that_is_there(press: Press) -> None:
    first = press("1.0.0", packages="2.13.0")
    again = press("1.0.0", packages="2.14.0")
    assert (again.uploaded, again.commit) == (False, first.commit)


def test_other_rows_under_a_released_version_are_refused_with_the_version_that_fits(press: Press) -> None:
    press("1.0.0")
    with pytest.raises(UserError, match=r"v1\.0\.0 of .* other content .*1 rows are new.*version 1\.1\.0"):
        press("1.0.0", [*TRAIN, ("one more", "context 99")])
    with pytest.raises(UserError, match=r"README.md says something else.*version 1\.0\.1"):
        press("1.0.0", said="Another corpus.")
    assert press("1.0.0").state == "unchanged"


def test_a_version_below_the_newest_is_refused(press: Press) -> None:
    press("1.1.0")
    with pytest.raises(UserError, match=r"1\.0\.5 is below 1\.1\.0"):
        press("1.0.5")


def test_a_dry_run_shows_tree_changes_and_card_and_touches_nothing(press: Press, api: HfApi) -> None:
    would = press("1.0.0", dry_run=True)
    assert not api.repo_exists(press.repo, repo_type="dataset")
    assert would.plan is not None
    assert "first release" in would.plan.text()
    assert "license: apache-2.0" in would.plan.text()
    press("1.0.0")
    before = api.list_repo_commits(press.repo, repo_type="dataset")
    would = press("1.1.0", TRAIN[:18], dry_run=True)
    assert would.state == "would be released"
    assert would.plan is not None
    text = would.plan.text()
    assert "minor  paraphrase, train: 2 of 20 rows are gone" in text
    assert "\n  same     paraphrase/test.parquet " in text
    assert "\n  changed  paraphrase/train.parquet " in text
    assert "\n+- 1.1.0: paraphrase, train: 2 of 20 rows are gone" in text
    assert api.list_repo_commits(press.repo, repo_type="dataset") == before
    assert [tag.name for tag in api.list_repo_refs(press.repo, repo_type="dataset").tags] == ["v1.0.0"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"said": "Said otherwise."}, {"README.md says something else": "patch"}),
        ({"packages": "2.14.0"}, {"made with torch: 2.13.0 → 2.14.0": "patch"}),
        ({"recipe": {"seed": 1}}, {"recipe, seed: none → 1": "minor"}),
        ({"extra": None}, {"paraphrase: column score is gone": "major"}),
        ({"licence": "mit"}, {"licence: apache-2.0 → mit": "major"}),
        ({"test": TEST[:5]}, {"paraphrase, test: 1 of 6 rows are gone": "major"}),
        ({"test": TEST[:5], "train": [*TRAIN, TEST[5]]}, {"paraphrase: 1 rows are in another split": "major"}),
        ({"train": list(reversed(TRAIN))}, {"paraphrase, train: the same rows with other values": "minor"}),
    ],
    ids=["card", "packages", "recipe", "column", "licence", "held-out", "moved", "order"],
)
def test_what_a_change_asks_for(press: Press, other: dict[str, Any], expected: dict[str, str]) -> None:
    press("1.0.0")
    found = changed(press("9.0.0", **other))
    for text, level in expected.items():
        assert [each for said, each in found.items() if said.startswith(text)] == [level], found


def test_a_version_that_says_too_little_is_noted(press: Press, capsys: pytest.CaptureFixture[str]) -> None:
    press("1.0.0")
    press("1.0.1", TRAIN[:12])
    assert "1.0.1 after 1.0.0 says patch, the changes are minor" in capsys.readouterr().err
    press("1.1.0", TRAIN)
    assert "note" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([*TRAIN, TRAIN[0]], "holds a row's id twice"),
        ([*TRAIN, ("new", "held-out context 1")], "context_id held-out context 1: has rows in train and in test"),
        ([], r"paraphrase/train\.parquet: holds no row"),
    ],
)
def test_rows_that_break_the_cards_promises_do_not_leave(press: Press, api: HfApi, train: Rows, message: str) -> None:
    with pytest.raises(UserError, match=message):
        press("1.0.0", train)
    assert not api.repo_exists(press.repo, repo_type="dataset")


def test_weights_that_are_cut_short_do_not_leave(tmp_path: Path) -> None:
    save_file({"w": np.zeros(1000, dtype=np.float32)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    check_weights(tmp_path, ["config.json", "model.safetensors"])
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-1])
    with pytest.raises(UserError, match=r"model\.safetensors: cannot be read"):
        check_weights(tmp_path, ["model.safetensors"])
    (tmp_path / "config.json").write_text('{"model_type": ')
    with pytest.raises(UserError, match=r"config\.json: cannot be read"):
        check_weights(tmp_path, ["config.json"])


def test_files_that_no_release_put_there_are_never_removed(
    press: Press, api: HfApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.create_repo(press.repo, repo_type="dataset")

    def put(path: str) -> None:
        api.upload_file(path_or_fileobj=b"by hand", path_in_repo=path, repo_id=press.repo, repo_type="dataset")

    put("precious/data.csv")
    put("README.md")
    with pytest.raises(UserError, match=r"main holds what no release put there \(precious/data\.csv\)"):
        press("1.0.0")
    api.delete_file("precious/data.csv", press.repo, repo_type="dataset")
    would = press("1.0.0", dry_run=True)
    assert would.plan is not None
    assert "\n  changed  README.md " in would.plan.text()
    assert press("1.0.0").uploaded
    assert "README.md of main is no release's and is replaced" in capsys.readouterr().err
    press("1.1.0", TRAIN[:10])
    assert capsys.readouterr().err == ""
    put("LICENSE")
    assert press("1.1.0", TRAIN[:10]).state == "unchanged"
    with pytest.raises(UserError, match=r"\(LICENSE\)"):
        press("1.2.0")


def test_a_release_that_appears_meanwhile_is_compared_with(
    press: Press, api: HfApi, faults: Faults, capsys: pytest.CaptureFixture[str]
) -> None:
    press("1.0.0")
    meanwhile: list[str] = []

    def other(method: str, path: str) -> None:
        if method == "POST" and "/preupload/" in path and not meanwhile:
            meanwhile.append(path)
            press("1.1.0", TRAIN[:10])

    faults.rule = other
    with pytest.raises(UserError, match=r"1\.0\.5 is below 1\.1\.0"):
        press("1.0.5", TRAIN[:12])
    assert "main moved meanwhile; comparing again" in capsys.readouterr().err
    meanwhile.clear()

    def third(method: str, path: str) -> None:
        if method == "POST" and "/commit/" in path and not meanwhile:
            meanwhile.append(path)
            press("1.2.0", TRAIN[:8])

    faults.rule = third
    made = press("1.3.0", TRAIN[:6])
    assert made.plan is not None
    assert made.plan.before == "1.2.0"
    assert changed(made) == {"paraphrase, train: 2 of 8 rows are gone": "minor"}


def test_equal_rows_of_another_pyarrow_are_the_release_that_is_there(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = press("1.0.0")
    write = pq.write_table
    monkeypatch.setattr(
        pq, "write_table", lambda table, path: write(table, path, compression="gzip", row_group_size=3)
    )
    again = press("1.0.0")
    assert (again.state, again.commit) == ("unchanged", first.commit)
    made = press("1.1.0")
    assert set(changed(made).values()) == {"patch"}
    assert "paraphrase, train: the same rows, written by another version of pyarrow" in changed(made)
    with pytest.raises(UserError, match="the same rows with other values or in another order"):
        press("1.0.0", list(reversed(TRAIN)))


@pytest.mark.parametrize(
    "provenance",
    [
        "[]",
        "no JSON",
        '{"models": ["a"], "environment": null, "datasets": ["squad"], "history": ["one", {"version": "0.9.0"}]}',
        '{"models": {"teacher": "gpt2"}, "environment": {"packages": ["torch"]}, "recipe": [1], "inputs": 3}',
    ],
)
@pytest.mark.parametrize("card", ["# no front matter\n", "---\nconfigs: [default]\ntask_categories: text\n---\n"])
def test_what_other_programs_released_is_compared_with_too(
    press: Press, api: HfApi, provenance: str, card: str
) -> None:
    api.create_repo(press.repo, repo_type="dataset")
    for path, text in {"README.md": card, "provenance.json": provenance, "data/train.csv": "a,b\n"}.items():
        api.upload_file(
            path_or_fileobj=text.encode(),
            path_in_repo=path,
            repo_id=press.repo,
            repo_type="dataset",
            commit_message="Release v1",
        )
    api.create_tag(press.repo, repo_type="dataset", tag="v1.0.0", tag_message="annotated")
    made = press("2.0.0")
    assert made.uploaded
    assert changed(made)["data/train.csv is gone"] == "minor"
    assert changed(made)["configuration paraphrase is new"] == "minor"


def test_no_gitignore_leaves_anything_out(press: Press, api: HfApi) -> None:
    press("1.0.0")
    operations = [
        CommitOperationAdd(".gitignore", b"*.parquet\n"),
        CommitOperationAdd("paraphrase/old.parquet", b"PAR1"),
    ]
    api.create_commit(press.repo, operations, commit_message="Release v1 by hand", repo_type="dataset")
    made = press("1.1.0", TRAIN[:10])
    assert made.uploaded
    names = {path for path, _ in made.files}
    assert {"paraphrase/train.parquet", "paraphrase/test.parquet"} <= names
