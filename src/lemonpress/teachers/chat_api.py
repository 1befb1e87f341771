"""A language model behind a server as teacher: it rewrites sentences, or continues contexts; every answer is kept."""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lemonpress.asking.answers import Answers, ask_stored
from lemonpress.asking.batch_api import BatchApi
from lemonpress.asking.batches import are_in_batches, ask_in_batches, fetch_from_batches
from lemonpress.asking.chat import Chat
from lemonpress.asking.questions import Message, Question
from lemonpress.asking.spending import Budget, Estimate, Prices, Spending, estimate
from lemonpress.home import home
from lemonpress.recipes import ChatTeacherSettings, RewritingSettings, SentenceSettings, Task
from lemonpress.rows import SENTENCES
from lemonpress.sentences import press
from lemonpress.teachers.answers_text import read_answer
from lemonpress.teachers.rewriting import messages_for, schema_for, sentences_row

_SAMPLE = 8  # questions that an estimate is made from
_SEEDS = 1 << 31


@dataclass(frozen=True)
class Limit:
    """What a run may spend, with the runs before it that asked the same model.

    Attributes:
        dollars: None for any sum.
        tokens: Read and written; None for any number.
    """

    dollars: float | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class ChatTeacher:
    """A model behind a server, with its answers so far and what may be spent; see `open_teacher`."""

    chat: Chat
    answers: Answers
    workers: int
    budget: Budget
    batch: bool = False

    def check(self, like: Question) -> None:
        """See that the server, its key, the model and, where it is wanted, the batch API are there.

        Args:
            like: One of the questions.

        Raises:
            UserError: They are not.
        """
        if self.batch:
            BatchApi(self.chat).check()
        self.chat.check(like)

    def ask_ahead(self, questions: Sequence[Question]) -> None:
        """Have the answers to many questions stored before they are wanted, where they are asked in batches.

        Args:
            questions: All that will be asked, so that few batches hold them.

        Raises:
            UserError: The server refuses or fails, or the budget is reached.
        """
        if self.batch:
            for _ in ask_in_batches(self.chat, self.answers, questions, budget=self.budget):
                pass

    def rewrite(
        self, contexts: pa.Table, settings: RewritingSettings, task: Task, seed: int, tick: Callable[[int], object]
    ) -> pa.Table:
        """Ask for rewritings of every sentence.

        Args:
            contexts: Rows of `rows.CONTEXTS`, each context a sentence.
            settings: Prompt, number and decoding.
            task: paraphrase or summary.
            seed: Of the recipe.
            tick: Told of every sentence done.

        Returns:
            Rows of `rows.SENTENCES`: the sentence, then its candidates.

        Raises:
            UserError: The server refuses or fails, or the budget is reached.
        """
        asked = contexts.to_pylist()
        questions = [rewriting_question(settings, row["context"], task, seed) for row in asked]
        rows = []
        for row, texts, finish in zip(asked, *self._ask(questions), strict=True):
            answers = [read_answer(text, settings.n, why) for text, why in zip(texts, finish, strict=True)]
            rows.append(sentences_row(row, answers))
            tick(1)
        return pa.Table.from_pylist(rows, schema=SENTENCES)

    def continue_contexts(
        self, contexts: pa.Table, settings: SentenceSettings, seed: int, tick: Callable[[int], object]
    ) -> pa.Table:
        """Sample the next sentences of every context, by the server's completions (paper, section 3.1).

        Args:
            contexts: Rows of `rows.CONTEXTS`.
            settings: k and sampling.
            seed: Of the recipe.
            tick: Told of every context done.

        Returns:
            Rows of `rows.SENTENCES`.

        Raises:
            UserError: The server refuses or fails, or the budget is reached.
        """
        asked = contexts.to_pylist()
        questions = [continuation_question(settings, row["context"], seed) for row in asked]
        rows = []
        for row, texts, finish in zip(asked, *self._ask(questions), strict=True):
            pool = press([_ended(text, why) for text, why in zip(texts, finish, strict=True)])
            dropped = list(pool.dropped.items())
            rows.append(
                {**row, "sentences": pool.sentences, "counts": pool.counts, "sampled": settings.k, "dropped": dropped}
            )
            tick(1)
        return pa.Table.from_pylist(rows, schema=SENTENCES)

    def estimate(self, questions: Sequence[Question]) -> Estimate | None:
        """What all questions will take, from some of them, whose answers are kept; None where those are known.

        The sample is asked without a batch; its prices are taken to be those of the recipe all the same. Where all are
        asked so, what ended batches of earlier runs hold for them is stored first.

        Args:
            questions: All of them.

        Raises:
            UserError: The server refuses or fails, the budget is reached, or some are in a batch that is under way and
                would be paid twice.
        """
        if not self.batch:
            fetch_from_batches(self.chat, self.answers, questions, self.budget)
        chosen = random.Random(len(questions)).sample(range(len(questions)), min(_SAMPLE, len(questions)))
        sample = [questions[at] for at in chosen]
        if len(sample) < 2 or any(self.answers.get(self.chat.key(one)) for one in sample):
            return None
        if self.batch and are_in_batches(self.chat, self.answers, sample):
            return None  # they are paid
        started = time.monotonic()
        replies = list(ask_stored(self.chat, self.answers, sample, workers=self.workers, budget=self.budget))
        seconds = None if self.batch else time.monotonic() - started
        return estimate(replies, len(questions), seconds, self.budget.spending.prices)

    def _ask(self, questions: Sequence[Question]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        self.ask_ahead(questions)
        replies = [
            reply
            for _, reply in ask_stored(
                self.chat,
                self.answers,
                questions,
                workers=self.workers,
                budget=self.budget,
                label="answers",
                total=len(questions),
            )
        ]
        return [reply.texts for reply in replies], [reply.finish for reply in replies]


@contextmanager
def open_teacher(settings: ChatTeacherSettings, limit: Limit) -> Iterator[ChatTeacher]:
    """A teacher whose answers are kept in ``home()/answers.sqlite``, for every run that asks the same.

    Args:
        settings: Server, model, prices.
        limit: What may be spent.

    Raises:
        UserError: Dollars are limited and no price is given, or the file cannot be used.
    """
    with Answers(home() / "answers.sqlite") as answers:
        chat = chat_of(settings)
        prices = Prices(*settings.dollars_per_million) if settings.dollars_per_million else None
        budget = Budget(Spending(prices, answers.used(chat.weights)), limit.dollars, limit.tokens)
        yield ChatTeacher(chat, answers, settings.workers, budget, settings.batch)


def chat_of(settings: ChatTeacherSettings) -> Chat:
    """The server and model of some settings, with the key of ``OPENAI_API_KEY``."""
    identity = None if settings.revision is None else f"{settings.model}@{settings.revision}"
    key = os.environ.get("OPENAI_API_KEY")
    return Chat(settings.base_url, settings.model, key, stream=settings.stream, identity=identity)


def rewriting_question(settings: RewritingSettings, sentence: str, task: Task, seed: int) -> Question:
    """What a server is asked for rewritings of a sentence."""
    turns = tuple(Message(**turn) for turn in messages_for(settings, sentence, task))
    return Question(
        turns,
        max_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        n=settings.samples,
        seed=seed % _SEEDS,
        schema=schema_for(settings.n) if settings.structured else None,
    )


def continuation_question(settings: SentenceSettings, context: str, seed: int) -> Question:
    """What a server is asked for the next sentences of a context."""
    sampling: dict[str, Any] = {"temperature": settings.temperature, "top_p": settings.top_p}
    return Question(prompt=context, max_tokens=settings.max_new_tokens, n=settings.k, seed=seed % _SEEDS, **sampling)


def _ended(text: str, finish: str) -> str:
    """A sample up to its first line break, which ends a sentence as the model's own end does."""
    line, broken, _ = text.lstrip().partition("\n")
    return f"{line}\n" if broken or finish == "stop" else line
