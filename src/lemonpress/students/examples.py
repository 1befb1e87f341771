"""Training rows as prompt-completion examples."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from lemonpress.errors import UserError
from lemonpress.recipes import StudentTask
from lemonpress.rows import TRAINING, content_id
from lemonpress.students.contract import Contract
from lemonpress.students.linear import label_parts, linearise, training_cut
from lemonpress.students.prompts import FORMATS, Kind, completion, prompt
from lemonpress.syntax.trees import parse_brackets

TASKS: tuple[StudentTask, ...] = get_args(StudentTask)

Row = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """One prompt and what a student is to write after it."""

    task: StudentTask
    prompt: str
    completion: str


def read_rows(file: Path) -> list[Row]:
    """Read training rows.

    Args:
        file: Parquet file with the columns of `lemonpress.rows.TRAINING`; tree and parser may be left out.

    Raises:
        UserError: The file cannot be read, has no rows, lacks a column, has an unknown task or a blank text, a tree of
            task control is missing or damaged, or trees are of two parsers.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{file}: no readable Parquet file of training rows ({type(error).__name__})") from error
    needed = [field.name for field in TRAINING if not field.nullable]
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise UserError(f"{file}: column {missing[0]} is missing; training rows have {', '.join(needed)}")
    if table.num_rows == 0:
        raise UserError(f"{file}: no rows to train on; loosen the critics or press more contexts")
    rows = table.select([name for name in TRAINING.names if name in table.column_names]).to_pylist()
    for number, row in enumerate(rows):
        _check(row, f"{file}: row {number}")
    parsers = sorted({row["parser"] for row in rows if row["task"] == "control"})
    if len(parsers) > 1:
        raise UserError(f"{file}: trees of two parsers, {parsers[0]} and {parsers[1]}; train on those of one")
    return rows


def _check(row: Row, where: str) -> None:
    if row["task"] not in TASKS:
        raise UserError(f"{where}: task {row['task']!r} is none of {', '.join(TASKS)}")
    if not (row["source"] or "").strip() or not (row["target"] or "").strip():
        raise UserError(f"{where}: source or target is blank; remove the row")
    if row["task"] == "control":
        if not row.get("tree") or not row.get("parser"):
            raise UserError(f"{where}: task control needs the target's tree and the parser's key; fill both columns")
        try:
            parse_brackets(row["tree"])
        except UserError as error:
            raise UserError(f"{where}: {error}") from None


def sample_rows(rows: Sequence[Row], limit: int | None, seed: int) -> list[Row]:
    """At most `limit` rows a task, chosen by seed, in their order."""
    if limit is None:
        return list(rows)
    chosen: set[int] = set()
    for task in TASKS:
        places = [place for place, row in enumerate(rows) if row["task"] == task]
        chosen.update(random.Random(f"{seed} {task}").sample(places, min(limit, len(places))))
    return [rows[place] for place in sorted(chosen)]


def contract_of(rows: Iterable[Row], kind: Kind, length_share: float, start: Contract | None = None) -> Contract:
    """What a student of these rows can do.

    Args:
        rows: Training rows.
        kind: causal or seq2seq.
        length_share: Share of summary rows whose prompt names the number of words.
        start: What it could do before. Its tree labels stay, so that its embeddings keep their meaning, and labels
            that it never saw become the token for others.

    Raises:
        UserError: The rows' trees are of another parser than those that the student was trained on.
    """
    rows = list(rows)
    counts = Counter(row["task"] for row in rows)
    parser = next((row["parser"] for row in rows if row["task"] == "control"), None)
    trees = (parse_brackets(row["tree"]) for row in rows if row["task"] == "control")
    if start is None or start.parser is None:
        parts = label_parts(trees)
    else:
        parts = start.parts
        if parser not in (None, start.parser):
            raise UserError(f"rows: trees of {parser}; this student was trained on those of {start.parser}")
        parser = start.parser
    earlier = start.tasks if start else ()
    return Contract(
        kind,
        tuple(task for task in TASKS if counts[task] or task in earlier),
        FORMATS[kind],
        (length_share > 0 and counts["summary"] > 0) or (start is not None and start.lengths),
        parser,
        parts,
    )


def examples(rows: Iterable[Row], contract: Contract, length_share: float, seed: int) -> list[Example]:
    """Prompts and completions of training rows.

    A seeded share of the summary rows names the number of words of its target; trees of task control are shown whole
    or cut, see `lemonpress.students.linear.training_cut`.

    Args:
        rows: Training rows.
        contract: Formats and tree labels.
        length_share: Share of summary rows whose prompt names the number of words, 0 to 1.
        seed: Decides which.
    """
    return [_example(row, contract, length_share, seed) for row in rows]


def _example(row: Row, contract: Contract, length_share: float, seed: int) -> Example:
    task, source, target = row["task"], row["source"], row["target"]
    key = content_id(str(seed), task, source, target)
    tree = words = None
    if task == "control":
        tree = linearise(training_cut(key, parse_brackets(row["tree"])), contract.parts)
    elif task == "summary" and int(content_id("length", key), 16) / 16**16 < length_share:
        words = len(target.split())
    asked = prompt(task, source, contract.formats, tree, words)
    return Example(task, asked, completion(target, contract.kind))
