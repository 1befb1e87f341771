"""Syntax: paraphrases whose parses differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.scores import Floats, Tables
from lemonpress.pairs import Index
from lemonpress.recipes import SyntaxSettings
from lemonpress.sources import Model
from lemonpress.syntax.cache import parse_cached
from lemonpress.syntax.parsers import Parser
from lemonpress.syntax.thresholds import THRESHOLDS

if TYPE_CHECKING:
    from lemonpress.syntax.distance import Forest


@dataclass(frozen=True)
class Syntax(Critic):
    """Tree edit distance of the two parses, from a threshold on (paper, section 3.2; SGCP's preprocessing).

    Only the sentences of pairs that got this far are parsed, each once. spaCy is so fast that it comes before the NLI
    model, Stanza after it. The verdict needs no more than "is it at least the threshold?", so most distances are never
    computed to the end; kept pairs show theirs in full.

    Attributes:
        settings: As in the recipe.
        parser: What parses.
        models: The parser's model, where it is a pinned one.
    """

    settings: SyntaxSettings
    parser: Parser
    models: tuple[Model, ...] = ()
    name: str = "syntax"

    @property
    def cost(self) -> int:
        return 65 if self.parser.name == "spacy" else 80

    @property
    def least(self) -> int:
        """Smallest distance that passes."""
        return self.settings.min if self.settings.min is not None else THRESHOLDS[self.parser.name]

    @property
    def key(self) -> str:
        return f"{self.parser.key}>={self.least}"

    @property
    def description(self) -> str:
        return f"tree edit distance of {self.parser.name} parses, kept from {self.least}"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        """The distance where it is below the threshold, else the threshold."""
        from lemonpress.syntax.distance import at_least, distances

        forest, left, right = self._parse(tables.shard.sentences, sources, targets)
        scores = np.full(len(sources), float(self.least))
        near = np.flatnonzero(~at_least(forest, left, right, self.least))
        scores[near] = distances(forest, left[near], right[near])
        return scores

    def keeps(self, scores: Floats) -> Mask:
        return scores >= self.least

    def report(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        from lemonpress.syntax.distance import distances

        return distances(*self._parse(tables.shard.sentences, sources, targets)).astype(np.float64)

    def _parse(self, sentences: Sequence[str], sources: Index, targets: Index) -> tuple["Forest", Index, Index]:
        """Trees of the pairs' distinct sentences, and the pairs as positions among them, the smaller first."""
        from lemonpress.syntax.distance import encode

        wanted, place = np.unique(np.concatenate([sources, targets]), return_inverse=True)
        forest = encode(parse_cached(self.parser, [sentences[position] for position in wanted]))
        one, other = place[: len(sources)], place[len(sources) :]
        return forest, np.minimum(one, other), np.maximum(one, other)
