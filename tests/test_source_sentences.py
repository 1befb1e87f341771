"""Sentences to rewrite: every kind of place, cleaned, each once, none of an evaluation; one line for errors."""

import gzip
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, constants
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.benchmarks import BENCHMARKS, FOLDER
from lemonpress.evaluation.leakage import Leakage
from lemonpress.hub.local.server import running
from lemonpress.recipes.rewriting import SourceSentences
from lemonpress.rows import CONTEXTS, content_id
from lemonpress.source_sentences import COUNTS, read_sentences, tidy
from lemonpress.splitting import flaw
from one_line import one_line

CLOSED = "The council closed the bridge after the storm."
OPENED = "Workers opened the old road in March."
ASKED = "How long will the bridge stay closed?"


def read(path: Path | str, **fields: Any) -> pa.Table:
    table = read_sentences(SourceSentences(source="sentences", path=str(path), **fields), "pool", Path)
    assert table.schema.equals(CONTEXTS)
    return table


def texts(table: pa.Table) -> list[str]:
    return list(table["context"].to_pylist())


def dropped(table: pa.Table) -> dict[str, int]:
    return dict(json.loads(table.schema.metadata[COUNTS])["dropped"])


def lines(file: Path, *rows: object) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def refused(path: Path | str, **fields: Any) -> str:
    with pytest.raises(UserError) as error:
        read(path, **fields)
    message: str = one_line(error)
    assert message.startswith("contexts.pool")
    return message


def test_texts_are_cleaned_and_each_is_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    rows = [
        f"  {CLOSED} ",
        "the bridge",
        f"{CLOSED.upper()}",
        f'"{OPENED}"',
        f"{ASKED} Nobody knows that yet.",
        "See https://example.org for more of this news.",
        "- A list has items like this one.",
        "He saw the (unfinished bridge from afar.",
        " ".join(["Word", *["word"] * 60, "word."]),
    ]
    file.write_text("\n\n".join(rows), encoding="utf-8")
    table = read(file)
    assert table.to_pylist() == [
        {"context_id": content_id(text), "context": text, "domain": "pool"} for text in (CLOSED, OPENED)
    ]
    reasons = {"duplicate": 1, "fragment": 2, "list": 1, "markup": 1, "several": 1, "unbalanced": 1}
    assert json.loads(table.schema.metadata[COUNTS]) == {"texts": 9, "sentences": 2, "dropped": reasons}


def test_paragraphs_are_cut_where_that_is_asked_for(tmp_path: Path) -> None:
    file = lines(tmp_path / "texts.jsonl", {"text": f"{CLOSED} {ASKED}\n{OPENED} And then"}, {"text": ASKED})
    assert texts(read(file)) == [ASKED]
    cut = read(file, split_sentences=True)
    assert texts(cut) == [CLOSED, ASKED, OPENED]
    assert dropped(cut) == {"duplicate": 1, "fragment": 1}


def test_columns_hold_texts_or_lists_of_texts(tmp_path: Path) -> None:
    rows = [{"one": CLOSED, "many": [ASKED, OPENED]}, {"one": None, "many": None}, {"one": ASKED, "many": []}]
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    both = read(file, columns=["one", "many"])
    assert texts(both) == [CLOSED, ASKED, OPENED]
    assert dropped(both) == {"duplicate": 1}
    assert texts(read(file, columns=["many"])) == [ASKED, OPENED]
    folder = tmp_path / "folder"
    folder.mkdir()
    lines(folder / "train.jsonl", *({"text": text} for text in (CLOSED, OPENED)))
    assert texts(read(folder)) == [CLOSED, OPENED]


def test_rows_may_name_their_domain(tmp_path: Path) -> None:
    file = lines(tmp_path / "texts.jsonl", {"text": CLOSED, "domain": "news"}, {"text": OPENED})
    assert read(file)["domain"].to_pylist() == ["news", "pool"]


def test_no_more_than_the_count_are_kept_or_looked_at(tmp_path: Path) -> None:
    file = lines(tmp_path / "texts.jsonl", {"text": f"{CLOSED} {ASKED}"}, {"text": OPENED})
    table = read(file, count=1, split_sentences=True)
    assert texts(table) == [CLOSED]
    assert json.loads(table.schema.metadata[COUNTS]) == {"texts": 1, "sentences": 1, "dropped": {}}


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("He said , `` hello '' , and left .", 'He said, "hello", and left.'),
        ('Amrozi called him " the witness " .', 'Amrozi called him "the witness".'),
        ("They do n't know the council 's plan ( yet ) !", "They don't know the council's plan (yet)!"),
        ("It costs $ 5 , or 10 % more .", "It costs $5, or 10% more."),
        ("“The road is open.”", "The road is open."),
        ("'It is open.'", "It is open."),
        ('"Yes," he said, "it is."', '"Yes," he said, "it is."'),
        ("Tom &amp; Ann don&#39;t   know.\u00a0", "Tom & Ann don't know."),
    ],
)
def test_texts_look_as_people_write_them(raw: str, clean: str) -> None:
    assert tidy(raw) == clean


@given(st.text("ab .,!?\"'“”()`$ns", max_size=40))
def test_clean_texts_stay_as_they_are(text: str) -> None:
    clean = tidy(text)
    if flaw(clean) is None:
        assert tidy(clean) == clean


def test_sentences_of_an_evaluation_are_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    near = "Yesterday the council closed the bridge after the storm had passed."
    file = lines(tmp_path / "texts.jsonl", *({"text": text} for text in (CLOSED, OPENED, ASKED, near)))
    own = lines(tmp_path / "own.jsonl", {"id": 1, "source": CLOSED.upper(), "references": ["The road."]})
    table = read(file, keep_out=[str(own)])
    assert texts(table) == [OPENED, ASKED]
    assert dropped(table) == {"evaluation": 1, "near evaluation": 1}
    leakage = Leakage([Benchmark("own", [CLOSED.upper()], [["The road."]], "paraphrase")])
    for place, text in enumerate(texts(table)):
        leakage.add(str(place), text, text)
    assert leakage.found()[0].shared_pairs == 0

    (tmp_path / "out.txt").write_text(ASKED, encoding="utf-8")
    assert texts(read(file, keep_out=[str(own), str(tmp_path / "out.txt")])) == [OPENED]
    monkeypatch.delenv(FOLDER, raising=False)
    with pytest.raises(UserError, match="benchmark duc: no file") as caught:
        read(file, keep_out=["duc"])
    one_line(caught)


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    file = lines(tmp_path / "texts.jsonl", {"text": CLOSED, "n": 1})
    assert refused(file, columns=["body"]).endswith("has no column 'body'; it has text, n")
    assert "column 'n' holds int, not text" in refused(file, columns=["n"])
    assert "is for Hub datasets; remove it" in refused(file, revision="main")
    assert "no file" in refused(tmp_path / "absent.jsonl")
    assert "no file" in refused(tmp_path / "absent.txt")
    assert "keep_out.path: no file" in refused(file, keep_out=[str(tmp_path / "absent.csv")])
    plain = tmp_path / "plain.txt"
    plain.write_text("too short\n", encoding="utf-8")
    assert "holds no sentence to rewrite (1 fragment); give whole sentences" in refused(plain)
    assert "columns: a .txt file has none; remove it" in refused(plain, columns=["text"])
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\xff")
    assert "is not UTF-8 text" in refused(binary)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "give benchmark or path, and not both"),
        ({"path": "a.txt", "benchmark": "mrpc"}, "give benchmark or path, and not both"),
        ({"benchmark": "mrpc", "columns": ["text"]}, "columns goes with path: benchmark mrpc has its own; remove it"),
    ],
)
def test_sections_name_one_place(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        SourceSentences.model_validate({"source": "sentences", **fields})


READ = """
    import json
    from pathlib import Path
    from lemonpress.errors import UserError
    from lemonpress.recipes.rewriting import SourceSentences
    from lemonpress.source_sentences import COUNTS, read_sentences

    for fields in json.loads({sections!r}):
        try:
            table = read_sentences(SourceSentences(source="sentences", **fields), "pool", Path)
            metadata = table.schema.metadata
            counts = json.loads(metadata[COUNTS])
            print(json.dumps([table["context"].to_pylist(), counts["dropped"], metadata[b"commit"].decode()]))
        except UserError as error:
            print(json.dumps(str(error)))
"""


def test_named_sources_are_training_rows_without_their_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    train = {"sentence1": [f"{CLOSED[:-1]} .", OPENED], "sentence2": [ASKED, CLOSED], "label": [0, 1]}
    test = {"sentence1": ["A road."], "sentence2": [OPENED], "label": [1]}
    with running(tmp_path / "hub") as hub:
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        for path, config, splits in (
            ("nyu-mll/glue", "mrpc", {"train": train, "test": test}),
            ("google-research-datasets/paws", "labeled_final", {"train": train}),
            ("embedding-data/WikiAnswers", "default", {"train": {"set": [[ASKED, CLOSED], [OPENED]]}}),
        ):
            api.create_repo(path, repo_type="dataset")
            card = f"---\nconfigs:\n- config_name: {config}\n  data_files:\n"
            for split, columns in splits.items():
                pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
                api.upload_file(
                    path_or_fileobj=str(tmp_path / "rows.parquet"),
                    path_in_repo=f"{split}.parquet",
                    repo_id=path,
                    repo_type="dataset",
                )
                card += f"  - split: {split}\n    path: {split}.parquet\n"
            readme = f"{card}---\n".encode()
            api.upload_file(path_or_fileobj=readme, path_in_repo="README.md", repo_id=path, repo_type="dataset")
        commit = api.dataset_info("nyu-mll/glue").sha
        answers = api.dataset_info("embedding-data/WikiAnswers").sha
        paws = api.dataset_info("google-research-datasets/paws").sha
        glue: dict[str, object] = {"path": "nyu-mll/glue", "config": "mrpc", "columns": ["sentence1"]}
        sections: list[dict[str, object]] = [
            {"benchmark": "mrpc"},
            glue,
            {**glue, "keep_out": []},
            {"benchmark": "wikianswers"},
            {"benchmark": "paws"},
            {"benchmark": "paws", "keep_out": ["mrpc"]},
            {"benchmark": "twitter"},
        ]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", FOLDER))}
        environment = kept | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-c", textwrap.dedent(READ).replace("{sections!r}", repr(json.dumps(sections)))]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found[:4] == [
        [[CLOSED, ASKED], {"duplicate": 1, "evaluation": 1}, commit],
        [[CLOSED], {"evaluation": 1}, commit],
        [[CLOSED, OPENED], {}, commit],
        [[ASKED, CLOSED, OPENED], {}, answers],
    ]
    assert found[4].startswith("contexts.pool: the evaluation rows of paws are kept out and cannot be read (")
    assert found[4].endswith("keep_out: [] keeps nothing out")
    assert found[5] == [[CLOSED, ASKED], {"duplicate": 1, "evaluation": 1}, paws]
    assert found[6].startswith("contexts.pool.benchmark: the training rows of twitter are on no Hub")
    assert found[6].endswith("give them as path")


def test_evaluations_are_read_from_the_folder_of_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    row = json.dumps({"source": CLOSED, "reference": OPENED}) + "\n"
    (tmp_path / BENCHMARKS["twitter-url"].file).write_bytes(gzip.compress(row.encode()))
    file = lines(tmp_path / "texts.jsonl", *({"text": text} for text in (CLOSED, OPENED, ASKED)))
    assert texts(read(file, keep_out=["twitter-url"])) == [ASKED]
