"""Batched decoding of a causal model: samples share their source's prefill, and finished rows stop costing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lemonpress.teachers.causal_lm import nucleus

if TYPE_CHECKING:
    import torch

_COMPACT_SHARE = 0.1


def decode(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    noise: np.ndarray | None,
    ends: Sequence[int],
    max_new_tokens: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> list[list[str]]:
    """Continue a batch of prompts.

    Args:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        prompts: Texts; special tokens are added as the tokenizer does.
        noise: Uniform numbers in [0, 1), shape (prompts, samples, max_new_tokens): row [i, j] alone decides sample j
            of prompt i. None takes the likeliest token each time: one sample a prompt.
        ends: Tokens that end a sample.
        max_new_tokens: Tokens a sample at most.
        temperature: Softmax temperature.
        top_p: Nucleus mass.

    Returns:
        For each prompt its samples, without special tokens.
    """
    import torch

    with torch.inference_mode():
        samples = 1 if noise is None else noise.shape[1]
        rows = None if noise is None else torch.from_numpy(noise.reshape(-1, noise.shape[2]))
        tokens = _decode(model, tokenizer, prompts, samples, rows, ends, max_new_tokens, temperature, top_p)
    texts = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return [texts[start : start + samples] for start in range(0, len(texts), samples)]


def _decode(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    samples: int,
    noise: "torch.Tensor | None",
    ends: Sequence[int],
    max_new_tokens: int,
    temperature: float,
    top_p: float,
) -> list[list[int]]:
    import torch

    device = model.device
    batch = tokenizer(list(prompts), return_tensors="pt", padding=True, padding_side="left").to(device)
    mask = batch.attention_mask
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    output = model(
        input_ids=batch.input_ids, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=1
    )
    cache = output.past_key_values
    logits = output.logits[:, -1]
    if samples > 1:
        cache.batch_repeat_interleave(samples)
        logits, mask = (value.repeat_interleave(samples, dim=0) for value in (logits, mask))
    position = mask.sum(dim=1, keepdim=True)
    running = torch.arange(len(mask))
    stops = torch.tensor(ends, device=device)
    tokens: list[list[int]] = [[] for _ in range(len(mask))]
    open_rows = torch.ones(len(mask), dtype=torch.bool)
    for step in range(max_new_tokens):
        if noise is None:
            chosen = logits.argmax(dim=-1)
        else:
            chosen = nucleus(logits, noise[running, step].to(device), temperature, top_p)
        ended = torch.isin(chosen, stops).cpu()
        for row, token, end in zip(running.tolist(), chosen.tolist(), ended.tolist(), strict=True):
            if open_rows[row] and not end:
                tokens[row].append(token)
        open_rows[running[ended]] = False
        alive = open_rows[running]
        left = int(alive.sum())
        if left == 0 or step + 1 == max_new_tokens:
            break
        if len(running) - left >= max(1, _COMPACT_SHARE * len(running)):
            keep = alive.nonzero().flatten()
            there = keep.to(device)
            cache.batch_select_indices(there)
            chosen, mask, position, running = chosen[there], mask[there], position[there], running[keep]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        logits = model(
            input_ids=chosen[:, None],
            attention_mask=mask,
            position_ids=position,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        position = position + 1
    return tokens
