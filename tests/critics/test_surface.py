"""Critics that read the surface of a pair."""

import numpy as np
import pytest
from groups import pairs_of, shard_of
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from lemonpress.critics.base import Critic
from lemonpress.critics.scores import Tables
from lemonpress.critics.surface import Compression, Length, Question, RougeL
from lemonpress.recipes import CompressionSettings, LengthSettings, QuestionSettings, RougeSettings


def ask(critic: Critic, source: str, target: str) -> tuple[float, bool]:
    """A critic's score of one pair and whether it passes."""
    scores = critic.score(Tables(shard_of([source, target])), *pairs_of((0, 1)))
    return float(scores[0]), bool(critic.keeps(scores)[0])


@pytest.mark.parametrize(("target", "passes"), [(79, False), (80, True), (100, True), (150, True), (151, False)])
def test_length_counts_characters(target: int, passes: bool) -> None:
    critic = Length(LengthSettings(critic="length"))
    assert ask(critic, "x" * 100, "y" * target) == (target / 100, passes)


@pytest.mark.parametrize(("target", "passes"), [(2, False), (3, True), (7, True), (8, False), (9, False), (12, False)])
def test_compression_counts_words_and_is_strict(target: int, passes: bool) -> None:
    critic = Compression(CompressionSettings(critic="compression", below=0.8, min=0.3))
    assert ask(critic, "word " * 10, "word " * target) == (target / 10, passes)


@pytest.mark.parametrize(
    ("source", "target", "passes"),
    [
        ("Why is the sea salty?", "What makes the sea salty?", True),
        ("Why is the sea salty?", "Rivers carry salt into the sea.", False),
        ("The sea is salty.", "Is the sea salty?", False),
        ("He asked: “Is it?”", "“Is it?!” he wanted to know?", True),
        ("“Is it?” he asked.", "He asked whether it is.", True),
    ],
)
def test_an_answer_is_no_rewriting_of_its_question(source: str, target: str, passes: bool) -> None:
    critic = Question(QuestionSettings(critic="question"))
    assert ask(critic, source, target) == (float(passes), passes)
    assert (critic.reason(source, target) == "") == passes


VOCABULARY = ("the", "a", "mayor", "Mayor", "bridge", "open", "opened", "12", "1,000", "U.S.", "it's", "café", "...")
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=14)


@settings(deadline=None, max_examples=150)
@given(st.lists(WORDS.map(" ".join), min_size=2, max_size=5, unique=True))
def test_rouge_l_equals_rouge_score(sentences: list[str]) -> None:
    critic = RougeL(RougeSettings(critic="rouge_l", max=0.75))
    shard = shard_of(sentences)
    sources, targets = shard.ordered_pairs()
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    expected = [
        scorer.score(sentences[s], sentences[t])["rougeL"].fmeasure for s, t in zip(sources, targets, strict=True)
    ]
    scores = critic.score(Tables(shard), sources, targets)
    assert scores.tolist() == pytest.approx(expected, abs=1e-12)
    assert critic.keeps(scores).tolist() == [score <= 0.75 for score in scores]


def test_no_pairs_give_no_scores() -> None:
    nothing = np.empty(0, np.int64)
    critics: tuple[Critic, ...] = (
        Length(LengthSettings(critic="length")),
        Compression(CompressionSettings(critic="compression")),
        RougeL(RougeSettings(critic="rouge_l")),
        Question(QuestionSettings(critic="question")),
    )
    for critic in critics:
        assert critic.score(Tables(shard_of(["One sentence."])), nothing, nothing).tolist() == []
