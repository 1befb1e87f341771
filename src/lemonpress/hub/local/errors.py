"""Answers that are not a success, as the Hub's clients map them."""


class HubError(Exception):
    """A request that is answered with an error status.

    Args:
        status: HTTP status.
        message: one line for the person who reads the client's exception.
        code: value of ``X-Error-Code``, which the clients turn into their exception types.
        headers: further response headers, such as ``X-Repo-Commit``.
        body: further members of the JSON body.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        headers: dict[str, str] | None = None,
        body: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers or {}
        self.body = body or {}


def bad_request(message: str) -> HubError:
    """A malformed or unserved request (400)."""
    return HubError(400, message)


def repo_not_found(repo: str, known_caller: bool) -> HubError:
    """A repository that is missing, or private and not the caller's: both look the same (401 or 404)."""
    return HubError(404 if known_caller else 401, f"Repository {repo} not found", "RepoNotFound")


def revision_not_found(repo: str, revision: str) -> HubError:
    """A branch, tag or commit that the repository does not have (404)."""
    return HubError(404, f"Invalid rev id: {revision!r} in {repo}", "RevisionNotFound")


def entry_not_found(path: str, commit: str) -> HubError:
    """A path that the commit does not have (404); the commit lets clients cache the absence."""
    return HubError(404, f"Entry not found: {path!r} at {commit[:12]}", "EntryNotFound", {"X-Repo-Commit": commit})
