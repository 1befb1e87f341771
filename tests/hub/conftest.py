"""A local Hub for the tests of this folder, and the stock clients that speak to it."""

import http.client
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from lemonpress.hub.local.faults import Faults
from lemonpress.hub.local.server import LocalHub, running


@pytest.fixture(scope="session")
def faults() -> Faults:
    """What goes wrong with the Hub that the tests share: nothing, until a test gives it a rule."""
    return Faults()


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory, faults: Faults) -> Iterator[LocalHub]:
    """A local Hub that the tests share."""
    with running(tmp_path_factory.mktemp("hub"), faults=faults) as started:
        yield started


@pytest.fixture(autouse=True)
def _sound(faults: Faults) -> None:
    faults.rule = None
    faults.calls.clear()


@pytest.fixture
def api(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> HfApi:
    """The stock client with the Hub's token; Xet is off as publishing to the local Hub needs it."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return HfApi(endpoint=hub.endpoint, token=hub.token)


@pytest.fixture
def anonymous(hub: LocalHub) -> HfApi:
    """The stock client without a token."""
    return HfApi(endpoint=hub.endpoint, token=False)


@dataclass(frozen=True)
class Answer:
    """A raw HTTP answer, header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def ask(hub: LocalHub) -> Callable[..., Answer]:
    """Send one request as it stands, without a client that tidies its path."""

    def send(method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        address = hub.endpoint.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=30)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, names)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    return send


@pytest.fixture
def client_environment(hub: LocalHub, tmp_path: Path) -> dict[str, str]:
    """Environment of a fresh process that publishes to the local Hub and has a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    return kept | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": hub.token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"),
        "OMP_NUM_THREADS": "2",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.fixture
def in_process(client_environment: dict[str, str]) -> Callable[..., str]:
    """Run a script in a fresh process of the stock clients; ``publishes=False`` leaves only ``HF_ENDPOINT``."""

    def run(script: str, publishes: bool = True) -> str:
        environment = dict(client_environment)
        if not publishes:
            del environment["HF_TOKEN"], environment["HF_HUB_DISABLE_XET"]
            environment["HF_HOME"] += "-reader"
        command = [sys.executable, "-c", textwrap.dedent(script)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    return run
