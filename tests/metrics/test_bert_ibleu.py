from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_encoders import save_tiny_encoder

from lemonpress.metrics.bert_ibleu import bert_ibleu, bert_ibleu_signature
from lemonpress.metrics.bertscore import bert_score, load_encoder
from lemonpress.metrics.bleu import self_bleu
from lemonpress.sources import resolve


@given(st.floats(0.001, 1), st.floats(0, 99.9), st.floats(0.1, 10))
def test_it_is_the_weighted_harmonic_mean_where_that_is_defined(similarity: float, bleu: float, beta: float) -> None:
    inverse = (beta / similarity + 1 / (1 - bleu / 100)) / (beta + 1)
    score = bert_ibleu(np.array([similarity]), np.array([bleu]), beta)
    assert score == pytest.approx([100 / inverse], rel=1e-9)


def test_copies_score_exactly_zero_and_count_in_the_mean(tmp_path: Path) -> None:
    encoder = load_encoder(resolve(str(save_tiny_encoder("roberta", tmp_path))), device="cpu")
    sources = ["The mayor opened the bridge.", "Hello.", "A frog lives in the desert.", "It rained."]
    candidates = ["The mayor opened the bridge.", "hello.", "In the desert lives a frog.", ""]
    f1 = bert_score(candidates, [[source] for source in sources], encoder).f1
    scores = bert_ibleu(f1, self_bleu(candidates, sources))
    assert scores[[0, 1, 3]].tolist() == [0, 0, 0]
    assert 0 < scores[2] <= 100


def test_the_ends_of_both_scales_are_defined() -> None:
    similarity = np.array([1.0, 1.0000001, 0.0, -0.3, 0.0, 0.8, np.nan])
    bleu = np.array([0.0, 0.0, 0.0, 50.0, 100.0, 100.00000000000004, 50.0])
    np.testing.assert_array_equal(bert_ibleu(similarity, bleu), [100, 100, 0, 0, 0, 0, np.nan])


def test_unpaired_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="2 candidates but 1 self-BLEUs"):
        bert_ibleu(np.zeros(2), np.zeros(1))


def test_the_signature_names_beta_encoder_and_bleu() -> None:
    assert bert_ibleu_signature("BERTScore|encoder:x|layer:2").startswith(
        "BERT-iBLEU|beta:4|mean over sentences|BERTScore|encoder:x|layer:2|self-BLEU-4|level:sentence|"
    )
    assert bert_ibleu_signature("cosine", "BLEU|tok:13a", 2).endswith(
        "|beta:2|mean over sentences|cosine|self-BLEU|tok:13a"
    )
