"""Named-entity agreement."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.features import compare, listed, said
from lemonpress.critics.scores import Floats, Tables
from lemonpress.kinds import check_spacy
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import EntitySettings
from lemonpress.sources import Model

_LABELS = frozenset(
    {"PERSON", "ORG", "GPE", "LOC", "NORP", "FAC", "EVENT", "PRODUCT", "WORK_OF_ART", "LAW", "LANGUAGE"}
)
_CALENDAR = frozenset(
    listed(
        "monday tuesday wednesday thursday friday saturday sunday january february april june july august "
        "september october november december"
    )
)
# Capitalised before a name or in place of one, and often left out: they name nobody.
_TITLES = frozenset(
    listed(
        "mr mrs ms miss dr prof professor doctor sir sen senator rep representative gov governor president "
        "minister prime chief chairman chairwoman judge justice gen general col colonel lt lieutenant capt "
        "captain sgt sergeant rev reverend secretary director officer executive inc co corp ltd plc llc"
    )
)
_NO_NAMES = frozenset(listed("i i'm i'd i'll i've the a an and or but of no"))
_SHORT = {month[:3]: month for month in _CALENDAR if not month.endswith("day") and len(month) > 4} | {
    "sept": "september"
}
_SAME = (
    (re.compile(r"\bUnited States(?: of America)?\b|\bU\.S\.A\.|\bU\.S\.|\bUSA\b"), "US"),
    (re.compile(r"\bUnited Kingdom\b|\bU\.K\."), "UK"),
    (re.compile(r"\bUnited Nations\b|\bU\.N\."), "UN"),
    (re.compile(r"\bEuropean Union\b|\bE\.U\."), "EU"),
)
_INSIDE = re.compile(r"(?<=[a-z,;] )[A-Z][\w'’.-]*|(?<=[a-z,;] [\"“‘(])[A-Z][A-Z.]+\b")
_POSSESSIVE = re.compile(r"['’]s?$")


@dataclass(frozen=True)
class Names:
    """The words of a sentence's names, lower-cased.

    Attributes:
        sure: Words of entities, proper nouns, weekdays and months.
        possible: The capitalised first word where nothing says that it is a name: it may stand for one of the other
            sentence, and need not.
    """

    sure: frozenset[str]
    possible: frozenset[str] = frozenset()

    def lacks(self, other: "Names") -> frozenset[str]:
        """Names of another sentence that this one does not have."""
        return other.sure - self.sure - self.possible


@dataclass(frozen=True)
class EntityScorer:
    """1 where the names of two sentences agree, else 0; every distinct sentence of a shard is parsed once.

    Attributes:
        model: A spaCy pipeline with a tagger and named entities.
        mode: ``equal``, or ``subset``: the target has no name that the source lacks.
    """

    model: Model
    mode: Literal["equal", "subset"]
    channels: tuple[str, ...] = ("",)

    @property
    def key(self) -> str:
        return f"entities-{self.mode}:spacy {version('spacy')} {self.model.id}@{self.model.commit}"

    @property
    def symmetric(self) -> bool:
        return self.mode == "equal"

    def score(self, shard: Shard, sources: Index, targets: Index) -> Floats:
        names = self.names(shard.sentences)
        return compare(shard.sentences, sources, targets, names.__getitem__, self._agree)

    def names(self, sentences: list[str]) -> dict[str, Names]:
        """The names of each distinct sentence."""
        return _names(self.model.folder, tuple(sorted(set(sentences))))

    def differences(self, source: Names, target: Names) -> tuple[list[str], list[str]]:
        """Names that the target lacks, where it must have them all, and names that it adds."""
        missing = target.lacks(source) if self.mode == "equal" else frozenset[str]()
        return sorted(missing), sorted(source.lacks(target))

    def _agree(self, source: Names, target: Names) -> bool:
        return not any(self.differences(source, target))


@dataclass(frozen=True)
class Entities(Critic):
    """Names agree: those that spaCy finds, and capitalised words inside the sentence, which small pipelines miss.

    Names are compared word by word, so that word order, possessives, titles and dots (U.S., US) do not count; Angela
    Merkel is more than Merkel, and German is not Germany.

    Raises:
        UserError: The model is no spaCy pipeline with a tagger and named entities.
    """

    settings: EntitySettings
    model: Model
    name: str = "entities"
    cost: int = 60

    def __post_init__(self) -> None:
        check_spacy(self.model, ("tagger", "ner"), f"critic {self.name}")

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.model,)

    @property
    def scorer(self) -> EntityScorer:
        return EntityScorer(self.model, self.settings.mode)

    @property
    def key(self) -> str:
        return self.scorer.key

    @property
    def description(self) -> str:
        sides = "both sides name the same entities" if self.settings.mode == "equal" else "target adds no name"
        return f"1 where {sides}, kept at 1"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        return tables.scores(self.scorer, sources, targets)

    def keeps(self, scores: Floats) -> Mask:
        return scores == 1.0

    def reason(self, source: str, target: str) -> str:
        names = [_alone(self.model.folder, sentence) for sentence in (source, target)]
        missing, added = self.scorer.differences(*names)
        return said(_shown(missing, source, target), _shown(added, source, target))


@lru_cache(maxsize=2)
def _names(folder: Path, distinct: tuple[str, ...]) -> dict[str, Names]:
    """Names of a shard's sentences, kept while that shard is judged, for every corpus."""
    docs = _pipeline(folder).pipe([_with_short_forms(sentence) for sentence in distinct], batch_size=128)
    return {sentence: read_names(doc) for sentence, doc in zip(distinct, docs, strict=True)}


@lru_cache(maxsize=1 << 12)
def _alone(folder: Path, sentence: str) -> Names:
    """Names of one sentence, for reasons: many pairs share it."""
    return read_names(_pipeline(folder)(_with_short_forms(sentence)))


@lru_cache(maxsize=1)
def _pipeline(folder: Path) -> Any:
    """One pipeline for all corpora that name it."""
    import spacy

    return spacy.load(folder, exclude=["parser", "lemmatizer", "attribute_ruler", "senter"])


def read_names(doc: Any) -> Names:
    """The names of a spaCy document, word by word, without articles, titles and possessives."""
    spans = [entity.text for entity in doc.ents if entity.label_ in _LABELS] + _INSIDE.findall(doc.text)
    spans += [token.text for token in doc if token.tag_ in ("NNP", "NNPS")]
    sure = {word for span in spans for word in _name_words(span)}
    words = [token for token in doc if token.is_alpha]
    sure |= {token.lower_ for token in words if token.lower_ in _CALENDAR and token.is_title}
    first = words[0] if words else None
    possible = set(_name_words(first.text)) if first is not None and not first.is_stop else set()
    return Names(frozenset(sure), frozenset(possible - sure))


def _name_words(span: str) -> list[str]:
    words = (_POSSESSIVE.sub("", word.strip('.,;:!?"“”()[]‘')) for word in re.split(r"[\s/–—-]+", span))
    plain = [_plain(word) for word in words if any(letter.isupper() for letter in word)]
    return [_SHORT.get(word, word) for word in plain if word not in _TITLES | _NO_NAMES]


def _plain(word: str) -> str:
    """Without case, dots and accents."""
    letters = unicodedata.normalize("NFKD", word.replace(".", ""))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def _with_short_forms(sentence: str) -> str:
    for pattern, short in _SAME:
        sentence = pattern.sub(short, sentence)
    return sentence


def _shown(words: list[str], *sentences: str) -> list[str]:
    """Words as one of the sentences spells them."""
    texts = [_with_short_forms(sentence) for sentence in sentences]
    spelling = {key: word for text in texts for word in re.findall(r"\w+", text) for key in _name_words(word)}
    return [spelling.get(word, word) for word in words]
