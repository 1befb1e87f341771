from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.students.prompts import chat_messages, completion, parse, prompt


def test_tasks_are_told_apart_and_a_source_stays_on_one_line() -> None:
    assert prompt("paraphrase", "One\n two.") == "Sentence: One two.\nParaphrase:"
    assert prompt("summary", "One\n two.") == "Sentence: One two.\nSummary:"
    assert chat_messages("paraphrase", "One two.") != chat_messages("summary", "One two.")


@given(st.text())
def test_what_a_student_learns_to_write_is_read_back_as_one_line(target: str) -> None:
    assert "\n" not in parse(completion(target))
    assert len(completion(target).splitlines()) == 1


@given(st.lists(st.text("abcxyz", min_size=1, max_size=8), min_size=1, max_size=8))
def test_plain_words_survive(words: list[str]) -> None:
    assert parse(completion(" ".join(words))) == " ".join(words)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (" It rained.\nSentence: Another", "It rained."),
        ("Here is a paraphrase:\n\n“It rained.”", "It rained."),
        ('Paraphrase: "It rained."', "It rained."),
        ('"Yes", he said, "no"', '"Yes", he said, "no"'),
        (" \n ", ""),
    ],
)
def test_the_sentence_is_found_in_what_was_written(written: str, sentence: str) -> None:
    assert parse(written) == sentence


@pytest.mark.parametrize("source", ["The cat met the dog.", "3 May", "“Quoted”"])
def test_the_prompt_ends_at_a_token_boundary(tiny_causal: Path, source: str) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_causal)
    asked = tokenizer(prompt("paraphrase", source)).input_ids
    whole = tokenizer(prompt("paraphrase", source) + completion("A dog.")).input_ids
    assert whole[: len(asked)] == asked
