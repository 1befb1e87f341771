"""Training rows of students: where they come from, how they are weighed, and what is refused."""

import csv
import gzip
import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lemonpress.errors import UserError
from lemonpress.recipes import TrainingData
from lemonpress.rows import TRAINING
from lemonpress.sources import file_digest
from lemonpress.students.datasets import TrainingRows, training_table
from one_line import one_line

FILES = ("rows.jsonl", "rows.jsonl.gz", "rows.csv", "rows.tsv", "rows.parquet")
CONTROL = {"source": "It rose.", "target": "Up it went.", "tree": "(S ADVP NP VP)", "parser": "toy 1"}


def write(file: Path, rows: list[Any]) -> str:
    """Write rows as the kind of file that the name says."""
    if file.name.endswith((".jsonl", ".jsonl.gz")):
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)
    elif file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    else:
        with file.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t" if file.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return str(file)


def numbered(count: int) -> list[dict[str, str]]:
    """Rows that all differ."""
    return [{"source": f"It rose {n} points.", "target": f"Up {n} points it went."} for n in range(count)]


def read(path: str, seed: int = 0, **fields: Any) -> TrainingRows:
    """The training rows of one dataset, paraphrases by default."""
    return training_table([TrainingData(path=path, **{"task": "paraphrase", **fields})], seed)


def refused(path: str, **fields: Any) -> str:
    """The one line that refuses a dataset."""
    with pytest.raises(UserError) as caught:
        read(path, **fields)
    return one_line(caught)


def sources(rows: TrainingRows) -> list[str]:
    return list(rows.table["source"].to_pylist())


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_holds_the_same_rows(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, numbered(3))
    rows = read(path)
    assert rows.table.schema.equals(TRAINING, check_metadata=True)
    assert rows.table.to_pylist() == [
        {"task": "paraphrase", **row, "tree": None, "parser": None} for row in numbered(3)
    ]
    assert rows.sources == [
        {
            "id": name,
            "sha256": file_digest(Path(path)),
            "config": None,
            "split": None,
            "weight": 1.0,
            "rows_read": 3,
            "dropped": {},
            "rows_used": 3,
        }
    ]


def test_a_column_says_the_task_of_each_row_and_control_rows_bring_their_tree(tmp_path: Path) -> None:
    rows = [
        {"kind": "paraphrase", "x": " It rose.", "y": "Up it went.\n", "shape": "(S NP VP)", "by": "other"},
        {"kind": "control", "x": "It rose.", "y": "Up it went.", "shape": " (S ADVP NP VP)", "by": "toy 1"},
        {"kind": "summary", "x": "It rose a bit.", "y": "It rose."},
    ]
    columns = {"source": "x", "target": "y", "task": "kind", "tree": "shape", "parser": "by"}
    fields = {f"{name}_column": column for name, column in columns.items()}
    found = read(write(tmp_path / "rows.jsonl", rows), task=None, **fields).table.to_pylist()
    assert found == [
        {"task": "paraphrase", "source": "It rose.", "target": "Up it went.", "tree": None, "parser": None},
        {"task": "control", **CONTROL},
        {"task": "summary", "source": "It rose a bit.", "target": "It rose.", "tree": None, "parser": None},
    ]


def test_datasets_stand_in_order_and_each_is_counted(tmp_path: Path) -> None:
    first = write(tmp_path / "first.jsonl", numbered(4))
    spoilt = [
        {"source": "One. ", "target": " One."},
        {"source": " ", "target": "Two."},
        {"source": "Three."},
        {"source": None, "target": None},
        {"source": "Four.", "target": "For."},
    ]
    second = write(tmp_path / "second.jsonl", spoilt)
    mixture = [
        TrainingData(path=first, task="paraphrase", count=2),
        TrainingData(path=second, task="summary", weight=2),
        TrainingData(path=first, task="summary", count=1),
    ]
    rows = training_table(mixture, 0)
    assert list(zip(rows.table["task"].to_pylist(), sources(rows), strict=True)) == [
        ("paraphrase", "It rose 0 points."),
        ("paraphrase", "It rose 1 points."),
        ("summary", "Four."),
        ("summary", "Four."),
        ("summary", "It rose 0 points."),
    ]
    assert [(one.name, one.read, one.dropped, one.used) for one in rows.counts] == [
        (first, 2, {}, 2),
        (second, 5, {"blank source": 2, "blank target": 1, "copy": 1}, 2),
        (first, 1, {}, 1),
    ]
    named = [(one["id"], one["rows_read"], one["weight"], one["rows_used"]) for one in rows.sources]
    assert named == [("first.jsonl", 2, 1, 2), ("second.jsonl", 5, 2, 2), ("first.jsonl", 1, 1, 1)]
    assert json.loads(json.dumps(rows.sources))[1]["dropped"] == {"blank source": 2, "blank target": 1, "copy": 1}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """Files by number of rows; rows of an odd number are repeated, so that content does not tell all apart."""
    folder = tmp_path_factory.mktemp("weights")
    return {
        count: write(folder / f"{count}.jsonl", [numbered(count)[n - n % 3 if count % 2 else n] for n in range(count)])
        for count in (1, 2, 7, 20)
    }


WEIGHTS = st.floats(0.001, 5) | st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([1, 2, 7, 20]), WEIGHTS, WEIGHTS, st.integers(0, 2**32 - 1))
def test_a_weight_is_a_number_of_passes_and_a_larger_one_contains_a_smaller(
    files: dict[int, str], count: int, one: float, other: float, seed: int
) -> None:
    smaller, larger = (read(files[count], seed, weight=weight) for weight in sorted((one, other)))
    every = Counter(sources(read(files[count])))
    for rows, weight in ((smaller, min(one, other)), (larger, max(one, other))):
        taken = Counter(sources(rows))
        assert abs(taken.total() - weight * count) < 1
        assert rows.counts[0].used == rows.sources[0]["rows_used"] == taken.total() >= 1
        passes = int(weight)
        assert Counter({text: times * passes for text, times in every.items()}) <= taken
        assert taken <= Counter({text: times * (passes + 1) for text, times in every.items()})
    assert Counter(sources(smaller)) <= Counter(sources(larger))


def test_whole_passes_come_first_and_a_part_of_one_keeps_the_order(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", numbered(20))
    plain = sources(read(path))
    assert sources(read(path, weight=2)) == plain * 2
    half = sources(read(path, weight=0.5))
    assert len(half) == 10
    assert half == [text for text in plain if text in half]
    assert sources(read(path, weight=1.5)) == plain + half


def test_the_seed_and_the_content_alone_choose_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", numbered(20))
    turned = write(tmp_path / "turned.parquet", numbered(20)[::-1])
    other = TrainingData(path=write(tmp_path / "other.jsonl", numbered(3)), task="summary")
    half = sources(read(path, 7, weight=0.5))
    assert sources(read(path, 7, weight=0.5)) == half
    assert sources(read(turned, 7, weight=0.5)) == half[::-1]
    after = training_table([other, TrainingData(path=path, task="paraphrase", weight=0.5)], 7)
    assert sources(after)[3:] == half
    assert sources(read(path, 8, weight=0.5)) != half


def test_a_folder_is_named_by_what_its_files_hold(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write(folder / "train.jsonl", numbered(2))
    write(folder / "test.jsonl", numbered(1))
    first, again, held = read(str(folder)), read(str(folder)), read(str(folder), split="test")
    assert sources(first) == ["It rose 0 points.", "It rose 1 points."]
    assert sources(held) == ["It rose 0 points."]
    assert first.sources == again.sources
    assert (first.sources[0]["id"], first.sources[0]["split"], held.sources[0]["split"]) == ("corpus", "train", "test")
    write(folder / "train.jsonl", numbered(3))
    changed = read(str(folder))
    assert len(sources(changed)) == 3
    assert changed.sources[0]["sha256"] != first.sources[0]["sha256"]


def test_classes_of_a_dataset_are_read_as_their_names(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    names = ClassLabel(names=["summary", "paraphrase"])
    features = Features({"source": Value("string"), "target": Value("string"), "task": names})
    folder = tmp_path / "corpus"
    folder.mkdir()

    def labelled(*tasks: int) -> str:
        rows = [{**row, "task": task} for row, task in zip(numbered(len(tasks)), tasks, strict=True)]
        Dataset.from_list(rows, features=features).to_parquet(folder / "train.parquet")
        return str(folder)

    assert read(labelled(0, 1), task=None).table["task"].to_pylist() == ["summary", "paraphrase"]
    assert "(train), row 2: task -1 is none of paraphrase, summary, control" in refused(labelled(1, -1), task=None)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("field", ["source", "target", "task", "tree", "parser"])
def test_a_missing_column_is_named_with_the_field_to_set(tmp_path: Path, name: str, field: str) -> None:
    rows = [{**CONTROL, "task": "control"}]
    path = write(tmp_path / name, rows)
    task = None if field == "task" else "control"
    message = refused(path, task=task, **{f"{field}_column": "absent"})
    has = "source, target, tree, parser, task"
    assert message == f"datasets.0.{field}_column: {path} has no column 'absent'; it has {has}"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"source": 3}, "line 2: column 'source' holds int, not text"),
        ({"target": ["x"]}, "line 2: column 'target' holds list, not text"),
        ({"source": "\ud83d"}, "line 2: column 'source' holds half a character"),
        ({"task": "translate\nit"}, r"line 2: task 'translate\nit' is none of paraphrase, summary, control"),
        ({"task": None}, "line 2: task None is none of"),
        ({"tree": None}, "line 2: a control row needs text in column 'tree'"),
        ({"tree": " "}, "line 2: a control row needs text in column 'tree'"),
        ({"parser": ""}, "line 2: a control row needs text in column 'parser'"),
        ({"tree": "(S (NP)"}, "line 2: column 'tree': tree '(S (NP)': 1 brackets are not closed"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    whole = {**CONTROL, "task": "control"}
    path = write(tmp_path / "rows.jsonl", [whole, {**whole, **row}])
    assert refused(path, task=None).startswith(f"datasets.0: {path}, {said}")


def test_trees_of_two_parsers_are_refused_in_one_dataset_or_two(tmp_path: Path) -> None:
    other = {**CONTROL, "parser": "toy 2"}
    first = write(tmp_path / "first.jsonl", [CONTROL])
    both = write(tmp_path / "both.jsonl", [CONTROL, other])
    second = write(tmp_path / "second.jsonl", [other])
    said = "its tree is of parser 'toy 2', earlier ones are of 'toy 1' (first in datasets.0: "
    assert f"datasets.0: {both}, line 2: {said}{both}, line 1)" in refused(both, task="control")
    mixture = [TrainingData(path=path, task="control") for path in (first, second)]
    with pytest.raises(UserError) as caught:
        training_table(mixture, 0)
    assert f"datasets.1: {second}, line 1: {said}{first}, line 1)" in one_line(caught)
    assert training_table([mixture[0]] * 2, 0).table.num_rows == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", b"\n", "holds no row"),
        ("rows.csv", b"", "holds no row"),
        ("rows.csv", b"source,target\n", "holds no row"),
        (
            "rows.csv",
            b"source,target\na,a\n ,b\na,\n",
            "none of its 3 rows can be used (1 blank source, 1 blank target",
        ),
        ("rows.csv", b"source,target\na,b,c\n", "line 2: has 3 fields, the header has 2"),
        ("rows.parquet", b"torn", "cannot be read"),
        ("rows.jsonl.gz", b"{}", "no whole gzip file"),
        ("rows.txt", b"a\n", "convert it"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    message = refused(str(tmp_path / name))
    assert message.startswith("datasets.0")
    assert name in message
    assert said in message


def test_what_does_not_apply_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", numbered(1))
    assert "datasets.0.revision: 'v1' is for Hub datasets" in refused(path, revision="v1")
    assert "datasets.0.config: 'en' is for datasets" in refused(path, config="en")
    assert "datasets.0.path: no file absent.csv in the working folder" in refused("absent.csv")
    assert "'not an id' is no Hub id, folder or file" in refused("not an id")
    for field, value in (("weight", 0), ("weight", -1), ("weight", float("inf")), ("count", 0), ("task", "nli")):
        with pytest.raises(ValidationError, match=field):
            TrainingData.model_validate({"path": path, field: value})


def test_a_released_dataset_is_read_at_its_revision_and_never_at_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import HfApi, constants

    from lemonpress.hub.destination import Destination
    from lemonpress.hub.local.server import running
    from lemonpress.hub.release import release

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    config = "- config_name: paraphrase\n  data_files:\n  - {split: train, path: paraphrase/train.parquet}\n"
    with running(tmp_path / "hub") as hub:
        destination = Destination(hub.endpoint, hub.token, local=True)
        for version, count in (("1.0.0", 2), ("1.1.0", 3)):
            tree = tmp_path / version
            (tree / "paraphrase").mkdir(parents=True)
            write(tree / "paraphrase/train.parquet", numbered(count))
            (tree / "README.md").write_text(f"---\nlicense: apache-2.0\nconfigs:\n{config}---\n")
            (tree / "provenance.json").write_text("{}")
            release(tree, "press/rows", "dataset", version, destination)
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        commits = [api.dataset_info("press/rows", revision=tag).sha for tag in ("v1.0.0", "v1.1.0")]
        script = """
            import json, sys
            from lemonpress.errors import UserError
            from lemonpress.recipes import TrainingData
            from lemonpress.students.datasets import training_table

            for fields in json.loads(sys.argv[1]):
                try:
                    rows = training_table([TrainingData(task="paraphrase", **fields)], 0)
                    print(json.dumps([rows.table.num_rows, rows.sources]))
                except UserError as error:
                    print(error)
        """
        asked = [
            {"path": "press/rows", "config": "paraphrase", "revision": "v1.1.0"},
            {"path": "press/rows", "revision": "v1.0.0"},
            {"path": "press/rows"},
            {"path": "press/rows", "revision": commits[0]},
            {"path": "press/rows", "revision": "v9.9.9"},
            {"path": "press/absent"},
            {"path": "press/rows", "config": "summary"},
            {"path": "press/rows", "split": "test"},
            {"path": "press/rows", "target_column": "summary"},
        ]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), json.dumps(asked)],
            env=kept | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    *found, revision, absent, config, split, column = done.stdout.splitlines()
    for line, count, commit, name in zip(
        found, (3, 2, 3, 2), (*reversed(commits), *reversed(commits)), ("paraphrase", None, None, None), strict=True
    ):
        source = {"id": "press/rows", "commit": commit, "config": name, "split": "train", "weight": 1.0}
        assert json.loads(line) == [count, [source | {"rows_read": count, "dropped": {}, "rows_used": count}]]
    assert "datasets.0: press/rows has no revision 'v9.9.9'" in revision
    assert "datasets.0: no folder and no Hub dataset press/absent" in absent
    assert "datasets.0: press/rows cannot be loaded: BuilderConfig 'summary' not found" in config
    assert "datasets.0: press/rows cannot be loaded" in split
    assert "datasets.0.target_column: press/rows (train) has no column 'summary'; it has source, target" in column
