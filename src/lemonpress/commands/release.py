"""``lemonpress release``: publish any folder as one version of a repository."""

import argparse
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lemonpress.errors import UserError

if TYPE_CHECKING:
    from lemonpress.hub.destination import Destination
    from lemonpress.hub.release import Release

_IGNORED = (
    *("__pycache__", "*.pyc", ".ipynb_checkpoints", ".DS_Store"),
    *(".git", ".gitattributes", ".gitignore", ".cache"),
)
_REWRITTEN = ("README.md", "provenance.json")
# From its heading to its last line, as cards/history.md.jinja writes them; a section of that name by hand stays.
_VERSIONS = re.compile(r'^## Versions\n(?:(?!## ).*\n)*?Tags never move: `revision="v.*\n*', re.MULTILINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Folder, repository, version and destination."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "FOLDER holds README.md with a front matter, and the files. Released are all of them, and a provenance.json,\n"
        f"but {', '.join(_IGNORED)}.\n"
        "README.md gets the section Versions. The folder itself is left as it is.\n\n"
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
    from lemonpress.engine.store import sole_run
    from lemonpress.home import run_folder
    from lemonpress.hub import versions
    from lemonpress.hub.cards import render_history
    from lemonpress.hub.checks import REPO_ID
    from lemonpress.hub.destination import destination
    from lemonpress.hub.staging import release_folder
    from lemonpress.publishing import staged

    versions.parse(args.version)
    if not REPO_ID.fullmatch(args.repository):
        raise UserError(f"{args.repository}: is no repository; write namespace/name")
    namespace, _, name = args.repository.partition("/")
    card, origin = _card(args.folder), _origin(args.folder)
    to = destination(args.hub, namespace)

    def render(stated: Mapping[str, Any]) -> str:
        bare = _VERSIONS.sub("", card).rstrip()
        return f"{bare}\n\n{render_history(args.version, stated['history'])}"

    place = f"release--{args.type}--{namespace}--{name}"  # which is no name of a recipe
    with sole_run(run_folder(place)), staged(place, name) as folder:
        _copy(args.folder, folder)
        done = release_folder(
            folder, args.repository, args.type, args.version, origin, render, to, dry_run=args.dry_run
        )
    finish(done, to, args)
    return 0


def finish(done: "Release", to: "Destination", args: argparse.Namespace) -> None:
    """Say what was released, and put it into a collection where that was asked.

    Args:
        done: The release.
        to: The Hub.
        args: With `collection` and `dry_run`.
    """
    from lemonpress.hub.collection import CollectionItem, update_collection

    print(f"{done.repo_id} {done.tag}: {done.state}, {len(done.files)} files, {done.url}")
    if done.plan and (args.dry_run or done.uploaded):
        print(done.plan.text() if args.dry_run else done.plan.summary())
    if args.collection and not args.dry_run:
        item = CollectionItem(done.repo_id, done.repo_type, done.tag)
        namespace = done.repo_id.partition("/")[0]
        print(f"collection: {update_collection(to, namespace, args.collection, [item])}")


def _own(folder: Path, name: str) -> Path:
    """A file that the release writes anew, which hides whether it was a link."""
    file = folder / name
    if file.is_symlink():
        raise UserError(f"{file}: is a link; put the file itself into the release")
    return file


def _card(folder: Path) -> str:
    file = _own(folder, "README.md")
    if not file.is_file():
        raise UserError(f"{file}: is missing; write the card of the repository, with a front matter")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{file}: is not UTF-8; save it as UTF-8") from None


def _origin(folder: Path) -> dict[str, Any]:
    """What the folder's own provenance says; where it has none, with what it is released."""
    from lemonpress.hub.provenance import provenance

    file = _own(folder, "provenance.json")
    if not file.is_file():
        return provenance({}, {}, {}, [], {})
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UserError(f"{file}: is no JSON object; mend it or remove it")
    return found


def _copy(folder: Path, target: Path) -> None:
    """Put a folder's files into another one, links as links: what they lead to is not the user's to publish."""
    if target.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{folder}: holds LEMONPRESS_HOME; move that elsewhere, or release a folder without it")
    try:
        shutil.copytree(
            folder,
            target,
            symlinks=True,
            ignore=shutil.ignore_patterns(*_IGNORED),
            copy_function=_take,
            dirs_exist_ok=True,
        )
    except OSError as error:
        raise UserError(f"{folder}: cannot be copied ({' '.join(str(error).split())}); mend it") from None


def _take(source: str, target: str) -> None:
    from lemonpress.publishing import link

    file = Path(source)
    if not file.is_file():
        raise UserError(f"{source}: is no file; remove it")
    if file.name in _REWRITTEN:
        shutil.copyfile(source, target)
    else:
        link(source, target)
