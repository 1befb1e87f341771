"""Edits that change what a sentence says: the critic must not let the result pass as entailed."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lemonpress.nli.words import LIGHT, MONTHS, NUMBERS, ORDINALS, SCALES, UNITS, WEEKDAYS, replace_opposite

NAMES = frozenset({"PERSON", "ORG", "GPE", "LOC", "FAC", "NORP", "EVENT"})
_DIGITS = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_CLASSES = ((*NUMBERS,), ORDINALS, SCALES, WEEKDAYS, MONTHS, UNITS)
_NEGATED = re.compile(
    r"\b(is|are|was|were|has|have|had|will|would|can|could|should|does|do|did) (not )?(?!not\b)", re.IGNORECASE
)
_SHORT_NEGATION = re.compile(r"\b(is|are|was|were|has|have|had|does|do|did|would|could)n['’]t\b")
_STAGES = {
    r"\bhas been (\w+ed)\b": ("will be {0}", "may be {0}", "was almost {0}"),
    r"\bhave been (\w+ed)\b": ("will be {0}", "may be {0}", "were almost {0}"),
    r"\bwas (\w+ed)\b": ("will be {0}", "may be {0}", "is being {0}"),
    r"\bwere (\w+ed)\b": ("will be {0}", "may be {0}", "are being {0}"),
    r"\bis being (\w+ed)\b": ("has been {0}", "was {0}", "will be {0}"),
    r"\bwill be (\w+ed)\b": ("has been {0}", "was {0}", "is being {0}", "will not be {0}"),
    r"\bmay\b": ("will", "must"),
    r"\bmight\b": ("will", "must"),
    r"\bcould\b": ("will", "did"),
    r"\bcan\b": ("must", "did"),
    r"\bshould\b": ("did", "will"),
    r"\bis expected to\b": ("has already agreed to", "has refused to", "used to"),
    r"\bplans to\b": ("has refused to", "used to", "is forced to"),
    r"\bis considering\b": ("has decided on", "has ruled out"),
    r"\bis planning to\b": ("has refused to", "used to"),
    r"\bhopes to\b": ("has managed to", "is certain to"),
    r"\btried to\b": ("managed to", "refused to"),
    r"\bwants to\b": ("has managed to", "refuses to"),
}
_HEDGES = ("allegedly", "possibly", "never", "almost", "rarely")
_WORD_TAGS = frozenset({"NN", "NNS", "VBD", "VBN", "VBG", "VB", "VBZ", "JJ"})


@dataclass(frozen=True)
class Donors:
    """Words and names that replace others of their kind.

    Attributes:
        names: Texts of named entities, by spaCy label.
        words: Texts of words, by fine tag.
    """

    names: Mapping[str, Sequence[str]]
    words: Mapping[str, Sequence[str]]


def gather_donors(docs: Sequence[Any]) -> Donors:
    """What the sentences themselves offer as replacements."""
    names: dict[str, set[str]] = {}
    words: dict[str, set[str]] = {}
    for doc in docs:
        for entity in doc.ents:
            if entity.label_ in NAMES and not entity.text.lower().startswith(("the ", "a ")):
                names.setdefault(entity.label_, set()).add(entity.text)
        for token in doc:
            if token.tag_ in _WORD_TAGS and token.lemma_ not in LIGHT and token.is_alpha and token.text.islower():
                words.setdefault(token.tag_, set()).add(token.text)
    return Donors({k: sorted(v) for k, v in names.items()}, {k: sorted(v) for k, v in words.items()})


Change = Callable[[Any, Donors, np.random.Generator], str | None]


def number(doc: Any, donors: Donors, draw: np.random.Generator) -> str | None:
    """Another number, year, weekday, month, ordinal or unit."""
    text = doc.text
    found = [(m.span(), _other_number(m.group(), draw)) for m in _DIGITS.finditer(text)]
    for token in doc:
        for kind in _CLASSES:
            if token.text in kind or (token.lower_ in kind and kind not in (WEEKDAYS, MONTHS)):
                others = [word for word in kind if word != token.lower_ and word != token.text]
                new = others[int(draw.integers(len(others)))]
                new = new.capitalize() if token.text[0].isupper() else new
                found.append(((token.idx, token.idx + len(token)), new))
    if not found:
        return None
    (start, end), new = found[int(draw.integers(len(found)))]
    return text[:start] + new + text[end:]


def bound(doc: Any, donors: Donors, draw: np.random.Generator) -> str | None:
    """'about 40' or '40' against 'more than 40' and 'fewer than 40'."""
    match = next(iter(_DIGITS.finditer(doc.text)), None)
    if match is None or match.start() == 0 or re.fullmatch(r"(19|20)\d\d", match.group()):
        return None
    before = doc.text[: match.start()]
    if not re.search(r"\b(?:has|have|had|of|with|by|killed|for|are|were|raised|about|than|least) $", before):
        return None
    stripped = re.sub(r"\b(?:more than|less than|fewer than|at least|at most|about) $", "", before)
    option = ("more than ", "fewer than ")[int(draw.integers(2))]
    new = stripped + option + doc.text[match.start() :]
    return new if new != doc.text else None


def name(doc: Any, donors: Donors, draw: np.random.Generator) -> str | None:
    """Another person, place or organisation."""
    found = [e for e in doc.ents if e.label_ in NAMES and len(donors.names.get(e.label_, ())) > 5]
    if not found:
        return None
    entity = found[int(draw.integers(len(found)))]
    options = donors.names[entity.label_]
    new = options[int(draw.integers(len(options)))]
    if new in entity.text or entity.text in new:
        return None
    the = "the " if entity.text.lower().startswith("the ") else ""
    the = the.capitalize() if entity.start == 0 else the
    return doc.text[: entity.start_char] + the + new + doc.text[entity.end_char :]


def opposite(doc: Any, donors: Donors, draw: np.random.Generator) -> str | None:
    """A word by its opposite."""
    return replace_opposite(doc.text, draw)


def negation(doc: Any, donors: Donors, draw: np.random.Generator) -> str | None:
    """'is' as 'is not', and back."""
    text = doc.text
    found: list[tuple[int, int, str]] = []
    for match in _SHORT_NEGATION.finditer(text):
        found.append((*match.span(), match.group(1)))
    for match in _NEGATED.finditer(text):
        if match.group(2):
            found.append((match.start(), match.end(), f"{match.group(1)} "))
        elif doc.char_span(*match.span(1)) is not None and _takes_not(doc.char_span(*match.span(1))[0]):
            found.append((match.start(), match.end(), f"{match.group(1)} not "))
    if not found:
        return None
    start, end, new = found[int(draw.integers(len(found)))]
    return text[:start] + new + text[end:]


def stage(doc: Any, donors: Donors, draw: np.random.Generator) -> str | None:
    """What was done as what will be, what may be as what is."""
    found = [(m, new) for pattern, news in _STAGES.items() for m in re.finditer(pattern, doc.text) for new in news]
    if not found:
        return None
    match, new = found[int(draw.integers(len(found)))]
    return doc.text[: match.start()] + new.format(*match.groups()) + doc.text[match.end() :]


def word(doc: Any, donors: Donors, draw: np.random.Generator) -> str | None:
    """One noun, verb or adjective by another of its form."""
    found = [
        t for t in doc if t.tag_ in donors.words and t.text.islower() and t.lemma_ not in LIGHT and t.pos_ != "AUX"
    ]
    if not found:
        return None
    token = found[int(draw.integers(len(found)))]
    options = donors.words[token.tag_]
    new = options[int(draw.integers(len(options)))]
    if new[:4] == token.text[:4] or (new[0] in "aeiou") != (token.text[0] in "aeiou"):
        return None
    return doc.text[: token.idx] + new + doc.text[token.idx + len(token) :]


def added(doc: Any, donors: Donors, draw: np.random.Generator) -> str | None:
    """An adjective before a noun, or a hedge before a verb, that the premise does not have."""
    nouns = [t for t in doc if t.tag_ in ("NN", "NNS") and t.i and doc[t.i - 1].lower_ == "the"]
    verbs = [t for t in doc if t.tag_ == "VBD" and t.i and t.pos_ == "VERB" and doc[t.i - 1].pos_ != "PART"]
    options = donors.words.get("JJ", ())
    if nouns and options and draw.random() < 0.6:
        token, new = nouns[int(draw.integers(len(nouns)))], options[int(draw.integers(len(options)))]
    elif verbs:
        token, new = verbs[int(draw.integers(len(verbs)))], _HEDGES[int(draw.integers(len(_HEDGES)))]
    else:
        return None
    return f"{doc.text[: token.idx]}{new} {doc.text[token.idx :]}"


CHANGES: Mapping[str, Change] = {
    "number": number,
    "bound": bound,
    "name": name,
    "opposite": opposite,
    "negation": negation,
    "stage": stage,
    "word": word,
    "added": added,
}


def _takes_not(token: Any) -> bool:
    if token.lower_ in ("has", "have", "had", "does", "do", "did"):
        return token.pos_ == "AUX"
    return True


def _other_number(text: str, draw: np.random.Generator) -> str:
    """A number near this one, written alike."""
    plain = text.replace(",", "")
    if "." in plain:
        new = f"{float(plain) + float(draw.choice([-0.4, 0.3, 1.1, 2.5, 5])):.{len(plain.split('.')[1])}f}".lstrip("-")
        return new if new != plain else text + "5"
    value = int(plain)
    if 1500 <= value <= 2100 and "," not in text:
        return str(value + int(draw.choice([-20, -7, -3, -2, -1, 1, 2, 3, 10])))
    steps = [1, 2, 3, 5, 10, value, 2 * value + 1, max(value // 10, 1) * 3]
    down = [step for step in steps if step < value]
    step = int(draw.choice([*steps, *(-step for step in down)]))
    new_value = value + (step or 4)
    return f"{new_value:,}" if "," in text else str(new_value)
