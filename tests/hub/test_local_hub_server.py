"""Starting the local Hub: loopback only, one server a folder, found again, stopped cleanly."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants

from lemonpress.errors import UserError
from lemonpress.hub.local.server import LocalHub, answering, running, serve, spawn


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::", "example.org", ""])
def test_only_loopback_hosts_are_served(tmp_path: Path, host: str) -> None:
    with pytest.raises(UserError, match="loopback"):
        serve(tmp_path / "hub", host, 0)


def test_a_port_in_use_and_a_folder_in_use_are_named(tmp_path: Path, hub: LocalHub) -> None:
    port = int(hub.endpoint.rpartition(":")[2])
    with pytest.raises(UserError, match=f"Port {port} is in use"), running(tmp_path / "other", port):
        pass
    with pytest.raises(UserError, match="served already"), running(hub.root):
        pass
    with pytest.raises(UserError, match="in use"):
        spawn(tmp_path / "third", port)


def test_what_was_published_survives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with running(tmp_path / "hub") as first:
        api = HfApi(endpoint=first.endpoint, token=first.token)
        api.create_repo("lemonpress/kept", private=True)
        content = [CommitOperationAdd("a.bin", b"\0" * 1000)]
        commit = api.create_commit("lemonpress/kept", content, commit_message="keep").oid
    (tmp_path / "hub/tmp/upload-of-a-killed-server").write_bytes(b"x")
    with running(tmp_path / "hub") as second:
        assert second.token == first.token
        api = HfApi(endpoint=second.endpoint, token=second.token)
        info = api.model_info("lemonpress/kept")
        assert (info.sha, info.private) == (commit, True)
        assert not list((tmp_path / "hub/tmp").iterdir())
    assert answering(tmp_path / "hub", int(second.endpoint.rpartition(":")[2])) is None


def test_a_spawned_hub_is_found_again_and_serves_its_own_folder_only(tmp_path: Path) -> None:
    port = free_port()
    spawned = spawn(tmp_path / "hub", port)
    try:
        assert HfApi(endpoint=spawned.endpoint, token=spawned.token).whoami()["name"] == "lemonpress"
        assert spawn(tmp_path / "hub", port) == spawned
        with pytest.raises(UserError, match="served already"):
            spawn(tmp_path / "hub", free_port())
        with pytest.raises(UserError, match="in use"):
            spawn(tmp_path / "other", port)
    finally:
        with urllib.request.urlopen(f"{spawned.endpoint}/api/lemonpress") as about:
            child = json.load(about)["pid"]
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
    assert answering(tmp_path / "hub", port) is None
    with running(tmp_path / "hub"):
        pass


def test_the_command_line_explains_itself_and_fails_in_one_line(tmp_path: Path, hub: LocalHub) -> None:
    command = [sys.executable, "-m", "lemonpress.hub.local"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    assert "HF_ENDPOINT" in shown
    assert "--port" in shown
    port = hub.endpoint.rpartition(":")[2]
    failed = subprocess.run(
        [*command, "--root", str(tmp_path), "--port", port], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 2
    assert failed.stderr == f"error: Port {port} is in use on 127.0.0.1: stop what uses it or choose another --port\n"
