"""From a recipe to a study: sources are drawn, what systems wrote for them is gathered, and names are taken off."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from lemonpress.annotation.guidelines import guidelines
from lemonpress.annotation.study import KEY, STUDY, Item, Key, Study, as_json
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.benchmarks import open_benchmark
from lemonpress.evaluation.llm_judge import read_predictions
from lemonpress.evaluation.ratings import one_line
from lemonpress.evaluation.systems import open_system
from lemonpress.output import check_folder, whole_folder
from lemonpress.recipes.annotation import Annotation, PredictionsTable, RatedSystem
from lemonpress.recipes.evaluation import DecodingSettings
from lemonpress.recipes.load import check_section, read_yaml
from lemonpress.rows import content_id

FEW = 100
"""Sources below which a study is warned about: its intervals are wide."""


def read_recipe(path: str) -> Annotation:
    """Read and check the recipe of a study.

    Args:
        path: YAML file, or the path of a shipped one such as ``trainers/recipes/annotation.yaml``.

    Raises:
        UserError: It is missing or wrong.
    """
    file, data = read_yaml(path, "trainers/recipes")
    if not isinstance(data, dict):
        raise UserError(f"{file}: an annotation study is a mapping with name, title, benchmark and systems")
    return check_section(data, str(file), Annotation)


def check_output(folder: Path) -> None:
    """Refuse a folder that a study must not go to; one that has ratings is such a folder."""
    check_folder(folder, [STUDY.as_posix(), KEY.as_posix()], "a study without ratings", marker=KEY.as_posix())


def make(recipe: Annotation) -> tuple[Study, Key]:
    """Draw the items of a study.

    Equal texts of several systems for one source are one item, which is rated once and counts for all of them. The
    seed draws the sources. Numbers of systems are drawn without one: who has the seed must not learn who wrote what.

    Raises:
        UserError: A benchmark or file cannot be read, a system lacks a text, or there are too few sources.
    """
    benchmark = open_benchmark(recipe.benchmark)
    distinct = list(dict.fromkeys(map(one_line, benchmark.sources)))
    if len(distinct) < recipe.sources:
        raise UserError(f"sources: {recipe.sources} are wanted, {benchmark.name} has {len(distinct)}; ask for fewer")
    texts = {name: _texts(name, settings, benchmark) for name, settings in recipe.systems.items()}
    order = np.random.default_rng(recipe.seed).permutation(len(distinct))
    chosen = [distinct[place] for place in order[: recipe.sources]]
    arms = dict(zip(texts, np.random.default_rng().permutation(len(texts)).tolist(), strict=True))
    wrote: dict[tuple[str, str], list[str]] = {}
    for source in chosen:
        for system, written in texts.items():
            text = written.get(source)
            if text is None:
                raise UserError(
                    f"system {system}: wrote nothing for the source {source!r:.80}; give it a row for each"
                )
            wrote.setdefault((source, text), []).append(system)
    named = {content_id(benchmark.task, *pair): (pair, systems) for pair, systems in wrote.items()}
    study = Study(
        task=benchmark.task,
        guidelines=guidelines(benchmark.task),
        items=[
            Item(item=item, source=pair[0], candidate=pair[1], arms=sorted(arms[name] for name in systems))
            for item, (pair, systems) in sorted(named.items())  # in an order that tells nothing of the systems
        ],
        **recipe.model_dump(exclude={"benchmark", "systems", "sources"}),
    )
    return study, Key(study=study.id, systems={item: systems for item, (_, systems) in sorted(named.items())})


def write(study: Study, key: Key, folder: Path) -> None:
    """Write a study and its key, whole or not at all.

    Args:
        study: For the Space: ``study/study.json``.
        key: For the owner: ``key.json``.
        folder: New, empty, or of an earlier study without ratings.

    Raises:
        UserError: As `check_output`.
    """
    with whole_folder(folder, check_output) as new:
        (new / STUDY).parent.mkdir()
        (new / STUDY).write_text(as_json(study), encoding="utf-8")
        (new / KEY).write_text(as_json(key), encoding="utf-8")
        (new / KEY).chmod(0o600)


def _texts(name: str, settings: RatedSystem, benchmark: Benchmark) -> Mapping[str, str]:
    """What a system wrote for each source."""
    if isinstance(settings, PredictionsTable):
        return _tabled(name, settings)
    system, decoding = open_system(name, settings), DecodingSettings()
    system.check(benchmark, decoding)
    written = system.load()(benchmark, decoding, lambda *_: None).texts
    return _first(zip(benchmark.sources, written, strict=True))


def _tabled(name: str, settings: PredictionsTable) -> Mapping[str, str]:
    found, _ = read_predictions(
        settings.path,
        [settings.of],
        revision=settings.revision,
        config=settings.config,
        split=settings.split,
        where=f"systems.{name}",
    )
    return _first((one.source, one.candidate) for one in found)


def _first(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The first text of each source, both as they are rated."""
    texts: dict[str, str] = {}
    for source, text in pairs:
        texts.setdefault(one_line(source), one_line(text))
    return texts
