"""``lemonpress study lora-rank``: what a larger adapter is worth."""

import argparse
from typing import TYPE_CHECKING

from lemonpress.commands.studies import trained
from lemonpress.console import heading
from lemonpress.recipes import recipe_from_arguments
from lemonpress.studies.variant_plans import RankPlan

if TYPE_CHECKING:
    from lemonpress.students.train import Base

_EPILOG = """\
One student a rank is trained on the corpora of the recipe, on the same rows in the same order, and rewrites the
benchmark greedily. alpha keeps the recipe's ratio to the rank (the demo: 2); self-distillation and syntactic control
are left out. Judges are those of the recipe's benchmark section: --set benchmark.judges.fluency=null saves one.

Cost: one training a rank, and COUNT texts written and judged. A study that was stopped goes on when it is started
again, and a further rank costs only itself.

  lemonpress study lora-rank --set contexts.live=null --set corpora.dimsum-demo=null --ranks 4 16 --count 60 \\
      --output studies/rank
  lemonpress study lora-rank --config my.yaml --set student.sft.max_steps=200 --benchmark mrpc --output studies/rank

OUTPUT gets study.md (what was asked, command, tables), study.json (all figures), lora-rank.png, and texts.jsonl: what
each student wrote, side by side.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Recipe and overrides, ranks, benchmark, output."""
    ranks = RankPlan().ranks
    trained.add_recipe(parser, _EPILOG)
    parser.add_argument(
        "--ranks",
        type=int,
        nargs="+",
        default=ranks,
        metavar="R",
        help=f"ranks of the adapter (default: {' '.join(map(str, ranks))})",
    )
    trained.add_benchmark(parser)


def run(args: argparse.Namespace) -> int:
    """Check, train, compare and write.

    Raises:
        UserError: Anything named on the command line or in the recipe is not what it should be.
    """
    from lemonpress.studies.lora_rank import report, study
    from lemonpress.studies.report import check_output, command_line
    from lemonpress.studies.variant_plots import lines_plot
    from lemonpress.studies.variants import Trial, study_json

    check_output(args.output)
    plan, recipe = RankPlan(tuple(args.ranks)), trained.first_stage(recipe_from_arguments(args))
    plan.check(recipe)
    trial = Trial.open("lora-rank", recipe, trained.benchmark_choice(args))
    command = command_line("lora-rank", trained.options(args), args.overrides)

    def work(base: "Base") -> None:
        variants, result = study(plan, trial, base, heading)
        args.output.mkdir(parents=True, exist_ok=True)
        lines_plot(result, sorted(plan.ranks), "rank", args.output / "lora-rank.png", doubling=True)
        figures = study_json("lora-rank", trial, variants, result, command)
        trained.write(args.output, result, figures, report(trial, variants, result, command))

    trained.run_trial(trial, work)
    return 0
