"""Number agreement."""

from typing import Literal

import numpy as np
import pytest
from groups import pairs_of, shard_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lemonpress.critics.features import listed
from lemonpress.critics.numbers import Numbers
from lemonpress.critics.numerals import read_numbers
from lemonpress.critics.scores import Tables
from lemonpress.recipes import NumberSettings

EQUAL = Numbers(NumberSettings(critic="numbers", mode="equal"))
SUBSET = Numbers(NumberSettings(critic="numbers", mode="subset"))
UNITS = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def in_words(number: int, joint: str = " and ") -> str:
    """A whole number below a billion in English."""
    if number < 20:
        return UNITS[number]
    if number < 100:
        return TENS[number // 10] + (f"-{UNITS[number % 10]}" if number % 10 else "")
    scale, name = next(
        (scale, name) for scale, name in ((10**6, "million"), (1000, "thousand"), (100, "hundred")) if number >= scale
    )
    over, rest = divmod(number, scale)
    between = joint if 0 < rest < 100 else " "
    return f"{in_words(over, joint)} {name}" + (between + in_words(rest, joint) if rest else "")


def agree(source: str, target: str, critic: Numbers = EQUAL) -> bool:
    """The verdict, which the reason must go with."""
    scores = critic.score(Tables(shard_of([source, target])), *pairs_of((0, 1)))
    kept = bool(critic.keeps(scores)[0])
    assert kept == (critic.reason(source, target) == "")
    return kept


AGREE = [
    ("It took 12 days.", "It took twelve days."),
    ("It took 12 days.", "It took a dozen days."),
    ("It took six days.", "It took half a dozen days."),
    ("It took 24 days.", "It took two dozen days."),
    ("It took dozens of days.", "It took a long while."),
    ("It cost 1,000 dollars.", "It cost 1000 dollars."),
    ("It cost 2.5 million dollars.", "It cost 2,500,000 dollars."),
    ("It cost $2.5m.", "It cost 2.5 million dollars."),
    ("It cost 1.5bn euros.", "It cost €1.5 billion."),
    ("It cost 1.5billion.", "It cost one and a half billion."),
    ("It cost half a million.", "It cost 500,000."),
    ("It cost two and a half million.", "It cost two point five million."),
    ("It cost a million and a half.", "It cost 1,500,000."),
    ("It cost a quarter of a million.", "It cost 250,000."),
    ("It cost two to three million.", "It cost 2 million to 3 million."),
    ("It rose 10%.", "It rose 10 percent."),
    ("It rose ten per cent.", "It rose 10 pct."),
    ("It rose half a percent.", "It rose 0.5 percent."),
    ("It rose half a percent.", "It rose a half percent."),
    ("It rose a quarter of a percent.", "It rose 0.25%."),
    ("It rose three quarters of one percent.", "It rose 0.75%."),
    ("It rose half a percentage point.", "It rose 0.5 percentage points."),
    ("It cost half a dollar.", "It cost $0.5."),
    ("It is one point" + " five" * 5000 + ".", "It is 1." + "5" * 5000 + "."),
    ("It rose 5 to 10 percent.", "It rose 5%-10%."),
    ("It rose between 5 and 10 percent.", "It rose between 5% and 10%."),
    ("It took twenty-one days.", "It took 21 days."),
    ("It cost two hundred thousand dollars.", "It cost 200,000 dollars."),
    ("It cost between one hundred and two hundred.", "It cost 100 to 200."),
    ("It weighs 5.0 tons.", "It weighs 05 tons."),
    ("It weighs .5 tons.", "It weighs 0.5 tons."),
    ("It weighs 2½ tons.", "It weighs 2 1/2 tons."),
    ("Half of them left.", "1/2 of them left."),
    ("A third of them left.", "One-third of them left."),
    ("Two thirds of them left.", "2/3 of them left."),
    ("It was -5 degrees.", "It was minus five degrees."),
    ("It was −5 degrees.", "It was -5 degrees."),
    ("He came 3rd.", "He came third."),
    ("On May 3rd it rained.", "On the third of May it rained."),
    ("On May 3 it rained.", "It rained on 3rd May."),
    ("In the twenty-first century.", "In the 21st century."),
    ("In the 1990s.", "In the '90s."),
    ("In nineteen ninety-nine.", "In 1999."),
    ("From 2003-04 on.", "From 2003-2004 on."),
    ("It began at 2:30 p.m.", "It began at 14:30."),
    ("It began at 10 a.m.", "It began at 10:00."),
    ("It began at 10 am.", "It began at ten."),
    ("It cost $10.", "It cost 10 dollars."),
    ("It cost US$10.", "It cost 10."),
    ("They won 5-4.", "They won 5 to 4."),
    ("The 12-year-old won.", "The twelve-year-old won."),
    ("One of them left.", "A man left."),
    ("One man left.", "1 man left."),
    ("It was first reported then.", "It was reported then."),
    ("It took a second.", "It took a moment."),
    ("Sixes and sevens.", "A mess."),
    ("It took a while.", "It lasted long."),
]


@pytest.mark.parametrize(("one", "other"), AGREE)
def test_numbers_that_agree(one: str, other: str) -> None:
    assert agree(one, other)
    assert agree(other, one)
    assert agree(one, other, SUBSET)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It took 12 days.", "It took 13 days."),
        ("It took twelve days.", "It took twenty days."),
        ("It took a dozen days.", "It took two dozen days."),
        ("It cost 1.5billion.", "It cost 1.5million."),
        ("It cost 1,000 dollars.", "It cost 1,000,000 dollars."),
        ("It rose 10%.", "It rose 10."),
        ("It rose half a percent.", "It rose one percent."),
        ("It rose half a percent.", "It rose half a percentage point."),
        ("Half of one man's farm burnt.", "Half of one percent burnt."),
        ("It is one point" + " five" * 5000 + ".", "It is one point" + " five" * 4999 + "."),
        ("It rose 5 to 10 percent.", "It rose 5 or 10 points."),
        ("It weighs 5.1 tons.", "It weighs 51 tons."),
        ("It was -5 degrees.", "It was 5 degrees."),
        ("He came third.", "Three came."),
        ("He won the first set.", "He won the second set."),
        ("He won the first set.", "He won the third set."),
        ("A third of them left.", "A quarter of them left."),
        ("It began at 12:30.", "It began at 12:40."),
        ("It began at 10 a.m.", "It began at 10 p.m."),
        ("In the 1990s.", "In the 1980s."),
        ("In 1990.", "In the 1990s."),
        ("It cost $10.", "It cost €10."),
        ("It cost ten dollars.", "It cost 10 pounds."),
        ("They won 5-4.", "They won 4-5."),
        ("It fell from 5 to 4.", "It rose from 4 to 5."),
        ("It has the number 1234567890123.", "It has the number 1234567890124."),
        ("It runs version 1.2.3.", "It runs version 1.2.4."),
        ("An F-16 crashed.", "An F-15 crashed."),
        ("One percent left.", "Two percent left."),
    ],
)
def test_numbers_that_differ(one: str, other: str) -> None:
    assert not agree(one, other)
    assert not agree(other, one)
    assert not agree(one, other, SUBSET)


def test_a_number_stands_as_often_on_both_sides() -> None:
    assert not agree("20 points in 20 minutes", "20 points")
    assert agree("20 points in 20 minutes", "in 20 minutes 20 points")
    assert agree("20 points in 20 minutes", "20 points", SUBSET)
    assert agree("20 points", "20 points in 20 minutes", SUBSET)


def test_a_summary_may_drop_numbers_but_add_none() -> None:
    long, short = "On 3 May 12 people left.", "Twelve people left."
    assert agree(long, short, SUBSET)
    assert not agree(short, long, SUBSET)
    assert not agree(long, short)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("It took 12 days.", "It took 13 days.", "source has 12, target 13"),
        ("It took 12 days.", "It took days.", "target lacks 12"),
        ("It rose.", "It rose 10 percent.", "target adds 10%"),
        ("It cost $10.", "It cost €10.", "source has $10, target €10"),
        ("They won 5-4.", "They won 4-5.", "source has 5-4, target 4-5"),
        ("He came third.", "He came 2nd.", "source has 3rd, target 2nd"),
    ],
)
def test_the_reason_names_the_numbers(source: str, target: str, reason: str) -> None:
    assert EQUAL.reason(source, target) == reason


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([" and ", " "]))
def test_digits_and_words_are_one_number(number: int, joint: str) -> None:
    assume(number != 1)
    expected = read_numbers(f"They counted {number} of them.")
    assert expected.numbers == ((str(number), ""),)
    assert read_numbers(f"They counted {number:,} of them.") == expected
    assert read_numbers(f"They counted {in_words(number, joint)} of them.") == expected
    percent = read_numbers(f"It rose {number}%.")
    assert percent == read_numbers(f"It rose {in_words(number, joint)} percent.") != expected


@settings(deadline=None)
@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_whole_numbers_agree_only_with_themselves(one: int, other: int) -> None:
    assume(one != other)
    assert read_numbers(f"They counted {one} of them.") != read_numbers(f"They counted {other} of them.")


PIECES = st.sampled_from(
    listed(
        "12 twelve dozen a half million and 2.5 m % percent $ € 10 to - -5 third 3rd May one first second 1 1st 5-4 "
        "4-5 between hundred 10:30 pm 1990s , . point five 9/11 ½ 999999999999999999999999999999999999999999999999999"
    )
)
SENTENCES = st.lists(PIECES, max_size=8).map(" ".join)


@settings(deadline=None, max_examples=300)
@given(SENTENCES, SENTENCES)
def test_agreement_is_reflexive_and_symmetric(one: str, other: str) -> None:
    for critic in (EQUAL, SUBSET):
        assert critic.reason(one, one) == ""
    assert bool(EQUAL.reason(one, other)) == bool(EQUAL.reason(other, one))
    if not EQUAL.reason(one, other):
        assert SUBSET.reason(one, other) == ""


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_can_be_read(text: str) -> None:
    assert EQUAL.reason(text, text) == ""


@pytest.mark.parametrize("mode", ["equal", "subset"])
def test_pairs_are_judged_as_one_by_one(mode: Literal["equal", "subset"]) -> None:
    critic = Numbers(NumberSettings(critic="numbers", mode=mode))
    sentences = sorted({sentence for pair in AGREE for sentence in pair})[::3]
    tables = Tables(shard_of(sentences))
    sources, targets = tables.shard.ordered_pairs()
    expected = [not critic.reason(sentences[s], sentences[t]) for s, t in zip(sources, targets, strict=True)]
    assert critic.keeps(critic.score(tables, sources, targets)).tolist() == expected


def test_no_pairs_give_no_scores() -> None:
    nothing = np.empty(0, np.int64)
    assert EQUAL.score(Tables(shard_of(["One sentence."])), nothing, nothing).tolist() == []
