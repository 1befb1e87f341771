"""Release folders of corpora: what one looks like before it is published, and what all releases share."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lemonpress.control import describe_control
from lemonpress.corpora import SPLITS, Corpus
from lemonpress.critics.judging import Panel
from lemonpress.evaluation.report import write_files
from lemonpress.evaluation.report_text import section
from lemonpress.funnel import Step
from lemonpress.home import run_folder
from lemonpress.hub.cards import ConfigFiles, CorpusCard, render_corpus_card
from lemonpress.hub.destination import DEFAULT_PORT, Destination
from lemonpress.hub.plots import funnel_plot
from lemonpress.hub.provenance import provenance
from lemonpress.hub.release import Release, release
from lemonpress.measuring import measure_corpus
from lemonpress.packages import PACKAGES
from lemonpress.pressing import Run
from lemonpress.recipes import DatasetContexts, FileContexts, PairRows, TeacherContexts, digest
from lemonpress.rows import CONTROL, describe
from lemonpress.sources import Model

CORPUS_SECTIONS = ("seed", "shard_size", "teacher", "contexts", "sentences", "corpora")


def release_corpus(
    run: Run, name: str, corpus: Corpus, funnel: Sequence[Step], to: Destination, *, dry_run: bool = False
) -> Release:
    """Publish a corpus: its splits, a sample of the rejected pairs, card, report, funnel plot and provenance."""
    return _release_corpus(run, name, corpus, funnel, to, dry_run, None)


@dataclass(frozen=True)
class _Own:
    """What is different of a corpus that a student wrote: its name, the student, and where its sources came from."""

    name: str
    student: Release
    contexts: str


def release_round(
    run: Run,
    name: str,
    corpus: Corpus,
    funnel: Sequence[Step],
    number: int,
    sources: int,
    student: Release,
    to: Destination,
) -> Release:
    """Publish what one round of self-distillation kept, as a corpus of its own: NAME-round-NUMBER.

    Args:
        run: The run.
        name: The corpus of the recipe whose critics judged the pairs.
        corpus: D_para.
        funnel: From the student's texts on.
        number: Of the round.
        sources: Fresh sentences that the student rewrote.
        student: Release of the student that wrote.
        to: Where it goes.
    """
    said = (
        f"Sources: {sources:,} fresh sentences of the teacher, none in a pair of an earlier corpus. "
        f"Targets: written by `{student.repo_id}` {student.tag} (round {number} of self-distillation). "
        f"{describe_contexts(run)}"
    )
    return _release_corpus(run, name, corpus, funnel, to, False, _Own(f"{name}-round-{number}", student, said))


def _release_corpus(
    run: Run,
    corpus_name: str,
    corpus: Corpus,
    funnel: Sequence[Step],
    to: Destination,
    dry_run: bool,
    own: _Own | None,
) -> Release:
    recipe = run.recipe
    name = own.name if own else corpus_name
    repo_id = f"{recipe.namespace}/{name}"
    panel = run.panels[corpus_name]
    parser = run.parsers.get(corpus_name)
    models = {**teacher_of(run), **critic_models(panel), **({"control parser": parser.model} if parser else {})}
    licence = joined_licence(origins(run).values())
    origin = provenance(
        recipe,
        models,
        {"all": recipe.seed},
        funnel,
        {"corpus": licence, **origins(run), **{role: model.licence for role, model in models.items()}},
        sections=(*CORPUS_SECTIONS, *(("student", "self_distillation") if own else ())),
    )
    origin["pairs"] = _existing(run)
    if own:
        origin["student"] = {"id": own.student.repo_id, "tag": own.student.tag, "commit": own.student.commit}
    report = measure_corpus(run, corpus_name, corpus, name)
    rejected = pq.read_table(corpus.folder / "rejected" / "train.parquet")
    card = CorpusCard(
        repo_id=repo_id,
        version=recipe.version,
        task=corpus.task,
        licence=licence,
        configs=_configs(corpus),
        schema={
            corpus.task: describe(pq.read_schema(corpus.file("train"))),
            **({"control": describe(CONTROL)} if parser else {}),
            "rejected": describe(rejected.schema),
        },
        funnel=funnel,
        examples=_some(corpus.read("train"), 8, ("source", "target")),
        rejected_examples=_some(rejected, 6, ("source", "target", "critic", "score")),
        statistics=corpus.statistics,
        provenance=origin,
        teacher=teacher_of(run)["teacher"].id if teacher_of(run) else None,
        existing=[f"{one['id']}@{one['commit'][:12]}" if one["commit"] else one["id"] for one in origin["pairs"]],
        critics=_asked(panel),
        contexts=own.contexts if own else describe_contexts(run),
        control=describe_control(parser) if parser else None,
        measured=section(report),
        endpoint=shown(to),
        notes=notes_on(teacher_of(run).get("teacher")),
    )
    with staged(recipe.name, name, origin) as folder:
        for config in card.configs:
            for path, _ in config.splits.values():
                (folder / path).parent.mkdir(exist_ok=True)
                link(str(corpus.folder / path), str(folder / path))
        funnel_plot(funnel, folder / "funnel.png", f"{name}: what each step kept")
        write_files(report, folder)
        (folder / "README.md").write_text(render_corpus_card(card), encoding="utf-8")
        return release(folder, repo_id, "dataset", recipe.version, to, dry_run=dry_run)


def _configs(corpus: Corpus) -> list[ConfigFiles]:
    """The configurations that have rows, with the splits that have any: `load_dataset` cannot load an empty one."""
    kept = {s: (f"{corpus.task}/{s}.parquet", corpus.rows[s]) for s in SPLITS if corpus.rows[s]}
    configs = [ConfigFiles(corpus.task, True, kept)]
    if corpus.control:
        configs.append(ConfigFiles("control", False, {s: (f"control/{s}.parquet", corpus.rows[s]) for s in kept}))
    if corpus.rejected:
        configs.append(ConfigFiles("rejected", False, {"train": ("rejected/train.parquet", corpus.rejected)}))
    return configs


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
                parts.append(f"{pairs:,} pairs were read from `{public_name(settings.path)}` as they stood")
    return f"Contexts: {'; '.join(parts)}."


@contextmanager
def staged(run: str, name: str, origin: Mapping[str, Any]) -> Iterator[Path]:
    """A folder for a release, with its provenance, that lasts as long as the context.

    Args:
        run: Run whose folder it lies in.
        name: Repository name.
        origin: Content of ``provenance.json``.
    """
    run_folder(run).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".release-{name}-", dir=run_folder(run)) as scratch:
        folder = Path(scratch)
        (folder / "provenance.json").write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
        yield folder


def link(source: str, target: str) -> None:
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


def critic_models(panel: Panel, of: str = "") -> dict[str, Model]:
    """The models behind critics, by critic; `of` begins each role."""
    models: dict[str, Model] = {}
    for critic in panel.critics:
        for model in critic.models:
            models[f"{of}critic {critic.name}"] = model
            if model.base is not None:
                models[f"{of}critic {critic.name}, base"] = model.base
    return models


def teacher_of(run: Run) -> dict[str, Model]:
    """The teacher, where it writes for any pool."""
    wrote = any(not isinstance(pool, PairRows) for pool in run.recipe.contexts.values())
    return {"teacher": run.teacher_model} if run.teacher_model and wrote else {}


def origins(run: Run) -> dict[str, str]:
    """The licences of what the sentences come from: the teacher, and existing corpora."""
    existing = {f"pairs of {name}": pool.licence for name, pool in _pairs(run).items()}
    return {**{role: model.licence for role, model in teacher_of(run).items()}, **existing}


def _pairs(run: Run) -> dict[str, PairRows]:
    return {name: pool for name, pool in run.recipe.contexts.items() if isinstance(pool, PairRows)}


def _existing(run: Run) -> list[dict[str, str]]:
    """The existing corpora that were filtered: Hub id and commit, or the name of a file or folder."""
    return [
        {
            "id": public_name(pool.path),
            "commit": (run.given[name].schema.metadata or {}).get(b"commit", b"").decode(),
            "rows": digest([digest(run.given[name].slice(at, 1000).to_pylist()) for at in _starts(run.given[name])]),
        }
        for name, pool in _pairs(run).items()
    ]


def _starts(table: pa.Table) -> range:
    return range(0, table.num_rows, 1000)


def public_name(path: str) -> str:
    """A Hub id as it is; of a path on this machine the last name alone."""
    return Path(path).name if Path(path).expanduser().exists() else path


def _asked(panel: Panel) -> list[tuple[str, str]]:
    asked = [(critic.name, critic.description) for critic in panel.critics]
    return asked + ([("diversity", panel.diversity.description)] if panel.diversity else [])


def notes_on(model: Model | None) -> list[str]:
    """What a card says of a packaged model besides its licence."""
    if model is None:
        return []
    package = PACKAGES.get(model.id.removeprefix("package:").split("==")[0])
    return [package.note] if package and package.note else []


def shown(to: Destination) -> str | None:
    """The address that a card names: for a local Hub the default one, whatever port is in use now."""
    return f"http://127.0.0.1:{DEFAULT_PORT}" if to.local else None


def joined_licence(licences: Iterable[str]) -> str:
    """The one licence of everything, or ``other`` where they differ and somebody has to read them."""
    distinct = set(licences)
    return distinct.pop() if len(distinct) == 1 else "other"
