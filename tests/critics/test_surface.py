"""Critics that read the surface of a pair."""

from typing import Literal

import numpy as np
import pytest
from groups import pairs_of, shard_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from lemonpress.critics.base import Critic, agreement
from lemonpress.critics.surface import Compression, Length, Numbers, Repetition, RougeL, numbers, repeated_share
from lemonpress.recipes import CompressionSettings, LengthSettings, NumberSettings, RepetitionSettings, RougeSettings


def ask(critic: Critic, source: str, target: str) -> tuple[float, bool]:
    """A critic's score of one pair and whether it passes."""
    scores = critic.score(shard_of([source, target]), *pairs_of((0, 1)))
    return float(scores[0]), bool(critic.keeps(scores)[0])


@pytest.mark.parametrize(("target", "passes"), [(79, False), (80, True), (100, True), (150, True), (151, False)])
def test_length_counts_characters(target: int, passes: bool) -> None:
    critic = Length(LengthSettings(critic="length"))
    assert ask(critic, "x" * 100, "y" * target) == (target / 100, passes)


@pytest.mark.parametrize(("target", "passes"), [(2, False), (3, True), (7, True), (8, False), (9, False), (12, False)])
def test_compression_counts_words_and_is_strict(target: int, passes: bool) -> None:
    critic = Compression(CompressionSettings(critic="compression", below=0.8, min=0.3))
    assert ask(critic, "word " * 10, "word " * target) == (target / 10, passes)


def number_critic(mode: Literal["equal", "subset"]) -> Numbers:
    return Numbers(NumberSettings(critic="numbers", mode=mode))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It took 12 days.", "It took twelve days."),
        ("It cost 1,000 dollars.", "It cost 1000 dollars."),
        ("It cost 2.5 million dollars.", "It cost 2,500,000 dollars."),
        ("It cost $1.5 billion.", "It cost 1.5billion dollars."),
        ("It rose 10%.", "It rose 10 percent."),
        ("It rose ten percent.", "It rose 10 percent."),
        ("It took twenty-one days.", "It took 21 days."),
        ("It cost two hundred thousand dollars.", "It cost 200,000 dollars."),
        ("It weighs 5.0 tons.", "It weighs 5 tons."),
        ("It weighs 05 tons.", "It weighs five tons."),
        ("It took a while.", "It lasted long."),
    ],
)
def test_numbers_that_agree(one: str, other: str) -> None:
    assert ask(number_critic("equal"), one, other) == (1.0, True)
    assert ask(number_critic("equal"), other, one) == (1.0, True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It took 12 days.", "It took 13 days."),
        ("It took twelve days.", "It took twenty days."),
        ("It cost 1.5billion.", "It cost 1.5million."),
        ("It cost 1.5 billion.", "It cost 1.5 million."),
        ("It cost 1,000 dollars.", "It cost 1,000,000 dollars."),
        ("It weighs 5.1 tons.", "It weighs 51 tons."),
        ("It began at 12:30.", "It began at 12:40."),
        ("It has the number 1234567890123.", "It has the number 1234567890124."),
        ("It took 12 days.", "It took days."),
    ],
)
def test_numbers_that_differ(one: str, other: str) -> None:
    assert ask(number_critic("equal"), one, other) == (0.0, False)
    assert ask(number_critic("equal"), other, one) == (0.0, False)


def test_a_summary_may_drop_numbers_but_add_none() -> None:
    long, short = "On 3 May 12 people left.", "Twelve people left."
    assert ask(number_critic("subset"), long, short) == (1.0, True)
    assert ask(number_critic("subset"), short, long) == (0.0, False)


@settings(deadline=None)
@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_whole_numbers_agree_only_with_themselves(one: int, other: int) -> None:
    assert numbers(f"They counted {one} of them.") == numbers(f"They counted {one:,} of them.")
    assume(one != other)
    assert numbers(f"They counted {one} of them.") != numbers(f"They counted {other} of them.")


def test_repetition_takes_the_worse_sentence() -> None:
    loop = "it was late and it was late and it was late"
    plain = "the mayor opened the bridge on friday"
    assert repeated_share(plain) == repeated_share("two words") == 0.0
    assert repeated_share(loop) == pytest.approx(1 - 4 / 9)
    critic = Repetition(RepetitionSettings(critic="repetition"))
    assert ask(critic, plain, plain) == (0.0, True)
    assert ask(critic, plain, loop) == ask(critic, loop, plain)
    assert ask(critic, plain, loop)[1] is False


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
    scores = critic.score(shard, sources, targets)
    assert scores.tolist() == pytest.approx(expected, abs=1e-12)
    assert critic.keeps(scores).tolist() == [score <= 0.75 for score in scores]


FEATURES = st.lists(st.frozensets(st.sampled_from("abc")), min_size=2, max_size=8)


@given(FEATURES)
def test_agreement_compares_sets(features: list[frozenset[str]]) -> None:
    sources, targets = shard_of([str(number) for number in range(len(features))]).ordered_pairs()
    pairs = [(features[s], features[t]) for s, t in zip(sources, targets, strict=True)]
    assert agreement(features, sources, targets, "equal").tolist() == [float(s == t) for s, t in pairs]
    assert agreement(features, sources, targets, "subset").tolist() == [float(t <= s) for s, t in pairs]


def test_no_pairs_give_no_scores() -> None:
    nothing = np.empty(0, np.int64)
    for critic in (number_critic("equal"), number_critic("subset"), Length(LengthSettings(critic="length"))):
        assert critic.score(shard_of(["One sentence."]), nothing, nothing).tolist() == []
