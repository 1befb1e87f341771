"""Many questions put to a model on a server, some at a time; what was answered stays in a file."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from lemonpress.asking.chat import Chat
from lemonpress.errors import UserError
from lemonpress.output import write_whole

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


def ask_many(
    chat: Chat,
    questions: Sequence[_Question],
    ask: Callable[[_Question], _Answer | None],
    *,
    workers: int,
    label: str,
    unit: str,
    wanted: str | None,
) -> Iterator[tuple[_Question, _Answer | None]]:
    """Ask all questions, with a progress bar.

    Args:
        chat: The model that `ask` asks; named in the error.
        questions: In the order of the answers.
        ask: Asks one question, in a thread of its own; None where the answer cannot be read.
        workers: Questions asked at a time.
        label: Of the progress bar.
        unit: Of the progress bar, singular.
        wanted: What an answer that can be read does, such as ``names two labels``: where none of the first few does,
            no more are asked. None asks on.

    Yields:
        Each question with its answer, as soon as those before it are answered.

    Raises:
        UserError: None of the first 4 x `workers` answers could be read; or from `ask`: questions that wait their turn
            are then not asked.
    """
    from tqdm import tqdm

    some = 4 * workers
    read = False
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(questions), desc=f"  {label}", unit=unit, leave=False, disable=None) as bar,
    ):
        for start in range(0, len(questions), some):
            batch = questions[start : start + some]
            for question, answer in zip(batch, pool.map(ask, batch), strict=True):
                bar.update()
                read = read or answer is not None
                yield question, answer
            if wanted is not None and not read and len(batch) == some:
                raise UserError(
                    f"{chat.base_url}: none of the first {some} answers of {chat.model} {wanted}; "
                    "give a model that follows instructions and does not think aloud first"
                )


def append_rows(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add JSON lines to a file, which is made where it is missing."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write(_lines(rows))


def resume_rows(file: Path) -> list[tuple[str, dict[str, Any]]]:
    """The rows that an earlier run appended, each with its place; a last line that was cut off is taken off the file.

    Raises:
        UserError: The file cannot be read, or a line is no JSON object.
    """
    if not file.exists():
        return []
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); name another --output") from None
    whole = content[: content.rfind(b"\n") + 1]
    rows = []
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):  # of bytes: at line feeds alone
        try:
            row = json.loads(line)
        except ValueError:
            raise UserError(f"{file}, line {number}: is not JSON; name another --output") from None
        if not isinstance(row, dict):
            raise UserError(f"{file}, line {number}: is no JSON object; name another --output")
        rows.append((f"{file}, line {number}", row))
    if whole != content:
        os.truncate(file, len(whole))
    return rows


def write_rows(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines in place of a file, whole or not at all."""
    write_whole(file, _lines(rows))


def _lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
