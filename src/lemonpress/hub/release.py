"""Releases: one commit, then one tag that never moves."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.hub.checks import RepoType, check_release
from lemonpress.hub.destination import Destination
from lemonpress.hub.publish import Answer, Request
from lemonpress.hub.tree import read_tree

_PAGE_PREFIX: dict[RepoType, str] = {"dataset": "datasets/", "model": "", "space": "spaces/"}


@dataclass(frozen=True)
class Release:
    """A release as it lies on a Hub.

    Attributes:
        repo_id: ``namespace/name``.
        repo_type: dataset, model or space.
        tag: ``vVERSION``.
        commit: What the tag points to; None where a dry run found no such tag.
        url: Page of the repository.
        uploaded: Whether this call wrote a commit; False where the content was there already.
        files: Path and size in bytes of every file.
    """

    repo_id: str
    repo_type: RepoType
    tag: str
    commit: str | None
    url: str
    uploaded: bool
    files: tuple[tuple[str, int], ...]


def release(
    folder: Path, repo_id: str, repo_type: RepoType, version: str, to: Destination, *, dry_run: bool = False
) -> Release:
    """Publish a folder as one version of a repository and read it back.

    Running it again does no harm: a finished release is recognised by its content, one that was cut short is
    completed. Files of the repository that the folder lacks are removed in the same commit.

    Args:
        folder: The complete tree, with README.md (YAML front matter) and provenance.json.
        repo_id: ``namespace/name``; the repository is made if it is missing.
        repo_type: dataset, model or space; decides which file kinds may leave.
        version: Semantic version such as ``1.0.0``; the tag is ``v1.0.0``.
        to: The Hub.
        dry_run: Check everything and ask the Hub about the tag, but write nothing.

    Raises:
        UserError: The folder may not leave, the tag exists with other content, the token may not write, or the Hub
            cannot be reached or keeps refusing.
        RuntimeError: The Hub shows other content than was sent, or the publishing process ended early.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise UserError(f"version: {version!r} is no semantic version; write it as 1.0.0")
    if repo_id.count("/") != 1:
        raise UserError(f"{repo_id}: is no repository; write namespace/name")
    files = read_tree(folder)
    card = check_release(folder, repo_type, [file.path for file in files])
    request = Request(
        endpoint=to.endpoint,
        token=to.token,
        repo_id=repo_id,
        repo_type=repo_type,
        tag=f"v{version}",
        folder=str(folder),
        files=files,
        space_sdk=card["sdk"] if repo_type == "space" else None,
        dry_run=dry_run,
    )
    answer = _publish(request, _environment(to))
    return Release(
        repo_id=repo_id,
        repo_type=repo_type,
        tag=request.tag,
        commit=answer.commit,
        url=f"{to.endpoint}/{_PAGE_PREFIX[repo_type]}{repo_id}",
        uploaded=answer.uploaded,
        files=tuple((file.path, file.size) for file in files),
    )


def _publish(request: Request, environment: dict[str, str]) -> Answer:
    # The client reads its endpoint, cache and Xet switch from the environment when it is imported, so a release
    # that must not disturb this process's own settings needs a process of its own.
    child = subprocess.run(
        [sys.executable, "-m", "lemonpress.hub.publish"],
        input=json.dumps(asdict(request)).encode(),
        stdout=subprocess.PIPE,
        env=environment,
        check=False,
    )
    lines = child.stdout.decode(errors="replace").splitlines()
    try:
        answer = Answer(**json.loads(lines[-1]))
    except (IndexError, ValueError, TypeError):
        raise RuntimeError(
            f"publishing {request.repo_id} ended with status {child.returncode}; run it again to complete the release"
        ) from None
    if answer.refusal is not None:
        raise UserError(answer.refusal)
    if answer.failure is not None:
        raise RuntimeError(f"publishing {request.repo_id} failed:\n{answer.failure}")
    return answer


def _environment(to: Destination) -> dict[str, str]:
    own = {"HF_HUB_OFFLINE"} if not to.local else set()
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in own or not name.startswith(("HF_", "HUGGING_FACE_", "HUGGINGFACE_", "TRANSFORMERS_OFFLINE"))
    }
    environment |= {
        "HF_ENDPOINT": to.endpoint,
        "HF_HOME": str(home() / "publish"),
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    }
    if to.local:
        # The local Hub takes uploads over LFS; the client never falls back from Xet by itself.
        environment["HF_HUB_DISABLE_XET"] = "1"
        environment["NO_PROXY"] = environment["no_proxy"] = "127.0.0.1,localhost,::1"
    return environment
