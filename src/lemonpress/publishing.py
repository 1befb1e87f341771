"""Release folders of corpora: what one looks like before it is published, and what all releases share."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lemonpress.building import Built
from lemonpress.control import describe_control
from lemonpress.corpora import SPLITS, Corpus
from lemonpress.critics.judging import Panel
from lemonpress.evaluation.report import write_files
from lemonpress.evaluation.report_text import glance, section
from lemonpress.home import run_folder
from lemonpress.hub.cards import ConfigFiles, CorpusCard, render_corpus_card
from lemonpress.hub.collection import CollectionItem, update_collection
from lemonpress.hub.destination import DEFAULT_PORT, Destination
from lemonpress.hub.plots import funnel_plot
from lemonpress.hub.provenance import provenance
from lemonpress.hub.release import Release
from lemonpress.hub.staging import release_folder
from lemonpress.ingredients import (
    corpus_models,
    corpus_parts,
    inputs_of,
    licences_of,
    pairs_of,
    public_name,
    source_name,
    teacher_of,
)
from lemonpress.licences import Part, combine
from lemonpress.measuring import measure_corpus
from lemonpress.packages import PACKAGES
from lemonpress.recipes import DatasetContexts, FileContexts, PairRows, Recipe, SourceSentences, Task, TeacherContexts
from lemonpress.rows import CONTROL, RAW, REJECTED, describe
from lemonpress.runs import Run
from lemonpress.sources import Model
from lemonpress.teachers.rewriting import default_prompt

# What tells a good corpus from a bad one beside what its critics asked already.
_TELLING: dict[Task, tuple[str, ...]] = {
    "paraphrase": ("Cosine Sim", "Self-BLEU", "ROUGE-L", "Both ways"),
    "summary": ("Compression", "ROUGE-L", "Novel 2-grams", "Entailed"),
}
CORPUS_SECTIONS = ("seed", "shard_size", "teacher", "contexts", "sentences", "corpora")


def release_corpus(run: Run, name: str, built: Built, to: Destination, *, dry_run: bool = False) -> Release:
    """Publish a corpus: its splits, a sample of the rejected pairs, card, report, funnel plot and provenance."""
    return _release_corpus(run, name, built, to, dry_run, None)


@dataclass(frozen=True)
class _Own:
    """What is different of a corpus that a student wrote: its name, the student, its base, and whence its sources."""

    name: str
    student: Release
    base: Model
    contexts: str


def release_round(
    run: Run,
    name: str,
    built: Built,
    number: int,
    sources: int,
    student: Release,
    base: Model,
    to: Destination,
) -> Release:
    """Publish what one round of self-distillation kept, as a corpus of its own: NAME-round-NUMBER.

    Args:
        run: The run.
        name: The corpus of the recipe whose critics judged the pairs.
        built: D_para, and its funnel from the student's texts on.
        number: Of the round.
        sources: Fresh sentences that the student rewrote.
        student: Release of the student that wrote.
        base: Its base.
        to: Where it goes.
    """
    said = (
        f"Sources: {sources:,} fresh sentences of the teacher, none in a pair of an earlier corpus. "
        f"Targets: written by `{student.repo_id}` {student.tag} (round {number} of self-distillation). "
        f"{describe_contexts(run)}"
    )
    return _release_corpus(run, name, built, to, False, _Own(f"{name}-round-{number}", student, base, said))


def _release_corpus(
    run: Run,
    corpus_name: str,
    built: Built,
    to: Destination,
    dry_run: bool,
    own: _Own | None,
) -> Release:
    recipe, corpus, funnel = run.recipe, built.corpus, built.funnel
    name = own.name if own else corpus_name
    repo_id = f"{recipe.namespace}/{name}"
    panel = run.panels[corpus_name]
    parser = run.parsers.get(corpus_name)
    teacher = teacher_of(run).get("teacher")
    parts = corpus_parts(run, corpus_name)
    if own:
        parts.append(Part("the student's base", own.base.id, own.base.licence, "text"))
    terms = combine(parts, f"corpora.{name}")
    origin = provenance(
        # What shaped other corpora of the recipe shaped a student's corpus too, and no other.
        recipe if own else recipe.model_copy(update={"corpora": {corpus_name: recipe.corpora[corpus_name]}}),
        corpus_models(run, corpus_name),
        {"all": recipe.seed},
        funnel,
        {"corpus": terms.name or terms.licence, **licences_of(parts)},
        sections=(*CORPUS_SECTIONS, *(("student", "self_distillation") if own else ())),
        seconds=built.seconds,
    )
    origin["inputs"] = inputs_of(run)
    if own:
        origin["student"] = {"id": own.student.repo_id, "tag": own.student.tag, "commit": own.student.commit}
    report = measure_corpus(run, corpus_name, corpus, name)
    rejected = pa.concat_tables(
        [REJECTED.empty_table(), *(corpus.read(split, "rejected") for split in SPLITS if corpus.rejected[split])]
    )
    card = CorpusCard(
        repo_id=repo_id,
        version=recipe.version,
        task=corpus.task,
        licence=terms.licence,
        licence_name=terms.name,
        licence_link=terms.link,
        configs=_configs(corpus),
        schema={
            corpus.task: describe(pq.read_schema(corpus.file("train"))),
            **({"control": describe(CONTROL)} if parser else {}),
            "rejected": describe(REJECTED),
            **({"raw": describe(RAW)} if any(corpus.raw.values()) else {}),
        },
        funnel=funnel,
        examples=_some(corpus.read("train"), 8, ("source", "target")),
        rejected_examples=_some(rejected, 6, ("source", "target", "critic", "score")),
        statistics=corpus.statistics,
        personal=corpus.personal,
        withheld=corpus.withheld if recipe.corpora[corpus_name].personal_data == "drop" else None,
        provenance=origin,
        teacher=teacher.id if teacher else None,
        sampled=any(not isinstance(pool, PairRows | SourceSentences) for pool in recipe.contexts.values()),
        asked=_asked_of_teacher(run, corpus_name),
        existing=[_named(origin["inputs"][name]) for name in pairs_of(run)],
        written_by=sorted({pool.written_by for pool in pairs_of(run).values() if pool.written_by}),
        critics=_asked(panel),
        contexts=own.contexts if own else describe_contexts(run),
        control=describe_control(parser) if parser else None,
        glance=glance(report, _TELLING[corpus.task]),
        measured=section(report),
        endpoint=shown(to),
        notes=[*notes_on(teacher), *terms.notes],
    )
    with staged(recipe.name, name) as folder:
        for config in card.configs:
            for path, _ in config.splits.values():
                (folder / path).parent.mkdir(exist_ok=True)
                link(str(corpus.folder / path), str(folder / path))
        funnel_plot(funnel, folder / "funnel.png", f"{name}: what each step kept")
        write_files(report, folder)

        def render(stated: Mapping[str, Any]) -> str:
            return render_corpus_card(replace(card, provenance=stated))

        return release_folder(folder, repo_id, "dataset", recipe.version, origin, render, to, dry_run=dry_run)


def _configs(corpus: Corpus) -> list[ConfigFiles]:
    """The configurations that have rows, with the splits that have any: `load_dataset` cannot load an empty one."""
    kept = {s: (f"{corpus.task}/{s}.parquet", corpus.rows[s]) for s in SPLITS if corpus.rows[s]}
    configs = [ConfigFiles(corpus.task, True, kept)]
    if corpus.control:
        configs.append(ConfigFiles("control", False, {s: (f"control/{s}.parquet", corpus.rows[s]) for s in kept}))
    for name, rows in {"rejected": corpus.rejected, "raw": corpus.raw}.items():
        files = {split: (f"{name}/{split}.parquet", count) for split, count in rows.items() if count}
        if files:
            configs.append(ConfigFiles(name, False, files))
    return configs


def describe_contexts(run: Run) -> str:
    """Where the contexts of a run come from, as a sentence."""
    parts = []
    for name, settings in run.recipe.contexts.items():
        match settings:
            case TeacherContexts():
                parts.append(f"{settings.count} were sampled from the teacher after a short prefix")
            case SourceSentences():
                parts.append(f"{run.given[name].num_rows:,} sentences of `{source_name(settings)}` were rewritten")
            case FileContexts():
                parts.append(f"{run.given[name].num_rows} paragraphs were read from `{Path(settings.path).name}`")
            case DatasetContexts():
                where = f"`{Path(settings.path).name}` ({settings.column})"
                parts.append(f"{run.given[name].num_rows} were read from {where}")
            case PairRows():
                pairs = sum(run.given[name]["sampled"].to_pylist())
                by = f", which `{settings.written_by}` wrote" if settings.written_by else ""
                parts.append(f"{pairs:,} pairs were read from `{public_name(settings.path)}`{by}, as they stood")
    return f"Contexts: {'; '.join(parts)}."


@contextmanager
def staged(run: str, name: str) -> Iterator[Path]:
    """A folder for a release that lasts as long as the context.

    Args:
        run: Run whose folder it lies in.
        name: Repository name.
    """
    run_folder(run).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".release-{name}-", dir=run_folder(run)) as scratch:
        yield Path(scratch)


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


def _named(source: Mapping[str, str]) -> str:
    return f"{source['id']}@{source['commit'][:12]}" if "commit" in source else source["id"]


def _asked_of_teacher(run: Run, name: str) -> str | None:
    """What a server was asked for each sentence, with its placeholders; None where no pool is of sentences."""
    if not any(isinstance(pool, SourceSentences) for pool in run.recipe.contexts.values()):
        return None
    settings = run.recipe.corpora[name].rewriting
    prompt = settings.prompt or default_prompt(settings, run.recipe.corpora[name].task)
    return prompt if settings.system is None else f"{settings.system}\n\n{prompt}"


def _asked(panel: Panel) -> list[tuple[str, str]]:
    asked = [(critic.name, critic.description) for critic in panel.critics]
    return asked + ([("diversity", panel.diversity.description)] if panel.diversity else [])


def collect(recipe: Recipe, releases: Iterable[Release], to: Destination) -> str | None:
    """Put releases into the recipe's collection; what is in it already stays.

    Returns:
        Address of the collection; None where the recipe names none.
    """
    if recipe.collection is None:
        return None
    items = [CollectionItem(one.repo_id, one.repo_type, f"{one.tag} of {recipe.name}") for one in releases]
    return update_collection(to, recipe.namespace, recipe.collection, items)


def notes_on(model: Model | None) -> list[str]:
    """What a card says of a packaged model besides its licence."""
    if model is None:
        return []
    package = PACKAGES.get(model.id.removeprefix("package:").split("==")[0])
    return [package.note] if package and package.note else []


def shown(to: Destination) -> str | None:
    """The address that a card names: for a local Hub the default one, whatever port is in use now."""
    return f"http://127.0.0.1:{DEFAULT_PORT}" if to.local else None
