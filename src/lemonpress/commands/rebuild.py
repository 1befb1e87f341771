"""``lemonpress rebuild``: a released corpus made again from its provenance, and compared with what was released."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lemonpress.console import heading
from lemonpress.errors import UserError
from lemonpress.home import run_folder

if TYPE_CHECKING:
    from lemonpress.rebuilding.compare import Compared, State
    from lemonpress.rebuilding.origin import Origin
    from lemonpress.rebuilding.plan import Plan

_EXAMPLES = """examples:
  lemonpress rebuild lemonpress/dimple-demo@v1.0.0
  lemonpress rebuild press/clean@v1.2.0 --input bank=pairs.jsonl --output clean-again
  lemonpress rebuild provenance.json --dry-run

exit status:
  0  the same: every row and every score (identical where the bytes are equal, too)
  1  other rows; or other bytes, and the released rows are not at hand
  2  refused: something is missing or is not what it was
  3  the same rows with other scores

docs/rebuild.md says what "the same" means."""
_STATUS: "dict[State, int]" = {"identical": 0, "same rows": 0, "other scores": 3, "unknown": 1, "other rows": 1}
_VERDICT: "dict[State, str]" = {
    "identical": "every byte of every table",
    "same rows": "every row and every score, written in other bytes",
    "other scores": "every row is there and no other, and some scores differ",
    "unknown": "other bytes, and the released rows are not at hand; name the release as namespace/name@v1.0.0",
    "other rows": "this is another corpus",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Release, where its inputs are now, and where the tables go."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "release", help="namespace/name@v1.0.0, or a provenance.json (tables that lie beside it are compared)"
    )
    parser.add_argument(
        "--endpoint",
        help="address of the Hub that has the release (default: HF_ENDPOINT, else the public one); models and "
        "datasets come from HF_ENDPOINT",
    )
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="POOL=PATH",
        dest="inputs",
        help="where a file, folder or dataset is now that a pool was read from; may be repeated",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="ROLE=FOLDER",
        dest="models",
        help="where a model is now that was a local folder, as in --model teacher=./mine; may be repeated",
    )
    parser.add_argument("--output", type=Path, help="new or empty folder that the tables are copied to")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be pressed, by what, and what is missing"
    )


def run(args: argparse.Namespace) -> int:
    """Check everything, then press, build, compare and say how far the two are the same.

    Raises:
        UserError: The release says too little, or something that made it is missing or is not what it was.
    """
    from lemonpress.building import build_corpus
    from lemonpress.engine.store import sole_run
    from lemonpress.pressing import press
    from lemonpress.rebuilding.compare import check_output, compare, copy_tables, first_change, worst
    from lemonpress.rebuilding.origin import open_release
    from lemonpress.rebuilding.plan import check_ingredients, environment_changes, plan
    from lemonpress.runs import Run

    inputs, models = _named("--input", args.inputs), _named("--model", args.models)
    if args.output is not None:
        check_output(args.output)
    origin = open_release(args.release, args.endpoint)
    planned = plan(origin, inputs, models)
    if args.dry_run:
        print("\n".join(describe(origin, planned)))
        return 2 if planned.missing else 0
    if planned.missing:
        raise UserError(f"{origin.label}: give {'; '.join(planned.missing)}")
    with sole_run(run_folder(planned.recipe.name)):
        opened = Run.open(planned.recipe)
        check_ingredients(opened, origin)
        changes = environment_changes(origin)
        if changes:
            print(f"note: {'; '.join(changes)}", file=sys.stderr)
        built = build_corpus(opened, origin.name, press(opened))
        corpus = built.corpus.folder
        if args.output is not None:
            copy_tables(corpus, args.output)
        compared = compare(origin, corpus)
    state = worst(compared)
    heading(f"{origin.label} and {args.output or corpus}")
    print("\n".join(table(compared)))
    change = first_change(origin, built.funnel) if state in ("unknown", "other rows") else None
    if change:
        print(f"the first step that went another way is {change}")
    print(f"{state}: {_VERDICT[state]}")
    return _STATUS[state]


def describe(origin: "Origin", planned: "Plan") -> list[str]:
    """What would be pressed, with which models at which commits, and what is missing, as lines."""
    from lemonpress.rebuilding.plan import environment_changes
    from lemonpress.recipes import PairRows, SourceSentences, TeacherContexts

    recipe, stated = planned.recipe, origin.stated
    lines = [f"{origin.label}: {recipe.corpora[origin.name].task} corpus {origin.name}, seed {recipe.seed}"]
    for pool, settings in recipe.contexts.items():
        if isinstance(settings, SourceSentences):
            continue  # a server's model rewrote them, and `plan` refuses that
        if isinstance(settings, TeacherContexts):
            said = f"{settings.count:,} contexts sampled from the teacher"
        else:
            what = "pairs" if isinstance(settings, PairRows) else "contexts"
            said = f"{what} of {_at(settings.path, stated.inputs[pool].commit)}"
        lines.append(f"  pool {pool}: {said}")
    if any(not isinstance(settings, PairRows) for settings in recipe.contexts.values()):
        lines.append(f"  sentences: {recipe.sentences.k:,} samples for each context")
    lines += [f"  {role}: {_at(model.id, model.commit)}" for role, model in stated.models.items()]
    lines += [
        f"  {path}: {_count(stated.content[path].rows)} rows" for path in origin.tables if path in stated.content
    ]
    lines += [f"note: {change}" for change in environment_changes(origin)]
    return lines + [f"missing: {option}" for option in planned.missing]


def table(compared: "Sequence[Compared]") -> list[str]:
    """A line for each table that was compared."""
    return [f"  {one.path}: {_outcome(one)}" for one in compared]


def _outcome(one: "Compared") -> str:
    if one.state in ("identical", "same rows"):
        return f"{one.state}, {one.rebuilt:,} rows"
    counts = [
        (one.missing, "missing"),
        (one.added, "added"),
        (one.changed, "of equal id with other content"),
        (one.rescored, f"with other scores (by up to {one.largest:.4f})"),
    ]
    found = [f"{count:,} {what}" for count, what in counts if count]
    found += [f"column {name} in one of the two alone" for name in one.columns]
    return f"{one.state}, {_count(one.released)} released and {one.rebuilt:,} here" + "".join(
        f", {text}" for text in found
    )


def _count(rows: int | None) -> str:
    return "?" if rows is None else f"{rows:,}"


def _at(name: str, commit: str | None) -> str:
    return name if commit is None else f"{name}@{commit}"


def _named(option: str, given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise UserError(f"{option} {text}: write NAME=PATH, for example bank=pairs.jsonl")
        if name in found:
            raise UserError(f"{option} {text}: {name} is named twice")
        found[name] = path
    return found
