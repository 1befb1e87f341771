"""Whether a resolved model is of the kind that is asked for, told from its files before any weights load."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError
from lemonpress.sources import Model

_ADAPTER = "adapter_model.safetensors"


def read_config(model: Model, where: str) -> dict[str, Any]:
    """The configuration of a transformers model.

    Args:
        model: A resolved model.
        where: The recipe field, for error messages.

    Raises:
        UserError: There is none, or it is no JSON object.
    """
    config = _json(model.folder / "config.json")
    if not isinstance(config, dict):
        raise UserError(f"{where}: {model.id} has no readable config.json; give a transformers model")
    return config


def architectures(config: dict[str, Any]) -> list[str]:
    """The architectures that a configuration names; none where it names none, or not as a list."""
    names = config.get("architectures")
    return [str(name) for name in names] if isinstance(names, list) else []


def check_weights(model: Model, where: str) -> None:
    """Refuse a model without safetensors weights, or an adapter that lacks its own or its base's.

    Raises:
        UserError: They are not there.
    """
    if model.gguf is not None:
        return
    if model.base is not None:
        if not (model.folder / _ADAPTER).is_file():
            raise UserError(f"{where}: {model.id} has no {_ADAPTER}; save the adapter as safetensors")
        check_weights(model.base, where)
    elif all(file.name == _ADAPTER for file in model.folder.glob("*.safetensors")):
        raise UserError(f"{where}: {model.id} has no safetensors weights; convert it or give another")


def check_sentence_encoder(model: Model, where: str) -> None:
    """Refuse a model that sentence-transformers did not save.

    Raises:
        UserError: It lists no modules, or has no safetensors weights.
    """
    modules = _json(model.folder / "modules.json")
    if not isinstance(modules, list) or not modules or not all(isinstance(one, dict) for one in modules):
        raise UserError(f"{where}: {model.id} is no sentence encoder (modules.json lists none); give one that is")
    if not any(file.name != _ADAPTER for file in model.folder.rglob("*.safetensors")):
        raise UserError(f"{where}: {model.id} has no safetensors weights; convert it or give another encoder")


def check_spacy(model: Model, needed: Sequence[str], where: str) -> None:
    """Refuse a model that is no spaCy pipeline, has not the components that are needed, or is of another spaCy.

    Args:
        model: A resolved model.
        needed: Names of components, such as ``tagger``.
        where: The recipe field, for error messages.

    Raises:
        UserError: It is not what is needed.
    """
    meta = _json(model.folder / "meta.json")
    if not isinstance(meta, dict) or not (model.folder / "config.cfg").is_file():
        raise UserError(f"{where}: {model.id} is no spaCy pipeline (no meta.json and config.cfg); give one that is")
    pipes = meta.get("pipeline")
    for name in needed:
        if not isinstance(pipes, list) or name not in pipes or not (model.folder / name).is_dir():
            raise UserError(f"{where}: {model.id} has no {name}; give a pipeline such as en_core_web_sm")
    if model.id.startswith("package:"):  # pinned files, known to load
        return
    from spacy.util import load_config, load_model_from_config

    try:
        load_model_from_config(load_config(model.folder / "config.cfg"), meta=meta)
    # ImportError: a component that needs another package; the others are what spaCy and its configurations raise.
    except (ValueError, LookupError, TypeError, OSError, ImportError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{where}: {model.id} is no spaCy pipeline that loads here ({reason}); give another") from None


def _json(file: Path) -> object:
    """What a JSON file holds; None where there is none or it is damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
