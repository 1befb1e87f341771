"""What may leave this machine: checks of a complete release folder before anything is sent."""

import codecs
import json
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml

from lemonpress.errors import UserError
from lemonpress.hub.configs import covers, read_configs
from lemonpress.personal_data import holds_key

RepoType = Literal["dataset", "model", "space"]

_EVERYWHERE = frozenset({".json", ".md", ".png", ".txt", ".yaml"})
ALLOWED: dict[RepoType, frozenset[str]] = {
    "dataset": _EVERYWHERE | {".parquet"},
    "model": _EVERYWHERE | {".jinja", ".model", ".safetensors"},
    "space": _EVERYWHERE | {".css", ".jpg", ".js", ".py", ".svg", ".toml", ".whl", ".yml"},
}
_REQUIRED = ("README.md", "provenance.json")
_PICKLES = frozenset({".bin", ".ckpt", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"})
# Offset and bytes by which a binary kind is known; kinds that are neither here nor text are taken as they are.
_MAGIC = {
    ".jpg": (0, b"\xff\xd8\xff"),
    ".parquet": (0, b"PAR1"),
    ".png": (0, b"\x89PNG"),
    ".safetensors": (8, b"{"),
    ".whl": (0, b"PK"),
}
_UNCHECKED = frozenset({".model"})
_SEARCHED = frozenset({".css", ".jinja", ".js", ".json", ".md", ".py", ".svg", ".toml", ".txt", ".yaml", ".yml"})
_MOST_SEARCHED = 1 << 20  # bytes of a file
_SPLIT = re.compile(r"\w+(?:\.\w+)*")
_FORMS = (
    "data_files is a path, a list of paths, or a list of split and path with each split once (no dash in its name)"
)
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
"""The id of a repository: namespace and name."""


def check_release(folder: Path, repo_type: RepoType, paths: Sequence[str]) -> dict[str, Any]:
    """Check the files of a release and read the front matter of its card.

    Args:
        folder: The complete tree.
        repo_type: Decides which file kinds may leave.
        paths: Every file of the folder, relative to it.

    Returns:
        The front matter of README.md.

    Raises:
        UserError: A file kind that may not leave, content of another kind than the name says, a missing or broken
            card, a data file that the card names and the folder lacks, a key or token in a text, an adapter without a
            published base.
    """
    for path in paths:
        _check_kind(path, repo_type)
        _check_content(folder, path)
        _check_keys(folder, path)
    for path in _REQUIRED:
        if path not in paths:
            raise UserError(f"{path}: is missing in the release folder {folder.name}; every release carries one")
    card = front_matter(_text(folder, "README.md"))
    if repo_type == "dataset":
        _check_data_files(card, paths)
    if repo_type == "space" and not isinstance(card.get("sdk"), str):
        raise UserError("README.md: the front matter of a Space names its sdk; add sdk: gradio")
    for path in paths:
        if PurePosixPath(path).name == "adapter_config.json":
            _check_adapter(folder, path)
    return card


def front_matter(card: str) -> dict[str, Any]:
    """Read the YAML front matter of a card; a byte order mark may stand before it.

    Raises:
        UserError: There is none, or it is no YAML mapping.
    """
    match = re.match(r"\ufeff?---\r?\n(.*?)\r?\n---\s*(\n|$)", card, re.DOTALL)
    if match is None:
        raise UserError("README.md: has no front matter; begin it with a YAML block between --- lines")
    try:
        data = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        raise UserError(f"README.md: the front matter is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError("README.md: the front matter is no mapping; write key: value lines")
    return data


def _check_kind(path: str, repo_type: RepoType) -> None:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _PICKLES:
        raise UserError(f"{path}: pickles and raw arrays are never released; use safetensors or Parquet, or remove it")
    if suffix not in ALLOWED[repo_type] and PurePosixPath(path).name != "LICENSE":
        allowed = " ".join(sorted(ALLOWED[repo_type]))
        raise UserError(f"{path}: no such file kind is released in a {repo_type} repository ({allowed}); remove it")


def _check_content(folder: Path, path: str) -> None:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _UNCHECKED:
        return
    with (folder / path).open("rb") as stream:
        head = stream.read(4096)
    if suffix in _MAGIC:
        offset, magic = _MAGIC[suffix]
        fits = head[offset : offset + len(magic)] == magic
    else:
        fits = b"\0" not in head and _is_utf8(head)
    if not fits:
        raise UserError(f"{path}: its content is not what its name says; make the file again")


def _is_utf8(head: bytes) -> bool:
    # Incremental: the last character may be cut by the end of the sample.
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _text(folder: Path, path: str) -> str:
    try:
        return (folder / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8; save it as UTF-8") from None


def _check_keys(folder: Path, path: str) -> None:
    if PurePosixPath(path).suffix.lower() not in _SEARCHED or (folder / path).stat().st_size > _MOST_SEARCHED:
        return
    if holds_key(_text(folder, path)):
        raise UserError(f"{path}: holds what looks like a key or token; remove it, and revoke it where it was in use")


def _check_data_files(card: dict[str, Any], paths: Sequence[str]) -> None:
    listed = card.get("configs") or []
    configs = read_configs(card)
    if not isinstance(listed, list) or len(configs) < len(listed):
        raise UserError("README.md: configs is no list of mappings that each have a config_name; mend it")
    for config, item in zip(configs, listed, strict=True):
        where = f"README.md: config {config.name}"
        if not _loads(item.get("data_files")):
            raise UserError(f"{where}: {_FORMS}")
        for split, files in config.files(paths).items():
            for pattern in config.splits[split]:
                if not any(covers(pattern, path) for path in files):
                    raise UserError(f"{where} names {pattern}, which is not there")
            twice = next((path for path in files if files.count(path) > 1), None)
            if twice is not None:
                raise UserError(f"{where} names {twice} twice in {split}, whose rows would be loaded twice")


def _loads(listed: object) -> bool:
    """Whether ``datasets.load_dataset`` takes data files in this form: it takes fewer than can be read here."""
    if listed is None or isinstance(listed, str):
        return True
    if not isinstance(listed, list) or not listed:
        return False
    if all(isinstance(item, str) for item in listed):
        return True
    entries = [item for item in listed if isinstance(item, dict) and item.keys() == {"split", "path"}]
    splits = {str(item["split"]) for item in entries}
    return len(splits) == len(listed) and all(
        _SPLIT.fullmatch(str(item["split"])) and _are_paths(item["path"]) for item in entries
    )


def _are_paths(path: object) -> bool:
    paths = path if isinstance(path, list) else [path]
    return bool(paths) and all(isinstance(item, str) for item in paths)


def _check_adapter(folder: Path, path: str) -> None:
    if "/" not in path and (folder / "model.safetensors").exists():
        # Loaders prefer a root adapter over root weights and apply the requested revision to the base.
        raise UserError(f"{path}: lies beside merged weights, which loaders would then ignore; move it to adapter/")
    try:
        config = json.loads(_text(folder, path))
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise UserError(f"{path}: is no JSON object; save the adapter again")
    base = config.get("base_model_name_or_path")
    if not isinstance(base, str) or not REPO_ID.fullmatch(base):
        raise UserError(f"{path}: base_model_name_or_path is {base!r}; name the repository of the base")
    if not re.fullmatch(r"[0-9a-f]{40}", str(config.get("revision"))):
        raise UserError(f"{path}: revision is {config.get('revision')!r}; pin the commit of the base")
