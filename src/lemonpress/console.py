"""How every program ends: errors that a user can mend in one line, nothing else swallowed."""

import errno
import os
import sys
from collections.abc import Callable

from lemonpress.errors import UserError


def run_program(name: str, main: Callable[[], int]) -> int:
    """Run a program's main function and turn mendable errors into one line on stderr.

    Args:
        name: Program name, put before the message.
        main: Does the work.

    Returns:
        Its exit status; 2 for a `UserError` or a full disk, 130 when interrupted.
    """
    quiet_libraries()
    try:
        return main()
    except UserError as error:
        message = str(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        place = error.filename or "the disk"
        message = f"no space left on {place}; free some and run the same command again, it goes on where it was"
    except KeyboardInterrupt:
        print(f"\n{name}: stopped; run the same command again to go on", file=sys.stderr)
        return 130
    print(f"{name}: error: {message}", file=sys.stderr)
    return 2


def quiet_libraries() -> None:
    """Keep libraries from calling home and from filling the terminal; a user's own settings win."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DATASETS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that spin while they wait slow each other down many times where cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def heading(text: str) -> None:
    """Announce a stage on stdout."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)
