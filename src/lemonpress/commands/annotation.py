"""``lemonpress annotation``: people rate what systems wrote, blind, and the results are worked out."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from lemonpress.assets import asset
from lemonpress.commands.space import check_port
from lemonpress.errors import UserError
from lemonpress.recipes import section_keys

_ABOUT = """\
People rate what systems wrote, from 1 to 3, without knowing who wrote it (paper, section 4.2 and Appendix D).

  lemonpress annotation make trainers/recipes/annotation.yaml --output study
  lemonpress annotation serve study
  lemonpress annotation results study --output results

make     draw sources, gather what the systems wrote, and take their names off
serve    open the Space where people rate
results  means, preferences, agreement and consistency, with intervals
"""
_MAKE = """\
Write a study: FOLDER/study, which a Space needs, and FOLDER/key.json, which says who wrote what and stays with you.
"""
_SERVE = """\
Open the Space of a study on this machine; ratings land in FOLDER/ratings. Where the study names a dataset for them, it
is written to at --hub.
"""
_RESULTS = """\
Work out a study's results: results.md, results.json, plots, and ratings.jsonl, which `lemonpress judge agreement`
reads. Without --ratings they are those of FOLDER/ratings.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The three actions and what each needs."""
    from lemonpress.recipes.annotation import Annotation

    parser.description = _ABOUT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make, serve, results = (
        actions.add_parser(name, help=text, description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
        for name, text, about in (
            ("make", "write a study", _MAKE),
            ("serve", "let people rate", _SERVE),
            ("results", "work out the results", _RESULTS),
        )
    )
    make.epilog = "keys of RECIPE:\n" + "\n".join(f"  {key:30} {text}" for key, text in section_keys(Annotation))
    make.add_argument("recipe", metavar="RECIPE", help="YAML file of the study")
    make.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="of the study, new or empty")
    for action in (serve, results):
        action.add_argument("folder", type=Path, metavar="FOLDER", help="of the study")
    serve.add_argument("--port", type=int, default=7861, help="port to serve at (default: 7861)")
    serve.add_argument("--hub", default="local", help="of the dataset: local, or an address (default: local)")
    results.add_argument(
        "--ratings", nargs="+", type=Path, metavar="PATH", help="folders of stores, or JSON lines that were pushed"
    )
    results.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write")


def run(args: argparse.Namespace) -> int:
    """Make a study, serve it or work out its results."""
    return {"make": _make, "serve": _serve, "results": _results}[args.action](args)


def _make(args: argparse.Namespace) -> int:
    from lemonpress.annotation.make import FEW, check_output, make, read_recipe, write

    recipe = read_recipe(args.recipe)
    check_output(args.output)
    study, key = make(recipe)
    write(study, key, args.output)
    if recipe.sources < FEW:
        print(f"warning: {recipe.sources} sources are few; intervals will be wide below {FEW}", file=sys.stderr)
    print(
        f"{args.output}: {len(study.items):,} texts for {recipe.sources:,} sources by {len(recipe.systems):,} "
        f"systems, {study.raters_per_item} raters each: {len(study.items) * study.raters_per_item:,} ratings"
    )
    return 0


def _serve(args: argparse.Namespace) -> int:
    from lemonpress.annotation.study import KEY, RATINGS, STUDY, read_key, read_study

    check_port(args.port)
    study = read_study(args.folder / STUDY)
    read_key(args.folder / KEY, study)
    app = asset("spaces/annotation/app.py")
    folder = args.folder.resolve()
    environment = {
        **os.environ,
        **_hub(args.hub, study.ratings_dataset),
        "LEMONPRESS_STUDY": str(folder / STUDY.parent),
        "LEMONPRESS_KEY": str(folder / KEY),
        "LEMONPRESS_RATINGS": str(folder / RATINGS),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(args.port),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, str(app)], environment)


def _hub(hub: str, dataset: str | None) -> Mapping[str, str]:
    """What the Space needs for writing to a dataset, if it has one."""
    if dataset is None:
        return {}
    from lemonpress.hub.destination import destination

    to = destination(hub, dataset.partition("/")[0])
    return {"HF_ENDPOINT": to.endpoint, **({"HF_TOKEN": to.token} if to.token else {})}


def _results(args: argparse.Namespace) -> int:
    from lemonpress.annotation.collect import collect, read_rows
    from lemonpress.annotation.results import as_markdown, check_output, results, write
    from lemonpress.annotation.store import FILE
    from lemonpress.annotation.study import KEY, RATINGS, STUDY, read_key, read_study

    study = read_study(args.folder / STUDY)
    systems = read_key(args.folder / KEY, study)
    check_output(args.output)
    kept = args.folder / RATINGS
    if args.ratings is None and not (kept / FILE).is_file():
        raise UserError(f"{kept}: has no {FILE}; let people rate by lemonpress annotation serve, or give --ratings")
    found = results(study, collect(study, read_rows(args.ratings or [kept], study), systems))
    write(found, args.output)
    print(as_markdown(found), end="")
    return 0
