"""Instruct models that are asked, zero-shot or with examples: on this machine, or behind a server."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.asking.answers import Answers, ask_stored
from lemonpress.asking.chat import Chat
from lemonpress.asking.questions import Message, Question
from lemonpress.engine.local import Tick
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark, load
from lemonpress.evaluation.writing import System, Write, Written, answered, exemplars_of, needs, repo_of
from lemonpress.home import home
from lemonpress.recipes import Task
from lemonpress.recipes.evaluation import Asked, ChatModel, DecodingSettings, InstructModel
from lemonpress.sources import Model, file_digest, resolve
from lemonpress.splitting import words_of
from lemonpress.students.generate import ZeroShot
from lemonpress.students.prompts import chat_messages, parse
from lemonpress.weights import language_model_kind, ordinary_folder


def instruct_system(name: str, model: Model, settings: Asked) -> System:
    """An instruct model on this machine, asked without training."""
    asking = _Asking(settings, f"system {name}")
    key = {"system": "instruct", "weights": model.commit, "asking": asking.key}

    def opened() -> Write:
        return partial(_write_instruct, ZeroShot.load(ordinary_folder(model)), asking)

    return System(name, key, opened, decodes=True, repo=repo_of(model), refuses=asking.refuses)


def open_instruct(name: str, settings: InstructModel) -> System:
    """Find an instruct model on this machine or the Hub."""
    model = resolve(settings.model, settings.revision, where=f"system {name}")
    language_model_kind(model, f"system {name}")
    return instruct_system(name, model, settings)


def _write_instruct(
    writer: ZeroShot, asking: "_Asking", benchmark: Benchmark, decoding: DecodingSettings, tick: Tick
) -> Written:
    prompts = [writer.chat_prompt(messages) for messages in asking.messages(benchmark)]
    return answered(writer, prompts, decoding, tick)


def open_chat(name: str, settings: ChatModel) -> System:
    """An instruct model behind a server, which is first asked when it writes."""
    asking = _Asking(settings, f"system {name}")
    # Servers often give the same name to different weights, such as "default".
    identity = f"{settings.model} at {settings.base_url.rstrip('/')}"
    chat = Chat(settings.base_url, settings.model, os.environ.get("OPENAI_API_KEY"), identity=identity)
    key = {"system": "chat", "url": settings.base_url, "model": settings.model, "asking": asking.key}

    def write(benchmark: Benchmark, decoding: DecodingSettings, tick: Tick) -> Written:
        questions = [_question(turns, decoding) for turns in asking.messages(benchmark)]
        texts = []
        # Answers may have cost money: they are kept with those of the teachers, and asked once.
        with Answers(home() / "answers.sqlite") as answers:
            for _, reply in ask_stored(
                chat,
                answers,
                questions,
                workers=settings.workers,
                label=f"{benchmark.name} by {name}",
                unit="answer",
                total=len(questions),
            ):
                texts.append(parse(reply.texts[0]))
                tick(1)
        return Written(texts)

    def refuses(benchmark: Benchmark, decoding: DecodingSettings) -> str | None:
        if decoding.method == "beam":
            return "a server searches no beams; decode greedily or by samples"
        return asking.refuses(benchmark, decoding)

    return System(name, key, lambda: write, decodes=True, recalls=True, refuses=refuses)


def _question(turns: list[dict[str, str]], decoding: DecodingSettings) -> Question:
    sampling: dict[str, Any] = {}
    if decoding.method == "sample":
        sampling = {"temperature": decoding.temperature, "top_p": decoding.top_p, "seed": decoding.seed}
    return Question(tuple(Message(**turn) for turn in turns), max_tokens=decoding.max_new_tokens, **sampling)


@dataclass(frozen=True)
class _Asking:
    """The turns of a chat for each row of a benchmark."""

    settings: Asked
    where: str

    def __post_init__(self) -> None:
        examples = self.settings.examples
        if examples is not None and not Path(examples).is_file():
            raise UserError(f"{self.where}: no file {examples} of examples; give JSON lines of source and reference")

    @property
    def key(self) -> dict[str, Any]:
        """What identifies the questions."""
        first = {task: chat_messages(task, "{source}")[0]["content"] for task in ("paraphrase", "summary")}
        examples = None if self.settings.examples is None else file_digest(Path(self.settings.examples))
        settings = self.settings.model_dump(include=set(Asked.model_fields) - {"examples"})
        return {"settings": settings, "examples": examples, "ours": first}

    def refuses(self, benchmark: Benchmark, decoding: DecodingSettings) -> str | None:
        """Why the questions cannot be put; the examples are drawn for a try."""
        shots = self._shots(benchmark)
        shared = {source for source, *_ in shots} & set(benchmark.sources)
        if shared:
            return f"{self.settings.examples} shows rows of {benchmark.name} itself; give other examples"
        return needs(self.settings.ratio, self.settings.exemplar, benchmark, decoding)

    def messages(self, benchmark: Benchmark) -> list[list[dict[str, str]]]:
        """The turns for each row: examples, then the question."""
        task = benchmark.task
        examples = [
            turn
            for source, exemplar, answer in self._shots(benchmark)
            for turn in (
                {"role": "user", "content": self._question(task, source, exemplar, len(answer.split()))},
                {"role": "assistant", "content": " ".join(answer.split())},
            )
        ]
        ratio = self.settings.ratio
        return [
            [
                *examples,
                {
                    "role": "user",
                    "content": self._question(task, source, exemplar, 0 if ratio is None else words_of(source, ratio)),
                },
            ]
            for source, exemplar in zip(benchmark.sources, exemplars_of(benchmark), strict=True)
        ]

    def _shots(self, benchmark: Benchmark) -> list[tuple[str, str | None, str]]:
        """Source, exemplar and answer of each example.

        Raises:
            UserError: Their file cannot be read, has too few rows, or lacks the exemplars that are asked for.
        """
        if self.settings.examples is None:
            return []
        shown = load(Path(self.settings.examples), benchmark.task)
        shots = self.settings.shots
        if len(shown.sources) < shots:
            raise UserError(
                f"{self.where}: {self.settings.examples} has {len(shown.sources)} rows for {shots} shots; "
                "give a longer file"
            )
        if self.settings.exemplar and shown.exemplars is None:
            raise UserError(f"{self.where}: the rows of {self.settings.examples} have no exemplar; give some that do")
        chosen = np.random.default_rng(self.settings.seed).permutation(len(shown.sources))[:shots]
        led = exemplars_of(shown)
        return [(shown.sources[place], led[place], shown.references[place][0]) for place in chosen]

    def _question(self, task: Task, source: str, exemplar: str | None, words: int) -> str:
        asked = chat_messages(task, source)[0]["content"]
        if self.settings.request is not None:
            asked = f"{self.settings.request}\n\n{' '.join(source.split())}"
        if self.settings.ratio is not None:
            asked = f"Use about {words} words. {asked}"
        if self.settings.exemplar:
            asked = f"Follow the syntax of this sentence: {' '.join((exemplar or '').split())}\n\n{asked}"
        return asked
