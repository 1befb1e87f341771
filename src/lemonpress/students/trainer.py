"""The trainers of students: TRL's for causal models, and a small subclass of it for encoder-decoder ones.

Both take their loss from the model's own logits. Off Triton devices TRL 1.16 projects every position of a causal model
to the vocabulary, prompts included; here only the positions that have labels are, so the loss is TRL's at about two
thirds of the time. For encoder-decoder models TRL's loss cannot be used at all: it crashes on T5 and is shifted by one
token on BART, without a warning.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import DataCollatorForSeq2Seq
from trl import SFTTrainer

from lemonpress.errors import UserError

_CAUSAL_ONLY = ("packing", "padding_free", "eval_packing", "assistant_only_loss")
"""Settings of `trl.SFTConfig` that only mean something where prompt and completion are one sequence."""

Measure = Callable[[Any], dict[str, float]]


class _Measured(SFTTrainer):
    """A trainer whose evaluation may also measure what the model writes.

    Args:
        measure: Called with the model at each evaluation; its figures join the evaluation's, so that early stopping
            and the choice of the best checkpoint may go by them.
        kwargs: As for `trl.SFTTrainer`.
    """

    def __init__(self, *, measure: Measure | None = None, **kwargs: Any) -> None:
        self._measure = measure
        super().__init__(**kwargs)

    def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> Any:
        """See `transformers.Trainer.evaluation_loop`."""
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **kwargs)
        if self._measure is not None:
            written = self._measure(self.accelerator.unwrap_model(self.model))
            output.metrics.update({f"{metric_key_prefix}_{name}": value for name, value in written.items()})
        return output


class CompletionTrainer(_Measured):
    """`trl.SFTTrainer` for prompt-completion rows of causal students; its own loss on a GPU, and for losses but NLL.

    The loss is the sum over the labelled tokens of all accumulated batches, divided by their number. Where embeddings
    of new tokens are trained, it comes from the model's forward on every device: TRL multiplies by the stored output
    weights, which with tied embeddings are not the trained ones.
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
        model = self.accelerator.unwrap_model(self.model)
        peft = getattr(model, "peft_config", {}).values()
        base = model.get_base_model() if peft else model
        return (
            plain
            and (self.accelerator.device.type == "cpu" or any(one.trainable_token_indices for one in peft))
            and self.accelerator.num_processes == 1
            and "logits_to_keep" in inspect.signature(type(base).forward).parameters
        )


class Seq2SeqSFTTrainer(_Measured):
    """`trl.SFTTrainer` for prompt-completion rows of encoder-decoder students (T5, mT5, BART).

    The prompt is the encoder's input and the completion the decoder's labels. The loss is the sum over the labels of
    all accumulated batches, divided by their number: transformers 5.23 leaves a loss of T5 and BART undivided when
    gradients are accumulated, since these models accept but ignore the number of labels.

    Args:
        measure: See `CompletionTrainer`.
        kwargs: As for `trl.SFTTrainer`.

    Raises:
        UserError: The model is causal, or a setting only means something for causal models.
    """

    _tag_names = ["trl", "sft", "seq2seq"]  # noqa: RUF012  # TRL's own name and type
    loss_is_scaled_for_ga = True

    def __init__(self, *, measure: Measure | None = None, **kwargs: Any) -> None:
        model, args = kwargs["model"], kwargs["args"]
        if not model.config.is_encoder_decoder:
            raise UserError(f"{type(model).__name__} is no encoder-decoder model; train it as a causal student")
        check_seq2seq(args)
        kwargs.setdefault("data_collator", DataCollatorForSeq2Seq(kwargs["processing_class"], model=model))
        super().__init__(measure=measure, **kwargs)

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: Any, packing: bool, formatting_func: Any, dataset_name: str
    ) -> Any:
        if "labels" in dataset.column_names:
            return dataset

        def tokenize(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
            asked = processing_class(batch["prompt"])
            labels = processing_class(text_target=batch["completion"])["input_ids"]
            return {"input_ids": asked["input_ids"], "attention_mask": asked["attention_mask"], "labels": labels}

        return dataset.map(tokenize, batched=True, remove_columns=dataset.column_names)

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "attention_mask", "labels"]

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Loss of one batch; see `trl.SFTTrainer.compute_loss`."""
        labels = inputs["labels"]
        features = {name: value for name, value in inputs.items() if name != "labels"}
        if "decoder_input_ids" not in features:
            bare = self.accelerator.unwrap_model(model)
            features["decoder_input_ids"] = bare.prepare_decoder_input_ids_from_labels(labels)
        outputs = model(**features, use_cache=False)
        logits = outputs.logits.float()
        loss = cross_entropy(
            logits.flatten(0, 1),
            labels.flatten(),
            ignore_index=-100,
            reduction="sum",
            label_smoothing=self.args.label_smoothing_factor,
        )
        count = (labels != -100).sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
        loss = loss / count
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # the count is of all processes, whose gradients are averaged
        return (loss, outputs) if return_outputs else loss


def check_seq2seq(args: Any) -> None:
    """Refuse training settings that only causal models know.

    Raises:
        UserError: One of them is on.
    """
    for name in _CAUSAL_ONLY:
        if getattr(args, name):
            raise UserError(f"sft.{name}: is for causal students; remove it for an encoder-decoder one")
    if args.loss_type != "nll":
        raise UserError(f"sft.loss_type: {args.loss_type} is for causal students; remove it")
