"""Critics that read the surface of a pair: length, compression, ROUGE-L, whether it asks."""

import re
from dataclasses import dataclass

import numpy as np

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.scores import Floats, Tables
from lemonpress.pairs import Index
from lemonpress.recipes import CompressionSettings, LengthSettings, QuestionSettings, RougeSettings

_ASKS = re.compile(r"[?？][\W_]*\Z")


@dataclass(frozen=True)
class Length(Critic):
    """Characters of the target as a multiple of the source's."""

    settings: LengthSettings
    name: str = "length"
    cost: int = 10

    @property
    def description(self) -> str:
        return f"characters of target / source, kept from {self.settings.min:g} to {self.settings.max:g}"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        lengths = tables.shard.lengths
        return lengths[targets] / lengths[sources]

    def reason(self, source: str, target: str) -> str:
        return f"{len(target)} characters for {len(source)}"

    def keeps(self, scores: Floats) -> Mask:
        return (scores >= self.settings.min) & (scores <= self.settings.max)


@dataclass(frozen=True)
class Compression(Critic):
    """Words of the target as a share of the source's (paper, Appendix C)."""

    settings: CompressionSettings
    name: str = "compression"
    cost: int = 11

    @property
    def description(self) -> str:
        return f"words of target / source, kept from {self.settings.min:g} to below {self.settings.below:g}"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        words = np.array([len(sentence.split()) for sentence in tables.shard.sentences], dtype=np.int64)
        return words[targets] / words[sources]

    def reason(self, source: str, target: str) -> str:
        return f"{len(target.split())} words for {len(source.split())}"

    def keeps(self, scores: Floats) -> Mask:
        return (scores >= self.settings.min) & (scores < self.settings.below)


@dataclass(frozen=True)
class RougeL(Critic):
    """ROUGE-L F1 without stemming: too much overlap is no paraphrase (paper, section 3.2)."""

    settings: RougeSettings
    name: str = "rouge_l"
    cost: int = 30

    @property
    def description(self) -> str:
        return f"ROUGE-L F1 of source and target, kept up to {self.settings.max:g}"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        from lemonpress.metrics.rouge import rouge_l_pairs, tokenize

        return rouge_l_pairs(tokenize(tables.shard.sentences), sources, targets)

    def keeps(self, scores: Floats) -> Mask:
        return scores <= self.settings.max


@dataclass(frozen=True)
class Question(Critic):
    """Both sentences end in a question, or neither does: an answer is no rewriting of what was asked (ours)."""

    settings: QuestionSettings
    name: str = "question"
    cost: int = 12

    @property
    def description(self) -> str:
        return "1 where both sentences ask or neither does, kept at 1"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        asks = np.array([_ASKS.search(sentence) is not None for sentence in tables.shard.sentences], dtype=bool)
        return (asks[sources] == asks[targets]).astype(np.float64)

    def keeps(self, scores: Floats) -> Mask:
        return scores == 1

    def reason(self, source: str, target: str) -> str:
        asks = ["asks" if _ASKS.search(sentence) else "does not" for sentence in (source, target)]
        return "" if asks[0] == asks[1] else f"the source {asks[0]}, the target {asks[1]}"
