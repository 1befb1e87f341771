"""No sentence in two splits: a sentence of a held-out split is in no row of another one."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Mask: TypeAlias = npt.NDArray[np.bool_]


class Owners:
    """Which split a sentence belongs to, where one has claimed it.

    Sentences are compared by their text exactly. In memory is a hash of each sentence that was claimed: about 100
    bytes, and only those of held-out splits are.
    """

    def __init__(self) -> None:
        self._owners: dict[bytes, str] = {}

    def claim(self, split: str, sentences: Iterable[str]) -> None:
        """Give sentences to a held-out split, those that no split has."""
        for sentence in sentences:
            self._owners.setdefault(_hash(sentence), split)

    def hand_over(self, split: str, sentences: Iterable[str]) -> None:
        """Give sentences that any split has claimed to another one."""
        for sentence in sentences:
            key = _hash(sentence)
            if key in self._owners:
                self._owners[key] = split

    def allow(self, split: str, sentence: str) -> bool:
        """Whether a row of this split may show a sentence: no other split has it."""
        return self._owners.get(_hash(sentence), split) == split

    def allow_rows(self, pairs: pa.Table, splits: npt.NDArray[Any]) -> Mask:
        """Which pairs may stand in the split that each is in.

        Args:
            pairs: Columns source and target.
            splits: Of each row, as objects; shape (rows,).
        """
        allowed = np.ones(pairs.num_rows, dtype=bool)
        if self._owners:
            for side in ("source", "target"):
                owners = each(pairs[side], lambda sentence: self._owners.get(_hash(sentence), ""))
                allowed &= (owners == splits) | (owners == "")
        return allowed


def each(column: pa.ChunkedArray, ask: Callable[[str], Any]) -> npt.NDArray[Any]:
    """What a function answers for every text of a column, each distinct one asked once; as objects, shape (rows,)."""
    coded = column.combine_chunks().dictionary_encode()
    answers = np.empty(len(coded.dictionary), dtype=object)
    for place, text in enumerate(coded.dictionary.to_pylist()):
        answers[place] = ask(text)
    return answers[coded.indices.to_numpy()]


def _hash(sentence: str) -> bytes:
    return hashlib.blake2b(sentence.encode(), digest_size=8).digest()
