"""Train a recipe's student and let it distil itself: fresh sentences, own candidates, the same critics, train again.

python trainers/self_distill.py --help
python trainers/self_distill.py --config dataset_builders/recipes/demo.yaml --set self_distillation.rounds=2
"""

import argparse
import sys

from lemonpress.console import heading, run_program
from lemonpress.engine.store import sole_run
from lemonpress.errors import UserError
from lemonpress.funnel import render
from lemonpress.recipes import add_recipe_arguments, recipe_from_arguments


def main() -> int:
    """Parse the command line and run the rounds."""
    parser = argparse.ArgumentParser(description="Train a student and let it distil itself, round after round.")
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _rounds(args))


def _rounds(args: argparse.Namespace) -> int:
    from lemonpress.hub.destination import destination
    from lemonpress.pipeline import Round, build_corpus, preflight, publish_base, self_distil, train_student
    from lemonpress.pressing import Run, press

    recipe = recipe_from_arguments(args)
    if recipe.student is None or recipe.self_distillation is None:
        raise UserError(f"{args.config}: needs the sections student and self_distillation")
    run = Run.open(recipe)
    preflight(run)
    with sole_run(run.folder):
        base = publish_base(run, destination(recipe.hub)).base
        pools = press(run)
        built = {name: build_corpus(run, name, pools) for name in recipe.corpora}
        student = train_student(run, base, built)
        print(f"student: {student.steps} steps on {sum(student.rows.values())} rows in {student.folder}")
        rounds: list[Round] = []
        for number in range(1, recipe.self_distillation.rounds + 1):
            heading(f"Round {number}")
            done = self_distil(run, base, pools, built, student, rounds)
            rounds.append(done)
            for name, one in done.distilled.items():
                print(f"{name}: {sum(one.corpus.rows.values()):,} pairs in {one.corpus.folder}")
                print(render(one.funnel, timed=True))
            student = done.training
            print(f"student: {student.steps} steps on {sum(student.rows.values())} rows in {student.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
