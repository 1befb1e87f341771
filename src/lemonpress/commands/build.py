"""What the dataset builders share: press a recipe's corpora of one task, show the funnel, release on request."""

import argparse
from collections.abc import Sequence

from lemonpress.commands.budget import add_budget_arguments, limit_from_arguments
from lemonpress.console import heading, run_program
from lemonpress.engine.store import sole_run
from lemonpress.errors import UserError
from lemonpress.funnel import render
from lemonpress.home import run_folder
from lemonpress.recipes import Task, add_recipe_arguments, recipe_from_arguments


def build_program(
    task: Task | None,
    description: str,
    argv: Sequence[str] | None = None,
    default: str = "dataset_builders/recipes/demo.yaml",
) -> int:
    """Run a dataset builder.

    Args:
        task: Corpora of this task are built; None builds all.
        description: Shown by ``--help``.
        argv: Command line; the process's by default.
        default: Recipe that is run unless another is named.
    """
    parser = argparse.ArgumentParser(description=description)
    add_recipe_arguments(parser, default)
    add_budget_arguments(parser)
    parser.add_argument("--release", action="store_true", help="release each corpus as the recipe's version")
    parser.add_argument(
        "--dry-run", action="store_true", help="with --release: check and show what would be released, write nothing"
    )
    args = parser.parse_args(argv)
    return run_program(parser.prog, lambda: _build(task, args))


def _build(task: Task | None, args: argparse.Namespace) -> int:
    from lemonpress.building import build_corpus
    from lemonpress.hub.destination import destination
    from lemonpress.ingredients import corpus_licence
    from lemonpress.pressing import press
    from lemonpress.publishing import collect, release_corpus
    from lemonpress.runs import Run

    if args.dry_run and not args.release:
        raise UserError("--dry-run goes with --release")
    recipe = recipe_from_arguments(args)
    names = [name for name, corpus in recipe.corpora.items() if task in (None, corpus.task)]
    if not names:
        raise UserError(f"{args.config}: has no corpus with task {task}; add one under corpora")
    limit = limit_from_arguments(args, recipe)
    with sole_run(run_folder(recipe.name)):
        run = Run.open(recipe, limit)
        if args.release:
            for name in names:
                corpus_licence(run, name)
        to = destination(recipe.hub, recipe.namespace) if args.release else None
        pools = press(run, names)
        for name in names:
            built = build_corpus(run, name, pools)
            heading(f"{name}: {sum(built.corpus.rows.values()):,} {built.corpus.task} pairs in {built.corpus.folder}")
            print(render(built.funnel, timed=True))
            if to is not None:
                if not sum(built.corpus.rows.values()):
                    raise UserError(f"corpora.{name}: the critics kept no pair, so there is nothing to release")
                done = release_corpus(run, name, built, to, dry_run=args.dry_run)
                print(f"{done.repo_id} {done.tag}: {done.state}, {len(done.files)} files, {done.url}")
                if done.plan and (args.dry_run or done.uploaded):
                    print(done.plan.text() if args.dry_run else done.plan.summary())
                if not args.dry_run:
                    collect(recipe, [done], to)
    return 0
