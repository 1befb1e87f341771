"""Hard negatives of a pool: near sentences of one context of which the agreement critics prove that they disagree."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lemonpress.critics.entities import Names, read_names
from lemonpress.critics.numbers import differences
from lemonpress.critics.numerals import Reading, read_numbers
from lemonpress.critics.polarity import Polarity
from lemonpress.nli.rows import NOT_ENTAILMENT, NliRow
from lemonpress.recipes import PolaritySettings

_NEAREST = 12  # sentences that are looked at
_EACH = 2  # rows a hypothesis and kind, at most


def mined_rows(docs: list[Any]) -> Iterator[NliRow]:
    """Pairs of near sentences of one context whose hypothesis disagrees with the premise.

    A hypothesis that names a number or a name that the premise lacks does not follow from it, and neither does one
    that denies it or says the opposite. For each sentence the nearest others, by shared words, are looked at.

    Args:
        docs: Parsed sentences of one context.

    Returns:
        Rows labelled not_entailment; sources ``mined-number``, ``mined-name`` and ``mined-polarity``.
    """
    polarity = Polarity(PolaritySettings(critic="polarity"))
    numbers: list[Reading] = [read_numbers(doc.text) for doc in docs]
    names: list[Names] = [read_names(doc) for doc in docs]
    for hypothesis, nearest in enumerate(_nearest(docs)):
        rules = (
            ("number", [p for p in nearest if differences(numbers[p], numbers[hypothesis], "subset")[1]]),
            ("name", [p for p in nearest if names[p].lacks(names[hypothesis])]),
            ("polarity", [p for p in nearest if polarity.reason(docs[p].text, docs[hypothesis].text)]),
        )
        for kind, premises in rules:
            for premise in islice(premises, _EACH):
                yield NliRow(docs[premise].text, docs[hypothesis].text, NOT_ENTAILMENT, f"mined-{kind}")


def likenesses(words: Sequence[frozenset[str]]) -> NDArray[np.float32]:
    """Jaccard likeness of every two sets of words, shape (n, n); 0 where both are empty."""
    vocabulary = {word: place for place, word in enumerate(sorted(frozenset().union(*words)))}
    table = np.zeros((len(words), max(len(vocabulary), 1)), dtype=np.float32)
    for row, present in enumerate(words):
        table[row, [vocabulary[word] for word in present]] = 1
    shared = table @ table.T
    sizes = table.sum(axis=1)
    return shared / np.maximum(sizes[:, None] + sizes[None, :] - shared, 1)


def _nearest(docs: list[Any]) -> list[list[int]]:
    """For each sentence the others that share most words with it, nearest first."""
    near = likenesses([frozenset(token.lower_ for token in doc if token.is_alpha or token.like_num) for doc in docs])
    np.fill_diagonal(near, -1)
    return np.argsort(-near, axis=1, kind="stable")[:, : min(_NEAREST, len(docs) - 1)].tolist()
