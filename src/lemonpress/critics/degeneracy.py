"""Degenerate sentences: those that repeat themselves, and those that say their context again."""

import re
from dataclasses import dataclass

import numpy as np

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.scores import Floats, Tables
from lemonpress.pairs import Index
from lemonpress.recipes import CopiedContextSettings, RepetitionSettings

_RUN = 5  # words: shorter runs are names and set phrases, which a sentence may share with its context


@dataclass(frozen=True)
class Repetition(Critic):
    """Share of word trigrams that stand earlier in the same sentence; the worse of the two sentences counts."""

    settings: RepetitionSettings
    name: str = "repetition"
    cost: int = 15

    @property
    def description(self) -> str:
        return f"share of repeated word trigrams in either sentence, kept up to {self.settings.max:g}"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        shares = np.array([repeated_share(sentence) for sentence in tables.shard.sentences])
        return np.maximum(shares[sources], shares[targets])

    def keeps(self, scores: Floats) -> Mask:
        return scores <= self.settings.max

    def reason(self, source: str, target: str) -> str:
        found = [(side, _first_repeated(text)) for side, text in (("source", source), ("target", target))]
        return ", ".join(f'{side} says "{words}" again' for side, words in found if words)


@dataclass(frozen=True)
class CopiedContext(Critic):
    """Share of words in runs of five or more that stand in the context; the worse of the two sentences counts."""

    settings: CopiedContextSettings
    name: str = "copied_context"
    cost: int = 16
    columns: frozenset[str] = frozenset({"context"})

    @property
    def description(self) -> str:
        return f"share of either sentence's words copied from the context, kept up to {self.settings.max:g}"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        shard = tables.shard
        runs = [_runs(_words(context)) for context in shard.contexts]
        groups = shard.group_of(np.arange(len(shard.sentences))).tolist()
        shares = np.array(
            [_copied_share(sentence, runs[group]) for sentence, group in zip(shard.sentences, groups, strict=True)]
        )
        return np.maximum(shares[sources], shares[targets])

    def keeps(self, scores: Floats) -> Mask:
        return scores <= self.settings.max


def repeated_share(sentence: str) -> float:
    """Share of a sentence's word trigrams that occur earlier in it; 0 where there are none."""
    words = _words(sentence)
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(trigrams)) / len(trigrams) if trigrams else 0.0


def copied_share(sentence: str, context: str) -> float:
    """Share of a sentence's words that lie in runs of five or more words of the context, verbatim but for case.

    A sentence of fewer words counts as a run where it stands in the context as a whole.
    """
    return _copied_share(sentence, _runs(_words(context)))


def _copied_share(sentence: str, runs: frozenset[tuple[str, ...]]) -> float:
    words = _words(sentence)
    if not words or not runs:
        return 0.0
    size = min(_RUN, len(words))
    copied = [False] * len(words)
    for start in range(len(words) - size + 1):
        if tuple(words[start : start + size]) in runs:
            copied[start : start + size] = [True] * size
    return sum(copied) / len(words)


def _runs(words: list[str]) -> frozenset[tuple[str, ...]]:
    """All runs of up to five words: shorter ones are for sentences that have no more."""
    return frozenset(
        tuple(words[start : start + size]) for size in range(1, _RUN + 1) for start in range(len(words) - size + 1)
    )


def _first_repeated(sentence: str) -> str:
    words = _words(sentence)
    seen: set[tuple[str, ...]] = set()
    for trigram in zip(words, words[1:], words[2:], strict=False):
        if trigram in seen:
            return " ".join(trigram)
        seen.add(trigram)
    return ""


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
