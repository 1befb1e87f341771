"""Train a recipe's student and let it distil itself: fresh sentences, own candidates, the same critics, train again.

python trainers/self_distill.py --help
python trainers/self_distill.py --config dataset_builders/recipes/demo.yaml --set self_distillation.rounds=2
python trainers/self_distill.py --set self_distillation.stop=yield --set self_distillation.release=true
"""

import argparse
import sys

from lemonpress.commands.budget import add_budget_arguments, limit_from_arguments
from lemonpress.console import heading, run_program
from lemonpress.engine.store import sole_run
from lemonpress.errors import UserError
from lemonpress.funnel import render
from lemonpress.recipes import add_recipe_arguments, recipe_from_arguments


def main() -> int:
    """Parse the command line and run the rounds."""
    parser = argparse.ArgumentParser(description="Train a student and let it distil itself, round after round.")
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")
    add_budget_arguments(parser)
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _rounds(args))


def _rounds(args: argparse.Namespace) -> int:
    from lemonpress.building import build_corpus
    from lemonpress.distilling import distil, train_student
    from lemonpress.hub.destination import destination
    from lemonpress.pipeline import preflight, publish_rounds, publish_student_base, require_rows
    from lemonpress.pressing import press
    from lemonpress.publishing import collect, release_corpus
    from lemonpress.runs import Run

    recipe = recipe_from_arguments(args)
    if recipe.student is None or recipe.self_distillation is None:
        raise UserError(f"{args.config}: needs the sections student and self_distillation")
    run = Run.open(recipe, limit_from_arguments(args, recipe))
    preflight(run)
    to = destination(recipe.hub, recipe.namespace)
    with sole_run(run.folder):
        base = publish_student_base(run, to)
        pools = press(run)
        built = {name: build_corpus(run, name, pools) for name in recipe.corpora}
        require_rows(built)
        student = train_student(run, base.base, built)
        print(f"student: {student.steps} steps on {sum(student.rows.values())} rows in {student.folder}")
        done = distil(run, base.base, pools, built, student, heading)
        for one in done.rounds:
            heading(f"Round {one.number}: {one.productive:.1%} of the sources gave a kept pair")
            for name, kept in one.distilled.items():
                print(f"{name}: {sum(kept.corpus.rows.values()):,} pairs in {kept.corpus.folder}")
                print(render(kept.funnel, timed=True))
            training = one.training
            print(f"student: {training.steps} steps on {sum(training.rows.values())} rows in {training.folder}")
            if one.accepted is not None:
                print(f"critics accept {one.accepted:.1%} of its greedy rewritings of held-out sentences")
        if done.accepted is not None:
            print(f"critics accept {done.accepted:.1%} of the first student's")
        if done.stopped:
            print(f"stopped in {done.stopped}")
        if recipe.self_distillation.release:
            corpora = [release_corpus(run, name, one, to) for name, one in built.items()]
            rounds = publish_rounds(run, base, student, done, corpora, to)
            for release in rounds:
                print(f"{release.state}: {release.url} {release.tag}")
            collect(recipe, [*corpora, *rounds], to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
