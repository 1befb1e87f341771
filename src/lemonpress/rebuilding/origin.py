"""A released corpus and what its provenance states."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, Field, ValidationError

from lemonpress.errors import UserError
from lemonpress.funnel import Step
from lemonpress.hub.destination import Destination, is_loopback
from lemonpress.hub.patience import patiently
from lemonpress.hub.provenance import package_versions
from lemonpress.hub.published import Published, explained, find_versions, read_published
from lemonpress.hub.tree import RemoteFile, digest_file
from lemonpress.hub.versions import parse
from lemonpress.recipes import (
    digest,
)

FILE = "provenance.json"


class StatedModel(BaseModel):
    id: str
    commit: str


class StatedInput(BaseModel):
    id: str
    rows: str
    commit: str | None = None


class StatedEnvironment(BaseModel):
    device: str
    threads: int
    dtype: str
    packages: dict[str, str]


class StatedFile(BaseModel):
    sha256: str
    bytes: int
    rows: int | None = None


class StatedVersion(BaseModel):
    version: str


class Stated(BaseModel):
    """What a provenance has to say for its corpus to be made again; the rest of it is not read."""

    recipe: dict[str, Any]
    recipe_digest: str
    models: dict[str, StatedModel]
    inputs: dict[str, StatedInput]
    funnel: list[Step]
    environment: StatedEnvironment
    content: dict[str, StatedFile]
    history: list[StatedVersion] = Field(min_length=1)


@dataclass(frozen=True)
class Origin:
    """A released corpus: what is stated of it, and its tables.

    Attributes:
        label: What messages call the release.
        name: The corpus in its recipe.
        version: Such as ``1.0.0``.
        stated: Its provenance.
        tables: Its Parquet files, by path in the release.
        read: Gives the rows of one of them; None where they are not at hand.
    """

    label: str
    name: str
    version: str
    stated: Stated = field(repr=False)
    tables: Mapping[str, RemoteFile] = field(repr=False)
    read: Callable[[str], pa.Table | None] = field(repr=False)


def open_release(named: str, endpoint: str | None = None) -> Origin:
    """Read the provenance of a released corpus and find its tables.

    Args:
        named: ``namespace/name@v1.0.0``, or the path of a ``provenance.json``, beside which the tables may lie.
        endpoint: Address of the Hub; ``HF_ENDPOINT``, else the public one, if None.

    Raises:
        UserError: No such release or file, or it says too little of how its corpus was made.
    """
    file = Path(named).expanduser()
    if file.is_file() or named.endswith(".json"):
        return _from_file(file)
    match = re.fullmatch(r"([^@\s]+/[^@\s]+)@v?([^@\s]+)", named)
    if match is None:
        raise UserError(f"{named}: is no release; write namespace/name@v1.0.0, or the path of a {FILE}")
    parse(match[2])
    return _from_hub(match[1], match[2], endpoint)


def _from_hub(repo_id: str, version: str, endpoint: str | None) -> Origin:
    from huggingface_hub import constants, get_token

    address = (endpoint or constants.ENDPOINT).rstrip("/")
    local = is_loopback(address)
    at = Destination(address, None if local else get_token(), local)
    known = find_versions(repo_id, "dataset", at)
    if version not in known:
        there = f"it has {', '.join(sorted(known, key=parse))}" if known else "there is no release that you may read"
        raise UserError(f"{repo_id}: {address} has no version {version}; {there}")
    published = read_published(repo_id, "dataset", version, at)
    with explained(repo_id, at):
        text = published.text(FILE)
    label = f"{repo_id}@v{version}"
    name, stated = _stated(text, label)
    tables = {path: file for path, file in published.files.items() if path.endswith(".parquet")}
    return Origin(label, name, version, stated, tables, lambda path: _fetch(published, path))


def _fetch(published: Published, path: str) -> pa.Table:
    def read() -> pa.Table:
        with published.open(path) as stream:
            return pq.read_table(stream)

    with explained(published.repo_id, published.to):
        return patiently(read)


def _from_file(file: Path) -> Origin:
    if not file.is_file():
        raise UserError(f"{file}: no such file; give the {FILE} of a release, or namespace/name@v1.0.0")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{file}: is not UTF-8 text; give the {FILE} of a release") from None

    def read(path: str) -> pa.Table | None:
        table = file.parent / path
        return pq.read_table(table) if table.is_file() else None

    label = str(file)
    name, stated = _stated(text, label)
    tables = {}
    for path, one in stated.content.items():
        if path.endswith(".parquet"):
            beside = file.parent / path
            known = digest_file(beside, path) if beside.is_file() else None
            tables[path] = RemoteFile(path, one.bytes, "", known.sha256 if known else one.sha256)
    return Origin(label, name, stated.history[0].version, stated, tables, read)


def _stated(text: str, label: str) -> tuple[str, Stated]:
    """The name of a corpus and what its provenance says, as far as it can be made again."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{label}: holds no {FILE} that can be read; give another version") from None
    if not isinstance(data, dict):
        raise UserError(f"{label}: {FILE} is no object; give another version")
    if "student" in data:
        raise UserError(
            f"{label}: a student wrote this corpus, and rebuild covers corpora that a teacher wrote or that were "
            "filtered from existing pairs; train the student again with its recipe"
        )
    recipe = data.get("recipe")
    corpora = recipe.get("corpora") if isinstance(recipe, dict) else None
    if not isinstance(corpora, dict) or len(corpora) != 1:
        raise UserError(f"{label}: {FILE} does not describe one corpus of pairs; give the release of a corpus")
    try:
        stated = Stated.model_validate(data)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise UserError(f"{label}: {FILE} has no sound '{where}'{made_by(data)}") from None
    if f"sha256:{digest(stated.recipe)}" != stated.recipe_digest:
        raise UserError(f"{label}: the recipe in {FILE} is not the one of its digest; take the released file")
    return str(*corpora), stated


def made_by(data: Mapping[str, Any]) -> str:
    """Which lemonpress wrote a provenance and which one reads it, as the end of an error message."""
    packages = data.get("environment", {}).get("packages", {}) if isinstance(data.get("environment"), dict) else {}
    then = packages.get("lemonpress", "an unknown version") if isinstance(packages, dict) else "an unknown version"
    return f"; it was made by lemonpress {then}, and this is {package_versions()['lemonpress']}"
