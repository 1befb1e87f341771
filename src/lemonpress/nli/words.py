"""The word lists of the row rules, read from words.yaml beside this module."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

_WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text(encoding="utf-8"))


def both_ways(groups: Mapping[str, Iterable[str]], only_as_results: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """What may replace each word, in lower case, given groups of a word and those that it goes with."""
    table: dict[str, tuple[str, ...]] = {}
    for first, others in groups.items():
        for other in others:
            table[first.lower()] = (*table.get(first.lower(), ()), other)
            table[other.lower()] = (*table.get(other.lower(), ()), first)
    barred = set(only_as_results)
    return {word: options for word, options in table.items() if word not in barred}


class Replacer:
    """Replaces one word of a sentence by another of a table."""

    def __init__(self, table: Mapping[str, tuple[str, ...]]) -> None:
        self.table = table
        words = "|".join(re.escape(word) for word in sorted(table, key=len, reverse=True))
        self._finder = re.compile(rf"(?<![\w'’-])(?:{words})(?![\w'’-])", re.IGNORECASE)

    def __call__(self, sentence: str, draw: np.random.Generator) -> str | None:
        """The sentence with one of the table's words replaced, its capital kept; None where none occurs."""
        found = list(self._finder.finditer(sentence))
        if not found:
            return None
        match = found[int(draw.integers(len(found)))]
        options = self.table[match.group().lower()]
        new = options[int(draw.integers(len(options)))]
        if match.group()[0].isupper():
            new = new[0].upper() + new[1:]
        return sentence[: match.start()] + new + sentence[match.end() :]


replace_opposite = Replacer(both_ways(_WORDS["opposites"]))
replace_equivalent = Replacer(both_ways(_WORDS["equivalents"], _WORDS["equivalents_only_as_results"]))
replace_spelling = Replacer(both_ways(_WORDS["spellings"]))
replace_short_form = Replacer(both_ways(_WORDS["short_forms"], _WORDS["short_forms_only_as_results"]))

NUMBERS: dict[str, str] = _WORDS["numbers"]
ORDINALS, SCALES, WEEKDAYS, MONTHS, UNITS = (
    tuple(_WORDS[kind]) for kind in ("ordinals", "scales", "weekdays", "months", "units")
)
FAILS_WITHOUT, UNDROPPABLE, LIGHT, COMMON, PRONOUNS, MUTUAL = (
    frozenset(_WORDS[kind]) for kind in ("fails_without", "undroppable", "light", "common", "pronouns", "mutual")
)
