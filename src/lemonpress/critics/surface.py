"""Critics that read the surface of a pair: length, compression, numbers, ROUGE-L."""

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from lemonpress.critics.base import Floats, Mask, agreement
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import CompressionSettings, LengthSettings, NumberSettings, RepetitionSettings, RougeSettings

_NUMERAL = re.compile(r"\d+(?:[.:]\d+)*")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_FROM = 2.0  # the default leaves "two" a word; "one" is mostly a pronoun and stays one
_SCALED = re.compile(r"(\d+(?:\.\d+)?) ?(hundred|thousand|million|billion|trillion)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Length:
    """Characters of the target as a multiple of the source's."""

    settings: LengthSettings
    name: str = "length"
    cost: int = 10
    scorer: None = None
    symmetric: bool = False

    @property
    def description(self) -> str:
        return f"characters of target / source, kept from {self.settings.min:g} to {self.settings.max:g}"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        lengths = np.array([len(sentence) for sentence in shard.sentences], dtype=np.float64)
        return lengths[targets] / lengths[sources]

    def keeps(self, scores: Floats) -> Mask:
        return (scores >= self.settings.min) & (scores <= self.settings.max)


@dataclass(frozen=True)
class Compression:
    """Words of the target as a share of the source's (paper, Appendix C)."""

    settings: CompressionSettings
    name: str = "compression"
    cost: int = 11
    scorer: None = None
    symmetric: bool = False

    @property
    def description(self) -> str:
        return f"words of target / source, kept from {self.settings.min:g} to below {self.settings.below:g}"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        words = np.array([len(sentence.split()) for sentence in shard.sentences], dtype=np.float64)
        return words[targets] / words[sources]

    def keeps(self, scores: Floats) -> Mask:
        return (scores >= self.settings.min) & (scores < self.settings.below)


@dataclass(frozen=True)
class Numbers:
    """Numbers in digits or words agree: 12 and twelve, 1,000 and 1000, 2.5 million and 2,500,000."""

    settings: NumberSettings
    name: str = "numbers"
    cost: int = 20
    scorer: None = None
    symmetric: bool = False

    @property
    def description(self) -> str:
        sides = "both sides name the same numbers" if self.settings.mode == "equal" else "target adds no number"
        return f"1 where {sides}, kept at 1"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        return agreement([numbers(sentence) for sentence in shard.sentences], sources, targets, self.settings.mode)

    def keeps(self, scores: Floats) -> Mask:
        return scores == 1.0


@dataclass(frozen=True)
class Repetition:
    """Share of word trigrams that stand earlier in the same sentence; the worse of the two sentences counts."""

    settings: RepetitionSettings
    name: str = "repetition"
    cost: int = 15
    scorer: None = None
    symmetric: bool = True

    @property
    def description(self) -> str:
        return f"share of repeated word trigrams in either sentence, kept up to {self.settings.max:g}"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        shares = np.array([repeated_share(sentence) for sentence in shard.sentences])
        return np.maximum(shares[sources], shares[targets])

    def keeps(self, scores: Floats) -> Mask:
        return scores <= self.settings.max


@dataclass(frozen=True)
class RougeL:
    """ROUGE-L F1 without stemming: too much overlap is no paraphrase (paper, section 3.2)."""

    settings: RougeSettings
    name: str = "rouge_l"
    cost: int = 30
    scorer: None = None
    symmetric: bool = True

    @property
    def description(self) -> str:
        return f"ROUGE-L F1 of source and target, kept up to {self.settings.max:g}"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        from lemonpress.metrics.rouge import rouge_l_pairs, tokenize

        return rouge_l_pairs(tokenize(shard.sentences), sources, targets)

    def keeps(self, scores: Floats) -> Mask:
        return scores <= self.settings.max


def repeated_share(sentence: str) -> float:
    """Share of a sentence's word trigrams that occur earlier in it; 0 where there are none."""
    words = re.findall(r"\w+", sentence.casefold())
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(trigrams)) / len(trigrams) if trigrams else 0.0


def numbers(sentence: str) -> frozenset[str]:
    """The numbers of a sentence in canonical decimal form, whether written in digits or in words."""
    from text_to_num import alpha2digit

    text = _GROUPED.sub("", sentence.replace("-", " "))
    text = _SCALED.sub(lambda match: f"{Decimal(match[1]) * _SCALES[match[2].lower()]:f}", text)
    text = alpha2digit(text, "en", _FROM)
    return frozenset(_canonical(numeral) for numeral in _NUMERAL.findall(text))


def _canonical(numeral: str) -> str:
    if ":" in numeral or numeral.count(".") > 1:
        return numeral
    whole, _, part = f"{Decimal(numeral):f}".partition(".")
    part = part.rstrip("0")
    return f"{whole}.{part}" if part else whole
