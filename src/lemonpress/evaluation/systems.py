"""The systems that are compared, found and checked by their settings."""

import re
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lemonpress.engine.local import Tick
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.chats import open_chat, open_instruct
from lemonpress.evaluation.translation import open_round_trip
from lemonpress.evaluation.writing import (
    System,
    Write,
    Written,
    answered,
    counted,
    decoded,
    exemplars_of,
    needs,
    repo_of,
)
from lemonpress.reading import json_rows
from lemonpress.recipes import digest
from lemonpress.recipes.evaluation import (
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
from lemonpress.sources import resolve
from lemonpress.splitting import words_of
from lemonpress.students import contract as contracts
from lemonpress.students.control import follow
from lemonpress.students.generate import Student, Writer
from lemonpress.weights import language_model_kind, ordinary_folder

_HOLE = re.compile(r"\{(source|words|exemplar)\}")


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
            return open_instruct(name, settings)
        case ChatModel():
            return open_chat(name, settings)
        case RoundTrip():
            return open_round_trip(name, settings)


def student_system(
    name: str,
    folder: Path,
    repo: str | None = None,
    ratio: float | None = None,
    exemplar: bool = False,
    commit: str | None = None,
) -> System:
    """A student whose weights lie in a folder.

    Args:
        name: Row of the table.
        folder: Merged weights, tokenizer and ``student.json``.
        repo: Its Hub id, if it is released.
        ratio: Of the words of a summary to its source's; the student chooses by default.
        exemplar: Follow the syntax of each row's exemplar (task control; paper, section 4.3).
        commit: What names its files; their digest by default.
    """
    from lemonpress.students.tree import kind_of

    contract = contracts.read(folder, kind_of(folder))
    key = {
        "system": "student",
        "weights": commit or resolve(str(folder.absolute()), where=f"system {name}").commit,
        "prompts": digest(dict(contract.formats)),
        "ratio": ratio,
        "exemplar": exemplar,
    }

    def opened() -> Write:
        return partial(_write_student, Student.load(folder), ratio, exemplar)

    def refuses(benchmark: Benchmark, decoding: DecodingSettings) -> str | None:
        contract.check("control" if exemplar else benchmark.task, None if ratio is None else 1)
        return needs(ratio, exemplar, benchmark, decoding)

    return System(name, key, opened, decodes=True, repo=repo, refuses=refuses)


def _copy(benchmark: Benchmark, decoding: DecodingSettings, tick: Tick) -> Written:
    return Written(list(benchmark.sources))


def _first_words(words: int, benchmark: Benchmark, decoding: DecodingSettings, tick: Tick) -> Written:
    return Written([" ".join(source.split()[:words]) for source in benchmark.sources])


def _lead(characters: int | None, benchmark: Benchmark, decoding: DecodingSettings, tick: Tick) -> Written:
    import sentencex

    texts = []
    for source in benchmark.sources:
        text = " ".join(source.split()) if characters else str(next(iter(sentencex.segment("en", source)), "")).strip()
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
    return System(
        name, key, lambda: lambda benchmark, decoding, tick: Written(list(texts)), rewrites=False, refuses=refuses
    )


def _student(name: str, settings: StudentSystem) -> System:
    model = resolve(settings.model, settings.revision, where=f"system {name}")
    language_model_kind(model, f"system {name}")
    folder = ordinary_folder(model)
    return student_system(name, folder, repo_of(model), settings.ratio, settings.exemplar, model.commit)


def _write_student(
    student: Student,
    ratio: float | None,
    exemplar: bool,
    benchmark: Benchmark,
    decoding: DecodingSettings,
    tick: Tick,
) -> Written:
    if exemplar:
        started = time.perf_counter()
        trees = follow(benchmark.exemplars or [], None, student.contract)
        led = student.generate("control", benchmark.sources, trees=trees, progress=tick, **decoded(decoding))
        return counted([candidates[0] for candidates in led], student, started)
    words = None if ratio is None else [words_of(source, ratio) for source in benchmark.sources]
    # Each number of words is a prompt of its own kind, so rows of one number go together.
    groups = {None: list(range(len(benchmark.sources)))} if words is None else _grouped(words)
    texts = [""] * len(benchmark.sources)
    started = time.perf_counter()
    for number, places in groups.items():
        sources = [benchmark.sources[place] for place in places]
        written = student.generate(benchmark.task, sources, words=number, progress=tick, **decoded(decoding))
        for place, candidates in zip(places, written, strict=True):
            texts[place] = candidates[0]
    return counted(texts, student, started)


def _grouped(words: Sequence[int]) -> dict[int | None, list[int]]:
    groups: dict[int | None, list[int]] = {}
    for place, number in enumerate(words):
        groups.setdefault(number, []).append(place)
    return groups


def _prompted(name: str, settings: PromptedModel) -> System:
    where = f"system {name}"
    model = resolve(settings.model, settings.revision, where=where)
    language_model_kind(model, where)
    key = {"system": "model", "weights": model.commit, "prompt": settings.prompt, "ratio": settings.ratio}
    refuses = partial(needs, settings.ratio, "{exemplar}" in settings.prompt)

    def opened() -> Write:
        return partial(_write_prompted, Writer.load(ordinary_folder(model)), settings)

    return System(name, key, opened, decodes=True, repo=repo_of(model), refuses=refuses)


def _write_prompted(
    writer: Writer, settings: PromptedModel, benchmark: Benchmark, decoding: DecodingSettings, tick: Tick
) -> Written:
    prompts = [
        _fill(settings.prompt, source, settings.ratio, exemplar)
        for source, exemplar in zip(benchmark.sources, exemplars_of(benchmark), strict=True)
    ]
    return answered(writer, prompts, decoding, tick)


def _fill(prompt: str, source: str, ratio: float | None, exemplar: str | None) -> str:
    filled = {
        "source": " ".join(source.split()),
        "words": "" if ratio is None else str(words_of(source, ratio)),
        "exemplar": " ".join((exemplar or "").split()),
    }
    return _HOLE.sub(lambda hole: filled[hole[1]], prompt)
