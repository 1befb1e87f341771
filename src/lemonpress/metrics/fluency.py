"""Fluency as the perplexity of a causal language model, and as acceptability by a classifier."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.encoders import Classifier
from lemonpress.metrics.words import require_texts

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Floats = npt.NDArray[np.float64]


def perplexity(
    texts: Sequence[str], model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", batch_size: int
) -> Floats:
    """Token-level perplexity of each text: exp of the mean negative log-likelihood of its own tokens.

    Each text is read alone, without chat template. The tokenizer's BOS token is put before it, or EOS where there is
    no BOS, so that the first token is judged too; the token put there is not. A tokenizer with neither leaves the
    first token unjudged. Texts are batched by length and padded on the right, which a causal model cannot see.

    Args:
        texts: Texts; what is longer than the model's context is judged as far as that goes.
        model: A causal language model; it is used on its device, in its dtype and in evaluation mode.
        tokenizer: Its tokenizer.
        batch_size: Texts per forward pass.

    Returns:
        One perplexity of at least 1 per text, in the order given; NaN for a text without a judged token.
    """
    import torch

    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    prefix = [] if start is None else [start]
    longest = getattr(model.config, "max_position_embeddings", None)
    sequences = [
        (prefix + tokenizer(text, add_special_tokens=False, return_attention_mask=False)["input_ids"])[:longest]
        for text in texts
    ]
    scores = np.full(len(texts), np.nan)
    order = sorted((row for row, ids in enumerate(sequences) if len(ids) > 1), key=lambda row: len(sequences[row]))
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for begin in range(0, len(order), batch_size):
                rows = order[begin : begin + batch_size]
                lengths = torch.tensor([len(sequences[row]) for row in rows])
                mask = torch.arange(int(lengths.max())) < lengths[:, None]
                ids = torch.zeros(mask.shape, dtype=torch.long)
                ids[mask] = torch.tensor([token for row in rows for token in sequences[row]])
                ids, mask = ids.to(model.device), mask.to(model.device)
                logits = model(input_ids=ids, attention_mask=mask.long(), use_cache=False).logits
                judged = mask[:, 1:]
                losses = torch.nn.functional.cross_entropy(
                    logits[:, :-1][judged].float(), ids[:, 1:][judged], reduction="none"
                )
                sums = torch.zeros(judged.shape, device=ids.device).masked_scatter(judged, losses).sum(1)
                scores[rows] = (sums / judged.sum(1)).cpu().double().exp().numpy()
    finally:
        model.train(training)
    return scores


def signature(name: str, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> str:
    """What exactly `perplexity` computes with this model, for tables and cards.

    Args:
        name: Id and commit by which others find the model; what it was loaded from may be a folder of this machine.
        model: The causal language model.
        tokenizer: Its tokenizer.

    Returns:
        Model name, dtype, the token put before each text, and the way of averaging.
    """
    dtype = str(model.dtype).removeprefix("torch.")
    start = tokenizer.bos_token or tokenizer.eos_token or "none"
    return f"perplexity|level:token|model:{name}|dtype:{dtype}|start:{start}|mean over texts with a judged token"


def acceptability(texts: Sequence[str], classifier: Classifier, label: int) -> Floats:
    """Probability that a text classifier gives to one of its labels, such as a CoLA model's ``acceptable``.

    Args:
        texts: Texts to judge.
        classifier: Of single texts; each distinct text is asked once.
        label: Class index of the label.

    Returns:
        One probability per text; 0 for a blank one.

    Raises:
        ValueError: A row is no text.
    """
    require_texts(texts, "text")
    asked = list(dict.fromkeys(text for text in texts if text.strip()))
    known = dict(zip(asked, classifier.probabilities(asked)[:, label].tolist(), strict=True)) if asked else {}
    return np.array([known.get(text, 0.0) for text in texts], np.float64)


def acceptability_signature(model: str, label: str) -> str:
    """What exactly `acceptability` computes, for tables and cards.

    Args:
        model: Id and commit of the classifier.
        label: Name of the label.
    """
    return f"acceptability|probability|label:{label}|model:{model}"
