"""A tiny random encoder, and rows that it can learn."""

from pathlib import Path

import pytest
import torch

from lemonpress.nli.rows import NliRow
from lemonpress.sources import Model, resolve

WORDS = ("the", "cat", "dog", "clerk", "mayor", "town", "saw", "met", "fed", "never")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers and a vocabulary of ten words."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(
            BertConfig(
                vocab_size=len(vocabulary),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=64,
            )
        ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tiny_encoder: Path) -> Model:
    """The tiny encoder, resolved."""
    return resolve(str(tiny_encoder))


@pytest.fixture(scope="session")
def negation_rows() -> list[NliRow]:
    """Sentences entail themselves, what is negated is contradicted; two-way rows among them."""
    made = []
    for who in ("cat", "dog", "clerk", "mayor"):
        for did in ("saw", "met", "fed"):
            for whom in ("cat", "dog", "town"):
                text = f"the {who} {did} the {whom}"
                made.append(NliRow(text, text, "entailment", "tiny"))
                label = "contradiction" if whom == "cat" else "not_entailment"
                made.append(NliRow(text, f"the {who} never {did} the {whom}", label, "tiny"))
    return made
