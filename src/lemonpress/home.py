"""Where runs, caches and the local Hub live."""

import os
from pathlib import Path


def home() -> Path:
    """The folder of everything Lemonpress writes: ``$LEMONPRESS_HOME``, else ``~/.cache/lemonpress``."""
    return Path(os.environ.get("LEMONPRESS_HOME", "~/.cache/lemonpress")).expanduser()


def run_folder(name: str) -> Path:
    """The folder of one run."""
    return home() / "runs" / name
