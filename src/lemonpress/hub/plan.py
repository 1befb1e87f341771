"""What a release would do to a repository: its tree, its changes, its card, before anything is sent."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from lemonpress.hub import versions
from lemonpress.hub.published import Published
from lemonpress.hub.tree import LocalFile, RemoteFile
from lemonpress.hub.versions import Change


@dataclass(frozen=True)
class Plan:
    """A release compared with the one before.

    Attributes:
        repo_id: ``namespace/name``.
        version: The version to be.
        before: The version before; None for a first release.
        tree: State (new, changed, same or removed), path and size in bytes of every file.
        changes: What changed, the gravest first; none for a first release.
        card: README.md.
        card_before: README.md of the version before; empty for a first release.
    """

    repo_id: str
    version: str
    before: str | None
    tree: tuple[tuple[str, str, int], ...]
    changes: tuple[Change, ...]
    card: str
    card_before: str

    @property
    def suggested(self) -> str:
        """The version that the changes ask for; this one for a first release."""
        return versions.raised(self.before, versions.level_of(self.changes)) if self.before else self.version

    @property
    def advice(self) -> str | None:
        """One line where the version says that less changed than did; else None."""
        if self.before is None:
            return None
        asked, given = versions.level_of(self.changes), versions.level_between(self.before, self.version)
        if versions.LEVELS.index(given) <= versions.LEVELS.index(asked):
            return None
        first = next(change.text for change in self.changes if change.level == asked)
        said = f"{self.version} after {self.before} says {given}, the changes are {asked} ({first})"
        return f"{said}; {self.suggested} fits"

    def summary(self) -> str:
        """The changes, for a terminal."""
        if self.before is None:
            return f"{self.repo_id} {self.version}: first release"
        lines = [f"{self.repo_id} {self.version} after {self.before} (the changes ask for {self.suggested}):"]
        lines += [f"  {change.level:5}  {change.text}" for change in self.changes] or ["  nothing changed"]
        return "\n".join(lines)

    def text(self) -> str:
        """Everything: the changes, the tree, and the card or what is different in it."""
        tree = "\n".join(f"  {state:7}  {path:40} {size:>14,} bytes" for state, path, size in self.tree)
        if self.card_before:
            lines = difflib.unified_diff(
                self.card_before.splitlines(),
                self.card.splitlines(),
                f"README.md v{self.before}",
                f"README.md v{self.version}",
                lineterm="",
                n=1,
            )
            card = "\n".join(lines) or "README.md is the same"
        else:
            card = f"README.md:\n\n{self.card}"
        return f"{self.summary()}\n{tree}\n\n{card}"


def plan(
    repo_id: str,
    version: str,
    files: Mapping[str, LocalFile],
    there: Mapping[str, RemoteFile],
    changes: tuple[Change, ...],
    card: str,
    old: Published | None,
) -> Plan:
    """Compare a folder's files with what main holds.

    Args:
        repo_id: ``namespace/name``.
        version: The version to be.
        files: Every file of the release, by path.
        there: What main holds now.
        changes: From `lemonpress.hub.changes`.
        card: README.md.
        old: The release before, if any.
    """

    def state(path: str) -> str:
        if path not in there:
            return "new"
        return "same" if there[path].same(files[path]) else "changed"

    tree = [(state(path), path, file.size) for path, file in files.items()]
    tree += [("removed", path, file.size) for path, file in there.items() if path not in files]
    ordered = tuple(sorted(tree, key=lambda row: row[1]))
    before = old.text("README.md") if old else ""
    return Plan(repo_id, version, old.version if old else None, ordered, changes, card, before)
