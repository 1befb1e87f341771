import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from lemonpress.metrics.fluency import perplexity, signature

TEXTS = ["the cat sat on the mat", "the", "", "a dog ran", "mat the on sat cat the dog ran a the cat sat on"]


def tokenizer(**special: str) -> PreTrainedTokenizerFast:
    words = ["<s>", "</s>", "<unk>", "the", "cat", "sat", "on", "mat", "a", "dog", "ran"]
    vocabulary = {word: number for number, word in enumerate(words)}
    backend = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)


@pytest.fixture(scope="module")
def model() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=11, n_embd=16, n_layer=2, n_head=2, n_positions=32, initializer_range=0.5)
    return GPT2LMHeadModel(config).eval()


def one_by_one(model: GPT2LMHeadModel, ids: list[int]) -> float:
    batch = torch.tensor([ids])
    with torch.no_grad():
        return float(model(input_ids=batch, labels=batch).loss.exp())


def test_equals_the_models_own_loss_text_by_text_in_any_batch(model: GPT2LMHeadModel) -> None:
    words = tokenizer(bos_token="<s>", eos_token="</s>")
    expected = [one_by_one(model, [0, *words(text)["input_ids"]]) if text else np.nan for text in TEXTS]
    for batch_size in (1, 2, 8):
        np.testing.assert_allclose(perplexity(TEXTS, model, words, batch_size), expected, rtol=1e-5)


def test_eos_stands_in_for_a_missing_bos(model: GPT2LMHeadModel) -> None:
    words = tokenizer(eos_token="</s>")
    scores = perplexity(TEXTS[:2], model, words, 2)
    expected = [one_by_one(model, [1, *words(text)["input_ids"]]) for text in TEXTS[:2]]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_without_either_the_first_token_is_not_judged(model: GPT2LMHeadModel) -> None:
    words = tokenizer()
    scores = perplexity(["the", "a dog ran"], model, words, 2)
    assert np.isnan(scores[0])
    assert scores[1] == pytest.approx(one_by_one(model, words("a dog ran")["input_ids"]), rel=1e-5)


def test_the_models_mode_is_restored(model: GPT2LMHeadModel) -> None:
    model.train()
    words = tokenizer(bos_token="<s>")
    first, again = perplexity(TEXTS[:1], model, words, 1), perplexity(TEXTS[:1], model, words, 1)
    assert model.training
    assert first == again  # dropout was off
    model.eval()


def test_no_texts_give_no_scores(model: GPT2LMHeadModel) -> None:
    assert perplexity([], model, tokenizer(bos_token="<s>"), 4).shape == (0,)


def test_signature_names_dtype_and_the_token_put_before(model: GPT2LMHeadModel) -> None:
    assert "|model:org/model@1a2b|dtype:float32|start:<s>|" in signature(
        "org/model@1a2b", model, tokenizer(bos_token="<s>", eos_token="</s>")
    )
    assert "|start:</s>|" in signature("org/model@1a2b", model, tokenizer(eos_token="</s>"))
    assert "|start:none|" in signature("org/model@1a2b", model, tokenizer())


def test_a_text_beyond_the_context_is_judged_as_far_as_it_goes(model: GPT2LMHeadModel) -> None:
    words = tokenizer(bos_token="<s>", eos_token="</s>")
    longest = model.config.max_position_embeddings
    texts = [" ".join(["the cat sat"] * 30), " ".join((["the", "cat", "sat"] * 30)[: longest - 1])]
    cut, whole = perplexity(texts, model, words, 2)
    assert cut == pytest.approx(whole)
