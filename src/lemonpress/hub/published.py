"""What a Hub holds of a repository already: its released versions, and their files."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from lemonpress.errors import UserError
from lemonpress.hub import versions
from lemonpress.hub.checks import RepoType, front_matter
from lemonpress.hub.destination import Destination
from lemonpress.hub.patience import causes, patiently
from lemonpress.hub.tree import HUBS_OWN, RemoteFile, list_remote

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_PREFIX: Mapping[RepoType, str] = {"dataset": "datasets/", "model": "", "space": "spaces/"}


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
        with system.open(f"{_PREFIX[self.repo_type]}{self.repo_id}@{self.commit}/{path}", "rb") as stream:
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
    kept = {path: file for path, file in files.items() if path not in HUBS_OWN}
    return Published(repo_id, repo_type, version, info.sha, kept, to)


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
