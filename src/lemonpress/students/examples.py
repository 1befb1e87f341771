"""Training rows as prompt-completion examples."""

import random
from pathlib import Path

from lemonpress.errors import UserError
from lemonpress.rows import TRAINING
from lemonpress.students.prompts import CUES, completion, prompt


def read_examples(rows: Path) -> list[dict[str, str]]:
    """Read training rows as prompt and completion.

    Args:
        rows: Parquet file with the columns of `lemonpress.rows.TRAINING`.

    Returns:
        ``task``, ``prompt`` and ``completion`` of each row.

    Raises:
        UserError: The file cannot be read, has no rows, lacks a column, or has an unknown task or a blank text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(rows)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{rows}: no readable Parquet file of training rows ({type(error).__name__})") from error
    missing = [name for name in TRAINING.names if name not in table.column_names]
    if missing:
        raise UserError(f"{rows}: column {missing[0]} is missing; training rows have {', '.join(TRAINING.names)}")
    if table.num_rows == 0:
        raise UserError(f"{rows}: no rows to train on; loosen the critics or press more contexts")
    pairs = []
    for number, row in enumerate(table.select(TRAINING.names).to_pylist()):
        if row["task"] not in CUES:
            raise UserError(f"{rows}: row {number}: task {row['task']!r} is none of {', '.join(CUES)}")
        if not (row["source"] or "").strip() or not (row["target"] or "").strip():
            raise UserError(f"{rows}: row {number}: source or target is blank; remove the row")
        texts = {"prompt": prompt(row["task"], row["source"]), "completion": completion(row["target"])}
        pairs.append({"task": row["task"], **texts})
    return pairs


def sample_examples(pairs: list[dict[str, str]], limit: int | None, seed: int) -> list[dict[str, str]]:
    """At most `limit` rows a task, chosen by seed, in their order."""
    if limit is None:
        return pairs
    chosen: set[int] = set()
    for task in CUES:
        places = [place for place, pair in enumerate(pairs) if pair["task"] == task]
        chosen.update(random.Random(f"{seed} {task}").sample(places, min(limit, len(places))))
    return [pairs[place] for place in sorted(chosen)]
