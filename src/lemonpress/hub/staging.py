"""From a folder of finished files to a release: changelog, provenance, card, checks, then one commit and one tag."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lemonpress.errors import UserError
from lemonpress.hub import versions
from lemonpress.hub.changes import Draft, changes, differing, equal_tables, is_said
from lemonpress.hub.checks import RepoType, check_release
from lemonpress.hub.destination import Destination
from lemonpress.hub.plan import Plan, plan
from lemonpress.hub.publish import MainMovedError
from lemonpress.hub.published import Main, Published, explained, find_versions, read_main, read_published
from lemonpress.hub.release import Release, page, release
from lemonpress.hub.tree import LocalFile, digest_file, read_tree
from lemonpress.hub.verify import check_rows, check_weights
from lemonpress.hub.versions import Change

_PROVENANCE = "provenance.json"
_CARD = "README.md"
_OWN = (_PROVENANCE, _CARD)
_TIMES = 3  # that a release is compared with a main that moves


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
    lasting: bool = False,
) -> Release:
    """Complete a folder with its provenance and card, check it, and publish it as one version.

    The provenance gets the digest of every file, and the changes since the version before with the history that came
    with that one; the card is rendered from it. Where the version is on the Hub with equal files already, its
    environment and digests are taken over: they are those of the run that made it. Nothing is sent then.

    Args:
        folder: The files without card and provenance, which are written here.
        repo_id: ``namespace/name``.
        repo_type: dataset, model or space.
        version: Such as ``1.0.0``.
        origin: From `lemonpress.hub.provenance.provenance`, and whatever else belongs into ``provenance.json``.
        render: Gives the card of a provenance.
        to: The Hub.
        dry_run: Do everything but send: the release's `plan` says what would be.
        lasting: Whether a version that is there with the same files stays as it is, whatever would be said of it now.

    Raises:
        UserError: As `lemonpress.hub.release.release`; the version exists with other content or is below the newest;
            main holds files that no release put there, or keeps changing.
    """
    versions.parse(version)
    stated = json.loads(json.dumps(origin))
    _write(folder, stated, render({**stated, "history": []}))
    files = {file.path: file for file in read_tree(folder)}
    card = _check(folder, repo_type, files)
    draft = Draft(folder, {path: file for path, file in files.items() if path not in _OWN}, card, stated)
    for _ in range(_TIMES):
        planned = _compare(draft, repo_id, repo_type, version, render, to, lasting)
        if planned.there is not None or dry_run:
            return planned.unsent(repo_type, to)
        _tell(planned)
        head = planned.main.commit if planned.main else None
        try:
            return release(
                folder, repo_id, repo_type, version, to, files=planned.files, planned=planned.plan, head=head
            )
        except MainMovedError:
            print(f"{repo_id}: main moved meanwhile; comparing again", file=sys.stderr)
    raise UserError(f"{repo_id}: main keeps changing; wait until whoever commits to it is done, then run it again")


@dataclass(frozen=True)
class _Compared:
    """A complete folder beside what the Hub holds: the version itself where it is there, and main."""

    files: tuple[LocalFile, ...]
    there: Published | None
    main: Main | None
    plan: Plan

    def unsent(self, repo_type: RepoType, to: Destination) -> Release:
        """What is there, or of a dry run what would be."""
        return Release(
            repo_id=self.plan.repo_id,
            repo_type=repo_type,
            tag=f"v{self.plan.version}",
            commit=self.there.commit if self.there else None,
            url=page(to, repo_type, self.plan.repo_id),
            uploaded=False,
            files=tuple((file.path, file.size) for file in self.files),
            plan=self.plan,
        )


def _compare(
    draft: Draft,
    repo_id: str,
    repo_type: RepoType,
    version: str,
    render: Callable[[Mapping[str, Any]], str],
    to: Destination,
    lasting: bool,
) -> _Compared:
    """Compare a folder with the Hub, and complete it with the provenance and card that follow."""
    with explained(repo_id, to):
        known = find_versions(repo_id, repo_type, to)
        versions.require_above(version, known, repo_id)
        there = read_published(repo_id, repo_type, version, to) if version in known else None
        prior = versions.before(version, known)
        old = read_published(repo_id, repo_type, prior, to) if prior else None
        main = read_main(repo_id, repo_type, to)
        stated = {**draft.provenance, "content": _content(draft)}
        equal = equal_tables(there, draft) if there else []
        same = there is not None and {*differing(there, draft.files, equal)} <= {
            path for path in (*there.files, *draft.files) if is_said(path, repo_type)
        }
        if there is not None and same:
            released = there.json(_PROVENANCE)
            stated |= {key: released[key] for key in ("environment", "content") if key in released}
        found = tuple(changes(repo_type, old, replace(draft, provenance=stated))) if old else ()
        stated["history"] = _history(version, old, found)
        text = render(stated)
        files = {**draft.files, **_write(draft.folder, stated, text)}
        whole = replace(draft, files=files, provenance=stated)
        check_release(draft.folder, repo_type, list(files))
        if there is not None and not (same and lasting) and differing(there, files, equal):
            raise UserError(_clash(there, known, whole))
        if there is None and main is not None and main.foreign(files):
            raise UserError(_foreign(main.foreign(files), repo_id))
        planned = plan(repo_id, version, files, main.files if main else {}, found, text, old)
    return _Compared(tuple(files.values()), there, main, planned)


def _content(draft: Draft) -> dict[str, dict[str, Any]]:
    """Digest and size of every file, and rows of a table."""
    return {
        path: {
            "sha256": file.sha256,
            "bytes": file.size,
            **({"rows": pq.read_metadata(draft.folder / path).num_rows} if path.endswith(".parquet") else {}),
        }
        for path, file in draft.files.items()
    }


def _history(version: str, old: Published | None, found: tuple[Change, ...]) -> list[dict[str, Any]]:
    """The changes of this version, then what the version before says of itself and those before it."""
    if old is None:
        return [{"version": version, "after": None, "level": None, "changes": ["First release."]}]
    texts = [change.text for change in found] or ["Nothing changed but the version."]
    own = {"version": version, "after": old.version, "level": versions.level_of(found), "changes": texts}
    earlier = old.json(_PROVENANCE).get("history")
    return [own, *(entry for entry in (earlier if isinstance(earlier, list) else []) if _is_entry(entry))]


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and {"version", "after", "level", "changes"} <= entry.keys()


def _write(folder: Path, stated: Mapping[str, Any], card: str) -> dict[str, LocalFile]:
    texts = {_PROVENANCE: json.dumps(stated, indent=1, ensure_ascii=False) + "\n", _CARD: card}
    for path, text in texts.items():
        (folder / path).unlink(missing_ok=True)  # it may be a link to somebody's own file
        (folder / path).write_text(text, encoding="utf-8")
    return {path: digest_file(folder / path, path) for path in texts}


def _check(folder: Path, repo_type: RepoType, files: Mapping[str, LocalFile]) -> dict[str, Any]:
    """Check everything that can be checked here; the front matter of the card."""
    card = check_release(folder, repo_type, list(files))
    if repo_type == "dataset":
        check_rows(folder, card)
    elif repo_type == "model":
        check_weights(folder, list(files))
    return card


def _clash(there: Published, known: frozenset[str], new: Draft) -> str:
    found = changes(there.repo_type, there, new)
    said = found[0].text if found else f"{differing(there, new.files)[0]} differs"
    fits = versions.raised(max(known, key=versions.parse), versions.level_of(found))
    return f"v{there.version} of {there.repo_id} exists with other content ({said}); release it as version {fits}"


def _foreign(paths: list[str], repo_id: str) -> str:
    named = paths[0] + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
    return (
        f"{repo_id}: main holds what no release put there ({named}), and a release would remove it; "
        "delete it there first, or choose another repository"
    )


def _tell(compared: _Compared) -> None:
    """Notes before anything is sent."""
    files = {file.path: file for file in compared.files}
    edited = compared.main.edited(files) if compared.main else []
    if edited:
        print(f"note: {', '.join(edited)} of main is no release's and is replaced", file=sys.stderr)
    if compared.plan.advice:
        print(f"note: {compared.plan.advice}", file=sys.stderr)
