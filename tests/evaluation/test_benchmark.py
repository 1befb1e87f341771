import gzip
import json
from pathlib import Path

import pytest

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import load
from lemonpress.recipes import Task
from one_line import one_line

GOOD = {"source": "The cat sat.", "reference": "A cat was sitting."}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("task", "fields", "expected"),
    [
        ("paraphrase", {"reference": "y"}, ["y"]),
        ("paraphrase", {"references": ["y", "z"]}, ["y", "z"]),
        ("paraphrase", {"paraphrases": ["é", "z"], "summary": "not read"}, ["é", "z"]),
        ("summary", {"summary": "y", "paraphrases": ["not read"]}, ["y"]),
        ("summary", {"references": ["y"], "label": 1}, ["y"]),
    ],
)
def test_load_reads_the_fields_of_the_task(
    tmp_path: Path, task: Task, fields: dict[str, object], expected: list[str]
) -> None:
    benchmark = load(write(tmp_path / "mini.jsonl", {"source": "x", **fields}), task)
    assert (benchmark.name, benchmark.task) == ("mini", task)
    assert (benchmark.sources, benchmark.references) == (["x"], [expected])


def test_load_reads_gzip_and_skips_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "mini.jsonl.gz"
    path.write_bytes(gzip.compress(f"\n{json.dumps(GOOD)}\n\n{json.dumps(GOOD)}".encode()))
    benchmark = load(path, "paraphrase")
    assert benchmark.name == "mini"
    assert len(benchmark.sources) == len(benchmark.references) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["x", "y"], "no JSON object"),
        ({"text": "x", "reference": "y"}, "has no field source"),
        (
            {"source": "x", "target": "y"},
            "has no reference; give exactly one of the fields reference, references, para",
        ),
        ({"source": "x", "reference": "y", "references": ["z"]}, "has reference and references; give exactly one"),
        ({"source": "x", "references": ["y"]}, "has no reference, which the first row has; name all alike"),
        ({"source": "x", "reference": []}, "reference holds no text"),
        ({"source": "x", "reference": ["y", " "]}, "reference holds ' '; give a text that is not blank"),
        ({"source": "x", "reference": float("nan")}, "reference holds no text"),
        ({"source": None, "reference": "y"}, "source holds None"),
    ],
)
def test_load_names_file_line_and_field(tmp_path: Path, row: object, message: str) -> None:
    path = write(tmp_path / "bad.jsonl", GOOD, row)
    with pytest.raises(UserError) as caught:
        load(path, "paraphrase")
    assert one_line(caught).startswith(f"benchmark: {path}, line 2: {message}")


def test_load_names_what_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"source": "x"', encoding="utf-8")
    with pytest.raises(UserError, match=r"line 1: "):
        load(path, "paraphrase")


def test_load_refuses_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.jsonl cannot be read .*No such file"):
        load(tmp_path / "absent.jsonl", "paraphrase")
    with pytest.raises(UserError, match="has no rows"):
        load(write(tmp_path / "empty.jsonl"), "paraphrase")
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes('{"source": "é"}'.encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.jsonl is not UTF-8 text"):
        load(latin, "paraphrase")


@pytest.mark.parametrize("cut", [10, -4])
def test_load_refuses_damaged_gzip(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode() * 50)[:cut])
    with pytest.raises(UserError, match=r"cut\.jsonl\.gz is no whole gzip file"):
        load(path, "paraphrase")
    path.write_bytes(b"not gzip at all")
    with pytest.raises(UserError, match=r"cut\.jsonl\.gz is no whole gzip file"):
        load(path, "paraphrase")


def test_exemplars_are_read_where_all_rows_have_one(tmp_path: Path) -> None:
    rows = [{**GOOD, "exemplar": "What was it that sat?"}, {**GOOD, "exemplar": "Who sat there?"}]
    assert load(write(tmp_path / "own.jsonl", *rows), "paraphrase").exemplars == [row["exemplar"] for row in rows]
    with pytest.raises(UserError, match="1 of 2 rows have exemplar; give all or none"):
        load(write(tmp_path / "some.jsonl", rows[0], GOOD), "paraphrase")


def test_the_digest_is_of_what_a_system_sees(tmp_path: Path) -> None:
    one = load(write(tmp_path / "one.jsonl", GOOD, GOOD), "paraphrase")
    again = load(write(tmp_path / "again.jsonl", {**GOOD, "reference": "Otherwise."}, GOOD), "paraphrase")
    assert one.digest == again.digest
    assert one.digest != one.head(1).digest
    assert one.digest != load(tmp_path / "one.jsonl", "summary").digest


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({"source": "x", "reference": "half \ud800 a character"}), encoding="utf-8")
    with pytest.raises(UserError, match="column 'reference' holds half a character"):
        load(path, "paraphrase")
