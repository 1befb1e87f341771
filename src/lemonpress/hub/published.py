"""What a Hub holds of a repository already: its released versions, and their files."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from lemonpress.errors import UserError
from lemonpress.hub import versions
from lemonpress.hub.checks import RepoType, front_matter
from lemonpress.hub.destination import Destination
from lemonpress.hub.patience import causes, patiently
from lemonpress.hub.tree import HUBS_OWN, LocalFile, RemoteFile, list_remote

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PREFIXES: Mapping[RepoType, str] = {"dataset": "datasets/", "model": "", "space": "spaces/"}
"""What comes before a repository's name in addresses."""

_RELEASE = re.compile(r"Release v\d")


@dataclass(frozen=True)
class Published:
    """One released version of a repository.

    Attributes:
        repo_id: ``namespace/name``.
        repo_type: dataset, model or space.
        version: Such as ``1.0.0``.
        commit: What its tag points to.
        files: Every file of the release, by path.
    """

    repo_id: str
    repo_type: RepoType
    version: str
    commit: str
    files: Mapping[str, RemoteFile] = field(repr=False)
    to: Destination = field(repr=False)

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """A file of it, read over the network as far as it is read here."""
        from huggingface_hub import HfFileSystem

        system = HfFileSystem(endpoint=self.to.endpoint, token=self.to.token or False, skip_instance_cache=True)
        with system.open(f"{PREFIXES[self.repo_type]}{self.repo_id}@{self.commit}/{path}", "rb") as stream:
            yield stream

    def text(self, path: str) -> str:
        """A text file of it; empty where there is none of that path."""
        if path not in self.files:
            return ""

        def read() -> str:
            with self.open(path) as stream:
                return stream.read().decode()

        return patiently(read)

    def json(self, path: str) -> dict[str, Any]:
        """A JSON object of it; empty where there is no such file, or none that can be read."""
        try:
            found = json.loads(self.text(path) or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def card(self) -> dict[str, Any]:
        """The front matter of its card; empty where there is none that can be read."""
        try:
            return front_matter(self.text("README.md"))
        except UserError:
            return {}


@dataclass(frozen=True)
class Main:
    """The head of a repository.

    Attributes:
        commit: Of main.
        files: What it holds, by path.
        released: What the newest release's commit on it holds, tagged or cut short before; empty where there is none.
    """

    commit: str
    files: Mapping[str, RemoteFile]
    released: Mapping[str, RemoteFile]

    def foreign(self, files: Collection[str]) -> list[str]:
        """Paths that no release put there and that a release of these files would remove."""
        return sorted(self.files.keys() - set(files) - self.released.keys())

    def edited(self, files: Mapping[str, LocalFile]) -> list[str]:
        """Paths that were changed after the newest release, and that a release of these files would write over."""
        return sorted(
            path
            for path in self.files.keys() & files.keys()
            if not self.files[path].same(files[path])
            and not (path in self.released and self.released[path].same(self.files[path]))
        )


def read_main(repo_id: str, repo_type: RepoType, to: Destination) -> Main | None:
    """The head of a repository; None where there is no such repository, or no commit in it.

    Raises:
        UserError: The Hub cannot be reached or keeps refusing.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    api = _api(to)
    with explained(repo_id, to):
        try:
            commits = patiently(partial(api.list_repo_commits, repo_id, repo_type=repo_type))
        except RepositoryNotFoundError:
            return None
        if not commits:
            return None
        head = commits[0].commit_id
        release = next((one.commit_id for one in commits if _RELEASE.match(one.title)), None)
        files, released = (
            patiently(partial(list_remote, api, repo_id, repo_type, commit)) if commit else {}
            for commit in (head, release)
        )
    return Main(head, _without_own(files), _without_own(released))


def find_versions(repo_id: str, repo_type: RepoType, to: Destination) -> frozenset[str]:
    """Every released version of a repository; none where there is no such repository.

    Raises:
        UserError: The Hub cannot be reached or keeps refusing.
    """
    api = _api(to)
    with explained(repo_id, to):
        return patiently(partial(_versions, api, repo_id, repo_type))


def read_published(repo_id: str, repo_type: RepoType, version: str, to: Destination) -> Published:
    """One released version: its commit, and the list of its files.

    Raises:
        UserError: The Hub cannot be reached or keeps refusing.
    """
    api = _api(to)
    with explained(repo_id, to):
        # The target of an annotated tag is no commit, so it is resolved like any revision.
        info = patiently(partial(api.repo_info, repo_id, repo_type=repo_type, revision=f"v{version}"))
        if info.sha is None:
            raise UserError(f"{repo_id}: {to.endpoint} names no commit of v{version}; try again later")
        files = patiently(partial(list_remote, api, repo_id, repo_type, info.sha))
    return Published(repo_id, repo_type, version, info.sha, _without_own(files), to)


def _without_own(files: Mapping[str, RemoteFile]) -> dict[str, RemoteFile]:
    return {path: file for path, file in files.items() if path not in HUBS_OWN}


def _api(to: Destination) -> "HfApi":
    from huggingface_hub import HfApi

    return HfApi(endpoint=to.endpoint, token=to.token or False, library_name="lemonpress")


def _versions(api: "HfApi", repo_id: str, repo_type: RepoType) -> frozenset[str]:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        tags = api.list_repo_refs(repo_id, repo_type=repo_type).tags
    except RepositoryNotFoundError:
        return frozenset()
    return frozenset(version for tag in tags if (version := versions.of_tag(tag.name)))


@contextmanager
def explained(repo_id: str, to: Destination) -> Iterator[None]:
    """Turn the client's errors while a Hub is read into one line."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    try:
        yield
    except Exception as error:
        for cause in causes(error):
            if isinstance(cause, HFValidationError):
                raise UserError(f"{repo_id}: is no repository name: {' '.join(str(cause).split())}") from None
            if isinstance(cause, OfflineModeIsEnabled):
                raise UserError(f"{repo_id}: HF_HUB_OFFLINE is set; unset it to reach {to.endpoint}") from None
            if isinstance(cause, HfHubHTTPError):
                status = cause.response.status_code
                raise UserError(f"{repo_id}: {to.endpoint} answers {status} to reading it; try again later") from None
            if isinstance(cause, httpx.TransportError):
                said = f"{to.endpoint} cannot be reached ({type(cause).__name__}); check the address and try again"
                raise UserError(f"{repo_id}: {said}") from None
        raise
