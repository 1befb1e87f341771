"""What the metrics call a word, and the checks they share."""

import re
from collections.abc import Collection, Iterator, Sequence, Sized

_WORD = re.compile(r"\w+(?:['’]\w+)*")

SIGNATURE = "case:lc|tok:words"


def words(text: str) -> list[str]:
    """Lower-cased words of a text: runs of letters, digits and underscores in any script, with inner apostrophes.

    Args:
        text: Any Unicode text.

    Returns:
        The words in order; punctuation and symbols are left out.
    """
    return _WORD.findall(text.lower())


def ngrams(tokens: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    """All runs of n tokens, first to last.

    Args:
        tokens: Tokens of one text.
        n: Length of a run, at least 1.

    Returns:
        len(tokens) - n + 1 tuples, none where the text is shorter than n.
    """
    return zip(*(tokens[k:] for k in range(n)), strict=False)


def require_same_length(candidates: Sized, others: Sized, name: str) -> None:
    """Refuse lists that cannot be paired.

    Args:
        candidates: The candidates.
        others: What they are compared with.
        name: What the others are called in the message, in the plural.

    Raises:
        ValueError: The lengths differ.
    """
    if len(candidates) != len(others):
        raise ValueError(f"{len(candidates)} candidates but {len(others)} {name}")


def require_texts(texts: Sequence[object], name: str) -> None:
    """Refuse rows that are no text, such as the None or NaN of a missing cell.

    Args:
        texts: What was given as texts, one a row.
        name: What one of them is called in the message, in the singular.

    Raises:
        ValueError: A row is no text, or one text was given for all rows.
    """
    if isinstance(texts, str):
        raise ValueError(f"{_held(texts)} was given as the list of all rows; give a list with one {name} a row")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"{name} of row {row} is {_held(text)}, not a text")


def require_references(references: Sequence[object]) -> None:
    """Refuse rows without reference, and references that are no text.

    Args:
        references: What was given as lists of references, one list a row.

    Raises:
        ValueError: A row is no list of texts, or an empty one.
    """
    for row, alternatives in enumerate(references):
        if isinstance(alternatives, str) or not isinstance(alternatives, Collection):
            raise ValueError(f"references of row {row} are {_held(alternatives)}; give a list of texts")
        if not len(alternatives):
            raise ValueError(f"row {row} has no reference")
        for reference in alternatives:
            if not isinstance(reference, str):
                raise ValueError(f"a reference of row {row} is {_held(reference)}, not a text")


def require_pairs(candidates: Sequence[object], sources: Sequence[object]) -> None:
    """Refuse candidates and sources that are no texts, or that cannot be paired.

    Raises:
        ValueError: A row is no text, or the lists differ in length.
    """
    require_texts(candidates, "candidate")
    require_texts(sources, "source")
    require_same_length(candidates, sources, "sources")


def require_referenced(candidates: Sequence[object], references: Sequence[object]) -> None:
    """Refuse candidates and references that are no texts, or that cannot be paired, and rows without reference.

    Raises:
        ValueError: A row is no text or has no reference, or the lists differ in length.
    """
    require_texts(candidates, "candidate")
    require_same_length(candidates, references, "reference lists")
    require_references(references)


def _held(value: object) -> str:
    """What a row holds, short and in one line."""
    if isinstance(value, str):
        return repr(value)[:40]
    return str(value) if value is None or isinstance(value, int | float) else f"a {type(value).__name__}"
