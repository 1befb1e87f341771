"""What the paraphraser lets in: text and settings within limits, and what it says of anything else."""

import re
import time

import checks
import pytest
from checks import Passage, ask, one_sentence, passage
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.errors import UserError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "type a sentence"),
        (" \n\t ", "type a sentence"),
        ("A busy bee. " * 200, "2,399 characters.*2,000"),
        ("word " * 20_000, "too long.*2,000"),
        ("word " * 61, "61 words.*60"),
        ("x" * 501, "500 characters in a sentence"),
        ("The shop opened today. " * 21, "21 sentences.*20"),
        ("\x00\x01\x02 abc", "does not look like text"),
        ("\x7fELF\x02\x01 \x00 binary", "does not look like text"),
        ("\ud800 abc", "does not look like text"),
        ("abc \ufffd\ufffd", "does not look like text"),
        ("12 + 34 = 46 !!", "type words"),
        ("Музей закрыт до конца марта.", "does not look like English"),
        ("博物館は三月末まで閉まっています。", "does not look like English"),
        ("Das Museum bleibt bis Ende März geschlossen und wird repariert.", "does not look like English"),
        ("Le musée est fermé pour les travaux dans la ville.", "does not look like English"),
        ("El museo está cerrado por las obras en la ciudad.", "does not look like English"),
        (["The shop opened."], "send text"),
        (None, "send text"),
        (7, "send text"),
        ({"text": "The shop opened."}, "send text"),
    ],
)
def test_bad_input_is_answered_with_what_to_do(text: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        passage(text)


@pytest.mark.parametrize(
    "text",
    [
        "Go!",
        "Shop opens Sunday.",
        "Los Angeles and Las Vegas are cities in the west.",
        "El Niño brought rain to Peru.",
        "The café in Zürich serves crème brûlée, the naïve waiter said.",
        "Van der Berg met Müller in Den Haag.",
        "The word μῆνις opens the Iliad.",
    ],
)
def test_english_with_foreign_names_is_let_in(text: str) -> None:
    assert " ".join(passage(text).sentences) == text


def test_text_is_split_into_sentences_and_put_together_again() -> None:
    text = "Dr. Smith of the U.S. team\narrived at 9.30 a.m. today.  She left soon, too.\n\n\nNobody saw her."
    found = passage(text)
    assert found == Passage(
        (("Dr. Smith of the U.S. team arrived at 9.30 a.m. today.", "She left soon, too."), ("Nobody saw her.",))
    )
    assert found.joined(["One.", "Two.", "Three."]) == "One. Two.\n\nThree."


@pytest.mark.parametrize("blank", [" ", "\n", "\t \n", "\r\n"])
def test_blanks_are_read_in_no_time(blank: str) -> None:
    many = (blank * 19_500)[:19_500]
    begun = time.monotonic()
    assert passage(f"The shop opened.{many}\n{many}It closed.").sentences == ("The shop opened.", "It closed.")
    assert time.monotonic() - begun < 1


@given(st.text(max_size=2500))
def test_any_text_is_accepted_within_limits_or_refused_politely(text: str) -> None:
    refusal = ""
    try:
        found = passage(text)
    except UserError as error:
        refusal = str(error)
    if refusal:
        assert re.fullmatch(r"[A-Za-z0-9 :,.]+", refusal)
    else:
        assert 1 <= len(found.sentences) <= checks.MAX_SENTENCES
        assert all(found.sentences)
        assert list(filter(str.isalnum, "".join(found.sentences))) == list(filter(str.isalnum, text))
        assert found.joined(found.sentences).split() == " ".join(found.sentences).split()


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"n": 0}, "n:"),
        ({"n": 9}, "n:"),
        ({"n": True}, "n:"),
        ({"n": 2.5}, "n:"),
        ({"n": "5"}, "n:"),
        ({"n": None}, "n:"),
        ({"n": 10**30}, "n:"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"words": -1}, "words"),
        ({"words": 41}, "words"),
        ({"words": "ten"}, "words"),
        ({"n": 8, "sentences": 8}, "n: please ask for at most 7 candidates for each of 8 sentences"),
    ],
)
def test_settings_out_of_range_are_named(changed: dict[str, object], name: str) -> None:
    given: dict[str, object] = {"n": 5, "temperature": 0.7, "words": 0, "sentences": 1}
    assert ask("summary", **given).words is None  # type: ignore[arg-type]
    with pytest.raises(UserError, match=name):
        ask("summary", **(given | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "type a sentence"),
        ("1 2 3", "type a sentence"),
        ("a " * 61, "60 words"),
        (None, "text"),
        (f"It rained.{' ' * 600}\ud800", "cannot be printed"),
        ("a" + " " * 40_000, "60 words"),
    ],
)
def test_an_exemplar_is_one_sentence(text: object, words: str) -> None:
    assert one_sentence(" On Monday,\nit rained. ", "exemplar") == "On Monday, it rained."
    with pytest.raises(UserError, match=f"exemplar: .*{words}"):
        one_sentence(text, "exemplar")
