"""Edits that keep what a sentence says: each takes a parsed sentence and gives another wording of it, or None."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from lemonpress.nli.words import (
    MUTUAL,
    NUMBERS,
    PRONOUNS,
    WEEKDAYS,
    replace_equivalent,
    replace_short_form,
    replace_spelling,
)

_DIGITS = {digits: word for word, digits in NUMBERS.items()}
_SAID_THAT = re.compile(r"\b(said|says|believes|announced|confirmed|hopes|hoped|thinks) that\b")
_SAID = re.compile(r"\b(said|says|believes|announced|confirmed) (?=(?:he|she|it|they|the|there|his|her|their|a)\b)")
_OPENING_COMMA = re.compile(r"^((?:In|On|At|By|After|Before|During|Since|Last|This|Next) [^,]{3,40}), ")
_ON_DAY = re.compile(rf"\bon ({'|'.join(WEEKDAYS)})\b(?=[.,]|$)")
_PER_CENT = re.compile(r"(?<=\d) ?(?:%|per cent\b|percent\b)")
_NUMBER = re.compile(rf"(?<![\w$£€.,-])(?:{'|'.join(NUMBERS)})(?= [a-z]+s\b)", re.IGNORECASE)
_SMALL = re.compile(r"(?<![\w$£€.,:/-])\d{1,2}(?= [a-z]+s\b)")
_PLACES = frozenset({"DATE", "TIME", "GPE", "LOC", "FAC", "EVENT"})


def equivalent_word(doc: Any, draw: np.random.Generator) -> str | None:
    """One word or phrase for another that means the same."""
    return replace_equivalent(doc.text, draw)


def spelling(doc: Any, draw: np.random.Generator) -> str | None:
    """British for American spelling, and back."""
    return replace_spelling(doc.text, draw)


def short_form(doc: Any, draw: np.random.Generator) -> str | None:
    """Contractions made and undone."""
    return replace_short_form(doc.text, draw)


def number_words(doc: Any, draw: np.random.Generator) -> str | None:
    """'twelve boats' as '12 boats', and back."""
    text = doc.text
    written = [(m, NUMBERS[m.group().lower()]) for m in _NUMBER.finditer(text) if m.start() > 0]
    written += [(m, _DIGITS[m.group()]) for m in _SMALL.finditer(text) if m.group() in _DIGITS and m.start() > 0]
    if not written:
        return None
    match, new = written[int(draw.integers(len(written)))]
    return text[: match.start()] + new + text[match.end() :]


def per_cent(doc: Any, draw: np.random.Generator) -> str | None:
    """'10%', '10 percent' and '10 per cent' for one another."""
    return _changed(doc.text, _PER_CENT.sub(("%", " percent", " per cent")[int(draw.integers(3))], doc.text))


def small_words(doc: Any, draw: np.random.Generator) -> str | None:
    """'said that he' as 'said he', 'on Monday' as 'Monday', 'In May, it' as 'In May it'; and some back."""
    text = doc.text
    options = {
        _SAID_THAT.sub(r"\1", text, count=1),
        _SAID.sub(r"\1 that ", text, count=1),
        _OPENING_COMMA.sub(r"\1 ", text),
        _ON_DAY.sub(r"\1", text, count=1),
    } - {text}
    return sorted(options)[int(draw.integers(len(options)))] if options else None


def fronted(doc: Any, draw: np.random.Generator) -> str | None:
    """A closing phrase of time or place moved to the front: 'It opens in May.' as 'In May, it opens.'"""
    body, stop = _body(doc)
    root = _root(doc)
    phrase = _last_phrase(root, body)
    if phrase is None or doc[0].dep_ == "mark" or len(phrase) > 6 or not _stands_alone(root):
        return None
    start = phrase[0].i
    if start < 3 or doc[start - 1].text == ",":
        return None
    return f"{_upper(doc[start:body].text)}, {_lower(doc[0])}{doc[1:start].text_with_ws.strip()}{stop}"


def unfronted(doc: Any, draw: np.random.Generator) -> str | None:
    """An opening phrase of time or place moved to the end: 'In May, it opens.' as 'It opens in May.'"""
    body, stop = _body(doc)
    root = _root(doc)
    first = next((child for child in root.children if child.dep_ in ("prep", "npadvmod")), None)
    if first is None:
        return None
    phrase = list(first.subtree)
    end = phrase[-1].i + 1
    if phrase[0].i != 0 or end + 2 >= body or doc[end].text != "," or not _of_place(phrase):
        return None
    if any(token.text in ',;:"' for token in doc[end + 1 : body]):
        return None
    return f"{_upper(doc[end + 1 : body].text)} {_lower(doc[0])}{doc[1:end].text}{stop}"


def voice(doc: Any, draw: np.random.Generator) -> str | None:
    """'X approved Y' as 'Y was approved by X', and back; regular verbs in the past only."""
    return _to_passive(doc, exchanged=False) or _to_active(doc, exchanged=False)


def future(doc: Any, draw: np.random.Generator) -> str | None:
    """'will be playing' as 'will play'."""
    for token in doc[:-2]:
        first, second = token.nbor(1), token.nbor(2)
        if token.lower_ == "will" and first.lower_ == "be" and second.tag_ == "VBG" and second.pos_ == "VERB":
            return f"{doc[: token.i + 1].text} {second.lemma_}{second.whitespace_}{doc[second.i + 1 :].text}"
    return None


def possessive(doc: Any, draw: np.random.Generator) -> str | None:
    """'the club's owner' as 'the owner of the club', and back."""
    for token in doc[:-3]:
        owner, mark, thing = token.nbor(1), token.nbor(2), token.nbor(3)
        if token.lower_ != "the" or owner.tag_ not in ("NN", "NNS"):
            continue
        if mark.tag_ == "POS" and thing.tag_ in ("NN", "NNS") and thing.dep_ != "compound":
            phrase = f"{token.text} {thing.text} of the {owner.text}"
            end = thing
        elif mark.lower_ == "of" and thing.lower_ == "the" and thing.i + 1 < len(doc):
            end = thing.nbor(1)
            if end.tag_ != "NN" or list(end.rights) or end.dep_ != "pobj":
                continue
            phrase = f"{token.text} {end.text}'s {owner.text}"
        else:
            continue
        return f"{doc[: token.i].text_with_ws}{phrase}{end.whitespace_}{doc[end.i + 1 :].text}"
    return None


def reported(doc: Any, draw: np.random.Generator) -> str | None:
    """'X said (that) S.' as 'S, X said.', and back where the sentence ends so."""
    body, stop = _body(doc)
    root = _root(doc)
    subject = next((child for child in root.children if child.dep_ == "nsubj"), None)
    clause = next((child for child in root.children if child.dep_ == "ccomp"), None)
    if root.lower_ not in ("said", "says") or subject is None or clause is None or '"' in doc.text:
        return None
    if subject.left_edge.i == 0 and root.i + 1 < clause.left_edge.i + 1 and clause.right_edge.i == body - 1:
        start = clause.left_edge.i
        if start != root.i + 1:
            return None
        start += int(doc[start].lower_ == "that")
        said = f"{_lower(doc[0])}{doc[1 : root.i + 1].text}".strip()
        return f"{_upper(doc[start:body].text)}, {said}{stop}"
    if clause.left_edge.i == 0 and root.i == body - 1 and doc[clause.right_edge.i + 1].text == ",":
        said = f"{_upper(doc[subject.left_edge.i : subject.right_edge.i + 1].text)} {root.text} that"
        return f"{said} {_lower(doc[0])}{doc[1 : clause.right_edge.i + 1].text}{stop}"
    return None


RESTATEMENTS: tuple[Callable[[Any, np.random.Generator], str | None], ...] = (
    equivalent_word,
    spelling,
    short_form,
    number_words,
    per_cent,
    small_words,
    fronted,
    unfronted,
    voice,
    future,
    possessive,
    reported,
)


def swapped_roles(doc: Any, draw: np.random.Generator) -> str | None:
    """'X sued Y' as 'Y sued X', or as 'X was sued by Y': what it says changes, its words hardly."""
    return _to_passive(doc, exchanged=True) or _to_active(doc, exchanged=True) or _exchanged(doc)


def _to_passive(doc: Any, exchanged: bool) -> str | None:
    """The passive of an active clause; with `exchanged`, of the clause with subject and object exchanged."""
    parts = _transitive(doc)
    if parts is None:
        return None
    subject, verb, thing, stop = parts
    if not verb.lower_.endswith("ed") or verb.tag_ != "VBD" or any(t.dep_ in ("aux", "neg") for t in verb.children):
        return None
    agent, patient = (thing, subject) if exchanged else (subject, thing)
    rest = doc[thing[-1].i + 1 : _body(doc)[0]].text
    was = "were" if patient.root.tag_ in ("NNS", "NNPS") or patient.root.conjuncts else "was"
    by = f"{_lower(agent[0])}{agent[1:].text}".strip() if len(agent) > 1 else _lower(agent[0]).strip()
    tail = f" {rest}" if rest else ""
    return f"{_upper(patient.text)} {was} {verb.text} by {by}{tail}{stop}"


def _to_active(doc: Any, exchanged: bool) -> str | None:
    root = _root(doc)
    body, stop = _body(doc)
    kinds = {child.dep_: child for child in root.children}
    subject, by, helper = kinds.get("nsubjpass"), kinds.get("agent"), kinds.get("auxpass")
    if subject is None or by is None or helper is None or helper.lower_ not in ("was", "were"):
        return None
    if not root.lower_.endswith("ed") or by.i != root.i + 1 or "neg" in kinds or "aux" in kinds:
        return None
    if helper.i + 1 != root.i or subject.left_edge.i != 0 or helper.i != subject.right_edge.i + 1:
        return None
    agent = doc[by.i + 1 : by.right_edge.i + 1]
    patient = doc[0 : helper.i]
    if patient[-1].text == "," or "conj" in kinds:
        return None
    # "by helicopter" and "by opening it" name no agent
    if not len(agent) or agent[0].tag_ not in ("DT", "PRP$", "NNP", "CD", "NNS") or patient[0].lower_ in PRONOUNS:
        return None
    rest = doc[by.right_edge.i + 1 : body].text
    first, second = (patient, agent) if exchanged else (agent, patient)
    lowered = f"{_lower(second[0])}{second[1:].text}".strip() if len(second) > 1 else _lower(second[0]).strip()
    tail = f" {rest}" if rest else ""
    return f"{_upper(first.text)} {root.text} {lowered}{tail}{stop}"


def _exchanged(doc: Any) -> str | None:
    parts = _transitive(doc)
    if parts is None or parts[1].lemma_ in MUTUAL:
        return None
    subject, _, thing, stop = parts
    middle = doc[subject[-1].i + 1 : thing[0].i].text
    rest = doc[thing[-1].i + 1 : _body(doc)[0]].text
    lowered = f"{_lower(subject[0])}{subject[1:].text}".strip() if len(subject) > 1 else _lower(subject[0]).strip()
    tail = f" {rest}" if rest else ""
    return f"{_upper(thing.text)} {middle} {lowered}{tail}{stop}"


def _transitive(doc: Any) -> tuple[Any, Any, Any, str] | None:
    """Subject span, verb, object span and final stop of a plain transitive sentence."""
    root = _root(doc)
    kinds = {child.dep_: child for child in root.children}
    subject, thing = kinds.get("nsubj"), kinds.get("dobj")
    if root.pos_ != "VERB" or subject is None or thing is None or kinds.keys() & {"dative", "prt", "expl", "conj"}:
        return None
    first = doc[subject.left_edge.i : subject.right_edge.i + 1]
    second = doc[thing.left_edge.i : thing.right_edge.i + 1]
    if first.start != 0 or second.start < root.i or first[0].lower_ in PRONOUNS or second[0].lower_ in PRONOUNS:
        return None
    if len(first) > 8 or len(second) > 8 or "," in first.text + second.text:
        return None
    if second[0].tag_ == "PRP$" or thing.lemma_ in ("part", "place", "way", "chance", "effect", "time"):
        return None
    return first, root, second, _body(doc)[1]


def _last_phrase(root: Any, body: int) -> list[Any] | None:
    for child in reversed(list(root.children)):
        if child.dep_ in ("prep", "npadvmod"):
            phrase = list(child.subtree)
            if phrase[-1].i == body - 1 and phrase[-1].i - phrase[0].i == len(phrase) - 1 and _of_place(phrase):
                return phrase
    return None


def _of_place(phrase: list[Any]) -> bool:
    timed = any(token.ent_type_ in _PLACES for token in phrase)
    return timed and phrase[0].lower_ in (
        "in",
        "on",
        "at",
        "during",
        "after",
        "before",
        "since",
        "last",
        "next",
        "this",
    )


def _stands_alone(root: Any) -> bool:
    """Whether the clause says something without its closing phrase: 'it is' does not."""
    return bool({child.dep_ for child in root.children} & {"dobj", "attr", "acomp", "nsubjpass", "ccomp"})


def _root(doc: Any) -> Any:
    return next(doc.sents).root


def _body(doc: Any) -> tuple[int, str]:
    """Number of tokens before the final stop, and the stop."""
    return (len(doc) - 1, doc[-1].text) if doc[-1].text in ".!?" else (len(doc), "")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(token: Any) -> str:
    """A sentence's first word as it is written inside one, with the white space after it."""
    kept = token.pos_ == "PROPN" or token.ent_type_ in ("PERSON", "ORG", "GPE", "NORP", "FAC", "LOC")
    kept = (kept and token.lower_ not in ("the", "a", "an")) or token.text == "I" or token.text.isupper()
    kept = kept or token.text in WEEKDAYS
    return token.text_with_ws if kept else token.text_with_ws[:1].lower() + token.text_with_ws[1:]


def _changed(old: str, new: str) -> str | None:
    return new if new != old else None
