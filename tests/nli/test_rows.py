"""Reading rows: what is refused, and in which words."""

import gzip
import json
from pathlib import Path

import pytest

from lemonpress.errors import UserError
from lemonpress.nli.rows import NliRow, read_rows

GOOD = {"premise": "It rose.", "hypothesis": "It fell.", "label": "contradiction", "source": "mine"}


def _write(file: Path, *rows: object) -> Path:
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return file


def test_plain_and_gzipped_rows_are_the_same(tmp_path: Path) -> None:
    plain = _write(tmp_path / "rows.jsonl", GOOD, {**GOOD, "source": "barred"})
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_rows(plain, ["barred"]) == read_rows(packed, ["barred"])
    assert read_rows(plain, ["barred"]) == [NliRow("It rose.", "It fell.", "contradiction", "mine")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**GOOD, "label": "entails"}, "line 2: label 'entails' is unknown"),
        ({"premise": "It rose.", "label": "neutral", "source": "mine"}, "line 2: column 'hypothesis' is missing"),
        ({**GOOD, "premise": 3}, "line 2: column 'premise' is missing or no text"),
        (["It rose."], "line 2: is no object"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: object, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_rows(_write(tmp_path / "rows.jsonl", GOOD, row))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_rows(tmp_path / "absent.jsonl")
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(gzip.compress(json.dumps(GOOD).encode())[:-12])
    with pytest.raises(UserError, match="cannot be read"):
        read_rows(torn)
    with pytest.raises(UserError, match="no rows"):
        read_rows(_write(tmp_path / "rows.jsonl", GOOD), ["mine"])
