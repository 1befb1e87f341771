"""Train an entailment critic: any encoder, any NLI datasets, and rows made by rule from a pressed pool.

    python trainers/critic.py --data nli --output runs/critic                 as the packaged critic was made
    python trainers/critic.py --config recipe.yaml --output runs/mine --dry-run
    python trainers/critic.py --config recipe.yaml --output runs/mine

ROWS. A dataset is a file (.jsonl, .jsonl.gz, .csv, .tsv, .parquet) or an id on the Hub. Each row has a premise, a
hypothesis and a label; and a source, if it comes from one of several places:

    {"premise": "Profits rose by a tenth.", "hypothesis": "Profits grew.", "label": "entailment"}

Labels are entailment, neutral, contradiction, and not_entailment where the last two are not told apart. Other names of
columns and values are given in the recipe, under columns and labels; rows whose label maps to null are left out.

RECIPE. One for another language needs an encoder that knows it, and rows; this is a whole one:

    name: critic-de
    language: de
    encoder: FacebookAI/xlm-roberta-base
    lora: null                                     # every weight; {r: 64, alpha: 128} trains an adapter
    datasets:
      xnli: {path: facebook/xnli, subset: de}      # for split and columns the defaults will do
      own: {path: own.csv, columns: {premise: a, hypothesis: b, label: c}, labels: {1: entailment, 0: not_entailment}}
    validation: {path: facebook/xnli, subset: de, split: validation}
    test: {path: facebook/xnli, subset: de, split: test}
    class_weights: balanced                        # or one for each class; null: all weigh the same
    stages:
      - {name: all, rows: {xnli: 100000, own: 5000}, epochs: 2, learning_rate: 2.0e-5, batch_size: 32,
         early_stopping: {every: 500, patience: 3}}

trainers/recipes/critic.yaml is the packaged critic's; critic-hub.yaml makes a stronger one of the Hub's data. All keys
are listed below.

KINDS. A recipe with a pool (English: the rules are) may also ask for rows that are made of its sentences:

    identical                   a sentence and itself, which it entails; the premises of the datasets too
    copied                      the same of rarer words, of two sentences in one, and of changed sentences
    restated, reworded          the same by a rule, or with other small words: entailed
    shortened                   a part left out: entailed, and neutral the other way round
    changed, swapped, staged    a number, name, word, polarity, role or stage changed: not entailed
    mined                       near sentences of one context with another number, name or polarity: not entailed
    same_context, other_context other sentences of the context, or of others: not entailed
    paraphrase, family          sentences that ship with lemonpress, not of the recipe's pool, and their changes
    judged, doubted             pairs and labels that ship too; doubted: such as an earlier critic passed

RESULT. OUTPUT gets a folder for each stage, with its checkpoints and trained/, and asset/, the critic: its weights,
calibrated on the validation rows, its figures and a card. Stopped half-way, the same command goes on from the last
checkpoint. A recipe of corpora names the critic by its folder, in the recipe or on the command line:

    python dataset_builders/dimple.py --config R.yaml --set corpora.NAME.critics.entailment.model=./runs/mine/asset
"""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lemonpress.console import heading, run_program
from lemonpress.errors import UserError
from lemonpress.nli.rows import LABELS, NliRow

if TYPE_CHECKING:
    from lemonpress.nli.settings import CriticRecipe

_PACKAGED = "trainers/recipes/critic.yaml"


def main() -> int:
    """Parse the command line, train and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_keys(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default=_PACKAGED, metavar="RECIPE", help=f"recipe (default: {_PACKAGED})")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the recipe's files (default: this one)")
    parser.add_argument("--encoder", metavar="ID", help="another encoder: Hub id, ./folder or package:NAME")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of this training")
    parser.add_argument("--trained", type=Path, metavar="DIR", help="measure and write this checkpoint; train nothing")
    parser.add_argument(
        "--dry-run", action="store_true", help="read and check everything, say what would be trained; write nothing"
    )
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _train(args))


def _keys() -> str:
    from lemonpress.nli.settings import CriticRecipe
    from lemonpress.recipes import section_keys

    lines = [
        f"  {key:34} {text}"
        for key, text in section_keys(CriticRecipe)
        if not key.startswith(("validation.", "test."))
    ]
    return "\n".join(["recipe keys (validation and test have those of datasets.NAME):", *lines])


def _train(args: argparse.Namespace) -> int:
    from transformers.utils import logging

    from lemonpress.engine.store import sole_run
    from lemonpress.nli.datasets import pin_datasets, read_dataset, read_judgements
    from lemonpress.nli.judged import read_judged
    from lemonpress.nli.mix import build_mix
    from lemonpress.nli.settings import load_critic_recipe
    from lemonpress.nli.train import check_encoder, train_critic
    from lemonpress.sources import resolve

    logging.disable_progress_bar()  # of loading weights
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    if args.output.exists() and not args.output.is_dir():
        raise UserError(f"--output {args.output}: is a file; name a folder")
    recipe = load_critic_recipe(args.config)
    if args.encoder:
        recipe = recipe.model_copy(update={"encoder": args.encoder, "revision": None})
    weights = "model.safetensors" if recipe.lora is None else "adapter_model.safetensors"
    if args.trained and not (args.trained / weights).is_file():
        raise UserError(f"--trained {args.trained}: holds no {weights}; give a folder that this recipe trained")
    recipe = pin_datasets(recipe, args.data)
    nli = {name: read_dataset(one, f"datasets.{name}", args.data) for name, one in recipe.datasets.items()}
    validation = read_dataset(recipe.validation, "validation", args.data)
    test = read_dataset(recipe.test, "test", args.data) if recipe.test else []
    paraphrases = read_judgements(recipe.paraphrases, "paraphrases", args.data) if recipe.paraphrases else []
    base = resolve(recipe.encoder, recipe.revision, where="encoder")
    trained_parameters, parameters = check_encoder(recipe, base)
    heading("making rows")
    mix = build_mix(recipe, nli)
    _report(recipe, mix.train, {"validation": validation, "test": test})
    print(f"{recipe.encoder}: {trained_parameters:,} of {parameters:,} parameters are trained")
    if args.dry_run:
        print("dry run: nothing was trained or written")
        return 0
    from lemonpress.nli.report import Benchmarks, finish, table

    with sole_run(args.output):
        trained = args.trained or train_critic(recipe, base, mix.train, validation, args.output)
        heading("measuring")
        held_out = {text for context in mix.contexts for text in context}
        # With another pool, seed or share, pairs of the benchmark may have been trained on, or be of another language.
        judged = [pair for pair in read_judged() if {pair.first, pair.second} <= held_out]
        changed = _changed(recipe, paraphrases)
        benchmarks = Benchmarks(validation, test, paraphrases, mix.held_out, judged, changed)
        figures = finish(trained, recipe, base, benchmarks, args.output / "asset")
    print("\n".join(table({"value": figures})))
    print(f"critic {args.output / 'asset'}, temperature {figures['temperature']}")
    return 0


def _changed(recipe: "CriticRecipe", paraphrases: Sequence[tuple[str, str, bool]]) -> list[NliRow]:
    """Sentences of the paraphrases with one thing changed; none without a pool, whose parser reads them."""
    from lemonpress.nli.pool import changed_rows
    from lemonpress.sources import resolve

    if recipe.pool is None or not paraphrases:
        return []
    texts = sorted({text for first, second, _ in paraphrases for text in (first, second)})
    return changed_rows(texts, resolve(recipe.pool.parser, where="pool.parser").folder, recipe.seed)


def _report(recipe: "CriticRecipe", rows: dict[str, list[NliRow]], measured: dict[str, list[NliRow]]) -> None:
    """Print the rows by dataset or kind, source and label, and what each stage takes of them."""
    from lemonpress.nli.train import choose, steps

    for name, made in [*rows.items(), *measured.items()]:
        for source in sorted({row.source for row in made}):
            place = name if source == name else f"{name}/{source}"
            print(f"  {place:36} {_labels([row for row in made if row.source == source])}")
    for stage in recipe.stages:
        chosen = choose(stage, rows, recipe.seed)
        print(f"stage {stage.name}: {steps(stage, len(chosen)):,} steps of {stage.batch_size} on {_labels(chosen)}")


def _labels(rows: Sequence[NliRow]) -> str:
    counts = Counter(row.label for row in rows)
    return f"{len(rows):,} rows: " + ", ".join(f"{counts[label]:,} {label}" for label in LABELS if counts[label])


if __name__ == "__main__":
    sys.exit(main())
