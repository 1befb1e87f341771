"""Sequence-classification models: labels checked from the configuration, texts or pairs scored in sorted batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.batching import BAR_FROM, batch_tokens, batches_by_length, longest_input
from lemonpress.critics.scores import Floats
from lemonpress.errors import UserError
from lemonpress.kinds import architectures, check_weights, read_config
from lemonpress.recipes.critics import PrecisionName
from lemonpress.sources import Model
from lemonpress.weights import bar_if_large, ordinary_folder, pick_device


def labels_of(model: Model, where: str) -> list[str]:
    """The labels of a sequence-classification model, by class index, read from its configuration.

    Args:
        model: A resolved model; its weights are not loaded.
        where: The recipe field, for error messages.

    Raises:
        UserError: The model is no sequence classifier, its labels are missing, or it has no safetensors weights.
    """
    config = read_config(model, where)
    kinds = architectures(config)
    if not any(kind.endswith("ForSequenceClassification") for kind in kinds):
        found = kinds[0] if kinds else "no architecture"
        raise UserError(f"{where}: {model.id} is {found}, not a sequence classifier; give one that is")
    labels = config.get("id2label") or {}
    places = [str(place) for place in range(len(labels))] if isinstance(labels, dict) else []
    if len(places) < 2 or set(labels) != set(places):
        raise UserError(
            f"{where}: {model.id} names no labels (id2label in config.json, from 0 on); give a model that does"
        )
    check_weights(model, where)
    return [str(labels[place]) for place in places]


@dataclass(frozen=True)
class Classifier:
    """A loaded sequence-classification model.

    Attributes:
        model: In evaluation mode.
        tokenizer: A fast one.
        device: Where the model is.
        most_tokens: Of a batch.
        longest: Most tokens of an input; longer ones are cut.
        independent: Whether each label has a probability of its own (a sigmoid) instead of a share (softmax).
    """

    model: Any
    tokenizer: Any
    device: str
    most_tokens: int
    longest: int
    independent: bool

    def probabilities(self, ones: Sequence[str], others: Sequence[str] | None = None) -> Floats:
        """Probabilities of every label for texts, or for pairs of texts.

        Each distinct text is tokenised once. Batches are sorted by length and filled up to a number of tokens, so
        their composition depends on the texts alone.

        Args:
            ones: Texts, or the first of each pair (the premise).
            others: The second of each pair (the hypothesis), or None.

        Returns:
            Softmax over the labels, or a sigmoid for each where the model is a multi-label one; shape (n, labels).
        """
        import torch
        from tqdm import tqdm

        backend = self.tokenizer.backend_tokenizer
        # A call of the tokenizer itself, by whoever shares it, leaves its padding and truncation behind.
        backend.no_padding()
        backend.enable_truncation(self.longest)
        distinct = list(dict.fromkeys([*ones, *(others or ())]))
        known = dict(zip(distinct, backend.encode_batch(distinct, add_special_tokens=False), strict=True))
        sides = [[known[text] for text in side] for side in ([ones] if others is None else [ones, others])]
        lengths = np.array([sum(map(len, together)) for together in zip(*sides, strict=True)], dtype=np.int64)
        found = np.empty((len(ones), self.model.config.num_labels))
        quiet = None if len(ones) >= BAR_FROM else True
        with (
            torch.inference_mode(),
            tqdm(total=len(ones), desc="  classify", unit="pair", leave=False, disable=quiet) as bar,
        ):
            for places in batches_by_length(lengths, self.most_tokens):
                batch = [backend.post_process(*(side[place] for side in sides)) for place in places]
                logits = self.model(**self._tensors(batch)).logits.float()
                values = torch.sigmoid(logits) if self.independent else torch.softmax(logits, dim=-1)
                found[places] = values.cpu().numpy()
                bar.update(len(places))
        return found

    def _tensors(self, batch: list[Any]) -> dict[str, Any]:
        import torch

        width = max(len(encoding) for encoding in batch)
        ids = np.full((len(batch), width), self.tokenizer.pad_token_id, dtype=np.int64)
        kinds = np.full((len(batch), width), self.tokenizer.pad_token_type_id, dtype=np.int64)
        mask = np.zeros((len(batch), width), dtype=np.int64)
        for row, encoding in enumerate(batch):
            ids[row, : len(encoding)] = encoding.ids
            kinds[row, : len(encoding)] = encoding.type_ids
            mask[row, : len(encoding)] = 1
        arrays = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self.tokenizer.model_input_names:
            arrays["token_type_ids"] = kinds
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}


def load(model: Model, device: str = "auto", precision: PrecisionName = "float32") -> Classifier:
    """Load a sequence-classification model once for all critics that name it.

    Args:
        model: A resolved sequence classifier.
        device: ``auto`` takes the first GPU where there is one, else the CPU.
        precision: Of weights and arithmetic; ``float32`` means float16 on a GPU. In ``bfloat16`` a probability moves
            by up to a few hundredths with what else is asked together, which float32 does by less than 1e-6.
    """
    return _load(ordinary_folder(model), device, precision)


def in_precision(precision: PrecisionName) -> str:
    """What a critic's description adds after its model."""
    return "" if precision == "float32" else f" in {precision}"


@lru_cache(maxsize=4)
def _load(folder: Path, device: str, precision: PrecisionName) -> Classifier:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    place = pick_device(device)
    on_gpu = place.startswith("cuda")
    dtype = torch.float16 if on_gpu and precision == "float32" else getattr(torch, precision)
    with bar_if_large(folder):
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype).to(place).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        raise UserError(f"{folder}: critics need a fast tokenizer with a padding token; save the model with one")
    independent = model.config.problem_type == "multi_label_classification"
    longest = longest_input(model.config, tokenizer)
    return Classifier(model, tokenizer, place, batch_tokens(place), longest, independent)
