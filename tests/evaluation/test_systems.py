import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from chat_server import serving
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.systems import open_system
from lemonpress.evaluation.writing import System, Written
from lemonpress.recipes.evaluation import DecodingSettings, SystemSettings
from lemonpress.students import contract as contracts
from lemonpress.students.contract import Contract
from lemonpress.students.generate import Student, Writer
from one_line import one_line
from tiny_models import save_tiny

SOURCES = ["Prices rose by 3 percent. Nobody was hurt.", "A very long bridge was closed on Monday morning."]
PARAPHRASES = Benchmark("own", SOURCES, [["x"], ["y"]], "paraphrase")
SUMMARIES = Benchmark("own", SOURCES, [["x"], ["y"]], "summary")
GREEDY = DecodingSettings(max_new_tokens=6)


def system(name: str = "it", **settings: Any) -> System:
    return open_system(name, TypeAdapter(SystemSettings).validate_python(settings))


def write(one: System, benchmark: Benchmark = PARAPHRASES, decoding: DecodingSettings = GREEDY) -> Written:
    one.check(benchmark, decoding)
    seen: list[int] = []
    written = one.load()(benchmark, decoding, seen.append)
    assert len(written.texts) == len(benchmark.sources)
    assert sum(seen) in (0, len(benchmark.sources))
    return written


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("t5", tmp_path_factory.mktemp("t5"))


def test_model_free_systems_write_what_their_names_say() -> None:
    assert write(system(system="copy")).texts == SOURCES
    assert write(system(system="first_words", words=3)).texts == ["Prices rose by", "A very long"]
    assert write(system(system="lead")).texts == ["Prices rose by 3 percent.", SOURCES[1]]
    assert write(system(system="lead", characters=13)).texts == ["Prices rose", "A very long"]
    assert write(system(system="lead", characters=3)).texts == ["Pri", "A"]
    assert write(system(system="lead", characters=75)).texts == SOURCES
    blank = Benchmark("blank", [" "], [["x"]], "summary")
    assert write(system(system="lead"), blank).texts == [""]


def test_texts_of_any_program_are_a_system(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    rows = [{"candidate": "It cost\nmore."}, {"candidate": ""}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    one = system(system="predictions", path=str(file))
    assert write(one).texts == ["It cost more.", ""]
    with pytest.raises(UserError, match=r"system it: .* has 2 rows and own has 1; give one for each") as caught:
        one.check(PARAPHRASES.head(1), GREEDY)
    one_line(caught)
    file.write_text('{"candidate": "a"}\n{"candidate": null}\n', encoding="utf-8")
    with pytest.raises(UserError, match="line 2: candidate holds None; give a text") as caught:
        system(system="predictions", path=str(file))
    one_line(caught)
    with pytest.raises(UserError, match=r"no file absent\.jsonl"):
        system(system="predictions", path="absent.jsonl")


def test_any_model_answers_a_prompt_of_its_users(tiny_causal: Path, t5: Path) -> None:
    for folder in (tiny_causal, t5):
        one = system(system="model", model=str(folder), prompt="paraphrase: {source}")
        written = write(one)
        expected = Writer.load(folder).answer([f"paraphrase: {s}" for s in SOURCES], greedy=True, max_new_tokens=6)
        assert written.texts == [texts[0] for texts in expected]
        assert written.parameters is not None
        assert written.parameters > 1000
        assert written.tokens is not None
        assert written.seconds is not None
        assert one.repo is None


def test_the_number_of_words_goes_into_the_prompt(tiny_causal: Path) -> None:
    one = system(system="model", model=str(tiny_causal), prompt="{source} In {words} words:", ratio=0.5)
    expected = [f"{SOURCES[0]} In 4 words:", f"{SOURCES[1]} In 4 words:"]
    answers = Writer.load(tiny_causal).answer(expected, greedy=True, max_new_tokens=6)
    assert write(one, SUMMARIES).texts == [texts[0] for texts in answers]
    with pytest.raises(UserError, match="a ratio is asked of summaries, and own has paraphrases"):
        one.check(PARAPHRASES, GREEDY)


def test_a_student_is_asked_by_its_own_prompts(tiny_causal: Path) -> None:
    one = system(system="student", model=str(tiny_causal))
    expected = Student.load(tiny_causal).generate("summary", SOURCES, greedy=True, max_new_tokens=6)
    assert write(one, SUMMARIES).texts == [texts[0] for texts in expected]
    sampled = DecodingSettings(method="sample", max_new_tokens=6, seed=5)
    again = Student.load(tiny_causal).generate("summary", SOURCES, max_new_tokens=6, seed=5)
    assert write(one, SUMMARIES, sampled).texts == [texts[0] for texts in again]
    beams = Student.load(tiny_causal).generate("summary", SOURCES, beams=2, max_new_tokens=6)
    searched = write(one, SUMMARIES, DecodingSettings(method="beam", beams=2, max_new_tokens=6))
    assert searched.texts == [texts[0] for texts in beams]


def test_translation_goes_there_and_back(t5: Path) -> None:
    prompts = {"there_prompt": "to German: {source}", "back_prompt": "back: {source}"}
    writer = Writer.load(t5)
    there = [t[0] for t in writer.answer([f"to German: {s}" for s in SOURCES], greedy=True, max_new_tokens=6)]
    back = [t[0] for t in writer.answer([f"back: {s}" for s in there], greedy=True, max_new_tokens=6)]
    assert write(system(system="round_trip", there=str(t5), back=str(t5), **prompts)).texts == back


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Marian model as the Hub has them: two SentencePiece models, a vocabulary, padding ruled out."""
    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder = tmp_path_factory.mktemp("marian")
    (folder / "text").write_text("\n".join(SOURCES * 9), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text"), model_prefix=str(folder / "pieces"), vocab_size=36, minloglevel=2
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "pieces.model"))
    names = ["</s>", "<unk>", *(pieces.id_to_piece(n) for n in range(3, len(pieces))), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: n for n, name in enumerate(names)}), encoding="utf-8")
    spm = str(folder / "pieces.model")
    tokenizer = MarianTokenizer(spm, spm, str(folder / "vocab.json"), source_lang="en", target_lang="de")
    pad = len(names) - 1
    sides = {f"{side}_{name}": 2 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    widths = {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "d_model": 16, "max_position_embeddings": 64}
    ends = {"pad_token_id": pad, "eos_token_id": 0, "decoder_start_token_id": pad, "forced_eos_token_id": None}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = MarianMTModel(MarianConfig(vocab_size=len(names), **sides, **widths, **ends))
    model.final_logits_bias[0, pad] = 1e3  # it would write nothing but padding
    model.generation_config.bad_words_ids = [[pad]]
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return folder / "model"


def test_marian_translates_as_with_its_own_generate(marian: Path) -> None:
    writer = Writer.load(marian, dtype="float32")
    batch = writer.tokenizer(SOURCES, return_tensors="pt", padding=True)
    stock = writer.model.generate(**batch, do_sample=False, num_beams=1, max_new_tokens=6)
    expected = [" ".join(text.split()) for text in writer.tokenizer.batch_decode(stock, skip_special_tokens=True)]
    assert any(expected)
    assert [texts[0] for texts in writer.answer(SOURCES, greedy=True, max_new_tokens=6)] == expected
    assert write(system(system="round_trip", there=str(marian), back=str(marian))).tokens is not None


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random mBART-50 with its tokenizer, which begins every text with its language."""
    import sentencepiece
    import torch
    from transformers import MBart50Tokenizer, MBartConfig, MBartForConditionalGeneration

    folder = tmp_path_factory.mktemp("mbart")
    (folder / "text").write_text("\n".join(SOURCES * 9), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text"), model_prefix=str(folder / "pieces"), vocab_size=36, minloglevel=2
    )
    tokenizer = MBart50Tokenizer(str(folder / "pieces.model"), src_lang="en_XX", tgt_lang="de_DE")
    sides = {f"{side}_{name}": 2 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    widths = {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "d_model": 16, "max_position_embeddings": 64}
    ends = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    ends |= {"bos_token_id": tokenizer.bos_token_id, "decoder_start_token_id": tokenizer.eos_token_id}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = MBartConfig(vocab_size=len(tokenizer), forced_eos_token_id=None, **sides, **widths, **ends)
        MBartForConditionalGeneration(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return folder / "model"


def test_models_of_many_languages_are_told_which(multilingual: Path, marian: Path) -> None:
    folder = str(multilingual)
    writer = Writer.load(multilingual, dtype="float32")
    codes = {one: writer.tokenizer.convert_tokens_to_ids(one) for one in ("en_XX", "de_DE")}
    texts = SOURCES
    for own, other in (("en_XX", "de_DE"), ("de_DE", "en_XX")):
        writer.tokenizer.src_lang = own
        batch = writer.tokenizer(texts, return_tensors="pt", padding=True)
        settings = {"do_sample": False, "num_beams": 1, "forced_bos_token_id": codes[other], "max_new_tokens": 7}
        stock = writer.model.generate(**batch, **settings)
        texts = [" ".join(t.split()) for t in writer.tokenizer.batch_decode(stock, skip_special_tokens=True)]
    found = write(system(system="round_trip", there=folder, back=folder, languages=["en_XX", "de_DE"]))
    assert found.texts == texts
    with pytest.raises(UserError, match="knows many languages; name two as languages") as caught:
        system(system="round_trip", there=folder, back=folder)
    one_line(caught)
    with pytest.raises(UserError, match="knows two languages alone") as caught:
        system(system="round_trip", there=str(marian), back=str(marian), languages=["en_XX", "de_DE"])
    one_line(caught)


def test_translation_models_have_an_encoder(tiny_causal: Path, t5: Path) -> None:
    with pytest.raises(UserError, match="is no encoder-decoder model; give translation models") as caught:
        system(system="round_trip", there=str(t5), back=str(tiny_causal))
    one_line(caught)
    with pytest.raises(UserError, match=r"prompt 'German' lacks \{source\}"):
        system(system="round_trip", there=str(t5), back=str(t5), there_prompt="German")


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    file = tmp_path / "examples.jsonl"
    rows = [
        {"source": f"Source {n}.", "reference": f"Answer {n} of five words.", "exemplar": f"Exemplar {n}."}
        for n in range(9)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def own_home(home: Path) -> None:
    """Answers of servers are kept there."""


def asked(messages: Callable[[list[dict[str, str]]], None], benchmark: Benchmark, **settings: Any) -> list[str]:
    def answer(count: int, body: dict[str, Any]) -> tuple[int, str]:
        messages(body["messages"])
        return 200, f'Paraphrase: "{body["messages"][-1]["content"][-7:]}"'

    with serving(answer) as server:
        one = system(system="chat", base_url=server.url, model="big", **settings)
        return write(one, benchmark).texts


def test_a_server_is_asked_for_each_row() -> None:
    seen: list[list[dict[str, str]]] = []
    texts = asked(seen.append, PARAPHRASES)
    assert texts == ["s hurt.", "orning."]
    assert sorted(turns[0]["content"].rpartition("\n\n")[2] for turns in seen) == sorted(SOURCES)
    assert all(len(turns) == 1 and turns[0]["content"].startswith("Rewrite this sentence") for turns in seen)


def test_examples_are_turns_before_the_question(examples: Path) -> None:
    seen: list[list[dict[str, str]]] = []
    asked(seen.append, PARAPHRASES, shots=5, examples=str(examples), request="Say it otherwise.")
    for turns in seen:
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * 5 + ["user"]
        for question, answer in zip(turns[:-1:2], turns[1::2], strict=True):
            number = question["content"].removeprefix("Say it otherwise.\n\nSource ").removesuffix(".")
            assert answer["content"] == f"Answer {number} of five words."
    assert len({turns[0]["content"] for turns in seen}) == 1


def test_lengths_are_asked_as_referee_does(examples: Path) -> None:
    seen: list[list[dict[str, str]]] = []
    asked(seen.append, SUMMARIES, shots=1, examples=str(examples), ratio=0.25)
    for turns in seen:
        assert turns[0]["content"].startswith("Use about 5 words. Summarize")
        assert turns[2]["content"].startswith("Use about 2 words. Summarize")


def test_the_syntax_of_an_exemplar_is_asked_for(examples: Path) -> None:
    led = Benchmark("led", SOURCES, [["x"], ["y"]], "paraphrase", ["Who was it?", "What was it?"])
    seen: list[list[dict[str, str]]] = []
    asked(seen.append, led, shots=2, examples=str(examples), exemplar=True)
    asks = sorted(turns[-1]["content"].splitlines()[0] for turns in seen)
    assert asks == [f"Follow the syntax of this sentence: {one} was it?" for one in ("What", "Who")]
    for turns in seen:
        number = turns[1]["content"].split()[1]
        assert turns[0]["content"].startswith(f"Follow the syntax of this sentence: Exemplar {number}.\n\n")
    one = system(system="chat", base_url="http://127.0.0.1:9/v1", model="big", exemplar=True)
    with pytest.raises(UserError, match="it follows exemplars, and own has none") as caught:
        one.check(PARAPHRASES, GREEDY)
    one_line(caught)


def test_too_few_examples_and_beams_on_a_server_are_refused(examples: Path) -> None:
    server: dict[str, Any] = {"system": "chat", "base_url": "http://127.0.0.1:9/v1", "model": "big"}
    with pytest.raises(UserError, match="has 9 rows for 10 shots") as caught:
        system(**server, shots=10, examples=str(examples)).check(PARAPHRASES, GREEDY)
    one_line(caught)
    with pytest.raises(UserError, match=r"no file absent\.jsonl of examples") as caught:
        system(**server, shots=1, examples="absent.jsonl")
    one_line(caught)
    itself = Benchmark("own", ["Source 4."], [["x"]], "paraphrase")
    with pytest.raises(UserError, match="shows rows of own itself; give other examples") as caught:
        system(**server, shots=9, examples=str(examples)).check(itself, GREEDY)
    one_line(caught)
    plain = examples.with_name("plain.jsonl")
    plain.write_text('{"source": "a", "reference": "b"}\n', encoding="utf-8")
    led = Benchmark("led", SOURCES, [["x"], ["y"]], "paraphrase", ["Who was it?", "What was it?"])
    with pytest.raises(UserError, match="have no exemplar; give some that do") as caught:
        system(**server, shots=1, examples=str(plain), exemplar=True).check(led, GREEDY)
    one_line(caught)
    one = system(system="chat", base_url="http://127.0.0.1:9/v1", model="big")
    with pytest.raises(UserError, match="searches no beams"):
        one.check(PARAPHRASES, DecodingSettings(method="beam"))


def test_answers_of_a_server_are_kept_as_they_come(home: Path) -> None:
    seen: list[str] = []

    def answer(count: int, body: dict[str, Any]) -> tuple[int, str]:
        seen.append(body["messages"][-1]["content"])
        return (400, "no more money") if len(seen) == 3 else (200, f"Answer {len(seen)}.")

    many = Benchmark("own", [f"Sentence {n}." for n in range(5)], [["x"]] * 5, "paraphrase")
    with serving(answer) as server:
        one = system(system="chat", base_url=server.url, model="big", workers=1)
        with pytest.raises(UserError, match="answers 400"):
            write(one, many)
        texts = write(one, many).texts
    assert texts[:2] == ["Answer 1.", "Answer 2."]
    first = [question for question in seen if question.endswith(("Sentence 0.", "Sentence 1."))]
    assert len(first) == 2
    assert len({*texts}) == len({*seen}) == 5


def test_servers_that_call_their_models_the_same_are_told_apart(home: Path) -> None:
    with serving(lambda count, body: (200, "One.")) as first, serving(lambda count, body: (200, "Two.")) as second:
        systems = [system(system="chat", base_url=server.url, model="default") for server in (first, second)]
        assert [write(one).texts for one in systems] == [["One.", "One."], ["Two.", "Two."]]


def test_a_student_refuses_what_it_was_not_trained_on(tiny_causal: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_causal, tmp_path / "student")
    contracts.write(Contract(tasks=("paraphrase",)), folder)
    one = system(system="student", model=str(folder))
    one.check(PARAPHRASES, GREEDY)
    for settings, benchmark, message in (
        ({}, SUMMARIES, "task summary: this student was trained on paraphrase alone"),
        ({"exemplar": True}, PARAPHRASES, "task control: this student was trained on paraphrase alone"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            system(system="student", model=str(folder), **settings).check(benchmark, GREEDY)
        one_line(caught)
    contracts.write(Contract(tasks=("summary",)), folder)
    with pytest.raises(UserError, match="not trained on summaries of a given length"):
        system(system="student", model=str(folder), ratio=0.5).check(SUMMARIES, GREEDY)


def test_what_writes_other_texts_has_another_key(tiny_causal: Path, examples: Path) -> None:
    folder = str(tiny_causal)
    base: dict[str, Any] = {"system": "instruct", "model": folder}
    keys = [
        system(**base).key,
        system(**base, request="Otherwise.").key,
        system(**base, shots=2, examples=str(examples)).key,
        system(**base, shots=2, examples=str(examples), seed=1).key,
        system(system="model", model=folder).key,
        system(system="model", model=folder, prompt="Otherwise: {source}").key,
        system(system="student", model=folder).key,
    ]
    assert len({json.dumps(key, sort_keys=True) for key in keys}) == len(keys)
    assert system(**base).key == system(name="another row", **base).key
