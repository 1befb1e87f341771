"""A small walk for the tests of the engine: two stages and a corpus, slow enough to be killed half-way.

Run as ``python toy_walk.py FOLDER``; says "at work" when the first shard is asked for.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from lemonpress.corpora import assemble
from lemonpress.engine.local import Task, Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store, sole_run
from lemonpress.rows import JUDGED, content_id, corpus_schema

SHARDS = 10
PACE = 0.02
NUMBERS = Stage("numbers", 1, {"seed": 0})
VERDICTS = Stage("verdicts", 1, {"above": 0.5})
SCHEMA = corpus_schema([("toy", "a number")])


def numbers(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
    """Random rows of one shard."""
    time.sleep(PACE)
    draw = np.random.default_rng(index)
    return Output({"numbers": pa.table({"number": draw.random(400)})}, {"rows": 400})


def verdicts(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
    """Pairs above the threshold, and the rejected ones."""
    time.sleep(PACE)
    kept, rejected = [], []
    for row, number in enumerate(inputs[0].table("numbers")["number"].to_pylist()):
        pair = {
            "source": f"source {index} {row // 2}",
            "target": f"target {number}",
            "context_id": content_id(str(index), str(row // 8)),
            "domain": "toy",
        }
        if number > 0.5:
            key = content_id("paraphrase", pair["source"], pair["target"])
            kept.append({"id": key, **pair, "toy": number})
        else:
            rejected.append({**pair, "critic": "toy", "score": number})
    tables = {
        "kept": pa.Table.from_pylist(kept, schema=SCHEMA),
        "rejected": pa.Table.from_pylist(rejected, schema=JUDGED),
    }
    return Output(tables, {"rows": len(kept)})


def walk(folder: Path) -> None:
    """Run both stages and write the corpus."""
    with sole_run(folder):
        store = Store(folder / "shards")
        first = run_stage(store, NUMBERS, [Task((), 400)] * SHARDS, numbers, "numbers", "row")
        judged = run_stage(store, VERDICTS, [Task((shard,), 400) for shard in first], verdicts, "verdicts", "row")
        assemble(judged, folder / "corpus", "paraphrase", SCHEMA, 0.2, 50, 0)


if __name__ == "__main__":
    print("at work", flush=True)
    walk(Path(sys.argv[1]))
    print("done", flush=True)
