"""``lemonpress study ablation``: the paper's Table 6 for any recipe with a student."""

import argparse
from typing import TYPE_CHECKING

from lemonpress.commands.studies import trained
from lemonpress.console import heading
from lemonpress.recipes import recipe_from_arguments

if TYPE_CHECKING:
    from lemonpress.students.train import Base

_EPILOG = """\
Six students of one base, with the same seed and settings, on as many rows as the critics keep of the teacher's pairs
(fewer where a corpus has fewer):

  full                              the recipe: pairs that the critics keep, then self-distillation
  without self-distillation         its first student
  without critics                   pairs drawn at random from the same pool but for exact duplicates, then
                                    self-distillation on one text of the student's for each fresh sentence
  other corpus                      pairs drawn at random from --other
  other corpus + critics            pairs drawn at random from those of --other that the recipe's critics keep
  other corpus + self-distillation  its student, distilled on the teacher's sentences with the recipe's critics

Every one rewrites the benchmark greedily and is compared with the first by paired bootstrap. Syntactic control is left
out. Judges are those of the recipe's benchmark section: --set benchmark.judges.fluency=null saves one.

Cost: four trainings, three self-distillations, and COUNT texts a student written and judged. A study that was stopped
goes on when it is started again.

  lemonpress study ablation --set contexts.live=null --corpus dimple-demo --other mrpc_train.jsonl.gz \\
      --other-target reference --benchmark mrpc --count 200 --output studies/ablation
  lemonpress study ablation --config my.yaml --other humarin/chatgpt-paraphrases --other-source text \\
      --other-target paraphrases --benchmark mrpc --output studies/ablation

OUTPUT gets study.md (what was asked, command, tables), study.json (all figures), ablation.png, and texts.jsonl: what
each student wrote, side by side.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Recipe and overrides, the corpus, the other corpus, benchmark, output."""
    trained.add_recipe(parser, _EPILOG)
    parser.add_argument("--corpus", metavar="NAME", help="corpus of the recipe (default: its only one)")
    parser.add_argument(
        "--other",
        required=True,
        metavar="PAIRS",
        help="another corpus: a Hub dataset, a folder, or a file (.jsonl, .jsonl.gz, .csv, .tsv or .parquet)",
    )
    parser.add_argument("--other-source", default="source", metavar="COLUMN", help="of its sources (default: source)")
    parser.add_argument("--other-target", default="target", metavar="COLUMN", help="of its targets (default: target)")
    parser.add_argument("--other-split", default="train", metavar="SPLIT", help="of a dataset (default: train)")
    trained.add_benchmark(parser)


def run(args: argparse.Namespace) -> int:
    """Check, train, compare and write.

    Raises:
        UserError: Anything named on the command line or in the recipe is not what it should be.
    """
    from lemonpress.recipes import PairRows
    from lemonpress.studies.ablation import Ablation, narrowed, report, study
    from lemonpress.studies.report import check_output, command_line
    from lemonpress.studies.variant_plots import bars_plot
    from lemonpress.studies.variants import study_json, without_control

    check_output(args.output)
    recipe = without_control(narrowed(recipe_from_arguments(args), args.corpus))
    other = PairRows(
        source="pairs",
        path=args.other,
        source_column=args.other_source,
        target_column=args.other_target,
        split=args.other_split,
    )
    ablation = Ablation.open(recipe, other, trained.benchmark_choice(args))
    command = command_line("ablation", trained.options(args), args.overrides)

    def work(base: "Base") -> None:
        variants, result = study(ablation, base, heading)
        args.output.mkdir(parents=True, exist_ok=True)
        bars_plot(result, args.output / "ablation.png")
        figures = study_json("ablation", ablation.trial, variants, result, command)
        trained.write(args.output, result, figures, report(ablation, variants, result, command))

    trained.run_trial(ablation.trial, work)
    return 0
