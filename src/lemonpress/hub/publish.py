"""The process that talks to a Hub for one release: ``python -m lemonpress.hub.publish``.

It reads a `Request` as JSON on standard input and answers an `Answer` as JSON in the last line of standard output.
The token comes in with the request and never goes out.
"""

import json
import sys
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lemonpress.errors import UserError
from lemonpress.hub.patience import causes, limit_waiting, patiently
from lemonpress.hub.tree import HUBS_OWN, LocalFile, list_remote, tree_digest

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_RACE = 412


@dataclass(frozen=True)
class Request:
    """What to release, and where.

    Attributes:
        head: The commit of main that the release was compared with; None where any will do.
    """

    endpoint: str
    token: str | None = field(repr=False)
    repo_id: str
    repo_type: str
    tag: str
    folder: str
    files: tuple[LocalFile, ...]
    space_sdk: str | None
    head: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came of it: a commit, or a main that moved, or a refusal in one line, or the traceback of a failure."""

    commit: str | None = None
    uploaded: bool = False
    moved: bool = False
    refusal: str | None = None
    failure: str | None = None


class MainMovedError(Exception):
    """Somebody committed to main since the release was compared with it."""


def main() -> int:
    """Carry out the request on standard input."""
    data: dict[str, Any] = json.load(sys.stdin)
    request = Request(**{**data, "files": tuple(LocalFile(**file) for file in data["files"])})
    limit_waiting()
    try:
        answer = publish(request)
    except MainMovedError:
        answer = Answer(moved=True)
    except Exception as error:
        refusal = _refusal(error, request)
        answer = Answer(refusal=refusal) if refusal else Answer(failure=traceback.format_exc())
    text = json.dumps(asdict(answer))
    # A client's exception may quote a header that it sent.
    print(text.replace(request.token, "***") if request.token else text, flush=True)
    return 0


def publish(request: Request) -> Answer:
    """Release the files, or recognise that they are released.

    Raises:
        UserError: The tag exists with other content, or the Hub leaves files out.
        MainMovedError: Main is not what the release was compared with.
        RuntimeError: The Hub shows other content than was sent.
    """
    from huggingface_hub import HfApi

    api = HfApi(endpoint=request.endpoint, token=request.token or False, library_name="lemonpress")
    tagged = patiently(lambda: _tagged_commit(api, request))
    if tagged is not None:
        _require_same(api, request, tagged)
        return Answer(commit=tagged)
    patiently(
        lambda: api.create_repo(
            request.repo_id, repo_type=request.repo_type, space_sdk=request.space_sdk, exist_ok=True
        )
    )
    commit, sent = _commit(api, request)
    tagged_now = patiently(lambda: _tag(api, request, commit))
    read_back = patiently(lambda: _tagged_commit(api, request))
    if read_back is None:
        raise RuntimeError(f"{request.tag} of {request.repo_id} was made and is not there")
    _require_same(api, request, read_back)
    return Answer(commit=read_back, uploaded=sent or tagged_now)


def _tagged_commit(api: "HfApi", request: Request) -> str | None:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        refs = api.list_repo_refs(request.repo_id, repo_type=request.repo_type)
    except RepositoryNotFoundError:
        return None
    if all(tag.name != request.tag for tag in refs.tags):
        return None
    # The target of an annotated tag is no commit, so the tag is resolved like any revision.
    return api.repo_info(request.repo_id, repo_type=request.repo_type, revision=request.tag).sha


def _require_same(api: "HfApi", request: Request, commit: str) -> None:
    changed, stale = patiently(lambda: _difference(api, request, commit))
    if changed or stale:
        paths = sorted([*(file.path for file in changed), *stale])
        named = paths[0] + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
        raise UserError(
            f"{request.tag} of {request.repo_id} exists with other content ({named}); release it as another version"
        )


def _difference(api: "HfApi", request: Request, commit: str) -> tuple[list[LocalFile], list[str]]:
    """Files that a commit lacks or has otherwise, and files that it has beyond the release."""
    remote = list_remote(api, request.repo_id, request.repo_type, commit)
    changed = [file for file in request.files if file.path not in remote or not remote[file.path].same(file)]
    stale = sorted(set(remote) - {file.path for file in request.files} - HUBS_OWN)
    return changed, stale


def _commit(api: "HfApi", request: Request) -> tuple[str, bool]:
    """A commit of main with exactly the release's files, and whether this call sent it."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    sent = False
    additions: dict[str, CommitOperationAdd] = {}

    def attempt() -> str:
        nonlocal sent
        head = api.repo_info(request.repo_id, repo_type=request.repo_type, revision="main").sha
        if head is None:
            raise RuntimeError(f"{request.endpoint} names no commit of {request.repo_id}")
        changed, stale = _difference(api, request, head)
        if not changed and not stale:
            return head
        if request.head not in (None, head):
            raise MainMovedError
        for file in changed:
            additions.setdefault(file.path, CommitOperationAdd(file.path, Path(request.folder, file.path)))
        adding = [additions[file.path] for file in changed]
        # Large files go first, in parallel; those that the Hub has from an earlier attempt are not sent again.
        # No .gitignore decides what a release holds, neither one of it nor one that is there.
        api.preupload_lfs_files(
            request.repo_id, adding, repo_type=request.repo_type, free_memory=False, gitignore_content=""
        )
        ignored = [one.path_in_repo for one in adding if one._should_ignore]
        if ignored:
            raise UserError(f"{request.repo_id}: the .gitignore there leaves out {ignored[0]}; delete it there first")
        sent = True
        done = api.create_commit(
            request.repo_id,
            [*(CommitOperationDelete(path, is_folder=False) for path in stale), *adding],
            commit_message=f"Release {request.tag}",
            commit_description=f"Content: sha256:{tree_digest(request.files)}",
            repo_type=request.repo_type,
            parent_commit=head,
        )
        return done.oid

    commit = patiently(attempt, also=_RACE)
    changed, stale = patiently(lambda: _difference(api, request, commit))
    if changed or stale:
        raise RuntimeError(f"{request.repo_id} at {commit} differs from what was sent; it was not tagged")
    return commit, sent


def _tag(api: "HfApi", request: Request, commit: str) -> bool:
    """Tag a commit; whether this call did."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.create_tag(request.repo_id, repo_type=request.repo_type, tag=request.tag, revision=commit)
    except HfHubHTTPError as error:
        # It is there, from another process or from a call whose answer was lost; reading back says with what content.
        if error.response.status_code != 409:
            raise
        return False
    return True


def _refusal(error: Exception, request: Request) -> str | None:
    """One line for a person, where the error is one that a person can mend."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    if isinstance(error, UserError) or str(error).startswith("Invalid metadata in README.md"):
        return _one_line(error)
    again = "run it again to complete the release"
    for cause in causes(error):
        if isinstance(cause, HFValidationError):
            return f"{request.repo_id}: is no repository name: {_one_line(cause)}"
        if isinstance(cause, HfHubHTTPError):
            status = cause.response.status_code
            if status in (401, 403):
                return (
                    f"{request.endpoint} does not let this token write to {request.repo_id} ({status}); "
                    "use a token with write access to that namespace"
                )
            said = cause.server_message or str(cause).partition("\nFor more information")[0]
            return (
                f"{request.endpoint} refused the release of {request.repo_id} ({status}: {_one_line(said)}); {again}"
            )
        if isinstance(cause, OfflineModeIsEnabled):
            return f"HF_HUB_OFFLINE is set, so {request.repo_id} cannot be released to {request.endpoint}; unset it"
        if isinstance(cause, json.JSONDecodeError):
            return f"{request.endpoint} does not answer as a Hub does; check the address, then {again}"
        if isinstance(cause, httpx.TransportError):
            return f"{request.endpoint} cannot be reached ({type(cause).__name__}); check the address, then {again}"
    return None


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


if __name__ == "__main__":
    sys.exit(main())
