"""A run killed at any point and started again gives the bytes of one never killed."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy_walk import SHARDS

SCRIPT = Path(__file__).with_name("toy_walk.py")


def start(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    return process


def finish(folder: Path) -> float:
    """Run to the end; the seconds it took once at work."""
    process = start(folder)
    started = time.perf_counter()
    assert process.wait(60) == 0
    return time.perf_counter() - started


def content(folder: Path) -> dict[str, bytes]:
    """Every table that a reader can find, by path; unfinished work has names that start with a dot."""
    files = sorted(folder.rglob("*.parquet"))
    names = {file.relative_to(folder).as_posix(): file for file in files}
    return {name: file.read_bytes() for name, file in names.items() if "/." not in f"/{name}"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """The content of an uninterrupted run, and the seconds it took."""
    folder = tmp_path_factory.mktemp("whole")
    seconds = finish(folder)
    return content(folder), seconds


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_runs_end_with_the_same_bytes(whole: tuple[dict[str, bytes], float], tmp_path: Path, seed: int) -> None:
    expected, seconds = whole
    assert len(expected) == 3 * SHARDS + 6
    moments = random.Random(seed)
    for _ in range(3):
        process = start(tmp_path)
        time.sleep(moments.uniform(0, seconds))
        process.kill()
        process.wait()
        found = content(tmp_path)
        assert all(found[name] == expected[name] for name in found)
    finish(tmp_path)
    assert content(tmp_path) == expected


def test_a_second_run_makes_nothing_again(whole: tuple[dict[str, bytes], float], tmp_path: Path) -> None:
    finish(tmp_path)
    shards = {file: file.stat().st_mtime_ns for file in (tmp_path / "shards").rglob("*.parquet")}
    finish(tmp_path)
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "shards").rglob("*.parquet")} == shards
    assert content(tmp_path) == whole[0]
