"""``lemonpress space``: the demo on a released student, in a browser on this machine."""

import argparse
import os
import socket
import sys
from pathlib import Path

from lemonpress.assets import asset
from lemonpress.errors import UserError
from lemonpress.hub.local.snippets import SPACE_PORT

_HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which, port and Hub."""
    parser.add_argument(
        "space", nargs="?", metavar="REPO@VERSION", help="a Space that was deployed (default: the demo that ships)"
    )
    parser.add_argument("--port", type=int, default=SPACE_PORT, help=f"port to serve at (default: {SPACE_PORT})")
    parser.add_argument(
        "--hub", default="local", help="where the student is: local, or the address of a Hub (default: local)"
    )


def run(args: argparse.Namespace) -> int:
    """Become the app: one process, which the terminal's signals reach.

    Raises:
        UserError: The port is no port or in use, the Hub is no address, the local one cannot be started, or the Space
            cannot be run.
    """
    check_port(args.port)
    endpoint = _endpoint(args.hub)
    app = _deployed(args.space, endpoint) if args.space else asset("spaces/paraphraser/app.py")
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, str(app)], _environment(endpoint, args.port))


def _deployed(reference: str, endpoint: str) -> Path:
    """What starts a deployed Space, in a snapshot of it.

    Raises:
        UserError: It names no version, the Hub has no such release, or `lemonpress deploy` did not make it.
    """
    from lemonpress.hub.load import snapshot

    repo_id, _, version = reference.partition("@")
    if not version:
        raise UserError(f"{reference}: names no version; write namespace/name@v1.0.0")
    app = snapshot(repo_id, version, endpoint, "space") / "start.py"
    if not app.is_file():
        raise UserError(f"{reference}: has no start.py, so lemonpress deploy did not make it; run its own app")
    return app


def check_port(port: int) -> None:
    """Refuse a port that the app could not listen on.

    Raises:
        UserError: It is no port, needs rights, or is in use.
    """
    if not 0 < port < 65536:
        raise UserError(f"--port {port}: is no port; use a number from 1 to 65535")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
        except OSError as error:
            reason = "is in use" if not isinstance(error, PermissionError) else "needs rights that you lack"
            raise UserError(f"--port {port}: {reason} on {_HOST}; choose another, as --port 7861") from None


def _endpoint(hub: str) -> str:
    """The address of a Hub to read from, which needs no token; the local one is started."""
    if hub == "local":
        from lemonpress.hub.destination import destination

        return destination("local").endpoint
    if not hub.startswith(("http://", "https://")):
        raise UserError(f"--hub {hub!r}: is no Hub; write local, or an address such as https://huggingface.co")
    return hub.rstrip("/")


def _environment(endpoint: str, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "GRADIO_SERVER_NAME": _HOST,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
