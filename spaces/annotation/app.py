"""The annotation Space: people rate what systems wrote, without knowing who wrote it (see README.md)."""

import sys

from rating_app import main

from lemonpress.console import run_program

if __name__ == "__main__":
    sys.exit(run_program("annotation", main))
