"""Negations and opposites."""

import pytest
from groups import shard_of
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.assets import asset
from lemonpress.critics.features import listed
from lemonpress.critics.polarity import Polarity, stem
from lemonpress.critics.scores import Tables
from lemonpress.recipes import PolaritySettings

CRITIC = Polarity(PolaritySettings(critic="polarity"))
OPPOSED = [
    ("Profits rose last year.", "Profits fell last year."),
    ("The board did not approve the budget.", "The board approved the budget."),
    ("The board failed to approve the budget.", "The board approved the budget."),
    ("He was able to finish the race.", "He was unable to finish the race."),
    ("They left without a permit.", "They left with a permit."),
    ("No one was hurt in the fire.", "Several people were hurt in the fire."),
    ("She never visited Paris.", "She visited Paris."),
    ("He denied stealing the money.", "He was stealing the money."),
    ("The company isn't hiring.", "The company is hiring."),
    ("It won’t rain tomorrow.", "It will rain tomorrow."),
    ("He can't swim.", "He can swim."),
    ("There is no evidence of fraud.", "There is evidence of fraud."),
    ("The mayor refused to sign the bill.", "The mayor signed the bill."),
    ("He declined to answer questions.", "He answered questions."),
    ("The bridge is no longer safe.", "The bridge is safe."),
    ("Neither team scored.", "Both teams scored."),
    ("The shop opened on Monday.", "The shop closed on Monday."),
    ("Our team won the match.", "Our team lost the match."),
    ("The committee rejected the plan.", "The committee approved the plan."),
    ("It happened before the war.", "It happened after the war."),
    ("More than five died.", "Fewer than five died."),
    ("The minister supports the law.", "The minister opposes the law."),
    ("Imports grew.", "Exports grew."),
]
AGREED = [
    ("The board did not approve the budget.", "The budget was not approved by the board."),
    ("The board did not approve the budget.", "The board rejected the budget."),
    ("Sales did not rise.", "Sales fell."),
    ("No one was hurt.", "Nobody was injured."),
    ("She was not hurt.", "She escaped unharmed."),
    ("He could not finish the race.", "He was unable to finish the race."),
    ("We cannot, and will not, allow it.", "We will not allow it."),
    ("He isn't guilty.", "He is innocent."),
    ("He refused to comment.", "He declined comment."),
    ("Not only did sales rise, but profits grew.", "Sales and profits increased."),
    ("They have never lost.", "They have always won."),
    ("It isn't cheap.", "It is expensive."),
    ("No. 2 Ford sold more cars.", "Ford, in second place, sold more cars."),
    ("He was released without charge.", "He was not charged and was released."),
    ("Shares rose after falling early.", "Shares recovered from an early drop."),
    ("It was first seen in May.", "It was seen last May."),
    ("He spoke, and no one was hurt in the fire.", "He spoke."),
]


@pytest.mark.parametrize(("one", "other"), OPPOSED)
def test_opposed_sentences_say_why(one: str, other: str) -> None:
    assert CRITIC.reason(one, other)
    assert CRITIC.reason(other, one)


@pytest.mark.parametrize(("one", "other"), AGREED)
def test_sentences_of_one_polarity(one: str, other: str) -> None:
    assert CRITIC.reason(one, other) == CRITIC.reason(other, one) == ""


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("Profits rose.", "Profits fell.", "source says rose, target fell"),
        ("Sales did not rise.", "Sales rose.", "source says not rise, target rose"),
        ("He went home.", "He never went home.", "target negates went home, source does not"),
        ("He can't swim.", "He can swim.", "source negates swim, target does not"),
    ],
)
def test_the_reason_names_the_words(source: str, target: str, reason: str) -> None:
    assert CRITIC.reason(source, target) == reason


def test_pairs_are_judged_as_one_by_one() -> None:
    sentences = sorted({sentence for pair in OPPOSED + AGREED for sentence in pair})
    tables = Tables(shard_of(sentences))
    sources, targets = tables.shard.ordered_pairs()
    expected = [not CRITIC.reason(sentences[s], sentences[t]) for s, t in zip(sources, targets, strict=True)]
    assert CRITIC.keeps(CRITIC.score(tables, sources, targets)).tolist() == expected
    assert 0 < sum(expected) < len(expected)


PIECES = st.sampled_from(listed("not no never , . rose fell did approve the budget by and denied refused to 12 — n't"))


@given(st.lists(PIECES).map(" ".join), st.lists(PIECES).map(" ".join))
def test_agreement_is_reflexive_and_symmetric(one: str, other: str) -> None:
    assert CRITIC.reason(one, one) == ""
    assert bool(CRITIC.reason(one, other)) == bool(CRITIC.reason(other, one))


def test_every_opposition_has_two_sides_that_differ() -> None:
    lines = asset("data/antonyms.txt").read_text(encoding="utf-8").splitlines()
    for line in (line for line in lines if not line.startswith("#")):
        one, other = ({stem(word) for word in side.split()} for side in line.split("|"))
        assert one, line
        assert other, line
        assert not one & other, line
