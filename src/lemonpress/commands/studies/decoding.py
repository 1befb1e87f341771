"""``lemonpress study decoding``: what a student writes greedily, sampled and by beam search."""

import argparse

from lemonpress.commands.studies import trained
from lemonpress.console import heading
from lemonpress.recipes.judges import JudgeSettings
from lemonpress.studies.variant_plans import DecodingPlan

_EPILOG = """\
The student rewrites the benchmark once by each setting: greedily, by sampling at every temperature with every nucleus
mass, and by beam search of every width. The plot has the likeness to the source across and the meaning kept upwards
(equivalence by the NLI model both ways at 0.75; of summaries length and entailment), a line for each method.

Cost: COUNT texts written and judged for each setting. A study that was stopped goes on when it is started again.

  lemonpress study decoding --student lemonpress/lemon-student-demo --benchmark mrpc --output studies/decoding
  lemonpress study decoding --student ./runs/mine/merged --data pairs.jsonl --temperatures 0.5 1 --top-p 0.9 \\
      --beams 5 --count 100 --output studies/decoding

OUTPUT gets study.md (command, tables), study.json (all figures), decoding.png, and texts.jsonl: what the student wrote
by each setting, side by side.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Student, settings, benchmark, judges, output."""
    plan, judges = DecodingPlan(), JudgeSettings()
    parser.epilog = _EPILOG
    parser.add_argument("--student", required=True, metavar="MODEL", help="Hub id or ./folder of a student")
    parser.add_argument("--revision", help="commit, tag or branch of a Hub student")
    for name, kind, values, text in (
        ("temperatures", float, plan.temperatures, "of samples"),
        ("top-p", float, plan.top_ps, "nucleus masses of samples"),
        ("beams", int, plan.beams, "widths of beam search"),
    ):
        shown = " ".join(f"{value:g}" for value in values)
        parser.add_argument(
            f"--{name}", type=kind, nargs="*", default=values, metavar="V", help=f"{text} (default: {shown})"
        )
    parser.add_argument(
        "--max-new-tokens", type=int, default=plan.max_new_tokens, help="tokens a text at most (default: 64)"
    )
    parser.add_argument("--seed", type=int, default=plan.seed, help="of samples (default: 0)")
    parser.add_argument("--nli", default=judges.nli, metavar="MODEL", help=f"NLI model (default: {judges.nli})")
    parser.add_argument(
        "--fluency",
        default=judges.fluency,
        metavar="MODEL",
        help=f"causal model of perplexity, or none (default: {judges.fluency})",
    )
    trained.add_benchmark(parser)


def run(args: argparse.Namespace) -> int:
    """Check, write, score and report.

    Raises:
        UserError: Anything named on the command line is not what it should be.
    """
    from lemonpress.studies.decoding import Subject, figures, report, study
    from lemonpress.studies.report import check_output, command_line
    from lemonpress.studies.variant_plots import tradeoff_lines_plot

    check_output(args.output)
    plan = DecodingPlan(tuple(args.temperatures), tuple(args.top_p), tuple(args.beams), args.max_new_tokens, args.seed)
    plan.check()
    judges = JudgeSettings(fluency=None if args.fluency == "none" else args.fluency, nli=args.nli)
    subject = Subject.open(args.student, args.revision, trained.benchmark_choice(args), judges)
    command = command_line("decoding", trained.options(args))
    result = study(plan, subject, heading)
    args.output.mkdir(parents=True, exist_ok=True)
    tradeoff_lines_plot(result, plan.lines, args.output / "decoding.png")
    trained.write(args.output, result, figures(plan, subject, result, command), report(plan, subject, result, command))
    return 0
