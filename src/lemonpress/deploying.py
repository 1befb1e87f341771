"""Deploying a Space: its folder, the library as a wheel, what it shows pinned by version, released like all else."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lemonpress.assets import asset
from lemonpress.errors import UserError
from lemonpress.hub import versions
from lemonpress.hub.cards import SpaceCard, render_space_card
from lemonpress.hub.checks import REPO_ID, front_matter
from lemonpress.hub.destination import Destination
from lemonpress.hub.provenance import provenance
from lemonpress.hub.published import Published, find_versions, read_published
from lemonpress.hub.release import Release
from lemonpress.hub.staging import release_folder
from lemonpress.publishing import shown, staged
from lemonpress.wheels import build_wheel, requirements

_MADE = ("README.md", "requirements.txt", "__pycache__")  # of a Space's folder, which are written anew


@dataclass(frozen=True)
class Space:
    """What is deployed.

    Attributes:
        name: Folder under ``spaces``.
        repo_id: ``namespace/name``.
        version: Of the release.
        settings: Environment variables that the app starts with, where the Space sets no others.
        models: Released models that it runs.
        datasets: Released datasets that it shows, and those behind the models: id, tag and commit of each.
        files: Files of this machine that it carries, by their path there.
    """

    name: str
    repo_id: str
    version: str
    settings: Mapping[str, str]
    models: Sequence[Published] = ()
    datasets: Sequence[Mapping[str, str]] = ()
    files: Mapping[str, Path] = field(default_factory=dict)


def released(reference: str, to: Destination, where: str) -> Published:
    """A released model that a Space is to run.

    Args:
        reference: ``namespace/name@v1.0.0``.
        to: The Hub.
        where: The option, for error messages.

    Raises:
        UserError: It is no such reference, or the Hub has no such release.
    """
    repo_id, _, version = reference.partition("@")
    if not REPO_ID.fullmatch(repo_id) or not version:
        raise UserError(f"{where} {reference}: is no release; write namespace/name@v1.0.0")
    version = version.removeprefix("v")
    versions.parse(version)
    there = find_versions(repo_id, "model", to)
    if version not in there:
        known = ", ".join(sorted(there, key=versions.parse)) or "no released version at all"
        raise UserError(f"{where} {reference}: is not on {to.endpoint}, which has {known}; release it first")
    found = read_published(repo_id, "model", version, to)
    if "provenance.json" not in found.files:
        raise UserError(f"{where} {reference}: says not how it was made, so its critics are unknown; release it again")
    return found


def trained_on(model: Published) -> list[dict[str, str]]:
    """The released datasets that a student learnt from, as its provenance names them."""
    found = model.json("provenance.json").get("datasets", [])
    return [
        {"id": one["id"], "tag": one.get("tag") or one.get("revision") or one["commit"], "commit": one["commit"]}
        for one in found
        if REPO_ID.fullmatch(one.get("id", "")) and one.get("commit")
    ]


def deploy(space: Space, to: Destination, *, dry_run: bool = False) -> Release:
    """Put a Space together and release it as one version: the same inputs give the same release.

    Args:
        space: What is deployed.
        to: The Hub.
        dry_run: Build and check all, send nothing.

    Raises:
        UserError: The wheel cannot be built, a folder holds what may not leave, or the release is refused
            (`lemonpress.hub.staging.release_folder`).
    """
    source = asset(f"spaces/{space.name}")
    text = (source / "README.md").read_text(encoding="utf-8")
    stated = front_matter(text)
    namespace, _, name = space.repo_id.partition("/")
    place = f"release--space--{namespace}--{name}"  # which is no name of a recipe
    origin = provenance({}, {}, {}, [], {"space": stated["license"]})
    origin["models"] = {one.repo_id: {"version": one.version, "commit": one.commit} for one in space.models}
    origin["datasets"] = list(space.datasets)

    def render(made: Mapping[str, Any]) -> str:
        return render_space_card(_card(space, stated, _body(text), made, shown(to)))

    with staged(place, name) as folder:
        # Links stay links, which no release takes: what they lead to is not ours to publish.
        shutil.copytree(source, folder, symlinks=True, ignore=shutil.ignore_patterns(*_MADE), dirs_exist_ok=True)
        shutil.copyfile(asset("spaces/start.py"), folder / "start.py")
        for inside, outside in space.files.items():
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(outside, folder / inside)
        build_wheel(folder)
        (folder / "requirements.txt").write_text(requirements(), encoding="utf-8")
        settings = json.dumps(dict(space.settings), indent=1, sort_keys=True)
        (folder / "settings.json").write_text(settings + "\n", encoding="utf-8")
        return release_folder(folder, space.repo_id, "space", space.version, origin, render, to, dry_run=dry_run)


def _card(
    space: Space, stated: Mapping[str, Any], body: str, made: Mapping[str, Any], endpoint: str | None
) -> SpaceCard:
    return SpaceCard(
        repo_id=space.repo_id,
        version=space.version,
        title=stated["title"],
        summary=stated["short_description"],
        licence=stated["license"],
        models=[(one.repo_id, one.version) for one in space.models],
        datasets=[(one["id"], one["tag"].removeprefix("v")) for one in space.datasets],
        gradio_version=stated["sdk_version"],
        python_version=str(stated["python_version"]),
        body=body,
        preload=[f"{one.repo_id} {','.join(sorted(one.files))} {one.commit}" for one in space.models],
        provenance=made,
        endpoint=endpoint,
    )


def _body(card: str) -> str:
    """A card without its front matter and title."""
    return re.sub(r"\A\ufeff?---\n.*?\n---\s*(# [^\n]*\n)?", "", card, flags=re.DOTALL).strip()
