"""TRL's trainer with the language-model head applied only where a row has labels.

Off Triton devices TRL 1.16 projects every position to the vocabulary, prompts included. Here the model's own forward
is asked for the positions that have labels (`logits_to_keep`), so the loss is TRL's at about two thirds of the time.
"""

import inspect
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from trl import SFTTrainer


class CompletionTrainer(SFTTrainer):
    """`trl.SFTTrainer` for prompt-completion rows; the stock one on a GPU and for losses other than NLL.

    The loss is the sum over the labelled tokens of all accumulated batches, divided by their number.
    """

    loss_is_scaled_for_ga = True

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Loss of one batch; see `trl.SFTTrainer.compute_loss`."""
        if return_outputs or not self._selects():
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"][:, 1:]
        columns = (labels != -100).any(dim=0).nonzero().flatten()
        features = {name: value for name, value in inputs.items() if name != "labels"}
        logits = model(**features, use_cache=False, logits_to_keep=columns).logits
        kept = labels[:, columns]
        wanted = kept != -100
        loss = cross_entropy(logits[wanted].float(), kept[wanted], reduction="sum")
        return loss / (wanted.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch)

    def _selects(self) -> bool:
        plain = self.args.loss_type == "nll" and self.args.label_smoothing_factor == 0 and not self.aux_loss_enabled
        base = self.accelerator.unwrap_model(self.model)
        base = base.get_base_model() if hasattr(base, "get_base_model") else base
        return (
            plain
            and self.accelerator.device.type == "cpu"
            and self.accelerator.num_processes == 1
            and "logits_to_keep" in inspect.signature(type(base).forward).parameters
        )
