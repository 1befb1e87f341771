"""What a language model is asked to rewrite, and every style in which models answer."""

import json
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lemonpress.errors import UserError
from lemonpress.recipes import Task
from lemonpress.recipes.rewriting import RewritingSettings
from lemonpress.rows import SENTENCES, content_id
from lemonpress.splitting import flaw, normalise
from lemonpress.teachers.answers_text import KEY, Answer, read_answer
from lemonpress.teachers.rewriting import candidates, messages_for, schema_for, sentences_row
from one_line import one_line

SOURCE = "The council closed the bridge after the storm."
A = "After the storm, the council shut the bridge."
B = "The bridge was closed by the council once the storm had passed."
C = "Following the storm, the bridge was shut down by the council."
D = "The council's bridge didn't open again after the storm."
Q = ["How can I learn to cook?", "What is the best way to start cooking?", "Would you like to learn cooking?"]

ANSWERS: dict[str, tuple[str, list[str]]] = {
    # numbers
    "dots": (f"1. {A}\n2. {B}\n3. {C}", [A, B, C]),
    "brackets": (f"1) {A}\n2) {B}\n3) {C}", [A, B, C]),
    "both brackets": (f"(1) {A}\n(2) {B}\n(3) {C}", [A, B, C]),
    "square brackets": (f"[1] {A}\n[2] {B}", [A, B]),
    "colons": (f"1: {A}\n2: {B}", [A, B]),
    "dashes after numbers": (f"1 - {A}\n2 - {B}", [A, B]),
    "no space": (f"1.{A}\n2.{B}", [A, B]),
    "hashes": (f"#1. {A}\n#2. {B}", [A, B]),
    "keycaps": (f"1\ufe0f\u20e3 {A}\n2\ufe0f\u20e3 {B}", [A, B]),
    "circled": (f"① {A}\n② {B}", [A, B]),
    "bold numbers": (f"**1.** {A}\n**2.** {B}", [A, B]),
    "bold items": (f"1. **{A}**\n2. **{B}**", [A, B]),
    "slanted items": (f"1. *{A}*\n2. _{B}_", [A, B]),
    "a bold word": ("1. The council **shut** the bridge.\n2. " + B, ["The council shut the bridge.", B]),
    "quotes": (f"1. \"{A}\"\n2. “{B}”\n3. '{D}'", [A, B, D]),
    "quotes and remarks": (f'1. "{A}" (active voice)\n2. "{B}" - uses the passive', [A, B]),
    "remarks in brackets": (f"1. {A} (formal)\n2. {B} [casual]", [A, B]),
    "blank lines between": (f"1. {A}\n\n2. {B}\n\n\n3. {C}", [A, B, C]),
    "indented": (f"   1. {A}\n   2. {B}", [A, B]),
    "Windows line ends": (f"1. {A}\r\n2. {B}\r\n", [A, B]),
    "one line": (f"1. {A} 2. {B} 3. {C}", [A, B, C]),
    "one line after an announcement": (f"Sure! Here are three: 1) {A} 2) {B} 3) {C}", [A, B, C]),
    "wrapped lines": (f"1. After the storm, the council\nshut the bridge.\n2. {B}", [A, B]),
    "numbered labels": (f"1. Paraphrase: {A}\n2. Paraphrase: {B}", [A, B]),
    "numbered tones": (f"1. **Formal:** {A}\n2. **Casual version**: {B}\n3. Passive voice: {C}", [A, B, C]),
    "bold number and tone": (f"**1. Formal:** {A}\n**2. Informal:** {B}", [A, B]),
    "headings over bullets": (f"1. **Formal:**\n   - {A}\n2. **Casual:**\n   - {B}", [A, B]),
    "notes under items": (f"1. {A}\n   - *Changed the verb.*\n2. {B}\n   - *Passive.*", [A, B]),
    "announced": (f"Sure, here are 3 paraphrases of the sentence:\n\n1. {A}\n2. {B}\n3. {C}", [A, B, C]),
    "closing remark": (f"1. {A}\n2. {B}\n\nLet me know if you'd like more variations!", [A, B]),
    "closing remark at once": (f"1. {A}\n2. {B}\nThese paraphrases keep the original meaning.", [A, B]),
    "closing question": (f"1. {A}\n2. {B}\n3. Would you like me to write more?", [A, B]),
    "explanation": (f"1. {A}\n2. {B}\n\n**Explanation:**\n- I used the passive voice.\n- I moved the clause.", [A, B]),
    "the source first": (f"Original: {SOURCE}\n\nParaphrases:\n1. {A}\n2. {B}", [A, B]),
    "the source among them": (f"1. Original sentence: {SOURCE}\n2. {B}", [B]),
    "numbers in sentences": (
        "1. At 5:30, 12 of the 20 boats were back.\n2. By 5.30 p.m. 12 of 20 boats had returned.",
        ["At 5:30, 12 of the 20 boats were back.", "By 5.30 p.m. 12 of 20 boats had returned."],
    ),
    "a sentence that ends in a number": (
        "1. We landed at gate 2. \n3. The gate we reached was number 4.",
        ["We landed at gate 2.", "The gate we reached was number 4."],
    ),
    "questions": ("\n".join(f"{number}. {text}" for number, text in enumerate(Q, 1)), Q),
    "numbers that start items": (f"1. 50 - 60 people came.\n2. {B}", ["50 - 60 people came.", B]),
    "remarks that are none": (
        "1. Here is the bridge that they shut.\n2. Let me know if he comes.\n3. These options cost more.",
        ["Here is the bridge that they shut.", "Let me know if he comes.", "These options cost more."],
    ),
    # labels, letters, bullets
    "labels": (f"Paraphrase 1: {A}\nParaphrase 2: {B}", [A, B]),
    "bold labels": (f"**Paraphrase 1:** {A}\n\n**Paraphrase 2:** {B}", [A, B]),
    "labels over lines": (f"**Version 1 (formal):**\n{A}\n\n**Version 2 (casual):**\n{B}", [A, B]),
    "headings": (f"### Paraphrase 1\n{A}\n\n### Paraphrase 2\n{B}", [A, B]),
    "options": (f'Option A: "{A}"\nOption B: "{B}"', [A, B]),
    "letters": (f"a) {A}\nb) {B}\nc) {C}", [A, B, C]),
    "dashes": (f"- {A}\n- {B}", [A, B]),
    "stars": (f"Here you go:\n\n* {A}\n* {B}\n* {C}", [A, B, C]),
    "dots in the middle": (f"• {A}\n• {B}", [A, B]),
    # plain text
    "lines": (f"{A}\n{B}\n{C}", [A, B, C]),
    "quoted lines": (f'"{A}"\n\n"{B}"', [A, B]),
    "announced lines": (f"Certainly!\n\nHere are some rewritings:\n\n{A}\n{B}\n\nI hope this helps!", [A, B]),
    "lines that start with numbers": (f"50 - 60 people came.\n{B}", ["50 - 60 people came.", B]),
    "a heading": (f"## Paraphrases\n\n{A}\n{B}", [A, B]),
    "initials": (
        f"A. Smith closed it.\nIt was closed by A. Smith.\n{C}",
        ["A. Smith closed it.", "It was closed by A. Smith.", C],
    ),
    "ticks": (f"✅ {A}\n✅ {B}", [A, B]),
    "commas behind": (f'"{A}",\n"{B}",', [A, B]),
    "one paragraph": (f"{A} {B} {C}", [A, B, C]),
    "one sentence": (A, [A]),
    "a remark of its own": ("Great, we won the cup again!", ["Great, we won the cup again!"]),
    "announced after a comma": (f"Certainly, here is a rephrased sentence: {A}", [A]),
    "announced on its line": (f"Sure! Here's a paraphrase: {A}", [A]),
    "rules between": (f"{A}\n---\n{B}\n***\n{C}", [A, B, C]),
    # JSON
    "object": (json.dumps({KEY: [A, B]}), [A, B]),
    "array": (json.dumps([A, B], indent=2), [A, B]),
    "fenced": (f"Here is the JSON:\n```json\n{json.dumps({'paraphrases': [A, B]}, indent=1)}\n```\nEnjoy!", [A, B]),
    "trailing commas": (f'{{"{KEY}": ["{A}", "{B}",],}}', [A, B]),
    "objects in an array": (json.dumps([{"id": 1, "text": A}, {"id": 2, "text": B, "style": "formal"}]), [A, B]),
    "keys that count": (json.dumps({"original": SOURCE, "paraphrase_1": A, "paraphrase_2": B}), [A, B]),
    "JSON lines": (f"{json.dumps({'paraphrase': A})}\n{json.dumps({'paraphrase': B})}", [A, B]),
    "JSON behind an announcement": (f"Sure: {json.dumps({KEY: [A, B]})}", [A, B]),
    "numbers in JSON": (json.dumps([f"1. {A}", f"2. {B}"]), [A, B]),
    "quotes in JSON": (
        json.dumps([f'{A[:-1]} and said "no".', D]),
        [f'{A[:-1]} and said "no".', D],
    ),
    "commas and brackets in JSON": (json.dumps(["He came, [sic] he said,]", B]), ["He came, [sic] he said,]", B]),
    "Python": (str([A, D]), [A, D]),
    "a comma missing": (f'{{"{KEY}": ["{A}" "{B}"]}}', [A, B]),
    "an end missing": (f'{{"{KEY}": ["{A}", "{B}"', [A, B]),
    "cut in JSON": (f'```json\n{{"{KEY}": ["{A}", "{B}", "The brid', [A, B]),
    # around it
    "thoughts": (f"<think>\nThe user wants 3.\n1. {C}\n</think>\n\n1. {A}\n2. {B}", [A, B]),
    "the end of thoughts": (f"The user wants 3.\n1. {C}\n</think>\n1. {A}\n2. {B}", [A, B]),
    "tags": (f"<paraphrase>{A}</paraphrase>\n<paraphrase>{B}</paraphrase>", [A, B]),
    "special tokens": (f"1. {A}\n2. {B}<|im_end|>", [A, B]),
    "fenced list": (f"```\n1. {A}\n2. {B}\n```", [A, B]),
    # what SmolLM2-135M-Instruct wrote
    "SmolLM2, stars and numbers": (
        "Here are some examples of similar paraphrases:\n\n* 1. Learn to cook at home - learn to cook\n"
        "* 2. Train your body to cook - learn to cook at home\n\n"
        "I'm happy to help with grammar corrections, but I'm not an AI that provides cooking advice.",
        ["Learn to cook at home - learn to cook", "Train your body to cook - learn to cook at home"],
    ),
    "SmolLM2, dashes": (
        "Here's a numbered list of four similar paraphrases of the given sentence:\n\n"
        "- In Peru, scientists found a new species of frog.\n"
        "- In Peru, a team of scientists discovered a new species of frog.",
        [
            "In Peru, scientists found a new species of frog.",
            "In Peru, a team of scientists discovered a new species of frog.",
        ],
    ),
    "SmolLM2, a remark": (
        "1. The council closed the bridge after a storm.\n2. The bridge was closed due to a disaster.\n\n"
        "These are 4 different ways to write the sentence using different words.",
        ["The council closed the bridge after a storm.", "The bridge was closed due to a disaster."],
    ),
    "SmolLM2, lines": (
        "Scientists found a new species of frog in Peru.\n\nScientists discovered a new species of frog in Peru.",
        ["Scientists found a new species of frog in Peru.", "Scientists discovered a new species of frog in Peru."],
    ),
    "SmolLM2, advice": (
        "1. **Prepare a meal**: Begin by cooking a dish that your family loves.\n\n"
        "2. **Eat together**: Listen to your favorite cook’s favorite recipes.\n\n"
        "These tips can help a lot. They also make the meal more delicious. Also,",
        ["Begin by cooking a dish that your family loves.", "Listen to your favorite cook’s favorite recipes."],
    ),
    "a second list": (f"1. {A}\n2. {B}\n\nMore paraphrases:\n\n1. {C}", [A, B, C]),
}

REFUSALS = [
    "I'm sorry, but I can't assist with that request.",
    "I’m sorry, but I cannot rewrite this sentence because it is harmful.",
    "I cannot fulfill this request. I am programmed to be a helpful and harmless AI assistant.",
    "As an AI language model, I don't have the ability to do that.",
    "Unfortunately, I am not able to generate paraphrases of this content.",
    '{"rewritings": ["I\'m sorry, I can\'t help with that."]}',
    "1. I apologize, but I can't provide that.",
    "I can't help you with paraphrasing this. Let me know if there is something else:\n- another sentence\n",
]
NOTHING = [
    "",
    "  \n\n",
    "<think>I wonder what to",
    "Sure! Here are 5 paraphrases:",
    "Please provide the sentence that you would like me to paraphrase.",
    "{}",
    "```json\n[]\n```",
    "1.\n2.\n3.",
    "Would you like me to paraphrase a sentence?",
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
def test_rewritings_are_read_in_every_style(answer: str, expected: list[str]) -> None:
    assert read_answer(answer, 3, "stop") == Answer(tuple(expected))
    assert read_answer(answer, len(expected)) == Answer(tuple(expected))


@pytest.mark.parametrize("answer", REFUSALS)
def test_refusals_are_told_from_rewritings(answer: str) -> None:
    assert read_answer(answer, 3) == Answer((), "refusal")


def test_sentences_that_sound_like_refusals_are_rewritings() -> None:
    texts = ("I'm sorry, but I can't help you with the request today.", "Sorry, I cannot assist you with this now.")
    assert read_answer("".join(f"{n}. {text}\n" for n, text in enumerate(texts, 1)), 2).texts == texts
    assert read_answer("I'm sorry that I can't come to your party.", 1).flaw is None
    assert read_answer(f"{A}\n{texts[0]}\n{B}", 3).texts == (A, texts[0], B)


@pytest.mark.parametrize("answer", NOTHING)
def test_answers_without_a_rewriting_are_malformed(answer: str) -> None:
    assert read_answer(answer, 5) == Answer((), "malformed")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (f"1. {A}\n2. {B}\n3. Following the st", [A, B]),
        (f"1. {A}\n2. {B}\n3.", [A, B]),
        (f"1. {A}\n2. {B}\n\nLet me know if you", [A, B]),
        (f"{A}\n{B}\nFollowing", [A, B]),
        (f"- {A}\n- Mr.", [A]),
        (f'["{A}", "{B}", "Follow', [A, B]),
    ],
)
def test_what_was_cut_off_is_left_out(answer: str, expected: list[str]) -> None:
    assert read_answer(answer, 5, "length") == Answer(tuple(expected))


def test_an_answer_cut_off_in_its_first_rewriting_says_so() -> None:
    for answer in ("1. The council clo", '["The council clo', "<think>The user wants"):
        assert read_answer(answer, 5, "length") == Answer((), "cut off")


def test_no_more_rewritings_than_were_asked_for() -> None:
    assert read_answer(f"1. {A}\n2. {B}\n3. {C}", 2).texts == (A, B)


WORD = st.text("abcdefghijklmnopqrstuvwxyzéñ", min_size=1, max_size=8) | st.sampled_from(
    ["don't", "3", "2.5", "U.S.", '"so"', "(or not)", "well-known", "1990", "Mr.", "a,", "50%", "the"]
)
SENTENCE = st.builds(
    lambda first, rest, end: f"{first} {' '.join(rest)}{end}",
    st.sampled_from(["The", "Most", "Éva", "They", '"Yes," he', "22 people", "I"]),
    st.lists(WORD, min_size=4, max_size=12).filter(lambda words: words[-1].isalpha()),
    st.sampled_from([".", "?", "!"]),
)
LISTS: dict[str, Callable[[int, str], str]] = {
    "1.": lambda n, text: f"{n}. {text}",
    "1)": lambda n, text: f"{n}) {text}",
    "(1)": lambda n, text: f"({n}) {text}",
    "**1.**": lambda n, text: f"**{n}.** {text}",
    "quoted": lambda n, text: f"{n}. “{text}”",
    "bold": lambda n, text: f"{n}. **{text}**",
    "label": lambda n, text: f"Paraphrase {n}: {text}",
    "bold label": lambda n, text: f"**Paraphrase {n}:** {text}",
    "-": lambda _, text: f"- {text}",
    "*": lambda _, text: f"* {text}",
    "•": lambda _, text: f"• {text}",
}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(SENTENCE, min_size=2, max_size=7),
    st.sampled_from(sorted(LISTS)),
    st.sampled_from(["\n", "\n\n", "\r\n"]),
    st.sampled_from(["", "Sure! Here are the paraphrases:\n\n", "Paraphrases:\n"]),
    st.sampled_from(["", "\n\nLet me know if you need more.", "\n\nThese keep the meaning."]),
)
def test_lists_of_any_style_are_read_back(texts: list[str], style: str, gap: str, before: str, after: str) -> None:
    written = gap.join(LISTS[style](number, text) for number, text in enumerate(texts, 1))
    assert read_answer(before + written + after, len(texts)).texts == tuple(texts)


@settings(max_examples=100, deadline=None)
@given(st.lists(SENTENCE, min_size=1, max_size=7, unique=True), st.sampled_from([None, 2]), st.booleans(), st.data())
def test_json_is_read_back_however_it_is_cut(
    texts: list[str], indent: int | None, fenced: bool, data: st.DataObject
) -> None:
    ascii_only = data.draw(st.booleans())
    written = json.dumps({KEY: texts}, indent=indent, ensure_ascii=ascii_only)
    assert read_answer(f"```json\n{written}\n```" if fenced else written, len(texts)).texts == tuple(texts)
    cut = data.draw(st.integers(0, len(written)))
    whole = [text for text in texts if json.dumps(text, ensure_ascii=ascii_only) in written[:cut]]
    assert read_answer(written[:cut], len(texts), "length").texts == tuple(whole)


@pytest.mark.parametrize(
    "piece", ["\n", "1. ", "1.\n", "[", "[{", '{"', '"\\', "<think>", "**a", "- ", "Here is ", "a: "]
)
def test_long_answers_without_sense_take_no_time(piece: str) -> None:
    start = time.process_time()
    read_answer(piece * 20_000, 3)
    assert time.process_time() - start < 3


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.text("[{\"'1.)(*-`:,<think>/ \nabA", max_size=60), st.sampled_from([None, "length"]))
def test_no_answer_is_an_error(text: str, finish: str | None) -> None:
    answer = read_answer(text, 3, finish)
    assert len(answer.texts) <= 3
    assert all(one.strip() for one in answer.texts)
    assert (answer.flaw is None) == bool(answer.texts)


def test_defaults_ask_for_a_numbered_list() -> None:
    [turn] = messages_for(RewritingSettings(), f"  {SOURCE[:20]}\n{SOURCE[20:]} ", "paraphrase")
    assert turn["role"] == "user"
    assert turn["content"].endswith(f"\n\nSentence: {' '.join([SOURCE[:20].strip(), SOURCE[20:].strip()])}")
    assert "exactly 5, as a numbered list" in turn["content"]
    assert "{" not in turn["content"]


def test_summaries_may_name_their_length() -> None:
    plain, worded = (
        messages_for(RewritingSettings(ratio=ratio), SOURCE, "summary")[0]["content"] for ratio in (None, 0.5)
    )
    assert plain.startswith("Summarize the sentence below: ")
    assert worded.startswith("Summarize the sentence below in about 4 words: ")
    with pytest.raises(UserError, match="ratio names the words of summaries, and the task is paraphrase") as caught:
        messages_for(RewritingSettings(ratio=0.5), SOURCE, "paraphrase")
    one_line(caught)


@pytest.mark.parametrize("task", ["paraphrase", "summary"])
def test_one_rewriting_is_no_list(task: Task) -> None:
    asked = messages_for(RewritingSettings(n=1), SOURCE, task)[0]["content"]
    assert "list" not in asked
    assert "{" not in asked
    assert asked.endswith(f"Answer with the one sentence and nothing else.\n\nSentence: {SOURCE}")


def test_examples_are_turns_of_the_same_request() -> None:
    shown = [{"sentence": "It rained all day.", "rewritings": ["Rain fell all day.", "All day long it rained."]}]
    turns = messages_for(RewritingSettings.model_validate({"n": 2, "examples": shown}), SOURCE, "paraphrase")
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[0]["content"].replace("It rained all day.", SOURCE) == turns[2]["content"]
    assert turns[1]["content"] == "1. Rain fell all day.\n2. All day long it rained."
    assert read_answer(turns[1]["content"], 2).texts == tuple(shown[0]["rewritings"])


def test_an_example_is_answered_in_the_form_that_is_asked_for() -> None:
    shown = [{"sentence": "It rained all day and the river rose.", "rewritings": ["The river rose."]}]
    alone, worded, structured = (
        messages_for(RewritingSettings.model_validate({"n": 1, "examples": shown, **more}), SOURCE, "summary")
        for more in ({}, {"ratio": 0.5}, {"structured": True})
    )
    assert alone[1]["content"] == "The river rose."
    assert "in about 3 words" in worded[0]["content"]
    assert "in about 4 words" in worded[2]["content"]
    assert read_answer(structured[1]["content"], 1).texts == ("The river rose.",)


@pytest.mark.parametrize("task", ["paraphrase", "summary"])
def test_structured_prompts_show_what_the_schema_and_the_reader_want(task: Task) -> None:
    asked = messages_for(RewritingSettings(structured=True, n=2), SOURCE, task)[0]["content"]
    assert f'{{"{KEY}": ["...", ...]}}' in asked
    schema = schema_for(2)
    assert schema["required"] == list(schema["properties"]) == [KEY]
    assert schema["properties"][KEY]["minItems"] == schema["properties"][KEY]["maxItems"] == 2


def test_prompts_of_ones_own_are_filled_in_once() -> None:
    own = RewritingSettings(n=3, prompt='{n} times, as {"a": []}: {sentence}', system="Be brief.")
    assert messages_for(own, "Keep {n} and {sentence} as they are.", "paraphrase") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": '3 times, as {"a": []}: Keep {n} and {sentence} as they are.'},
    ]
    assert messages_for(RewritingSettings(prompt="{words}: {sentence}", ratio=1), "One two three.", "summary") == [
        {"role": "user", "content": "3: One two three."}
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": "Rewrite this {n} times."}, "lacks {sentence}"),
        ({"prompt": "Rewrite {sentence} in {language}."}, "{language} is unknown; only {sentence}, {n} and {words}"),
        ({"prompt": "Rewrite {sentence}: {}"}, "{} is unknown"),
        ({"prompt": "{words} words: {sentence}"}, "{words} in the prompt and ratio go together"),
        ({"prompt": "{sentence}", "ratio": 0.5}, "{words} in the prompt and ratio go together"),
        ({"samples": 2, "temperature": 0}, "samples of temperature 0 are all the same; raise the temperature"),
        ({"n": 2, "examples": [{"sentence": "A.", "rewritings": ["B."]}]}, "example 1 shows 1 rewritings, and n is 2"),
    ],
)
def test_prompts_that_cannot_be_filled_in_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        RewritingSettings.model_validate(fields)


def test_candidates_are_the_distinct_sentences_of_all_answers() -> None:
    answers = [
        Answer((A, SOURCE.upper(), "no sentence", f"{A} {B}")),
        Answer((A.lower().capitalize(), B)),
        Answer((), "refusal"),
        Answer((), "cut off"),
    ]
    pool = candidates(SOURCE, answers)
    assert pool.sentences == [SOURCE, A, B]
    assert pool.counts == [2, 2, 1]
    assert pool.dropped == {"cut off": 1, "fragment": 1, "refusal": 1, "several": 1}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(SENTENCE | st.just(SOURCE) | st.just("x"), max_size=5), max_size=3))
def test_rows_of_sources_count_everything_that_was_read(texts: list[list[str]]) -> None:
    import pyarrow as pa

    context = {"context_id": content_id(SOURCE), "context": SOURCE, "domain": "news"}
    answers = [Answer(tuple(some)) if some else Answer((), "malformed") for some in texts]
    row = sentences_row(context, answers)
    pa.Table.from_pylist([row], schema=SENTENCES)
    assert row["sampled"] == sum(len(answer.texts) or 1 for answer in answers)
    assert row["sentences"][0] == SOURCE
    assert len({normalise(text) for text in row["sentences"]}) == len(row["sentences"])
    assert not any(flaw(text) for text in row["sentences"])
