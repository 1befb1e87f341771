"""Agreement of what two sentences hold: each distinct pair of readings is compared once."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np

from lemonpress.critics.scores import Floats
from lemonpress.pairs import Index

Reading = TypeVar("Reading", bound=Hashable)


def compare(
    sentences: Sequence[str],
    sources: Index,
    targets: Index,
    read: Callable[[str], Reading],
    agrees: Callable[[Reading, Reading], bool],
) -> Floats:
    """1.0 where the target's reading agrees with the source's, else 0.0.

    Args:
        sentences: One for each position; only those of the pairs are read.
        sources: Positions of sources.
        targets: Positions of targets.
        read: What a sentence holds.
        agrees: Whether a source's reading and a target's agree; true of equal readings.
    """
    wanted, place = np.unique(np.concatenate([sources, targets]), return_inverse=True)
    number: dict[Reading, int] = {}
    ids = np.array([number.setdefault(read(sentences[at]), len(number)) for at in wanted], dtype=np.int64)[place]
    ones, others = ids[: len(sources)], ids[len(sources) :]
    distinct = list(number)
    asked, back = np.unique(ones * len(distinct) + others, return_inverse=True)
    found = np.array(
        [one == other or agrees(distinct[one], distinct[other]) for one, other in _split(asked, len(distinct))],
        dtype=np.float64,
    )
    return found[back]


def _split(codes: Index, base: int) -> list[tuple[int, int]]:
    return [divmod(code, base) for code in codes.tolist()]


def said(missing: Sequence[str], added: Sequence[str]) -> str:
    """How two sentences disagree: what the source alone holds, and what the target alone holds."""
    if missing and added:
        return f"source has {', '.join(missing)}, target {', '.join(added)}"
    if missing:
        return f"target lacks {', '.join(missing)}"
    return f"target adds {', '.join(added)}" if added else ""


def listed(text: str) -> tuple[str, ...]:
    """The words of a list in the code."""
    return tuple(text.split())
