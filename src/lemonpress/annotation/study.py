"""A study as raters meet it, without the names of systems, and the key that names them, kept apart."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, Field, model_validator

from lemonpress.errors import UserError
from lemonpress.evaluation.ratings import CRITERIA, SCALE
from lemonpress.recipes import Name, Task, digest
from lemonpress.recipes.base import Section
from lemonpress.recipes.load import check_section
from lemonpress.rows import content_id

STUDY = Path("study") / "study.json"
"""In a study's folder: all that a Space needs. The folder around the file can be uploaded."""

KEY = Path("key.json")
"""In a study's folder: who wrote what. It stays with the study's owner."""

RATINGS = Path("ratings")
"""In a study's folder: where ratings land that are given on this machine."""

_Read = TypeVar("_Read", bound=BaseModel)


class Point(Section):
    """What one point of the scale means, with an example."""

    meaning: str
    example: str


class Guideline(Section):
    """What is asked about a text, and its points from 1 to 3."""

    question: str
    points: list[Point] = Field(min_length=len(SCALE), max_length=len(SCALE))


class Guidelines(Section):
    """What raters are told: a source that all examples rewrite, and a guideline for each criterion."""

    source: str
    criteria: dict[str, Guideline]


class Item(Section):
    """A text to rate.

    Attributes:
        item: As `Rating.item`.
        source: What was rewritten.
        candidate: What one or more systems wrote; may be empty.
        arms: Numbers of these systems, drawn at random: orders are balanced by them, and they name nobody.
    """

    item: str
    source: str
    candidate: str
    arms: list[int] = Field(min_length=1)


class Study(Section):
    """All that a Space needs to know of a study; fields as in the recipe."""

    name: Name
    title: str
    task: Task
    raters_per_item: int = Field(ge=1)
    batch: int = Field(ge=1)
    repeated: float = Field(ge=0, le=0.5)
    seed: int = Field(ge=0)
    ratings_dataset: str | None
    every: float = Field(gt=0)
    guidelines: Guidelines
    items: list[Item] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if tuple(self.guidelines.criteria) != CRITERIA[self.task]:
            raise ValueError(f"guidelines of a {self.task} are of {', '.join(CRITERIA[self.task])}")
        for one in self.items:
            if one.item != content_id(self.task, one.source, one.candidate):
                raise ValueError(f"item {one.item} has other texts than its name; make the study anew")
        if len(self.by_id) < len(self.items):
            raise ValueError("an item is there twice; make the study anew")
        return self

    @cached_property
    def by_id(self) -> dict[str, Item]:
        """Items by their `item`."""
        return {one.item: one for one in self.items}

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits from task and items: ratings of one study are not taken for those of another."""
        return digest([self.task, sorted(self.by_id)])[:16]


class Key(Section):
    """Who wrote each item of a study."""

    study: str
    systems: dict[str, list[str]]


def read_study(file: Path) -> Study:
    """Read a study's file, or that of the folder that holds it.

    Raises:
        UserError: It is missing or no study.
    """
    return _read(file / STUDY.name if file.is_dir() else file, Study, "lemonpress annotation make writes it")


def read_key(file: Path, study: Study) -> Mapping[str, list[str]]:
    """The systems that wrote each item of a study.

    Raises:
        UserError: The file is missing, no key, or another study's.
    """
    key = _read(file, Key, "it lies where lemonpress annotation make wrote the study")
    if key.study != study.id or set(key.systems) != set(study.by_id):
        raise UserError(f"{file}: is the key of another study than {study.name} ({study.id}); give its own")
    return key.systems


def as_json(value: BaseModel) -> str:
    """The file of a study or key."""
    return json.dumps(value.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"


def _read(file: Path, section: type[_Read], remedy: str) -> _Read:
    try:
        data: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; {remedy}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read as JSON ({type(error).__name__}); {remedy}") from None
    return check_section(data, str(file), section)
