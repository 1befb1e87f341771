"""Releases: one commit, then one tag that never moves."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from lemonpress.console import LOOPBACK
from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.hub import versions
from lemonpress.hub.checks import RepoType, check_release, front_matter
from lemonpress.hub.destination import Destination
from lemonpress.hub.plan import Plan
from lemonpress.hub.publish import Answer, MainMovedError, Request
from lemonpress.hub.published import PREFIXES
from lemonpress.hub.tree import LocalFile, read_tree

_SOON_SENT = 16 << 20  # bytes: below, the client's progress bars are gone before anybody reads them


@dataclass(frozen=True)
class Release:
    """A release as it lies on a Hub.

    Attributes:
        repo_id: ``namespace/name``.
        repo_type: dataset, model or space.
        tag: ``vVERSION``.
        commit: What the tag points to; None where a dry run found no such version.
        url: Page of the repository.
        uploaded: Whether this call wrote a commit or the tag; False where both were there already.
        files: Path and size in bytes of every file.
        plan: What it changes of the version before, where that was asked.
    """

    repo_id: str
    repo_type: RepoType
    tag: str
    commit: str | None
    url: str
    uploaded: bool
    files: tuple[tuple[str, int], ...]
    plan: Plan | None = None

    @property
    def state(self) -> str:
        """released, unchanged, or of a dry run what it would be, for people."""
        return "released" if self.uploaded else "unchanged" if self.commit else "would be released"


def page(to: Destination, repo_type: RepoType, repo_id: str) -> str:
    """The address of a repository's page."""
    return f"{to.endpoint}/{PREFIXES[repo_type]}{repo_id}"


def release(
    folder: Path,
    repo_id: str,
    repo_type: RepoType,
    version: str,
    to: Destination,
    *,
    files: tuple[LocalFile, ...] | None = None,
    planned: Plan | None = None,
    head: str | None = None,
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
        files: The folder's files and their digests, where they are known already and the folder was checked.
        planned: What the release changes, to hand on.
        head: The commit of main that it was compared with; any will do if None.

    Raises:
        UserError: The folder may not leave, the tag exists with other content, the token may not write, or the Hub
            cannot be reached or keeps refusing.
        MainMovedError: Main is at another commit than `head`, with other files than the release's.
        RuntimeError: The Hub shows other content than was sent, or the publishing process ended early.
    """
    versions.parse(version)
    if repo_id.count("/") != 1:
        raise UserError(f"{repo_id}: is no repository; write namespace/name")
    if files is None:
        files = read_tree(folder)
        check_release(folder, repo_type, [file.path for file in files])
    card = front_matter((folder / "README.md").read_text(encoding="utf-8"))
    request = Request(
        endpoint=to.endpoint,
        token=to.token,
        repo_id=repo_id,
        repo_type=repo_type,
        tag=f"v{version}",
        folder=str(folder),
        files=files,
        space_sdk=card["sdk"] if repo_type == "space" else None,
        head=head,
    )
    answer = _publish(request, _environment(to, quiet=sum(file.size for file in files) < _SOON_SENT))
    return Release(
        repo_id=repo_id,
        repo_type=repo_type,
        tag=request.tag,
        commit=answer.commit,
        url=page(to, repo_type, repo_id),
        uploaded=answer.uploaded,
        files=tuple((file.path, file.size) for file in files),
        plan=planned,
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
    if answer.moved:
        raise MainMovedError
    if answer.refusal is not None:
        raise UserError(answer.refusal)
    if answer.failure is not None:
        raise RuntimeError(f"publishing {request.repo_id} failed:\n{answer.failure}")
    return answer


def _environment(to: Destination, quiet: bool) -> dict[str, str]:
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
    if quiet:
        environment["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    if to.local:
        # The local Hub takes uploads over LFS; the client never falls back from Xet by itself.
        environment["HF_HUB_DISABLE_XET"] = "1"
        environment["NO_PROXY"] = environment["no_proxy"] = ",".join(LOOPBACK)
    return environment
