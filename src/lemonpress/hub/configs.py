"""Configurations of a dataset, as its card lists them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

_NO_DATA = frozenset(
    {"README.md", "config.json", "dataset_dict.json", "dataset_info.json", "dataset_infos.json", "dummy_data.zip"}
)
"""What loaders take for no data unless a pattern names it."""


@dataclass(frozen=True)
class Config:
    """One configuration.

    Attributes:
        name: By which loaders know it.
        splits: Path patterns of each split, by its name.
        default: Whether the card says that it is the default one.
    """

    name: str
    splits: Mapping[str, Sequence[str]]
    default: bool

    def files(self, paths: Iterable[str]) -> dict[str, list[str]]:
        """Files of each split in the order in which loaders read them; an empty list where there are none.

        Like loaders, it names a file twice that two patterns of a split cover.

        Args:
            paths: Every file of the repository.
        """
        there = sorted(paths)
        return {
            split: [path for pattern in patterns for path in there if covers(pattern, path)]
            for split, patterns in self.splits.items()
        }


def read_configs(card: Mapping[str, Any]) -> list[Config]:
    """The configurations that a card's front matter lists.

    ``data_files`` may be one pattern, a list of patterns, splits by name, or a list of a split and its path or paths;
    several entries of one split are taken together. What has no such form is left out.

    Args:
        card: The front matter.
    """
    listed = card.get("configs")
    return [
        Config(
            item["config_name"],
            _splits(item.get("data_files"), item.get("data_dir")),
            item.get("default") is True,
        )
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, Mapping) and isinstance(item.get("config_name"), str)
    ]


def default_config(configs: Sequence[Config]) -> Config | None:
    """The configuration that loaders take when none is named: the default one, or the only one; else None."""
    named = [config for config in configs if config.default or config.name == "default"]
    return next(iter(named or (configs if len(configs) == 1 else [])), None)


def covers(pattern: str, path: str) -> bool:
    """Whether a path pattern names a file, as loaders read patterns.

    ``*``, ``?`` and ``[...]`` stay in one folder, and ``**``, which is a whole part, covers any number of folders. A
    name that begins with a dot, a folder's that begins with two underscores, and a card's must be written out.

    Args:
        pattern: Pattern relative to the repository.
        path: Path of a file in it.
    """
    wild, parts = pattern.split("/"), path.split("/")
    if (parts[-1] in _NO_DATA and parts[-1] != wild[-1]) or _hidden(wild) != _hidden(parts):
        return False
    if wild[-1] == "**":
        wild.append("*")
    # How many parts the pattern so far may cover: no pattern takes more steps than its parts times those of the path.
    covered = {0}
    for one in wild:
        if one == "**":
            covered = set(range(min(covered, default=len(parts) + 1), len(parts) + 1))
        else:
            fits = "**" not in one
            covered = {at + 1 for at in covered if fits and at < len(parts) and fnmatchcase(parts[at], one)}
    return len(parts) in covered


def _hidden(parts: Sequence[str]) -> tuple[int, int]:
    """Dotted parts and special folders, all of which a pattern must name."""
    return sum(part.startswith(".") for part in parts), sum(part.startswith("__") for part in parts[:-1])


def _splits(listed: object, folder: object) -> dict[str, list[str]]:
    if isinstance(listed, Mapping):
        entries = list(listed.items())
    elif isinstance(listed, list) and any(isinstance(item, Mapping) for item in listed):
        named = [item for item in listed if isinstance(item, Mapping)]
        entries = [(item["split"], item["path"]) for item in named if "split" in item and "path" in item]
    else:
        entries = [("train", listed)] if listed else []
    splits: dict[str, list[str]] = {}
    for split, path in entries:
        patterns = [item for item in (path if isinstance(path, list) else [path]) if isinstance(item, str)]
        inside = [str(PurePosixPath(folder) / item) for item in patterns] if isinstance(folder, str) else patterns
        splits.setdefault(str(split), []).extend(inside)
    return splits
