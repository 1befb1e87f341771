"""A language model as judge of paraphrases and summaries: what it is asked about, and how it is asked.

A judge sees texts, never who wrote them. Its answers are read strictly: what is not in the format is asked once more,
then counted as unread, and never guessed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from lemonpress.asking.chat import Chat
from lemonpress.errors import UserError
from lemonpress.evaluation.ratings import one_line
from lemonpress.output import write_whole
from lemonpress.reading import column_text
from lemonpress.recipes import Task, digest
from lemonpress.tables import Table, need_columns, open_table

Answer = TypeVar("Answer")

Announce = Callable[[int, int], object]

GOOD: Mapping[Task, str] = {
    "paraphrase": "fluent, says all that the source says and nothing else, and words it differently",
    "summary": "fluent, says the main point of the source and nothing that the source does not say, and is short",
}

_AGAIN = "\n\nYour last answer was not in the format. {form}"


@dataclass(frozen=True)
class Prediction:
    """What a system wrote for a source, both as they are rated (`one_line`)."""

    system: str
    source: str
    candidate: str


def read_predictions(
    path: str,
    systems: Sequence[str] = (),
    *,
    revision: str | None = None,
    config: str | None = None,
    split: str = "train",
    where: str = "predictions",
) -> tuple[list[Prediction], Table]:
    """Read what systems wrote.

    Args:
        path: Table with columns system, source and candidate: a JSON lines, CSV, TSV or Parquet file, a dataset's
            folder or a Hub id.
        systems: Those wanted; all if empty.
        revision: As for `open_table`, and so `config`, `split` and `where`.

    Returns:
        Predictions in the order of the table, and the table.

    Raises:
        UserError: The table or a column is missing, a source is blank, or a system wrote nothing.
    """
    opened = open_table(path, Path(path), revision=revision, config=config, split=split, where=where)
    need_columns(opened, {name: name for name in ("system", "source", "candidate")}, where)
    found = []
    for place, row in opened.rows:
        here = f"{where}: {opened.name}, {place}"
        system, *texts = (column_text(row.get(name), name, here) for name in ("system", "source", "candidate"))
        one = Prediction(system, *map(one_line, texts))
        for name, text in (("system", one.system), ("source", one.source)):
            if not text:
                raise UserError(f"{here}: {name} is blank; fill it in or remove the row")
        found.append(one)
    known = list(dict.fromkeys(one.system for one in found))
    for name in systems:
        if name not in known:
            raise UserError(f"{where}: {opened.name} has no system {name!r}; it has {', '.join(known)}")
    return [one for one in found if not systems or one.system in systems], opened


def sample_sources(predictions: Sequence[Prediction], count: int | None, seed: int) -> list[Prediction]:
    """The predictions of some sources, drawn at random; a larger count adds to those of a smaller one.

    Args:
        predictions: Of any systems.
        count: Distinct sources to keep; all if None or if there are no more.
        seed: Of the choice.
    """
    sources = list(dict.fromkeys(one.source for one in predictions))
    chosen = {sources[place] for place in np.random.default_rng(seed).permutation(len(sources))[:count]}
    return [one for one in predictions if one.source in chosen]


@dataclass(frozen=True)
class Judge:
    """Who judges, and what.

    Attributes:
        chat: The model.
        rater: Its name in the rows.
        task: What the texts are.
        workers: Questions asked at a time.
    """

    chat: Chat
    rater: str
    task: Task
    workers: int = 16


def prompt_signature(prompt: str) -> str:
    """What identifies a prompt in reports."""
    return f"prompt:{digest(prompt)[:8]}|temperature:0"


def same_judge(rater: str, task: str, judge: Judge, file: Path) -> None:
    if (rater, task) != (judge.rater, judge.task):
        raise UserError(
            f"{file}: holds what {rater} says of a {task}, not {judge.rater} of a {judge.task}; name another --output"
        )


def asked_beside(file: Path) -> Path:
    """The file that says what asked for the answers in another one."""
    return file.with_suffix(".asked.json")


def same_question(judge: Judge, prompt: str, file: Path, resumed: bool) -> None:
    """Write down what asks; where there are answers already, see that it is what asked for them."""
    record = asked_beside(file)
    asks = {
        "rater": judge.rater,
        "task": judge.task,
        "model": judge.chat.model,
        "prompt": prompt_signature(prompt),
    }
    if not resumed:
        write_whole(record, json.dumps(asks, indent=1, ensure_ascii=False) + "\n")
        return
    try:
        asked = dict(json.loads(record.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError):
        raise UserError(f"{record}: does not say what asked for {file.name}; name another --output") from None
    for name, value in asks.items():
        if asked.get(name) != value:
            raise UserError(f"{record}: the {name} was {asked.get(name)}, not {value}; name another --output")


def as_question(*texts: tuple[str, str]) -> str:
    """Named texts, each a JSON string: no text can close its own quotation marks."""
    return "\n".join(f"{name}: {json.dumps(text, ensure_ascii=False)}" for name, text in texts)


def ask_twice(
    chat: Chat, prompt: str, question: str, form: str, max_tokens: int, read: Callable[[str], Answer | None]
) -> Answer | None:
    """The answer, asked for once more where it cannot be read; None where that does not help."""
    for text in (question, question + _AGAIN.format(form=form)):
        messages = [{"role": "system", "content": prompt}, {"role": "user", "content": text}]
        answer = read(chat.ask(messages, max_tokens))
        if answer is not None:
            return answer
    return None
