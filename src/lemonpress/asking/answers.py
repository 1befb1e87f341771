"""Answers of a model on a server, kept in a file the moment they come: what was paid for is asked once."""

import json
import sqlite3
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from lemonpress.asking.chat import Chat, StoppedError
from lemonpress.asking.questions import Question, Reply
from lemonpress.asking.spending import Budget, Spending, Used, used_by
from lemonpress.asking.workers import Workers
from lemonpress.errors import UserError

_PATIENCE = 60.0  # seconds to wait while another process writes
_LOOK = 0.2  # seconds between two looks whether another process has the answer
_FETCHED = 0.0  # in place of the time of a claim: nothing is lost with it
_AHEAD = 4  # questions under way or waiting to be yielded, for each worker
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, reply TEXT NOT NULL, asked REAL NOT NULL, answered REAL NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS asking (key TEXT PRIMARY KEY, owner TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE IF NOT EXISTS lost (key TEXT NOT NULL, since REAL NOT NULL);
"""
_Row = tuple[str, str, str, float, float, int, int]


class Answers:
    """A SQLite file of replies by `Question.key`, for threads and for processes of one machine.

    A question is claimed before it is asked, so that nobody else asks it meanwhile. Claims of a process that was
    killed are given up, counted and told on stderr: those answers may have been paid and never arrived. Use it as a
    context manager.

    Args:
        path: The file; it is made, with its folder, where it is missing.

    Raises:
        UserError: The file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner = uuid.uuid4().hex
        self._alive = FileLock(self._lock_of(self._owner), thread_local=False)
        self._reading, self._writing, self._queue = threading.Lock(), threading.Lock(), threading.Lock()
        self._waiting: list[_Row] = []
        self._workers: list[Workers] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{path.parent}: cannot keep answers here ({error.strerror}); name another") from None
        with self._mendable():
            self._writer, self._reader = self._connect(), self._connect()
            self._writer.executescript(_TABLES)
        # Nobody looks for owners that died while another one comes to be.
        with self.transaction(durable=False):
            self._alive.acquire()
            self._bury()

    def __enter__(self) -> "Answers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, once its `workers` have ended; the object cannot be used any more."""
        try:
            for workers in self._workers:
                workers.end()
        finally:
            with self._writing, self._reading:
                self._writer.close()
                self._reader.close()
            self._lock_of(self._owner).unlink(missing_ok=True)
            self._alive.release()

    @contextmanager
    def workers(self, count: int) -> Iterator[Workers]:
        """Threads that store here what they ask.

        At the end of the block, and before the file is closed, what is under way is waited for, whatever interrupts.

        Args:
            count: Of the threads.
        """
        workers = Workers(count)
        self._workers.append(workers)
        try:
            yield workers
        finally:
            workers.end()
            self._workers.remove(workers)

    def get(self, key: str) -> Reply | None:
        """The stored reply; None where there is none."""
        rows = self.read("SELECT reply FROM answers WHERE key = ?", key)
        return _from_json(rows[0][0]) if rows else None

    def lost(self) -> int:
        """Questions, of all runs so far, that were under way when a process was killed: paid perhaps, and lost."""
        return int(self.read("SELECT count(*) FROM lost")[0][0])

    def used(self, model: str) -> Used:
        """What all stored answers of a model used, by what identifies it (`Chat.weights`)."""
        sums = "count(*), coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0)"
        return Used(*map(int, self.read(f"SELECT {sums} FROM answers WHERE model = ?", model)[0]))

    @contextmanager
    def claimed(self, key: str) -> Iterator[float | None]:
        """Claim a question; the claim ends with `put`, or where the block fails.

        Yields:
            When it was claimed, in seconds since 1970; None where it is answered, or someone else asks it.
        """
        since = time.time()
        with self._claims([key], since) as claimed:
            yield since if claimed else None

    @contextmanager
    def claimed_ahead(self, keys: Collection[str]) -> Iterator[list[str]]:
        """Claim questions whose answers can be fetched again if this process is killed: such claims are never lost.

        Yields:
            Those that were claimed; the others are answered, or someone else asks them.
        """
        with self._claims(keys, _FETCHED) as claimed:
            yield claimed

    @contextmanager
    def _claims(self, keys: Collection[str], since: float) -> Iterator[list[str]]:
        with self.transaction(durable=False) as writer:
            claimed = [key for key in keys if self._is_free(key)]
            writer.executemany("INSERT INTO asking VALUES (?, ?, ?)", [(key, self._owner, since) for key in claimed])
        try:
            yield claimed
        except BaseException:
            with self.transaction(durable=False) as writer:
                mine = [(key, self._owner) for key in claimed]
                writer.executemany("DELETE FROM asking WHERE key = ? AND owner = ?", mine)
            raise

    def _is_free(self, key: str) -> bool:
        """Neither answered nor claimed; in a transaction."""
        claims = self._writer.execute("SELECT owner FROM asking WHERE key = ?", (key,)).fetchall()
        if claims and (claims[0][0] == self._owner or not self._is_dead(claims[0][0])):
            return False
        if claims:
            self._bury()
        return not self._writer.execute("SELECT 1 FROM answers WHERE key = ?", (key,)).fetchall()

    def put(self, key: str, model: str, reply: Reply, used: Used, since: float) -> None:
        """Store a reply; when this returns it is on the disk.

        Args:
            key: Of the question, which was claimed.
            model: What identifies the model (`Chat.weights`).
            reply: Whatever came, a refusal too.
            used: The tokens that it counts for.
            since: When it was asked, in seconds since 1970.
        """
        self.put_all(model, {key: (reply, used)}, since)

    def put_all(self, model: str, replies: Mapping[str, tuple[Reply, Used]], since: float) -> None:
        """Store replies, as `put` does, together."""
        now = time.time()
        added: list[_Row] = [
            (key, model, _to_json(reply), since, now, used.prompt_tokens, used.completion_tokens)
            for key, (reply, used) in replies.items()
        ]
        with self._queue:
            self._waiting += added
        # Replies that come while another is written are written together, by the first whose turn it is.
        with self.transaction(durable=True) as writer:
            with self._queue:
                rows, self._waiting = self._waiting, []
            try:
                writer.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                writer.executemany("DELETE FROM asking WHERE key = ?", [(row[0],) for row in rows])
                writer.execute("COMMIT")
            except BaseException:
                with self._queue:
                    self._waiting = rows + self._waiting  # each of their threads tries anew, and meets the error
                raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        return connection

    @contextmanager
    def transaction(self, durable: bool) -> Iterator[sqlite3.Connection]:
        """The only writer of this file; committed at the end unless it was already. Not durable: may be lost with the
        power, not with the process."""
        with self._writing, self._mendable():
            self._writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                if self._writer.in_transaction:
                    self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def read(self, query: str, *values: str) -> list[tuple[str, ...]]:
        """Rows of the file, for tables that are kept in it too."""
        with self._reading, self._mendable():
            return self._reader.execute(query, values).fetchall()

    @contextmanager
    def _mendable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UserError(
                f"{self.path}: cannot keep answers in this file ({error}); make room, or name another"
            ) from None

    def _lock_of(self, owner: str) -> Path:
        return self.path.with_name(f"{self.path.name}-{owner}.lock")

    def _is_dead(self, owner: str) -> bool:
        """Whether its process ended without closing the file: the system then let go of its lock."""
        file = self._lock_of(owner)
        lock = FileLock(file, thread_local=False)
        if not file.exists():
            return True
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        file.unlink(missing_ok=True)
        lock.release()
        return True

    def _bury(self) -> None:
        """Give up the claims of processes that died; in a transaction."""
        owners = {owner for (owner,) in self._writer.execute("SELECT DISTINCT owner FROM asking")}
        owners |= {
            file.name.removeprefix(f"{self.path.name}-").removesuffix(".lock")
            for file in self.path.parent.iterdir()
            if file.name.startswith(f"{self.path.name}-") and file.name.endswith(".lock")
        }
        lost = 0
        for owner in owners - {self._owner}:
            if self._is_dead(owner):
                lost += self._writer.execute(
                    "INSERT INTO lost SELECT key, since FROM asking WHERE owner = ? AND since <> ?", (owner, _FETCHED)
                ).rowcount
                self._writer.execute("DELETE FROM asking WHERE owner = ?", (owner,))
        if lost:
            under_way = "1 answer was" if lost == 1 else f"{lost} answers were"
            print(f"{under_way} under way when a run was killed; the server may have been paid", file=sys.stderr)


def ask_stored(
    chat: Chat,
    answers: Answers,
    questions: Iterable[Question],
    *,
    workers: int,
    budget: Budget | None = None,
    label: str = "ask",
    unit: str = "question",
    total: int | None = None,
) -> Iterator[tuple[Question, Reply]]:
    """Ask what is not stored yet, with a bar of tokens, cost and time left; each answer is stored as it comes.

    Equal questions are asked once; give them seeds where each wants an answer of its own. A question that another
    process asks is waited for. When it stops, for whatever reason, answers that are under way are still stored;
    further interrupts do not change that.

    Args:
        chat: The model.
        answers: Where its answers are kept.
        questions: Any number; only a few for each worker are held at a time.
        workers: Questions asked at a time.
        budget: What to spend at most, counting what its totals already hold; None sets no bound.
        label: Of the progress bar.
        unit: Of the progress bar, singular.
        total: Questions in all, for the time left; None where nobody knows.

    Yields:
        Each question with its reply, in order.

    Raises:
        UserError: The server cannot be used, or the file.
        BudgetError: The next question could cost more than is left.
    """
    from tqdm import tqdm

    window: deque[tuple[Question, str, Future[Reply]]] = deque()
    under_way: dict[str, Future[Reply]] = {}

    def oldest() -> tuple[Question, Reply]:
        question, key, future = window.popleft()
        reply = asker.outcome(future)
        under_way.pop(key, None)
        bar.set_postfix_str(asker.budget.spending.line(), refresh=False)
        bar.update()
        return question, reply

    with (
        answers.workers(workers) as threads,
        tqdm(total=total, desc=f"  {label}", unit=unit, leave=False, disable=None) as bar,
    ):
        asker = _Asker(chat, answers, budget or Budget(Spending()), threads.stop)
        for question in questions:
            key = chat.key(question)
            future = under_way.get(key) or asker.known(key) or threads.submit(partial(asker.ask, question, key))
            under_way[key] = future
            window.append((question, key, future))
            while window and (len(window) >= _AHEAD * workers or window[0][2].done()):
                yield oldest()
        while window:
            yield oldest()


def tell_waiting(answers: Answers) -> None:
    """Say on stderr that answers of another process are waited for."""
    print(f"{answers.path}: another process asks the same; waiting for its answers", file=sys.stderr)


class _Asker:
    """What the workers of a run share."""

    def __init__(self, chat: Chat, answers: Answers, budget: Budget, stop: threading.Event) -> None:
        self.chat, self.answers, self.budget, self.stop = chat, answers, budget, stop
        self._first_error: BaseException | None = None
        self._untold = threading.Lock()  # held from when it was told that another process is waited for

    def known(self, key: str) -> Future[Reply] | None:
        reply = self.answers.get(key)
        if reply is None:
            return None
        future: Future[Reply] = Future()
        future.set_result(reply)
        return future

    def ask(self, question: Question, key: str) -> Reply:
        try:
            while not self.stop.is_set():
                reply = self.answers.get(key) or self._ask_if_free(question, key)
                if reply is not None:
                    return reply
                if self._untold.acquire(blocking=False):
                    tell_waiting(self.answers)
                self.stop.wait(_LOOK)
            raise StoppedError
        except StoppedError:
            raise
        except BaseException as error:
            # The others are stopped at once: they may be ahead of the one that is waited for.
            self._first_error = self._first_error or error
            self.stop.set()
            raise

    def outcome(self, future: "Future[Reply]") -> Reply:
        try:
            return future.result()
        except StoppedError:
            raise (self._first_error or StoppedError()) from None

    def _ask_if_free(self, question: Question, key: str) -> Reply | None:
        with self.budget.reserved(question) as settle, self.answers.claimed(key) as since:
            if since is None:
                return None
            reply = self.chat.reply(question, self.stop)
            used = used_by(question, reply)
            settle(used)
            self.answers.put(key, self.chat.weights, reply, used, since)
            return reply


def _to_json(reply: Reply) -> str:
    return json.dumps(asdict(reply), ensure_ascii=False)


def _from_json(text: str) -> Reply:
    row = json.loads(text)
    return Reply(**{**row, "texts": tuple(row["texts"]), "finish": tuple(row["finish"])})
