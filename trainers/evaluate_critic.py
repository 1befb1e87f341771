"""Measure one or more entailment critics on the same data, and compare two of them pair by pair.

    python trainers/evaluate_critic.py data/nli-critic --nli test.jsonl.gz
    python trainers/evaluate_critic.py data/nli-critic ./runs/mine/asset --judged data/judged/test.jsonl
    python trainers/evaluate_critic.py data/nli-critic alisawuffles/roberta-large-wanli \\
        --nli test.jsonl.gz --paraphrases mrpc_labelled_test.jsonl.gz --output runs/critics

CRITICS. Any NLI model that a recipe may name: data/nli-critic is the one that ships, ./FOLDER a model or an adapter of
this machine, NAME/MODEL one on the Hub. Labels may be in any order; a model that knows entailment and not_entailment
alone has no three-way accuracy.

DATA. Files are .jsonl, .jsonl.gz, .csv, .tsv or .parquet; datasets on the Hub do too, if they have these columns:

    --nli          premise, hypothesis, label (entailment, neutral, contradiction, not_entailment), source (may lack)
    --paraphrases  source, reference, paraphrase (true or false): what people judged to say the same
    --judged       context_id, first, second, forward, backward (JSON lines): pairs of a pool, labelled in both
                   directions; data/judged/test.jsonl ships

FIGURES. A pair passes with p(entailment) of at least 0.75. Precision is the share of what passes that is entailed,
recall the share of what is entailed that passes; brackets hold 95% bootstrap intervals. Calibration is over 15 bins of
equally many rows. Of two critics the last table says where they differ, and who is right there. OUTPUT gets
figures.json, with precision and recall at other thresholds, and curves.png.
"""

import argparse
import json
import sys
from pathlib import Path

from lemonpress.console import heading, run_program


def main() -> int:
    """Parse the command line, measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("critics", nargs="+", metavar="CRITIC", help="Hub id, ./folder or data/nli-critic")
    parser.add_argument("--nli", metavar="FILE", help="judged pairs of premise and hypothesis")
    parser.add_argument("--paraphrases", metavar="FILE", help="sentence pairs with human judgements")
    parser.add_argument("--judged", metavar="FILE", help="pairs of a pool, judged in both directions")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for figures.json and curves.png")
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _evaluate(args))


def _evaluate(args: argparse.Namespace) -> int:
    from transformers.utils import logging

    from lemonpress.assets import find_file
    from lemonpress.errors import UserError
    from lemonpress.nli.compare import agreement_table, compare
    from lemonpress.nli.datasets import read_dataset, read_judgements
    from lemonpress.nli.evaluate import open_critic
    from lemonpress.nli.judged import read_judged
    from lemonpress.nli.plots import MOST, plot_curves
    from lemonpress.nli.report import Benchmarks, judge, lines, measure, table
    from lemonpress.nli.settings import DatasetSettings, ParaphraseSettings
    from lemonpress.sources import resolve

    if not (args.nli or args.paraphrases or args.judged):
        raise UserError("there is nothing to measure on; give --nli, --paraphrases or --judged")
    if len(set(args.critics)) < len(args.critics) or len(args.critics) > MOST:
        raise UserError(f"give each critic once, and at most {MOST} of them")
    if args.output and args.output.exists() and not args.output.is_dir():
        raise UserError(f"--output {args.output}: is a file; name a folder")
    here = Path()
    benchmarks = Benchmarks(
        test=read_dataset(DatasetSettings(path=args.nli), "--nli", here) if args.nli else (),
        paraphrases=(
            read_judgements(ParaphraseSettings(path=args.paraphrases), "--paraphrases", here)
            if args.paraphrases
            else ()
        ),
        judged=read_judged(find_file(args.judged)) if args.judged else (),
    )
    logging.disable_progress_bar()  # of weights that load in a moment
    critics = {name: open_critic(resolve(name, where="CRITIC"), "CRITIC") for name in args.critics}
    verdicts = {}
    for name, critic in critics.items():
        heading(f"asking {name}")
        verdicts[name] = judge(critic, benchmarks)
    figures = {name: measure(benchmarks, found) for name, found in verdicts.items()}
    print("\n" + "\n".join(table(figures)))
    together = {}
    if len(critics) == 2:
        first, second = critics
        together = compare(benchmarks, verdicts[first], verdicts[second])
        heading("where they agree")
        print("\n".join(agreement_table(together, first, second)))
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
        written = {"critics": figures, **({"agreement": together} if together else {})}
        text = json.dumps(written, indent=1, allow_nan=False) + "\n"
        (args.output / "figures.json").write_text(text, encoding="utf-8")
        if drawn := lines({name: (benchmarks, found) for name, found in verdicts.items()}):
            plot_curves(drawn, args.output / "curves.png")
        print(f"\nwritten to {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
