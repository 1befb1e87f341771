"""The systems that a benchmark compares, and what they wrote, kept by content key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from lemonpress.critics import build
from lemonpress.engine.local import Task as ShardTask
from lemonpress.engine.local import Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.evaluation.benchmark import Benchmark, Score, percentage, score
from lemonpress.metrics.fluency import perplexity, signature
from lemonpress.recipes import EntailmentSettings, Task
from lemonpress.students.candidates import judge_candidates
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


def entailment_scores(model: str, sources: Sequence[str], candidates: Sequence[str]) -> list[Score]:
    """How often what was written is entailed by its source, and how often each entails the other.

    Args:
        model: NLI model, as entailment critics name it.
        sources: What was rewritten.
        candidates: A rewriting of each; a blank one is entailed by nothing.

    Returns:
        Two scores in percent of the sentences: ``Entailed`` and ``Both ways``, at the paper's 0.75.
    """
    settings = EntailmentSettings(critic="entailment", model=model, direction="both", min=0.75)
    critics = build([settings])
    judged = judge_candidates(sources, [[text] if text.strip() else [] for text in candidates], critics)
    (nli,) = critics[0].models
    forward = [bool(one) and one[0].rejected_by != "entailment" for one in judged]
    both = [bool(one) and one[0].accepted for one in judged]
    signature = f"entailment|min:0.75|model:{nli.id}@{nli.commit}"
    return [
        percentage("Entailed", forward, f"source to text|{signature}"),
        percentage("Both ways", both, f"both directions|{signature}"),
    ]


def compare(
    store: Store,
    systems: Sequence[System],
    benchmark: Benchmark,
    judge: Judge,
    max_new_tokens: int,
    nli: str | None = None,
) -> dict[str, list[Score]]:
    """Let every system rewrite a benchmark, greedily, and score what it wrote.

    Args:
        store: Predictions are kept there, one shard a system.
        systems: In the order of the table's rows.
        benchmark: Sources, references and task.
        judge: Measures fluency.
        max_new_tokens: Tokens a text at most.
        nli: NLI model that says how often meaning is kept; not asked by default.

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
        if nli is not None:
            results[system.name] += entailment_scores(nli, benchmark.sources, table["candidate"].to_pylist())
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
