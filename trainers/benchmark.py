"""Let systems rewrite benchmarks, and compare what they wrote by the metrics of the papers.

    python trainers/benchmark.py --help
    python trainers/benchmark.py --system copy-input --benchmark mrpc --data mrpc_test.jsonl.gz --output results.json
    python trainers/benchmark.py --system copy-input --system student:me/my-student@v1.0.0 --benchmark quora
    python trainers/benchmark.py --system "mine=model:me/my-t5" --prompt "paraphrase: {source}" --output results
    python trainers/benchmark.py --config trainers/recipes/benchmark.yaml

A data file is JSON lines (gzip too) of `source` and `reference`, `references`, `paraphrases` or `summary`.
"""

import argparse
import sys
from pathlib import Path

from lemonpress.console import run_program
from lemonpress.evaluation.command_line import add_arguments, evaluation_from
from lemonpress.recipes.evaluation import Evaluation


def main() -> int:
    """Parse the command line, run the systems and print a table for each benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _run(evaluation_from(args), args.output))


def _run(evaluation: Evaluation, output: Path | None) -> int:
    from lemonpress.evaluation.evaluate import evaluate
    from lemonpress.evaluation.results import check_output, write
    from lemonpress.evaluation.scoring import MAIN
    from lemonpress.evaluation.table import render

    if output is not None:
        check_output(output)
    results = evaluate(evaluation)
    for result in results:
        print(f"\n**{result.benchmark.name}**\n\n{render(dict(result.scores), MAIN[result.benchmark.task])}")
    if output is not None:
        write(evaluation, results, output)
        print(f"{output}: every metric with its interval, and how the systems differ from {evaluation.base_system}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
