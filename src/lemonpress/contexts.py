"""Contextual constraints: the texts whose next sentences are sampled."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from lemonpress.errors import UserError
from lemonpress.reading import dataset_commit, json_value, load_rows, names_hub_dataset, text_lines
from lemonpress.recipes import DatasetContexts, FileContexts, TeacherContexts
from lemonpress.rows import CONTEXTS, content_id
from lemonpress.splitting import first_sentence, flaw
from lemonpress.teachers.causal_lm import CausalTeacher, seeded_noise

_CITIES = (
    "New York",
    "London",
    "Chicago",
    "Nairobi",
    "Toronto",
    "Sydney",
    "Berlin",
    "Tokyo",
    "Madrid",
    "Delhi",
    "Lagos",
    "Oslo",
)
_OUTLETS = ("CNN", "Reuters", "AP", "BBC", "AFP", "Bloomberg")
_TRIES = 20


def read_contexts(settings: FileContexts | DatasetContexts, pool: str, find: Callable[[str], Path]) -> pa.Table:
    """Read contexts from a file or a dataset column.

    Args:
        settings: Where they are.
        pool: Domain of rows that name none.
        find: Turns the recipe's path into a file.

    Returns:
        Rows of `rows.CONTEXTS`, distinct, in order; of a Hub dataset with its commit in the schema's metadata.

    Raises:
        UserError: The file is missing, empty or malformed; the column is missing or holds no text.
    """
    where = f"contexts.{pool}"
    texts: Iterable[tuple[str, str]]
    commit = None
    if isinstance(settings, FileContexts):
        texts = _file_texts(settings, find(settings.path), where)
    else:
        texts, commit = _dataset_texts(settings, where)
    rows: dict[str, dict[str, str]] = {}
    for text, domain in texts:
        key = content_id(text)
        rows.setdefault(key, {"context_id": key, "context": text, "domain": domain or pool})
        if settings.count is not None and len(rows) == settings.count:
            break
    if not rows:
        raise UserError(f"{where}: {settings.path} holds no context; give at least one line of text")
    table = pa.Table.from_pylist(list(rows.values()), schema=CONTEXTS)
    return table if commit is None else table.replace_schema_metadata({b"commit": commit.encode()})


def sample_contexts(
    teacher: CausalTeacher,
    settings: TeacherContexts,
    pool: str,
    seed: int,
    start: int,
    count: int,
    tick: Callable[[int], object],
) -> pa.Table:
    """Sample contexts from the teacher (paper, section 3.1).

    Args:
        teacher: The language model.
        settings: Prefixes and sampling.
        pool: Domain of the rows.
        seed: Of the recipe.
        start: Number of the first context; each depends on its number alone.
        count: Contexts to sample.
        tick: Told of every context done.

    Returns:
        Rows of `rows.CONTEXTS`: prefix and 1 to 5 sentences.

    Raises:
        UserError: The teacher does not write a whole sentence after a prefix in 20 tries.
    """
    rows = []
    for number in range(start, start + count):
        text = _sample_context(teacher, settings, f"{pool}\0{number}", seed)
        rows.append({"context_id": content_id(text), "context": text, "domain": pool})
        tick(1)
    return pa.Table.from_pylist(rows, schema=CONTEXTS)


def _sample_context(teacher: CausalTeacher, settings: TeacherContexts, label: str, seed: int) -> str:
    for attempt in range(_TRIES):
        tag = f"{label}\0{attempt}"
        choose = np.random.Generator(np.random.Philox(int(content_id(str(seed), tag), 16)))
        prefix = str(choose.choice(settings.prefixes)).format(
            city=choose.choice(_CITIES), outlet=choose.choice(_OUTLETS)
        )
        wanted = int(choose.integers(settings.sentences[0], settings.sentences[1] + 1))
        noise = seeded_noise(seed, tag, 1, settings.max_new_tokens)
        enough = partial(_enough, wanted)
        [text] = teacher.sample(prefix, noise, settings.temperature, settings.top_p, enough)
        sentences, _ = _sound(text, wanted)
        if sentences:
            return " ".join([prefix, *sentences]).strip()
    raise UserError(f"contexts: the teacher writes no whole sentence after {prefix!r}; change contexts' prefixes")


def _enough(wanted: int, text: str) -> bool:
    """Whether more text cannot change the context: it holds enough sentences, or one that is not fit."""
    sentences, unfit = _sound(text, wanted)
    return unfit or len(sentences) == wanted


def _sound(text: str, most: int) -> tuple[list[str], bool]:
    """The complete sentences at the start of a text, up to the first unfit one, and whether there was one."""
    found: list[str] = []
    rest = text.lstrip()
    while len(found) < most and (sentence := first_sentence(rest)) is not None:
        if flaw(sentence):
            return found, True
        found.append(" ".join(sentence.split()))
        rest = rest[rest.index(sentence) + len(sentence) :].lstrip()
    return found, False


def _file_texts(settings: FileContexts, file: Path, where: str) -> Iterator[tuple[str, str]]:
    if not file.is_file():
        raise UserError(f"{where}: {file} is not a file; give a .txt or .jsonl file of contexts")
    lines = ".jsonl" in file.suffixes
    for number, line in text_lines(file, where):
        yield (_json_text(line, settings.column, f"{where}: {file}, line {number}") if lines else (line.strip(), ""))


def _json_text(line: str, column: str, where: str) -> tuple[str, str]:
    row = json_value(line, where)
    text = row.get(column) if isinstance(row, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{where}: no text in column {column!r}; name the right one under 'column'")
    return text.strip(), str(row.get("domain") or "")


def _dataset_texts(settings: DatasetContexts, where: str) -> tuple[Iterable[tuple[str, str]], str | None]:
    """Its texts, and the commit of a Hub dataset."""
    hub = names_hub_dataset(settings.path, Path(settings.path).expanduser())
    if settings.revision is not None and not hub:
        raise UserError(f"{where}: revision {settings.revision!r} is for Hub datasets; remove it")
    commit = dataset_commit(settings.path, settings.revision, where) if hub else None
    rows = load_rows(settings.path, settings.config, settings.split, commit, where)
    if settings.column not in rows.column_names:
        raise UserError(
            f"{where}: {settings.path} has no column {settings.column!r}; it has {', '.join(rows.column_names)}"
        )
    texts = ((text.strip(), "") for text in rows[settings.column] if isinstance(text, str) and text.strip())
    return texts, commit
