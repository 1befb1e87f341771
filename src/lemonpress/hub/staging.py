"""From a folder of finished files to a release: changelog, provenance, card, checks, then one commit and one tag."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lemonpress.errors import UserError
from lemonpress.hub import versions
from lemonpress.hub.changes import Draft, changes, differing, is_said
from lemonpress.hub.checks import RepoType, check_release, front_matter
from lemonpress.hub.destination import Destination
from lemonpress.hub.plan import Plan, plan
from lemonpress.hub.published import Published, explained, find_versions, read_published
from lemonpress.hub.release import Release, page, release
from lemonpress.hub.tree import LocalFile, digest_file, read_tree
from lemonpress.hub.verify import check_rows, check_weights
from lemonpress.hub.versions import Change

_PROVENANCE = "provenance.json"
_CARD = "README.md"


def release_folder(
    folder: Path,
    repo_id: str,
    repo_type: RepoType,
    version: str,
    origin: Mapping[str, Any],
    render: Callable[[Mapping[str, Any]], str],
    to: Destination,
    *,
    dry_run: bool = False,
) -> Release:
    """Complete a folder with its provenance and card, check it, and publish it as one version.

    The provenance gets the digest of every file, and the changes since the version before with the history that came
    with that one; the card is rendered from it. Where the version is on the Hub with the same files already, its
    environment and device time are taken over: they are those of the run that made the files. Nothing is sent then.

    Args:
        folder: The files without card and provenance, which are written here.
        repo_id: ``namespace/name``.
        repo_type: dataset, model or space.
        version: Such as ``1.0.0``.
        origin: From `lemonpress.hub.provenance.provenance`, and whatever else belongs into ``provenance.json``.
        render: Gives the card of a provenance.
        to: The Hub.
        dry_run: Do everything but send: the release's `plan` says what would be.

    Raises:
        UserError: As `lemonpress.hub.release.release`; the version exists with other content, or is below the newest.
    """
    versions.parse(version)
    with explained(repo_id, to):
        known = find_versions(repo_id, repo_type, to)
        versions.require_above(version, known, repo_id)
        there = read_published(repo_id, repo_type, version, to) if version in known else None
        prior = versions.before(version, known)
        old = read_published(repo_id, repo_type, prior, to) if prior else None
        files = {file.path: file for file in read_tree(folder)}
        stated = {**origin, "content": _content(folder, files)}
        if there is not None and not [path for path in differing(there, files) if not is_said(path)]:
            stated["environment"] = there.json(_PROVENANCE).get("environment", stated.get("environment"))
        card = front_matter(render({**stated, "history": []}))
        found = tuple(changes(repo_type, old, Draft(folder, files, card, stated))) if old else ()
        stated["history"] = _history(version, old, found)
        text = render(stated)
        files |= _write(folder, stated, text)
        _check(folder, repo_type, files)
        if there is not None and differing(there, files):
            raise UserError(_clash(there, known, Draft(folder, files, card, stated)))
        planned = plan(repo_id, version, files, found, text, old)
    if there is not None or dry_run:
        listed = tuple((file.path, file.size) for file in files.values())
        commit = there.commit if there else None
        return Release(repo_id, repo_type, f"v{version}", commit, page(to, repo_type, repo_id), False, listed, planned)
    _advise(planned)
    return release(folder, repo_id, repo_type, version, to, files=tuple(files.values()), planned=planned)


def _content(folder: Path, files: Mapping[str, LocalFile]) -> dict[str, dict[str, Any]]:
    """Digest and size of every file that is not said of the others, and rows of a table."""
    return {
        path: {
            "sha256": file.sha256,
            "bytes": file.size,
            **({"rows": pq.read_metadata(folder / path).num_rows} if path.endswith(".parquet") else {}),
        }
        for path, file in files.items()
        if not is_said(path)
    }


def _history(version: str, old: Published | None, found: tuple[Change, ...]) -> list[dict[str, Any]]:
    """The changes of this version, then what the version before says of itself and those before it."""
    if old is None:
        return [{"version": version, "after": None, "level": None, "changes": ["First release."]}]
    texts = [change.text for change in found] or ["Nothing changed but the version."]
    own = {"version": version, "after": old.version, "level": versions.level_of(found), "changes": texts}
    earlier = old.json(_PROVENANCE).get("history")
    return [own, *(earlier if isinstance(earlier, list) else [])]


def _write(folder: Path, stated: Mapping[str, Any], card: str) -> dict[str, LocalFile]:
    (folder / _PROVENANCE).write_text(json.dumps(stated, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / _CARD).write_text(card, encoding="utf-8")
    return {path: digest_file(folder / path, path) for path in (_PROVENANCE, _CARD)}


def _check(folder: Path, repo_type: RepoType, files: Mapping[str, LocalFile]) -> None:
    card = check_release(folder, repo_type, list(files))
    if repo_type == "dataset":
        check_rows(folder, card)
    elif repo_type == "model":
        check_weights(folder, list(files))


def _clash(there: Published, known: frozenset[str], new: Draft) -> str:
    found = changes(there.repo_type, there, new)
    said = found[0].text if found else f"{differing(there, new.files)[0]} differs"
    fits = versions.raised(max(known, key=versions.parse), versions.level_of(found))
    return (
        f"v{there.version} of {there.repo_id} exists with other content ({said}); release this one as version {fits}"
    )


def _advise(planned: Plan) -> None:
    if planned.advice:
        print(f"note: {planned.advice}", file=sys.stderr)
