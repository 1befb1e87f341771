"""An evaluation from end to end: everything is found before anything is run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from lemonpress.engine.store import Store
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.benchmarks import open_benchmark
from lemonpress.evaluation.judges import Judges
from lemonpress.evaluation.predictions import Prediction, predict
from lemonpress.evaluation.results import Result
from lemonpress.evaluation.scoring import Score, mean_score, score
from lemonpress.evaluation.systems import open_system
from lemonpress.evaluation.writing import System
from lemonpress.home import home
from lemonpress.metrics.diversity import copies
from lemonpress.metrics.diversity import signature as copies_signature
from lemonpress.metrics.efficiency import Latency, latency
from lemonpress.metrics.stability import drift, drift_signature
from lemonpress.recipes.evaluation import DecodingSettings, Evaluation


def evaluate(evaluation: Evaluation) -> list[Result]:
    """Let systems rewrite benchmarks, and score what they wrote.

    What was written and judged before is found again, under ``benchmarks`` of LEMONPRESS_HOME.

    Args:
        evaluation: Systems, benchmarks, decoding and judges.

    Returns:
        One result for each benchmark, in order.

    Raises:
        UserError: A system, benchmark or judge cannot be found or used; known before any text is written.
    """
    benchmarks = [open_benchmark(choice) for choice in evaluation.benchmarks]
    names = [one.name for one in benchmarks]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(f"benchmarks: {twice[0]} is named twice; remove one")
    systems = [open_system(name, settings) for name, settings in evaluation.systems.items()]
    for system in systems:
        if not system.rewrites and (evaluation.rounds > 1 or evaluation.timed):
            raise UserError(f"system {system.name}: is a file of texts, which has no rounds and no latency; remove it")
        if system.recalls and evaluation.timed:
            raise UserError(f"system {system.name}: keeps a server's answers, and cannot be timed; remove it or timed")
        for benchmark in benchmarks:
            system.check(benchmark, evaluation.decoding)
    judges = Judges.open(evaluation.judges, any(one.exemplars is not None for one in benchmarks))
    store = Store(home() / "benchmarks")
    return [
        run(store, systems, one, judges, evaluation.decoding, evaluation.alpha, evaluation.rounds, evaluation.timed)
        for one in benchmarks
    ]


def run(
    store: Store,
    systems: Sequence[System],
    benchmark: Benchmark,
    judges: Judges,
    decoding: DecodingSettings,
    alpha: float = 0.7,
    rounds: int = 1,
    timed: int = 0,
) -> Result:
    """Let systems rewrite one benchmark, and score what they wrote.

    Args:
        store: Keeps what is written and judged.
        systems: In the order of the table's rows.
        benchmark: What they rewrite.
        judges: The models behind metrics.
        decoding: How they write.
        alpha: Weight of the reference in iBLEU.
        rounds: Times that each system rewrites, from the second on its own text; the drift is measured.
        timed: Sentences that each system is timed on, one by one.
    """
    predictions: dict[str, Prediction] = {}
    scores: dict[str, list[Score]] = {}
    latencies: dict[str, Latency] = {}
    for opened in systems:
        system = replace(opened, load=cache(opened.load))  # loaded once, and forgotten with this system
        one = predict(store, system, benchmark, decoding)
        judged = judges.judge(store, one.shard, benchmark, system.name)
        predictions[system.name] = one
        scores[system.name] = score(benchmark, one.texts, judged, alpha)
        if rounds > 1:
            scores[system.name] += _drift(store, system, benchmark, judges, decoding, rounds)
        if timed:
            latencies[system.name] = latency(_alone(system, benchmark, decoding), benchmark.sources[:timed])
    return Result(benchmark, predictions, scores, latencies)


def _drift(
    store: Store, system: System, benchmark: Benchmark, judges: Judges, decoding: DecodingSettings, rounds: int
) -> Iterator[Score]:
    """How near each later round's texts are to the sources, and how many it left as they were."""

    def rewrite(texts: Sequence[str]) -> list[str]:
        return predict(store, system, replace(benchmark, sources=list(texts)), decoding).texts

    similarity, signature = judges.likeness
    found = drift(rewrite, benchmark.sources, rounds, similarity)
    for number, one in enumerate(found[1:], 2):
        yield mean_score(f"Likeness, round {number}", 100 * one.to_source, drift_signature(number, signature))
        same = copies(one.texts, found[number - 2].texts)
        yield mean_score(f"Unchanged, round {number}", 100 * same, drift_signature(number, copies_signature("copies")))


def _alone(
    system: System, benchmark: Benchmark, decoding: DecodingSettings
) -> Callable[[Sequence[str]], Sequence[str]]:
    """A system as it rewrites some sentences of a benchmark."""
    write = system.load()
    exemplars = dict(zip(benchmark.sources, benchmark.exemplars or benchmark.sources, strict=True))

    def rewrite(texts: Sequence[str]) -> Sequence[str]:
        led = [exemplars[text] for text in texts] if benchmark.exemplars else None
        return write(replace(benchmark, sources=list(texts), exemplars=led), decoding, lambda count: None).texts

    return rewrite
