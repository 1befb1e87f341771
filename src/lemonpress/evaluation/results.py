"""The results of an evaluation: as JSON, as Markdown, as a plot, and as the Hub keeps them with a model."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.benchmarks import BENCHMARKS
from lemonpress.evaluation.plots import tradeoff_plot
from lemonpress.evaluation.predictions import Prediction, write_dataset
from lemonpress.evaluation.scoring import MAIN, Score, compare
from lemonpress.evaluation.table import number, render, render_transposed
from lemonpress.markdown import literal, table
from lemonpress.metrics.efficiency import Latency
from lemonpress.output import check_folder, whole_folder, write_whole
from lemonpress.recipes.evaluation import Evaluation

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_RESULTS = "results.json"
_SIGNIFICANT = 0.05
_TASK_TYPES = {"paraphrase": ("text-generation", "Paraphrasing"), "summary": ("summarization", "Summarization")}


@dataclass(frozen=True)
class Result:
    """One benchmark and how the systems did on it.

    Attributes:
        benchmark: What they rewrote.
        predictions: What each wrote, by the name of the system.
        scores: Of each system, as many and in the same order.
        latencies: Of each system, where it was timed.
    """

    benchmark: Benchmark
    predictions: Mapping[str, Prediction]
    scores: Mapping[str, list[Score]]
    latencies: Mapping[str, Latency] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """How good a model is.

    Attributes:
        table: Benchmark table, as Markdown.
        entries: Its figures for ``model-index``.
        files: Content of each file of ``.eval_results/``, by name: benchmarks that are datasets of the Hub.
    """

    table: str
    entries: Sequence["EvalResult"] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def to_json(evaluation: Evaluation, results: Sequence[Result]) -> dict[str, Any]:
    """Everything that was measured, and with which settings.

    Returns:
        ``settings``, and for each benchmark its task, rows, dataset and commit, its systems with all scores, and the
        differences of the others from the baseline.
    """
    baseline = evaluation.base_system
    return {
        "lemonpress": version("lemonpress"),
        "settings": evaluation.model_dump(mode="json"),
        "benchmarks": {
            result.benchmark.name: {
                **benchmark_json(result.benchmark),
                "systems": {name: _system(result, name) for name in result.scores},
                "baseline": baseline,
                "differences": differences(result, baseline),
            }
            for result in results
        },
    }


def _system(result: Result, name: str) -> dict[str, Any]:
    prediction = result.predictions[name]
    rate = prediction.tokens / prediction.seconds if prediction.tokens and prediction.seconds else None
    alone = result.latencies.get(name)
    return {
        "model": prediction.system.repo,
        "parameters": prediction.parameters,
        "tokens": prediction.tokens,
        "tokens_per_second": None if rate is None else round(rate, 1),
        "timing": prediction.timing,
        "seconds": None if prediction.seconds is None else round(prediction.seconds, 2),
        "latency": alone and {"median": round(alone.median, 4), "p95": round(alone.p95, 4), "n": len(alone.seconds)},
        "scores": scores_json(result.scores[name]),
    }


def scores_json(scores: Sequence[Score]) -> dict[str, dict[str, Any]]:
    """Scores as plain values, by metric."""
    return {
        one.metric: {
            "value": round(one.mean, 4),
            "low": round(one.low, 4),
            "high": round(one.high, 4),
            "n": one.n,
            "signature": one.signature,
        }
        for one in scores
    }


def benchmark_json(benchmark: Benchmark) -> dict[str, Any]:
    """What a benchmark was, as plain values."""
    return {
        "task": benchmark.task,
        "rows": len(benchmark.sources),
        "dataset": benchmark.dataset,
        "commit": benchmark.commit,
        "sources_sha256": benchmark.digest,
    }


def differences(result: Result, baseline: str) -> dict[str, dict[str, dict[str, float]]]:
    """How every other system differs from the baseline, metric by metric, by paired bootstrap.

    A metric that one of the two has of fewer sentences is left out: the others would not be the same ones.

    Returns:
        By system and metric: ``difference``, ``low`` and ``high`` of its 95 % interval, and the two-sided ``p``.
    """
    base = {one.metric: one for one in result.scores[baseline]}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, scores in result.scores.items():
        if name == baseline:
            continue
        same = [one for one in scores if one.metric in base and one.n == base[one.metric].n]
        paired = {one.metric: compare(one, base[one.metric]) for one in same}
        found[name] = {
            metric: {
                "difference": round(one.difference, 4),
                "low": round(one.low, 4),
                "high": round(one.high, 4),
                "p": round(one.p, 4),
            }
            for metric, one in paired.items()
        }
    return found


def to_markdown(evaluation: Evaluation, results: Sequence[Result]) -> str:
    """The results as a person reads them: a table, a plot and the differences for each benchmark."""
    baseline = evaluation.base_system
    parts = ["# Results"]
    for result in results:
        benchmark = result.benchmark
        declared = BENCHMARKS.get(benchmark.name)
        about = declared.title if declared else benchmark.name
        where = f", {benchmark.dataset}@{benchmark.commit[:12]}" if benchmark.dataset and benchmark.commit else ""
        parts.append(f"## {about} ({benchmark.task})\n\n{len(benchmark.sources):,} sources{where}.")
        parts.append(render(dict(result.scores), MAIN[benchmark.task], legend=False).rstrip())
        parts.append(f"![{about}]({benchmark.name}.png)")
        if len(result.scores) > 1:
            parts.append(_differences_table(result, baseline))
        parts.append("### All metrics\n\n" + render_transposed(dict(result.scores)).rstrip())
        parts.append("### Cost\n\n" + "\n".join(table(_costs(result))))
    return "\n\n".join(parts) + "\n"


def _differences_table(result: Result, baseline: str) -> str:
    found = differences(result, baseline)
    metrics = [metric for metric in MAIN[result.benchmark.task] if any(metric in one for one in found.values())]
    rows = [["System", *metrics]]
    for name, one in found.items():
        cells = []
        for metric in metrics:
            if metric not in one:
                cells.append("–")
                continue
            value = one[metric]
            star = "\\*" if value["p"] < _SIGNIFICANT else ""
            cells.append(f"{value['difference']:+.1f}{star} (p {value['p']:.3f})")
        rows.append([literal(name), *cells])
    return (
        f"### Against {baseline}\n\n"
        + "\n".join(table(rows))
        + f"\n\nPaired bootstrap over sentences; \\* p < {_SIGNIFICANT:g}, not corrected for many comparisons."
    )


def _costs(result: Result) -> list[list[str]]:
    rows = [["System", "Parameters", "Tokens written", "Tokens/s", "Sentences/s", "Seconds alone, median (95 %)"]]
    for name in result.scores:
        found = _system(result, name)
        seconds = found["seconds"]
        sentences = len(result.benchmark.sources) / seconds if seconds else None
        values = (found["parameters"], found["tokens"], found["tokens_per_second"], sentences)
        alone = result.latencies.get(name)
        timed = f"{alone.median:.2f} ({alone.p95:.2f})" if alone else "–"
        rows.append([literal(name), *("–" if one is None else number(one) for one in values), timed])
    return rows


def model_index(result: Result, system: str) -> "Iterator[EvalResult]":
    """A system's scores as the entries of a model card's ``model-index``."""
    from huggingface_hub import EvalResult

    benchmark = result.benchmark
    declared = BENCHMARKS.get(benchmark.name)
    kind, title = _TASK_TYPES[benchmark.task]
    for one in result.scores[system]:
        yield EvalResult(
            task_type=kind,
            task_name=title,
            dataset_type=benchmark.dataset or benchmark.name,
            dataset_name=declared.title if declared else benchmark.name,
            dataset_config=declared.config if declared and benchmark.dataset else None,
            dataset_split=declared.split if declared and benchmark.dataset else None,
            dataset_revision=benchmark.commit,
            dataset_args={"rows": len(benchmark.sources)},
            metric_type=slug(one.metric),
            metric_name=one.metric,
            metric_value=round(one.mean, 2),
            metric_config=one.signature,
        )


def eval_results(result: Result, system: str) -> list[dict[str, Any]]:
    """A system's scores as ``.eval_results/*.yaml`` holds them.

    None where they are no scores of a dataset of the Hub: the rows came from a file, or are a part of it.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    benchmark = result.benchmark
    if benchmark.dataset is None or not benchmark.whole:
        return []
    return eval_result_entries_to_yaml(
        [
            EvalResultEntry(
                dataset_id=benchmark.dataset,
                task_id=f"{benchmark.name}_{slug(one.metric)}",
                value=round(one.mean, 2),
                dataset_revision=benchmark.commit,
                notes=one.signature,
            )
            for one in result.scores[system]
        ]
    )


def slug(metric: str) -> str:
    """A metric's name as an identifier: ``iBLEU (sacreBLEU)`` is ``ibleu_sacrebleu``."""
    return re.sub(r"[^a-z0-9]+", "_", metric.lower()).strip("_")


def check_output(output: Path) -> None:
    """Refuse a place that results cannot go to, before anything is measured.

    Raises:
        UserError: It is a folder of something else, or one that cannot be replaced; or a file in a folder that is not
            there.
    """
    if output.suffix == ".json":
        if output.is_dir() or not output.absolute().parent.is_dir():
            raise UserError(f"--output {output}: cannot be written there; give a file in a folder that exists")
    else:
        check_folder(output, _names(output), "an evaluation", marker=_RESULTS)


def _names(output: Path) -> list[str]:
    """The files of the results that a folder holds, by its ``results.json``; none where that is something else."""
    try:
        benchmarks = json.loads((output / _RESULTS).read_text(encoding="utf-8"))["benchmarks"]
        models = {own for one in benchmarks.values() for own in _folders(one["systems"]).values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [
        *(_RESULTS, "results.md", "predictions/README.md"),
        *(f"{name}.png" for name in benchmarks),
        *(f"predictions/{name}.parquet" for name in benchmarks),
        *(f"models/{model}/model-index.yaml" for model in models),
        *(f"models/{model}/.eval_results/{name}.yaml" for model in models for name in benchmarks),
    ]


def write(evaluation: Evaluation, results: Sequence[Result], output: Path) -> None:
    """Write results: a ``.json`` file alone, or a folder of everything.

    The folder holds ``results.json``, ``results.md`` with a plot for each benchmark, ``predictions/`` (a dataset with
    a configuration for each benchmark) and, for each model of a Hub, ``models/NAME/`` with its ``model-index.yaml``
    and ``.eval_results/``. It is written whole, and takes the place of earlier results.

    Args:
        evaluation: What was asked.
        results: What was measured.
        output: File or folder.
    """
    text = json.dumps(to_json(evaluation, results), indent=1, ensure_ascii=False) + "\n"
    if output.suffix == ".json":
        write_whole(output, text)
        return
    with whole_folder(output, check_output) as folder:
        (folder / _RESULTS).write_text(text, encoding="utf-8")
        (folder / "results.md").write_text(to_markdown(evaluation, results), encoding="utf-8")
        for result in results:
            tradeoff_plot(result.benchmark, result.scores, folder / f"{result.benchmark.name}.png")
        written = {one.benchmark.name: (one.benchmark, list(one.predictions.values())) for one in results}
        write_dataset(written, folder / "predictions")
        for name, own in _folders(results[0].scores).items():
            _write_model(results, name, folder / "models" / own)


def measured_of(results: Sequence[Result], system: str, table: str) -> Measured:
    """What a model's card and repository say of its results.

    Args:
        results: At least one.
        system: The model's.
        table: For its card.
    """
    entries = [entry for result in results for entry in model_index(result, system)]
    files = {f"{result.benchmark.name}.yaml": eval_results(result, system) for result in results}
    return Measured(table, entries, {name: _yaml(found) for name, found in files.items() if found})


def _folders(names: Iterable[str]) -> dict[str, str]:
    """A folder's name for each system, none twice."""
    found: dict[str, str] = {}
    for place, name in enumerate(names, 1):
        wanted = slug(name) or "system"
        found[name] = f"{wanted}_{place}" if wanted in found.values() else wanted
    return found


def _write_model(results: Sequence[Result], system: str, folder: Path) -> None:
    from huggingface_hub.repocard_data import eval_results_to_model_index

    repo = results[0].predictions[system].system.repo
    if repo is None:
        return
    measured = measured_of(results, system, "")
    folder.mkdir(parents=True)
    index = {"model-index": eval_results_to_model_index(repo.rpartition("/")[2], list(measured.entries))}
    (folder / "model-index.yaml").write_text(_yaml(index), encoding="utf-8")
    for name, content in measured.files.items():
        file = folder / ".eval_results" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content, encoding="utf-8")


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
