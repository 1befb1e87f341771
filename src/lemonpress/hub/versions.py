"""Semantic versions of releases: what each kind of change asks for (docs/releases.md)."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from lemonpress.errors import UserError

Level = Literal["major", "minor", "patch"]
LEVELS: tuple[Level, ...] = ("major", "minor", "patch")


@dataclass(frozen=True)
class Change:
    """One difference from the release before.

    Attributes:
        level: major where what worked with the old version may not with the new one, minor where the content changed,
            patch where only what is said of it did.
        text: What changed, in one line of plain text.
    """

    level: Level
    text: str


def parse(version: str) -> tuple[int, int, int]:
    """The numbers of a version.

    Raises:
        UserError: It is not three numbers with dots.
    """
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version):
        raise UserError(f"version: {version!r} is no semantic version; write it as 1.0.0")
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch


def of_tag(tag: str) -> str | None:
    """The version that a tag names, or None where it is no release's."""
    try:
        parse(tag.removeprefix("v"))
    except UserError:
        return None
    return tag[1:] if tag.startswith("v") else None


def before(version: str, released: Collection[str]) -> str | None:
    """The highest released version below a version; None where there is none."""
    return max((one for one in released if parse(one) < parse(version)), key=parse, default=None)


def level_of(changes: Sequence[Change]) -> Level:
    """The highest level of some changes; patch where there are none."""
    return min((change.level for change in changes), key=LEVELS.index, default="patch")


def level_between(old: str, new: str) -> Level:
    """The level that a version is above another one."""
    pairs = zip(LEVELS, parse(old), parse(new), strict=True)
    return next((level for level, ours, theirs in pairs if ours != theirs), "patch")


def raised(version: str, level: Level) -> str:
    """The next version of a level: the number raised, those after it zero."""
    numbers = parse(version)
    place = LEVELS.index(level)
    return ".".join(str(number + (at == place) if at <= place else 0) for at, number in enumerate(numbers))


def require_above(version: str, released: Collection[str], repo_id: str) -> None:
    """Refuse a new version that is not above every released one: main would go back.

    Raises:
        UserError: It is not.
    """
    newest = max(released, key=parse, default=None)
    if newest is not None and version not in released and parse(version) < parse(newest):
        raise UserError(
            f"version: {version} is below {newest}, the newest of {repo_id}; "
            f"release {raised(newest, 'patch')} or a higher one"
        )
