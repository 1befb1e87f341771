"""Rows of a user's files and datasets; whatever is wrong with them is one line."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lemonpress.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".tsv", ".parquet")
"""Of the files whose rows can be read."""

Rows: TypeAlias = Iterator[tuple[str, Mapping[str, Any]]]
"""Rows, each with its place such as ``line 3`` for error messages."""


def names_hub_dataset(path: str, place: Path) -> bool:
    """Whether a path means a dataset on the Hub: nothing is there, and it is not written as a file or folder.

    Args:
        path: As the user wrote it.
        place: Where it would be on this machine.
    """
    return not (place.exists() or path.endswith(SUFFIXES) or path.startswith(("/", "./", "../", "~")))


def json_rows(file: Path, where: str) -> Rows:
    """The objects of a JSON lines file.

    Args:
        file: Read through gzip where its name ends in .gz.
        where: The recipe field, for error messages.

    Raises:
        UserError: The file is no text or no whole gzip file, or a line is no JSON object.
    """
    for number, line in text_lines(file, where):
        row = json_value(line, f"{where}: {file}, line {number}")
        if not isinstance(row, dict):
            raise UserError(f"{where}: {file}, line {number}: no JSON object; write one object a line")
        yield f"line {number}", row


def batch_rows(batches: "Iterable[pa.RecordBatch]") -> Rows:
    """The rows of a table that is read in batches."""
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            yield f"row {number}", row


def dataset_rows(loaded: "Dataset") -> Rows:
    """The rows of a dataset, decoded as its features say."""
    number = 0
    for batch in loaded.iter(batch_size=1000):
        for values in zip(*batch.values(), strict=True):
            number += 1
            yield f"row {number}", dict(zip(batch, values, strict=True))


def check_text(text: str, column: str, where: str) -> None:
    """Refuse text that cannot be written as UTF-8.

    Raises:
        UserError: It holds a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{where}: column {column!r} holds half a character (a lone surrogate); mend it") from None


def column_text(value: object, column: str, where: str) -> str:
    """A column's text, stripped; empty where there is none.

    Raises:
        UserError: It holds something else than text, or half a character.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UserError(f"{where}: column {column!r} holds {type(value).__name__}, not text; name the right column")
    check_text(value, column, where)
    return value.strip()


def text_lines(file: Path, where: str) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 text file that are not blank, with their numbers from 1.

    Args:
        file: Read through gzip where its name ends in .gz.
        where: The recipe field, for error messages.

    Raises:
        UserError: The file is not UTF-8 or no whole gzip file.
    """
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line
    except UnicodeDecodeError:
        raise UserError(f"{where}: {file} is not UTF-8 text; convert it first") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UserError(f"{where}: {file} is no whole gzip file; rename or compress it again") from None


def json_value(line: str, where: str) -> Any:
    """What one line of a JSON lines file holds.

    Raises:
        UserError: The line is not JSON.
    """
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise UserError(f"{where}: not JSON; write one object a line") from None


def load_rows(path: str, config: str | None, split: str, commit: str | None, where: str) -> "Dataset":
    """One split of a dataset folder or of a dataset on the Hub.

    Args:
        path: Folder, or Hub id.
        config: Configuration; the only or default one if None.
        split: Its name.
        commit: Of a Hub dataset, from `dataset_commit`; None for a folder.
        where: The recipe field, for error messages.

    Raises:
        UserError: It cannot be found, reached or read, or the Hub fails and another commit is cached.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError, DatasetsError

    try:
        loaded = load_dataset(path, config, split=split, revision=commit)
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        why = error.__cause__ if isinstance(error, DatasetGenerationError) and error.__cause__ else error
        raise UserError(f"{where}: {path} cannot be loaded: {first_line(why)}") from None
    # `datasets` answers with any cached commit's rows when the Hub fails while it loads.
    if commit is not None and not all(commit in Path(file["filename"]).parts for file in loaded.cache_files):
        raise UserError(
            f"{where}: {path}: the Hub failed and another revision is cached; try again when the Hub answers"
        )
    return loaded


def dataset_commit(path: str, revision: str | None, where: str) -> str:
    """The commit that a revision of a Hub dataset names now.

    Args:
        path: Hub id.
        revision: Commit, tag or branch; the default branch if None.
        where: The recipe field, for error messages.

    Raises:
        UserError: No such dataset or revision, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # httpx or httpx2, by major version

    try:
        commit = HfApi().dataset_info(path, revision=revision).sha
    except HFValidationError:
        raise UserError(f"{where}: {path!r} is no Hub id, folder or file") from None
    except RevisionNotFoundError:
        raise UserError(f"{where}: {path} has no revision {revision!r}; see its page for tags and commits") from None
    except RepositoryNotFoundError:
        raise UserError(
            f"{where}: no folder and no Hub dataset {path} (or no access); check the path or log in"
        ) from None
    except (HfHubHTTPError, OfflineModeIsEnabled, httpx.HTTPError, OSError) as error:
        raise UserError(
            f"{where}: no folder {path}, and the Hub cannot be reached for it ({type(error).__name__}); "
            "give a folder or a file"
        ) from None
    if commit is None:
        raise UserError(f"{where}: {path}: the Hub names no commit; pin a revision")
    return str(commit)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the error's name where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
