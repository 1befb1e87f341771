from pathlib import Path

import numpy as np
import pytest

from lemonpress.students.generate import Student, ZeroShot
from lemonpress.students.prompts import chat_messages
from lemonpress.teachers.decode import decode, decode_tokens

SOURCES = [
    "The cat met the farmer.",
    "The dog fed the mayor at noon on 3 May, and the clerk paid the pilot at noon on 4 May.",
    "The pilot left the clerk at noon on 12 May.",
]


@pytest.fixture(scope="module")
def student(tiny_causal: Path) -> Student:
    """The tiny teacher, asked as a student: it continues with whole sentences."""
    return Student.load(tiny_causal, dtype="float32", device="cpu")


def test_the_same_seed_gives_the_same_texts_and_another_does_not(student: Student) -> None:
    first = student.generate("paraphrase", SOURCES, n=4, max_new_tokens=24, seed=1)
    student.generate("summary", SOURCES[:1], n=2, max_new_tokens=8, seed=9)
    assert student.generate("paraphrase", SOURCES, n=4, max_new_tokens=24, seed=1) == first
    assert student.generate("paraphrase", SOURCES, n=4, max_new_tokens=24, seed=2) != first
    assert [len(texts) for texts in first] == [4, 4, 4]
    assert all("\n" not in text for texts in first for text in texts)


def test_a_source_gets_the_same_texts_in_any_company(student: Student) -> None:
    together = student.generate("paraphrase", SOURCES, n=3, max_new_tokens=24)
    assert [student.generate("paraphrase", [source], n=3, max_new_tokens=24)[0] for source in SOURCES] == together
    assert student.generate("paraphrase", SOURCES[::-1], n=3, max_new_tokens=24) == together[::-1]
    assert student.generate("paraphrase", SOURCES[:1], n=2, max_new_tokens=24)[0] == together[0][:2]


def test_greedy_is_what_the_stock_generate_writes(student: Student) -> None:
    prompts = ["The cat saw the dog", "The mayor"]
    written = decode(student.model, student.tokenizer, prompts, None, student.ends, 20)
    for asked, texts in zip(prompts, written, strict=True):
        tokens = student.tokenizer(asked, return_tensors="pt")
        stock = student.model.generate(**tokens, do_sample=False, max_new_tokens=20, eos_token_id=list(student.ends))
        assert texts == [
            student.tokenizer.decode(stock[0, tokens.input_ids.shape[1] :], skip_special_tokens=True).split("\n")[0]
        ]


@pytest.mark.parametrize("samples", [1, 3])
def test_prompts_that_begin_alike_are_written_as_each_alone(student: Student, samples: int) -> None:
    begin = "The dog fed the mayor at noon on 3 May. The cat met the clerk at noon on 9 May."
    prompts = [f"{begin} The pilot", f"{begin} The", f"{begin} The farmer left the cat at noon", begin]
    noise = np.random.default_rng(0).random((len(prompts), samples, 16))
    together = decode(student.model, student.tokenizer, prompts, noise, student.ends, 16, 0.7, 0.9)
    for place, one in enumerate(prompts):
        alone = decode(student.model, student.tokenizer, [one], noise[[place]], student.ends, 16, 0.7, 0.9)
        assert alone == [together[place]]
    twice = decode(student.model, student.tokenizer, [begin, begin], None, student.ends, 16)
    assert twice == decode(student.model, student.tokenizer, [begin], None, student.ends, 16) * 2


def test_a_sample_that_no_token_ended_has_as_many_as_were_asked_for(student: Student) -> None:
    whole = decode_tokens(student.model, student.tokenizer, SOURCES, None, student.ends, 64)
    cut = decode_tokens(student.model, student.tokenizer, SOURCES, None, student.ends, 3)
    assert [len(samples[0]) for samples in cut] == [3] * len(SOURCES)
    assert [samples[0][:3] for samples in whole] == [samples[0] for samples in cut]


def test_a_sample_ends_at_a_line_break(student: Student) -> None:
    newline = student.tokenizer("\n").input_ids[0]
    assert newline in student.ends
    assert student.tokenizer.eos_token_id in student.ends


def test_tiny_nucleus_is_greedy(student: Student) -> None:
    noise = np.full((2, 3, 16), 0.7)
    sampled = decode(student.model, student.tokenizer, ["The cat", "The dog"], noise, student.ends, 16, 0.7, 1e-6)
    greedy = decode(student.model, student.tokenizer, ["The cat", "The dog"], None, student.ends, 16)
    assert sampled == [texts * 3 for texts in greedy]


def test_greedy_gives_one_text_and_progress_counts_sources(student: Student) -> None:
    done: list[int] = []
    texts = student.generate("summary", SOURCES, greedy=True, max_new_tokens=8, progress=done.append)
    assert [len(one) for one in texts] == [1, 1, 1]
    assert sum(done) == len(SOURCES)
    with pytest.raises(ValueError, match="greedy"):
        student.generate("summary", SOURCES, n=2, greedy=True)
    assert student.generate("summary", []) == []


def test_zero_shot_asks_through_the_chat_template(tiny_causal: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_causal)
    model = Student.load(tiny_causal, dtype="float32", device="cpu").model
    tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
    tokenizer.pad_token = tokenizer.eos_token
    system = ZeroShot(model, tokenizer, (tokenizer.eos_token_id,))
    asked = system.chat_prompt(chat_messages("paraphrase", SOURCES[0]))
    assert asked.startswith("<user>Rewrite this sentence")
    (texts,) = system.answer([asked], greedy=True, max_new_tokens=8)
    (plain,) = Student(model, tokenizer, (tokenizer.eos_token_id,)).generate(
        "paraphrase", SOURCES[:1], greedy=True, max_new_tokens=8
    )
    assert len(texts) == 1
    assert texts != plain
