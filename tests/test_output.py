"""Folders of results: what may be replaced, and that nothing is lost where writing fails."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lemonpress.errors import UserError
from lemonpress.output import check_folder, whole_folder, write_whole
from one_line import one_line

NAMES = ("made.json", "parts/a.txt")


def check(folder: Path) -> None:
    check_folder(folder, NAMES, "a test", marker="made.json")


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as error:
        check(folder)
    message = one_line(error)
    assert message.startswith(f"--output {folder}: ")
    return message


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A folder of earlier results."""
    folder = tmp_path / "out"
    (folder / "parts").mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_text("old", encoding="utf-8")
    return folder


def content(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_new_empty_and_earlier_folders_are_accepted(tmp_path: Path, earlier: Path) -> None:
    (tmp_path / "empty").mkdir()
    (earlier / "parts" / ".a.txt.draft").touch()  # of a run that was killed
    for folder in (tmp_path / "new" / "deep", tmp_path / "empty", earlier):
        check(folder)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "foreign", ["thesis.txt", ".git/config", "parts/b.txt", "parts/made.json", ".thesis.txt.draft"]
)
def test_a_folder_that_holds_anything_else_is_refused_and_left_alone(earlier: Path, foreign: str) -> None:
    (earlier / foreign).parent.mkdir(exist_ok=True)
    (earlier / foreign).write_text("three years of work", encoding="utf-8")
    before = content(earlier)
    assert "which is no part of a test" in refusal(earlier)
    with pytest.raises(UserError), whole_folder(earlier, check):
        raise AssertionError("was let in")
    assert content(earlier) == before


def test_an_empty_folder_and_links_inside_are_something_else_too(tmp_path: Path, earlier: Path) -> None:
    (earlier / "notes").mkdir()
    assert "holds notes, which" in refusal(earlier)
    (earlier / "notes").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (earlier / "notes").symlink_to(tmp_path / "elsewhere")
    assert "holds notes, which" in refusal(earlier)


def test_a_folder_without_the_marker_is_not_taken_for_earlier_results(earlier: Path) -> None:
    (earlier / "made.json").unlink()
    assert "holds files but no made.json" in refusal(earlier)
    check_folder(earlier, NAMES, "a test")  # one that is gone on with


def test_where_one_works_and_lives_is_refused_even_if_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner, home = tmp_path / "a" / "b", tmp_path / "home"
    inner.mkdir(parents=True)
    home.mkdir()
    monkeypatch.chdir(inner)
    monkeypatch.setenv("HOME", str(home))
    for folder in (Path(), Path(".."), inner, tmp_path / "a", Path("/"), home, Path("new") / ".."):
        assert "is where you work or live" in refusal(folder)
    check(Path("new"))


def test_files_links_and_what_is_below_a_file_are_refused(tmp_path: Path, earlier: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(earlier)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert "is a file; name a folder" in refusal(tmp_path / "file")
    assert "is a link" in refusal(tmp_path / "link")
    assert "is a link" in refusal(tmp_path / "dangling")
    assert "cannot be made in" in refusal(tmp_path / "file" / "out")


def test_a_folder_takes_the_place_of_the_earlier_one_whole(tmp_path: Path, earlier: Path) -> None:
    with whole_folder(earlier, check) as folder:
        (folder / "made.json").write_text("new", encoding="utf-8")
        assert content(earlier) == dict.fromkeys(NAMES, "old")
    assert content(earlier) == {"made.json": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_write_that_fails_leaves_the_earlier_results(tmp_path: Path, earlier: Path) -> None:
    def write() -> None:
        with whole_folder(earlier, check) as folder:
            (folder / "made.json").write_text("new", encoding="utf-8")
            raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        write()
    assert content(earlier) == dict.fromkeys(NAMES, "old")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_write_that_is_killed_leaves_the_earlier_results(earlier: Path) -> None:
    program = (
        "import os, signal, sys, pathlib, lemonpress.output as output\n"
        "with output.whole_folder(pathlib.Path(sys.argv[1]), lambda folder: None) as folder:\n"
        "    (folder / 'made.json').write_text('new')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(earlier)], check=False, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    assert content(earlier) == dict.fromkeys(NAMES, "old")


def test_what_came_into_the_folder_while_results_were_written_is_not_lost(tmp_path: Path, earlier: Path) -> None:
    with pytest.raises(UserError, match=r"holds thesis\.txt"), whole_folder(earlier, check):
        (earlier / "thesis.txt").write_text("three years of work", encoding="utf-8")
    assert content(earlier) == {**dict.fromkeys(NAMES, "old"), "thesis.txt": "three years of work"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    write_whole(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "half \ud800")
    assert content(tmp_path) == {"out.json": "old"}
    write_whole(file, "new")
    assert content(tmp_path) == {"out.json": "new"}
