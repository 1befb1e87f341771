"""The asset that ships: a small adapter on a packaged encoder."""

import json
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError
from lemonpress.nli.rows import CLASSES
from lemonpress.sources import Model

MAX_BYTES = 15_000_000


def load_critic(adapter: Path, base: Model) -> tuple[Any, Any]:
    """The encoder with an adapter merged into it.

    Args:
        adapter: A training's adapter or checkpoint folder, or an asset.
        base: The encoder's files.

    Returns:
        (model in evaluation mode, tokenizer).

    Raises:
        UserError: The folder holds no adapter.
    """
    from peft import PeftModel
    from transformers import AutoTokenizer

    from lemonpress.nli.train import load_encoder

    if not (adapter / "adapter_config.json").is_file():
        raise UserError(f"{adapter}: holds no adapter (no adapter_config.json); give a trained critic's folder")
    model = PeftModel.from_pretrained(load_encoder(base.folder), adapter).merge_and_unload()
    return model.eval(), AutoTokenizer.from_pretrained(base.folder)


def write_asset(adapter: Path, encoder: str, base: Model, temperature: float, out: Path) -> None:
    """Write an adapter as it ships: half precision, calibrated, no optimizer, no tokenizer, no path of this machine.

    Args:
        adapter: A training's adapter or checkpoint folder.
        encoder: The reference that names the encoder, such as ``package:NAME``.
        base: The encoder's files.
        temperature: Logits are divided by it, by dividing the classifier.
        out: Folder for adapter_model.safetensors, adapter_config.json and config.json.

    Raises:
        UserError: The adapter would be larger than `MAX_BYTES`.
    """
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(adapter / "adapter_model.safetensors")
    scaled = {
        name: (tensor / temperature if ".classifier." in name else tensor).to(torch.float16).contiguous()
        for name, tensor in tensors.items()
    }
    size = sum(tensor.numel() * 2 for tensor in scaled.values())
    if size > MAX_BYTES:
        raise UserError(
            f"lora.r: the adapter has {size / 1e6:.0f} MB, {MAX_BYTES // 10**6} MB may ship; lower the rank"
        )
    out.mkdir(parents=True, exist_ok=True)
    save_file(scaled, out / "adapter_model.safetensors", metadata={"format": "pt"})
    (out / "adapter_model.safetensors").chmod(0o644)  # safetensors writes files for their owner alone
    _write(out / "adapter_config.json", _adapter_config(adapter, encoder))
    _write(out / "config.json", _model_config(base))


def _adapter_config(adapter: Path, encoder: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    targets = config["target_modules"]
    return {
        **config,
        "base_model_name_or_path": encoder,
        "inference_mode": True,
        "modules_to_save": sorted(set(config["modules_to_save"])),
        "target_modules": sorted(targets) if isinstance(targets, list) else targets,
    }


def _model_config(base: Model) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    config.pop("_name_or_path", None)
    return {
        **config,
        "architectures": [config["architectures"][0].removesuffix("Model") + "ForSequenceClassification"],
        "id2label": {str(index): name for index, name in enumerate(CLASSES)},
        "label2id": {name: index for index, name in enumerate(CLASSES)},
    }


def _write(file: Path, data: dict[str, Any]) -> None:
    file.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")
