"""The systems that are compared: what each writes for the sources of a benchmark."""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from lemonpress.chat import Chat
from lemonpress.engine.local import Tick
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark, load
from lemonpress.metrics.efficiency import parameters
from lemonpress.reading import json_rows
from lemonpress.recipes import digest
from lemonpress.recipes.evaluation import (
    Asked,
    ChatModel,
    CopyInput,
    DecodingSettings,
    FirstWords,
    InstructModel,
    Lead,
    Predictions,
    PromptedModel,
    RoundTrip,
    StudentSystem,
    SystemSettings,
)
from lemonpress.sources import Model, file_digest, resolve
from lemonpress.students import contract as contracts
from lemonpress.students.generate import Student, Writer, ZeroShot
from lemonpress.students.prompts import chat_messages, parse
from lemonpress.weights import language_model_kind, ordinary_folder

_HOLE = re.compile(r"\{(source|words|exemplar)\}")


@dataclass(frozen=True)
class Written:
    """What a system wrote for a benchmark.

    Attributes:
        texts: One for each source.
        parameters: Of the models that wrote, shared weights counted once; None where that is not known.
        tokens: Written in all, by the tokenizer of the model that wrote them; None as before.
        seconds: Of writing, without loading; None as before.
    """

    texts: list[str]
    parameters: int | None = None
    tokens: int | None = None
    seconds: float | None = None


Write = Callable[[Benchmark, DecodingSettings, Tick], Written]
"""Rewrites the sources of a benchmark, and reports progress in sentences."""


@dataclass(frozen=True)
class System:
    """A system under comparison.

    Attributes:
        name: Row of the table.
        key: What identifies it: kind, weights and prompts. Equal keys write equal texts, decoding alike.
        load: Gives what rewrites the sources of a benchmark; loads the model.
        decodes: Whether decoding settings change what it writes.
        repo: Hub id of the model that writes, for `model-index`; None where it is on no Hub.
        refuses: Why it cannot rewrite a benchmark, in one line; None where it can.
    """

    name: str
    key: Mapping[str, Any]
    load: Callable[[], Write]
    decodes: bool = False
    repo: str | None = None
    refuses: Callable[[Benchmark, DecodingSettings], str | None] = lambda benchmark, decoding: None

    def check(self, benchmark: Benchmark, decoding: DecodingSettings) -> None:
        """Refuse a benchmark that this system cannot rewrite, before anything is written.

        Raises:
            UserError: It cannot.
        """
        reason = self.refuses(benchmark, decoding)
        if reason is not None:
            raise UserError(f"system {self.name}: {reason}")


def open_system(name: str, settings: SystemSettings) -> System:
    """Find a system and make sure that it can be used; models load later.

    Args:
        name: Row of the table.
        settings: Which system.

    Raises:
        UserError: A model or file cannot be found, or is none of what the system needs.
    """
    match settings:
        case CopyInput():
            return System(name, {"system": "copy"}, lambda: _copy)
        case FirstWords(words=words):
            return System(name, {"system": "first_words", "words": words}, lambda: partial(_first_words, words))
        case Lead(characters=characters):
            return System(name, {"system": "lead", "characters": characters}, lambda: partial(_lead, characters))
        case Predictions():
            return _given(name, settings)
        case StudentSystem():
            return _student(name, settings)
        case PromptedModel():
            return _prompted(name, settings)
        case InstructModel():
            return _instruct(name, settings)
        case ChatModel():
            return _chat(name, settings)
        case RoundTrip():
            return _round_trip(name, settings)


def student_system(name: str, folder: Path, repo: str | None = None, ratio: float | None = None) -> System:
    """A student whose weights lie in a folder.

    Args:
        name: Row of the table.
        folder: Merged weights, tokenizer and ``student.json``.
        repo: Its Hub id, if it is released.
        ratio: Of the words of a summary to its source's; the student chooses by default.
    """
    from lemonpress.students.tree import kind_of

    key = {
        "system": "student",
        "weights": file_digest(folder / "model.safetensors"),
        "prompts": digest(dict(contracts.read(folder, kind_of(folder)).formats)),
        "ratio": ratio,
    }

    def opened() -> Write:
        return partial(_write_student, Student.load(folder), ratio)

    return System(name, key, opened, decodes=True, repo=repo, refuses=partial(_needs, ratio, False))


def instruct_system(name: str, model: Model, settings: Asked) -> System:
    """An instruct model on this machine, asked without training."""
    asking = _Asking.of(settings, f"system {name}")
    key = {"system": "instruct", "weights": model.commit, "asking": asking.key}
    refuses = partial(_needs, settings.ratio, settings.exemplar)

    def opened() -> Write:
        return partial(_write_instruct, ZeroShot.load(ordinary_folder(model)), asking)

    return System(name, key, opened, decodes=True, repo=_repo(model), refuses=refuses)


def _copy(benchmark: Benchmark, decoding: DecodingSettings, tick: Tick) -> Written:
    return Written(list(benchmark.sources))


def _first_words(words: int, benchmark: Benchmark, decoding: DecodingSettings, tick: Tick) -> Written:
    return Written([" ".join(source.split()[:words]) for source in benchmark.sources])


def _lead(characters: int | None, benchmark: Benchmark, decoding: DecodingSettings, tick: Tick) -> Written:
    import sentencex

    texts = []
    for source in benchmark.sources:
        text = " ".join(source.split()) if characters else str(next(iter(sentencex.segment("en", source)))).strip()
        if characters and len(text) > characters:
            whole = text[: characters + 1].rpartition(" ")[0]
            text = whole or text[:characters]
        texts.append(text)
    return Written(texts)


def _given(name: str, settings: Predictions) -> System:
    where, file = f"system {name}", Path(settings.path)
    if not file.is_file():
        raise UserError(f"{where}: no file {file}; give JSON lines with a {settings.column} for each row")
    texts = []
    for place, row in json_rows(file, where):
        text = row.get(settings.column)
        if not isinstance(text, str):
            raise UserError(f"{where}: {file}, {place}: {settings.column} holds {text!r:.40}; give a text, "
                            "an empty one where there is none")  # fmt: skip
        texts.append(" ".join(text.split()))

    def refuses(benchmark: Benchmark, decoding: DecodingSettings) -> str | None:
        if len(texts) == len(benchmark.sources):
            return None
        return f"{file} has {len(texts)} rows and {benchmark.name} has {len(benchmark.sources)}; give one for each"

    key = {"system": "predictions", "texts": digest(texts)}
    return System(name, key, lambda: lambda benchmark, decoding, tick: Written(list(texts)), refuses=refuses)


def _student(name: str, settings: StudentSystem) -> System:
    model = resolve(settings.model, settings.revision, where=f"system {name}")
    language_model_kind(model, f"system {name}")
    return student_system(name, ordinary_folder(model), _repo(model), settings.ratio)


def _write_student(
    student: Student, ratio: float | None, benchmark: Benchmark, decoding: DecodingSettings, tick: Tick
) -> Written:
    words = None if ratio is None else [_words(source, ratio) for source in benchmark.sources]
    # Each number of words is a prompt of its own kind, so rows of one number go together.
    groups = {None: list(range(len(benchmark.sources)))} if words is None else _grouped(words)
    texts = [""] * len(benchmark.sources)
    started = time.perf_counter()
    for number, places in groups.items():
        sources = [benchmark.sources[place] for place in places]
        written = student.generate(benchmark.task, sources, words=number, progress=tick, **_decoded(decoding))
        for place, candidates in zip(places, written, strict=True):
            texts[place] = candidates[0]
    return _counted(texts, student, started)


def _prompted(name: str, settings: PromptedModel) -> System:
    where = f"system {name}"
    model = resolve(settings.model, settings.revision, where=where)
    language_model_kind(model, where)
    key = {"system": "model", "weights": model.commit, "prompt": settings.prompt, "ratio": settings.ratio}
    refuses = partial(_needs, settings.ratio, "{exemplar}" in settings.prompt)

    def opened() -> Write:
        return partial(_write_prompted, Writer.load(ordinary_folder(model)), settings)

    return System(name, key, opened, decodes=True, repo=_repo(model), refuses=refuses)


def _write_prompted(
    writer: Writer, settings: PromptedModel, benchmark: Benchmark, decoding: DecodingSettings, tick: Tick
) -> Written:
    prompts = [
        _fill(settings.prompt, source, settings.ratio, exemplar)
        for source, exemplar in zip(benchmark.sources, _exemplars(benchmark), strict=True)
    ]
    return _answered(writer, prompts, decoding, tick)


def _instruct(name: str, settings: InstructModel) -> System:
    model = resolve(settings.model, settings.revision, where=f"system {name}")
    language_model_kind(model, f"system {name}")
    return instruct_system(name, model, settings)


def _write_instruct(
    writer: ZeroShot, asking: "_Asking", benchmark: Benchmark, decoding: DecodingSettings, tick: Tick
) -> Written:
    prompts = [writer.chat_prompt(messages) for messages in asking.messages(benchmark)]
    return _answered(writer, prompts, decoding, tick)


def _chat(name: str, settings: ChatModel) -> System:
    asking = _Asking.of(settings, f"system {name}")
    chat = Chat(settings.base_url, settings.model, os.environ.get("OPENAI_API_KEY"))
    key = {"system": "chat", "url": settings.base_url, "model": settings.model, "asking": asking.key}

    def write(benchmark: Benchmark, decoding: DecodingSettings, tick: Tick) -> Written:
        temperature = decoding.temperature if decoding.method == "sample" else 0.0

        def ask(messages: list[dict[str, str]]) -> str:
            text = parse(chat.ask(messages, decoding.max_new_tokens, temperature))
            tick(1)
            return text

        with ThreadPoolExecutor(settings.workers) as pool:
            return Written(list(pool.map(ask, asking.messages(benchmark))))

    def refuses(benchmark: Benchmark, decoding: DecodingSettings) -> str | None:
        if decoding.method == "beam":
            return "a server searches no beams; decode greedily or by samples"
        return _needs(settings.ratio, settings.exemplar, benchmark, decoding)

    return System(name, key, lambda: write, decodes=True, refuses=refuses)


def _round_trip(name: str, settings: RoundTrip) -> System:
    where = f"system {name}"
    there = resolve(settings.there, settings.there_revision, where=f"{where}.there")
    back = resolve(settings.back, settings.back_revision, where=f"{where}.back")
    for model in (there, back):
        if language_model_kind(model, where) != "seq2seq":
            raise UserError(f"{where}: {model.id} is no encoder-decoder model; give translation models")
    prompts = (settings.there_prompt, settings.back_prompt)
    for prompt in prompts:
        if "{source}" not in prompt:
            raise UserError(f"{where}: prompt {prompt!r} lacks {{source}}; write where the sentence goes")
    key = {"system": "round_trip", "weights": [there.commit, back.commit], "prompts": list(prompts)}

    def opened() -> Write:
        loaded = [Writer.load(ordinary_folder(model)) for model in (there, back)]
        return partial(_write_there_and_back, loaded, prompts)

    return System(name, key, opened, decodes=True)


def _write_there_and_back(
    writers: Sequence[Writer], prompts: Sequence[str], benchmark: Benchmark, decoding: DecodingSettings, tick: Tick
) -> Written:
    texts = list(benchmark.sources)
    parts: list[Written] = []
    # Each sentence counts as rewritten when it is back.
    for writer, prompt, seen in zip(writers, prompts, (_unseen, tick), strict=True):
        filled = [prompt.replace("{source}", " ".join(text.split())) for text in texts]
        parts.append(_answered(writer, filled, decoding, seen))
        texts = parts[-1].texts
    return Written(
        texts,
        sum(part.parameters or 0 for part in parts),
        sum(part.tokens or 0 for part in parts),
        sum(part.seconds or 0.0 for part in parts),
    )


@dataclass(frozen=True)
class _Asking:
    """The turns of a chat for each row of a benchmark."""

    settings: Asked
    shots: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, settings: Asked, where: str) -> "_Asking":
        """Draw the examples, if any are to be shown.

        Raises:
            UserError: Their file cannot be read, or has too few rows.
        """
        if settings.examples is None:
            return cls(settings, ())
        file = Path(settings.examples)
        # The file says by the name of its field whether its references are paraphrases or summaries.
        summaries = any("summary" in row for _, row in json_rows(file, where)) if file.is_file() else False
        shown = load(file, "summary" if summaries else "paraphrase")
        if len(shown.sources) < settings.shots:
            raise UserError(
                f"{where}: {file} has {len(shown.sources)} rows for {settings.shots} shots; give a longer one"
            )
        chosen = np.random.default_rng(settings.seed).permutation(len(shown.sources))[: settings.shots]
        return cls(settings, [(shown.sources[place], shown.references[place][0]) for place in chosen])

    @property
    def key(self) -> dict[str, Any]:
        first = {task: chat_messages(task, "{source}")[0]["content"] for task in ("paraphrase", "summary")}
        return {
            "settings": self.settings.model_dump(include=set(Asked.model_fields)),
            "shots": list(self.shots),
            "ours": first,
        }

    def messages(self, benchmark: Benchmark) -> list[list[dict[str, str]]]:
        """The turns for each row: examples, then the question."""
        examples = [
            turn
            for source, answer in self.shots
            for turn in (
                {"role": "user", "content": self._question(benchmark, source, None, answer)},
                {"role": "assistant", "content": " ".join(answer.split())},
            )
        ]
        return [
            [*examples, {"role": "user", "content": self._question(benchmark, source, exemplar, None)}]
            for source, exemplar in zip(benchmark.sources, _exemplars(benchmark), strict=True)
        ]

    def _question(self, benchmark: Benchmark, source: str, exemplar: str | None, answer: str | None) -> str:
        asked = chat_messages(benchmark.task, source)[0]["content"]
        if self.settings.request is not None:
            asked = f"{self.settings.request}\n\n{' '.join(source.split())}"
        if self.settings.ratio is not None:
            # An example's answer is as long as it is.
            words = _words(source, self.settings.ratio) if answer is None else len(answer.split())
            asked = f"Use about {words} words. {asked}"
        if self.settings.exemplar:
            follow = (exemplar if answer is None else answer) or ""
            asked = f"Follow the syntax of this sentence: {' '.join(follow.split())}\n\n{asked}"
        return asked


def _exemplars(benchmark: Benchmark) -> Sequence[str | None]:
    return benchmark.exemplars or [None] * len(benchmark.sources)


def _needs(ratio: float | None, exemplar: bool, benchmark: Benchmark, decoding: DecodingSettings) -> str | None:
    """Why what is asked of each row cannot be asked of a benchmark's."""
    if ratio is not None and benchmark.task != "summary":
        return f"a ratio is asked of summaries, and {benchmark.name} has paraphrases; remove it"
    if exemplar and benchmark.exemplars is None:
        return f"it follows exemplars, and {benchmark.name} has none; give data with the field exemplar"
    return None


def _fill(prompt: str, source: str, ratio: float | None, exemplar: str | None) -> str:
    filled = {
        "source": " ".join(source.split()),
        "words": "" if ratio is None else str(_words(source, ratio)),
        "exemplar": " ".join((exemplar or "").split()),
    }
    return _HOLE.sub(lambda hole: filled[hole[1]], prompt)


def _words(source: str, ratio: float) -> int:
    return max(1, round(ratio * len(source.split())))


def _grouped(words: Sequence[int]) -> dict[int | None, list[int]]:
    groups: dict[int | None, list[int]] = {}
    for place, number in enumerate(words):
        groups.setdefault(number, []).append(place)
    return groups


class _Decoded(TypedDict, total=False):
    greedy: bool
    beams: int
    temperature: float
    top_p: float
    seed: int
    max_new_tokens: int


def _decoded(decoding: DecodingSettings) -> _Decoded:
    """Decoding settings as arguments of `generate`."""
    match decoding.method:
        case "greedy":
            return {"greedy": True, "max_new_tokens": decoding.max_new_tokens}
        case "beam":
            return {"beams": decoding.beams, "max_new_tokens": decoding.max_new_tokens}
        case "sample":
            return {
                "temperature": decoding.temperature,
                "top_p": decoding.top_p,
                "seed": decoding.seed,
                "max_new_tokens": decoding.max_new_tokens,
            }


def _answered(writer: Writer, prompts: Sequence[str], decoding: DecodingSettings, tick: Tick) -> Written:
    started = time.perf_counter()
    written = writer.answer(prompts, progress=tick, **_decoded(decoding))
    return _counted([candidates[0] for candidates in written], writer, started)


def _counted(texts: list[str], writer: Writer, started: float) -> Written:
    seconds = time.perf_counter() - started
    tokens = writer.tokenizer(texts, add_special_tokens=False)["input_ids"]
    return Written(texts, parameters(writer.model), sum(map(len, tokens)), seconds)


def _unseen(count: int) -> None:
    """Progress that nobody is shown."""


def _repo(model: Model) -> str | None:
    """The Hub id of a model; None for a folder or package."""
    return model.id if "/" in model.id and not model.commit.startswith("sha256:") else None
