"""What the metrics call a word, and the checks they share."""

import re
from collections.abc import Iterator, Sequence, Sized

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
