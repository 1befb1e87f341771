"""Named-entity agreement."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.critics.base import Floats, Mask, agreement
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import EntitySettings
from lemonpress.sources import Model

_LABELS = frozenset(
    {"PERSON", "ORG", "GPE", "LOC", "NORP", "FAC", "EVENT", "PRODUCT", "WORK_OF_ART", "LAW", "LANGUAGE"}
)
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][\w'’.-]*")
_EDGES = re.compile(r"^(?:the|a|an)\s+|['’]s?$|[.,;:]+$", re.IGNORECASE)


@dataclass(frozen=True)
class Entities:
    """Names agree: those that spaCy finds, and capitalised words inside the sentence, which small pipelines miss."""

    settings: EntitySettings
    model: Model
    name: str = "entities"
    cost: int = 60
    symmetric: bool = False

    @property
    def scorer(self) -> str:
        return f"entities-{self.settings.mode}:{self.model.id}@{self.model.commit}"

    @property
    def description(self) -> str:
        sides = "both sides name the same entities" if self.settings.mode == "equal" else "target adds no name"
        return f"1 where {sides}, kept at 1"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        wanted = np.unique(np.concatenate([sources, targets]))
        names = [frozenset[str]()] * len(shard.sentences)
        docs = _pipeline(self.model.folder).pipe([shard.sentences[position] for position in wanted], batch_size=128)
        for position, doc in zip(wanted, docs, strict=True):
            names[position] = entity_words(doc)
        return agreement(names, sources, targets, self.settings.mode)

    def keeps(self, scores: Floats) -> Mask:
        return scores == 1.0


@lru_cache(maxsize=1)
def _pipeline(folder: Path) -> Any:
    """One pipeline for all corpora that name it."""
    import spacy

    return spacy.load(folder, exclude=["parser", "tagger", "lemmatizer", "attribute_ruler", "senter"])


def entity_words(doc: Any) -> frozenset[str]:
    """The names of a spaCy document, lower-cased, word by word, without articles and possessives."""
    spans = [entity.text for entity in doc.ents if entity.label_ in _LABELS] + _NAME.findall(doc.text)
    words = (_EDGES.sub("", word) for span in spans for word in _EDGES.sub("", span).split())
    return frozenset(word.casefold() for word in words if word[:1].isupper())
