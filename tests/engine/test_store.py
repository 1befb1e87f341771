"""Shards on disk: whole or absent, found by content key, checked when read."""

import json
import resource
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from lemonpress.engine.local import Task, Tick, run_stage
from lemonpress.engine.store import Output, Shard, Stage, Store, sole_run
from lemonpress.errors import UserError
from one_line import one_line

STAGE = Stage("toy", 1, {"seed": 0})


class Maker:
    """Makes shards and counts them."""

    def __init__(self) -> None:
        self.made: list[int] = []

    def __call__(self, index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        self.made.append(index)
        return Output({"rows": pa.table({"value": [index, index + 1]})}, {"rows": 2})


def make(store: Store, maker: Maker, count: int = 3) -> list[Shard]:
    return run_stage(store, STAGE, [Task((), 2)] * count, maker, "toy", "row")


def test_finished_shards_are_read_back(tmp_path: Path) -> None:
    maker = Maker()
    first = make(Store(tmp_path), maker)
    again = make(Store(tmp_path), maker)
    assert maker.made == [0, 1, 2]
    assert [shard.digest for shard in again] == [shard.digest for shard in first]
    assert [shard.stats for shard in again] == [shard.stats for shard in first]
    assert again[2].table("rows")["value"].to_pylist() == [2, 3]
    assert len({shard.digest for shard in first}) == 3


@pytest.mark.parametrize("damage", ["cut", "swapped", "no table", "no manifest", "torn manifest", "odd manifest"])
def test_a_damaged_shard_is_made_again(tmp_path: Path, damage: str) -> None:
    maker = Maker()
    shards = make(Store(tmp_path), maker)
    table, manifest = shards[1].folder / "rows.parquet", shards[1].folder / "shard.json"
    match damage:
        case "cut":
            table.write_bytes(table.read_bytes()[:-20])
        case "swapped":
            table.write_bytes((shards[0].folder / "rows.parquet").read_bytes())
        case "no table":
            table.unlink()
        case "no manifest":
            manifest.unlink()
        case "torn manifest":
            manifest.write_text(manifest.read_text()[:30])
        case "odd manifest":
            manifest.write_text("[]")
    again = make(Store(tmp_path), maker)
    assert maker.made == [0, 1, 2, 1]
    assert [shard.digest for shard in again] == [shard.digest for shard in shards]
    assert again[1].table("rows")["value"].to_pylist() == [1, 2]


def test_shipped_shards_are_used_and_never_written(tmp_path: Path) -> None:
    maker = Maker()
    make(Store(tmp_path / "shipped"), maker, 2)
    before = sorted((tmp_path / "shipped").rglob("*"))
    shards = make(Store(tmp_path / "own", (tmp_path / "shipped",)), maker, 3)
    assert maker.made == [0, 1, 2]
    assert [shard.folder.parents[1].name for shard in shards] == ["shipped", "shipped", "own"]
    assert sorted((tmp_path / "shipped").rglob("*")) == before


def test_a_damaged_shipped_shard_is_refused(tmp_path: Path) -> None:
    shipped = make(Store(tmp_path / "shipped"), Maker(), 1)[0]
    (shipped.folder / "rows.parquet").write_bytes(b"torn")
    with pytest.raises(UserError, match="does not match its digests") as error:
        make(Store(tmp_path / "own", (tmp_path / "shipped",)), Maker(), 1)
    assert str(shipped.folder) in one_line(error)
    assert (shipped.folder / "rows.parquet").read_bytes() == b"torn"


def test_statistics_do_not_change_the_digest(tmp_path: Path) -> None:
    tables = {"rows": pa.table({"value": [1]})}
    one = Store(tmp_path / "one").write(STAGE, "key", Output(tables, {"seconds": 1.0}))
    other = Store(tmp_path / "other").write(STAGE, "key", Output(tables, {"seconds": 2.0}))
    assert one.digest == other.digest
    renamed = Store(tmp_path / "renamed").write(STAGE, "key", Output({"others": tables["rows"]}, {}))
    assert renamed.digest != one.digest


def test_a_stage_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(index: int, inputs: tuple[Shard, ...], tick: Tick) -> Output:
        return Output({"rows": pa.table({"value": [1]})}, {"not JSON": object()})

    with pytest.raises(TypeError):
        run_stage(Store(tmp_path), STAGE, [Task((), 1)], fail, "toy", "row")
    assert [path for path in tmp_path.rglob("*") if path.name != "toy"] == []


def test_keys_follow_settings_version_inputs_and_index() -> None:
    key = STAGE.key(["input"], 0)
    assert key == Stage("toy", 1, {"seed": 0}).key(["input"], 0)
    others = [
        Stage("toy", 2, {"seed": 0}).key(["input"], 0),
        Stage("toy", 1, {"seed": 1}).key(["input"], 0),
        Stage("other", 1, {"seed": 0}).key(["input"], 0),
        STAGE.key(["another"], 0),
        STAGE.key(["input"], 1),
        STAGE.key([], 0),
    ]
    assert len({key, *others}) == 7
    assert Stage("toy", 1, {"a": 1, "b": 2}).key([], 0) == Stage("toy", 1, {"b": 2, "a": 1}).key([], 0)


def test_a_second_run_on_a_folder_is_refused(tmp_path: Path) -> None:
    with (
        sole_run(tmp_path),
        pytest.raises(UserError, match="another run is at work here") as error,
        sole_run(tmp_path),
    ):
        pass
    assert str(tmp_path) in one_line(error)
    with sole_run(tmp_path):
        pass


def test_a_second_process_on_a_folder_is_refused(tmp_path: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from lemonpress.console import run_program
        from lemonpress.engine.store import sole_run
        def main():
            with sole_run(Path(sys.argv[1])):
                return 0
        sys.exit(run_program("toy", main))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    with sole_run(tmp_path):
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "another run is at work here" in refused.stderr
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


FILL = """
    import resource, sys
    from pathlib import Path
    import numpy as np, pyarrow as pa
    from lemonpress.console import run_program
    from lemonpress.engine.local import Task, run_stage
    from lemonpress.engine.store import Output, Stage, Store
    if int(sys.argv[2]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
    def work(index, inputs, tick):
        size = 100 if index == 0 else 100_000
        rows = pa.table({"value": np.random.default_rng(0).random(size)})
        return Output({"small": pa.table({"value": [1]}), "rows": rows})
    def main():
        run_stage(Store(Path(sys.argv[1])), Stage("toy", 1, {}), [Task((), 1)] * 2, work, "toy", "row")
        return 0
    sys.exit(run_program("toy", main))
"""


def fill(folder: Path, limit: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(FILL), str(folder), str(limit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def assert_only_the_first_shard_landed(folder: Path) -> None:
    [shard] = (folder / "toy").iterdir()
    assert sorted(file.name for file in shard.iterdir()) == ["rows.parquet", "shard.json", "small.parquet"]
    assert set(json.loads((shard / "shard.json").read_text())["files"]) == {"rows.parquet", "small.parquet"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(small_disk: Path) -> None:
    done = fill(small_disk, 0)
    assert done.returncode == 2
    assert done.stderr.startswith("toy: error: no space left on ")
    assert done.stderr.count("\n") == 1
    assert_only_the_first_shard_landed(small_disk)


def test_a_write_that_fails_leaves_nothing_half_written(tmp_path: Path) -> None:
    done = fill(tmp_path, 64 * 1024)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert_only_the_first_shard_landed(tmp_path)
    assert fill(tmp_path, resource.RLIM_INFINITY).returncode == 0
    assert len(list((tmp_path / "toy").iterdir())) == 2
