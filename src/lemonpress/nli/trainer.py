"""The trainer's loss: weighted cross-entropy that accepts two-way labels, and batches of pairs."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Sampler
from transformers import Trainer
from transformers.trainer_pt_utils import get_length_grouped_indices

from lemonpress.nli.rows import LABELS, NOT_ENTAILMENT, NliRow

_TWO_WAY = LABELS.index(NOT_ENTAILMENT)


def nli_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Mean negative log-likelihood; a two-way row is right with any mass on neutral or contradiction.

    Args:
        logits: (rows, 3), in the order of `rows.CLASSES`.
        labels: (rows,) positions in `rows.LABELS`; 3 is not_entailment.
        weights: (3,) of the classes; a two-way row weighs the mean of the last two. All weigh the same by default.

    Returns:
        A scalar, nats a row: the weighted mean of -log p(label), or of -log(p(neutral) + p(contradiction)).
    """
    logs = torch.log_softmax(logits.float(), dim=-1)
    either = torch.logsumexp(logs[:, 1:], dim=-1)
    exact = logs.gather(1, labels.clamp(max=_TWO_WAY - 1).unsqueeze(1)).squeeze(1)
    losses = -torch.where(labels == _TWO_WAY, either, exact)
    if weights is None:
        return losses.mean()
    each = torch.cat([weights, weights[1:].mean(dim=0, keepdim=True)])[labels]
    return (losses * each).sum() / each.sum()


class LengthSampler(Sampler[int]):
    """Rows in batches of like length, in an order that seed and epoch alone decide: a resumed run repeats it."""

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self._lengths, self._batch_size, self._seed, self._epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(1000 * self._seed + self._epoch)
        return iter(get_length_grouped_indices(self._lengths, self._batch_size, generator=generator))


class NliTrainer(Trainer):
    """`transformers.Trainer` with `nli_loss` and `LengthSampler`; evaluation does not weigh the classes."""

    def __init__(self, *, weights: tuple[float, float, float] | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._weights = weights

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        rows = self.train_dataset if train_dataset is None else train_dataset
        return LengthSampler([len(row["input_ids"]) for row in rows], self.args.train_batch_size, self.args.seed)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Loss of one batch."""
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        weighs = model.training and self._weights is not None
        loss = nli_loss(
            outputs.logits, labels, labels.new_tensor(self._weights, dtype=torch.float32) if weighs else None
        )
        return (loss, outputs) if return_outputs else loss


def encode(rows: Sequence[NliRow], tokenizer: Any, max_tokens: int) -> list[dict[str, Any]]:
    """Token ids and label position of each row, cut to `max_tokens`."""
    if not rows:
        return []
    encoded = tokenizer(
        [row.premise for row in rows], [row.hypothesis for row in rows], truncation=True, max_length=max_tokens
    )
    names = [name for name in encoded if name in tokenizer.model_input_names]
    return [
        {**{name: encoded[name][index] for name in names}, "labels": LABELS.index(row.label)}
        for index, row in enumerate(rows)
    ]
