"""Attention for decoding many samples of one prompt on a CPU.

For one query position, grouped-query attention is two batched matrix products over the key-value heads; the stock
kernels first repeat keys and values for every query head. Prompts go through transformers' own SDPA.
"""

from typing import Any

import torch

NAME = "lemonpress_grouped"


def grouped_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention function for `transformers.AttentionInterface`.

    Args:
        module: The attention layer.
        query: Shape (batch, heads, positions, width).
        key: Shape (batch, key-value heads, length, width).
        value: Same shape as `key`.
        attention_mask: None, or additive or boolean of shape (batch, 1, positions, length).
        scaling: Factor of the scores; 1 / sqrt(width) by default.
        dropout: Passed on; zero in inference.
        kwargs: Passed on.

    Returns:
        (output of shape (batch, positions, heads, width), None).
    """
    batch, heads, positions, width = query.shape
    if positions != 1:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    groups = key.shape[1]
    scale = width**-0.5 if scaling is None else scaling
    rows = query.reshape(batch * groups, heads // groups, width) * scale
    scores = torch.bmm(rows, key.reshape(batch * groups, -1, width).transpose(1, 2))
    if attention_mask is not None:
        seen = attention_mask.expand(batch, groups, 1, -1).reshape(batch * groups, 1, -1)
        scores = scores.masked_fill(~seen, -torch.inf) if seen.dtype is torch.bool else scores + seen
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype)
    mixed = torch.bmm(weights, value.reshape(batch * groups, -1, width))
    return mixed.reshape(batch, 1, heads, width), None


def use_grouped_attention(model: Any) -> None:
    """Switch a model to `grouped_attention` where its architecture takes attention functions and runs SDPA.

    Others need what SDPA cannot do, such as the capped scores of Gemma 2 or the sinks of gpt-oss.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if not getattr(model, "_supports_attention_backend", False) or model.config._attn_implementation != "sdpa":
        return
    AttentionInterface.register(NAME, grouped_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)
