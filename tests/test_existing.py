"""Pairs of existing corpora: every kind of file, dataset folders, the Hub; groups, lists, and one line for errors."""

import csv
import gzip
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.errors import UserError
from lemonpress.existing import read_pairs
from lemonpress.pairs import Shard
from lemonpress.recipes import PairRows
from lemonpress.rows import PAIRED, content_id
from one_line import one_line

Rows = list[dict[str, Any]]

ROWS: Rows = [
    {"source": "The cat sat.", "target": "A cat was sitting."},
    {"source": "It's café [sic] time.", "target": 'He said "hello, you".'},
    {"source": "The cat sat.", "target": "There sat a cat."},
]


def read(path: Path | str, **settings: Any) -> pa.Table:
    table = read_pairs(PairRows(source="pairs", path=str(path), **settings), "pool", Path)
    assert table.schema.equals(PAIRED)
    return table


def refused(path: Path | str, **settings: Any) -> str:
    with pytest.raises(UserError) as error:
        read(path, **settings)
    message = one_line(error)
    assert message.startswith("contexts.pool: ")
    return message


def pairs(table: pa.Table) -> list[list[tuple[str, str]]]:
    """The pairs of each group, as texts."""
    return [
        [(row["sentences"][s], row["sentences"][t]) for s, t in zip(row["sources"], row["targets"], strict=True)]
        for row in table.to_pylist()
    ]


def lines(file: Path, rows: Iterable[object]) -> Path:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


def comma_separated(file: Path, rows: Rows) -> Path:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def tab_separated(file: Path, rows: Rows) -> Path:
    table = [list(rows[0]), *(list(row.values()) for row in rows)]
    file.write_text("".join("\t".join(row) + "\n" for row in table), encoding="utf-8")
    return file


def parquet(file: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


FILES: Mapping[str, Callable[[Path, Rows], Path]] = {
    "pairs.jsonl": lines,
    "pairs.jsonl.gz": lines,
    "pairs.csv": comma_separated,
    "pairs.tsv": tab_separated,
    "pairs.parquet": parquet,
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_groups(tmp_path: Path, name: str) -> None:
    table = read(FILES[name](tmp_path / name, [{"score": "1", **row, "more": "x"} for row in ROWS]))
    assert table.schema.equals(PAIRED, check_metadata=True)
    assert table.to_pylist() == [
        {
            "context_id": content_id("The cat sat."),
            "context": "",
            "domain": "pool",
            "sentences": ["The cat sat.", "A cat was sitting.", "There sat a cat."],
            "counts": [2, 1, 1],
            "sampled": 2,
            "dropped": [],
            "sources": [0, 0],
            "targets": [1, 2],
        },
        {
            "context_id": content_id("It's café [sic] time."),
            "context": "",
            "domain": "pool",
            "sentences": ["It's café [sic] time.", 'He said "hello, you".'],
            "counts": [1, 1],
            "sampled": 1,
            "dropped": [],
            "sources": [0],
            "targets": [1],
        },
    ]
    assert Shard.of_table(table).sizes.tolist() == [3, 2]
    assert [len(group) for group in pairs(read(tmp_path / name, count=2))] == [1, 1]


def test_a_dataset_folder_gives_its_split(tmp_path: Path) -> None:
    from datasets import Dataset

    folder = tmp_path / "corpus"
    folder.mkdir()
    Dataset.from_list([{**row, "target": [row["target"]]} for row in ROWS]).to_parquet(folder / "train.parquet")
    Dataset.from_list(ROWS[:1]).to_parquet(folder / "other.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: one\n  data_files:\n  - {split: train, path: train.parquet}\n"
        "- config_name: two\n  data_files:\n  - {split: held, path: other.parquet}\n---\n"
    )
    expected = pairs(read(lines(tmp_path / "pairs.jsonl", ROWS)))
    assert pairs(read(folder, config="one")) == expected
    assert pairs(read(folder, config="one", count=1)) == [expected[0][:1]]
    assert pairs(read(folder, config="two", split="held")) == [expected[0][:1]]
    assert "has no column 'x'; it has source, target" in refused(folder, config="one", target_column="x")
    assert "cannot be loaded: Config name is missing" in refused(folder)
    assert "cannot be loaded" in refused(folder, config="one", split="test")
    assert "revision 'main' is for Hub datasets" in refused(folder, config="one", revision="main")


def test_a_dataset_folder_that_is_torn_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "train.parquet").write_bytes(b"PAR1 torn PAR1")
    message = refused(folder)
    assert "cannot be loaded" in message
    assert "Parquet" in message


@pytest.mark.parametrize("written", [json.dumps, str, list])
def test_a_list_of_targets_is_a_pair_each(tmp_path: Path, written: Callable[[list[str]], object]) -> None:
    targets = ["It's one.", 'A "second", one.', r"A \d third."]
    table = read(lines(tmp_path / "pairs.jsonl", [{"source": "One.", "target": written(targets)}]))
    assert pairs(table) == [[("One.", target) for target in targets]]


@pytest.mark.parametrize("target", ["[sic] it was.", "[1]", "[", "['a', b]", "[sic]", '["a"', "[" * 1999 + "]", "[x]"])
def test_a_sentence_that_only_looks_like_a_list_is_a_sentence(tmp_path: Path, target: str) -> None:
    assert pairs(read(lines(tmp_path / "pairs.jsonl", [{"source": "One.", "target": target}]))) == [[("One.", target)]]


def test_a_printed_array_is_refused_and_quotes_in_a_list_are_not(tmp_path: Path) -> None:
    rows = [{"source": "One.", "target": """['He said "a" "b".', 'Two.']"""}]
    assert pairs(read(lines(tmp_path / "fine.jsonl", rows))) == [[("One.", 'He said "a" "b".'), ("One.", "Two.")]]
    rows.append({"source": "One.", "target": "['Two.'\n 'Three.']"})
    assert "line 2: a list of texts without commas" in refused(lines(tmp_path / "array.jsonl", rows))


def test_what_is_no_pair_is_dropped_by_reason(tmp_path: Path) -> None:
    rows = [
        {"source": " One. ", "target": ["Two.", "", None, " One.", "Two. "]},
        {"source": "", "target": "Three."},
        {"source": None, "target": None},
        {"source": "Four.", "target": []},
        {"source": "Four."},
        {"source": "One.", "target": "Two."},
    ]
    found = read(lines(tmp_path / "pairs.jsonl", rows)).to_pylist()
    assert [(row["sampled"], dict(row["dropped"])) for row in found] == [
        (6, {"blank target": 2, "copy": 1, "duplicate": 2}),
        (2, {"blank source": 2}),
        (2, {"blank target": 2}),
    ]
    assert [(row["sentences"], row["counts"]) for row in found] == [(["One.", "Two."], [3, 3]), ([], []), ([], [])]
    assert [row["context_id"] for row in found] == [content_id(key) for key in ("One.", "", "Four.")]


def test_what_is_too_long_for_a_sentence_is_dropped(tmp_path: Path) -> None:
    rows = [
        {"source": "One.", "target": ["x" * 2000, "x" * 2001, ""]},
        {"source": "y" * 1_000_000, "target": "Two."},
    ]
    found = read(lines(tmp_path / "pairs.jsonl", rows)).to_pylist()
    assert [(row["sampled"], dict(row["dropped"])) for row in found] == [
        (3, {"blank target": 1, "too long": 1}),
        (1, {"too long": 1}),
    ]
    assert [row["sentences"] for row in found] == [["One.", "x" * 2000], []]
    assert "(1 too long)" in refused(lines(tmp_path / "long.jsonl", rows[1:]))


def test_a_group_column_joins_pairs_wherever_they_stand(tmp_path: Path) -> None:
    rows = [
        {
            "source": f"Source {n}.",
            "target": f"Target {n}.",
            "topic": n % 3,
            "before": None if n < 3 else f" Then {n}. ",
        }
        for n in range(3000)
    ]
    rows[7] |= {"source": "Target 1.", "target": "Source 1."}
    found = read(parquet(tmp_path / "pairs.parquet", rows), group_column="topic", context_column="before").to_pylist()
    assert [row["context_id"] for row in found] == [content_id(str(topic)) for topic in range(3)]
    assert [row["context"] for row in found] == ["Then 3.", "Then 4.", "Then 5."]
    assert [row["sampled"] for row in found] == [1000] * 3
    assert found[1]["sources"][:4] == [0, 2, 1, 4]
    assert found[1]["targets"][:4] == [1, 3, 0, 5]


TEXTS = st.sampled_from(["", "a", "b", " c", "d "])


@given(st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=3), st.sampled_from(["", "g", "h"])), max_size=12))
def test_groups_agree_with_a_plain_reading(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, list[str], str]]
) -> None:
    plain: dict[str, list[tuple[str, str]]] = {}
    for source, targets, group in rows:
        found = plain.setdefault(group or source.strip(), [])
        found += [(source.strip(), target.strip()) for target in targets or [""]]
    usable = {key: list(dict.fromkeys((s, t) for s, t in seen if s and t and s != t)) for key, seen in plain.items()}
    file = lines(
        tmp_path_factory.mktemp("pairs") / "pairs.jsonl",
        [{"source": source, "target": targets, "group": group} for source, targets, group in rows],
    )
    if not any(usable.values()):
        refused(file, group_column="group")
        return
    table = read(file, group_column="group")
    assert table["context_id"].to_pylist() == [content_id(key) for key in plain]
    assert pairs(table) == list(usable.values())
    for row, seen in zip(table.to_pylist(), plain.values(), strict=True):
        assert row["sampled"] == len(seen) == len(row["sources"]) + sum(dict(row["dropped"]).values())
        said = [text for s, t in seen if s and t and s != t for text in (s, t)]
        assert dict(zip(row["sentences"], row["counts"], strict=True)) == {text: said.count(text) for text in said}
        assert row["sentences"] == list(dict.fromkeys(said))


def test_a_group_has_a_most_of_sentences(tmp_path: Path) -> None:
    rows = [{"source": f"Source {n}.", "target": f"Target {n}.", "all": "the one group"} for n in range(2049)]
    file = lines(tmp_path / "pairs.jsonl", rows)
    assert read(file).num_rows == 2049
    assert len(read(file, group_column="all", count=2048)["sentences"][0]) == 4096
    message = refused(file, group_column="all")
    assert "line 2049: group 'the one group' has more than 4,096 distinct sentences" in message
    assert "'group_column'" in message


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("column", ["source_column", "target_column", "group_column", "context_column"])
def test_a_missing_column_is_named_with_those_there(tmp_path: Path, name: str, column: str) -> None:
    message = refused(FILES[name](tmp_path / name, ROWS), **{column: "absent"})
    assert message == f"contexts.pool: {tmp_path / name}: has no column 'absent'; it has source, target"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"source": 7, "target": "x"}, "column 'source' holds int, not text"),
        ({"source": ["x"], "target": "x"}, "column 'source' holds list, not text"),
        ({"source": "x", "target": [7]}, "column 'target' holds int, not text"),
        ({"source": "x", "target": {"en": "y"}}, "column 'target' holds dict, not text"),
        ({"source": "x", "target": "y", "group": 0.5}, "column 'group' holds float, not text"),
        ({"source": "x", "target": "y", "context": 1}, "column 'context' holds int, not text"),
        ([], "no JSON object; write one object a line"),
    ],
)
def test_a_malformed_row_is_named_by_its_number(tmp_path: Path, row: object, said: str) -> None:
    first = {"source": "One.", "target": "Two.", "group": "g", "context": "c"}
    file = lines(tmp_path / "pairs.jsonl", [first, row])
    message = refused(file, group_column="group", context_column="context")
    assert message.startswith(f"contexts.pool: {file}, line 2: {said}")
    if isinstance(row, dict):
        table = parquet(tmp_path / "pairs.parquet", [{**first, **row}])
        assert f"{table}, row 1: {said}" in refused(table, group_column="group", context_column="context")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("pairs.jsonl", b"", "holds no row"),
        ("pairs.jsonl", b"\n{", "line 2: not JSON"),
        ("pairs.jsonl", b'{"source": "\xe9"}', "is not UTF-8 text"),
        ("pairs.jsonl", b'{"source": "\\ud83d", "target": "x"}', "line 1: column 'source' holds half a character"),
        ("pairs.jsonl.gz", b'{"source": "x"}', "no whole gzip file"),
        ("pairs.jsonl", b'{"source": " ", "target": "x"}', "(1 blank source); name the right columns"),
        ("pairs.jsonl", b'{"source": "x", "target": "x "}', "no row holds two different sentences (1 copy)"),
        ("pairs.csv", b"", "no sound csv file"),
        ("pairs.csv", b"source,target\n", "holds no row"),
        ("pairs.csv", b"source,target\na,b\nc,d,e\n", "Row #3"),
        ("pairs.csv", b"source,target\na,\xe9\n", "UTF8"),
        ("pairs.tsv", b"source\ttarget\na\tb\nc\n", "Row #3"),
        ("pairs.parquet", b"torn", "no sound parquet file"),
        ("pairs.txt", b"source,target\n", "is no .jsonl, .jsonl.gz, .csv, .tsv or .parquet file"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    message = refused(tmp_path / name)
    assert said in message
    assert str(tmp_path / name) in message


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    for name in ("absent.csv", "absent"):
        assert "no such file or folder" in refused(tmp_path / name)
    assert "no such file or folder" in refused("absent.parquet")
    assert "'not an id' is no Hub id, folder or file" in refused("not an id")
    file = lines(tmp_path / "pairs.jsonl", ROWS)
    assert "config 'x' is for datasets" in refused(file, config="x")
    assert "revision 'x' is for Hub datasets" in refused(file, revision="x")


def test_tables_keep_what_their_kind_says_of_quotes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfsource,target\r\n"He said ""yes"", twice.","Two\nlines."\r\n')
    assert pairs(read(tmp_path / "a.csv")) == [[('He said "yes", twice.', "Two\nlines.")]]
    (tmp_path / "a.tsv").write_text('source\ttarget\n"Yes," he said.\tHe said "yes.\n007\t7.0\n')
    assert pairs(read(tmp_path / "a.tsv")) == [[('"Yes," he said.', 'He said "yes.')], [("007", "7.0")]]


def test_a_hub_dataset_is_read_at_the_commit_of_its_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import HfApi, constants

    from lemonpress.hub.local.server import running

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with running(tmp_path / "hub") as hub:
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        api.create_repo("someone/pairs", repo_type="dataset")
        for tag, rows in (("v1", ROWS), ("v2", ROWS[:1])):
            content = "".join(json.dumps(row) + "\n" for row in rows).encode()
            api.upload_file(
                path_or_fileobj=content, path_in_repo="train.jsonl", repo_id="someone/pairs", repo_type="dataset"
            )
            api.create_tag("someone/pairs", tag=tag, repo_type="dataset")
        commits = [api.dataset_info("someone/pairs", revision=tag).sha for tag in ("v1", "v2")]
        script = """
            from pathlib import Path
            from lemonpress.errors import UserError
            from lemonpress.existing import read_pairs
            from lemonpress.recipes import PairRows

            for name, revision in (("pairs", "v1"), ("pairs", None), ("pairs", "v3"), ("absent", None)):
                settings = PairRows(source="pairs", path=f"someone/{name}", revision=revision)
                try:
                    table = read_pairs(settings, "pool", Path)
                    print(table.num_rows, table.schema.metadata[b"commit"].decode())
                except UserError as error:
                    print(error)
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env=kept | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    first, head, revision, absent = done.stdout.splitlines()
    assert [first, head] == [f"2 {commits[0]}", f"1 {commits[1]}"]
    assert "someone/pairs has no revision 'v3'" in revision
    assert "no folder and no Hub dataset someone/absent" in absent
