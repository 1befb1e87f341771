"""Write what a teacher made of a recipe's sentences, before any critic, as rows that any recipe filters.

    python dataset_builders/candidates.py --config dataset_builders/recipes/seqkd.yaml --output candidates.jsonl.gz

Each row holds a sentence (``source``), its distinct well-formed rewritings, the task that they were asked for, and the
domain of the sentence. A pool with ``source: pairs`` and ``target_column: rewritings`` reads them.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lemonpress.commands.budget import add_budget_arguments, limit_from_arguments
from lemonpress.console import run_program
from lemonpress.engine.store import sole_run
from lemonpress.errors import UserError
from lemonpress.home import run_folder
from lemonpress.output import write_whole
from lemonpress.recipes import Recipe, SourceSentences, add_recipe_arguments, recipe_from_arguments

if TYPE_CHECKING:
    from lemonpress.pools import Pool


def main() -> int:
    """Parse the command line, let the teacher rewrite, write the rows."""
    parser = argparse.ArgumentParser(description="Write a teacher's rewritings as rows, before any critic.")
    add_recipe_arguments(parser, "dataset_builders/recipes/seqkd.yaml")
    add_budget_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="file to write: .jsonl or .jsonl.gz")
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _write(args))


def _write(args: argparse.Namespace) -> int:
    from lemonpress.pressing import write
    from lemonpress.runs import Run

    recipe = recipe_from_arguments(args)
    rewritten = {name: pool for name, pool in recipe.contexts.items() if isinstance(pool, SourceSentences)}
    if not rewritten:
        raise UserError(f"{args.config}: no pool is of sentences to rewrite; add one with source: sentences")
    if not args.output.name.endswith((".jsonl", ".jsonl.gz")):
        raise UserError(f"--output {args.output}: is neither .jsonl nor .jsonl.gz; name it so")
    if not args.output.absolute().parent.is_dir():
        raise UserError(f"--output {args.output}: there is no folder {args.output.parent}; make it first")
    recipe = recipe.model_copy(update={"contexts": rewritten})
    with sole_run(run_folder(recipe.name)):
        pools = write(Run.open(recipe, limit_from_arguments(args, recipe)))
    rows = list(_rows(recipe, pools))
    content = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows).encode()
    write_whole(args.output, gzip.compress(content, mtime=0) if args.output.suffix == ".gz" else content)
    print(f"{sum(len(row.rewritings) for row in rows):,} rewritings of {len(rows):,} requests in {args.output}")
    return 0


@dataclass(frozen=True)
class _Row:
    source: str
    rewritings: list[str]
    task: str
    domain: str


def _rows(recipe: Recipe, pools: "list[Pool]") -> Iterator[_Row]:
    for pool in pools:
        if pool.corpus is not None:
            for shard in pool.sentences:
                for row in shard.table("sentences").to_pylist():
                    source, *rewritings = row["sentences"]
                    if rewritings:
                        yield _Row(source, rewritings, recipe.corpora[pool.corpus].task, row["domain"])


if __name__ == "__main__":
    sys.exit(main())
