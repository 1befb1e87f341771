"""Release folders of students and of the bases that their adapters name."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError
from lemonpress.evaluation.results import Measured
from lemonpress.hub.cards import ModelCard, render_model_card
from lemonpress.hub.destination import Destination
from lemonpress.hub.provenance import provenance
from lemonpress.hub.release import Release
from lemonpress.hub.staging import release_folder
from lemonpress.ingredients import critic_models, licences_of, student_licence, student_parts, teacher_of
from lemonpress.licences import Combined, Part, combine
from lemonpress.packages import PACKAGES
from lemonpress.publishing import link, notes_on, shown, staged
from lemonpress.runs import Run
from lemonpress.sources import Model, resolve
from lemonpress.students import contract as contracts
from lemonpress.students.contract import Contract
from lemonpress.students.prompts import prompt
from lemonpress.students.train import Base, Training
from lemonpress.students.tree import kind_of
from lemonpress.weights import language_model_kind, ordinary_folder

_EXAMPLE = "The council voted on Tuesday to close the old bridge for six weeks while its supports are repaired."
_BASE_VERSION = "1.0.0"  # of dequantised weights: they do not change with a run's version


@dataclass(frozen=True)
class Bases:
    """A student's base: its weights here, and the repository that names it."""

    model: Model
    base: Base
    release: Release | None


def resolve_base(reference: str, revision: str | None, where: str = "student.model") -> Model:
    """Find the base of a student.

    Args:
        reference: Hub id or ``package:NAME``.
        revision: Commit or tag of a Hub model.
        where: The setting, for error messages.

    Raises:
        UserError: It cannot be found, is no language model, or is a local folder, which nobody else could load.
    """
    model = resolve(reference, revision, where=where)
    language_model_kind(model, where)
    if model.commit.startswith("sha256:") and not reference.startswith("package:"):
        raise UserError(f"{where}: {reference} is a local folder; publish it first and give its Hub id")
    return model


def publish_base(model: Model, namespace: str, to: Destination, run: str) -> Bases:
    """Make sure that a student's base has a repository and a commit.

    Package weights are released under their own name; a Hub model has both already.

    Args:
        model: From `resolve_base`.
        namespace: Owner of the release.
        to: Where it goes.
        run: Run in whose folder it is staged.
    """
    folder = ordinary_folder(model)
    if not model.id.startswith("package:"):
        return Bases(model, Base(folder, model.id, model.commit), None)
    origin_id = PACKAGES[model.id.removeprefix("package:").split("==")[0]].origin
    origin = provenance({}, {"weights": model}, {}, [], {"weights": model.licence})
    card = ModelCard(
        repo_id=f"{namespace}/{origin_id.split('/')[-1]}-dequantised",
        version=_BASE_VERSION,
        kind="base",
        licence=model.licence,
        base_id=origin_id,
        base_commit=f"{model.id} ({model.commit})",
        datasets=(),
        prompts={"continuation": _EXAMPLE},
        training={},
        measured=None,
        provenance=origin,
        endpoint=shown(to),
        notes=notes_on(model),
    )
    done = _release_model(run, card, folder, origin, to, dry_run=False, lasting=True)
    assert done.commit is not None
    return Bases(model, Base(folder, done.repo_id, done.commit), done)


def release_student(
    run: Run,
    training: Training,
    base: Bases,
    corpora: Sequence[Release],
    facts: Mapping[str, Any],
    measured: Measured | None,
    seconds: float,
    to: Destination,
    name: str | None = None,
) -> Release:
    """Publish a student of a run: merged weights, adapter, prompts, card with the benchmark table, provenance.

    Args:
        run: The run.
        training: What made it.
        base: Its base.
        corpora: What it was trained on.
        facts: Settings and measurements for the card.
        measured: How good it is.
        seconds: How long it and what it goes on from were trained.
        to: Where it goes.
        name: Repository name; the recipe's by default.
    """
    recipe = run.recipe
    assert recipe.student is not None
    parts = student_parts(run, base.model)
    terms = student_licence(run, base.model)
    critics = [item for name, panel in run.panels.items() for item in critic_models(panel, f"{name}: ").items()]
    origin = provenance(
        recipe,
        {"base": _named(base), **teacher_of(run), **dict(critics)},
        {"all": recipe.seed},
        [],
        {"student": terms.name or terms.licence, **licences_of(parts)},
        seconds={"training": seconds},
    )
    origin["datasets"] = [{"id": c.repo_id, "tag": c.tag, "commit": c.commit} for c in corpora]
    datasets = [(c.repo_id, c.tag) for c in corpora]
    repo_id = f"{recipe.namespace}/{name or recipe.student.name}"
    card = _student_card(repo_id, recipe.version, training, base, terms, datasets, facts, measured, origin, to)
    return _release_model(recipe.name, card, training.folder, origin, to, dry_run=False)


def release_trained(
    repo_id: str,
    version: str,
    training: Training,
    base: Bases,
    settings: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]],
    licences: Sequence[str],
    facts: Mapping[str, Any],
    to: Destination,
    *,
    dry_run: bool = False,
) -> Release:
    """Publish a student that was trained on any datasets, outside a run.

    Args:
        repo_id: ``namespace/name``.
        version: Released version such as ``1.0.0``.
        training: What made it.
        base: Its base.
        settings: The whole recipe of the training, for the provenance.
        sources: What it was trained on: id, commit or sha256, and rows of each dataset.
        licences: Of the datasets.
        facts: Settings and measurements for the card.
        to: Where it goes.
        dry_run: Check everything and show what would be released; write nothing.
    """
    parts = trained_parts(base.model, [(one["id"], each) for one, each in zip(sources, licences, strict=True)])
    terms = combine(parts, repo_id)
    origin = provenance(
        settings,
        {"base": _named(base)},
        {"all": settings["seed"]},
        [],
        {"student": terms.name or terms.licence, **licences_of(parts)},
        seconds={"training": training.seconds},
    )
    origin["datasets"] = list(sources)
    on_hub = [one for one in sources if one.get("commit")]
    datasets = list(dict.fromkeys((one["id"], one["revision"] or one["commit"][:12]) for one in on_hub))
    card = _student_card(repo_id, version, training, base, terms, datasets, facts, None, origin, to)
    return _release_model(repo_id.rpartition("/")[2], card, training.folder, origin, to, dry_run=dry_run)


def trained_parts(base: Model, datasets: Sequence[tuple[str, str]]) -> list[Part]:
    """What goes into a student that is trained outside a run: its base, and datasets, each an id and its licence."""
    named = [Part(f"dataset {name}", name, licence, "text") for name, licence in datasets]
    return [Part("base", base.id, base.licence, "weights"), *dict.fromkeys(named)]


def training_facts(trainings: Sequence[Training]) -> dict[str, Any]:
    """What a card says of some trainings, the first student's and every round's: counts, losses, validation."""
    first, *rounds = trainings
    own = {task: sum(one.rows.get(task, 0) for one in rounds) for task in first.rows if rounds}
    return {
        **{f"rows, {task}": count for task, count in first.rows.items()},
        **{f"rows, {task}, self-distillation": count for task, count in own.items()},
        "rows left out as too long": sum(training.lost_rows for training in trainings),
        "validation rows left out as too long": trainings[-1].lost_validation_rows,
        "steps": sum(training.steps for training in trainings),
        "tokens": sum(training.tokens for training in trainings),
        "loss, first steps": round(first.first_loss, 3),
        "loss, last steps": round(trainings[-1].last_loss, 3),
        **{f"validation {measure}": value for measure, value in trainings[-1].validation.items()},
    }


def example_prompts(contract: Contract) -> dict[str, str]:
    """One prompt a task for a card: whole ones, but for the tree of task control."""
    prompts: dict[str, str] = {
        task: prompt(task, _EXAMPLE, contract.formats) for task in contract.tasks if task != "control"
    }
    if contract.lengths:
        prompts["summary of eight words"] = prompt("summary", _EXAMPLE, contract.formats, words=8)
    if "control" in contract.tasks:
        prompts["control"] = prompt("control", _EXAMPLE, contract.formats, tree="{tree}")
    return prompts


def _named(base: Bases) -> Model:
    """The base under the name that the adapter knows it by."""
    return Model(base.base.id, base.base.commit, base.base.folder, base.model.licence)


def _student_card(
    repo_id: str,
    version: str,
    training: Training,
    base: Bases,
    terms: Combined,
    datasets: Sequence[tuple[str, str]],
    facts: Mapping[str, Any],
    measured: Measured | None,
    origin: Mapping[str, Any],
    to: Destination,
) -> ModelCard:
    contract = contracts.read(training.folder, kind_of(training.folder))
    return ModelCard(
        repo_id=repo_id,
        version=version,
        kind="student",
        licence=terms.licence,
        licence_name=terms.name,
        licence_link=terms.link,
        base_id=base.base.id,
        base_commit=base.base.commit,
        datasets=datasets,
        prompts=example_prompts(contract),
        training=facts,
        measured=measured,
        provenance=origin,
        endpoint=shown(to),
        notes=[*notes_on(base.model), *terms.notes],
        contract=contract,
        adapter=training.adapter is not None,
    )


def _release_model(
    run: str,
    card: ModelCard,
    weights: Path,
    origin: Mapping[str, Any],
    to: Destination,
    *,
    dry_run: bool,
    lasting: bool = False,
) -> Release:
    with staged(run, card.repo_id.split("/")[1]) as folder:
        shutil.copytree(weights, folder, copy_function=link, dirs_exist_ok=True)
        for name, content in (card.measured.files if card.measured else {}).items():
            file = folder / ".eval_results" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content, encoding="utf-8")

        def render(stated: Mapping[str, Any]) -> str:
            return render_model_card(replace(card, provenance=stated))

        return release_folder(
            folder, card.repo_id, "model", card.version, origin, render, to, dry_run=dry_run, lasting=lasting
        )
