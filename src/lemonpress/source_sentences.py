"""Sentences that a language model is asked to rewrite: read, cleaned, each once, none of an evaluation."""

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmarks import BENCHMARKS, open_benchmark
from lemonpress.evaluation.leakage import RUN
from lemonpress.existing import listed_texts
from lemonpress.metrics.words import ngrams, words
from lemonpress.reading import text_lines
from lemonpress.recipes.evaluation import BenchmarkChoice
from lemonpress.recipes.rewriting import SourceName, SourceSentences
from lemonpress.rows import CONTEXTS, content_id
from lemonpress.splitting import first_sentence, flaw, normalise
from lemonpress.tables import need_columns, open_table

COUNTS = b"counts"
"""Key of the schema's metadata: JSON of ``texts`` read, ``sentences`` kept and ``dropped`` by reason."""


@dataclass(frozen=True)
class _Rows:
    """Training rows: a Hub dataset, and the declared benchmark that is made of its evaluation rows."""

    columns: tuple[str, ...]
    path: str | None
    config: str | None = None
    evaluated_by: str | None = None
    note: str = ""


def _training_rows(name: str) -> _Rows:
    declared = BENCHMARKS[name]
    columns = tuple(dict.fromkeys((declared.source, declared.reference)))
    return _Rows(columns, declared.path, declared.config, name)


NAMED: dict[SourceName, _Rows] = {
    "quora": _training_rows("quora"),
    "paws": _training_rows("paws"),
    "mrpc": _training_rows("mrpc"),
    "mscoco": _training_rows("mscoco"),
    # Untried: 3.4 million rows; its card says only that each is a list of questions.
    "wikianswers": _Rows(("set",), "embedding-data/WikiAnswers"),
    "twitter": _Rows(
        (), None, evaluated_by="twitter-url", note="the Hub has the test pairs alone; see Twitter-URL-Corpus on GitHub"
    ),
}

_OPENING = re.compile(r"([(\[$£€])\s+")
_CLOSING = re.compile(r"\s+([,.;:!?)\]%]|n['’]t\b|['’](?:s|re|ve|ll|d|m)\b)")
_QUOTED = re.compile(r'"\s*([^"]*?)\s*"')
_WRAPPED = re.compile(r"\"([^\"]*)\"|“([^“”]*)”|'([^']*[.!?])'|‘([^‘’]*[.!?])’")


def read_sentences(settings: SourceSentences, pool: str, find: Callable[[str], Path]) -> pa.Table:
    """Read the sentences to rewrite.

    Texts are cleaned first: entities, the spaces and quotes of tokenised corpora (``He said , `` hello '' .``), and
    quotes around a whole text. Normalised forms (`splitting.normalise`) tell what is equal.

    Args:
        settings: Where the sentences are.
        pool: Domain of the rows that name none under ``domain``.
        find: Turns the recipe's path into a file or folder.

    Returns:
        Rows of `rows.CONTEXTS`, in order: ``context`` is the sentence. The schema's metadata holds `COUNTS`, and the
        ``commit`` of a Hub dataset. Reasons are those of `splitting.flaw`, ``several`` (a text of more than one
        sentence), ``duplicate``, ``evaluation`` (a sentence that is kept out) and ``near evaluation`` (one that shares
        `leakage.RUN` words in a row with such a sentence).

    Raises:
        UserError: The rows, a column or what is kept out cannot be read, or no sentence is left.
    """
    where = f"contexts.{pool}"
    texts, commit = _texts(settings, find, where)
    out = _KeptOut(_kept_out(settings, find, where))
    dropped: Counter[str] = Counter()
    rows: dict[str, dict[str, str]] = {}
    read = 0
    for text, domain in texts:
        read += 1
        for sentence in _cut(text) if settings.split_sentences else [text]:
            clean = tidy(sentence)
            key = normalise(clean)
            reason = _unfit(clean) or ("duplicate" if key in rows else out.reason(clean))
            if reason:
                dropped[reason] += 1
            else:
                rows[key] = {"context_id": content_id(clean), "context": clean, "domain": domain or pool}
        if settings.count is not None and len(rows) >= settings.count:
            break
    kept = list(rows.values())[: settings.count]
    if not kept:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
        raise UserError(
            f"{where}: {settings.path or settings.benchmark} holds no sentence to rewrite ({reasons or 'no text'}); "
            "give whole sentences, or name other columns"
        )
    counts = {"texts": read, "sentences": len(kept), "dropped": dict(sorted(dropped.items()))}
    metadata = {COUNTS: json.dumps(counts).encode()}
    if commit is not None:
        metadata[b"commit"] = commit.encode()
    return pa.Table.from_pylist(kept, schema=CONTEXTS).replace_schema_metadata(metadata)


def tidy(text: str) -> str:
    """A text as people write it: without entities, the spaces and quotes of tokenised corpora, or quotes around it."""
    plain = html.unescape(text).replace("``", '"').replace("''", '"')
    plain = _OPENING.sub(r"\1", _CLOSING.sub(r"\1", " ".join(plain.split())))
    plain = _QUOTED.sub(r'"\1"', plain)
    if wrapped := _WRAPPED.fullmatch(plain):
        plain = next(part for part in wrapped.groups() if part is not None).strip()
    return plain


def _unfit(sentence: str) -> str | None:
    return flaw(sentence) or ("several" if first_sentence(f"{sentence}\n") != sentence else None)


def _cut(text: str) -> list[str]:
    import sentencex

    return [str(part) for line in text.splitlines() for part in sentencex.segment("en", line) if str(part).strip()]


class _KeptOut:
    """Texts of evaluations, looked up as `evaluation.leakage` counts what a corpus shares with a benchmark."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._runs: set[tuple[str, ...]] = set()
        for text in texts:
            self._whole.add(normalise(text))
            self._runs.update(ngrams(words(text), RUN))

    def reason(self, sentence: str) -> str | None:
        """Why a sentence is kept out; None where it is not."""
        if normalise(sentence) in self._whole:
            return "evaluation"
        return None if self._runs.isdisjoint(ngrams(words(sentence), RUN)) else "near evaluation"


def _kept_out(settings: SourceSentences, find: Callable[[str], Path], where: str) -> Iterator[str]:
    names = settings.keep_out
    default = names is None
    if names is None:
        names = _own_evaluations(settings)
    for name in names:
        try:
            if name in BENCHMARKS:
                benchmark = open_benchmark(BenchmarkChoice(name=name))
                yield from benchmark.sources
                for references in benchmark.references:
                    yield from references
            else:
                yield from _every_text(name, find, f"{where}.keep_out")
        except UserError as error:
            if not default:
                raise
            raise UserError(
                f"{where}: the evaluation rows of {name} are kept out and cannot be read ({error}); "
                "keep_out: [] keeps nothing out"
            ) from None


def _own_evaluations(settings: SourceSentences) -> list[str]:
    """The declared benchmarks whose evaluation rows are of the dataset that is read."""
    if settings.benchmark is not None:
        own = NAMED[settings.benchmark].evaluated_by
        return [own] if own else []
    return [
        name
        for name, declared in BENCHMARKS.items()
        if declared.path == settings.path and settings.config in (None, declared.config)
    ]


def _every_text(path: str, find: Callable[[str], Path], where: str) -> Iterator[str]:
    """Every text of a file, in whatever columns."""
    place = find(path).expanduser()
    if path.endswith(".txt"):
        yield from _lines(place, where)
        return
    table = open_table(path, place, revision=None, config=None, split="train", where=where)
    for _, row in table.rows:
        for value in row.values():
            yield from [value] if isinstance(value, str) else _strings(value)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _texts(
    settings: SourceSentences, find: Callable[[str], Path], where: str
) -> tuple[Iterator[tuple[str, str]], str | None]:
    """The texts and their domains, blank where they name none, read as they are asked for; a Hub dataset's commit."""
    if settings.benchmark is not None:
        named = NAMED[settings.benchmark]
        if named.path is None:
            raise UserError(
                f"{where}.benchmark: the training rows of {settings.benchmark} are on no Hub ({named.note}); "
                "give them as path"
            )
        path, config, columns = named.path, named.config, named.columns
        place = Path(path)
    else:
        assert settings.path is not None
        path, config, columns = settings.path, settings.config, tuple(settings.columns or ["text"])
        place = find(path).expanduser()
    if path.endswith(".txt"):
        return ((line, "") for line in _lines(place, where, settings)), None
    split = settings.split or "train"
    table = open_table(path, place, revision=settings.revision, config=config, split=split, where=where)
    need_columns(table, dict.fromkeys(columns, "columns" if settings.benchmark is None else "benchmark"), where)
    texts = (
        (text, str(row.get("domain") or ""))
        for number, row in table.rows
        for column in columns
        for text in listed_texts(row.get(column), column, f"{where}: {table.name}, {number}")
        if text
    )
    return texts, table.identity.get("commit")


def _lines(file: Path, where: str, settings: SourceSentences | None = None) -> Iterator[str]:
    for field in ("revision", "config", "split", "columns"):
        if settings is not None and getattr(settings, field) is not None:
            raise UserError(f"{where}.{field}: a .txt file has none; remove it")
    if not file.is_file():
        raise UserError(f"{where}.path: no file {file}; check the path")
    return (line.strip() for _, line in text_lines(file, where))
