"""The recipe that makes a released corpus again, and what it needs here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from lemonpress.assets import find_file
from lemonpress.errors import UserError
from lemonpress.hub.provenance import provenance
from lemonpress.ingredients import corpus_models, inputs_of
from lemonpress.rebuilding.origin import FILE, Origin, StatedEnvironment, StatedInput, StatedModel, made_by
from lemonpress.recipes import (
    ChatTeacherSettings,
    DatasetContexts,
    FileContexts,
    PairRows,
    Recipe,
    SourceSentences,
    TeacherContexts,
    critic_name,
)
from lemonpress.recipes.base import Section
from lemonpress.recipes.load import check
from lemonpress.runs import Run

_ABSENT = "absent"
_Named = TypeVar("_Named", bound=Section)
_Read: TypeAlias = FileContexts | DatasetContexts | PairRows


@dataclass(frozen=True)
class Plan:
    """How a corpus is to be made again.

    Attributes:
        recipe: Of a run of its own, with this corpus alone.
        missing: Options that the command line lacks, each with what it has to name.
    """

    recipe: Recipe
    missing: tuple[str, ...]


def plan(origin: Origin, inputs: Mapping[str, str], models: Mapping[str, str]) -> Plan:
    """The recipe of a released corpus, with every model and Hub dataset at the commit that took part.

    Args:
        origin: The release.
        inputs: Where the contexts or pairs of a pool are now, by pool: a file, a folder or a Hub id.
        models: Where a model is now that was a local folder then, by its role in the provenance.

    Raises:
        UserError: The recipe is none of this version's, or an argument names no pool or role of it.
    """
    stated = origin.stated
    name = f"rebuild-{origin.name[:80].rstrip('.-')}-{origin.version}"
    where = f"{origin.label}: {FILE}, recipe"
    try:
        recipe = check({**stated.recipe, "name": name, "version": origin.version}, where)
    except UserError as error:
        raise UserError(f"{error}{made_by({'environment': stated.environment.model_dump()})}") from None
    if isinstance(recipe.teacher, ChatTeacherSettings):
        raise UserError(
            f"{origin.label}: {recipe.teacher.model} wrote it on a server, which never answers the same again"
        )
    read = [pool for pool, settings in recipe.contexts.items() if not isinstance(settings, TeacherContexts)]
    lacking = [pool for pool in read if pool not in stated.inputs]
    if lacking:
        raise UserError(f"{origin.label}: {FILE} does not say which rows contexts.{lacking[0]} read; it is damaged")
    _refuse_unknown("--input", inputs, read)
    _refuse_unknown("--model", models, list(stated.models))
    missing: list[str] = []
    contexts = {
        pool: settings
        if isinstance(settings, TeacherContexts | SourceSentences)
        else _pinned_pool(settings, pool, stated.inputs[pool], inputs.get(pool), missing)
        for pool, settings in recipe.contexts.items()
    }
    corpus = recipe.corpora[origin.name]

    def pinned(settings: _Named, role: str) -> _Named:
        return _pinned_model(settings, role, stated.models.get(role), models.get(role), missing)

    critics = [pinned(critic, f"critic {critic_name(critic)}") for critic in corpus.critics]
    control = corpus.control and pinned(corpus.control, "control parser")
    # A teacher that wrote for no pool took no part, and need not be here.
    wrote = any(not isinstance(settings, PairRows) for settings in recipe.contexts.values())
    teacher = pinned(recipe.teacher, "teacher") if recipe.teacher and wrote else None
    corpora = {origin.name: corpus.model_copy(update={"critics": critics, "control": control})}
    changed = {"teacher": teacher, "contexts": contexts, "corpora": corpora}
    return Plan(recipe.model_copy(update=changed), tuple(missing))


def _refuse_unknown(option: str, given: Mapping[str, str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            there = ", ".join(known) or "none"
            raise UserError(f"{option} {name}: the release has nothing of that name; there are: {there}")


def _pinned_pool(settings: _Read, pool: str, said: StatedInput, given: str | None, missing: list[str]) -> _Read:
    """The settings of a pool that is read, with where its rows are now."""
    if given is None and said.commit is None:
        if not find_file(settings.path).expanduser().exists():
            missing.append(f"--input {pool}=PATH, where {said.id} is now")
        return settings
    place = Path(settings.path if given is None else given).expanduser()
    path = str(place) if place.exists() else str(given or settings.path)
    if isinstance(settings, FileContexts):
        return settings.model_copy(update={"path": path})
    revision = None if place.exists() else said.commit or settings.revision
    return settings.model_copy(update={"path": path, "revision": revision})


def _pinned_model(
    settings: _Named, role: str, said: StatedModel | None, given: str | None, missing: list[str]
) -> _Named:
    """The settings of whatever asks a model, with the model's commit, or with the folder where it is now."""
    reference = getattr(settings, "model", None)
    if said is None or reference is None:
        return settings
    revised = "revision" in type(settings).model_fields
    if given is not None:
        place = str(Path(given).expanduser().absolute())
        return settings.model_copy(update={"model": place} | ({"revision": None} if revised else {}))
    if not said.commit.startswith("sha256:"):
        return settings.model_copy(update={"revision": said.commit} if revised else {})
    # Of a folder named by its absolute path the provenance has the last name alone, which would read as a Hub id.
    relative = reference.startswith(("./", "../")) and Path(reference).is_dir()
    if not relative and not reference.startswith(("package:", "data/")):
        missing.append(f"--model '{role}=FOLDER', where the folder {said.id} is now")
    return settings


def check_ingredients(run: Run, origin: Origin) -> None:
    """Compare the models and rows of an opened run with those that took part in a release.

    Raises:
        UserError: A model or the rows of a pool are others.
    """
    stated = origin.stated
    here = corpus_models(run, origin.name)
    for role in sorted(here.keys() | stated.models.keys()):
        now, then = here.get(role), stated.models.get(role)
        if now is None or then is None or now.commit != then.commit:
            ours = f"{now.id}@{now.commit}" if now else "none"
            theirs = f"{then.id}@{then.commit}" if then else "none"
            raise UserError(f"{role}: is {ours} here and was {theirs} when {origin.label} was made; get that one")
    for pool, found in inputs_of(run).items():
        said = stated.inputs[pool]
        if found["rows"] != said.rows:
            raise UserError(
                f"contexts.{pool}: {found['id']} holds other rows ({found['rows'][:12]}) than {said.id} did when "
                f"{origin.label} was made ({said.rows[:12]}); name the right one with --input {pool}=PATH"
            )


def environment_changes(origin: Origin) -> list[str]:
    """What is different here of the environment that made a release, as ``torch 2.12.0 here, 2.13.0 then``."""
    then, here = origin.stated.environment, StatedEnvironment.model_validate(_environment())
    pairs = [("device", here.device, then.device), ("dtype auto", here.dtype, then.dtype)]
    if here.device == then.device == "cpu":
        pairs.append(("threads", str(here.threads), str(then.threads)))
    names = sorted(here.packages.keys() | then.packages.keys())
    pairs += [(name, here.packages.get(name, _ABSENT), then.packages.get(name, _ABSENT)) for name in names]
    return [f"{what} {now} here, {before} then" for what, now, before in pairs if now != before]


def _environment() -> dict[str, Any]:
    found: dict[str, Any] = provenance({}, {}, {}, (), {})["environment"]
    return found
