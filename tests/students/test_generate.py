from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lemonpress.errors import UserError
from lemonpress.students.generate import Student, ZeroShot
from lemonpress.students.prompts import chat_messages
from lemonpress.teachers.decode import beams, decode, decode_tokens
from one_line import one_line

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


def untrained(architecture: str, **settings: object) -> Any:
    """A small model whose every token depends on all that it sees."""
    import torch
    import transformers

    sizes = {"vocab_size": 320, "hidden_size": 64, "num_hidden_layers": 2, "pad_token_id": 0, "eos_token_id": 0}
    config = getattr(transformers, f"{architecture}Config")(**sizes, **settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
        for weights in model.parameters():
            if weights.ndim > 1:
                torch.nn.init.normal_(weights, 0, 0.25)
    return model


HEADS = {"intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2}


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("Mistral", {**HEADS, "head_dim": 16, "sliding_window": 16}),
        ("Mistral", {**HEADS, "head_dim": 16, "sliding_window": 512}),
        ("Lfm2", {**HEADS, "layer_types": ["conv", "full_attention"]}),
    ],
    ids=["past-the-window", "within-the-window", "with-convolutions"],
)
@pytest.mark.parametrize("samples", [1, 3])
def test_windows_and_states_see_what_each_row_alone_shows(
    student: Student, architecture: str, settings: dict[str, object], samples: int
) -> None:
    model = untrained(architecture, **settings)
    begin = "The dog fed the mayor at noon on 3 May. The cat met the clerk at noon on 9 May."
    prompts = [f"{begin} The", f"{begin} The farmer left the cat at noon on 12 May. The pilot", f"{begin} The cat"]
    noise = np.random.default_rng(0).random((len(prompts), samples, 8))
    noise[0, 0] = 0  # the likeliest tokens, and one row that may end long before the others
    together = decode_tokens(model, student.tokenizer, prompts, noise, [0, *range(100, 120)], 8, 0.7, 0.5)
    for place, one in enumerate(prompts):
        alone = decode_tokens(model, student.tokenizer, [one], noise[[place]], [0, *range(100, 120)], 8, 0.7, 0.5)
        assert alone == [together[place]]
    assert len({len(sample) for row in together for sample in row}) > 1 or samples == 1


def test_a_model_without_cache_is_refused(student: Student) -> None:
    model = untrained("Mamba", state_size=4)
    with pytest.raises(UserError, match="MambaForCausalLM has no cache of keys and values; give another") as error:
        decode(model, student.tokenizer, SOURCES, None, student.ends, 4)
    one_line(error)


@pytest.fixture
def templated(tiny_causal: Path) -> Any:
    """A tokenizer that begins every text as its chat template does."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_causal)
    begin = (tokenizer.bos_token, tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(f"{begin[0]} $A", special_tokens=[begin])
    tokenizer.chat_template = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def test_a_text_by_a_chat_template_begins_once(templated: Any) -> None:
    model = untrained("Llama", **HEADS)
    writer = ZeroShot(model, templated, (templated.eos_token_id,))
    turns = chat_messages("paraphrase", SOURCES[0])
    asked = templated.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    stock = model.generate(**asked, do_sample=False, max_new_tokens=12)[0, asked.input_ids.shape[1] :]
    prompt = writer.chat_prompt(turns)
    ends = [templated.eos_token_id]
    [[greedy]] = decode_tokens(model, templated, [prompt], None, ends, 12, templated=True)
    assert greedy == [token for token in stock.tolist() if token not in ends]
    [[twice]] = decode_tokens(model, templated, [prompt], None, ends, 12)
    assert twice != greedy
    assert writer.answer([prompt], greedy=True, max_new_tokens=12) == writer.answer(
        [prompt], beams=1, max_new_tokens=12
    )
    once = beams(model, templated, [prompt], 1, 2, ends, 12, templated=True)
    assert once != beams(model, templated, [prompt], 1, 2, ends, 12)


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
