"""Sentence-embedding similarity: the offline stand-in for entailment."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from lemonpress.critics.base import Floats, Mask
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import SimilaritySettings
from lemonpress.sources import Model


@dataclass(frozen=True)
class Similarity:
    """Cosine of sentence embeddings.

    Every distinct sentence of the shard is encoded once, whichever pairs are asked for, so that batches, and with them
    the last digits, depend on the shard alone.
    """

    settings: SimilaritySettings
    model: Model
    name: str = "similarity"
    cost: int = 50
    symmetric: bool = True

    @property
    def scorer(self) -> str:
        return f"similarity:{self.model.id}@{self.model.commit}"

    @property
    def description(self) -> str:
        return f"cosine of {self.model.id} embeddings, kept from {self.settings.min:g}"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        vectors = self._embed(shard.sentences)
        return np.einsum("ij,ij->i", vectors[sources], vectors[targets]).astype(np.float64)

    def keeps(self, scores: Floats) -> Mask:
        return scores >= self.settings.min

    def _embed(self, sentences: list[str]) -> np.ndarray:
        distinct = sorted(set(sentences))
        row = {sentence: number for number, sentence in enumerate(distinct)}
        return self._vectors(tuple(distinct))[[row[sentence] for sentence in sentences]]

    @cached_property
    def _vectors(self) -> Callable[[tuple[str, ...]], np.ndarray]:
        def encode(distinct: tuple[str, ...]) -> np.ndarray:
            vectors = self._encoder.encode(
                list(distinct), batch_size=64, normalize_embeddings=True, show_progress_bar=False
            )
            return np.asarray(vectors, dtype=np.float32)

        return lru_cache(maxsize=1)(encode)

    @cached_property
    def _encoder(self) -> Any:
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(self.model.folder))
