"""Reading recipes: YAML plus command-line overrides, errors in one line."""

import argparse
import difflib
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from lemonpress.assets import asset
from lemonpress.errors import UserError
from lemonpress.recipes.schema import Recipe
from lemonpress.recipes.teachers import ChatTeacherSettings, TeacherSettings

_Section = TypeVar("_Section", bound=BaseModel)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        path: YAML file, or the path of a shipped recipe such as ``dataset_builders/recipes/demo.yaml``.
        overrides: ``key.path=value`` strings; values are YAML, so ``sentences.k=50`` is an integer and
            ``contexts.live=null`` removes that key. List items are named by position, or in a list of critics by
            critic: ``corpora.dimple-demo.critics.rouge_l.max=0.6``.

    Raises:
        UserError: The file is missing or not YAML, a key is unknown (the nearest known one is named), a value has a
            wrong type or range.
    """
    file, data = read_yaml(path, "dataset_builders/recipes")
    if not isinstance(data, dict):
        raise UserError(f"{file}: a recipe is a mapping of sections such as teacher, contexts, corpora")
    for item in overrides:
        _override(data, item)
    return check(data, str(file))


def read_yaml(path: str | Path, shipped: str) -> tuple[Path, Any]:
    """The file of a recipe, and what it holds.

    Args:
        path: YAML file, or the path of a shipped one.
        shipped: Folder of the recipes that ship, for error messages.

    Raises:
        UserError: The file is missing or not YAML.
    """
    file = Path(path)
    if not file.is_file():
        with suppress(UserError):
            file = asset(str(path))
    if not file.is_file():
        raise UserError(f"{path}: no such recipe; recipes that ship are in {shipped}")
    try:
        return file, yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not a YAML file: {' '.join(str(error).split())}") from None


def check(data: dict[str, Any], where: str) -> Recipe:
    """Validate recipe data; `where` names its file in the error."""
    return check_section(data, where, Recipe)


def check_section(data: Any, where: str, section: type[_Section]) -> _Section:
    """Validate the data of any section; `where` names its file in the error.

    Raises:
        UserError: A key is unknown (the nearest known one is named) or missing, or a value is of a wrong type or
            range.
    """
    try:
        return section.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{where}: {_explain(error, section)}") from None


def dump(recipe: Recipe) -> str:
    """The recipe as YAML, with every default written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)


def digest(value: Any) -> str:
    """SHA-256 of any JSON-like value or recipe section, independent of key order."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def add_recipe_arguments(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--config`` and ``--set`` with a table of the recipe's keys in the help text."""
    parser.add_argument("--config", default=default, metavar="RECIPE", help=f"recipe (default: {default})")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one value of the recipe, e.g. --set sentences.k=50; may be repeated",
    )
    parser.epilog = "recipe keys:\n" + "\n".join(f"  {key:34} {text}" for key, text in section_keys(Recipe))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def recipe_from_arguments(args: argparse.Namespace) -> Recipe:
    """The recipe that ``--config`` and ``--set`` name."""
    return load_recipe(args.config, args.overrides)


def _override(data: dict[str, Any], item: str) -> None:
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise UserError(f"--set {item}: write KEY=VALUE, for example sentences.k=50")
    *parents, last = key.split(".")
    node: Any = data
    for part in parents:
        node = _child(node, part, item)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"--set {item}: the value is not YAML; quote what holds brackets, braces or colons") from None
    if isinstance(node, list):
        node[_position(node, last, item)] = value
    elif isinstance(node, dict) and value is None:
        if last not in node:
            raise UserError(f"--set {item}: there is no '{last}' to remove; there are: {', '.join(map(str, node))}")
        del node[last]
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise UserError(f"--set {item}: '{parents[-1]}' is a single value, it has no '{last}'")


def _child(node: Any, part: str, item: str) -> Any:
    if isinstance(node, list):
        return node[_position(node, part, item)]
    if isinstance(node, dict):
        if node.get(part) is None:
            node[part] = {}
        return node[part]
    raise UserError(f"--set {item}: nothing lies under '{part}'")


def _position(node: list[Any], part: str, item: str) -> int:
    if part.isdecimal() and int(part) < len(node):
        return int(part)
    for index, entry in enumerate(node):
        if isinstance(entry, dict) and entry.get("critic") == part:
            return index
    names = [str(entry.get("critic")) for entry in node if isinstance(entry, dict)]
    raise UserError(f"--set {item}: no item '{part}'; there are: {', '.join(names) or len(node)}")


_TEACHERS: dict[str, type[BaseModel]] = {"causal": TeacherSettings, "chat": ChatTeacherSettings}
"""By the tags of their union."""


def _explain(error: ValidationError, section: type[BaseModel]) -> str:
    """The first problem in one line, the nearest known key named; a misspelt key comes before the one it left out."""
    problems = error.errors(include_url=False)
    problem = next((one for one in problems if one["type"] == "extra_forbidden"), problems[0])
    location = [str(part) for part in problem["loc"]]
    teacher = _TEACHERS.get(location[1]) if location[:1] == ["teacher"] and len(location) > 1 else None
    if teacher is not None:
        del location[1]  # which kind it is, a recipe says by its keys
    where = ".".join(location) or "recipe"
    if problem["type"] == "extra_forbidden":
        known = sorted(teacher.model_fields) if teacher else _fields_at(location[:-1], section)
        near = difflib.get_close_matches(location[-1], known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}"
        return f"unknown key '{where}'; {hint}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"'{where}' is missing; add it"
    given = problem.get("input")
    shown = "" if isinstance(given, dict | list) else f" (given: {given!r})"
    return f"'{where}': {message[0].lower() + message[1:]}{shown}"


def _fields_at(location: list[str], section: type[BaseModel]) -> list[str]:
    """Field names of the part of a section at an error location, unions flattened by their discriminating tag."""
    models: list[Any] = [section]
    for part in location:
        step: list[Any] = []
        for model in models:
            if isinstance(model, type) and issubclass(model, BaseModel):
                if part in model.model_fields:
                    step += _models(model.model_fields[part].annotation)
                elif any(part in get_args(field.annotation) for field in model.model_fields.values()):
                    step.append(model)
        models = step or models
    return sorted({name for m in models if issubclass(m, BaseModel) for name in m.model_fields})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def section_keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every key of a section and of those in it, and what it means, for a help text.

    Args:
        model: The section.
        prefix: Put before each key.
    """
    for field_name, field in model.model_fields.items():
        name = field.alias or field_name
        nested = _models(field.annotation)
        mapping = "NAME." if str(field.annotation).startswith("dict[") else ""
        if not nested:
            default = "" if field.is_required() else f" [{_show(field.get_default(call_default_factory=True))}]"
            allowed = (
                ", ".join(map(str, get_args(field.annotation))) if get_origin(field.annotation) is Literal else ""
            )
            yield prefix + name, (field.description or allowed) + default
            continue
        if field.description:
            yield prefix + name, field.description
        for inner in dict.fromkeys(nested):
            yield from section_keys(inner, f"{prefix}{name}.{mapping}")


def _show(value: Any) -> str:
    return json.dumps(TypeAdapter(Any).dump_python(value, mode="json"))
