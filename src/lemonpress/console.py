"""How every program ends: errors that a user can mend in one line, nothing else swallowed."""

import errno
import os
import select
import sys
from collections.abc import Callable

from lemonpress.errors import UserError
from lemonpress.home import home

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run_program(name: str, main: Callable[[], int]) -> int:
    """Run a program's main function and turn mendable errors into one line on stderr.

    Args:
        name: Program name, put before the message.
        main: Does the work.

    Returns:
        Its exit status; 2 for a `UserError` or a full disk, 130 when interrupted, 141 when its reader went away.
    """
    quiet_libraries()
    reach_this_machine_directly()
    try:
        return main()
    except UserError as error:
        message = str(error)
    except KeyboardInterrupt:
        print(f"\n{name}: stopped; run the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        # Whoever read the output has seen enough; nothing is left to be told, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        explained = _about_the_disk(error)
        if explained is None:
            raise
        message = explained
    print(f"{name}: error: {message}", file=sys.stderr)
    return 2


def _reader_is_gone() -> bool:
    try:
        watch = select.poll()
        watch.register(sys.stdout.fileno(), 0)
    except OSError:  # it is no file, as in tests
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in watch.poll(0))


def _about_the_disk(error: Exception) -> str | None:
    """What to do about a disk that is full or may not be written; None for any other error.

    Writers of weights wrap the operating system's error in exceptions of their own, so its words count too.
    """
    text = str(error)
    place = (getattr(error, "filename", None) or home()) if isinstance(error, OSError) else home()
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOSPC or "No space left on device" in text or "os error 28" in text:
        return f"no space left on {place}; free some and run the same command again, it goes on where it was"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        return f"{place}: {os.strerror(number)}; give a folder that may be written, as LEMONPRESS_HOME"
    return None


def quiet_libraries() -> None:
    """Keep libraries from calling home and from filling the terminal; a user's own settings win."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DATASETS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that spin while they wait slow each other down many times where cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def reach_this_machine_directly() -> None:
    """Keep a proxy that the user set for the world out of the way to a Hub on this machine."""
    names = ("NO_PROXY", "no_proxy")
    around = [place.strip() for name in names for place in os.environ.get(name, "").split(",") if place.strip()]
    os.environ |= dict.fromkeys(names, ",".join(dict.fromkeys([*around, *LOOPBACK])))


def heading(text: str) -> None:
    """Announce a stage on stdout."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)
