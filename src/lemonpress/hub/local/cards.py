"""Repository cards: their metadata block, what is wrong with it, and the tags made of it."""

import json
from typing import Any

import yaml

# YAML that refers to itself, has a key that JSON has not, names a day that is none, or nests without end.
_UNREADABLE = (yaml.YAMLError, ValueError, TypeError, RecursionError)
_SPACE_SDKS = ("gradio", "streamlit", "docker", "static")
_TEXTS = ("license_name", "pretty_name", "library_name", "pipeline_tag", "title", "app_file", "short_description")
_TEXT_LISTS = (
    "tags",
    "language",
    "license",
    "datasets",
    "base_model",
    "task_categories",
    "task_ids",
    "size_categories",
)
_TAG_PREFIXES = {"license": "license:", "datasets": "dataset:", "base_model": "base_model:", "language": ""}
_DATASET_TAG_PREFIXES = {
    "task_categories": "task_categories:",
    "size_categories": "size_categories:",
    "language": "language:",
}


def split_card(text: str) -> tuple[str | None, str]:
    """The metadata block of a card (None without one) and the text below it."""
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        return None, text
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "".join(lines[1:number]), "".join(lines[number + 1 :])
    return None, text


def metadata(text: str) -> dict[str, Any]:
    """A card's metadata as plain JSON values; empty if there is none or it is broken."""
    block = split_card(text)[0]
    try:
        found = yaml.safe_load(block) if block else None
        plain = json.loads(json.dumps(found, default=str))
    except _UNREADABLE:
        return {}
    return plain if isinstance(plain, dict) else {}


def problems(text: str, kind: str) -> tuple[list[str], list[str]]:
    """Errors and warnings about a card's metadata.

    Args:
        text: the whole card.
        kind: ``model``, ``dataset`` or ``space``.

    Returns:
        Messages that refuse the card, and messages that do not.
    """
    block = split_card(text)[0]
    if block is None:
        return [], ["empty or missing yaml metadata in repo card"]
    try:
        found = yaml.safe_load(block)
    except _UNREADABLE as error:
        return [f"Bad YAML in the metadata block: {' '.join(str(error).split())}"], []
    if found is None:
        return [], ["empty or missing yaml metadata in repo card"]
    if not isinstance(found, dict):
        return ["The metadata block must be a mapping of names to values"], []
    errors = [f'"{name}" must be a string' for name in _TEXTS if not isinstance(found.get(name, ""), str)]
    errors += [
        f'"{name}" must be a string or a list of strings' for name in _TEXT_LISTS if not _is_texts(found.get(name, []))
    ]
    if kind == "space" and found.get("sdk") not in _SPACE_SDKS:
        errors.append(f'"sdk" must be one of {", ".join(_SPACE_SDKS)}')
    return errors, []


def tags(card: dict[str, Any], kind: str) -> list[str]:
    """The tags by which a repository can be filtered: those of its card and those its other fields imply."""
    found = _texts(card.get("tags"))
    found += [str(card[name]) for name in ("library_name", "pipeline_tag") if card.get(name)]
    prefixes = _TAG_PREFIXES | (_DATASET_TAG_PREFIXES if kind == "datasets" else {})
    for name, prefix in prefixes.items():
        found += [prefix + text for text in _texts(card.get(name))]
    return list(dict.fromkeys(found))


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [str(item) for item in values]


def _is_texts(value: object) -> bool:
    return value is None or all(isinstance(item, str) for item in (value if isinstance(value, list) else [value]))
