"""Parses on disk: each sentence once, whatever happens to whoever writes."""

import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lemonpress.errors import UserError
from lemonpress.syntax.cache import parse_cached
from lemonpress.syntax.trees import Tree, node
from one_line import one_line


@dataclass
class ByWord:
    """A parser of sorts: a star of the sentence's words. It keeps what it was asked."""

    key: str = "by word 1"
    name: str = "by-word"
    seconds: float = 0.0
    asked: list[str] = field(default_factory=list)

    def parse(self, sentences: Sequence[str]) -> list[Tree]:
        self.asked.extend(sentences)
        time.sleep(self.seconds * len(sentences))
        return [node("S", [node(word) for word in sentence.split()]) for sentence in sentences]


def test_parsed_once_whoever_asks(tmp_path: Path) -> None:
    first = ByWord()
    sentences = ["a b", "c", " a  b ", "(d) -LRB- é", "c"]
    trees = parse_cached(first, sentences, tmp_path)
    assert trees == ByWord().parse(sentences)
    assert first.asked == ["a b", "c", "(d) -LRB- é"]
    second = ByWord()
    assert parse_cached(second, ["e", *reversed(sentences)], tmp_path) == ByWord().parse(["e", *reversed(sentences)])
    assert second.asked == ["e"]


def test_parsers_are_kept_apart(tmp_path: Path) -> None:
    parse_cached(ByWord(), ["a"], tmp_path)
    other = ByWord(key="by word 2")
    parse_cached(other, ["a"], tmp_path)
    assert other.asked == ["a"]


def test_default_folder(home: Path) -> None:
    parse_cached(ByWord(), ["a"])
    assert list((home / "parses").glob("by-word-*.sqlite"))


def test_more_than_one_chunk(tmp_path: Path) -> None:
    sentences = [f"sentence {number}" for number in range(2500)]
    assert parse_cached(ByWord(), sentences, tmp_path) == ByWord().parse(sentences)
    again = ByWord()
    assert parse_cached(again, sentences, tmp_path) == ByWord().parse(sentences)
    assert again.asked == []


def _write(folder: Path, first: int, seconds: float) -> None:
    sentences = [f"sentence {number}" for number in range(first, first + 3000)]
    if parse_cached(ByWord(seconds=seconds), sentences, folder) != ByWord().parse(sentences):
        os._exit(1)


def test_two_processes_at_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(tmp_path, first, 1e-5)) for first in (0, 0, 1500)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    again = ByWord()
    parse_cached(again, [f"sentence {number}" for number in range(4500)], tmp_path)
    assert again.asked == []


def test_a_killed_writer_leaves_whole_parses(tmp_path: Path) -> None:
    writer = multiprocessing.get_context("spawn").Process(target=_write, args=(tmp_path, 0, 2e-4))
    writer.start()
    deadline = time.monotonic() + 30
    while not _kept(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    kept = _kept(tmp_path)
    assert 1000 <= kept < 3000
    sentences = [f"sentence {number}" for number in range(3000)]
    again = ByWord()
    assert parse_cached(again, sentences, tmp_path) == ByWord().parse(sentences)
    assert len(again.asked) == 3000 - kept


def _kept(folder: Path) -> int:
    for place in folder.glob("*.sqlite"):
        store = sqlite3.connect(place, timeout=30)
        try:
            return int(store.execute("SELECT count(*) FROM parses").fetchone()[0])
        except sqlite3.OperationalError:
            return 0
        finally:
            store.close()
    return 0


def test_empty_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sentence 1 is empty"):
        parse_cached(ByWord(), ["a", "\n"], tmp_path)


def test_damaged_file_is_one_line(tmp_path: Path) -> None:
    parse_cached(ByWord(), ["a"], tmp_path)
    (place,) = tmp_path.glob("*.sqlite")
    for extra in tmp_path.glob("*.sqlite-*"):
        extra.unlink()
    place.write_bytes(b"no database" * 100)
    with pytest.raises(UserError) as error:
        parse_cached(ByWord(), ["a"], tmp_path)
    assert str(place) in one_line(error)


def test_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("", encoding="utf-8")
    with pytest.raises(UserError) as error:
        parse_cached(ByWord(), ["a"], place)
    assert str(place) in one_line(error)
