"""What systems wrote for benchmarks: kept by content key, and as a dataset that anybody loads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from lemonpress.engine.local import Task as ShardTask
from lemonpress.engine.local import Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.writing import System
from lemonpress.recipes.evaluation import DecodingSettings

SCHEMA = pa.schema(
    [
        pa.field("benchmark", pa.string(), metadata={"description": "name of the benchmark"}),
        pa.field("row", pa.int32(), metadata={"description": "its row, from 0"}),
        pa.field("system", pa.string(), metadata={"description": "what wrote the candidate"}),
        pa.field("source", pa.string(), metadata={"description": "text that was rewritten"}),
        pa.field("references", pa.list_(pa.string()), metadata={"description": "what people wrote"}),
        pa.field("candidate", pa.string(), metadata={"description": "what the system wrote; may be empty"}),
    ]
)
_SHARD = pa.schema([("source", pa.string()), ("candidate", pa.string())])


@dataclass(frozen=True)
class Prediction:
    """What one system wrote for one benchmark.

    Attributes:
        system: What wrote.
        texts: One for each source.
        shard: Where it is kept.
        parameters: Of the models that wrote; None where that is not known.
        tokens: Written in all; None as before.
        seconds: Of writing, without loading; None as before.
        timing: What `seconds` were taken on; None as before.
    """

    system: System
    texts: list[str]
    shard: Shard
    parameters: int | None
    tokens: int | None
    seconds: float | None
    timing: str | None


def predict(store: Store, system: System, benchmark: Benchmark, decoding: DecodingSettings) -> Prediction:
    """Let a system rewrite a benchmark, or find what it wrote before.

    Args:
        store: What is written is kept there by (system, benchmark, decoding).
        system: What writes.
        benchmark: Sources, and exemplars if it has them.
        decoding: How it writes.
    """

    def work(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        written = system.load()(benchmark, decoding, tick)
        table = pa.table({"source": benchmark.sources, "candidate": written.texts}, schema=_SHARD)
        stats = {"rows": len(written.texts), "parameters": written.parameters, "tokens": written.tokens}
        return Output({"predictions": table}, {**stats, "writing": written.seconds, "timing": written.timing})

    decoded = decoding.model_dump(mode="json") if system.decodes else None
    stage = Stage("predictions", 3, {"system": system.key, "benchmark": benchmark.digest, "decoding": decoded})
    label = f"{benchmark.name} by {system.name}"
    (shard,) = run_stage(store, stage, [ShardTask((), len(benchmark.sources))], work, label, "sentence")
    texts = shard.table("predictions")["candidate"].to_pylist()
    stats = shard.stats
    return Prediction(system, texts, shard, stats["parameters"], stats["tokens"], stats["writing"], stats["timing"])


def write_dataset(predictions: Mapping[str, tuple[Benchmark, Sequence[Prediction]]], folder: Path) -> None:
    """Write predictions as a dataset with a configuration for each benchmark.

    Args:
        predictions: Benchmark and what each system wrote, by the benchmark's name.
        folder: ``folder/NAME.parquet`` and a card that names them.
    """
    folder.mkdir(parents=True)
    for name, (benchmark, written) in predictions.items():
        rows = [
            {
                "benchmark": name,
                "row": row,
                "system": one.system.name,
                "source": source,
                "references": references,
                "candidate": text,
            }
            for one in written
            for row, (source, references, text) in enumerate(
                zip(benchmark.sources, benchmark.references, one.texts, strict=True)
            )
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / f"{name}.parquet", compression="zstd")
    configs = [
        {"config_name": name, "data_files": [{"split": "test", "path": f"{name}.parquet"}]} for name in predictions
    ]
    front = yaml.safe_dump(
        {"configs": configs, "tags": ["predictions", "paraphrase", "summarization"]}, sort_keys=False
    )
    columns = "\n".join(f"- `{one.name}`: {one.metadata[b'description'].decode()}" for one in SCHEMA)
    (folder / "README.md").write_text(
        f"---\n{front}---\n\n# Predictions\n\nWhat each system wrote for each row of each benchmark.\n\n{columns}\n\n"
        "Sources and references keep the licences of their benchmarks.\n",
        encoding="utf-8",
    )
