"""Press the pools of a recipe that are read from files, and keep their shards to ship: the starter pool.

    python dataset_builders/starter.py --config dataset_builders/recipes/demo.yaml --output src/lemonpress/data/starter

The shards carry their content keys, so a run of the same recipe finds them instead of sampling again. Given pairs are
not copied, only their scores.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from lemonpress.console import run_program
from lemonpress.engine.store import Shard, sole_run
from lemonpress.home import run_folder
from lemonpress.recipes import TeacherContexts, add_recipe_arguments, recipe_from_arguments


def main() -> int:
    """Parse the command line, press, copy."""
    parser = argparse.ArgumentParser(description="Press the file-fed pools of a recipe and keep their shards to ship.")
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")
    parser.add_argument("--output", type=Path, required=True, help="folder for the shards")
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _press(args))


def _press(args: argparse.Namespace) -> int:
    from lemonpress.pressing import press
    from lemonpress.runs import Run

    recipe = recipe_from_arguments(args)
    fed = {name: pool for name, pool in recipe.contexts.items() if not isinstance(pool, TeacherContexts)}
    recipe = recipe.model_copy(update={"contexts": fed})
    with sole_run(run_folder(recipe.name)):
        pools = press(Run.open(recipe))
    listing = {}
    for pool in pools:
        made = [*pool.contexts, *([] if pool.pairing == "given" else pool.sentences), *pool.scores]
        for shard in made:
            listing[_copy(shard, args.output)] = shard.digest
    (args.output / "digests.json").write_text(json.dumps(listing, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(listing)} shards in {args.output}")
    return 0


def _copy(shard: Shard, output: Path) -> str:
    """Copy a shard under its stage and key; returns that path."""
    place = Path(shard.folder.parent.name) / shard.folder.name
    if (output / place).resolve() != shard.folder.resolve():
        shutil.copytree(shard.folder, output / place, dirs_exist_ok=True)
    return str(place)


if __name__ == "__main__":
    sys.exit(main())
