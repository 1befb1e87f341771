"""Provenance: what made a release, complete enough to make it again."""

import importlib.metadata
import platform
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from lemonpress.funnel import Step
from lemonpress.recipes import Recipe, digest
from lemonpress.sources import Model
from lemonpress.weights import pick_device, pick_dtype

_PACKAGES = (
    "datasets",
    "datasketch",
    "lemonpress",
    "numba",
    "numpy",
    "peft",
    "pyarrow",
    "rapidfuzz",
    "rouge-score",
    "sentence-transformers",
    "sentencex",
    "spacy",
    "stanza",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
)


def provenance(
    recipe: Recipe | Mapping[str, Any],
    models: Mapping[str, Model],
    seeds: Mapping[str, int],
    funnel: Sequence[Step],
    licences: Mapping[str, str],
    sections: Collection[str] | None = None,
    seconds: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Describe how a release was made; equal runs give descriptions that are equal but for ``environment``.

    There are no dates and no host in it, and a local path is cut down to its last name. ``environment`` is what may
    differ between runs of equal content: package versions, the kind of device, threads, how long the device worked.

    Args:
        recipe: The whole recipe, or the settings of a training.
        models: Every model that took part, by role such as ``teacher``.
        seeds: Seeds by what they seed.
        funnel: What each step saw and kept; empty for a model.
        licences: Licence by what it covers, such as ``corpus`` or ``teacher``.
        sections: Keys of the recipe that shaped this release; all of them if None. A corpus leaves out the student, so
            that other training settings do not make it another corpus.
        seconds: How long the device worked on each part, by what it did.

    Returns:
        A value for ``provenance.json``.
    """
    settings = recipe.model_dump(mode="json") if isinstance(recipe, Recipe) else dict(recipe)
    if sections is not None:
        settings = {key: value for key, value in settings.items() if key in sections}
    settings = _without_paths(settings)
    return {
        "recipe": settings,
        "recipe_digest": f"sha256:{digest(settings)}",
        "models": {
            role: {"id": _without_paths(model.id), "commit": model.commit, "licence": model.licence}
            for role, model in sorted(models.items())
        },
        "seeds": dict(sorted(seeds.items())),
        "funnel": [{"name": step.name, "seen": step.seen, "kept": step.kept} for step in funnel],
        "licences": dict(sorted(licences.items())),
        "environment": {
            "device": device(),
            "threads": thread_count(),
            "dtype": native_dtype(),
            "packages": package_versions(),
            "device_seconds": {name: round(value, 1) for name, value in (seconds or {}).items()},
        },
    }


def device() -> str:
    """The accelerator that models run on here, by its name, or cpu."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def native_dtype() -> str:
    """What the dtype ``auto`` of a recipe means here."""
    return str(pick_dtype("auto", pick_device("auto"))).removeprefix("torch.")


def thread_count() -> int:
    """Threads that models run on where there is no accelerator."""
    import torch

    return torch.get_num_threads()


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide what a run makes."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            # The offline and light installations lack some; what is absent took no part.
            continue
    return versions


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_paths(item) for item in value]
    if isinstance(value, str) and value.startswith(("/", "~")):
        return PurePath(value).name
    return value
