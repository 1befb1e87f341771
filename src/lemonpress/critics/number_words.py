"""English number words: twelve, two hundred and five, twenty-first, a dozen, half a million."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from lemonpress.critics.features import listed

_UNITS = listed("zero one two three four five six seven eight nine")
_TEENS = listed("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
_TENS = {
    word: 10 * tens for tens, word in enumerate(listed("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
_SMALL = {word: number for number, word in enumerate(_UNITS + _TEENS)}
_ORDINALS = {
    word: number
    for number, word in enumerate(
        listed(
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth"
        ),
        1,
    )
}
_TENS_TH = {word.removesuffix("y") + "ieth": number for word, number in _TENS.items()}
LARGE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
LARGE_TH = {word + "th": number for word, number in LARGE.items()}
SCALES = {"dozen": 12, "hundred": 100} | LARGE
ARTICLES = frozenset({"a", "an", "another"})
_DENOMINATORS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4} | {
    word + ending: number for word, number in _ORDINALS.items() if number > 2 for ending in ("", "s")
}
# After "a third" or "a fifth": with one of these it is a share, else it counts ("a third man").
_OF_SHARE = frozenset(listed("of more less fewer higher lower larger smaller bigger faster off"))
_BEFORE_SHARE = frozenset(listed("by nearly almost about roughly over under and only"))


class Parsed(NamedTuple):
    """A number, the position after its words, and whether it is an ordinal."""

    value: Fraction
    end: int
    ordinal: bool = False


@dataclass(frozen=True)
class Words:
    """Lower-cased words of a sentence, read as numbers.

    Attributes:
        words: As they follow each other; what is no word (digits, signs) stands there as it is.
        bound: Whether each word follows the one before it with nothing but a space or a hyphen between them.
    """

    words: Sequence[str]
    bound: Sequence[bool]

    def at(self, place: int) -> str:
        """The word at a place, or nothing where the phrase has ended."""
        return self.words[place] if 0 <= place < len(self.words) else ""

    def next(self, place: int) -> str:
        """The word at a place if it goes on with the phrase."""
        return self.words[place] if place < len(self.words) and self.bound[place] else ""

    def number(self, start: int, takes_and: bool = True) -> Parsed | None:
        """The cardinal or ordinal number that begins at a place."""
        total, ceiling, end = 0, 10**15, start
        while True:
            after = end + (takes_and and end > start and self.next(end) == "and")
            group = self._group(after, takes_and) if end == start or self.next(after) else None
            if group is None or group.value >= ceiling:
                break
            word = self.next(group.end)
            if not group.ordinal and word in LARGE:
                if LARGE[word] >= ceiling:
                    break
                total, ceiling, end = total + int(group.value) * LARGE[word], LARGE[word], group.end + 1
                continue
            if not group.ordinal and word in LARGE_TH and LARGE_TH[word] < ceiling:
                return Parsed(Fraction(total + int(group.value) * LARGE_TH[word]), group.end + 1, True)
            if total and group.value == 0:
                break
            return Parsed(total + group.value, group.end, group.ordinal)
        return Parsed(Fraction(total), end) if end > start else None

    def share(self, start: int, numerator: Fraction | None) -> Parsed | None:
        """A fraction in words whose denominator stands at a place: half, (a) third of, (two) thirds."""
        word = self.at(start) if numerator is None else self.next(start)
        if word not in _DENOMINATORS:
            return None
        below = _DENOMINATORS[word]
        if numerator is not None:
            plural = word.endswith("s") or word == "halves"
            fits = (numerator == 1 and not plural) or (plural and 1 < numerator < below)
            return Parsed(numerator / below, start + 1) if fits else None
        article = self.at(start - 1) in ARTICLES
        if word == "half":
            counts = self.at(start - 1) in _ORDINALS or self.at(start - 1) in ("other", "last", "next", "back", "top")
            compound = self.next(start + 1) in ("past", "time", "brother", "sister", "hearted", "way")
            return None if counts or compound else Parsed(Fraction(1, 2), start + 1)
        shares = self.next(start + 1) in _OF_SHARE or self.at(start - 2) in _BEFORE_SHARE
        return Parsed(Fraction(1, below), start + 1) if article and shares and not word.endswith("s") else None

    def _group(self, start: int, takes_and: bool) -> Parsed | None:
        """A number below a thousand, or tens of hundreds (fifteen hundred)."""
        if self.at(start) in ARTICLES:
            scaled = self.next(start + 1) in SCALES and self.next(start + 1) != "dozen"
            first = Parsed(Fraction(1), start + 1) if scaled else None
        else:
            first = self._below_hundred(start)
        if first is None or first.ordinal:
            return first
        value, end, _ = first
        if self.next(end) == "hundredth":
            return Parsed(value * 100, end + 1, True)
        if self.next(end) != "hundred":
            return self._year(first)
        value, end = value * 100, end + 1
        after = end + (takes_and and self.next(end) == "and")
        rest = self._below_hundred(after) if self.next(after) else None
        if rest is None or self.next(rest.end) == "hundred" or rest.value == 0:
            return Parsed(value, end)
        return Parsed(value + rest.value, rest.end, rest.ordinal)

    def _year(self, first: Parsed) -> Parsed:
        """Nineteen ninety-nine, twenty twenty."""
        if 13 <= first.value <= 20 and self.next(first.end):
            last = self._below_hundred(first.end)
            if last is not None and last.value >= 10 and not last.ordinal:
                return Parsed(first.value * 100 + last.value, last.end)
        return first

    def _below_hundred(self, start: int) -> Parsed | None:
        word = self.at(start)
        if word in _TENS:
            last = self.next(start + 1)
            if 0 < _SMALL.get(last, 0) < 10:
                return Parsed(Fraction(_TENS[word] + _SMALL[last]), start + 2)
            if _ORDINALS.get(last, 10) < 10:
                return Parsed(Fraction(_TENS[word] + _ORDINALS[last]), start + 2, True)
            return Parsed(Fraction(_TENS[word]), start + 1)
        if word in _SMALL:
            return Parsed(Fraction(_SMALL[word]), start + 1)
        if word in _ORDINALS or word in _TENS_TH:
            return Parsed(Fraction(_ORDINALS.get(word) or _TENS_TH[word]), start + 1, True)
        return None

    def digits_after_point(self, start: int) -> tuple[str, int]:
        """The digits of "point five" at a place, and the position after them."""
        end, digits = start + 1, ""
        if self.next(start) != "point":
            return "", start
        while _SMALL.get(self.next(end), 10) < 10:
            digits, end = digits + str(_SMALL[self.words[end]]), end + 1
        return (digits, end) if digits else ("", start)
