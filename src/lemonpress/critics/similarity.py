"""Sentence-embedding similarity: a cheap critic before entailment, and no proof of it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.scores import Floats, Tables
from lemonpress.kinds import check_sentence_encoder
from lemonpress.metrics.similarity import SentenceEncoder, load_sentence_encoder
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import SimilaritySettings
from lemonpress.sources import Model


@dataclass(frozen=True)
class SimilarityScorer:
    """Cosine of sentence embeddings.

    Every distinct sentence of the shard is encoded once, whichever pairs are asked for, so that batches, and with them
    the last digits, depend on the shard alone.

    Raises:
        UserError: The model is no sentence encoder.
    """

    model: Model
    symmetric: bool = True
    channels: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        check_sentence_encoder(self.model, "critic similarity")

    @property
    def key(self) -> str:
        return f"similarity:{self.model.id}@{self.model.commit}"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        vectors = self._embed(shard.sentences)
        return np.einsum("ij,ij->i", vectors[sources], vectors[targets]).astype(np.float64)

    def _embed(self, sentences: list[str]) -> np.ndarray:
        distinct = sorted(set(sentences))
        row = {sentence: number for number, sentence in enumerate(distinct)}
        return _vectors(self.model, tuple(distinct))[[row[sentence] for sentence in sentences]]


@dataclass(frozen=True)
class Similarity(Critic):
    """Sentences mean much the same: a cosine from a bound on."""

    settings: SimilaritySettings
    scorer: SimilarityScorer
    name: str = "similarity"
    cost: int = 50

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.scorer.model,)

    @property
    def description(self) -> str:
        return f"cosine of {self.scorer.model.id} embeddings, kept from {self.settings.min:g}"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        return tables.scores(self.scorer, sources, targets)

    def keeps(self, scores: Floats) -> Mask:
        return scores >= self.settings.min


@lru_cache(maxsize=1)
def _vectors(model: Model, distinct: tuple[str, ...]) -> np.ndarray:
    """Embeddings of a shard's sentences, kept while that shard is judged, for every corpus."""
    return _encoder(model).embed(distinct)


@lru_cache(maxsize=1)
def _encoder(model: Model) -> SentenceEncoder:
    """One encoder for all corpora that name it."""
    return load_sentence_encoder(model, where="critic similarity")
