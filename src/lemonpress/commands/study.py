"""``lemonpress study``: what a property of teachers, critics or students depends on, measured anew."""

import argparse
import importlib
from collections.abc import Sequence
from types import ModuleType

_STUDIES = {
    "proximity": "how often a teacher's next sentences say the same, by length of context and by temperature",
    "thresholds": "what a critic's threshold does to the size and the quality of a corpus",
    "ablation": "what critics, self-distillation and the teacher's own data are each worth to a student",
    "decoding": "what a student writes greedily, sampled and by beam search: likeness against meaning kept",
    "noise": "what wrong targets in the training data cost a student",
    "lora-rank": "what a larger adapter is worth to a student",
}


def add_arguments(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """One sub-command a study; the module of `lemonpress.commands.studies` that the words name adds its options."""
    studies = parser.add_subparsers(dest="study", required=True, metavar="STUDY")
    for name, text in _STUDIES.items():
        study = studies.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in words[:1]:
            _module(name).add_arguments(study)


def run(args: argparse.Namespace) -> int:
    """Run the study that was named."""
    return int(_module(args.study).run(args))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"lemonpress.commands.studies.{name.replace('-', '_')}")
