"""The annotation Space of a study, served by the command on this machine."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lemonpress.annotation.study import KEY, STUDY, Key, Study, as_json

OWNER_CODE = "the owner's own code"
_START = 120.0  # seconds that a slow machine may take


@dataclass
class Running:
    """A Space that answers: its process, its address, and the folder of its study."""

    process: subprocess.Popen[str]
    url: str
    folder: Path


def write_study(study: Study, folder: Path) -> None:
    """A study's folder, as `make` writes it; systems are called system 0, system 1 and so on."""
    (folder / STUDY).parent.mkdir(parents=True)
    (folder / STUDY).write_text(as_json(study), encoding="utf-8")
    key = Key(study=study.id, systems={one.item: [f"system {arm}" for arm in one.arms] for one in study.items})
    (folder / KEY).write_text(as_json(key), encoding="utf-8")


def serve(folder: Path, *options: str, port: int | None = None, **variables: str) -> tuple[subprocess.Popen[str], str]:
    """Start ``lemonpress annotation serve``; its process, and where it will be."""
    port = port or free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "GRADIO_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "lemonpress.cli", "annotation", "serve", str(folder), "--port", str(port), *options],
        env={**kept, "OMP_NUM_THREADS": "1", "LEMONPRESS_OWNER_CODE": OWNER_CODE, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, f"http://127.0.0.1:{port}"


@contextmanager
def running_space(folder: Path, *options: str, port: int | None = None, **variables: str) -> Iterator[Running]:
    """The Space, from its first answer until the block ends."""
    process, url = serve(folder, *options, port=port, **variables)
    try:
        deadline = time.monotonic() + _START
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise RuntimeError(f"the Space did not start:\n{process.communicate()[1][-3000:]}")
            time.sleep(0.2)
        yield Running(process, url, folder)
    finally:
        stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """End it as the machine of a Space does, and wait for the last ratings to be pushed."""
    process.terminate()
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
