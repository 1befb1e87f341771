"""What the environment says the Space shows; ``docs/space.md`` lists it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.hub.checks import REPO_ID
from lemonpress.hub.versions import parse

STUDENT = "lemonpress/lemon-student-demo"
VERSION = "1.0.0"
MAX_COMPARED = 4
"""Students beside the Space's own that may be listed: all that were asked for stay in memory."""


@dataclass(frozen=True)
class Named:
    """A released version of a repository.

    Attributes:
        repo_id: ``namespace/name``.
        version: Such as ``1.0.0``.
    """

    repo_id: str
    version: str

    def __str__(self) -> str:
        return f"{self.repo_id}@{self.version}"


@dataclass(frozen=True)
class Settings:
    """Everything that the owner of the Space decides.

    Attributes:
        student: The release that rewrites.
        compare: Releases that visitors may compare; none to take versions of the student from its Hub.
        corpora: Releases that visitors may read; none to take those that the student learnt from.
        feedback: Folder that feedback is written to.
        feedback_dataset: Dataset that it is pushed to, or None.
        mcp: Whether tools of other programs may call the endpoints by the Model Context Protocol.
    """

    student: Named
    compare: tuple[Named, ...]
    corpora: tuple[Named, ...]
    feedback: Path
    feedback_dataset: str | None
    mcp: bool


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        UserError: A variable names no release or repository, is no switch, or names too many releases.
    """
    repo_id = environment.get("LEMONPRESS_STUDENT") or STUDENT
    if not REPO_ID.fullmatch(repo_id):
        raise UserError(f"LEMONPRESS_STUDENT: {repo_id!r} is no repository; write namespace/name")
    version = environment.get("LEMONPRESS_STUDENT_VERSION") or VERSION
    student = Named(repo_id, _version("LEMONPRESS_STUDENT_VERSION", version))
    compare = _named("LEMONPRESS_COMPARE", environment)
    if len({*compare} - {student}) > MAX_COMPARED:
        raise UserError(f"LEMONPRESS_COMPARE: names more than {MAX_COMPARED} releases beside the student; name fewer")
    dataset = environment.get("LEMONPRESS_FEEDBACK_DATASET") or None
    if dataset is not None and not REPO_ID.fullmatch(dataset):
        raise UserError(f"LEMONPRESS_FEEDBACK_DATASET: {dataset!r} is no repository; write namespace/name")
    return Settings(
        student=student,
        compare=compare,
        corpora=_named("LEMONPRESS_CORPUS", environment),
        feedback=Path(environment.get("LEMONPRESS_FEEDBACK") or home() / "feedback").expanduser(),
        feedback_dataset=dataset,
        mcp=_switch("LEMONPRESS_MCP", environment),
    )


def _switch(variable: str, environment: Mapping[str, str]) -> bool:
    value = environment.get(variable, "")
    if value not in ("", "0", "1"):
        raise UserError(f"{variable}: {value!r} is neither 0 nor 1; write 1 for on")
    return value == "1"


def _version(variable: str, version: str) -> str:
    """A version without the v of its tag."""
    plain = version.removeprefix("v")
    try:
        parse(plain)
    except UserError as error:
        raise UserError(f"{variable}: {error}") from None
    return plain


def _named(variable: str, environment: Mapping[str, str]) -> tuple[Named, ...]:
    found = []
    for entry in environment.get(variable, "").replace(",", " ").split():
        repo_id, _, version = entry.partition("@")
        if not REPO_ID.fullmatch(repo_id) or not version:
            raise UserError(f"{variable}: {entry!r} is no release; write namespace/name@1.0.0, with spaces between")
        found.append(Named(repo_id, _version(variable, version)))
    return tuple(dict.fromkeys(found))
