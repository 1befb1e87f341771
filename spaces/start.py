"""Start a deployed Space: take the library out of the wheel beside this file, the settings, and run app.py.

The Hub installs requirements.txt before the files of a Space are there, so no wheel among them can be named in it.
"""

import json
import os
import runpy
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).absolute().parent  # not resolved: in the cache of the Hub each file is a link


def main() -> None:
    """Become the app, with what was pinned when it was deployed; variables of the Space go first."""
    (wheel,) = HERE.glob("lemonpress-*.whl")
    with tempfile.TemporaryDirectory(prefix="lemonpress-") as library:
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(library)
        for name, value in json.loads((HERE / "settings.json").read_text(encoding="utf-8")).items():
            os.environ.setdefault(name, str(value))
        sys.path[:0] = [str(HERE), library]
        runpy.run_path(str(HERE / "app.py"), run_name="__main__")


if __name__ == "__main__":
    main()
