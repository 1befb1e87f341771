"""What a student was trained to do: ``student.json`` at the root of its repository."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from lemonpress.errors import UserError
from lemonpress.recipes import StudentTask
from lemonpress.students.prompts import FORMATS, Formats, Kind

FILE = "student.json"


@dataclass(frozen=True)
class Contract:
    """What a student reads and writes.

    Attributes:
        kind: causal or seq2seq.
        tasks: What it was trained on.
        formats: Its prompts.
        lengths: Whether it was trained on summary prompts that name a number of words.
        parser: Of task control, the key of the parser whose trees it was trained on.
        parts: The labels' parts that its tokenizer holds a token for.
    """

    kind: Kind = "causal"
    tasks: tuple[StudentTask, ...] = ("paraphrase", "summary")
    formats: Formats = field(default_factory=lambda: FORMATS["causal"])
    lengths: bool = False
    parser: str | None = None
    parts: tuple[str, ...] = ()

    def check(self, task: StudentTask, words: int | None = None) -> None:
        """Refuse what the student was not trained on.

        Raises:
            UserError: Another task than its own, or a number of words that it never saw one of.
        """
        if task not in self.tasks:
            raise UserError(f"task {task}: this student was trained on {', '.join(self.tasks)} alone")
        if words is not None and not self.lengths:
            raise UserError(
                f"words={words}: this student was not trained on summaries of a given length; "
                "train one with length_share above 0"
            )


def write(contract: Contract, folder: Path) -> None:
    """Write a contract beside a student's weights."""
    (folder / FILE).write_text(json.dumps(asdict(contract), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(folder: Path, kind: Kind) -> Contract:
    """The contract of a model.

    Args:
        folder: Its files.
        kind: What its configuration says it is; a model without a contract is taken for a student of paraphrases and
            summaries in today's prompts.

    Raises:
        UserError: The file is damaged, or names what this version does not know.
    """
    file = folder / FILE
    if not file.is_file():
        return Contract(kind, formats=FORMATS[kind])
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        contract = Contract(**{**found, "tasks": tuple(found["tasks"]), "parts": tuple(found["parts"])})
        missing = set(FORMATS[kind]) - set(contract.formats)
        known = contract.kind == kind and set(contract.tasks) <= set(get_args(StudentTask)) and not missing
    except (ValueError, TypeError, KeyError):
        known = False
    if not known:
        raise UserError(f"{file}: says nothing that this version of lemonpress understands; publish the student again")
    return contract
