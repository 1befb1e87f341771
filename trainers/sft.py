"""Train a recipe's student on rows of your own: LoRA on every linear layer, prompt-completion loss, TRL's SFTTrainer.

    python trainers/sft.py --help
    python trainers/sft.py --rows rows.parquet --output runs/mine
    python trainers/sft.py --rows rows.parquet --output runs/mine --set student.sft.max_steps=200 --fresh

ROWS is a Parquet file with the columns task (paraphrase or summary), source and target. OUTPUT gets merged/, which is
what is published (merged weights, tokenizer, adapter/), training.json (losses and counts) and, while it trains,
checkpoints/: the same command goes on from the last one. Fields of trl.SFTConfig are set under student.sft.
"""

import argparse
import sys
from pathlib import Path

from lemonpress.console import run_program
from lemonpress.errors import UserError
from lemonpress.recipes import add_recipe_arguments, recipe_from_arguments


def main() -> int:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")
    parser.add_argument("--rows", type=Path, required=True, metavar="FILE", help="Parquet file of training rows")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of this training")
    parser.add_argument("--fresh", action="store_true", help="start anew instead of going on from a checkpoint")
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _train(args))


def _train(args: argparse.Namespace) -> int:
    from lemonpress.engine.store import sole_run
    from lemonpress.hub.destination import destination
    from lemonpress.pipeline import publish_base
    from lemonpress.pressing import Run
    from lemonpress.students.examples import read_examples
    from lemonpress.students.settings import sft_config
    from lemonpress.students.train import fine_tune

    recipe = recipe_from_arguments(args)
    if recipe.student is None:
        raise UserError(f"{args.config}: has no student section; add one")
    sft_config(recipe.student.sft, args.output / "checkpoints", recipe.seed)
    read_examples(args.rows)
    with sole_run(args.output):
        base = publish_base(Run.open(recipe), destination(recipe.hub)).base
        done = fine_tune(
            args.rows, base, recipe.student, recipe.student.sft, args.output, recipe.seed, resume=not args.fresh
        )
    rows = ", ".join(f"{count} {task}" for task, count in done.rows.items())
    print(f"base     {base.id} at {base.commit[:12]}")
    print(f"rows     {rows}; {done.lost_rows} left out as longer than max_length")
    print(f"trained  {done.steps} steps, {done.tokens:,} tokens in {done.seconds:.0f} s")
    print(f"loss     {done.first_loss:.3f} in the first tenth of the steps, {done.last_loss:.3f} in the last")
    print(f"student  {done.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
