"""Parses kept on disk, by sentence and parser, so that a sentence is parsed once whoever asks."""

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.syntax.parsers import Parser, plain
from lemonpress.syntax.trees import Tree, parse_brackets, to_brackets

# Sentences parsed between two commits: what a killed run loses at most.
_CHUNK = 1000
# Values in one query; SQLite allows at least 999.
_ASKED = 500
# Seconds to wait while another process writes.
_PATIENCE = 60


def parse_cached(parser: Parser, sentences: Sequence[str], folder: Path | None = None) -> list[Tree]:
    """Parse the sentences that were never parsed by this parser, and read the others.

    Safe with several processes at once and if killed at any point: a sentence is kept with its whole tree or not at
    all.

    Args:
        parser: Whose trees to give.
        sentences: None of them empty; repeated ones are parsed once.
        folder: Where the parses are kept; ``parses`` in `home` by default.

    Returns:
        One tree for each sentence.

    Raises:
        UserError: The folder cannot be used.
        ValueError: A sentence is empty.
    """
    texts = plain(sentences)
    place = (folder or home() / "parses") / f"{parser.name}-{_digest(parser.key).hex()}.sqlite"
    distinct = list(dict.fromkeys(texts))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{place.parent}: cannot keep parses here ({error.strerror}); give another folder") from None
    try:
        with closing(_connect(place)) as store:
            known = _read(store, distinct)
            missing = iter([text for text in distinct if text not in known])
            while chunk := list(islice(missing, _CHUNK)):
                _write(store, chunk, parser.parse(chunk))
                # Read back: where two processes parsed the same sentence, both give the tree that was kept.
                known.update(_read(store, chunk))
    except sqlite3.DatabaseError as error:
        raise UserError(f"{place}: cannot keep parses in this file ({error}); remove it or make room") from None
    return [known[text] for text in texts]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def _connect(place: Path) -> sqlite3.Connection:
    store = sqlite3.connect(place, timeout=_PATIENCE)
    try:
        store.execute("PRAGMA journal_mode=WAL")
        # A lost parse is only parsed again; WAL keeps the file whole even so.
        store.execute("PRAGMA synchronous=NORMAL")
        store.execute(
            "CREATE TABLE IF NOT EXISTS parses (sentence BLOB PRIMARY KEY, tree TEXT NOT NULL) WITHOUT ROWID"
        )
    except BaseException:
        store.close()
        raise
    return store


def _read(store: sqlite3.Connection, texts: Sequence[str]) -> dict[str, Tree]:
    known: dict[str, Tree] = {}
    for start in range(0, len(texts), _ASKED):
        asked = {_digest(text): text for text in texts[start : start + _ASKED]}
        marks = ",".join("?" * len(asked))
        rows = store.execute(f"SELECT sentence, tree FROM parses WHERE sentence IN ({marks})", list(asked))
        known.update((asked[sentence], parse_brackets(tree)) for sentence, tree in rows)
    return known


def _write(store: sqlite3.Connection, texts: Sequence[str], trees: Sequence[Tree]) -> None:
    rows = [(_digest(text), to_brackets(tree)) for text, tree in zip(texts, trees, strict=True)]
    with store:
        store.executemany("INSERT OR IGNORE INTO parses VALUES (?, ?)", rows)
