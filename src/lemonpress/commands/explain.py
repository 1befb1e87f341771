"""``lemonpress explain``: every critic's score and verdict for one pair."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from lemonpress.errors import UserError
from lemonpress.recipes import CorpusSettings, Recipe, Task, add_recipe_arguments, recipe_from_arguments

if TYPE_CHECKING:
    from lemonpress.critics.explain import Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The pair, its task, recipe and overrides."""
    parser.add_argument("source", help="sentence that was rewritten")
    parser.add_argument("target", help="its paraphrase or summary")
    parser.add_argument(
        "--task", choices=get_args(Task), default="paraphrase", help="whose critics judge (default: paraphrase)"
    )
    parser.add_argument("--context", default="", help="text that both follow, for critics that read contexts")
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")


def run(args: argparse.Namespace) -> int:
    """Print the verdicts; a rejected pair is an answer, not a failure."""
    recipe = recipe_from_arguments(args)
    name, corpus = corpus_of(recipe, args.task)
    source, target = (_text(which, getattr(args, which)) for which in ("source", "target"))
    from lemonpress.critics import build
    from lemonpress.critics.explain import explain

    verdicts = explain(source, target, build(corpus.critics), args.context.strip())
    print(table(verdicts))
    rejecting = [verdict.critic for verdict in verdicts if not verdict.kept]
    outcome = f"rejected by {', '.join(rejecting)}" if rejecting else "kept, every critic accepts the pair"
    print(f"\n{name}: {outcome}")
    return 0


def corpus_of(recipe: Recipe, task: Task) -> tuple[str, CorpusSettings]:
    """The first corpus of a task, with its name.

    Raises:
        UserError: The recipe has none.
    """
    for name, corpus in recipe.corpora.items():
        if corpus.task == task:
            return name, corpus
    known = ", ".join(dict.fromkeys(corpus.task for corpus in recipe.corpora.values()))
    raise UserError(f"--task {task}: recipe {recipe.name} has no corpus of this task, only {known}")


def table(verdicts: "Sequence[Verdict]") -> str:
    """The verdicts as an aligned table."""
    rows = [("critic", "score", "verdict", "measures")]
    rows += [
        (verdict.critic, f"{verdict.score:.4f}", "kept" if verdict.kept else "rejected", verdict.measures)
        for verdict in verdicts
    ]
    name_width, score_width, kept_width = (max(len(row[column]) for row in rows) for column in range(3))
    return "\n".join(
        f"{name:{name_width}}  {score:>{score_width}}  {kept:{kept_width}}  {measures}"
        for name, score, kept, measures in rows
    )


def _text(which: str, text: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise UserError(f"{which}: is empty; give a sentence in quotation marks")
    return line
