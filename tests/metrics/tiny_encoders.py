"""Tiny random encoders whose tokens are single bytes."""

from pathlib import Path
from typing import Literal


def save_tiny_encoder(
    architecture: Literal["roberta", "deberta"], folder: Path, longest: int | None = 64, pooler: bool = True
) -> Path:
    """Save a random encoder of three small layers, and a tokenizer of its own kind, as `from_pretrained` reads them.

    Args:
        architecture: RoBERTa has special places for padding; DeBERTa's own checkpoints declare no longest input.
        folder: Where to.
        longest: Longest input that the tokenizer declares.
        pooler: Whether RoBERTa has one.
    """
    import torch
    from tokenizers import pre_tokenizers
    from transformers import (
        DebertaConfig,
        DebertaModel,
        DebertaTokenizer,
        RobertaConfig,
        RobertaModel,
        RobertaTokenizer,
    )

    special = {
        "roberta": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        "deberta": ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"],
    }[architecture]
    pieces = {token: place for place, token in enumerate([*special, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    size = {
        "vocab_size": len(pieces),
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 66,
        "pad_token_id": 1,
        "initializer_range": 0.4,
    }
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = (
            RobertaModel(RobertaConfig(type_vocab_size=1, **size), add_pooling_layer=pooler)
            if architecture == "roberta"
            else DebertaModel(DebertaConfig(relative_attention=True, pos_att_type=["c2p", "p2c"], **size))
        )
    model.save_pretrained(folder)
    limit = {} if longest is None else {"model_max_length": longest}
    kind = RobertaTokenizer if architecture == "roberta" else DebertaTokenizer
    kind(vocab=pieces, merges=[], **limit).save_pretrained(folder)
    return folder
