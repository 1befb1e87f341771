"""Self-distillation: fresh teacher sentences, the student's own candidates, and the shards that critics judge."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lemonpress.engine.local import Task as ShardTask
from lemonpress.engine.local import Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.recipes import SelfDistillationSettings, StudentTask, Task
from lemonpress.rows import SENTENCES, TRAINING, content_id
from lemonpress.sources import file_digest
from lemonpress.splitting import first_sentence, flaw, normalise
from lemonpress.students.contract import FILE
from lemonpress.students.datasets import write_rows
from lemonpress.students.generate import Student

_SHARD_SOURCES = 32


def fresh_sentences(
    pools: Iterable[Shard], used: set[str], allowed: Iterable[str], count: int, seed: int
) -> list[dict[str, str]]:
    """Teacher sentences that no training pair holds.

    Args:
        pools: Sentence shards.
        used: Sentences of the corpora, as source or target.
        allowed: Contexts they may come from: those of the training split.
        count: How many at most.
        seed: Decides which, by content hash.

    Returns:
        ``source``, ``domain`` and ``context`` of each, in the order of their hashes.
    """
    contexts = set(allowed)
    found: dict[str, dict[str, str]] = {}
    for shard in pools:
        for row in shard.table("sentences").to_pylist():
            if row["context_id"] in contexts:
                for text in row["sentences"]:
                    if text not in used:
                        key = content_id("fresh", str(seed), text)
                        found[key] = {"source": text, "domain": row["domain"], "context": row["context"]}
    return [found[key] for key in sorted(found)[:count]]


def press_candidates(
    store: Store,
    student_folder: Path,
    task: Task,
    sources: Sequence[dict[str, str]],
    settings: SelfDistillationSettings,
    seed: int,
    greedy: bool = False,
) -> list[Shard]:
    """Let the student rewrite fresh sentences (paper, section 3.3).

    Args:
        store: Finished and new shards.
        student_folder: The student's publishable tree.
        task: What to write.
        sources: As `fresh_sentences` gives them.
        settings: Candidates a source and sampling.
        seed: Of the recipe.
        greedy: One candidate a source, the likeliest token each time, whatever the settings say.

    Returns:
        Shards with rows of `rows.SENTENCES`: the source first, then its distinct well-formed candidates.
    """
    loaded: list[Student] = []
    decoding: dict[str, Any] = {"max_new_tokens": settings.max_new_tokens}
    if greedy:
        decoding["greedy"] = True
    elif settings.beams is not None:
        decoding |= {"n": settings.candidates, "beams": settings.beams}
    else:
        sampling = {"temperature": settings.temperature, "top_p": settings.top_p, "seed": seed}
        decoding |= {"n": settings.candidates, **sampling}

    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        if not loaded:
            loaded.append(Student.load(student_folder))
        chunk = sources[index * _SHARD_SOURCES : (index + 1) * _SHARD_SOURCES]
        texts = loaded[0].generate(task, [row["source"] for row in chunk], progress=tick, **decoding)
        rows = [_group(row, written) for row, written in zip(chunk, texts, strict=True)]
        return Output({"sentences": pa.Table.from_pylist(rows, schema=SENTENCES)}, {"rows": len(rows)})

    stage = Stage(
        "candidates",
        3,
        {
            "task": task,
            "student": file_digest(student_folder / "model.safetensors"),
            "contract": file_digest(student_folder / FILE),
            "sources": [row["source"] for row in sources],
            **decoding,
        },
    )
    tasks = [
        ShardTask((), min(_SHARD_SOURCES, len(sources) - start)) for start in range(0, len(sources), _SHARD_SOURCES)
    ]
    return run_stage(store, stage, tasks, work, f"student's candidates ({task})", "sentence")


def accepted(shards: Iterable[Shard]) -> int:
    """Sources with a pair that the critics kept, in verdict shards."""
    return len({source for shard in shards for source in shard.table("kept")["source"].to_pylist()})


def training_rows(corpora: Iterable[tuple[StudentTask, pa.Table]], file: Path) -> int:
    """Write the training file of a student: every task's pairs, and the trees of task control.

    Returns:
        Rows written.
    """
    parts = []
    for task, rows in corpora:
        columns = {name: rows[name] for name in ("source", "target")}
        for name in ("tree", "parser"):
            columns[name] = rows[name] if task == "control" else pa.nulls(rows.num_rows, pa.string())
        parts.append(pa.table({"task": pa.repeat(pa.scalar(task), rows.num_rows), **columns}, schema=TRAINING))
    table = pa.concat_tables(parts) if parts else TRAINING.empty_table()
    write_rows(table, file)
    return table.num_rows


def _group(row: dict[str, str], written: Sequence[str]) -> dict[str, object]:
    source = row["source"]
    distinct: dict[str, str] = {normalise(source): source}
    counts: dict[str, int] = {normalise(source): 1}
    dropped: dict[str, int] = {}
    for text in written:
        reason = "unfinished" if not text else "several" if first_sentence(f"{text}\n") != text else flaw(text)
        if reason:
            dropped[reason] = dropped.get(reason, 0) + 1
            continue
        distinct.setdefault(normalise(text), text)
        counts[normalise(text)] = counts.get(normalise(text), 0) + 1
    return {
        "context_id": content_id(source),
        "context": row["context"],
        "domain": row["domain"],
        "sentences": list(distinct.values()),
        "counts": list(counts.values()),
        "sampled": len(written),
        "dropped": sorted(dropped.items()),
    }
