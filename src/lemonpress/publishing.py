"""Release folders: what a corpus, base or student looks like before it is published."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lemonpress.corpora import SPLITS, Corpus
from lemonpress.critics.judging import Panel
from lemonpress.funnel import Step
from lemonpress.hub.cards import ConfigFiles, CorpusCard, ModelCard, render_corpus_card, render_model_card
from lemonpress.hub.destination import DEFAULT_PORT, Destination
from lemonpress.hub.plots import funnel_plot
from lemonpress.hub.provenance import provenance
from lemonpress.hub.release import Release, release
from lemonpress.packages import PACKAGES
from lemonpress.pressing import Run
from lemonpress.recipes import DatasetContexts, FileContexts, PairRows, Recipe, TeacherContexts, digest
from lemonpress.rows import describe
from lemonpress.sources import Model
from lemonpress.students.prompts import prompt
from lemonpress.students.train import Training

CORPUS_SECTIONS = ("seed", "shard_size", "teacher", "contexts", "sentences", "corpora")
_EXAMPLE = "The council voted on Tuesday to close the old bridge for six weeks while its supports are repaired."
_BASE_VERSION = "1.0.0"  # of dequantised weights: they do not change with a run's version


def release_corpus(
    run: Run, name: str, corpus: Corpus, funnel: Sequence[Step], to: Destination, *, dry_run: bool = False
) -> Release:
    """Publish a corpus: its splits, a sample of the rejected pairs, card, funnel plot and provenance."""
    recipe = run.recipe
    repo_id = f"{recipe.namespace}/{name}"
    panel = run.panels[name]
    models = {**_teacher(run), **_critic_models(panel)}
    licence = _joined_licence(_origins(run).values())
    origin = provenance(
        recipe,
        models,
        {"all": recipe.seed},
        funnel,
        {"corpus": licence, **_origins(run), **{role: model.licence for role, model in models.items()}},
        sections=CORPUS_SECTIONS,
    )
    origin["pairs"] = _existing(run)
    rejected = pq.read_table(corpus.folder / "rejected" / "train.parquet")
    card = CorpusCard(
        repo_id=repo_id,
        version=recipe.version,
        task=corpus.task,
        licence=licence,
        configs=_configs(corpus),
        schema={
            corpus.task: describe(pq.read_schema(corpus.file("train"))),
            "rejected": describe(rejected.schema),
        },
        funnel=funnel,
        examples=_some(corpus.read("train"), 8, ("source", "target")),
        rejected_examples=_some(rejected, 6, ("source", "target", "critic", "score")),
        statistics=corpus.statistics,
        provenance=origin,
        teacher=_teacher(run)["teacher"].id if _teacher(run) else None,
        existing=[f"{one['id']}@{one['commit'][:12]}" if one["commit"] else one["id"] for one in origin["pairs"]],
        critics=_asked(panel),
        contexts=describe_contexts(run),
        endpoint=_shown(to),
        notes=_notes(_teacher(run).get("teacher")),
    )
    with _staged(recipe, name, origin) as folder:
        for config in card.configs:
            for path, _ in config.splits.values():
                (folder / path).parent.mkdir(exist_ok=True)
                _link(str(corpus.folder / path), str(folder / path))
        funnel_plot(funnel, folder / "funnel.png", f"{name}: what each step kept")
        (folder / "README.md").write_text(render_corpus_card(card), encoding="utf-8")
        return release(folder, repo_id, "dataset", recipe.version, to, dry_run=dry_run)


def _configs(corpus: Corpus) -> list[ConfigFiles]:
    """The configurations that have rows, with the splits that have any: `load_dataset` cannot load an empty one."""
    kept = {s: (f"{corpus.task}/{s}.parquet", corpus.rows[s]) for s in SPLITS if corpus.rows[s]}
    configs = [ConfigFiles(corpus.task, True, kept)]
    if corpus.rejected:
        configs.append(ConfigFiles("rejected", False, {"train": ("rejected/train.parquet", corpus.rejected)}))
    return configs


def release_base(run: Run, model: Model, folder: Path, to: Destination) -> Release:
    """Publish dequantised package weights as a model repository of their own name."""
    recipe = run.recipe
    origin_id = PACKAGES[model.id.removeprefix("package:").split("==")[0]].origin
    name = f"{origin_id.split('/')[-1]}-dequantised"
    origin = provenance(recipe, {"weights": model}, {}, [], {"weights": model.licence}, sections=())
    card = ModelCard(
        repo_id=f"{recipe.namespace}/{name}",
        version=_BASE_VERSION,
        kind="base",
        licence=model.licence,
        base_id=origin_id,
        base_commit=f"{model.id} ({model.commit})",
        datasets=(),
        prompts={"continuation": _EXAMPLE},
        training={},
        table_markdown=None,
        provenance=origin,
        endpoint=_shown(to),
        notes=_notes(model),
    )
    return _release_model(recipe, card, folder, origin, to)


def release_student(
    run: Run,
    training: Training,
    base: tuple[str, str],
    base_model: Model,
    corpora: Sequence[Release],
    facts: Mapping[str, Any],
    table: str | None,
    to: Destination,
) -> Release:
    """Publish a student: merged weights, adapter, card with the benchmark table, provenance."""
    recipe = run.recipe
    assert recipe.student is not None
    base_id, base_commit = base
    licence = _joined_licence([base_model.licence, *_origins(run).values()])
    origin = provenance(
        recipe,
        {
            "base": Model(base_id, base_commit, training.folder, base_model.licence),
            **_teacher(run),
            **{
                role: model
                for name, panel in run.panels.items()
                for role, model in _critic_models(panel, f"{name}: ").items()
            },
        },
        {"all": recipe.seed},
        [],
        {"student": licence, "base": base_model.licence, **_origins(run)},
    )
    origin["datasets"] = [{"id": c.repo_id, "tag": c.tag, "commit": c.commit} for c in corpora]
    card = ModelCard(
        repo_id=f"{recipe.namespace}/{recipe.student.name}",
        version=recipe.version,
        kind="student",
        licence=licence,
        base_id=base_id,
        base_commit=base_commit,
        datasets=[(c.repo_id, recipe.version) for c in corpora],
        prompts={task: prompt(task, _EXAMPLE) for task in dict.fromkeys(c.task for c in recipe.corpora.values())},
        training=facts,
        table_markdown=table,
        provenance=origin,
        endpoint=_shown(to),
        notes=_notes(base_model),
    )
    return _release_model(recipe, card, training.folder, origin, to)


def describe_contexts(run: Run) -> str:
    """Where the contexts of a run come from, as a sentence."""
    parts = []
    for name, settings in run.recipe.contexts.items():
        match settings:
            case TeacherContexts():
                parts.append(f"{settings.count} were sampled from the teacher after a short prefix")
            case FileContexts():
                parts.append(f"{run.given[name].num_rows} paragraphs were read from `{Path(settings.path).name}`")
            case DatasetContexts():
                where = f"`{Path(settings.path).name}` ({settings.column})"
                parts.append(f"{run.given[name].num_rows} were read from {where}")
            case PairRows():
                pairs = sum(run.given[name]["sampled"].to_pylist())
                parts.append(f"{pairs:,} pairs were read from `{_public_name(settings.path)}` as they stood")
    return f"Contexts: {'; '.join(parts)}."


def _release_model(
    recipe: Recipe, card: ModelCard, weights: Path, origin: Mapping[str, Any], to: Destination
) -> Release:
    with _staged(recipe, card.repo_id.split("/")[1], origin) as folder:
        shutil.copytree(weights, folder, copy_function=_link, dirs_exist_ok=True)
        (folder / "README.md").write_text(render_model_card(card), encoding="utf-8")
        return release(folder, card.repo_id, "model", card.version, to)


@contextmanager
def _staged(recipe: Recipe, name: str, origin: Mapping[str, Any]) -> Iterator[Path]:
    from lemonpress.home import run_folder

    run_folder(recipe.name).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".release-{name}-", dir=run_folder(recipe.name)) as scratch:
        folder = Path(scratch)
        (folder / "provenance.json").write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
        yield folder


def _link(source: str, target: str) -> None:
    """Hard link where the disk allows it, copy where weights lie on another one."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _some(table: pa.Table, count: int, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows spread evenly over a table."""
    step = max(1, table.num_rows // count)
    rows: list[dict[str, Any]] = (
        table.select(list(columns)).take(pa.array(range(0, table.num_rows, step), pa.int64())).to_pylist()
    )
    return rows[:count]


def _critic_models(panel: Panel, of: str = "") -> dict[str, Model]:
    """The models behind critics, by critic; `of` begins each role."""
    models: dict[str, Model] = {}
    for critic in panel.critics:
        for model in critic.models:
            models[f"{of}critic {critic.name}"] = model
            if model.base is not None:
                models[f"{of}critic {critic.name}, base"] = model.base
    return models


def _teacher(run: Run) -> dict[str, Model]:
    """The teacher, where it writes for any pool."""
    wrote = any(not isinstance(pool, PairRows) for pool in run.recipe.contexts.values())
    return {"teacher": run.teacher_model} if run.teacher_model and wrote else {}


def _origins(run: Run) -> dict[str, str]:
    """The licences of what the sentences come from: the teacher, and existing corpora."""
    existing = {f"pairs of {name}": pool.licence for name, pool in _pairs(run).items()}
    return {**{role: model.licence for role, model in _teacher(run).items()}, **existing}


def _pairs(run: Run) -> dict[str, PairRows]:
    return {name: pool for name, pool in run.recipe.contexts.items() if isinstance(pool, PairRows)}


def _existing(run: Run) -> list[dict[str, str]]:
    """The existing corpora that were filtered: Hub id and commit, or the name of a file or folder."""
    return [
        {
            "id": _public_name(pool.path),
            "commit": (run.given[name].schema.metadata or {}).get(b"commit", b"").decode(),
            "rows": digest([digest(run.given[name].slice(at, 1000).to_pylist()) for at in _starts(run.given[name])]),
        }
        for name, pool in _pairs(run).items()
    ]


def _starts(table: pa.Table) -> range:
    return range(0, table.num_rows, 1000)


def _public_name(path: str) -> str:
    """A Hub id as it is; of a path on this machine the last name alone."""
    return Path(path).name if Path(path).expanduser().exists() else path


def _asked(panel: Panel) -> list[tuple[str, str]]:
    asked = [(critic.name, critic.description) for critic in panel.critics]
    return asked + ([("diversity", panel.diversity.description)] if panel.diversity else [])


def _notes(model: Model | None) -> list[str]:
    if model is None:
        return []
    package = PACKAGES.get(model.id.removeprefix("package:").split("==")[0])
    return [package.note] if package and package.note else []


def _shown(to: Destination) -> str | None:
    """The address that a card names: for a local Hub the default one, whatever port is in use now."""
    return f"http://127.0.0.1:{DEFAULT_PORT}" if to.local else None


def _joined_licence(licences: Iterable[str]) -> str:
    """The one licence of everything, or ``other`` where they differ and somebody has to read them."""
    distinct = set(licences)
    return distinct.pop() if len(distinct) == 1 else "other"
