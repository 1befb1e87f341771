"""``lemonpress release``: any folder as a version."""

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
    assert released(hub, folder, "press", "1.0.0") == 2
    assert released(hub, folder, "press/refused-folder", "one") == 2
    (folder / "weights.bin").write_bytes(b"\0")
    assert released(hub, folder, "press/refused-folder", "1.0.0") == 2
    (folder / "README.md").unlink()
    assert released(hub, folder, "press/refused-folder", "1.0.0") == 2
    said = capsys.readouterr().err.splitlines()
    for line, part in zip(said, ("is no repository", "no semantic version", "pickles", "is missing"), strict=True):
        assert part in line
    assert not api.repo_exists("press/refused-folder", repo_type="space")
