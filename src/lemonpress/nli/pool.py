"""In-domain rows, built by rule from the sentences of a pressed pool and the paragraphs that it continues."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.errors import UserError
from lemonpress.nli.change import CHANGES, Donors, gather_donors
from lemonpress.nli.mining import mined_rows
from lemonpress.nli.restate import RESTATEMENTS, swapped_roles
from lemonpress.nli.rows import CONTRADICTION, ENTAILMENT, NEUTRAL, NOT_ENTAILMENT, NliRow
from lemonpress.nli.shorten import shortened
from lemonpress.nli.stages import gather_forms, restage, settled
from lemonpress.nli.words import COMMON
from lemonpress.reading import json_value, text_lines

_CONTENT = frozenset({"NOUN", "VERB", "ADJ", "PROPN", "NUM"})
_SMALL_ADVERBS = frozenset({"now", "also", "currently", "then", "so", "there"})
_BAR_FROM = 500  # sentences; fewer are parsed in a moment
_EDITED = 0.35  # share of rows with a harmless edit on one side, so that an edit by itself says nothing


@dataclass
class Pool:
    """Parsed sentences by context, and what replaces words in them.

    Attributes:
        contexts: Parsed sentences of each context; distinct within one.
        donors: Names and words of all of them.
    """

    contexts: list[list[Any]]
    donors: Donors = field(init=False)

    def __post_init__(self) -> None:
        self.donors = gather_donors([doc for docs in self.contexts for doc in docs])


def read_pool(starter: Path, paragraphs: Path) -> list[list[str]]:
    """Distinct sentences of each context of a pressed pool, the context's own sentences first.

    Args:
        starter: Folder with ``sentences/*/sentences.parquet``.
        paragraphs: JSON lines with ``text``; its sentences join the context that has this text.

    Raises:
        UserError: A folder or file is missing or holds nothing.
    """
    import pyarrow.parquet as pq

    from lemonpress.splitting import first_sentence

    files = sorted((starter / "sentences").glob("*/sentences.parquet"))
    if not files:
        raise UserError(f"{starter}: holds no sentences/*/sentences.parquet; give the folder of a pressed pool")
    if not paragraphs.is_file():
        raise UserError(f"{paragraphs}: no such file; give JSON lines with 'text'")
    texts = {_paragraph(line, f"{paragraphs}, line {number}") for number, line in text_lines(paragraphs, "pool.texts")}
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    rows.sort(key=lambda row: row["context_id"])
    contexts = []
    for row in rows:
        own = list(_split(row["context"], first_sentence)) if row["context"] in texts else []
        contexts.append(list(dict.fromkeys([*own, *row["sentences"]])))
    return contexts


def split_contexts(contexts: Sequence[Any], held_out: float, seed: int) -> tuple[list[Any], list[Any]]:
    """Contexts to train on, and a seeded share kept for evaluation."""
    order = np.random.default_rng([seed, 17]).permutation(len(contexts))
    kept = max(1, round(held_out * len(contexts)))
    chosen = set(order[:kept].tolist())
    return (
        [context for index, context in enumerate(contexts) if index not in chosen],
        [contexts[index] for index in sorted(chosen)],
    )


def parse(contexts: Sequence[Sequence[str]], parser: Path) -> Pool:
    """Parse a pool's sentences with a spaCy pipeline."""
    import spacy
    from tqdm import tqdm

    pipeline = spacy.load(parser)
    total = sum(map(len, contexts))
    texts = (text for context in contexts for text in context)
    docs = iter(
        tqdm(
            pipeline.pipe(texts, batch_size=256),
            total=total,
            desc="  parse",
            unit="sentence",
            leave=False,
            disable=None if total >= _BAR_FROM else True,
        )
    )
    return Pool([[next(docs) for _ in context] for context in contexts])


def pool_rows(pool: Pool, seed: int) -> dict[str, list[NliRow]]:
    """Every in-domain row that the rules make of a pool, by kind; the same pool and seed give the same rows.

    Returns:
        Lists under the names of `POOL_KINDS`.
    """
    return {
        kind: list(dict.fromkeys(make(pool, np.random.default_rng([seed, *kind.encode()]))))
        for kind, make in _MAKERS.items()
    }


def changed_rows(texts: Sequence[str], parser: Path, seed: int) -> list[NliRow]:
    """Each sentence with a number, a name or its polarity changed, for measuring.

    Args:
        texts: Sentences; what replaces names is taken from them.
        parser: A spaCy pipeline.
        seed: Seed of the choices.

    Returns:
        Rows from a sentence to its changed self; sources ``changed-`` with the kind: number, name, opposite, negation.
    """
    pool = parse([texts], parser)
    draw = np.random.default_rng([seed, 67])
    return [
        NliRow(doc.text, text, NOT_ENTAILMENT, f"changed-{kind}")
        for doc in _docs(pool)
        for kind in ("number", "name", "opposite", "negation")
        if (text := CHANGES[kind](doc, pool.donors, draw)) is not None and text != doc.text
    ]


def restated(doc: Any, draw: np.random.Generator) -> tuple[str, str] | None:
    """Another wording by one applicable rule, and the rule's name."""
    for position in draw.permutation(len(RESTATEMENTS)):
        rule = RESTATEMENTS[position]
        text = rule(doc, draw)
        if text is not None and text != doc.text:
            return text, rule.__name__
    return None


def _docs(pool: Pool) -> Iterator[Any]:
    return (doc for docs in pool.contexts for doc in docs)


def _perhaps(doc: Any, draw: np.random.Generator) -> str:
    """The sentence, or with a chance of `_EDITED` a restatement of it."""
    if draw.random() < _EDITED:
        other = restated(doc, draw)
        if other is not None:
            return other[0]
    return doc.text


def _identical(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    for doc in _docs(pool):
        yield NliRow(doc.text, doc.text, ENTAILMENT, "identical")


def _restated(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    for doc in _docs(pool):
        seen = set()
        for rule in RESTATEMENTS:
            text = rule(doc, draw)
            if text is None or text == doc.text or text in seen:
                continue
            seen.add(text)
            source = f"restated-{rule.__name__}"
            first, second = (doc.text, text) if draw.random() < 0.5 else (text, doc.text)
            yield NliRow(first, second, ENTAILMENT, source)
        if len(seen) > 1:
            first, second, *_ = draw.permutation(sorted(seen))
            yield NliRow(str(first), str(second), ENTAILMENT, "restated-twice")


def _reworded(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    """Sentences of one context that claim the same of the same subject, in other order or with other small words."""
    for docs in pool.contexts:
        alike: dict[tuple[Any, ...], list[str]] = {}
        for doc in docs:
            alike.setdefault(_claim(doc), []).append(doc.text)
        for texts in alike.values():
            for first, second in pairwise(texts):
                yield NliRow(first, second, ENTAILMENT, "reworded")
                yield NliRow(second, first, ENTAILMENT, "reworded")


def _staged(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    forms = gather_forms(list(_docs(pool)))
    for doc in _docs(pool):
        versions = restage(doc, forms, draw)
        if versions is None:
            continue
        own, same, other = versions
        if own.text != same.text and own.stage != "now":
            first, second = (own, same) if draw.random() < 0.5 else (same, own)
            yield NliRow(first.text, second.text, ENTAILMENT, "staged-same")
        for first, second in ((same, other), (other, own)):
            if settled(first.stage, second.stage):
                yield NliRow(first.text, second.text, NOT_ENTAILMENT, "staged-other")


def _shortened(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    for doc in _docs(pool):
        text = shortened(doc, draw)
        if text is None or len(text.split()) < 3:
            continue
        yield NliRow(_perhaps(doc, draw), text, ENTAILMENT, "shortened")
        yield NliRow(text, _perhaps(doc, draw), NEUTRAL, "lengthened")


def _changed(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    for doc in _docs(pool):
        for kind, change in CHANGES.items():
            text = change(doc, pool.donors, draw)
            if text is None or text == doc.text:
                continue
            label = CONTRADICTION if kind == "negation" else NOT_ENTAILMENT
            if kind == "added":
                yield NliRow(_perhaps(doc, draw), text, label, "changed-added")
                continue
            pair = (_perhaps(doc, draw), text)
            if kind not in ("stage", "bound") and draw.random() < 0.5:
                pair = (text, pair[0])
            yield NliRow(*pair, label, f"changed-{kind}")


def _swapped(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    for doc in _docs(pool):
        text = swapped_roles(doc, draw)
        if text is not None and text != doc.text:
            yield NliRow(doc.text, text, NOT_ENTAILMENT, "swapped")


def _same_context(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    """Pairs whose hypothesis claims what the premise does not name; half of them the nearest in words."""
    for docs in pool.contexts:
        contents = [_content(doc) for doc in docs]
        for index, doc in enumerate(docs):
            scored = [
                (len(contents[index] & contents[other]) / max(len(contents[other]), 1), other)
                for other in range(len(docs))
                if other != index and _claims_more(contents[index], contents[other], docs[other])
            ]
            if not scored:
                continue
            nearest = sorted(scored, key=lambda pair: (-pair[0], pair[1]))[: 1 + int(draw.integers(4))]
            picks = {nearest[-1][1], scored[int(draw.integers(len(scored)))][1]}
            for other in sorted(picks):
                yield NliRow(_perhaps(doc, draw), docs[other].text, NOT_ENTAILMENT, "same-context")


def _other_context(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    for index, docs in enumerate(pool.contexts):
        others = [position for position in range(len(pool.contexts)) if position != index and pool.contexts[position]]
        for doc in docs[::4] if others else []:
            there = pool.contexts[others[int(draw.integers(len(others)))]]
            yield NliRow(doc.text, there[int(draw.integers(len(there)))].text, NEUTRAL, "other-context")


def _mined(pool: Pool, draw: np.random.Generator) -> Iterator[NliRow]:
    for docs in pool.contexts:
        yield from mined_rows(docs)


_MAKERS: dict[str, Callable[[Pool, np.random.Generator], Iterator[NliRow]]] = {
    "identical": _identical,
    "restated": _restated,
    "reworded": _reworded,
    "staged": _staged,
    "shortened": _shortened,
    "changed": _changed,
    "swapped": _swapped,
    "mined": _mined,
    "same_context": _same_context,
    "other_context": _other_context,
}
POOL_KINDS = tuple(_MAKERS)
"""Kinds of rows that the rules make of a pool."""


def _claim(doc: Any) -> tuple[Any, ...]:
    """What must agree for two sentences to say the same: words, names, subject, time and polarity."""
    root = next(doc.sents).root
    words = tuple(
        sorted(
            token.lemma_.lower()
            for token in doc
            if (token.pos_ in _CONTENT or token.pos_ == "ADV") and token.lower_ not in _SMALL_ADVERBS
        )
    )
    subject = frozenset(t.lemma_.lower() for t in root.children if t.dep_ in ("nsubj", "nsubjpass"))
    times = frozenset(t.tag_ for t in doc if t.pos_ in ("VERB", "AUX") and t.tag_ in ("VBD", "VBN", "MD"))
    modals = frozenset(t.lower_ for t in doc if t.tag_ == "MD" or t.dep_ in ("neg", "expl", "prt"))
    places = tuple(
        sorted(t.lower_ for t in doc if t.pos_ == "ADP" and t.lower_ not in ("of", "on", "in", "at", "for"))
    )
    return words, subject, times, modals, places


def _content(doc: Any) -> frozenset[str]:
    """Stems of the words that carry what a sentence says."""
    return frozenset(
        token.lemma_.lower()[:5] for token in doc if token.pos_ in _CONTENT and token.lemma_.lower() not in COMMON
    )


def _claims_more(premise: frozenset[str], hypothesis: frozenset[str], doc: Any) -> bool:
    """Whether the hypothesis has a noun, name or number unlike any word of the premise."""
    new = hypothesis - premise
    return any(token.pos_ in ("NOUN", "PROPN", "NUM") and token.lemma_.lower()[:5] in new for token in doc)


def _paragraph(line: str, where: str) -> str:
    found = json_value(line, where)
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise UserError(f"{where}: has no 'text'; write one object with it a line")
    return str(found["text"])


def _split(text: str, first_sentence: Callable[[str], str | None]) -> Iterator[str]:
    from sentencex import segment

    for sentence in segment("en", text):
        if sentence.strip():
            yield sentence.strip()


def pool_digest(contexts: Sequence[Sequence[str]]) -> str:
    """SHA-256 over a pool's sentences."""
    return hashlib.sha256(json.dumps([list(context) for context in contexts]).encode()).hexdigest()
