"""The files of a finished critic: an adapter on its encoder, or a whole model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lemonpress.errors import UserError
from lemonpress.nli.rows import CLASSES
from lemonpress.nli.settings import CriticRecipe
from lemonpress.sources import Model

if TYPE_CHECKING:
    from torch import Tensor

_ADAPTER, _WHOLE = "adapter_model.safetensors", "model.safetensors"
_OUTPUTS = ("classifier", "out_proj", "score", "logits_proj")


def write_asset(trained: Path, recipe: CriticRecipe, base: Model, temperature: float, out: Path) -> None:
    """Write a trained critic as recipes name it: calibrated, no optimizer, no path of a package or cache.

    An adapter is written in half precision and needs its encoder. A whole model is written in the precision that it
    was trained in, with its tokenizer.

    Args:
        trained: A training's result or checkpoint.
        recipe: Names the encoder.
        base: The encoder's files.
        temperature: Logits are divided by it, by dividing the output layer.
        out: Folder to write.

    Raises:
        UserError: The folder holds no weights, or an output layer that is not known.
    """
    import torch

    if not any((trained / name).is_file() for name in (_ADAPTER, _WHOLE)):
        raise UserError(f"{trained}: holds neither {_ADAPTER} nor {_WHOLE}; give a trained critic's folder")
    out.mkdir(parents=True, exist_ok=True)
    if (trained / _ADAPTER).is_file():
        tensors = _calibrated(trained / _ADAPTER, temperature)
        _save({name: tensor.to(torch.float16) for name, tensor in tensors.items()}, out / _ADAPTER)
        _write(out / "adapter_config.json", _adapter_config(trained, recipe, base))
        _write(out / "config.json", _model_config(base.folder))
        return
    from transformers import AutoTokenizer

    _save(_calibrated(trained / _WHOLE, temperature), out / _WHOLE)
    _write(out / "config.json", _model_config(trained))
    own = any((trained / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json"))
    AutoTokenizer.from_pretrained(trained if own else base.folder).save_pretrained(out)


def _calibrated(file: Path, temperature: float) -> dict[str, "Tensor"]:
    from safetensors.torch import load_file

    tensors = load_file(file)
    output = [name for name, tensor in tensors.items() if _is_output(name, tensor)]
    if not any(name.endswith(".weight") for name in output):
        raise UserError(
            f"{file}: has no output layer of {len(CLASSES)} classes called {', '.join(_OUTPUTS)}; "
            "train an encoder whose classifier has one"
        )
    return {name: tensor / temperature if name in output else tensor for name, tensor in tensors.items()}


def _is_output(name: str, tensor: "Tensor") -> bool:
    """Whether a tensor is weight or bias of the last layer: RoBERTa's is classifier.out_proj, BERT's classifier."""
    parts = name.split(".")
    return len(parts) > 1 and parts[-2] in _OUTPUTS and tensor.shape[0] == len(CLASSES)


def _save(tensors: Mapping[str, "Tensor"], file: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file, metadata={"format": "pt"})
    file.chmod(0o644)  # safetensors writes files for their owner alone


def _adapter_config(adapter: Path, recipe: CriticRecipe, base: Model) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    targets = config["target_modules"]
    local = recipe.encoder.startswith(("/", "./", "../", "~"))
    return {
        **config,
        # A folder's name must hold wherever the critic is used from.
        "base_model_name_or_path": str(Path(recipe.encoder).expanduser().resolve()) if local else recipe.encoder,
        "revision": None if base.commit.startswith("sha256:") else base.commit,
        "inference_mode": True,
        "modules_to_save": sorted(set(config["modules_to_save"])),
        "target_modules": sorted(targets) if isinstance(targets, list) else targets,
    }


def _model_config(folder: Path) -> dict[str, Any]:
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as KINDS

    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    return {
        **config,
        "architectures": [KINDS[config["model_type"]]],
        "id2label": {str(index): name for index, name in enumerate(CLASSES)},
        "label2id": {name: index for index, name in enumerate(CLASSES)},
    }


def _write(file: Path, data: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")
