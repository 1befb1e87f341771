"""Reading files of judged pairs: what they may be, what is refused, and in which words."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.errors import UserError
from lemonpress.nli.datasets import digest_rows, read_dataset, read_judgements
from lemonpress.nli.rows import LABELS, NliRow
from lemonpress.nli.settings import DatasetSettings, ParaphraseSettings
from one_line import one_line

GOOD = [
    {"premise": "It rose.", "hypothesis": "It fell.", "label": "contradiction", "source": "mine"},
    {"premise": "It rose, a bit.", "hypothesis": 'It "rose".', "label": "entailment", "source": "mine"},
    {"premise": "It rose.", "hypothesis": "It was late.", "label": "not_entailment", "source": "yours"},
]
ROWS = [NliRow(row["premise"], row["hypothesis"], row["label"], row["source"]) for row in GOOD]


def _write(file: Path, rows: list[Any]) -> str:
    if file.name.endswith((".jsonl", ".jsonl.gz")):
        text = "\n".join(json.dumps(row) for row in rows).encode()
        file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    elif file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    else:
        with file.open("w", newline="") as stream:
            tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None}
            writer = csv.DictWriter(stream, list(rows[0]), **(tabs if file.suffix == ".tsv" else {}))
            writer.writeheader()
            writer.writerows(rows)
    return str(file)


def _read(path: str, **settings: Any) -> list[NliRow]:
    return read_dataset(DatasetSettings(path=path, **settings), "datasets.nli")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.csv", "rows.tsv", "rows.parquet"])
def test_every_kind_of_file_holds_the_same_rows(tmp_path: Path, name: str) -> None:
    assert _read(_write(tmp_path / name, GOOD)) == ROWS


def test_files_are_looked_for_in_the_data_folder_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    _write(tmp_path / "here/rows.jsonl", GOOD[:2])
    _write(tmp_path / "there/rows.jsonl", GOOD)
    monkeypatch.chdir(tmp_path / "here")
    settings = DatasetSettings(path="rows.jsonl")
    assert len(read_dataset(settings, "datasets.nli")) == 2
    assert len(read_dataset(settings, "datasets.nli", tmp_path / "there")) == 3
    (tmp_path / "there/rows.jsonl").unlink()
    assert len(read_dataset(settings, "datasets.nli", tmp_path / "there")) == 2


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_columns_and_labels_are_mapped(tmp_path: Path, name: str) -> None:
    rows = [{"a": f"{value}.", "b": "b.", "gold": value} for value in (0, 1, 2, -1, 0)]
    columns = {"premise": "a", "hypothesis": "b", "label": "gold"}
    labels = {0: "entailment", 1: "neutral", 2: "not_entailment", -1: None}
    read = _read(_write(tmp_path / name, rows), columns=columns, labels=labels)
    assert [row.label for row in read] == ["entailment", "neutral", "not_entailment", "entailment"]
    assert {row.source for row in read} == {"nli"}


def test_numbers_with_gaps_and_truth_values_are_labels_too(tmp_path: Path) -> None:
    gaps = pa.table({"premise": list("abc"), "hypothesis": list("abc"), "label": [1.0, 0.0, None]})
    pq.write_table(gaps, tmp_path / "gaps.parquet")
    labels = {1: "entailment", 0: "neutral", None: None}
    assert [row.label for row in _read(str(tmp_path / "gaps.parquet"), labels=labels)] == ["entailment", "neutral"]
    truth = _write(tmp_path / "truth.jsonl", [{**GOOD[0], "label": value} for value in (True, False)])
    read = _read(truth, labels={True: "entailment", False: "not_entailment"})
    assert [row.label for row in read] == ["entailment", "not_entailment"]


def test_only_the_wanted_sources_are_read_and_checked(tmp_path: Path) -> None:
    barred = {**GOOD[0], "source": "barred", "label": "unheard of"}
    path = _write(tmp_path / "rows.jsonl", [*GOOD, barred])
    record = {"rows": 2, "sha256": digest_rows(ROWS[:2]), "from": "a paper", "licence": "CC0-1.0"}
    assert _read(path, sources={"mine": record}) == ROWS[:2]
    for wrong, said in [
        ({"rows": 3}, r"datasets\.nli\.sources\.mine: .*rows\.jsonl has 2 rows of it, 3 are expected"),
        ({"sha256": "0" * 64}, r"datasets\.nli\.sources\.mine: its 2 rows in .* 000000000000\.\.\. is expected"),
    ]:
        with pytest.raises(UserError, match=said) as caught:
            _read(path, sources={"mine": {**record, **wrong}})
        one_line(caught)
    with pytest.raises(UserError, match=r"sources\.theirs: .* no such source; it has barred, mine, yours"):
        _read(path, sources={"mine": {}, "theirs": {}})


@given(st.lists(st.sampled_from(ROWS), min_size=1, max_size=6).flatmap(lambda rows: st.permutations(rows)))
def test_the_digest_knows_rows_but_not_their_order(rows: list[NliRow]) -> None:
    assert digest_rows(rows) == digest_rows(sorted(rows, key=lambda row: row.hypothesis))
    assert digest_rows(rows) != digest_rows([*rows, rows[0]])
    assert digest_rows(rows) != digest_rows([NliRow("x", *list(vars(rows[0]).values())[1:]), *rows[1:]])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**GOOD[0], "premise": 3}, "line 4: column 'premise' holds int, not text"),
        ({**GOOD[0], "hypothesis": " \n"}, "line 4: column 'hypothesis' is empty"),
        ({"premise": "It rose.", "label": "neutral"}, "line 4: column 'hypothesis' is empty"),
        ({**GOOD[0], "premise": "\ud83d"}, "line 4: column 'premise' holds half a character"),
        (["It rose."], "line 4: no JSON object"),
        (
            {**GOOD[0], "label": "entails"},
            r"datasets\.nli\.labels: .*rows\.jsonl: no meaning is given to 'entails' \(1 rows\); map",
        ),
        ({**GOOD[0], "label": None}, r"no meaning is given to 'null' \(1 rows\)"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        _read(_write(tmp_path / "rows.jsonl", [*GOOD, row]))
    one_line(caught)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("torn.jsonl.gz", gzip.compress(json.dumps(GOOD[0]).encode(), mtime=0)[:-12], "no whole gzip file"),
        ("latin.jsonl", '{"premise": "é"}'.encode("latin-1"), "not UTF-8 text"),
        ("latin.csv", "premise,hypothesis,label\né,b,c".encode("latin-1"), "cannot be read"),
        ("torn.json.parquet", b"PAR1 and no more", "cannot be read"),
        ("torn.jsonl", b'{"premise": ', "line 1: not JSON"),
        ("empty.jsonl", b"\n", "holds no row"),
        ("empty.csv", b"", "holds no row"),
        ("open.csv", b'premise,hypothesis,label\n"a,b,c', "cannot be read: unexpected end of data"),
        ("ragged.csv", b"premise,hypothesis,label\na,b,c,d\n", "line 2: has 4 fields, the header has 3"),
        ("rows.xlsx", b"", "convert it"),
        (
            "other.csv",
            b"text,hypothesis,label\na,b,c\n",
            r"datasets\.nli\.columns: .* no column 'premise'; it has text, hypothesis, label",
        ),
        ("one.csv", b"premise,hypothesis,label\na,b,neutral\nc,d,contradiction\n", "all 2 rows are labelled contra"),
        ("one.tsv", b"premise\thypothesis\tlabel\na\tb\tentailment\n", "all 1 rows are labelled entailment"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        _read(str(tmp_path / name))
    assert name in one_line(caught)
    assert "datasets.nli" in one_line(caught)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"datasets\.nli\.path: no file absent\.csv .*--data"):
        _read("absent.csv")
    path = _write(tmp_path / "rows.jsonl", GOOD)
    with pytest.raises(UserError, match=r"datasets\.nli\.revision: 'main' is for Hub datasets"):
        _read(path, revision="main")
    with pytest.raises(UserError, match=r"datasets\.nli\.subset: 'de' is for datasets"):
        _read(path, subset="de")
    with pytest.raises(UserError, match="no column 'origin'"):
        _read(path, columns={"source": "origin"})
    with pytest.raises(UserError, match="no row is left"):
        _read(path, labels=dict.fromkeys(LABELS))


def test_human_judgements(tmp_path: Path) -> None:
    rows = [{"source": "a b", "reference": "b a", "paraphrase": value} for value in (True, False)]
    settings = ParaphraseSettings(path=_write(tmp_path / "pairs.jsonl.gz", rows))
    assert read_judgements(settings, "paraphrases") == [("a b", "b a", True), ("a b", "b a", False)]
    numbers = [{"s1": "a", "s2": "b", "is": value} for value in (1, 0)]
    columns = {"source": "s1", "reference": "s2", "label": "is"}
    settings = ParaphraseSettings.model_validate({"path": _write(tmp_path / "pairs.csv", numbers), "columns": columns})
    assert [truth for _, _, truth in read_judgements(settings, "paraphrases")] == [True, False]
    for rows, said in [
        ([{"source": "a", "reference": "b", "paraphrase": "maybe"}], "neither true nor false"),
        ([{"source": "a", "reference": "b", "paraphrase": True}], "needs paraphrases and non-paraphrases"),
        ([{"source": "a", "paraphrase": True}], "no column 'reference'; it has source, paraphrase"),
    ]:
        with pytest.raises(UserError, match=said):
            read_judgements(ParaphraseSettings(path=_write(tmp_path / "bad.jsonl", rows)), "paraphrases")
