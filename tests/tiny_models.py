"""Tiny random students of every architecture, with tokenizers that end texts as the real ones do."""

from pathlib import Path
from typing import Any, Literal

Architecture = Literal["t5", "t5-v1.1", "mt5", "bart", "gpt2", "llama"]

SEQ2SEQ: tuple[Architecture, ...] = ("t5", "t5-v1.1", "mt5", "bart")
CAUSAL: tuple[Architecture, ...] = ("gpt2", "llama")


def save_tiny(architecture: Architecture, folder: Path) -> Path:
    """Save a random model of two small layers, and a tokenizer of single bytes, as `from_pretrained` reads them."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = _model(architecture)
    model.save_pretrained(folder)
    _tokenizer(architecture).save_pretrained(folder)
    return folder


def _tokenizer(architecture: Architecture) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "</s>", "<s>"]
    pieces = {token: place for place, token in enumerate([*special, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    bare = Tokenizer(models.BPE(vocab=pieces, merges=[]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    frame = {"bart": "<s> $A </s>", "gpt2": "$A", "llama": "$A"}.get(architecture, "$A </s>")
    bare.post_processor = processors.TemplateProcessing(
        single=frame, special_tokens=[(token, pieces[token]) for token in special]
    )
    bos = {"bos_token": "<s>"} if architecture == "bart" else {}
    return PreTrainedTokenizerFast(tokenizer_object=bare, pad_token="<pad>", eos_token="</s>", **bos)


def _model(architecture: Architecture) -> Any:
    from transformers import (
        BartConfig,
        BartForConditionalGeneration,
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        MT5Config,
        MT5ForConditionalGeneration,
        T5Config,
        T5ForConditionalGeneration,
    )

    ends = {"pad_token_id": 0, "eos_token_id": 1}
    if architecture == "bart":
        size = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in _BART.items()}
        start = {"decoder_start_token_id": 1, "bos_token_id": 2, "forced_eos_token_id": None}
        return BartForConditionalGeneration(
            BartConfig(vocab_size=259, d_model=32, max_position_embeddings=256, dropout=0.0, **size, **start, **ends)
        )
    if architecture == "gpt2":
        drops = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return GPT2LMHeadModel(
            GPT2Config(vocab_size=259, n_embd=32, n_layer=2, n_head=4, n_positions=512, **drops, **ends)
        )
    if architecture == "llama":
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=259,
                hidden_size=32,
                intermediate_size=48,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=512,
                bos_token_id=1,
                tie_word_embeddings=False,
                **ends,
            )
        )
    kind, config = (
        (MT5ForConditionalGeneration, MT5Config)
        if architecture == "mt5"
        else (
            T5ForConditionalGeneration,
            T5Config,
        )
    )
    tied = architecture == "t5"
    return kind(
        config(
            vocab_size=264,  # as in the real ones, a few rows more than the tokenizer has tokens
            d_model=32,
            d_kv=8,
            d_ff=48,
            num_layers=2,
            num_heads=4,
            dropout_rate=0.0,
            feed_forward_proj="relu" if tied else "gated-gelu",
            tie_word_embeddings=tied,
            decoder_start_token_id=0,
            **ends,
        )
    )


_BART = {"layers": 2, "attention_heads": 4, "ffn_dim": 48}
