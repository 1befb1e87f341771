"""How programs end, and what importing them costs."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import SafetensorError

from lemonpress.console import reach_this_machine_directly, run_program
from lemonpress.errors import UserError
from lemonpress.home import home, run_folder


def raising(error: BaseException) -> Callable[[], int]:
    def main() -> int:
        raise error

    return main


@pytest.mark.parametrize(
    ("main", "status", "said"),
    [
        (lambda: 0, 0, ""),
        (lambda: 3, 3, ""),
        (raising(UserError("recipe.yaml: 'k' is 1; give 2")), 2, "press: error: recipe.yaml: 'k' is 1; give 2\n"),
        (raising(OSError(errno.ENOSPC, "full", "/data/x")), 2, "press: error: no space left on /data/x; free some"),
        (raising(OSError(errno.ENOSPC, "full")), 2, "press: error: no space left on "),
        (
            raising(SafetensorError("I/O error: No space left on device (os error 28)")),
            2,
            "press: error: no space left",
        ),
        (raising(OSError(errno.EACCES, "denied", "/data/x")), 2, "press: error: /data/x: Permission denied; give"),
        (raising(KeyboardInterrupt()), 130, "\npress: stopped; run the same command again to go on\n"),
    ],
)
def test_status_and_one_line(
    main: Callable[[], int], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program("press", main) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(said)
    assert printed.err.strip("\n").count("\n") == 0


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError(errno.EPIPE, "gone"), SystemExit(4)])
def test_other_errors_are_not_swallowed(error: BaseException) -> None:
    with pytest.raises(type(error)):
        run_program("press", raising(error))


def test_a_users_own_settings_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "info")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    run_program("press", lambda: 0)
    assert (os.environ["TRANSFORMERS_VERBOSITY"], os.environ["TOKENIZERS_PARALLELISM"]) == ("info", "true")


def test_home_is_where_the_environment_says(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home() == home_folder
    assert run_folder("demo") == home_folder / "runs" / "demo"
    monkeypatch.setenv("LEMONPRESS_HOME", "~/press")
    assert home() == Path.home() / "press"
    monkeypatch.delenv("LEMONPRESS_HOME")
    assert home() == Path.home() / ".cache" / "lemonpress"


@pytest.fixture
def home_folder(home: Path) -> Path:
    return home


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_importing_is_cheap() -> None:
    heavy = (
        "torch",
        "transformers",
        "datasets",
        "gradio",
        "spacy",
        "matplotlib",
        "sentence_transformers",
        "trl",
        "numba",
    )
    script = f"""
import sys
import lemonpress, lemonpress.cli, lemonpress.recipes, lemonpress.critics, lemonpress.contexts, lemonpress.engine.local
print([name for name in {heavy} if name in sys.modules])
"""
    done = run("-c", script)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--config", "absent.yaml"], "lemonpress: error: absent.yaml: no such recipe"),
        (["demo", "--set", "sentences.k=1"], "'sentences.k': input should be greater than or equal to 2 (given: 1)"),
        (["demo", "--set", "sentences.kk=9"], "unknown key 'sentences.kk'"),
        (["demo", "--set", "teacher.model=package:none"], "package:none is not pinned"),
        (["demo", "--set", "teacher.model=./none"], "none holds no model"),
    ],
)
def test_bad_input_ends_the_command_in_one_line(home: Path, arguments: list[str], said: str) -> None:
    done = run("-m", "lemonpress.cli", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not home.exists()


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    script = (
        "from lemonpress.console import run_program as r; import sys; sys.exit(r('x', lambda: print('y\\n' * 10**6)))"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == b"y\n"
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait(60) == 141


def test_a_hub_on_this_machine_is_reached_past_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    monkeypatch.setenv("no_proxy", "localhost")
    reach_this_machine_directly()
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "intranet.example,localhost,127.0.0.1,::1"
