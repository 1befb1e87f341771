"""Where a first sentence ends, and which sentences are fit for a corpus."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemonpress.splitting import first_sentence, flaw, normalise, settled


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" He moved to the U.S. in May. Then he left", "He moved to the U.S. in May."),
        ("Dr. Smith met Mrs. Jones on Friday. They talked", "Dr. Smith met Mrs. Jones on Friday."),
        ("The train left at 7 a.m. on Monday. Nobody was", "The train left at 7 a.m. on Monday."),
        ("Prices rose 3.5 percent in June. Wages did", "Prices rose 3.5 percent in June."),
        ("It cost $2.50 at St. Mary Street. He paid", "It cost $2.50 at St. Mary Street."),
        ('"We will win." She left the room', '"We will win."'),
        ("He said it (in June). She left the room", "He said it (in June)."),
        ("Is it open? Nobody knows yet", "Is it open?"),
        ("Stop! Nobody moves here", "Stop!"),
        ("One line ends here.\nAnother", "One line ends here."),
    ],
)
def test_first_sentence(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence
    assert settled(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "He moved to the U.S.",
        "He moved to the U.S. in May",
        "He moved to the city.",
        "He moved to the city. ",
        "He moved to the city. Th",
        "Dr. Smith met Mrs. Jones",
        "\nHe moved to the city.",
    ],
)
def test_a_sentence_is_open_until_the_next_one_begins(text: str) -> None:
    assert first_sentence(text) is None
    assert not settled(text)


def test_a_line_that_ends_without_a_full_stop_holds_no_sentence_and_never_will() -> None:
    assert first_sentence("A headline without an end\nText.") is None
    assert settled("A headline without an end\n")


STARTS = ("He", " left", " The", " in May", " it", " 3", "é", " U.S", " Dr", "a.m", " e.g.", " Mr. X")
MARKS = (".", "!", "?", "…", ",", ".5", ". ", " ", "  ", "\n", "\t", "\u2028", '"', "”", ")", " (")
PIECES = st.lists(st.sampled_from(STARTS + MARKS), max_size=24)


@settings(deadline=None, max_examples=300)
@given(PIECES, PIECES)
def test_more_text_never_changes_the_answer(before: list[str], after: list[str]) -> None:
    text, more = "".join(before), "".join(before + after)
    found = first_sentence(text)
    if found is not None:
        assert settled(text)
        assert first_sentence(more) == found
    if settled(text):
        assert settled(more)
        assert first_sentence(more) == found


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=60), st.text(max_size=30))
def test_more_text_never_changes_the_answer_whatever_the_text(text: str, more: str) -> None:
    if settled(text):
        assert first_sentence(text + more) == first_sentence(text)


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The mayor opened the new bridge on Friday.", None),
        ('"We are all very proud," the mayor said.', None),
        ("The bridge (built in 1901) was closed again.", None),
        ("12 people were hurt in the fire.", None),
        ("It wasn't the mayor's fault, they said.", None),
        ("- The mayor opened the new bridge.", "list"),
        ("1. The mayor opened the new bridge.", "list"),
        ("a) The mayor opened the new bridge.", "list"),
        ("• The mayor opened the new bridge.", "list"),
        ("IV. The mayor opened the new bridge.", "list"),
        ("The mayor opened <b>the new</b> bridge.", "markup"),
        ("Read more of it at https://example.org today.", "markup"),
        ("The **mayor** opened the new bridge.", "markup"),
        ("The mayor [pictured] opened the new bridge.", "markup"),
        ("The mayor &amp; the clerk opened a bridge.", "markup"),
        ("The mayor opened the new bri\ufffd bridge.", "markup"),
        ('The mayor said "the bridge is open now.', "unbalanced"),
        ("The mayor said “the bridge is open now.", "unbalanced"),
        ("The bridge (built in 1901 was closed again.", "unbalanced"),
        ("The bridge )built in 1901( was closed again.", "unbalanced"),
        ("the mayor opened the new bridge on Friday.", "fragment"),
        ("The mayor opened the new bridge on Friday", "fragment"),
        ("The mayor left.", "fragment"),
        ("The " + "very " * 60 + "old bridge was closed.", "fragment"),
    ],
)
def test_flaw(sentence: str, reason: str | None) -> None:
    assert flaw(sentence) == reason


def test_normalise_folds_case_width_punctuation_and_space() -> None:
    assert normalise("The  U.S. mayor's “Ｂridge”, no. 12!") == normalise("the u.s. MAYOR'S bridge no 12")
    assert normalise("Straße") == normalise("STRASSE")
    assert normalise("Bridge 12 was closed.") != normalise("Bridge 13 was closed.")


@given(st.text(max_size=40))
def test_normalise_is_idempotent(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
