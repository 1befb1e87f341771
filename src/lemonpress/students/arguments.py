"""The command line and recipe of one training: dataclasses for `trl.TrlParser`, checked before any work."""

import difflib
from argparse import RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError
from trl import TrlParser

from lemonpress.errors import UserError
from lemonpress.reading import SUFFIXES
from lemonpress.recipes import LoraSettings, Name, StudentSettings, TrainingData, Version, read_yaml
from lemonpress.students.settings import StudentConfig, check_field, check_reporting

RECIPES = "trainers/recipes/students"
# Fields of SFTConfig that a training never uses, with what to do instead.
_REFUSED = {
    "hub_model_id": "use --release",
    "push_to_hub": "use --release",
    "resume_from_checkpoint": "a training resumes by itself, unless --fresh",
    "trust_remote_code": "code from repositories is never run",
}


def _help(text: str) -> dict[str, str]:
    return {"help": text}


@dataclass
class StudentArguments:
    """What is trained on what, and where it is released; the rest are fields of `trl.SFTConfig`."""

    model: str | None = field(default=None, metadata=_help("Base: Hub id, or package:NAME."))
    model_revision: str | None = field(default=None, metadata=_help("Commit or tag of a Hub model."))
    kind: str | None = field(
        default=None,
        metadata={
            "help": "What the base must be: causal, or seq2seq (T5, BART). Told from its configuration by default.",
            "choices": ["causal", "seq2seq"],
        },
    )
    dataset: str | None = field(
        default=None, metadata=_help("Training rows: dataset id on the Hub, a folder, or a file.")
    )
    dataset_revision: str | None = field(default=None, metadata=_help("Commit or tag of a Hub dataset."))
    dataset_config: str | None = field(default=None, metadata=_help("Configuration of the dataset."))
    dataset_split: str = field(default="train", metadata=_help("Split of the dataset."))
    task: str | None = field(
        default=None,
        metadata={
            "help": "Task of every row: paraphrase, summary or control. By default the column task says it.",
            "choices": ["paraphrase", "summary", "control"],
        },
    )
    datasets: list[Any] | None = field(
        default=None,
        metadata=_help("In a recipe only: a mixture, each with path, revision, config, split, task, weight, columns."),
    )
    validation_split: str | None = field(
        default=None, metadata=_help("Split of the same datasets that is evaluated as it trains, such as validation.")
    )
    validation_dataset: str | None = field(
        default=None, metadata=_help("Other rows that are evaluated instead: dataset id, a folder, or a file.")
    )
    validation: list[Any] | None = field(
        default=None, metadata=_help("In a recipe only: datasets that are evaluated, instead of a split.")
    )
    full: bool = field(default=False, metadata=_help("Train all weights instead of a LoRA adapter."))
    lora_r: int = field(default=16, metadata=_help("Rank of the adapter."))
    lora_alpha: int = field(default=32, metadata=_help("Scale numerator of the adapter."))
    lora_dropout: float = field(default=0.0, metadata=_help("Dropout of the adapter's input."))
    lora_target_modules: list[str] = field(
        default_factory=lambda: ["all-linear"], metadata=_help("Layers that are adapted, as PEFT names them.")
    )
    max_rows: int | None = field(default=None, metadata=_help("At most so many rows a task, a seeded sample."))
    length_share: float = field(
        default=0.5, metadata=_help("Share of the summary rows whose prompt names the number of words.")
    )
    early_stopping: int | None = field(
        default=None, metadata=_help("Stop after so many evaluations without a better one, and keep the best.")
    )
    written_rows: int = field(
        default=0, metadata=_help("Validation rows that the student also rewrites at each evaluation.")
    )
    fresh: bool = field(default=False, metadata=_help("Start anew instead of going on from a checkpoint."))
    release: str | None = field(default=None, metadata=_help("Release the student as this version, such as 1.0.0."))
    dry_run: bool = field(default=False, metadata=_help("With release: show what would be released, write nothing."))
    name: str = field(default="student", metadata=_help("Repository name of the released student."))
    namespace: str = field(default="lemonpress", metadata=_help("User or organisation that owns it."))
    hub: str = field(default="local", metadata=_help("Where it goes: local, or the address of a Hub."))


def parse(argv: Sequence[str], description: str) -> tuple[StudentArguments, StudentConfig]:
    """Read a recipe and the flags that override it.

    Args:
        argv: Command line without the program's name; ``--config FILE`` names the recipe.
        description: Shown by ``--help``.

    Raises:
        UserError: The recipe is missing or no YAML mapping, a key is unknown (the nearest known one is named), a value
            has a wrong type, or a setting is one that trainings do not use.
    """
    parser = _Parser(
        (StudentArguments, StudentConfig),
        usage="%(prog)s [--config RECIPE] [--SETTING VALUE ...]",
        description=description,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", metavar="RECIPE", help=f"YAML file of the settings below; see {RECIPES}")
    arguments = [part for flag in argv for part in _divided(flag)]
    if arguments[-1:] == ["--config"]:
        raise UserError("--config: name a recipe after it")
    if "--config" in arguments:
        place = arguments.index("--config") + 1
        file, recipe = read_yaml(arguments[place], RECIPES)
        _check_recipe(recipe, str(file))
        arguments[place] = str(file)
    try:
        student, config = parser.parse_args_and_config(arguments)[:2]
    except (ValueError, TypeError) as error:
        raise UserError(f"settings: trl.SFTConfig refuses them: {' '.join(str(error).split())}") from error
    for name, instead in _REFUSED.items():
        if getattr(config, name):
            raise UserError(f"{name}: is not used here ({instead}); remove it")
    if student.dry_run and not student.release:
        raise UserError("--dry_run goes with --release")
    if student.release:
        _check_release(student)
    check_reporting(config)
    return student, config


def _divided(flag: str) -> list[str]:
    """``--config=FILE`` as two arguments: TRL looks for the flag alone."""
    name, equals, value = flag.partition("=")
    return [name, value] if equals and name == "--config" else [flag]


class _Parser(TrlParser):
    """`trl.TrlParser` whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UserError(message)


def _check_release(student: StudentArguments) -> None:
    named = "use letters, digits, '.', '-' and '_'"
    rules = {"release": (Version, "write it as 1.0.0"), "namespace": (Name, named), "name": (Name, named)}
    for setting, (kind, remedy) in rules.items():
        value = getattr(student, setting)
        try:
            TypeAdapter(kind).validate_python(value)
        except ValidationError:
            raise UserError(f"{setting}: {value!r} cannot be released; {remedy}") from None


def _check_recipe(recipe: Any, file: str) -> None:
    own = {one.name for one in fields(StudentArguments)}
    known = own | set(StudentConfig.__dataclass_fields__)
    if not isinstance(recipe, Mapping):
        raise UserError(f"{file}: a recipe is a mapping of settings such as model, datasets, learning_rate")
    if "dataset" in recipe and "datasets" in recipe:
        raise UserError(f"{file}: names dataset and datasets; keep one of the two")
    for key, value in recipe.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else "see --help for the settings"
            raise UserError(f"{file}: unknown key '{key}'; {hint}")
        check_field(StudentArguments if key in own else StudentConfig, key, value, file)


def student_settings(args: StudentArguments) -> StudentSettings:
    """The settings of the student that the arguments name.

    Raises:
        UserError: There is no model, or a value is out of its range.
    """
    if args.model is None:
        raise UserError(f"model: name the base by --model, or a recipe of {RECIPES} by --config")
    try:
        return StudentSettings(
            name=args.name,
            model=args.model,
            revision=args.model_revision,
            kind=args.kind,
            lora=None if args.full else _lora(args),
            max_rows=args.max_rows,
            length_share=args.length_share,
            early_stopping=args.early_stopping,
            written_rows=args.written_rows,
        )
    except ValidationError as error:
        raise UserError(_said(error, "")) from None


def _lora(args: StudentArguments) -> LoraSettings:
    modules = args.lora_target_modules
    targets = modules[0] if modules == ["all-linear"] else modules
    try:
        return LoraSettings(r=args.lora_r, alpha=args.lora_alpha, dropout=args.lora_dropout, target_modules=targets)
    except ValidationError as error:
        raise UserError(_said(error, "lora_")) from None


def training_data(args: StudentArguments) -> tuple[list[TrainingData], list[TrainingData]]:
    """The datasets that are trained on, and those that are evaluated.

    Raises:
        UserError: There are none, validation is named twice, or an entry is wrong.
    """
    if args.dataset is None and args.datasets is None:
        raise UserError("dataset: name rows by --dataset, or a mixture under datasets in a recipe")
    if args.validation and args.validation_split:
        raise UserError("validation: name datasets or validation_split; one of the two")
    if args.dataset is None:
        train = _entries(args.datasets or [], "datasets")
    else:  # a flag that overrides the recipe's mixture
        named = {"path": args.dataset, "revision": args.dataset_revision, "config": args.dataset_config}
        train = _entries([{**named, "split": args.dataset_split, "task": args.task}], "dataset")
    if args.validation_dataset is not None:
        return train, _entries([{"path": args.validation_dataset, "task": args.task}], "validation_dataset")
    if not args.validation_split:
        return train, _entries(args.validation or [], "validation")
    file = next((one.path for one in train if one.path.endswith(SUFFIXES)), None)
    if file is not None:
        raise UserError(f"validation_split: {file} has no splits; name other rows by --validation_dataset")
    return train, [one.model_copy(update={"split": args.validation_split, "weight": 1.0}) for one in train]


def recorded(
    settings: StudentSettings,
    train: Sequence[TrainingData],
    validation: Sequence[TrainingData],
    changed: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """All that decides a training, for the provenance.

    Args:
        settings: From `student_settings`.
        train: Datasets that are trained on.
        validation: Datasets that are evaluated.
        changed: Fields of SFTConfig that differ from the defaults, from `settings.changed_fields`.
        seed: Of the training.
    """
    return {
        "student": settings.model_dump(mode="json", exclude={"sft", "distilled_sft"}),
        "datasets": [one.model_dump(mode="json") for one in train],
        "validation": [one.model_dump(mode="json") for one in validation],
        "sft": dict(changed),
        "seed": seed,
    }


def _entries(items: Sequence[Any], where: str) -> list[TrainingData]:
    found = []
    for number, item in enumerate(items):
        place = where if where.endswith("dataset") else f"{where}.{number}"
        if not isinstance(item, Mapping):
            raise UserError(f"{place}: is no mapping of path, revision, task and so on; write it as one")
        try:
            found.append(TrainingData.model_validate(item))
        except ValidationError as error:
            raise UserError(_said(error, f"{place}.")) from None
    if not found and where != "validation":
        raise UserError(f"{where}: lists no dataset; add one")
    return found


def _said(error: ValidationError, prefix: str) -> str:
    problem = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, TrainingData.model_fields, n=1)
        return f"{prefix}{name}: unknown key; " + (f"did you mean '{near[0]}'?" if near else "remove it")
    message = problem["msg"].removeprefix("Value error, ")
    return f"{prefix}{name}: {message[0].lower()}{message[1:]} (given: {problem.get('input')!r})"
