"""Duplicate pairs over a whole corpus: equal but for case, spaces and punctuation, or alike in their words."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lemonpress.recipes import DeduplicationSettings
from lemonpress.splitting import normalise

_PERMUTATIONS = 128
_RUN = 2  # words in a shingle: sentences are short
_RECALL = 0.999  # of pairs that are just as alike as the threshold


class Deduplicator:
    """Tells, pair after pair, which ones repeat an earlier pair that was kept.

    A pair repeats another where both sources and both targets are equal once normalised (`splitting.normalise`), or,
    with ``settings.near``, where the Jaccard similarity of their sets of word pairs is at least that. A set holds
    every two successive words of the source and, told apart from them, of the target, so a pair and its reverse are
    no duplicates. Candidates come from MinHash LSH (datasketch), which finds 99.9% of those at the threshold and more
    above it (at a threshold below 0.06, fewer); the similarity itself is exact.

    What is kept depends on the order of the pairs and the seed, not on how they are split into calls. In memory are
    about 100 bytes of each distinct pair (a digest and its place in a set) and, with ``near``, about 10 KB of each
    kept one.

    Args:
        settings: What counts as a duplicate.
        seed: Of the MinHash permutations.
    """

    def __init__(self, settings: DeduplicationSettings, seed: int) -> None:
        self._seen: set[bytes] = set()
        self._near = None if settings.near is None else _Near(settings.near, seed)
        self._dropped = {"exact": 0, "near": 0}

    @property
    def dropped(self) -> dict[str, int]:
        """Pairs dropped so far: ``exact`` and ``near``."""
        return dict(self._dropped)

    def keep(self, sources: Sequence[str], targets: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of the next pairs are kept.

        Args:
            sources: Of the pairs, in the corpus's order.
            targets: Of the pairs.

        Returns:
            True where no earlier kept pair is its duplicate; shape (pairs,).
        """
        kept = [self._keep(_plain(one), _plain(other)) for one, other in zip(sources, targets, strict=True)]
        return np.array(kept, dtype=bool)

    def _keep(self, source: str, target: str) -> bool:
        key = hashlib.blake2b(f"{source}\0{target}".encode(), digest_size=16).digest()
        if key in self._seen:
            self._dropped["exact"] += 1
            return False
        self._seen.add(key)
        if self._near is not None and not self._near.keep(source, target):
            self._dropped["near"] += 1
            return False
        return True


class _Near:
    """The shingle sets of the pairs kept, found again by MinHash."""

    def __init__(self, threshold: float, seed: int) -> None:
        from datasketch import MinHash, MinHashLSH

        self._threshold = threshold
        self._empty = MinHash(_PERMUTATIONS, seed, hashfunc=int, scheme="affine64")
        self._index = MinHashLSH(num_perm=_PERMUTATIONS, params=_bands(threshold))
        self._shingles: list[npt.NDArray[np.uint64]] = []

    def keep(self, source: str, target: str) -> bool:
        shingles = np.unique(np.array(_shingles("source", source) + _shingles("target", target), dtype=np.uint64))
        sketch = self._empty.copy()
        sketch.update_batch(shingles)
        if any(self._alike(shingles, self._shingles[place]) for place in self._index.query(sketch)):
            return False
        self._index.insert(len(self._shingles), sketch)
        self._shingles.append(shingles)
        return True

    def _alike(self, ones: npt.NDArray[np.uint64], others: npt.NDArray[np.uint64]) -> bool:
        shared = len(np.intersect1d(ones, others, assume_unique=True))
        return shared / (len(ones) + len(others) - shared) >= self._threshold


def _bands(threshold: float) -> tuple[int, int]:
    """Bands and rows a band of the LSH: the longest bands that still find a pair at the threshold."""
    rows = [
        size
        for size in range(1, _PERMUTATIONS // 2 + 1)
        if 1 - (1 - threshold**size) ** (_PERMUTATIONS // size) >= _RECALL
    ]
    size = max(rows, default=1)
    return _PERMUTATIONS // size, size


def _plain(text: str) -> str:
    """The normalised text, or the text itself where it has neither letter nor digit."""
    return normalise(text) or " ".join(text.split())


def _shingles(side: str, text: str) -> list[int]:
    """Hashes of every two successive words, or of the only one."""
    words = text.split()
    runs = [words[start : start + _RUN] for start in range(max(1, len(words) - _RUN + 1))]
    digests = (hashlib.blake2b(" ".join([side, *run]).encode(), digest_size=8).digest() for run in runs)
    return [int.from_bytes(digest, "little") for digest in digests]
