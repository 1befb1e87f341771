"""``lemonpress deploy``: release a Space, with the library as a wheel and what it shows pinned by version."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lemonpress.errors import UserError

if TYPE_CHECKING:
    from lemonpress.deploying import Space
    from lemonpress.hub.destination import Destination

SPACES = ("paraphraser", "annotation")
_STUDENT = "lemonpress/lemon-student-demo@v1.0.0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Space, repository, version, what it shows, destination."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "paraphraser shows students and their corpora; annotation holds a study that people rate.\n"
        "The Space is its folder, the library as a wheel, pinned requirements and settings.json. The same\n"
        "command again recognises it; a raised --version deploys it anew, with a changelog of what changed.\n\n"
        "  lemonpress deploy paraphraser me/paraphraser --student me/my-student@v1.0.0 --version 1.0.0 --dry-run\n"
        "  lemonpress deploy annotation me/ratings --study studies/mrpc --version 1.0.0 --hub https://huggingface.co\n"
        "  lemonpress space me/paraphraser@v1.0.0"
    )
    parser.add_argument("space", choices=SPACES, help="which Space")
    parser.add_argument("repository", metavar="NAMESPACE/NAME", help="made if it is missing")
    parser.add_argument("--version", required=True, help="such as 1.0.0; the tag is vVERSION")
    parser.add_argument("--student", metavar="REPO@VERSION", help=f"of paraphraser (default: {_STUDENT})")
    parser.add_argument(
        "--compare", action="append", metavar="REPO@VERSION", help="of paraphraser: another student; may be repeated"
    )
    parser.add_argument("--study", type=Path, metavar="FOLDER", help="of annotation: a study that was drawn")
    parser.add_argument("--hub", default="local", help="local (default), or an address such as https://huggingface.co")
    parser.add_argument("--collection", metavar="TITLE", help="put it into this collection of the namespace too")
    parser.add_argument("--dry-run", action="store_true", help="build and check; show tree, changes and card")


def run(args: argparse.Namespace) -> int:
    """Check what it shows, put it together, release it."""
    from lemonpress.commands.release import finish
    from lemonpress.deploying import deploy
    from lemonpress.engine.store import sole_run
    from lemonpress.home import run_folder
    from lemonpress.hub import versions
    from lemonpress.hub.checks import REPO_ID
    from lemonpress.hub.destination import destination

    versions.parse(args.version)
    if not REPO_ID.fullmatch(args.repository):
        raise UserError(f"{args.repository}: is no repository; write namespace/name")
    _check_options(args)
    namespace, _, name = args.repository.partition("/")
    to = destination(args.hub, namespace)
    space = _paraphraser(args, to) if args.space == "paraphraser" else _annotation(args)
    with sole_run(run_folder(f"release--space--{namespace}--{name}")):
        done = deploy(space, to, dry_run=args.dry_run)
    finish(done, to, args)
    if to.local and not args.dry_run:
        print(f"open it: lemonpress space {done.repo_id}@{done.tag}")
    return 0


def _check_options(args: argparse.Namespace) -> None:
    """Refuse options of the other Space, and a study that is missing."""
    others = ("study",) if args.space == "paraphraser" else ("student", "compare")
    for name in others:
        if getattr(args, name) is not None:
            raise UserError(f"--{name}: goes not with {args.space}; remove it")
    if args.space == "annotation":
        if args.study is None:
            raise UserError("--study: is missing; give a folder that `lemonpress annotation make` wrote")
        from lemonpress.annotation.study import STUDY, read_study

        read_study(args.study / STUDY)


def _paraphraser(args: argparse.Namespace, to: "Destination") -> "Space":
    from lemonpress.deploying import Space, released, trained_on

    student = released(args.student or _STUDENT, to, "--student")
    others = [released(one, to, "--compare") for one in args.compare or []]
    settings = {"LEMONPRESS_STUDENT": student.repo_id, "LEMONPRESS_STUDENT_VERSION": student.version}
    if others:
        settings["LEMONPRESS_COMPARE"] = " ".join(f"{one.repo_id}@{one.version}" for one in others)
    models = [student, *(one for one in others if (one.repo_id, one.version) != (student.repo_id, student.version))]
    return Space("paraphraser", args.repository, args.version, settings, models, trained_on(student))


def _annotation(args: argparse.Namespace) -> "Space":
    from lemonpress.annotation.study import STUDY
    from lemonpress.deploying import Space

    # Of the study's folder this file alone: the key beside it says who wrote what.
    return Space("annotation", args.repository, args.version, {}, files={"study/study.json": args.study / STUDY})
