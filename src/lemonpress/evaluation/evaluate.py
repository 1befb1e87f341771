"""An evaluation from end to end: everything is found before anything is run."""

from collections.abc import Mapping, Sequence

from lemonpress.engine.store import Store
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.benchmarks import open_benchmark
from lemonpress.evaluation.judges import Judges
from lemonpress.evaluation.predictions import Prediction, predict
from lemonpress.evaluation.results import Result
from lemonpress.evaluation.scoring import Score, score
from lemonpress.evaluation.systems import System, open_system
from lemonpress.home import home
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
        for benchmark in benchmarks:
            system.check(benchmark, evaluation.decoding)
    judges = Judges.open(evaluation.judges, any(one.exemplars is not None for one in benchmarks))
    store = Store(home() / "benchmarks")
    return [run(store, systems, one, judges, evaluation.decoding, evaluation.alpha) for one in benchmarks]


def run(
    store: Store,
    systems: Sequence[System],
    benchmark: Benchmark,
    judges: Judges,
    decoding: DecodingSettings,
    alpha: float = 0.7,
) -> Result:
    """Let systems rewrite one benchmark, and score what they wrote.

    Args:
        store: Keeps what is written and judged.
        systems: In the order of the table's rows.
        benchmark: What they rewrite.
        judges: The models behind metrics.
        decoding: How they write.
        alpha: Weight of the reference in iBLEU.
    """
    predictions: Mapping[str, Prediction] = {
        system.name: predict(store, system, benchmark, decoding) for system in systems
    }
    scores: dict[str, list[Score]] = {}
    for name, one in predictions.items():
        judged = judges.judge(store, one.shard, benchmark, name)
        scores[name] = score(benchmark, one.texts, judged, alpha)
    return Result(benchmark, predictions, scores)
