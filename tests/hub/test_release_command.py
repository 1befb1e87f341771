"""``lemonpress release``: any folder as a version."""

import os
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lemonpress.cli import main
from lemonpress.hub.local.server import LocalHub

CARD = "---\nsdk: gradio\nlicense: mit\n---\n\n# A Space\n\n## Licence\n\nMIT.\n"


@pytest.fixture
def folder(tmp_path: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_TOKEN", hub.token)
    tree = tmp_path / "space"
    (tree / "__pycache__").mkdir(parents=True)
    (tree / "__pycache__" / "app.pyc").write_bytes(b"\0")
    (tree / "README.md").write_text(CARD)
    (tree / "app.py").write_text("print('one')\n")
    return tree


def released(hub: LocalHub, folder: Path, repo: str, version: str, *more: str) -> int:
    return main(["release", str(folder), repo, "--type", "space", "--version", version, "--hub", hub.endpoint, *more])


def test_a_folder_becomes_versions_with_a_changelog(
    hub: LocalHub, api: HfApi, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = "press/released-folder"
    assert released(hub, folder, repo, "1.0.0", "--dry-run") == 0
    assert "would be released" in capsys.readouterr().out
    assert not api.repo_exists(repo, repo_type="space")
    assert released(hub, folder, repo, "1.0.0", "--collection", "Of a test") == 0
    (folder / "app.py").write_text("print('two')\n")
    assert released(hub, folder, repo, "1.1.0") == 0
    assert "minor  app.py changed" in capsys.readouterr().out
    (folder / "README.md").write_bytes(Path(api.hf_hub_download(repo, "README.md", repo_type="space")).read_bytes())
    assert released(hub, folder, repo, "1.1.0") == 0
    assert "v1.1.0: unchanged" in capsys.readouterr().out
    card = (folder / "README.md").read_text()
    assert card.startswith(CARD)
    assert card.count("## Versions") == 1
    assert "**1.1.0** (minor, after 1.0.0):\n\n- app.py changed\n\n**1.0.0**:\n\n- First release.\n" in card
    names = {file.rfilename for file in api.repo_info(repo, repo_type="space", revision="v1.0.0").siblings or []}
    assert names == {".gitattributes", "README.md", "app.py", "provenance.json"}
    assert not (folder / "provenance.json").exists()
    (collection,) = api.list_collections(owner="press")
    assert [item.item_id for item in api.get_collection(collection.slug).items] == [repo]


def test_what_is_wrong_is_said_before_anything_is_sent(
    hub: LocalHub, api: HfApi, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert released(hub, folder, "../refused-folder", "1.0.0") == 2
    assert released(hub, folder, "press/refused-folder", "one") == 2
    (folder / "weights.bin").write_bytes(b"\0")
    assert released(hub, folder, "press/refused-folder", "1.0.0") == 2
    (folder / "README.md").write_bytes(b"---\nsdk: gradio\n---\n\xff\n")
    assert released(hub, folder, "press/refused-folder", "1.0.0") == 2
    (folder / "README.md").unlink()
    assert released(hub, folder, "press/refused-folder", "1.0.0") == 2
    said = capsys.readouterr().err.splitlines()
    parts = ("is no repository", "no semantic version", "pickles", "is not UTF-8", "is missing")
    for line, part in zip(said, parts, strict=True):
        assert part in line
    assert not api.repo_exists("press/refused-folder", repo_type="space")


@pytest.mark.parametrize(
    ("name", "leads_to"),
    [
        ("notes.txt", "/etc/hostname"),
        ("notes.txt", "nowhere"),
        ("pages", "/etc"),
        ("README.md", "card.md"),
        ("provenance.json", "app.py"),
    ],
)
def test_links_are_refused(
    hub: LocalHub, api: HfApi, folder: Path, name: str, leads_to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "README.md":
        (folder / name).rename(folder / leads_to)
    (folder / name).symlink_to(leads_to)
    assert released(hub, folder, "press/refused-link", "1.0.0") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name}: is a link" in line
    assert not api.repo_exists("press/refused-link", repo_type="space")


def test_a_downloaded_version_can_be_released_again(hub: LocalHub, api: HfApi, folder: Path, tmp_path: Path) -> None:
    assert released(hub, folder, "press/original", "1.0.0") == 0
    copy = tmp_path / "copy"
    api.snapshot_download("press/original", repo_type="space", local_dir=copy)
    assert (copy / ".cache").is_dir()
    assert (copy / ".gitattributes").is_file()
    (copy / ".gitignore").write_text("*.pyc\n")
    (copy / "app.pyc").write_bytes(b"\0")
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    assert released(hub, copy, "press/copy", "1.0.0") == 0
    names = {file.rfilename for file in api.repo_info("press/copy", repo_type="space").siblings or []}
    assert names == {".gitattributes", "README.md", "app.py", "provenance.json"}
    assert {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()} == before


def test_only_the_section_that_a_release_wrote_is_replaced(hub: LocalHub, api: HfApi, folder: Path) -> None:
    by_hand = f"{CARD}\n## Versions\n\nPython 3.11 and 3.12.\n"
    (folder / "README.md").write_text(f"\ufeff{by_hand}", encoding="utf-8")

    def card(version: str) -> str:
        file = api.hf_hub_download("press/sections", "README.md", repo_type="space", revision=f"v{version}")
        return Path(file).read_text(encoding="utf-8")

    assert released(hub, folder, "press/sections", "1.0.0") == 0
    assert card("1.0.0").startswith(f"{by_hand}\n## Versions\n\n**1.0.0**:")
    (folder / "README.md").write_text(f"{card('1.0.0')}\nLast words.\n\n## After\n", encoding="utf-8")
    assert released(hub, folder, "press/sections", "1.1.0") == 0
    assert card("1.1.0").startswith(f"{by_hand}\nLast words.\n\n## After\n\n## Versions\n\n**1.1.0** ")
    assert card("1.1.0").count("Tags never move") == 1


def test_what_a_killed_run_left_is_cleared(hub: LocalHub, folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "home" / "runs" / "release--space--press--killed"
    (place / ".release-killed-x").mkdir(parents=True)
    assert released(hub, folder, "press/killed", "1.0.0", "--dry-run") == 0
    assert [file.name for file in place.iterdir()] == [".lock"]


def test_a_folder_that_holds_the_home_is_refused(
    hub: LocalHub, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(folder / "home"))
    assert released(hub, folder, "press/inside", "1.0.0") == 2
    assert "holds LEMONPRESS_HOME" in capsys.readouterr().err


def test_what_is_no_file_is_refused(hub: LocalHub, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "pipe.txt")
    assert released(hub, folder, "press/pipe", "1.0.0") == 2
    assert "pipe.txt: is no file" in capsys.readouterr().err
