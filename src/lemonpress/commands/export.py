"""``lemonpress export``: a student for machines without a GPU."""

import argparse
from pathlib import Path

from lemonpress.sources import resolve
from lemonpress.students.export import QUANTIZATIONS, check_export, export_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Student, folder to write and type of the weights."""
    parser.add_argument("student", help="folder, package:NAME or Hub id of a student or a base")
    parser.add_argument("out", type=Path, help="folder to write, new or empty")
    parser.add_argument("--version", help="tag or commit of a Hub id (default: its newest)")
    parser.add_argument(
        "--quantization",
        default="auto",
        help=f"how weights are stored: {', '.join(QUANTIZATIONS)} (default auto: as they are; int8 changes texts)",
    )


def run(args: argparse.Namespace) -> int:
    """Convert, compare and report.

    Raises:
        UserError: Anything named on the command line is not what it should be.
    """
    check_export(args.out, args.quantization)
    folder = Path(args.student)
    reference = str(folder.absolute()) if folder.is_dir() else args.student
    done = export_model(resolve(reference, args.version, where="student"), args.out, args.quantization)
    print(f"{done.folder}: CTranslate2, weights as {done.quantization}")
    print(
        f"{done.identical} of {done.sentences} sentences are rewritten exactly as by eager transformers in float32; "
        f"log-probabilities move by {done.change:.2g} nats a token"
    )
    return 0
