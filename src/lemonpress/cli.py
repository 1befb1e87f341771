"""The ``lemonpress`` command."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from lemonpress.console import run_program

_COMMANDS = {
    "demo": "run the whole walk of a recipe: corpora, student, self-distillation, releases, benchmark",
    "explain": "print every critic's score and verdict for one pair",
    "export": "convert a student for machines without a GPU, and compare it with the original",
    "report": "measure a corpus of pairs, alone or beside others: diversity, likeness, entailment, leakage",
    "rebuild": "make a released corpus again from its provenance, and say whether it is the same",
    "release": "publish any folder as one version of a dataset, model or Space repository",
    "judge": "let a language model rate or compare what systems wrote, and measure how far raters agree",
    "space": "open the demo on a released student, or a released Space",
    "deploy": "release a Space that runs released students, or hold a study of raters, as one version",
    "annotation": "let people rate what systems wrote, blind, and work out the results",
    "study": "measure what a property of teachers, critics or students depends on",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line and run one command; each is imported when it is named."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="lemonpress",
        description="Press paraphrase and summary corpora out of small language models and publish them.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name in argv[:1]:
            further = [argv[1:]] if name == "study" else []  # of whose own commands one is named, too
            importlib.import_module(f"lemonpress.commands.{name}").add_arguments(command, *further)
    hub = commands.add_parser("hub", help="serve the local Hub", description="The Hub on this machine.")
    serve = hub.add_subparsers(dest="action", required=True, metavar="ACTION").add_parser("serve", help="serve it")
    module = f"lemonpress.commands.{argv[0]}" if argv[:1] and argv[0] in _COMMANDS else "lemonpress.hub.local.__main__"
    if argv[:1] == ["hub"]:
        importlib.import_module(module).add_arguments(serve)
    args = parser.parse_args(argv)
    return run_program("lemonpress", lambda: importlib.import_module(module).run(args))


if __name__ == "__main__":
    sys.exit(main())
