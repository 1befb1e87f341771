"""The systems that a benchmark compares, and what they wrote, kept by content key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from lemonpress.engine.local import Task as ShardTask
from lemonpress.engine.local import Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.evaluation.benchmark import Benchmark, Score, score
from lemonpress.metrics.fluency import perplexity, signature
from lemonpress.recipes import Task
from lemonpress.weights import load_causal

_BATCH_TEXTS = 16
_PREDICTIONS = pa.schema([("source", pa.string()), ("candidate", pa.string()), ("perplexity", pa.float64())])


class Writer(Protocol):
    """Anything that rewrites sentences, such as `lemonpress.students.generate.Student`."""

    def generate(
        self,
        task: Task,
        sources: Sequence[str],
        *,
        max_new_tokens: int,
        greedy: bool,
        progress: Callable[[int], object],
    ) -> list[list[str]]: ...


@dataclass(frozen=True)
class System:
    """A system under comparison.

    Attributes:
        name: Row of the table.
        key: What identifies it: weights and prompt.
        load: Makes the writer; called only where its predictions are not known. None copies the input.
    """

    name: str
    key: Mapping[str, Any]
    load: Callable[[], Writer] | None


@dataclass(frozen=True)
class Judge:
    """The language model that measures fluency.

    Attributes:
        key: Its id and commit.
        measure: Perplexity of each text, and the metric's signature; loads the model when first called.
    """

    key: str
    measure: Callable[[Sequence[str]], tuple[np.ndarray, str]]


def perplexity_judge(name: str, folder: Path) -> Judge:
    """Measure fluency by the perplexity of a causal language model.

    Args:
        name: Its id and commit.
        folder: Its ordinary weights.
    """

    @cache
    def loaded() -> tuple[Any, Any]:
        return load_causal(folder)

    def measure(texts: Sequence[str]) -> tuple[np.ndarray, str]:
        model, tokenizer = loaded()
        return perplexity(texts, model, tokenizer, _BATCH_TEXTS), signature(name, model, tokenizer)

    return Judge(name, measure)


def compare(
    store: Store, systems: Sequence[System], benchmark: Benchmark, judge: Judge, max_new_tokens: int
) -> dict[str, list[Score]]:
    """Let every system rewrite a benchmark, greedily, and score what it wrote.

    Args:
        store: Predictions are kept there, one shard a system.
        systems: In the order of the table's rows.
        benchmark: Sources, references and task.
        judge: Measures fluency.
        max_new_tokens: Tokens a text at most.

    Returns:
        Scores by system name.
    """
    results = {}
    for system in systems:
        shard = _predict(store, system, benchmark, judge, max_new_tokens)
        table = shard.table("predictions")
        results[system.name] = score(
            benchmark.task,
            benchmark.sources,
            benchmark.references,
            table["candidate"].to_pylist(),
            table["perplexity"].to_numpy(),
            shard.stats["fluency"],
        )
    return results


def _predict(store: Store, system: System, benchmark: Benchmark, judge: Judge, max_new_tokens: int) -> Shard:
    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        if system.load is None:
            texts = list(benchmark.sources)
        else:
            written = system.load().generate(
                benchmark.task, benchmark.sources, max_new_tokens=max_new_tokens, greedy=True, progress=tick
            )
            texts = [candidates[0] for candidates in written]
        perplexity, signature = judge.measure(texts)
        columns = {"source": benchmark.sources, "candidate": texts, "perplexity": perplexity}
        return Output(
            {"predictions": pa.table(columns, schema=_PREDICTIONS)}, {"rows": len(texts), "fluency": signature}
        )

    stage = Stage(
        "predictions",
        1,
        {
            "system": dict(system.key),
            "task": benchmark.task,
            "sources": benchmark.sources,
            "max_new_tokens": max_new_tokens,
            "fluency": judge.key,
        },
    )
    label = f"{benchmark.task} by {system.name}"
    return run_stage(store, stage, [ShardTask((), len(benchmark.sources))], work, label, "sentence")[0]
