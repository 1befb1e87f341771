"""Leakage: what a corpus shares with a benchmark, so that a model trained on the one has seen the other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.metrics.words import SIGNATURE, ngrams, words

RUN = 8
"""Words that a text and a benchmark must share in a row (GPT-3: 13; open-r1: 8)."""

_EXAMPLES = 3

Gram = tuple[str, ...]


@dataclass(frozen=True)
class Shared:
    """A corpus's text that overlaps with a benchmark's.

    Attributes:
        place: Of the pair in the corpus, such as ``line 3``.
        text: The pair's source or target.
        other: The benchmark's source or reference.
        run: The words that they share in a row.
    """

    place: str
    text: str
    other: str
    run: str


@dataclass(frozen=True)
class Overlap:
    """What a corpus shares with one benchmark.

    Attributes:
        benchmark: Its name.
        pairs: Of the corpus that were looked at.
        exact_pairs: Pairs with a text that equals one of the benchmark's but for case, punctuation and spacing.
        shared_pairs: Pairs with such a text, or with `RUN` words in a row that the benchmark has.
        rows: Of the benchmark.
        exact_rows: Rows with a text that the corpus has.
        shared_rows: Rows with such a text, or with `RUN` words in a row that the corpus has.
        examples: The first pairs that share something.
        signature: What exactly was counted.
    """

    benchmark: str
    pairs: int
    exact_pairs: int
    shared_pairs: int
    rows: int
    exact_rows: int
    shared_rows: int
    examples: tuple[Shared, ...]
    signature: str


class Leakage:
    """Finds, pair after pair, what a corpus shares with benchmarks.

    Every run of `RUN` words of a benchmark is a key of one table, and so is every whole text, however short: time
    grows with the corpus alone, and memory with the benchmarks alone.

    Args:
        benchmarks: What must not leak; their sources and references count alike.
    """

    def __init__(self, benchmarks: Sequence[Benchmark]) -> None:
        self._benchmarks = benchmarks
        self._pairs = 0
        self._texts: dict[Gram, set[tuple[int, int]]] = {}
        self._runs: dict[Gram, set[tuple[int, int]]] = {}
        for number, benchmark in enumerate(benchmarks):
            rows = zip(benchmark.sources, benchmark.references, strict=True)
            for row, (source, references) in enumerate(rows):
                for text in (source, *references):
                    tokens = tuple(words(text))
                    if tokens:
                        self._texts.setdefault(tokens, set()).add((number, row))
                    for gram in ngrams(tokens, RUN):
                        self._runs.setdefault(gram, set()).add((number, row))
        self._exact_rows: set[tuple[int, int]] = set()
        self._shared_rows: set[tuple[int, int]] = set()
        self._exact_pairs: Counter[int] = Counter()
        self._shared_pairs: Counter[int] = Counter()
        self._examples: dict[int, list[Shared]] = {number: [] for number in range(len(benchmarks))}

    def add(self, place: str, source: str, target: str) -> None:
        """Look at the next pair.

        Args:
            place: Of the pair in its corpus, for examples.
            source: Its source.
            target: Its target.
        """
        self._pairs += 1
        exact: set[int] = set()
        shared: set[int] = set()
        for text in (source, target):
            tokens = tuple(words(text))
            same = self._texts.get(tokens, set())
            grams = [] if self._runs.keys().isdisjoint(ngrams(tokens, RUN)) else list(ngrams(tokens, RUN))
            rows = same.union(*(self._runs.get(gram, ()) for gram in grams))
            self._exact_rows |= same
            self._shared_rows |= rows
            exact |= {number for number, _ in same}
            for number in sorted({number for number, _ in rows} - shared):
                shared.add(number)
                if len(self._examples[number]) < _EXAMPLES:
                    row = min(row for other, row in rows if other == number)
                    self._examples[number].append(self._example(place, text, tokens, number, row))
        self._exact_pairs.update(exact)
        self._shared_pairs.update(shared)

    def found(self) -> tuple[Overlap, ...]:
        """What the pairs so far share with each benchmark."""
        return tuple(
            Overlap(
                benchmark.name,
                self._pairs,
                self._exact_pairs[number],
                self._shared_pairs[number],
                len(benchmark.sources),
                sum(one == number for one, _ in self._exact_rows),
                sum(one == number for one, _ in self._shared_rows),
                tuple(self._examples[number]),
                signature(),
            )
            for number, benchmark in enumerate(self._benchmarks)
        )

    def _example(self, place: str, text: str, tokens: Gram, number: int, row: int) -> Shared:
        """The pair's text beside the row's text that shares most with it."""
        benchmark = self._benchmarks[number]
        alternatives = (benchmark.sources[row], *benchmark.references[row])
        run, other = max(
            ((_longest_run(tokens, words(one)), one) for one in alternatives), key=lambda found: len(found[0])
        )
        return Shared(place, text, other, " ".join(run))


def signature() -> str:
    """What exactly is counted, for reports and cards."""
    return f"leakage|run:{RUN} words|exact:all words|{SIGNATURE}"


def _longest_run(ones: Sequence[str], others: Sequence[str]) -> Sequence[str]:
    """The first of the longest runs of words that two texts share."""
    match = SequenceMatcher(None, ones, others, autojunk=False).find_longest_match()
    return ones[match.a : match.a + match.size]
