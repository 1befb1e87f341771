"""Edits that leave something out: the longer sentence entails the shorter, the shorter not the longer."""

from typing import Any

import numpy as np

from lemonpress.nli.words import FAILS_WITHOUT, UNDROPPABLE

_CLAUSES = frozenset({"advcl", "relcl", "acl", "appos", "prep", "npadvmod"})
_OWNERS = frozenset({"dobj", "attr", "pobj", "nsubj", "nsubjpass"})


def shortened(doc: Any, draw: np.random.Generator) -> str | None:
    """The sentence without a closing phrase, a clause between commas, a second predicate, an adjective or an adverb.

    None where nothing can be left out safely: sentences with a negation, a condition, a quantifier or a superlative
    are not touched.
    """
    if any(token.lower_ in FAILS_WITHOUT or token.tag_ in ("JJS", "RBS") for token in doc):
        return None
    options = [*_phrases(doc), *_predicates(doc), *_modifiers(doc)]
    if not options:
        return None
    start, end = options[int(draw.integers(len(options)))]
    return without(doc, start, end)


def without(doc: Any, start: int, end: int) -> str:
    """The sentence without the tokens from `start` up to `end`, its commas and its capital mended."""
    if start > 0 and doc[start - 1].text == ",":
        start -= 1
        if end < len(doc) and doc[end].text == ",":
            end += 1
    elif start == 0 and end < len(doc) and doc[end].text == ",":
        end += 1
    left, right = doc[:start].text_with_ws, doc[end:].text
    glued = left.rstrip() + right if right[:1] in ".,!?;:" else left.rstrip() + " " + right
    glued = glued.strip()
    return glued[:1].upper() + glued[1:]


def _phrases(doc: Any) -> list[tuple[int, int]]:
    """Spans of phrases that can go: they close the sentence, open it before a comma, or stand between commas."""
    root = next(doc.sents).root
    body = len(doc) - 1 if doc[-1].text in ".!?" else len(doc)
    found = []
    for token in doc:
        if token.dep_ not in _CLAUSES or token.head == token:
            continue
        start, end = token.left_edge.i, token.right_edge.i + 1
        closes = end == body and start > 2
        opens = start == 0 and end < body - 2 and doc[end].text == ","
        between = start > 1 and end < body and doc[start - 1].text == "," and doc[end].text == ","
        if not (closes or opens or between) or any(t.lower_ in ("according", "as") for t in doc[start:end]):
            continue
        if _can_go(token, root, opens or between):
            found.append((start, end))
    return found


def _can_go(token: Any, root: Any, set_off: bool) -> bool:
    head = token.head
    if set_off:
        return head == root or head.dep_ in _OWNERS
    kinds = {child.dep_ for child in head.children}
    if token.dep_ == "prep" and token.lower_ in ("of", "than", "to", "like", "about"):
        return False
    if head.pos_ in ("VERB", "AUX"):
        complete = kinds & {"dobj", "attr", "acomp", "ccomp", "nsubjpass"}
        return bool(complete) and head.lemma_ not in ("name", "call", "base", "put", "consider")
    if token.dep_ in ("relcl", "acl", "prep"):
        # "the team that ..." needs its clause; "a team that ..." is a team all the same
        return head.dep_ in ("dobj", "attr") and any(t.lower_ in ("a", "an") for t in head.lefts)
    return token.dep_ == "appos"


def _predicates(doc: Any) -> list[tuple[int, int]]:
    """Spans of a closing ', and did something else' that shares the subject or has its own."""
    root = next(doc.sents).root
    body = len(doc) - 1 if doc[-1].text in ".!?" else len(doc)
    found = []
    for second in root.children:
        if second.dep_ == "conj" and second.pos_ in ("VERB", "AUX") and second.right_edge.i + 1 >= body:
            joints = [token for token in root.children if token.dep_ == "cc" and token.i < second.i]
            if joints and joints[-1].lower_ == "and" and joints[-1].i > root.i + 1:
                found.append((joints[-1].i, body))
    return found


def _modifiers(doc: Any) -> list[tuple[int, int]]:
    """Single adjectives before a noun and adverbs beside a verb."""
    found = []
    for token in doc[1:-1]:
        if token.lower_ in UNDROPPABLE or token.ent_type_ or list(token.children) or token.text[:1].isupper():
            continue
        adjective = token.dep_ == "amod" and token.tag_ == "JJ" and token.i + 1 == token.head.i
        adverb = token.dep_ == "advmod" and token.tag_ == "RB" and token.head.pos_ == "VERB"
        vowel = doc[token.i - 1].lower_ in ("a", "an") and _article(token.text) != _article(doc[token.i + 1].text)
        if (adjective and not vowel) or (adverb and token.text.endswith("ly")):
            found.append((token.i, token.i + 1))
    return found


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"
