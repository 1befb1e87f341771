"""A run: a recipe, its folder, and everything that can be checked before work."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from lemonpress.assets import asset
from lemonpress.contexts import read_contexts
from lemonpress.critics import build, build_diversity
from lemonpress.critics.judging import Panel
from lemonpress.engine.store import Store
from lemonpress.errors import UserError
from lemonpress.existing import read_pairs
from lemonpress.home import run_folder
from lemonpress.recipes import (
    ChatTeacherSettings,
    ControlSettings,
    CorpusSettings,
    PairRows,
    Recipe,
    SourceSentences,
    TeacherContexts,
    TeacherSettings,
)
from lemonpress.source_sentences import read_sentences
from lemonpress.sources import Model, resolve
from lemonpress.syntax.parsers import Parser, find_parser
from lemonpress.teachers.causal_lm import CausalTeacher
from lemonpress.teachers.chat_api import Limit
from lemonpress.teachers.instruct import InstructTeacher, check_instruct
from lemonpress.weights import check_causal, ordinary_folder

_SERVED = "served"  # in place of the commit of a model behind a server, which names none
_NO_LIMIT = Limit()


@dataclass(frozen=True)
class Run:
    """A recipe, its folder and its models; models load when they are first needed.

    Attributes:
        recipe: What to do.
        folder: Everything this run writes.
        teacher_model: The resolved teacher; None where every pool is one of existing pairs.
        given: What was read from files or datasets, by pool: contexts, sentences to rewrite, or pairs.
        limit: What a teacher behind a server may cost.
        panels: What judges each corpus.
        parsers: What parses the targets of each corpus with syntactic control.
    """

    recipe: Recipe
    folder: Path
    teacher_model: Model | None
    given: Mapping[str, pa.Table] = field(repr=False)
    limit: Limit
    panels: Mapping[str, Panel] = field(repr=False)
    parsers: Mapping[str, Parser] = field(repr=False)

    @classmethod
    def open(cls, recipe: Recipe, limit: Limit = _NO_LIMIT) -> "Run":
        """Check everything that can be checked before any work: models, servers, files, critics.

        Args:
            recipe: What to do.
            limit: What a teacher behind a server may cost.

        Raises:
            UserError: A model, server, package or file is missing or wrong.
        """
        teacher = None
        if isinstance(recipe.teacher, ChatTeacherSettings):
            commit = ":".join(filter(None, (_SERVED, recipe.teacher.revision)))
            teacher = Model(recipe.teacher.model, commit, Path(), recipe.teacher.licence)
        elif recipe.teacher is not None:
            teacher = resolve(recipe.teacher.model, recipe.teacher.revision, where="teacher.model")
            check_causal(teacher, "teacher.model")
            if any(isinstance(pool, SourceSentences) for pool in recipe.contexts.values()):
                for corpus in recipe.corpora.values():
                    check_instruct(teacher, corpus.rewriting, corpus.task)
            teacher = replace(teacher, licence=recipe.teacher.licence or teacher.licence)
        panels = {name: _panel(name, corpus) for name, corpus in recipe.corpora.items()}
        parsers = {name: _parser(name, corpus.control) for name, corpus in recipe.corpora.items() if corpus.control}
        given = {}
        for name, pool in recipe.contexts.items():
            if isinstance(pool, PairRows):
                _check_columns(name, pool, panels)
                given[name] = read_pairs(pool, name, recipe.resolve_path)
            elif isinstance(pool, SourceSentences):
                given[name] = read_sentences(pool, name, recipe.resolve_path)
            elif not isinstance(pool, TeacherContexts):
                given[name] = read_contexts(pool, name, recipe.resolve_path)
        return cls(recipe, run_folder(recipe.name), teacher, given, limit, panels, parsers)

    @property
    def store(self) -> Store:
        """Finished shards of this run, and those that ship."""
        return Store(self.folder / "shards", (asset("data/starter"),))

    @cached_property
    def teacher(self) -> CausalTeacher:
        """The loaded teacher."""
        settings = self.recipe.teacher
        assert isinstance(settings, TeacherSettings)
        return CausalTeacher.load(self._weights, settings.dtype, settings.device)

    @cached_property
    def instruct(self) -> InstructTeacher:
        """The same weights, to be asked in their chat template."""
        return InstructTeacher.of(self.teacher, self._weights)

    @property
    def _weights(self) -> Path:
        assert self.teacher_model is not None
        return ordinary_folder(self.teacher_model)


def panel_key(panel: Panel, corpus: CorpusSettings) -> dict[str, Any]:
    """What decides the verdicts of a corpus: its task, critics, their models, diversity; not their order."""
    return {
        "task": corpus.task,
        "pairs": corpus.pairs,
        "critics": sorted((settings.model_dump(mode="json") for settings in corpus.critics), key=str),
        "models": {critic.name: critic.key for critic in panel.critics if critic.key},
        "diversity": corpus.diversity.model_dump(mode="json") if corpus.diversity else None,
    }


def teacher_key(run: Run) -> dict[str, Any]:
    """What identifies the teacher in shard keys."""
    assert run.teacher_model is not None
    settings = run.recipe.teacher
    return {**run.teacher_model.key, **({"dtype": settings.dtype} if isinstance(settings, TeacherSettings) else {})}


def _panel(name: str, corpus: CorpusSettings) -> Panel:
    critics = build(corpus.critics, partial(resolve, where=f"corpora.{name}.critics"))
    critics.sort(key=lambda critic: (critic.cost, critic.name))  # the order in a recipe decides nothing
    return Panel(critics, build_diversity(corpus.diversity, critics), corpus.pairs)


def _parser(name: str, control: ControlSettings) -> Parser:
    where = f"corpora.{name}.control"
    return find_parser(control.parser, control.model, partial(resolve, where=where), where)


def _check_columns(name: str, pool: PairRows, panels: Mapping[str, Panel]) -> None:
    for corpus, panel in panels.items():
        for critic in panel.critics:
            if "context" in critic.columns and pool.context_column is None:
                raise UserError(
                    f"contexts.{name}: critic {critic.name} of corpora.{corpus} reads contexts, and these pairs have "
                    "none; name their context_column or take the critic out"
                )
