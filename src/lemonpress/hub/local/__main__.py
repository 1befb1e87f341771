"""``python -m lemonpress.hub.local``: serve the local Hub."""

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from lemonpress.errors import UserError
from lemonpress.home import home

DESCRIPTION = """\
Serve a local Hugging Face Hub for this machine alone.

The stock clients use it unmodified:
  export HF_ENDPOINT=http://127.0.0.1:8765       reading: that is all
  export HF_HUB_DISABLE_XET=1                    publishing: this too, before Python starts,
  export HF_TOKEN=$(cat ROOT/token)              and the token that the first start made
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the server to a parser."""
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--root",
        type=Path,
        default=home() / "hub",
        help="folder of repositories, large files and token; made if missing (default: %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="port to listen on, 0 for any (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; returns the exit status."""
    from lemonpress.hub.local.server import answering, serve

    if (running := answering(args.root, args.port)) is not None:
        print(f"{args.root} is being served already: {running.endpoint}")
        return 0
    with suppress(KeyboardInterrupt):
        serve(args.root, args.host, args.port)
    return 0


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m lemonpress.hub.local")
    add_arguments(parser)
    try:
        return run(parser.parse_args())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
