"""What a page says about a repository in few words: labels of its card, its versions, sizes and dates."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lemonpress.hub import versions
from lemonpress.hub.local import revisions
from lemonpress.hub.local.store import OpenRepo

_LABELS = {
    "license": "Licence",
    "task_categories": "Task",
    "pipeline_tag": "Task",
    "size_categories": "Size",
    "language": "Language",
    "library_name": "Library",
    "sdk": "SDK",
}
_SIZES = {"K": " thousand", "M": " million", "B": " billion", "T": " trillion"}


@dataclass(frozen=True)
class Ref:
    """A branch or tag: its name, what it leads to, when that was committed, and the version if it is a release's."""

    name: str
    commit: str
    time: datetime
    version: str | None
    is_tag: bool


def labels(card: dict[str, Any]) -> list[tuple[str, str]]:
    """What a card's metadata says of its repository, as pairs of a name and a value for people."""
    found = []
    for field, label in _LABELS.items():
        value = card.get(field)
        if field == "license" and value == "other" and isinstance(card.get("license_name"), str):
            value = card["license_name"]
        for text in value if isinstance(value, list) else [] if value is None else [value]:
            found.append((label, _rows(str(text)) if field == "size_categories" else str(text)))
    return found


def _rows(category: str) -> str:
    """A size category such as ``1K<n<10K`` in words; any other text as it is."""
    low, _, high = category.partition("<n<")
    if high:
        return f"{_count(low)} to {_count(high)} rows"
    if category.startswith("n<"):
        return f"under {_count(category[2:])} rows"
    return f"over {_count(category[2:])} rows" if category.startswith("n>") else category


def _count(short: str) -> str:
    return short[:-1] + _SIZES[short[-1]] if short[:-1].isdigit() and short[-1] in _SIZES else short


def refs(repo: OpenRepo) -> list[Ref]:
    """Tags and branches as a reader looks for them: versions, highest first; other tags, newest first; branches."""
    tags = [_ref(repo, one) for one in revisions.refs(repo, revisions.TAGS)]
    branches = [_ref(repo, one) for one in revisions.refs(repo, revisions.BRANCHES)]
    return [
        *sorted((ref for ref in tags if ref.version), key=lambda ref: versions.parse(ref.version or ""), reverse=True),
        *sorted((ref for ref in tags if not ref.version), key=lambda ref: ref.time, reverse=True),
        *sorted(branches, key=lambda ref: (ref.name != "main", ref.name)),
    ]


def _ref(repo: OpenRepo, found: dict[str, str]) -> Ref:
    commit = found["targetCommit"]
    moment = revisions.commit_time(revisions.resolve(repo, commit))
    is_tag = found["ref"].startswith(f"{revisions.TAGS}/")
    return Ref(found["name"], commit, moment, versions.of_tag(found["name"]) if is_tag else None, is_tag)


def day(moment: datetime) -> str:
    """A date such as 7 March 2026."""
    return f"{moment.day} {moment:%B %Y}"


def readable_size(size: int) -> str:
    """A size in bytes with a decimal unit, as the Hub shows it."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
