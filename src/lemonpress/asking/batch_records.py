"""Which questions are in which batch of a server, kept with the answers: what is under way there is found again."""

import hashlib
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lemonpress.asking.answers import Answers

_TABLES = (
    "CREATE TABLE IF NOT EXISTS batches (batch TEXT PRIMARY KEY, server TEXT NOT NULL, file TEXT, id TEXT, "
    "created REAL NOT NULL, settled REAL)",
    "CREATE TABLE IF NOT EXISTS batch_keys (batch TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (batch, key)) "
    "WITHOUT ROWID",
)


@dataclass(frozen=True)
class Record:
    """Of a batch that was at least intended.

    Attributes:
        name: By which its metadata name it at the server.
        file: The server's name of its questions; None where they were perhaps not sent.
        id: The server's name of the batch; None where it was perhaps not created.
    """

    name: str
    file: str | None
    id: str | None


class Records:
    """The batches of one server in a file of answers.

    Args:
        answers: The file.
        server: Its address; another server knows nothing of these batches.
    """

    def __init__(self, answers: Answers, server: str) -> None:
        self._answers, self._server = answers, server.rstrip("/")
        with answers.transaction(durable=True) as writer:
            for table in _TABLES:
                writer.execute(table)

    def holding(self, keys: Collection[str]) -> dict[Record, list[str]]:
        """Batches with results that nobody has taken yet for some questions, oldest first, with these questions.

        Args:
            keys: Of the questions.
        """
        found = {}
        rows = self._answers.read(
            "SELECT batch, file, id FROM batches WHERE server = ? AND settled IS NULL ORDER BY created", self._server
        )
        for row in rows:
            held = [key for (key,) in self._answers.read("SELECT key FROM batch_keys WHERE batch = ?", row[0])]
            wanted = [key for key in held if key in keys]
            if wanted:
                found[Record(*row)] = wanted
        return found

    def ids(self) -> set[str]:
        """The server's names of all batches that were ever created."""
        rows = self._answers.read("SELECT id FROM batches WHERE server = ? AND id IS NOT NULL", self._server)
        return {identity for (identity,) in rows}

    def name_for(self, keys: Iterable[str]) -> str:
        """Of the next batch of exactly these questions: the same wherever and whenever it is intended."""
        content = "\n".join(sorted(keys))
        number = 1
        while True:
            # A server's address is in it: another server's record is never replaced.
            name = hashlib.sha256(f"{self._server}\n{number}\n{content}".encode()).hexdigest()
            if not self._answers.read("SELECT 1 FROM batches WHERE batch = ? AND settled IS NOT NULL", name):
                return name
            number += 1

    def intend(self, name: str, keys: Iterable[str]) -> None:
        """Keep what a batch will hold, before the server is told of it."""
        with self._answers.transaction(durable=True) as writer:
            writer.execute(
                "INSERT OR REPLACE INTO batches VALUES (?, ?, NULL, NULL, ?, NULL)", (name, self._server, time.time())
            )
            writer.executemany("INSERT OR IGNORE INTO batch_keys VALUES (?, ?)", [(name, key) for key in keys])

    def sent(self, name: str, file: str) -> None:
        """Its questions are at the server."""
        with self._answers.transaction(durable=True) as writer:
            writer.execute("UPDATE batches SET file = ? WHERE batch = ?", (file, name))

    def created(self, name: str, identity: str) -> None:
        """The server works at it."""
        with self._answers.transaction(durable=True) as writer:
            writer.execute("UPDATE batches SET id = ? WHERE batch = ?", (identity, name))

    def settle(self, name: str, keys: Iterable[str]) -> None:
        """What it has for some questions is stored; without questions left it is not looked at again."""
        with self._answers.transaction(durable=True) as writer:
            writer.executemany("DELETE FROM batch_keys WHERE batch = ? AND key = ?", [(name, key) for key in keys])
            # What was stored before a run was killed, or by others, is not wanted any more.
            writer.execute("DELETE FROM batch_keys WHERE batch = ? AND key IN (SELECT key FROM answers)", (name,))
            writer.execute(
                "UPDATE batches SET settled = ? WHERE batch = ? "
                "AND NOT EXISTS (SELECT 1 FROM batch_keys WHERE batch_keys.batch = batches.batch)",
                (time.time(), name),
            )
