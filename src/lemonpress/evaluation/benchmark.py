"""Benchmarks: texts to rewrite, with what people wrote for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError
from lemonpress.reading import Rows, check_text, json_rows
from lemonpress.recipes import Task, digest

_REFERENCES: dict[Task, tuple[str, ...]] = {
    "paraphrase": ("reference", "references", "paraphrases"),
    "summary": ("reference", "references", "summary"),
}


@dataclass(frozen=True)
class Benchmark:
    """Texts to rewrite, with what people wrote for them.

    Attributes:
        name: What tables call it.
        sources: Texts that a system rewrites.
        references: At least one reference for each source.
        task: paraphrase or summary.
        exemplars: For each source a sentence whose syntax its paraphrase is to follow, where the benchmark has them.
        dataset: Hub id of the dataset whose rows these are; None where they came from a file.
        commit: Commit of that dataset; None as before.
        whole: Whether these are all its rows.
    """

    name: str
    sources: list[str]
    references: list[list[str]]
    task: Task
    exemplars: list[str] | None = None
    dataset: str | None = None
    commit: str | None = None
    whole: bool = True

    def head(self, count: int | None) -> "Benchmark":
        """Its first rows; all of them if `count` is None."""
        if count is None or count >= len(self.sources):
            return self
        exemplars = None if self.exemplars is None else self.exemplars[:count]
        return replace(
            self,
            sources=self.sources[:count],
            references=self.references[:count],
            exemplars=exemplars,
            whole=False,
        )

    @property
    def digest(self) -> str:
        """SHA-256 of everything that a system sees of it: task, sources, exemplars."""
        return digest({"task": self.task, "sources": self.sources, "exemplars": self.exemplars})


def load(path: Path, task: Task) -> Benchmark:
    """Read a benchmark from JSON lines, one object a line; blank lines are skipped.

    Args:
        path: A ``.jsonl`` file, gzip-compressed where its name ends in ``.gz``. Each object has ``source``, a text,
            and exactly one of ``reference``, ``references`` and ``paraphrases`` (task paraphrase) or ``summary``
            (task summary), a text or a list of texts; all or none have ``exemplar``, a text. Other fields are
            ignored.
        task: What a system is to write for each source: a paraphrase or a summary.

    Returns:
        The benchmark, named like the file without its endings.

    Raises:
        UserError: The file cannot be read, has no rows, or has a line without those fields.
    """
    where = "benchmark"
    try:
        rows = list(json_rows(path, where))
    except OSError as error:
        raise UserError(f"{where}: {path} cannot be read ({error.strerror}); give another file") from None
    if not rows:
        raise UserError(f"{where}: {path} has no rows; give a file with one JSON object a line")
    name = path.name.removesuffix(".gz").removesuffix(".jsonl")
    columns = ("source", _reference_field(rows[0][1], task, f"{where}: {path}, {rows[0][0]}"), "exemplar")
    for place, row in rows:
        if _reference_field(row, task, f"{where}: {path}, {place}") != columns[1]:
            raise UserError(f"{where}: {path}, {place}: has no {columns[1]}, which the first row has; name all alike")
    return from_rows(name, iter(rows), task, columns, f"{where}: {path}")


def from_rows(name: str, rows: Rows, task: Task, columns: tuple[str, str, str | None], where: str) -> Benchmark:
    """Make a benchmark of rows of any table.

    Args:
        name: What tables call it.
        rows: With their places.
        task: paraphrase or summary.
        columns: Of the source, of the reference or references, and of the exemplar. Where source and reference are one
            column, it holds a list of texts that say the same: the first is the source.
        where: File or dataset, for error messages.

    Raises:
        UserError: There are no rows, or one lacks a text.
    """
    source_column, reference_column, exemplar_column = columns
    sources: list[str] = []
    references: list[list[str]] = []
    exemplars: list[str] = []
    for place, row in rows:
        here = f"{where}, {place}"
        texts = row.get(reference_column)
        alternatives = [texts] if isinstance(texts, str) else texts
        if not isinstance(alternatives, Sequence) or not alternatives:
            raise UserError(f"{here}: {reference_column} holds no text; give a text or a list of texts")
        if source_column == reference_column:
            first, *alternatives = alternatives
            if not alternatives:
                raise UserError(f"{here}: {reference_column} holds one text alone; give a source and its references")
        else:
            first = row.get(source_column)
        sources.append(_text(first, source_column, here))
        references.append([_text(text, reference_column, here) for text in alternatives])
        if exemplar_column is not None and exemplar_column in row:
            exemplars.append(_text(row[exemplar_column], exemplar_column, here))
    if not sources:
        raise UserError(f"{where}: has no rows; give data with rows")
    if exemplars and len(exemplars) != len(sources):
        raise UserError(f"{where}: {len(exemplars)} of {len(sources)} rows have {exemplar_column}; give all or none")
    return Benchmark(name, sources, references, task, exemplars or None)


def _reference_field(row: Any, task: Task, where: str) -> str:
    if "source" not in row:
        raise UserError(f"{where}: has no field source; name the text to rewrite so")
    present = [name for name in _REFERENCES[task] if name in row]
    if len(present) != 1:
        found = " and ".join(present) or "no reference"
        raise UserError(f"{where}: has {found}; give exactly one of the fields {', '.join(_REFERENCES[task])}")
    return present[0]


def _text(value: object, column: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where}: {column} holds {value!r:.40}; give a text that is not blank")
    check_text(value, column, where)
    return value
