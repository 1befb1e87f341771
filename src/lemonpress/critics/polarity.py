"""Polarity: negations agree, and no word stands against its opposite."""

import re
from dataclasses import dataclass
from functools import lru_cache

from lemonpress.assets import asset
from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.features import compare, listed
from lemonpress.critics.scores import Floats, Tables
from lemonpress.pairs import Index
from lemonpress.recipes import PolaritySettings

_TOKEN = re.compile(r"[^\W\d_]+|\d[\d.,:/-]*|[.,;:!?()—–$%]")
_NEGATORS = frozenset(
    listed(
        "not never no none nobody nothing nowhere neither nor without unable fail failed fails failing refuse "
        "refused refuses refusing deny denied denies denying"
    )
)
_TO_NEGATE = frozenset(listed("decline declined declines declining"))  # with these only: shares decline too
_AFTER_DECLINE = ("to", "comment")
# They say no as well: a sentence that has one may put the other's negation into other words.
_SAYS_NO = re.compile(
    r"(?:reject|oppos|dismiss|disput|block|prevent|avoid|lack|absen|miss|stop|halt|cancel|prohib)\w*|ban(?:s|ned)?|"
    r"forb\w+|hardly|barely|rarely|seldom|scarcely|rather|instead|except|unlike|yet"
)
_BOUNDARY = frozenset(
    listed(
        "but although though because while if when where which who whose whether that as until unless and or than by"
    )
)
# Between a negation and what it bears on.
_LIGHT = frozenset(
    listed(
        "a an the this that these those any all some such of to in on at by for with from about into over be "
        "is are was were been being am do does did done has have had having will would can could shall should "
        "may might must it its he she they them his her their him i we you us our your one yet even ever ago "
        "there so very much more longer able also already still just only and stage point time way percent"
    )
)
_TIMES = (
    "year|month|week|night|spring|summer|autumn|fall|winter|[a-z]+day|january|february|march|april|may|june|july|"
    "august|[a-z]+ber"
)
_SPELLINGS = (
    (re.compile("’"), "'"),
    (re.compile(r"\b(?:cannot|can't|cant)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b|(?<=\bdo)nt\b|(?<=\bdid)nt\b|(?<=\bdoes)nt\b"), " not"),
    # No negations.
    (re.compile(r"\bnot (?:only|just|least|merely|simply)\b|\bno (?:doubt|matter)\b|\b(?:or|if) not\b"), " "),
    (re.compile(r"\bno\b\.?(?= ?\d)"), " "),
    # A date, no opposite of first.
    (re.compile(rf"\blast (?=(?:{_TIMES})\b)"), " "),
)
_SCOPE = 2  # content words that a negation bears on
_FAR = 8  # tokens
_ENDINGS = listed("ations ation ments ment ings ing ions ion ies ied als al ed es ly s y e")


@dataclass(frozen=True)
class PolarityReading:
    """Negations and opposites of a sentence.

    Attributes:
        affirmed: Stems of words that no negation bears on.
        negated: Stems that each negation bears on.
        says_no: Whether another word may stand for a negation.
        sides: (opposition, 0 or 1 for its side, word) of words that have an opposite; a negated one is on the other
            side.
        alone: For either side the oppositions that have words of this side only, one bit each.
    """

    affirmed: frozenset[str]
    negated: tuple[tuple[str, ...], ...]
    says_no: bool
    sides: tuple[tuple[int, int, str], ...]
    alone: tuple[int, int]


@dataclass(frozen=True)
class Polarity(Critic):
    """Neither sentence denies what the other says.

    A pair is rejected where a negation of one sentence bears on words that the other says without one ("did not
    approve", "approved"), unless the other has a word that may say no in another way, and where the sentences have
    words of opposite sides only ("profits rose", "profits fell"); "did not rise" stands with "fell". Negations whose
    words the other sentence does not have tell nothing. Opposites that swap the roles of two names (buy, sell) are
    rejected too, right or not.
    """

    settings: PolaritySettings
    name: str = "polarity"
    cost: int = 21

    @property
    def description(self) -> str:
        return "1 where negations agree and no word stands against its opposite, kept at 1"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        return compare(tables.shard.sentences, sources, targets, read_polarity, _agree)

    def keeps(self, scores: Floats) -> Mask:
        return scores == 1.0

    def reason(self, source: str, target: str) -> str:
        one, other = read_polarity(source), read_polarity(target)
        if denied := _denied(one, other):
            return f"source negates {_spelled(denied, source)}, target does not"
        if denied := _denied(other, one):
            return f"target negates {_spelled(denied, target)}, source does not"
        clash = _clash(one, other)
        if not clash:
            return ""
        words = [
            min(word for number, _, word in side.sides if number == clash.bit_length() - 1) for side in (one, other)
        ]
        return f"source says {words[0]}, target {words[1]}"


@lru_cache(maxsize=1 << 14)
def read_polarity(sentence: str) -> PolarityReading:
    """Read the negations and opposites of an English sentence."""
    text = sentence.lower()
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    tokens = _TOKEN.findall(text)
    stems = [stem(token) for token in tokens]
    scopes = [_scope(tokens, place) for place in range(len(tokens)) if _negates(tokens, place)]
    inside = {place for scope in scopes for place in scope}
    opposites = _opposites()
    sides = sorted(
        {
            (number, 1 - side if place in inside else side, ("not " if place in inside else "") + tokens[place])
            for place, key in enumerate(stems)
            for number, side in opposites.get(key, ())
        }
    )
    bits = [sum({1 << number for number, on, _ in sides if on == side}) for side in (0, 1)]
    return PolarityReading(
        frozenset(key for place, key in enumerate(stems) if place not in inside),
        tuple(tuple(stems[place] for place in scope) for scope in scopes if scope),
        any(_SAYS_NO.fullmatch(token) for token in tokens),
        tuple(sides),
        (bits[0] & ~bits[1], bits[1] & ~bits[0]),
    )


@lru_cache(maxsize=1 << 14)
def stem(word: str) -> str:
    """A word without its regular endings, for comparison alone."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= (3 if len(ending) < 4 else 5):
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == "e":
        return word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word


def _negates(tokens: list[str], place: int) -> bool:
    declines = tokens[place] in _TO_NEGATE and tokens[place + 1 : place + 2] in ([word] for word in _AFTER_DECLINE)
    return tokens[place] in _NEGATORS or declines


def _scope(tokens: list[str], negator: int) -> list[int]:
    """Places of the words that a negator bears on: the next content words of its clause."""
    found: list[int] = []
    open_after = (",", "and") if tokens[negator] in ("not", "never") else ()  # "cannot, and will not, allow"
    for place in range(negator + 1, min(negator + 1 + _FAR, len(tokens))):
        token = tokens[place]
        skipped = not found and token in open_after
        if (token in _BOUNDARY or token in ",.;:!?()—–") and not skipped:
            break
        if token[0].isalpha() and token not in _LIGHT | _NEGATORS and not token.endswith("ly"):
            found.append(place)
            if len(found) == _SCOPE:
                break
    return found


def _agree(one: PolarityReading, other: PolarityReading) -> bool:
    return not (_clash(one, other) or _denied(one, other) or _denied(other, one))


def _denied(one: PolarityReading, other: PolarityReading) -> tuple[str, ...]:
    """Stems that a sentence negates and the other says, or nothing."""
    if not one.negated or other.says_no:
        return ()
    excused = {key for scope in other.negated for key in scope}
    for scope in one.negated:
        if not other.affirmed.isdisjoint(scope) and excused.isdisjoint(scope):
            return scope
    return ()


def _spelled(stems: tuple[str, ...], sentence: str) -> str:
    spelling = {stem(word): word for word in reversed(_TOKEN.findall(sentence.lower()))}
    return " ".join(spelling.get(key, key) for key in stems)


def _clash(one: PolarityReading, other: PolarityReading) -> int:
    """Oppositions of which the sentences have words of different sides only, one bit each."""
    return (one.alone[0] & other.alone[1]) | (one.alone[1] & other.alone[0])


@lru_cache(maxsize=1)
def _opposites() -> dict[str, list[tuple[int, int]]]:
    """The oppositions that each stem takes part in, and on which side."""
    sides: dict[str, list[tuple[int, int]]] = {}
    lines = asset("data/antonyms.txt").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(line for line in lines if line and not line.startswith("#")):
        for side, words in enumerate(line.split("|")):
            for key in sorted({stem(word) for word in words.split()}):
                sides.setdefault(key, []).append((number, side))
    return sides
