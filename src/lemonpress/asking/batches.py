"""Questions asked by the batch API of a server: answers within a day, mostly for less, and none paid twice."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from lemonpress.asking import errors
from lemonpress.asking.answers import Answers, tell_waiting
from lemonpress.asking.batch_api import BatchApi, GoneError, parse_line, read_result
from lemonpress.asking.batch_records import Record, Records
from lemonpress.asking.chat import Chat, StoppedError
from lemonpress.asking.protocol import Answer
from lemonpress.asking.questions import Question, Reply
from lemonpress.asking.spending import Budget, Spending, used_by
from lemonpress.errors import UserError

MOST_REQUESTS = 50_000  # of a batch
MOST_BYTES = 190_000_000  # of its file; OpenAI takes 200 MB
_TIMES = 3  # that a question is put into a batch
_SETTLING = 5.0  # seconds within which a server knows everywhere what it was told
_TOGETHER = 500  # answers that are stored together
_WORKERS = 8  # for choices that are asked without a batch
_IN_A_ROW = 8  # failures of these after which no more are asked for
_ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass
class _Batch:
    """A batch at the server, and what is wanted of it.

    Attributes:
        name: Ours.
        seen: As the server last described it.
        questions: By key.
        lacks: What was left out as the server does not know it; None for a batch of an earlier run.
        short: Answers with fewer choices than their question wants, by key.
    """

    name: str
    seen: Any
    questions: dict[str, Question]
    lacks: frozenset[str] | None = None
    short: dict[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True)
class _Part:
    """Questions that make one batch, and the file for it."""

    endpoint: str
    questions: dict[str, Question]
    data: bytes


def ask_in_batches(
    chat: Chat,
    answers: Answers,
    questions: Iterable[Question],
    *,
    budget: Budget | None = None,
    label: str = "batch",
    poll: float = 30.0,
) -> Iterator[tuple[Question, Reply]]:
    """Ask what is not stored yet by the server's batch API, with a bar of what is done and the time it took.

    What is in a batch is kept in the file before the server is told, so that a run that is stopped or killed, at any
    point, finds its batches again, and so does another run that needs their answers. Answers are stored as they are
    downloaded. A question that may still be answered is put into another batch, three in all.

    Args:
        chat: The model; batches are never streamed.
        answers: Where its answers are kept; those of `answers.ask_stored` are the same.
        questions: Any number that fits into memory.
        budget: What to spend at most, counting what its totals already hold; None sets no bound.
        label: Of the progress bar.
        poll: Seconds between two looks at the batches.

    Yields:
        Each question with its reply, in order, once all are answered.

    Raises:
        UserError: The server has no batches or refuses one, questions stay without an answer, or the file fails.
        BudgetError: Not all questions fit the budget; those that do are answered.
    """
    asked = [(question, chat.key(question)) for question in questions]
    missing = {key: question for question, key in asked if answers.get(key) is None}
    if missing:
        _Run(chat, answers, budget or Budget(Spending()), label, poll).answer(missing)
    for question, key in asked:
        reply = answers.get(key)
        assert reply is not None
        yield question, reply


def are_in_batches(chat: Chat, answers: Answers, questions: Iterable[Question]) -> bool:
    """Whether any of some questions is in a batch whose results are not stored yet."""
    return bool(Records(answers, chat.base_url).holding({chat.key(question) for question in questions}))


def fetch_from_batches(
    chat: Chat, answers: Answers, questions: Iterable[Question], budget: Budget | None = None
) -> None:
    """Store what batches that ended hold for questions that are now to be asked without a batch.

    Args:
        chat: The model.
        answers: Where its answers are kept.
        questions: Those that will be asked.
        budget: Told of what these answers used; None where nobody counts.

    Raises:
        UserError: Some are in a batch that is under way; or as for `ask_in_batches`.
    """
    missing = {chat.key(question): question for question in questions}
    missing = {key: question for key, question in missing.items() if answers.get(key) is None}
    _Run(chat, answers, budget or Budget(Spending())).fetch(missing)


class _Run:
    """One run of `ask_in_batches`, or of `fetch_from_batches`."""

    def __init__(self, chat: Chat, answers: Answers, budget: Budget, label: str = "", poll: float = _SETTLING) -> None:
        self.chat, self.answers, self.budget, self.label, self.poll = chat, answers, budget, label, poll
        self.settling = min(_SETTLING, poll)
        self.api, self.records = BatchApi(chat), Records(answers, chat.base_url)
        self.running: list[_Batch] = []
        self.stored: set[str] = set()
        self.reasons: dict[str, str] = {}
        self.final: set[str] = set()  # questions that the server refuses for good
        self.lacks: dict[str, set[str]] = {}  # what the server turned out not to know, by question

    def answer(self, missing: dict[str, Question]) -> None:
        """Return when all are stored."""
        told = False
        try:
            while missing:
                with self.answers.claimed_ahead(missing) as claimed:
                    self._answer_claimed({key: missing[key] for key in claimed})
                missing = {key: question for key, question in missing.items() if self.answers.get(key) is None}
                if missing and not claimed:
                    if not told:
                        tell_waiting(self.answers)
                    told = True
                    time.sleep(self.poll)
        except KeyboardInterrupt:
            if self.running:
                print(
                    f"\n{self.chat.base_url}: the batch goes on at the server; the same command fetches its answers",
                    file=sys.stderr,
                )
            raise

    def fetch(self, missing: dict[str, Question]) -> None:
        """Store what batches that ended hold; raise where others are under way."""
        under_way = 0
        for batch in self._earlier(missing, pay_again=True):
            if batch.seen.status not in _ENDED:
                under_way += len(batch.questions)
                continue
            refused = self._taken(batch)
            if refused is not None:
                raise refused
        if under_way:
            raise UserError(
                f"{self.chat.base_url}: {under_way:,} of the questions are in a batch that is under way; "
                "set batch: true to fetch them, or wait"
            )

    def _answer_claimed(self, missing: dict[str, Question]) -> None:
        for _ in range(_TIMES):
            if not missing:
                return
            self.running = self._earlier(missing)
            sent = {key: question for batch in self.running for key, question in batch.questions.items()}
            unsent = {key: question for key, question in missing.items() if key not in sent}
            with self.budget.reserved_ahead(sent.values(), unsent.values()) as fitting:
                lacks = self.chat.lacks
                for part in self._parts(dict(islice(unsent.items(), fitting))):
                    self.running.append(self._submitted(part, lacks))
                self._wait()
            missing = {key: question for key, question in missing.items() if key not in self.stored}
            refused = [key for key in missing if key in self.final]
            if refused:
                raise UserError(
                    f"{self.chat.base_url}: refuses {len(refused):,} of the questions, the first for this: "
                    f"{self.reasons[refused[0]]}; mend that and run again"
                )
            if fitting < len(unsent):
                raise self.budget.reached(len(unsent) - fitting if sent or fitting else 0)
        if missing:
            raise UserError(
                f"{self.chat.base_url}: questions without an answer after {_TIMES} batches: {len(missing):,}, "
                f"the first for this: {self.reasons[next(iter(missing))]}; mend that and run again"
            )

    def _earlier(self, missing: Mapping[str, Question], pay_again: bool = False) -> list[_Batch]:
        """Batches of runs before this one that hold some of the questions.

        Args:
            missing: The questions.
            pay_again: Whether those of a batch that is gone are asked again even where another key might find it.
        """
        found, left = [], dict(missing)
        for record, keys in self.records.holding(missing).items():
            wanted = {key: left[key] for key in keys if key in left}
            seen = self._found(record, len(wanted), pay_again) if wanted else None
            if seen is None:
                continue
            if seen.status == "failed":
                self.records.settle(record.name, keys)  # nothing is in it, and a new one says why
                continue
            self.records.created(record.name, seen.id)
            found.append(_Batch(record.name, seen, wanted))
            left = {key: question for key, question in left.items() if key not in wanted}
        return found

    def _found(self, record: Record, wanted: int, pay_again: bool) -> Any:
        """The batch at the server; None where it was not created, or is no longer there."""
        if record.id is not None:
            try:
                return self.api.retrieve(record.id, GoneError)
            except GoneError:
                gone = f"{self.chat.base_url}: knows nothing of batch {record.id} any more, with {wanted:,} questions"
            # With the key of another project a server shows none of ours.
            if not pay_again and not self.api.lists(self.records.ids()):
                raise UserError(
                    f"{gone}, nor of another of ours; set the OPENAI_API_KEY that it was made with, or batch: false "
                    "to ask and pay for them again"
                )
            print(f"{gone}; they are asked again", file=sys.stderr)
            return None
        seen = self.api.find(record.name, record.file)
        if seen is None and record.file is not None:
            time.sleep(self.settling)
            seen = self.api.find(record.name, record.file)
        return seen

    def _parts(self, questions: Mapping[str, Question]) -> Iterator[_Part]:
        """As few as the limits of a batch allow; each is for one endpoint."""
        for endpoint, is_chat in (("/v1/chat/completions", True), ("/v1/completions", False)):
            part: dict[str, Question] = {}
            data = bytearray()
            for key, question in questions.items():
                if (question.messages is not None) != is_chat:
                    continue
                line = self._request(endpoint, key, question)
                if part and (len(part) == MOST_REQUESTS or len(data) + len(line) > MOST_BYTES):
                    yield _Part(endpoint, part, bytes(data))
                    part, data = {}, bytearray()
                part[key] = question
                data += line
            if part:
                yield _Part(endpoint, part, bytes(data))

    def _request(self, endpoint: str, key: str, question: Question) -> bytes:
        row = {
            "custom_id": key,
            "method": "POST",
            "url": endpoint,
            "body": self.chat.body(question, self.lacks.get(key, ())),
        }
        try:
            return json.dumps(row, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError as error:
            raise UserError(
                f"{self.chat.base_url}: cannot be sent a text with half a character ({error.reason}); mend it"
            ) from None

    def _submitted(self, part: _Part, lacks: frozenset[str]) -> _Batch:
        name = self.records.name_for(part.questions)
        self.records.intend(name, part.questions)
        seen = self.api.find(name)
        if seen is None:
            file = self.api.send(name, part.data)
            self.records.sent(name, file)
            seen = self.api.create(name, file, part.endpoint)
        self.records.created(name, seen.id)
        return _Batch(name, seen, part.questions, lacks)

    def _wait(self) -> None:
        """Take the results of each running batch when it ends."""
        from tqdm import tqdm

        refused: UserError | None = None
        ended = 0
        with tqdm(desc=f"  {self.label}", unit="question", leave=False, disable=None) as bar:
            while self.running:
                for batch in list(self.running):
                    # Just created, it may not be known everywhere yet: that passes.
                    batch.seen = self.api.retrieve(batch.seen.id, ValueError)
                    if batch.seen.status in _ENDED:
                        refused = self._taken(batch) or refused
                        ended += len(batch.questions)
                        self.running.remove(batch)
                under_way = [_progress(batch) for batch in self.running]
                bar.n = ended + sum(done for done, _ in under_way)
                bar.total = ended + sum(total for _, total in under_way)
                bar.set_postfix_str(self.budget.spending.line())
                if self.running:
                    time.sleep(self.poll)
        if refused is not None:
            raise refused

    def _taken(self, batch: _Batch) -> UserError | None:
        """Store what a batch that ended holds; an error where the server refused it as a whole."""
        for file in (batch.seen.output_file_id, batch.seen.error_file_id):
            if file:
                self._download(batch, file)
        failed = self._completed(batch)
        for key in batch.questions.keys() - self.stored:
            self.reasons.setdefault(key, f"the batch is {batch.seen.status} without it")
        # The first choices of questions that lack others are paid: the next run finds them in the batch.
        self.records.settle(batch.name, batch.questions.keys() - (batch.short.keys() - self.stored))
        if failed is not None or batch.seen.status != "failed":
            return failed
        said = [error.message for error in (batch.seen.errors and batch.seen.errors.data) or [] if error.message]
        why = errors.line(ValueError(said[0] if said else "it does not say why"), self.chat.api_key)
        return UserError(f"{self.chat.base_url}: refuses a batch of {len(batch.questions):,} questions: {why}")

    def _completed(self, batch: _Batch) -> UserError | None:
        """Ask for the choices that a batch left out, and store each question that is whole; the first error."""
        first, in_a_row = None, 0
        with self.answers.workers(_WORKERS) as workers:

            def complete(key: str) -> None:
                reply = self.chat.completed(batch.questions[key], [batch.short[key]], workers.stop)
                self._store(batch, {key: reply})

            for future in as_completed([workers.submit(partial(complete, key)) for key in batch.short]):
                try:
                    future.result()
                    in_a_row = 0
                except StoppedError:
                    pass
                except UserError as error:
                    first, in_a_row = first or error, in_a_row + 1
                    if in_a_row == _IN_A_ROW:
                        workers.stop.set()
        return first

    def _download(self, batch: _Batch, file: str) -> None:
        def take(lines: Iterator[bytes]) -> None:
            while together := list(islice(lines, _TOGETHER)):
                self._read(batch, together)

        try:
            try:
                self.api.results(file, take)
            except GoneError:
                time.sleep(self.settling)
                self.api.results(file, take)
        except GoneError:
            for key in batch.questions.keys() - self.stored:
                self.reasons[key] = f"the server no longer has the results ({file})"

    def _read(self, batch: _Batch, lines: Iterable[bytes]) -> None:
        replies: dict[str, Reply] = {}
        for key, row in map(parse_line, lines):
            question = batch.questions.get(key or "")
            if key is None or question is None or key in self.stored:
                continue
            try:
                answer = read_result(row, question)
            except Exception as error:
                lacks = self.lacks.setdefault(key, set())
                lacking = errors.too_much(error, self.chat.body(question, lacks))
                lacks |= {lacking} if lacking else set()
                if not lacking and batch.lacks == self.chat.lacks and not errors.may_pass(error):
                    self.final.add(key)
                self.reasons[key] = errors.line(error, self.chat.api_key)
                continue
            self.chat.learn(self.lacks.get(key, ()))
            if len(answer.choices) < question.n:
                batch.short[key] = answer
            else:
                replies[key] = self.chat.completed(question, [answer])
        self._store(batch, replies)

    def _store(self, batch: _Batch, replies: Mapping[str, Reply]) -> None:
        used = {key: (reply, used_by(batch.questions[key], reply)) for key, reply in replies.items()}
        self.answers.put_all(self.chat.weights, used, batch.seen.created_at or time.time())
        for _, one in used.values():
            self.budget.spending.add(one)
        self.stored |= replies.keys()


def _progress(batch: _Batch) -> tuple[int, int]:
    """Questions done, and in all."""
    counts = batch.seen.request_counts
    if counts is None or not counts.total:
        return 0, len(batch.questions)
    return (counts.completed or 0) + (counts.failed or 0), counts.total
