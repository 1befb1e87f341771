"""Secrets and personal data: what is found in a sentence, and what is left alone."""

import json
import random
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lemonpress import personal_data
from lemonpress.assets import find_file
from lemonpress.personal_data import KINDS, count_rows, find, holds_key

# Keys are put together here, so that no scanner takes this file for a leak.
LETTERS = (string.ascii_letters * 2)[:70]
DIGITS = "4f0a91c7" * 10
KEYS = [
    "hf" + "_" + LETTERS[:34],
    "sk" + "-" + DIGITS[:20] + "T3Blbk" + "FJ" + DIGITS[:20],
    "sk" + "-proj-" + LETTERS[:40] + "7",
    "sk" + "-ant-api03-" + DIGITS[:60],
    "AK" + "IA" + "IOSFODNN7EXAMPLE",
    "gh" + "p_" + LETTERS[:36],
    "gh" + "s_" + LETTERS[:36],
    "github" + "_pat_" + DIGITS[:22] + "_" + LETTERS[:59],
    "gl" + "pat-" + LETTERS[:20],
    "xox" + "b-1234567890-0987654321-" + LETTERS[:24],
    "https://hooks.slack" + ".com/services/T0000/B0000/" + LETTERS[:24],
    "AI" + "za" + LETTERS[:35],
    "sk" + "_live_" + LETTERS[:24],
    "np" + "m_" + LETTERS[:36],
    "py" + "pi-AgEIcHlwaS5vcmc" + LETTERS[:60],
    "SG" + "." + LETTERS[:22] + "." + LETTERS[:43],
    "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0In0." + LETTERS[:43],
    "-----BEGIN " + "RSA PRIVATE KEY-----",
    "-----BEGIN " + "PRIVATE KEY-----",
    "-----BEGIN " + "PGP PRIVATE KEY BLOCK-----",
]
FOUND = {
    "e-mail address": ["ann@example.org", "a.b+c@mail.example.co.uk", "<jörg@bücher.de>", "mailto:x_y@example.com,"],
    "phone number": [
        "(212) 736-5000",
        "212-736-5000",
        "1-800-356-9377",
        "+1 212 736 5000",
        "020 7946 0018",
        "+44 20 7946 0018",
        "+49 30 901820",
        "+33 1 42 68 53 00",
    ],
    "key": KEYS,
    "payment card number": ["4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005", "5555555555554444"],
    "IBAN": ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "NO93 8601 1117 947"],
}


@pytest.mark.parametrize(("kind", "written"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_each_kind_is_found_wherever_it_stands(kind: str, written: str) -> None:
    for text in (written, f"She gave {written} to the paper.", f"The paper printed it: {written}."):
        assert find(text) == (kind,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The vote was 1,234,567,890 to 2,000,000 on 2019-05-03 at 10:15:30.",
        "They won 21-14, 14-21, 21-18 and 3-6 6-4 7-6 before 45,000 people.",
        "From 1999-2004 the shares rose 3.1415926535 percent to $12,345,678.90.",
        "On 03.05.2019 or 3/5/2019 the machine was 192.168.100.254.",
        "ISBN 978-0-306-40615-7 sold 1000000 copies.",
        "Write to @lemonpress, or to ann@localhost, or ann at example dot org.",
        "A risk-averse investor held a task-force-and-committee-meeting-2019 report.",
        "The hf_ prefix, AKIA and sk- are how keys begin; eyJ too.",
        "-----BEGIN PUBLIC KEY-----",
        "4111 1111 1111 1112 has a wrong check digit.",
        "1111 2222 3333 4444 is of no issuer.",
        "GB82 WEST 1234 5698 7654 33 has a wrong check digit.",
    ],
)
def test_other_sentences_are_left_alone(text: str) -> None:
    assert find(text) == ()


def test_no_shipped_paragraph_holds_any() -> None:
    rows = [json.loads(line) for line in find_file("data/paragraphs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows
    assert count_rows([[value for value in row.values() if isinstance(value, str)] for row in rows]) == {}


FRAGMENTS = st.one_of(
    st.sampled_from([*(text for texts in FOUND.values() for text in texts), "+", "@", "-", " ", ".", "٤٥٦٧٨٩"]),
    st.text(string.digits, max_size=6),
    st.text(max_size=8),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=6).map("".join))
@example("+49 1234")
@example("+43 1234")
@example("Call +98 1110 now.")
def test_the_quick_look_first_changes_nothing(text: str) -> None:
    assert find(text) == tuple(kind for kind in KINDS if personal_data._TESTS[kind](text))


def test_a_row_counts_once_for_each_kind_that_it_holds() -> None:
    mail, phone = FOUND["e-mail address"][0], FOUND["phone number"][0]
    rows = [[mail, mail], [f"{mail} or {phone}", "Rain fell."], ["It rained.", "Rain fell."]]
    assert count_rows(rows) == {"e-mail address": 2, "phone number": 1}


@pytest.mark.timeout(60)
def test_long_texts_take_no_long_time() -> None:
    generator = random.Random(0)
    for alphabet in ("a", "1", "a@", "a.", "1 ", "1-", "A1 ", "eyJ.", "sk-a_", "+1(", "-----BEGIN A "):
        text = "".join(generator.choice(alphabet) for _ in range(10_000))
        assert set(find(text)) <= set(KINDS)
        assert set(find(alphabet * 3000)) <= set(KINDS)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ["sk-", "sk-a_", "eyJ-", "eyJaaaaaaaa-", "xoxb-1-", "-----BEGIN A ", "SG.a-"])
def test_a_file_that_repeats_how_keys_begin_takes_no_long_time(unit: str) -> None:
    assert not holds_key(unit * (500_000 // len(unit)) + "!")


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_found_anywhere_in_a_file(key: str) -> None:
    assert holds_key(f'{"sk-" * 1000}\n"token": "{key}"\n')
