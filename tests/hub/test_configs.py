"""Configurations as cards list them, and the files that their patterns name."""

from pathlib import Path
from typing import Any

import pytest
from datasets.data_files import resolve_pattern

from lemonpress.hub.configs import Config, covers, default_config, read_configs

FILES = [
    "README.md",
    "train.parquet",
    "data/README.md",
    "data/train-0.parquet",
    "data/train-1.parquet",
    "data/train-10.parquet",
    "data/test[1].parquet",
    "data/a/train.parquet",
    "data/a/b/train.parquet",
    "data/a/.hidden/train.parquet",
    "data/__special__/train.parquet",
    "data/__train.parquet",
    ".cache/train.parquet",
    ".hidden.parquet",
]
PATTERNS = [
    "train.parquet",
    "data",
    "data/",
    "*",
    "*.parquet",
    "**",
    "**/*",
    "**/train.parquet",
    "**/**/train.parquet",
    "data/*",
    "data/**",
    "data/**/*.parquet",
    "data/**/b/*",
    "data/**/a/**/train.parquet",
    "*/*/*.parquet",
    "data/train-?.parquet",
    "data/train-[01].parquet",
    "data/train-[!0].parquet",
    "data/*rain*0*",
    "data/test[1].parquet",
    "data/test[[]1].parquet",
    "data/a/.hidden/*",
    "data/a/.*/*",
    "data/__*/*",
    "data/__*",
    "data/README.*",
    "data/README.md",
    ".*",
    "none/*",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_names_the_files_that_datasets_finds(tmp_path: Path, pattern: str) -> None:
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    try:
        expected = [Path(file).relative_to(tmp_path).as_posix() for file in resolve_pattern(pattern, str(tmp_path))]
    except FileNotFoundError:
        expected = []
    assert sorted(path for path in FILES if covers(pattern, path)) == sorted(expected)


def test_a_pattern_that_datasets_refuses_names_nothing() -> None:
    assert not any(covers("data/**.parquet", path) for path in FILES)


@pytest.mark.timeout(20)
def test_no_pattern_takes_long() -> None:
    assert not covers("/".join(["**"] * 200 + ["b"]), "/".join("a" * 200))
    assert not covers("*a" * 200 + "b", "a" * 1000)


@pytest.mark.parametrize(
    ("data_files", "splits"),
    [
        ("all.parquet", {"train": ["all.parquet"]}),
        (["b.parquet", "a-*.parquet"], {"train": ["b.parquet", "a-*.parquet"]}),
        ({"train": "a.parquet", "test": ["b", "c"]}, {"train": ["a.parquet"], "test": ["b", "c"]}),
        (
            [{"split": "train", "path": "a"}, {"split": "test", "path": ["b", "c"]}],
            {"train": ["a"], "test": ["b", "c"]},
        ),
        ([{"split": "train", "path": "a"}, {"split": "train", "path": "b"}], {"train": ["a", "b"]}),
        ([{"split": "train", "path": "a"}, "b", {"split": "test"}, 3], {"train": ["a"]}),
        (None, {}),
        (3, {"train": []}),
    ],
)
def test_every_form_is_read(data_files: Any, splits: dict[str, list[str]]) -> None:
    (config,) = read_configs({"configs": [{"config_name": "pairs", "data_files": data_files}, {"data_files": "x"}]})
    assert config == Config("pairs", splits, False)


def test_files_come_in_the_order_in_which_they_are_loaded() -> None:
    card = {"configs": [{"config_name": "p", "data_dir": "data", "data_files": ["train-1*", "train-0.parquet", "no"]}]}
    (config,) = read_configs(card)
    assert config.files(reversed(FILES)) == {
        "train": ["data/train-1.parquet", "data/train-10.parquet", "data/train-0.parquet"]
    }


def test_the_configuration_that_needs_no_name() -> None:
    one, other = Config("one", {}, False), Config("other", {}, False)
    marked, named = Config("marked", {}, True), Config("default", {}, False)
    assert default_config([]) is None
    assert default_config([one]) is one
    assert default_config([one, other]) is None
    assert default_config([one, marked]) is marked
    assert default_config([one, named, other]) is named
