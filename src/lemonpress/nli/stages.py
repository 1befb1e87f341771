"""How far a thing has got: done, under way, to come, planned.

Sentences of one context often differ in this alone, and a critic that overlooks it passes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_STEMS = {
    "done": ("{has}", "{has} already"),
    "now": ("{is} now", "{is} currently", "{is} in the process of", "{is} now in the process of"),
    "future": ("will", "will soon", "{is} going to", "{is} set to", "{is} to"),
    "plan": ("{is} planning to", "{is} hoping to", "{is} considering whether to", "{is} likely to", "{is} trying to"),
}
_FORM = {"done": "VBN", "now": "VBG", "future": "VB", "plan": "VB"}
_FOLLOWS = {("future", "plan")}  # what will be is planned, near enough: such pairs are given no label
_READ = {
    ("has",): "done",
    ("have",): "done",
    ("has", "already"): "done",
    ("have", "already"): "done",
    ("will",): "future",
    ("will", "soon"): "future",
    ("will", "now"): "future",
    ("is", "going", "to"): "future",
    ("are", "going", "to"): "future",
    ("is", "set", "to"): "future",
    ("are", "set", "to"): "future",
    ("is", "to"): "future",
    ("are", "to"): "future",
    ("is", "planning", "to"): "plan",
    ("are", "planning", "to"): "plan",
    ("is", "now", "planning", "to"): "plan",
    ("is", "also", "planning", "to"): "plan",
    ("is", "hoping", "to"): "plan",
    ("is", "looking", "to"): "plan",
    ("is", "now", "looking", "to"): "plan",
    ("is", "considering", "whether", "to"): "plan",
    ("is", "now"): "now",
    ("are", "now"): "now",
    ("is", "currently"): "now",
    ("are", "currently"): "now",
    ("is",): "now",
    ("are",): "now",
}
_LONGEST = max(map(len, _READ))
_OPENERS = frozenset({"going", "set", "planning", "hoping", "looking", "considering", "trying", "expected", "due"})
_KNOWN = {("be", "VBN"): "been", ("be", "VBG"): "being", ("have", "VBN"): "had", ("have", "VBG"): "having"}

Forms = Mapping[tuple[str, str], str]
"""Inflected forms of verbs, by lemma and tag."""


@dataclass(frozen=True)
class Staged:
    """A sentence at a stage.

    Attributes:
        text: The sentence.
        stage: done, now, future or plan.
    """

    text: str
    stage: str


def gather_forms(docs: Sequence[Any]) -> Forms:
    """Past participles and -ing forms that the sentences themselves show."""
    found = {
        (token.lemma_.lower(), token.tag_): token.lower_
        for doc in docs
        for token in doc
        if token.tag_ in ("VBN", "VBG") and token.is_alpha
    }
    return {**found, **_KNOWN}


def restage(doc: Any, forms: Forms, draw: np.random.Generator) -> tuple[Staged, Staged, Staged] | None:
    """The sentence as it is, at the same stage in other words, and at another stage; None where none is known."""
    for verb in doc:
        if verb.tag_ not in ("VB", "VBN", "VBG") or verb.i < 2 or verb.i + 1 == len(doc):
            continue
        if doc[verb.i + 1].lower_ in ("to", "whether") and verb.lower_ in _OPENERS:
            continue
        for length in range(_LONGEST, 0, -1):
            start = verb.i - length
            if start < 1:
                continue
            stage = _READ.get(tuple(token.lower_ for token in doc[start : verb.i]))
            if stage is None or verb.tag_ != _FORM[stage]:
                continue
            return _versions(doc, start, verb, stage, forms, draw)
    return None


def settled(premise: str, hypothesis: str) -> bool:
    """Whether a hypothesis at one stage is known not to follow from a premise at another."""
    return premise != hypothesis and (premise, hypothesis) not in _FOLLOWS


def _versions(
    doc: Any, start: int, verb: Any, stage: str, forms: Forms, draw: np.random.Generator
) -> tuple[Staged, Staged, Staged] | None:
    plural = doc[start].lower_ in ("have", "are") or doc[start - 1].tag_ in ("NNS", "NNPS") or _many(doc[start - 1])

    def write(kind: str, stem: str) -> Staged | None:
        form = verb.lemma_ if _FORM[kind] == "VB" else forms.get((verb.lemma_.lower(), _FORM[kind]))
        if form is None:
            return None
        words = stem.format(has="have" if plural else "has", **{"is": "are" if plural else "is"})
        return Staged(f"{doc[:start].text_with_ws}{words} {form}{verb.whitespace_}{doc[verb.i + 1 :].text}", kind)

    stems = [stem for stem in _STEMS[stage] if stage != "plan" or stem == "{is} planning to"]
    same = write(stage, stems[int(draw.integers(len(stems)))])
    kind = [other for other in _STEMS if other != stage][int(draw.integers(3))]
    other = write(kind, _STEMS[kind][int(draw.integers(len(_STEMS[kind])))])
    return None if same is None or other is None else (Staged(doc.text, stage), same, other)


def _many(token: Any) -> bool:
    return token.lower_ in ("they", "we", "these", "those", "people", "police")
