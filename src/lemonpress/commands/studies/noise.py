"""``lemonpress study noise``: what wrong targets in the training data cost."""

import argparse
from typing import TYPE_CHECKING

from lemonpress.commands.studies import trained
from lemonpress.console import heading
from lemonpress.recipes import recipe_from_arguments
from lemonpress.studies.variant_plans import NoisePlan

if TYPE_CHECKING:
    from lemonpress.students.train import Base

_EPILOG = """\
One student a share is trained on the corpora of the recipe, that share of whose training rows got the target of
another row, and rewrites the benchmark greedily. The targets are all still there, and the rows of a smaller share are
among those of a larger one. Self-distillation and syntactic control are left out. Judges are those of the recipe's
benchmark section: --set benchmark.judges.fluency=null saves one.

Cost: one training a share, and COUNT texts written and judged. A study that was stopped goes on when it is started
again, and a further share costs only itself.

  lemonpress study noise --set contexts.live=null --set corpora.dimsum-demo=null --shares 0 0.5 --count 60 \\
      --output studies/noise
  lemonpress study noise --config my.yaml --set student.sft.max_steps=200 --benchmark mrpc --output studies/noise

OUTPUT gets study.md (what was asked, command, tables), study.json (all figures), noise.png, and texts.jsonl: what each
student wrote, side by side.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Recipe and overrides, shares, benchmark, output."""
    shares = NoisePlan().shares
    trained.add_recipe(parser, _EPILOG)
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        default=shares,
        metavar="S",
        help=f"of the training rows, 0 to 1 (default: {' '.join(f'{share:g}' for share in shares)})",
    )
    trained.add_benchmark(parser)


def run(args: argparse.Namespace) -> int:
    """Check, train, compare and write.

    Raises:
        UserError: Anything named on the command line or in the recipe is not what it should be.
    """
    from lemonpress.studies.noise import report, study
    from lemonpress.studies.report import check_output, command_line
    from lemonpress.studies.variant_plots import lines_plot
    from lemonpress.studies.variants import Trial, study_json

    check_output(args.output)
    plan = NoisePlan(tuple(args.shares))
    plan.check()
    trial = Trial.open("noise", trained.first_stage(recipe_from_arguments(args)), trained.benchmark_choice(args))
    command = command_line("noise", trained.options(args), args.overrides)

    def work(base: "Base") -> None:
        variants, result = study(plan, trial, base, heading)
        args.output.mkdir(parents=True, exist_ok=True)
        shares = [100 * share for share in sorted(plan.shares)]
        lines_plot(result, shares, "wrong targets, %", args.output / "noise.png")
        figures = study_json("noise", trial, variants, result, command)
        trained.write(args.output, result, figures, report(trial, variants, result, command))

    trained.run_trial(trial, work)
    return 0
