"""Ratings on the three-point scale of the paper's human evaluation, by people and by models: one schema for both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from lemonpress.errors import UserError
from lemonpress.reading import column_text, json_rows
from lemonpress.recipes import Task
from lemonpress.rows import content_id

Kind = Literal["human", "model"]

SCALE = (1, 2, 3)
"""1 where the property is not there at all, 3 where it is there fully."""

CRITERIA: Mapping[Task, tuple[str, ...]] = {
    "paraphrase": ("fluent", "faithful", "dissimilar"),
    "summary": ("fluent", "faithful", "concise"),
}
"""What is rated, in the order of the tables (sections 4.2 and 4.4, Appendix D)."""


def one_line(text: str) -> str:
    """A source or candidate as it is rated, by people and by models: texts that differ in blanks alone are one."""
    return " ".join(text.split())


@dataclass(frozen=True)
class Rating:
    """One rater's verdict on one rewriting, which is rated without knowing who wrote it.

    Attributes:
        source: What was rewritten.
        candidate: Its paraphrase or summary.
        systems: All that wrote this candidate for this source.
        task: paraphrase or summary.
        rater: Name or pseudonym, of one kind throughout.
        kind: human or model.
        scores: 1 to 3 for each of the task's `CRITERIA`.
    """

    source: str
    candidate: str
    systems: tuple[str, ...]
    task: Task
    rater: str
    kind: Kind
    scores: Mapping[str, int]

    @property
    def item(self) -> str:
        """What is rated: 16 hexadecimal digits from task, source and candidate, as in corpora."""
        return content_id(self.task, self.source, self.candidate)

    def row(self) -> dict[str, Any]:
        """The line of the file: `item`, every attribute, and a field for each criterion in place of `scores`."""
        return {
            "item": self.item,
            "source": self.source,
            "candidate": self.candidate,
            "systems": list(self.systems),
            "task": self.task,
            "rater": self.rater,
            "kind": self.kind,
            **self.scores,
        }


def rating(row: Mapping[str, Any], where: str) -> Rating:
    """Read one row; fields that ratings do not have are ignored.

    Args:
        row: As `Rating.row` makes it.
        where: File and line, for error messages.

    Raises:
        UserError: A field is missing or holds what it may not.
    """
    needed = ("item", "source", "candidate", "systems", "task", "rater", "kind")
    _need(row, needed, where)
    texts = {name: column_text(row[name], name, where) for name in ("source", "candidate", "rater")}
    for name, value, allowed in (("task", row["task"], get_args(Task)), ("kind", row["kind"], get_args(Kind))):
        if value not in allowed:
            raise UserError(f"{where}: {name} is {value!r}; write {' or '.join(allowed)}")
    for name in ("source", "rater"):
        if not texts[name]:
            raise UserError(f"{where}: {name} is blank; fill it in")
    systems = row["systems"]
    if not isinstance(systems, list) or not systems or not all(isinstance(name, str) and name for name in systems):
        raise UserError(f"{where}: systems is {systems!r:.60}; write a list of the names of those that wrote the text")
    read = Rating(
        row["source"],
        row["candidate"],
        tuple(systems),
        row["task"],
        row["rater"],
        row["kind"],
        check_scores(row, row["task"], where),
    )
    if row["item"] != read.item:
        raise UserError(
            f"{where}: item is {row['item']!r:.40}, and {read.item} by its texts and task; keep texts as they were"
        )
    return read


def check_scores(row: Mapping[str, Any], task: Task, where: str) -> dict[str, int]:
    """The scores in a row, one for each criterion of the task.

    Raises:
        UserError: One is missing or is not on the scale.
    """
    _need(row, CRITERIA[task], where)
    for name in CRITERIA[task]:
        if type(row[name]) is not int or row[name] not in SCALE:
            raise UserError(f"{where}: {name} is {row[name]!r:.40}; write 1, 2 or 3")
    return {name: row[name] for name in CRITERIA[task]}


def read_ratings(files: Sequence[Path]) -> list[Rating]:
    """Read ratings of one task from JSON lines, one object a line.

    Args:
        files: Each a ``.jsonl`` or ``.jsonl.gz`` file.

    Raises:
        UserError: A file is missing or holds nothing, a row is no rating, a rater has rated an item twice or is both
            human and model, or the rows are of two tasks.
    """
    found: dict[tuple[str, str], str] = {}
    kinds: dict[str, Kind] = {}
    ratings: list[Rating] = []
    for file in files:
        if not file.is_file():
            raise UserError(f"{file}: no such file; give JSON lines of ratings")
        for place, row in json_rows(file, "ratings"):
            where = f"{file}, {place}"
            read = rating(row, where)
            if ratings and read.task != ratings[0].task:
                raise UserError(
                    f"{where}: is a {read.task}, the rows before are of task {ratings[0].task}; split them"
                )
            if first := found.get((read.rater, read.item)):
                raise UserError(
                    f"{where}: {read.rater} has rated item {read.item} before, in {first}; keep one of both"
                )
            if kinds.setdefault(read.rater, read.kind) != read.kind:
                raise UserError(
                    f"{where}: {read.rater} is a {read.kind}, and a {kinds[read.rater]} before; rename one"
                )
            found[read.rater, read.item] = where
            ratings.append(read)
    if not ratings:
        raise UserError(f"{', '.join(map(str, files))}: no rating in it; give JSON lines of ratings")
    return ratings


def _need(row: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    missing = [name for name in names if row.get(name) is None]
    if missing:
        raise UserError(
            f"{where}: has no {', '.join(missing)}; a rating needs {'it' if len(missing) == 1 else 'them'}"
        )
