from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.students.prompts import FORMATS, Kind, chat_messages, chat_template, completion, parse, prompt

TREE = "<tree:(><tree:S><tree:NP><tree:)>"


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


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_every_request_has_a_prompt_of_its_own(kind: Kind) -> None:
    formats = FORMATS[kind]
    asked = [
        prompt("paraphrase", "It rained.", formats),
        prompt("summary", "It rained.", formats),
        prompt("summary", "It rained.", formats, words=7),
        prompt("control", "It rained.", formats, tree=TREE),
    ]
    assert len(set(asked)) == 4
    assert all("It rained." in one and "{" not in one for one in asked)
    assert " 7 " in asked[2]
    assert TREE in asked[3]


@pytest.mark.parametrize("source", ["{tree} and {words}", "{source}", "{{ 7 * 7 }}", "{% raw %}", "%s", "\\n"])
def test_a_source_is_never_read_as_a_template(source: str) -> None:
    assert source in prompt("control", source, tree=TREE)
    assert source in prompt("summary", source, FORMATS["seq2seq"], words=3)


def test_a_prompt_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="tree"):
        prompt("control", "It rained.")
    with pytest.raises(ValueError, match="tree"):
        prompt("summary", "It rained.", tree=TREE)
    with pytest.raises(ValueError, match="words"):
        prompt("paraphrase", "It rained.", words=3)


_TEXT = st.text() | st.sampled_from(["{{ x }}", "{% if %}", "a\u00a0b\u2028c", "\x1c", "'\\", "<tree:(>"])


@given(_TEXT, _TEXT, st.none() | st.integers(1, 60))
def test_the_chat_template_renders_the_same_bytes(templated: Any, source: str, target: str, words: int | None) -> None:
    user = [{"role": "user", "content": source}]

    def rendered(messages: list[dict[str, str]], **asked: Any) -> str:
        return str(templated.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **asked))

    assert rendered(user) == rendered(user, task="paraphrase") == prompt("paraphrase", source)
    assert rendered(user, task="summary", **({"words": words} if words else {})) == prompt(
        "summary", source, words=words
    )
    assert rendered(user, task="control", tree=TREE) == prompt("control", source, tree=TREE)
    whole = rendered([*user, {"role": "assistant", "content": target}], task="summary")
    assert whole == prompt("summary", source) + completion(target) + templated.eos_token


@pytest.fixture(scope="module")
def templated(tiny_causal: Path) -> Any:
    """A tokenizer with the students' chat template."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_causal)
    tokenizer.chat_template = chat_template()
    return tokenizer
