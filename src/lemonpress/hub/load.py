"""Loading releases: a version is resolved to its commit, and nothing but that commit is returned.

``datasets.load_dataset`` answers with the latest cached commit of any other revision when the Hub cannot be reached;
here the files come from the snapshot of the one commit.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.hub.checks import RepoType, front_matter
from lemonpress.hub.configs import Config, default_config, read_configs
from lemonpress.hub.destination import is_loopback

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def load(
    repo_id: str,
    config: str | None = None,
    version: str | None = None,
    split: str | None = None,
    endpoint: str | None = None,
) -> "Dataset | DatasetDict":
    """Load a released corpus.

    Args:
        repo_id: ``namespace/name`` of a dataset repository whose card lists Parquet configs.
        config: Configuration; the card's default one if None.
        version: Released version such as ``1.0.0`` (or its tag ``v1.0.0``); the head of main if None. Once loaded, a
            version loads without the Hub too; main never does.
        split: One split; all of them if None.
        endpoint: Address of the Hub; ``HF_ENDPOINT``, else the public one, if None.

    Returns:
        The split, or every split by name.

    Raises:
        UserError: The Hub cannot be reached, or has no such repository, version, configuration or split.
    """
    from datasets import load_dataset

    commit = _commit(repo_id, "dataset", version, endpoint)
    folder = _download(repo_id, "dataset", commit, endpoint, ["README.md"])
    card = folder / "README.md"
    if not card.is_file():
        raise UserError(f"{repo_id}: has no card that lists its configs; load it with datasets.load_dataset")
    chosen = _config(front_matter(card.read_text(encoding="utf-8", errors="replace")), repo_id, config)
    if split is not None:
        if split not in chosen.splits:
            raise UserError(f"{repo_id}: no split {split!r}; there are: {', '.join(chosen.splits)}")
        chosen = replace(chosen, splits={split: chosen.splits[split]})
    if not chosen.splits:
        raise UserError(f"{repo_id}: config {chosen.name!r} lists no files; load it with datasets.load_dataset")
    # The client's own * crosses folders, but its **/ wants one.
    wanted = [pattern.replace("**/", "*") for patterns in chosen.splits.values() for pattern in patterns]
    _download(repo_id, "dataset", commit, endpoint, wanted)
    found = chosen.files(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    for name, paths in found.items():
        if not paths:
            raise UserError(f"{repo_id}: split {name!r} of {commit[:12]} has no files; load another version")
        if not all(path.endswith(".parquet") for path in paths):
            raise UserError(f"{repo_id}: split {name!r} is not in Parquet files; load it with datasets.load_dataset")
    files = {name: [str(folder / path) for path in paths] for name, paths in found.items()}
    cache = _cache_folder(endpoint)
    return load_dataset(
        "parquet", data_files=files, split=split, cache_dir=None if cache is None else str(cache / "datasets")
    )


def snapshot(
    repo_id: str,
    version: str | None = None,
    endpoint: str | None = None,
    repo_type: RepoType = "model",
    patterns: list[str] | None = None,
) -> Path:
    """Download a release and return its folder, which is named by the commit.

    Args:
        repo_id: ``namespace/name`` of a repository.
        version: As for `load`.
        endpoint: As for `load`.
        repo_type: dataset, model or space.
        patterns: Of the files that are wanted, such as ``*.json``; all of them if None.

    Raises:
        UserError: The Hub cannot be reached, or has no such repository or version.
    """
    return _download(repo_id, repo_type, _commit(repo_id, repo_type, version, endpoint), endpoint, patterns)


def _commit(repo_id: str, repo_type: RepoType, version: str | None, endpoint: str | None) -> str:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=_token(endpoint))
    if version is None:
        with _explained(repo_id, "main", endpoint):
            sha = api.repo_info(repo_id, repo_type=repo_type, revision="main").sha
        if sha is None:
            raise UserError(f"{repo_id}: the Hub names no commit of main; give a version")
        return sha
    tag = version if version.startswith("v") else f"v{version}"
    with _explained(repo_id, tag, endpoint):
        # Falls back to the commit that this very tag had before, if the Hub is away; tags never move.
        return api.resolve_revision(
            repo_id, repo_type=repo_type, revision=tag, cache_dir=_models_cache(endpoint)
        ).resolved


def _download(
    repo_id: str, repo_type: RepoType, commit: str, endpoint: str | None, patterns: list[str] | None
) -> Path:
    from huggingface_hub import snapshot_download

    with _explained(repo_id, commit[:12], endpoint):
        folder = Path(
            snapshot_download(
                repo_id,
                repo_type=repo_type,
                revision=commit,
                endpoint=endpoint,
                token=_token(endpoint),
                cache_dir=_models_cache(endpoint),
                allow_patterns=patterns,
            )
        )
    if folder.name != commit:
        raise UserError(f"{repo_id}: the cache answered {folder.name[:12]} for {commit[:12]}; empty {folder.parent}")
    return folder


def _config(card: Mapping[str, Any], repo_id: str, name: str | None) -> Config:
    """The named configuration of a card, or the one that needs no name."""
    configs = read_configs(card)
    if not configs:
        raise UserError(f"{repo_id}: its card lists no configs; load it with datasets.load_dataset")
    names = ", ".join(config.name for config in configs)
    if name is None:
        found = default_config(configs)
        if found is None:
            raise UserError(f"{repo_id}: name a config, one of: {names}")
        return found
    found = next((config for config in configs if config.name == name), None)
    if found is None:
        raise UserError(f"{repo_id}: no config {name!r}; there are: {names}")
    return found


def _cache_folder(endpoint: str | None) -> Path | None:
    """Own caches for a Hub on this machine: two of them may hold the same names, and they come and go."""
    from huggingface_hub import constants

    address = endpoint or constants.ENDPOINT
    return home() / "loaded" / quote(address.partition("://")[2], safe="") if is_loopback(address) else None


def _models_cache(endpoint: str | None) -> Path | None:
    cache = _cache_folder(endpoint)
    return None if cache is None else cache / "hub"


def _token(endpoint: str | None) -> bool | None:
    """None is the user's own token; a Hub on this machine is read without."""
    return None if _cache_folder(endpoint) is None else False


@contextmanager
def _explained(repo_id: str, revision: str, endpoint: str | None) -> Iterator[None]:
    """Turn the client's errors into one line."""
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        IncompleteSnapshotError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
        RevisionResolutionError,
    )
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    address = endpoint or constants.ENDPOINT
    try:
        yield
    except HFValidationError:
        raise UserError(f"{repo_id!r}: is no repository name; write namespace/name") from None
    except RevisionNotFoundError:
        raise UserError(f"{repo_id}: {address} has no version {revision}; its page lists the tags") from None
    except RepositoryNotFoundError:
        raise UserError(f"{repo_id}: {address} has no such repository, or you have no access to it") from None
    except (
        HfHubHTTPError,
        IncompleteSnapshotError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RevisionResolutionError,
        httpx.TransportError,
    ) as error:
        raise UserError(
            f"{repo_id}: {address} cannot be reached ({type(error).__name__}) and {revision} is not cached; "
            "check HF_ENDPOINT, or start the local Hub with: lemonpress hub serve"
        ) from None
