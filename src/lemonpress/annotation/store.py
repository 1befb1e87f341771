"""Ratings on the disk: each is there before the next text is shown, and none is ever overwritten."""

import hashlib
import hmac
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lemonpress.annotation.codes import bare, is_code, new_code, shown
from lemonpress.annotation.plan import plan
from lemonpress.annotation.study import Item, Study
from lemonpress.errors import UserError
from lemonpress.evaluation.ratings import check_scores

FILE = "ratings.sqlite"

MAX_NAME = 60
"""Characters of a name or code that is entered."""

LEASE = 3600.0
"""Seconds after a rater's last step for which the rest of the batch is held for them."""

_WAIT = 60.0  # seconds for another process that writes

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS raters (
    rater TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, started TEXT NOT NULL, active REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS showings (
    showing INTEGER PRIMARY KEY, rater TEXT NOT NULL REFERENCES raters, batch INTEGER NOT NULL,
    place INTEGER NOT NULL, item TEXT NOT NULL, repeat INTEGER NOT NULL, UNIQUE (rater, batch, place)
);
CREATE INDEX IF NOT EXISTS showings_of_item ON showings (item);
CREATE TABLE IF NOT EXISTS ratings (
    rating INTEGER PRIMARY KEY AUTOINCREMENT, showing INTEGER NOT NULL REFERENCES showings, scores TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ratings_of_showing ON ratings (showing);
"""

# Raters who have rated an item, or who hold it and are at work.
_COUNTS = """
SELECT item, COUNT(DISTINCT showings.rater) FROM showings JOIN raters USING (rater)
WHERE NOT repeat AND (active > ? OR EXISTS (SELECT 1 FROM ratings WHERE ratings.showing = showings.showing))
GROUP BY item
"""


@dataclass(frozen=True)
class Progress:
    """How far a rater is.

    Attributes:
        done: Texts rated in the batch.
        total: Texts in the batch.
        rated: Texts rated in all batches.
        more: Whether there are texts that this rater has not had.
    """

    done: int
    total: int
    rated: int
    more: bool


@dataclass(frozen=True)
class Shown:
    """A text before a rater.

    Attributes:
        showing: Names it when it is rated.
        place: In the batch, from 1.
        total: Texts in the batch.
        item: What is to rate.
        scores: What this rater has said of it; None so far.
    """

    showing: int
    place: int
    total: int
    item: Item
    scores: Mapping[str, int] | None


class Store:
    """The ratings of one study, in SQLite; any number of threads and processes may use it at once.

    A rater is known by a code that is handed out once. The file has neither code nor name: a keyed hash of the code is
    the rater's pseudonym, and a keyed hash of the name keeps two people from taking one name.

    Args:
        folder: Made if missing; for its owner's eyes alone.
        study: Whose ratings they are.

    Raises:
        UserError: The folder has the ratings of another study, or a file that is no database.
    """

    def __init__(self, folder: Path, study: Study) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file, self._study = folder / FILE, study
        self._turn = threading.Lock()  # SQLite lets the threads that wait overtake one another
        try:
            with self._open() as database:
                database.execute("PRAGMA journal_mode = WAL")
            with self._change() as database:
                for statement in filter(str.strip, _TABLES.split(";")):
                    database.execute(statement)
                for name, value in {"study": study.id, "salt": secrets.token_hex(32)}.items():
                    database.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, value))
                facts = dict(database.execute("SELECT name, value FROM facts"))
        except sqlite3.DatabaseError as error:
            raise UserError(f"{self._file}: cannot be used ({error}); name another folder for ratings") from None
        if facts["study"] != study.id:
            raise UserError(
                f"{self._file}: has the ratings of study {facts['study']}, not of {study.name} ({study.id}); "
                "name another folder for ratings"
            )
        self._salt = bytes.fromhex(facts["salt"])

    @property
    def file(self) -> Path:
        """Where the ratings are."""
        return self._file

    @property
    def name(self) -> str:
        """What tells this store from others of the same study: 12 hexadecimal digits."""
        return self._hash("store", "")

    def secret(self, purpose: str) -> str:
        """A secret that stays the same over restarts and is nobody else's."""
        return self._hash("secret", purpose, digits=64)

    def enter(self, entered: object) -> str:
        """Begin as a new rater, or come back.

        A name that has rated nothing so far may begin again, with a new code in place of the old one: the answer that
        had the old code may have been lost on its way.

        Args:
            entered: Any name, up to `MAX_NAME` characters, or the code that was handed out.

        Returns:
            The code to come back with; it is stored nowhere.

        Raises:
            UserError: It is no name, a name that is taken, or a code that nobody has.
        """
        name = " ".join(entered.split()) if isinstance(entered, str) else ""
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise UserError(f"Please enter a name or a code of up to {MAX_NAME} characters.")
        if is_code(name):
            with self._open() as database:
                self._rater(database, name)
            return shown(bare(name))
        code = new_code()
        row = (
            self._hash("rater", code),
            self._hash("name", name.casefold()),
            _now().isoformat(timespec="microseconds"),
            time.time(),
        )
        with self._change() as database:
            self._free(database, row[1])
            database.execute("INSERT INTO raters VALUES (?, ?, ?, ?)", row)
            self._draw(database, row[0])
        return shown(code)

    def progress(self, code: str) -> Progress:
        """How far a rater is.

        Raises:
            UserError: Nobody has this code.
        """
        with self._open() as database:
            rater = self._rater(database, code)
            _, total, done = self._batch(database, rater)
            rated, had = database.execute(
                "SELECT COUNT(DISTINCT ratings.showing), COUNT(DISTINCT item) "
                "FROM showings LEFT JOIN ratings USING (showing) WHERE rater = ?",
                (rater,),
            ).fetchone()
        return Progress(done, total, rated, had < len(self._study.items))

    def another(self, code: str) -> bool:
        """Give a rater who has rated all of the batch another one; whether there are texts to rate.

        Raises:
            UserError: Nobody has this code.
        """
        with self._change() as database:
            rater = self._rater(database, code)
            _, total, done = self._batch(database, rater)
            return done < total or self._draw(database, rater)

    def next(self, code: str) -> Shown | None:
        """The first text of the batch that is not rated; None when all are.

        Raises:
            UserError: Nobody has this code.
        """
        return self._show(code, "NOT EXISTS (SELECT 1 FROM ratings WHERE ratings.showing = showings.showing)", ())

    def at(self, code: str, place: int) -> Shown | None:
        """The text at a place of the batch, from 1, with what was said of it; None beyond the end.

        Raises:
            UserError: Nobody has this code.
        """
        return self._show(code, "place = ?", (place,))

    def place(self, code: str, showing: object) -> int | None:
        """The place of a text in the batch; None where it is of an earlier batch, or of nobody's.

        Args:
            code: Of the rater.
            showing: As `Shown` has it.

        Raises:
            UserError: Nobody has this code.
        """
        with self._open() as database:
            rater = self._rater(database, code)
            batch, _, _ = self._batch(database, rater)
            of_batch = "SELECT showing, place FROM showings WHERE rater = ? AND batch = ?"
            return dict(database.execute(of_batch, (rater, batch))).get(showing)

    def rate(self, code: str, showing: object, scores: object) -> None:
        """Keep what a rater says of a text; it is on the disk when this returns.

        What is said later takes the place of what was said before, which is kept too. Times only grow, also where the
        clock was set back: what was said last has the last time.

        Args:
            code: Of the rater.
            showing: As `Shown` has it.
            scores: 1, 2 or 3 for each criterion, and nothing else.

        Raises:
            UserError: Nobody has this code, the text was not shown to this rater, or the scores are none.
        """
        if not isinstance(scores, Mapping):
            raise UserError("scores: give a mapping of criteria to 1, 2 or 3")
        checked = check_scores(scores, self._study.task, "scores")
        if set(scores) != set(checked):
            raise UserError(f"scores: give {', '.join(checked)} and nothing else")
        with self._change() as database:
            rater = self._rater(database, code)
            shown = database.execute("SELECT showing FROM showings WHERE rater = ?", (rater,))
            if type(showing) is not int or (showing,) not in shown.fetchall():
                raise UserError(f"showing: you were not shown text {showing!r:.40}; ask for the next one")
            said = json.dumps(checked)
            last = "SELECT scores FROM ratings WHERE showing = ? ORDER BY rating DESC LIMIT 1"
            if database.execute(last, (showing,)).fetchone() != (said,):
                row = (showing, said, self._later(database))
                database.execute("INSERT INTO ratings (showing, scores, at) VALUES (?, ?, ?)", row)
            database.execute("UPDATE raters SET active = ? WHERE rater = ?", (time.time(), rater))

    def rows(self) -> list[dict[str, Any]]:
        """All that was ever said, in order; of one showing the last row counts. Nothing tells who wrote the texts.

        Returns:
            Rows of study, item, rater, showing, repeat, a field for each criterion, and when (UTC).
        """
        with self._open() as database:
            found = database.execute(
                "SELECT item, rater, showing, repeat, scores, at FROM ratings JOIN showings USING (showing) "
                "ORDER BY rating"
            ).fetchall()
        return [
            {
                "study": self._study.id,
                "item": item,
                "rater": rater,
                "showing": showing,
                "repeat": bool(repeat),
                **json.loads(scores),
                "at": at,
            }
            for item, rater, showing, repeat, scores, at in found
        ]

    def _show(self, code: str, condition: str, values: tuple[object, ...]) -> Shown | None:
        with self._change() as database:
            rater = self._rater(database, code)
            batch, total, _ = self._batch(database, rater)
            database.execute("UPDATE raters SET active = ? WHERE rater = ?", (time.time(), rater))
            found = database.execute(
                "SELECT showing, place, item, (SELECT scores FROM ratings WHERE ratings.showing = showings.showing "
                f"ORDER BY rating DESC LIMIT 1) FROM showings WHERE rater = ? AND batch = ? AND {condition} "
                "ORDER BY place LIMIT 1",
                (rater, batch, *values),
            ).fetchone()
        if found is None:
            return None
        showing, place, item, scores = found
        return Shown(showing, place, total, self._study.by_id[item], None if scores is None else json.loads(scores))

    def _later(self, database: sqlite3.Connection) -> str:
        """Now, or just after the last rating where the clock says less."""
        last = database.execute("SELECT at FROM ratings ORDER BY rating DESC LIMIT 1").fetchone()
        now = _now()
        if last is not None:
            now = max(now, datetime.fromisoformat(last[0]) + timedelta(microseconds=1))
        return now.isoformat(timespec="microseconds")

    def _free(self, database: sqlite3.Connection, name: str) -> None:
        """Make a name free whose rater has rated nothing; refuse one whose rater has."""
        found = database.execute(
            "SELECT rater, EXISTS (SELECT 1 FROM ratings JOIN showings USING (showing) WHERE rater = raters.rater) "
            "FROM raters WHERE name = ?",
            (name,),
        ).fetchone()
        if found is None:
            return
        if found[1]:
            raise UserError(
                "Someone has begun under this name. If it was you, enter your code; else take another name."
            )
        database.execute("DELETE FROM showings WHERE rater = ?", found[:1])
        database.execute("DELETE FROM raters WHERE rater = ?", found[:1])

    def _draw(self, database: sqlite3.Connection, rater: str) -> bool:
        """Plan and hold a rater's next batch, while nobody else writes."""
        counts = dict(database.execute(_COUNTS, (time.time() - LEASE,)))
        seen = {item for (item,) in database.execute("SELECT item FROM showings WHERE rater = ?", (rater,))}
        (batch,) = database.execute(
            "SELECT COALESCE(MAX(batch) + 1, 0) FROM showings WHERE rater = ?", (rater,)
        ).fetchone()
        planned = plan(self._study, rater, batch, counts, seen)
        database.executemany(
            "INSERT INTO showings (rater, batch, place, item, repeat) VALUES (?, ?, ?, ?, ?)",
            [(rater, batch, place, one.item, one.repeat) for place, one in enumerate(planned, 1)],
        )
        return bool(planned)

    def _batch(self, database: sqlite3.Connection, rater: str) -> tuple[int, int, int]:
        """Number of a rater's last batch, its texts, and how many of them are rated."""
        found: tuple[int, int, int] = database.execute(
            "SELECT batch, COUNT(DISTINCT showings.showing), COUNT(DISTINCT ratings.showing) "
            "FROM showings LEFT JOIN ratings USING (showing) WHERE rater = ? GROUP BY batch ORDER BY batch DESC",
            (rater,),
        ).fetchone()
        return found

    def _rater(self, database: sqlite3.Connection, code: str) -> str:
        known = isinstance(code, str) and code.isprintable()  # half a character has no hash
        rater = self._hash("rater", bare(code)) if known else ""
        if database.execute("SELECT 1 FROM raters WHERE rater = ?", (rater,)).fetchone() is None:
            raise UserError("No rater has this code. Check it, or enter a name to begin.")
        return rater

    def _hash(self, kind: str, text: str, digits: int = 12) -> str:
        return hmac.new(self._salt, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()[:digits]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own, which no other thread shares."""
        database = sqlite3.connect(self._file, timeout=_WAIT, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = FULL")
            yield database
        finally:
            database.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other one is beside; on the disk when the block ends."""
        with self._turn, self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")


def _now() -> datetime:
    return datetime.now(UTC)
