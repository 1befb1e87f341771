"""Model references resolved to a folder and a commit: Hub id and revision, local folder, or package."""

import errno
import hashlib
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

from lemonpress.assets import find_file
from lemonpress.errors import UserError
from lemonpress.packages import PACKAGES, Package

_LOCAL = ("/", "./", "../", "~")


@dataclass(frozen=True)
class Model:
    """A model whose files are on this machine.

    Attributes:
        id: What a card names: Hub id, ``package:NAME==VERSION`` or the folder's name.
        commit: Hub commit, or ``sha256:...`` over the files of a folder or package.
        folder: Where the files are.
        licence: SPDX-like identifier where it is known, else ``unknown``.
        gguf: File name of GGUF weights in the folder, or None for ordinary weights.
        base: The model that the folder's adapter belongs to, or None where it holds whole weights.
    """

    id: str
    commit: str
    folder: Path
    licence: str
    gguf: str | None = None
    base: "Model | None" = None

    @property
    def name(self) -> str:
        """Id and the first twelve digits of its commit, as signatures name it."""
        kind, colon, digits = self.commit.rpartition(":")
        return f"{self.id}@{kind}{colon}{digits[:12]}"

    @property
    def key(self) -> dict[str, str]:
        """What identifies the weights in shard keys and provenance."""
        return {"id": self.id, "commit": self.commit}


def resolve(reference: str, revision: str | None = None, endpoint: str | None = None, where: str = "model") -> Model:
    """Find a model's files and the commit that names them.

    Args:
        reference: ``package:NAME``, ``data/NAME`` for a model that ships with lemonpress, a local folder or GGUF file
            (starts with ``/``, ``./``, ``../`` or ``~``), or a Hub id.
        revision: Commit, tag or branch of a Hub id; refused for the others.
        endpoint: Hub address; the user's own (``HF_ENDPOINT``) by default.
        where: The recipe field, for error messages.

    Raises:
        UserError: No such package, folder, Hub model or revision; the Hub cannot be reached; a packaged file's hash
            differs from the pinned one.
    """
    if reference.startswith("package:"):
        _refuse_revision(reference, revision, where)
        return _package(reference.removeprefix("package:"), where)
    if reference.startswith("data/"):
        _refuse_revision(reference, revision, where)
        shipped = find_file(reference)
        if not shipped.is_dir():
            raise UserError(f"{where}: no model {reference} ships with lemonpress; data/nli-critic does")
        return _folder(shipped, where)
    if reference.startswith(_LOCAL):
        _refuse_revision(reference, revision, where)
        place = Path(reference).expanduser()
        return _gguf_file(place, where) if place.suffix == ".gguf" else _folder(place, where)
    if reference.endswith(".gguf"):
        raise UserError(f"{where}: {reference} is no Hub id; for a file write ./{reference}")
    try:
        return _hub(reference, revision, endpoint, where)
    except UserError as error:
        if Path(reference).exists():  # a Hub id may be the name of a folder here too
            raise UserError(f"{error}; for what is on this machine write ./{reference}") from None
        raise


def _refuse_revision(reference: str, revision: str | None, where: str) -> None:
    if revision is not None:
        raise UserError(
            f"{where}: revision {revision!r} is for Hub models; remove it or give a Hub id, not {reference}"
        )


def _package(name: str, where: str) -> Model:
    known = PACKAGES.get(name)
    if known is None:
        raise UserError(f"{where}: package:{name} is not pinned; known packages: {', '.join(sorted(PACKAGES))}")
    try:
        installed = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"{where}: package {name} is not installed; pip install --no-deps {name}=={known.version}"
        ) from None
    if installed.version != known.version:
        raise UserError(
            f"{where}: {name} {installed.version} is installed, {known.version} is pinned; "
            f"pip install --no-deps {name}=={known.version}"
        )
    folder = Path(str(installed.locate_file(known.folder)))
    _check_files(name, folder, known, where)
    commit = "sha256:" + hashlib.sha256("".join(sorted(known.files.values())).encode()).hexdigest()
    return Model(f"package:{name}=={known.version}", commit, folder, known.licence, known.gguf)


def _check_files(name: str, folder: Path, known: Package, where: str) -> None:
    for relative, expected in known.files.items():
        file = folder / relative
        if not file.is_file():
            raise UserError(
                f"{where}: {file} is missing; pip install --force-reinstall --no-deps {name}=={known.version}"
            )
        actual = file_digest(file)
        if actual != expected:
            raise UserError(
                f"{where}: {file} has sha256 {actual[:12]}..., {expected[:12]}... is pinned; "
                f"pip install --force-reinstall --no-deps {name}=={known.version}"
            )


_CARD = ("README.md", "figures.json", "curves.png")
"""What is said of a model may be written anew; what it does stays the same."""


def _folder(folder: Path, where: str) -> Model:
    if not folder.is_dir():
        raise UserError(f"{where}: {folder} holds no model (no such folder); give a folder made by save_pretrained")
    if not any((folder / name).is_file() for name in ("config.json", "config.cfg")):
        raise UserError(f"{where}: {folder} holds no model (no config.json); give a folder made by save_pretrained")
    digest = hashlib.sha256()
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    base = _adapter_base(folder, where)
    for name in names:
        if name not in _CARD and not name.startswith(".") and "/." not in name:
            digest.update(f"{name}\0{file_digest(folder / name)}\n".encode())
    if base is not None:
        digest.update(base.commit.encode())
    return Model(folder.name, "sha256:" + digest.hexdigest(), folder, _licence(folder), base=base)


def _gguf_file(file: Path, where: str) -> Model:
    try:
        with file.open("rb") as stream:
            magic = stream.read(4)
        if magic != b"GGUF":
            raise UserError(f"{where}: {file} is no GGUF file; download it again")
        return Model(file.stem, f"sha256:{file_digest(file)}", file.parent, "unknown", file.name)
    except OSError as error:
        raise UserError(f"{where}: {file} cannot be read ({error.strerror}); give a .gguf file") from None


def _adapter_base(folder: Path, where: str) -> Model | None:
    """The base of a PEFT adapter's folder; None for whole weights."""
    if not _is_adapter(folder):
        return None
    file = folder / "adapter_config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{where}: {file} is no JSON file; save the adapter again") from None
    named = config if isinstance(config, dict) else {}
    base, revision = named.get("base_model_name_or_path"), named.get("revision")
    if not isinstance(base, str) or not base or not isinstance(revision, str | None):
        raise UserError(f"{where}: {file} names no base model; write its id or folder as base_model_name_or_path")
    if base.startswith(_LOCAL) and _is_adapter(Path(base).expanduser()):
        raise UserError(f"{where}: {file} names {base}, an adapter itself; merge that one first")
    return resolve(base, revision, where=where)


def _is_adapter(folder: Path) -> bool:
    whole = ("model.safetensors", "model.safetensors.index.json")
    return (folder / "adapter_config.json").is_file() and not any((folder / name).is_file() for name in whole)


def _licence(folder: Path) -> str:
    """The licence that the folder's card names; unknown where there is no card, or none that can be read."""
    from huggingface_hub import ModelCard
    from yaml import YAMLError

    card = folder / "README.md"
    try:
        licence = ModelCard.load(card).data.get("license") if card.is_file() else None
    except (YAMLError, ValueError):
        return "unknown"
    return str(licence or "unknown")


def _hub(reference: str, revision: str | None, endpoint: str | None, where: str) -> Model:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # httpx or httpx2, by major version

    named = f"{reference}@{revision}" if revision else reference
    try:
        info = HfApi(endpoint=endpoint).model_info(reference, revision=revision)
        if info.sha is None:
            raise UserError(f"{where}: {named}: the Hub names no commit; pin a revision")
        folder = snapshot_download(
            reference,
            revision=info.sha,
            endpoint=endpoint,
            allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model", "*.spm", "*.jinja"],
        )
    except HFValidationError:
        raise UserError(f"{where}: {reference!r} is no Hub id, folder (./NAME) or package:NAME") from None
    except RevisionNotFoundError:
        raise UserError(
            f"{where}: {reference} has no revision {revision!r}; see its page for tags and commits"
        ) from None
    except RepositoryNotFoundError:
        raise UserError(f"{where}: no model {reference} on the Hub (or no access); check the id or log in") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, httpx.HTTPError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        address = endpoint or "the Hub"
        raise UserError(
            f"{where}: {address} cannot be reached for {named} ({type(error).__name__}); "
            "use a local folder or a package:NAME model"
        ) from None
    licence = info.card_data.get("license") if info.card_data else None
    return Model(reference, info.sha, Path(folder), str(licence or "unknown"))


def file_digest(file: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
