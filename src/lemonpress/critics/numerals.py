"""The numbers of a sentence, in digits or words, in one spelling each."""

import itertools
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from lemonpress.critics.features import listed
from lemonpress.critics.number_words import ARTICLES, SCALES, Parsed, Words

_TOKEN = re.compile(
    r"(?P<ordinal>\d+(?:,\d{3})*(?:st|nd|rd|th)\b)"
    r"|(?P<literal>\d{4}-\d\d-\d\d\b|(?:\d\d)?\d0'?s\b)"
    r"|(?P<number>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:[.:/]\d+)*|(?<![\w.])\.\d+)"
    r"|(?P<word>[^\W\d_]+)"
    r"|(?P<sign>[%$€£¥₹¢])"
)
_SPELLINGS = (
    (re.compile("[−–‑]"), "-"),
    (re.compile("’"), "'"),
    (re.compile(r"\b([ap])\.\s?m\b\.?"), r"\1m"),
    (re.compile(r"\bper[ -]cent\b|\bpct\b"), "percent"),
    *(
        (re.compile(sign), f" {above}/{below}")
        for sign, above, below in zip("½⅓⅔¼¾⅛", "112131", "233448", strict=True)
    ),
)
_MINUS = re.compile(r"(?:^|[^\w.)%])-$")
_SUFFIXES = {"k": 10**3, "m": 10**6, "mn": 10**6, "mln": 10**6, "b": 10**9, "bn": 10**9, "tn": 10**12}
_DOLLARS = {"us": "$", "a": "A$", "au": "A$", "c": "C$", "ca": "C$", "hk": "HK$", "nz": "NZ$", "s": "S$"}
_UNITS = {
    "%": "%", "percent": "%", "percentage": "points", "am": "am", "pm": "pm",
    "dollar": "$", "dollars": "$", "usd": "$", "euro": "€", "euros": "€", "eur": "€", "pound": "£", "pounds": "£",
    "gbp": "£", "yen": "¥", "jpy": "¥", "rupee": "₹", "rupees": "₹", "cent": "¢", "cents": "¢", "¢": "¢",
}  # fmt: skip
_MONTHS = frozenset(
    listed(
        "january february march april may june july august september october november december jan feb mar "
        "apr jun jul aug sep sept oct nov dec"
    )
)
_LONGEST = 50  # digits; what is longer is compared as it stands


@dataclass(frozen=True)
class Reading:
    """The numbers of a sentence.

    Attributes:
        numbers: (number, unit) in order of spelling, as often as said. A number is its shortest decimal form or a
            fraction, with % or an ordinal ending where it has one. The unit is a currency, am, pm or percentage points
            where the sentence names one.
        possible: Numbers that words may stand for and need not: one, first, second.
        runs: Numbers joined by a hyphen or by "to", in their order.
    """

    numbers: tuple[tuple[str, str], ...]
    possible: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class _Item:
    """A number in a sentence: where its tokens begin and end, and what it is."""

    start: int
    end: int
    value: Fraction | str
    ordinal: bool = False
    percent: bool = False
    unit: str = ""
    scale: int = 1
    optional: bool = False
    digits: str = ""

    @property
    def spelling(self) -> str:
        if isinstance(self.value, str):
            return self.value
        text = _decimal(self.value)
        return text + ("%" if self.percent else _ending(int(self.value)) if self.ordinal else "")


@dataclass(frozen=True)
class _Tokens:
    """Words, digits and signs of a sentence, their kinds, and the text before each."""

    words: Words
    kinds: list[str]
    gaps: list[str]

    def __len__(self) -> int:
        return len(self.kinds)


@lru_cache(maxsize=1 << 14)
def read_numbers(sentence: str) -> Reading:
    """Read the numbers of an English sentence.

    Vague ones (dozens, several hundred, a few) are none. A number word after a hyphen or a letter counts as one too:
    F-16 has 16.
    """
    tokens = _tokens(sentence)
    items: list[_Item] = []
    place = 0
    while place < len(tokens):
        item = _item(tokens, place, items[-1].end if items else -1)
        if item is not None:
            items.append(item)
        place = item.end if item is not None else place + 1
    joined = [_joined(tokens, one, other) for one, other in itertools.pairwise(items)]
    for at in range(len(items) - 2, -1, -1):
        items[at], items[at + 1] = _shared(tokens, items[at], items[at + 1], joined[at])
    return Reading(
        tuple(sorted((item.spelling, item.unit) for item in items if not item.optional)),
        tuple(sorted(item.spelling for item in items if item.optional)),
        tuple(sorted(_runs(items, joined))),
    )


def _tokens(sentence: str) -> _Tokens:
    text = sentence.lower()
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    words, kinds, gaps, end = [], [], [], 0
    for match in _TOKEN.finditer(text):
        words.append(match[0])
        kinds.append(str(match.lastgroup))
        # With the character before, which tells a minus from a hyphen.
        gaps.append(text[max(end - 1, 0) : match.start()] if end else text[: match.start()])
        end = match.end()
    bound = [bool(place) and gap[1:] in ("", " ", "-") for place, gap in enumerate(gaps)]
    return _Tokens(Words(words, bound), kinds, gaps)


def _item(tokens: _Tokens, start: int, last_end: int) -> _Item | None:
    words, kind = tokens.words, tokens.kinds[start]
    text = words.at(start)
    if kind == "literal":
        return _Item(start, start + 1, _literal(text))
    if kind == "ordinal":
        return _dated(words, _Item(start, start + 1, Fraction(re.sub(r"\D", "", text)[:_LONGEST]), ordinal=True))
    if kind == "number":
        return _with_unit(tokens, _in_digits(tokens, start))
    return _with_unit(tokens, _in_words(words, start, last_end)) if kind == "word" else None


def _in_digits(tokens: _Tokens, start: int) -> _Item:
    text = tokens.words.at(start).replace(",", "")
    value = _value(text)
    item = _Item(start, start + 1, value, digits=text)
    if isinstance(value, str):
        return item
    if value.denominator == 1 and "/" not in text and tokens.words.next(start + 1):
        after = tokens.words.at(start + 1)
        part = _value(after) if "/" in after else ""
        if isinstance(part, Fraction):
            return _scaled(tokens.words, replace(item, value=value + part, end=start + 2))
    suffix = _SUFFIXES.get(tokens.words.next(start + 1))
    if suffix is not None and tokens.gaps[start + 1][1:] == "" and tokens.kinds[start - 1 : start] != ["word"]:
        return replace(item, value=value * suffix, scale=suffix, end=start + 2)
    if suffix is not None and suffix > 10**3 and tokens.words.at(start + 1) not in ("m", "b"):
        return replace(item, value=value * suffix, scale=suffix, end=start + 2)
    return _completed(tokens.words, item)


def _in_words(words: Words, start: int, last_end: int) -> _Item | None:
    word = words.at(start)
    if word in ARTICLES and words.next(start + 1) == "dozen":
        return _Item(start, start + 2, Fraction(12), scale=12)
    share = words.share(start, None)
    if share is not None:
        return _scaled(words, _Item(start, share.end, share.value))
    if word == "second" and (last_end == start or words.at(start - 1) in ("per", "every", "each", "split")):
        return None
    parsed = words.number(start, takes_and=words.at(start - 1) != "between")
    if parsed is None:
        return None
    if parsed.ordinal:
        return _dated(words, _of_words(words, start, parsed, word in ("first", "second")))
    return _completed(words, _of_words(words, start, parsed, word == "one"))


def _of_words(words: Words, start: int, parsed: Parsed, may_be_none: bool) -> _Item:
    optional = may_be_none and parsed.end == start + 1
    scale = SCALES.get(words.at(parsed.end - 1), 1)
    return _Item(start, parsed.end, parsed.value, ordinal=parsed.ordinal, scale=scale, optional=optional)


def _completed(words: Words, item: _Item) -> _Item:
    """With what may follow a cardinal: "point five", "thirds", "and a half", "million"."""
    value = item.value
    if isinstance(value, str):
        return item
    digits, end = words.digits_after_point(item.end)
    if len(digits) > _LONGEST:
        return replace(item, value=f"{_decimal(value)}.{digits}", end=end, optional=False)
    if digits:
        return _scaled(words, replace(item, value=value + Fraction(f"0.{digits}"), end=end, optional=False))
    share = words.share(item.end, value)
    if share is not None:
        return _scaled(words, replace(item, value=share.value, end=share.end, optional=False))
    item = _scaled(words, item)
    if words.next(item.end) == "and" and words.next(item.end + 1) in ARTICLES:
        share = words.share(item.end + 2, Fraction(1)) if words.next(item.end + 2) in ("half", "quarter") else None
        if share is not None:
            whole = Fraction(item.value) + share.value * item.scale
            item = replace(item, value=whole, end=share.end, optional=False)
            return _scaled(words, item) if item.scale == 1 else item
    return item


def _scaled(words: Words, item: _Item) -> _Item:
    """Times the words for powers of ten that follow, as in 2.5 million, half a dozen or two hundred thousand."""
    for _ in range(2):
        skipped = words.next(item.end) == "of" and words.next(item.end + 1) in ARTICLES
        place = item.end + 2 if skipped else item.end + (words.next(item.end) in ARTICLES)
        scale = SCALES.get(words.next(place))
        between = place > item.end
        if scale is None or (between and Fraction(item.value) >= 1):
            break
        item = replace(item, value=item.value * scale, scale=item.scale * scale, end=place + 1, optional=False)
    return item


def _with_unit(tokens: _Tokens, item: _Item | None) -> _Item | None:
    if item is None or item.ordinal:
        return item
    words, first = tokens.words, item.start
    sign = words.at(first - 1)
    if tokens.kinds[first - 1 : first] == ["sign"] and sign in "$€£¥₹" and words.bound[first]:
        glued = first > 1 and tokens.gaps[first - 1][1:] == "" and words.at(first - 2) in _DOLLARS
        item = replace(item, unit=_DOLLARS[words.at(first - 2)] if glued and sign == "$" else sign, start=first - 1)
    place = _past_one(words, item)
    place += words.next(place) == "us" and words.next(place + 1) in ("dollar", "dollars")
    unit = _UNITS.get(words.next(place), "")
    if unit and not (unit in ("am", "pm") and item.unit):
        end = place + 1 + (unit == "points")
        item = replace(item, end=end, percent=unit == "%", unit=item.unit if unit == "%" else item.unit or unit)
        item = replace(item, optional=item.optional and unit not in ("%", "points"))
    item = _time(item)
    minus = _MINUS.search(tokens.gaps[item.start]) or (item.start > 0 and _MINUS.search(tokens.gaps[first]))
    if (minus or words.at(item.start - 1) in ("minus", "negative")) and isinstance(item.value, Fraction):
        item = replace(item, value=-item.value)
    return item


def _past_one(words: Words, item: _Item) -> int:
    """Where the unit of a number may stand: half a percent and a quarter of one percent are shares of one."""
    if isinstance(item.value, str) or not 0 < item.value < 1:
        return item.end
    if words.next(item.end) == "of" and words.next(item.end + 1) in (*ARTICLES, "one"):
        return item.end + 2
    # In digits "a" is another word: 0.5 a dollar.
    return item.end + (not item.digits and words.next(item.end) in ARTICLES)


def _time(item: _Item) -> _Item:
    """Hours and minutes on a clock of twelve hours, and 10:00 as 10."""
    written = item.digits.replace(".", ":") if item.unit in ("am", "pm") else item.digits
    match = re.fullmatch(r"(\d\d?):(\d\d)", written)
    if not match or int(match[1]) > 24 or int(match[2]) > 59:
        return item
    hour, minutes = int(match[1]), match[2]
    unit = item.unit
    if 12 < hour < 24:
        hour, unit = hour - 12, "pm"
    return replace(item, value=str(hour) if minutes == "00" else f"{hour}:{minutes}", unit=unit)


def _dated(words: Words, item: _Item) -> _Item:
    """A day of a month is no rank: May 3rd is May 3."""
    before, after = words.at(item.start - 1), words.at(item.end)
    near = (
        before in _MONTHS
        or after in _MONTHS
        or (after == "of" and words.at(item.end + 1) in _MONTHS)
        or (before == "the" and words.at(item.start - 2) in _MONTHS)
    )
    return replace(item, ordinal=False, optional=False) if near else item


def _joined(tokens: _Tokens, one: _Item, other: _Item) -> str:
    """What joins two numbers: a hyphen, "to", "or", "and" after "between", or nothing."""
    if one.end == other.start and tokens.gaps[other.start][1:].strip() == "-":
        return "-"
    word = tokens.words.next(one.end)
    if one.end + 1 != other.start or not tokens.words.bound[other.start]:
        return ""
    if word == "and":
        return word if tokens.words.at(one.start - 1) == "between" else ""
    return word if word in ("to", "or") else ""


def _shared(tokens: _Tokens, one: _Item, other: _Item, joint: str) -> tuple[_Item, _Item]:
    """What a range says once: 5 to 10 percent, 2-3 million, 2003-04."""
    low, high = one.value, other.value
    if not joint or isinstance(low, str) or isinstance(high, str) or one.ordinal or other.ordinal:
        return one, other
    if joint == "-" and 1000 <= low < 3000 and len(other.digits) == 2 and low % 100 < high:
        return one, replace(other, value=low - low % 100 + high)
    if other.scale > 1 and one.scale == 1 and low < 1000 and not one.percent:
        one = replace(one, value=low * other.scale, scale=other.scale, optional=False)
    if other.percent and not one.percent and not one.unit and low < 1000:
        one = replace(one, percent=True, optional=False)
    return one, other


def _runs(items: list[_Item], joined: list[str]) -> list[tuple[str, ...]]:
    runs: list[list[str]] = []
    for at, joint in enumerate(joined):
        if joint in ("-", "to"):
            if at and joined[at - 1] in ("-", "to"):
                runs[-1].append(items[at + 1].spelling)
            else:
                runs.append([items[at].spelling, items[at + 1].spelling])
    return [tuple(run) for run in runs]


def _value(digits: str) -> Fraction | str:
    """A numeral's value; versions, dates, scores and times stay as they are written."""
    if len(digits) > _LONGEST or ":" in digits or digits.count(".") > 1 or digits.count("/") > 1:
        return digits
    above, _, below = digits.partition("/")
    if not below:
        return Fraction(above)
    proper = "." not in digits and 0 < int(above) < int(below)
    return Fraction(int(above), int(below)) if proper else digits


def _literal(text: str) -> str:
    """A date as it is written; the 1990s, the '90s and the 90s are one decade."""
    years = text.replace("'", "")
    return years.removeprefix("19") if len(years) == 5 else years


def _decimal(value: Fraction) -> str:
    """A number in its shortest decimal form, or as a fraction where that has no end."""
    for places in range(_LONGEST + 1):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = str(abs(scaled.numerator)).zfill(places + 1)
            cut = len(digits) - places
            return "-" * (value < 0) + digits[:cut] + ("." + digits[cut:] if places else "")
    return str(value)


def _ending(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
