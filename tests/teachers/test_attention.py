"""Grouped attention equals torch's own, alone and inside a model that decodes with a cache."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from lemonpress.teachers.attention import NAME, grouped_attention, use_grouped_attention


@pytest.mark.parametrize(("heads", "groups"), [(4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize("length", [1, 7, 64])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_one_position_equals_sdpa(heads: int, groups: int, length: int, scaling: float | None) -> None:
    import torch

    torch.manual_seed(0)
    query = torch.randn(5, heads, 1, 8)
    key, value = torch.randn(5, groups, length, 8), torch.randn(5, groups, length, 8)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, scale=scaling, enable_gqa=True)
    layer = SimpleNamespace(num_key_value_groups=heads // groups, is_causal=True, training=False)
    found, weights = grouped_attention(layer, query, key, value, None, scaling)
    assert weights is None
    torch.testing.assert_close(found, expected.transpose(1, 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("heads", "groups"), [(4, 4), (6, 2)])
@pytest.mark.parametrize("additive", [False, True])
def test_one_position_of_padded_rows_equals_sdpa(heads: int, groups: int, additive: bool) -> None:
    import torch

    torch.manual_seed(1)
    query = torch.randn(5, heads, 1, 8)
    key, value = torch.randn(5, groups, 9, 8), torch.randn(5, groups, 9, 8)
    mask: torch.Tensor = torch.arange(9)[None, :] >= torch.tensor([0, 1, 4, 8, 3])[:, None]
    mask = mask[:, None, None, :]
    if additive:
        mask = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True)
    layer = SimpleNamespace(num_key_value_groups=heads // groups, is_causal=True, training=False)
    found, _ = grouped_attention(layer, query, key, value, mask)
    torch.testing.assert_close(found, expected.transpose(1, 2), rtol=1e-5, atol=1e-6)


def test_decoding_with_a_cache_equals_sdpa(tiny_causal: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    stock = AutoModelForCausalLM.from_pretrained(tiny_causal, attn_implementation="sdpa").eval()
    ours = AutoModelForCausalLM.from_pretrained(tiny_causal).eval()
    use_grouped_attention(ours)
    assert ours.config._attn_implementation == NAME
    torch.manual_seed(0)
    with torch.inference_mode():
        for length in (1, 5, 40):
            ids = torch.randint(1, 320, (3, length + 6))
            whole = stock(ids).logits
            caches = [model(ids[:, :length], use_cache=True).past_key_values for model in (stock, ours)]
            for position in range(length, length + 6):
                token = ids[:, position : position + 1]
                theirs = stock(token, past_key_values=caches[0]).logits
                found = ours(token, past_key_values=caches[1]).logits
                torch.testing.assert_close(found, theirs, rtol=1e-4, atol=1e-4)
                torch.testing.assert_close(found[:, 0], whole[:, position], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", ["Gemma2", "GptOss"])
def test_attention_that_sdpa_cannot_do_stays(architecture: str) -> None:
    import transformers

    sizes = {"vocab_size": 32, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 8}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "pad_token_id": 0}
    experts = {"num_local_experts": 2, "num_experts_per_tok": 1} if architecture == "GptOss" else {}
    config = getattr(transformers, f"{architecture}Config")(**sizes, **heads, **experts)
    model = transformers.AutoModelForCausalLM.from_config(config)
    before = model.config._attn_implementation
    use_grouped_attention(model)
    assert model.config._attn_implementation == before != NAME
