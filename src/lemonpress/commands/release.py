"""``lemonpress release``: publish any folder as one version of a repository."""

import argparse
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError

_IGNORED = ("__pycache__", ".git", ".DS_Store", ".ipynb_checkpoints")
_VERSIONS = re.compile(r"^## Versions\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Folder, repository, version and destination."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "FOLDER holds README.md with a front matter, and the files. Released are all of them but "
        f"{', '.join(_IGNORED)},\nand a provenance.json; README.md gets the section Versions. "
        "The folder itself is left as it is.\n\n"
        "  lemonpress release spaces/metrics/ibleu me/ibleu --type space --version 1.0.0 --dry-run\n"
        "  lemonpress release my_student me/my-student --type model --version 1.1.0 --hub https://huggingface.co"
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the complete tree")
    parser.add_argument("repository", metavar="NAMESPACE/NAME", help="made if it is missing")
    parser.add_argument("--type", required=True, choices=("dataset", "model", "space"), help="kind of repository")
    parser.add_argument("--version", required=True, help="such as 1.0.0; the tag is vVERSION")
    parser.add_argument("--hub", default="local", help="local (default), or an address such as https://huggingface.co")
    parser.add_argument("--collection", metavar="TITLE", help="put it into this collection of the namespace too")
    parser.add_argument("--dry-run", action="store_true", help="show tree, changes and card; touch nothing")


def run(args: argparse.Namespace) -> int:
    """Check, complete and publish the folder."""
    from lemonpress.hub import versions
    from lemonpress.hub.cards import render_history
    from lemonpress.hub.collection import CollectionItem, update_collection
    from lemonpress.hub.destination import destination
    from lemonpress.hub.staging import release_folder
    from lemonpress.publishing import staged

    versions.parse(args.version)
    namespace, slash, name = args.repository.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise UserError(f"{args.repository}: is no repository; write namespace/name")
    card, origin = _card(args.folder), _origin(args.folder)
    to = destination(args.hub, namespace)

    def render(stated: Mapping[str, Any]) -> str:
        bare = _VERSIONS.sub("", card).rstrip()
        return f"{bare}\n\n{render_history(args.version, stated['history'])}"

    with staged("release", name) as folder:
        shutil.copytree(args.folder, folder, ignore=shutil.ignore_patterns(*_IGNORED), dirs_exist_ok=True)
        done = release_folder(
            folder, args.repository, args.type, args.version, origin, render, to, dry_run=args.dry_run
        )
    print(f"{done.repo_id} {done.tag}: {done.state}, {len(done.files)} files, {done.url}")
    if done.plan and (args.dry_run or done.uploaded):
        print(done.plan.text() if args.dry_run else done.plan.summary())
    if args.collection and not args.dry_run:
        item = CollectionItem(done.repo_id, done.repo_type, done.tag)
        print(f"collection: {update_collection(to, namespace, args.collection, [item])}")
    return 0


def _card(folder: Path) -> str:
    file = folder / "README.md"
    if not file.is_file():
        raise UserError(f"{file}: is missing; write the card of the repository, with a front matter")
    return file.read_text(encoding="utf-8")


def _origin(folder: Path) -> dict[str, Any]:
    """What the folder's own provenance says; where it has none, with what it is released."""
    from lemonpress.hub.provenance import provenance

    file = folder / "provenance.json"
    if not file.is_file():
        return provenance({}, {}, {}, [], {})
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UserError(f"{file}: is no JSON object; mend it or remove it")
    return found
