"""Leakage: the table of runs finds what a plain comparison of every pair with every row finds."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.leakage import RUN, Leakage, Overlap
from lemonpress.metrics.words import words

SENTENCE = "the council closed twelve schools in the north of the city last year"
PIECES = st.lists(
    st.sampled_from([SENTENCE, "Closed, twelve schools in the NORTH of the city!", "schools", "A b", "c d e", "..."]),
    min_size=1,
    max_size=3,
)
TEXTS = PIECES.map(" ".join)


def benchmark(name: str, *rows: tuple[str, list[str]]) -> Benchmark:
    return Benchmark(name, [source for source, _ in rows], [references for _, references in rows], "paraphrase")


def found(pairs: Sequence[tuple[str, str]], *benchmarks: Benchmark) -> tuple[Overlap, ...]:
    leakage = Leakage(benchmarks)
    for number, (source, target) in enumerate(pairs, 1):
        leakage.add(f"row {number}", source, target)
    return leakage.found()


def plain(pairs: Sequence[tuple[str, str]], other: Benchmark) -> tuple[int, int, int, int]:
    """Exact and shared pairs and rows, by comparing everything with everything."""

    def exact(one: str, two: str) -> bool:
        return bool(words(one)) and words(one) == words(two)

    def shared(one: str, two: str) -> bool:
        ones, others = words(one), words(two)
        starts = range(len(ones) - RUN + 1)
        return exact(one, two) or any(
            ones[i : i + RUN] == others[j : j + RUN] for i in starts for j in range(len(others) - RUN + 1)
        )

    rows = [[source, *references] for source, references in zip(other.sources, other.references, strict=True)]
    counts = []
    for alike in (exact, shared):
        hits = [[any(alike(a, b) for a in pair for b in row) for row in rows] for pair in pairs]
        counts += [sum(map(any, hits)), sum(map(any, zip(*hits, strict=True)))]
    return counts[0], counts[2], counts[1], counts[3]


@given(
    st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4),
    st.lists(st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=2)), min_size=1, max_size=3),
)
def test_counts_equal_those_of_a_plain_comparison(
    pairs: list[tuple[str, str]], rows: list[tuple[str, list[str]]]
) -> None:
    one, other = benchmark("one", *rows), benchmark("other", ("c d e", ["schools"]))
    for overlap, of in zip(found(pairs, one, other), (one, other), strict=True):
        counts = (overlap.exact_pairs, overlap.shared_pairs, overlap.exact_rows, overlap.shared_rows)
        assert counts == plain(pairs, of)
        assert (overlap.pairs, overlap.rows) == (len(pairs), len(of.sources))


def test_eight_words_in_a_row_are_shared_and_seven_are_not() -> None:
    eight = "closed twelve schools in the north of the"
    of = benchmark("one", (SENTENCE, ["Schools."]))
    (overlap,) = found([(f"He {eight} world.", "Yes."), (f"He {eight.removesuffix(' the')} it.", "No.")], of)
    assert (overlap.shared_pairs, overlap.exact_pairs, overlap.shared_rows) == (1, 0, 1)
    (example,) = overlap.examples
    assert (example.place, example.text, example.other, example.run) == (
        "row 1",
        f"He {eight} world.",
        SENTENCE,
        eight,
    )


def test_a_short_text_leaks_only_as_a_whole() -> None:
    of = benchmark("one", ("How are you?", ["How do you do?"]))
    (overlap,) = found([("how ARE you", "Well."), ("How are you all?", "Well.")], of)
    assert (overlap.exact_pairs, overlap.shared_pairs, overlap.exact_rows) == (1, 1, 1)
    assert overlap.examples[0].other == "How are you?"


def test_a_pair_whose_sides_both_leak_counts_once() -> None:
    of = benchmark("one", (SENTENCE, [SENTENCE]))
    (overlap,) = found([(SENTENCE, SENTENCE.upper())], of)
    assert (overlap.exact_pairs, overlap.shared_pairs, len(overlap.examples)) == (1, 1, 1)
