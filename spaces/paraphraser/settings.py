"""What the environment says the Space shows; ``docs/space.md`` lists it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.hub.checks import REPO_ID

STUDENT = "lemonpress/lemon-student-demo"
VERSION = "1.0.0"


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
        UserError: A variable names no release or repository.
    """
    repo_id = environment.get("LEMONPRESS_STUDENT", STUDENT)
    dataset = environment.get("LEMONPRESS_FEEDBACK_DATASET") or None
    if dataset is not None and not REPO_ID.fullmatch(dataset):
        raise UserError(f"LEMONPRESS_FEEDBACK_DATASET: {dataset!r} is no repository; write namespace/name")
    return Settings(
        student=Named(repo_id, environment.get("LEMONPRESS_STUDENT_VERSION", VERSION)),
        compare=_named("LEMONPRESS_COMPARE", environment),
        corpora=_named("LEMONPRESS_CORPUS", environment),
        feedback=Path(environment.get("LEMONPRESS_FEEDBACK") or home() / "feedback").expanduser(),
        feedback_dataset=dataset,
        mcp=environment.get("LEMONPRESS_MCP") == "1",
    )


def _named(variable: str, environment: Mapping[str, str]) -> tuple[Named, ...]:
    found = []
    for entry in environment.get(variable, "").replace(",", " ").split():
        repo_id, _, version = entry.partition("@")
        if not REPO_ID.fullmatch(repo_id) or not version:
            raise UserError(f"{variable}: {entry!r} is no release; write namespace/name@1.0.0, with spaces between")
        found.append(Named(repo_id, version))
    return tuple(dict.fromkeys(found))
