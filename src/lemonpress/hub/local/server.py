"""Serve a Hub folder: in the foreground, in a thread for a while, or in a process of its own."""

import errno
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from filelock import FileLock, Timeout

from lemonpress.errors import UserError
from lemonpress.hub.local.app import build_app, is_loopback, root_id
from lemonpress.hub.local.faults import Faults, OpenTransport
from lemonpress.hub.local.store import open_store, read_or_make_token

_START_SECONDS = 60.0
_IDLE_SECONDS = 120


@dataclass(frozen=True)
class LocalHub:
    """A local Hub that answers: its address, the token that may write, and its folder."""

    endpoint: str
    token: str
    root: Path


def serve(root: Path, host: str = "127.0.0.1", port: int = 8765) -> None:
    """Serve a folder until the process is interrupted.

    Args:
        root: folder of the repositories, large files and token; made if missing.
        host: loopback address to listen on.
        port: port to listen on; 0 for any free one.

    Raises:
        UserError: if the host is not a loopback one, the port is in use, or the folder is served already.
    """
    with _root_lock(root), _listen(host, port) as listener:
        hub = _hub(root, listener)
        print(f"Local Hub of {root} at {hub.endpoint} (token for writes: {root / 'token'})", flush=True)
        _uvicorn(hub.root).run(sockets=[listener])


@contextmanager
def running(root: Path, port: int = 0, faults: Faults | None = None) -> Iterator[LocalHub]:
    """Serve a folder from a thread of this process while the block runs.

    Args:
        root: folder of the Hub; made if missing.
        port: port to listen on; 0 for any free one.
        faults: what shall go wrong with requests, in tests of what talks to a Hub; None for nothing.

    Raises:
        UserError: as ``serve`` does.
    """
    with _root_lock(root), _listen("127.0.0.1", port) as listener:
        hub = _hub(root, listener)
        server = _uvicorn(root, faults)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True, name="local-hub")
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield hub
        finally:
            server.should_exit = True
            thread.join()


def spawn(root: Path, port: int) -> LocalHub:
    """Have a folder served at a port: by the local Hub that is there, else by a new process that outlives this one.

    Args:
        root: folder of the Hub; made if missing.
        port: port to find or start the Hub at.

    Raises:
        UserError: if something else answers at the port, or the Hub does not start.
    """
    hub = answering(root, port)
    if hub is not None:
        return hub
    root.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "lemonpress.hub.local", "--root", str(root), "--port", str(port)]
    with (root / "server.log").open("wb") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        ended = child.poll() is not None
        hub = answering(root, port)
        if hub is not None:
            return hub
        if ended:
            break
        time.sleep(0.1)
    child.terminate()
    said = (root / "server.log").read_text(errors="replace").strip().splitlines()
    reason = said[-1].removeprefix("error: ") if said else f"The local Hub of {root} did not start on port {port}"
    raise UserError(reason)


def answering(root: Path, port: int) -> LocalHub | None:
    """The local Hub of this folder at this port, or None if nothing of that kind answers there."""
    endpoint = f"http://127.0.0.1:{port}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint}/api/lemonpress", timeout=5) as answer:
            found = json.load(answer)
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("root_id") != root_id(root):
        return None
    return LocalHub(endpoint, read_or_make_token(root), root)


@contextmanager
def _root_lock(root: Path) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / "server.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"The Hub folder {root} is being served already: stop that server or choose another --root"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    if not is_loopback(host):
        raise UserError(f"The local Hub listens on loopback addresses only, not on {host!r}: use 127.0.0.1")
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio turns Nagle's algorithm off (40 ms a request) only for sockets that name their protocol.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise UserError(
                f"Port {port} is in use on {address}: stop what uses it or choose another --port"
            ) from error
        listener.listen(128)
        yield listener


def _hub(root: Path, listener: socket.socket) -> LocalHub:
    host, port = listener.getsockname()[:2]
    return LocalHub(f"http://{f'[{host}]' if ':' in host else host}:{port}", read_or_make_token(root), root)


def _uvicorn(root: Path, faults: Faults | None = None) -> uvicorn.Server:
    app = build_app(open_store(root))
    config = uvicorn.Config(
        app if faults is None else faults.over(app),
        http="auto" if faults is None else OpenTransport,
        log_level="warning",
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)
