import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from lemonpress.metrics.rouge import rouge_l, rouge_l_pairs, rouge_multi, signature, tokenize

SCORER = RougeScorer(["rougeL"], use_stemmer=False)


def expected(source: str, target: str) -> float:
    return float(SCORER.score(target, source)["rougeL"].fmeasure)


# Few distinct words make long common subsequences; lengths cross the 64-token words of the kernel.
repetitive = st.lists(st.sampled_from("abc"), max_size=140).map(" ".join)


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(st.text(), st.text()), max_size=8))
@example([("İstanbul ſtraße", "istanbul strasse"), ("", ""), ("", "a"), ("a", "a"), ("—", "—"), ("\ud800 x", "x")])
@example([("don't can't", "don t can t"), ("naïve", "na ve"), ("A\x00b\n\u2028c", "a b c"), ("Kelvin", "kelvin")])
def test_rouge_l_equals_rouge_score_on_any_text(pairs: list[tuple[str, str]]) -> None:
    sources, targets = [x for x, _ in pairs], [y for _, y in pairs]
    assert rouge_l(sources, targets).tolist() == [expected(x, y) for x, y in pairs]


@settings(deadline=None)
@given(st.lists(repetitive, min_size=1, max_size=4))
@example(["a " + "c " * 140 + "b", "b a"])  # a carry through a word without match
@example(["a b " * 32, "b a " * 32, "a " * 65, "c " + "a b " * 64])
def test_pairs_of_one_table_equal_rouge_score(texts: list[str]) -> None:
    left, right = (index.ravel() for index in np.indices((len(texts), len(texts))))
    scores = rouge_l_pairs(tokenize(texts), left, right)
    assert scores.tolist() == [expected(texts[i], texts[j]) for i, j in zip(left, right, strict=True)]


def test_pairs_in_any_order_keep_their_places() -> None:
    texts = ["the cat sat on the mat", "a cat sat", "", "on the mat the cat sat", "dogs"]
    left, right = np.array([3, 0, 4, 0, 1, 3, 2]), np.array([0, 1, 4, 3, 0, 1, 0])
    scores = rouge_l_pairs(tokenize(texts), left, right)
    assert scores.tolist() == [expected(texts[i], texts[j]) for i, j in zip(left, right, strict=True)]
    assert scores.tolist() == rouge_l_pairs(tokenize(texts), right, left).tolist()


def test_no_pairs_give_no_scores() -> None:
    assert rouge_l_pairs(tokenize([]), [], []).shape == (0,)


KINDS = ["rouge1", "rouge2", "rougeL"]
wordy = st.lists(st.sampled_from(["running", "runs", "Runner", "the", "generalizations", "don't", "é2", "a1"])).map(
    " ".join
)
any_text = st.one_of(st.text(max_size=30), repetitive, wordy)


@pytest.mark.parametrize("stem", [False, True])
@settings(deadline=None)
@given(st.lists(st.tuples(any_text, st.lists(any_text, min_size=1, max_size=3)), max_size=5))
@example([("", [""]), ("a", ["a", ""]), ("İ ſ K —", ["i s k"]), ("a b a b", ["b a", "a b a"])])
def test_rouge_multi_equals_rouge_score_on_any_rows(stem: bool, rows: list[tuple[str, list[str]]]) -> None:
    scorer = RougeScorer(KINDS, use_stemmer=stem)
    theirs = [scorer.score_multi(references, candidate) for candidate, references in rows]
    ours = rouge_multi([candidate for candidate, _ in rows], [references for _, references in rows], stem)
    assert list(ours) == KINDS
    for kind in KINDS:
        assert ours[kind].tolist() == [scores[kind].fmeasure for scores in theirs]


def test_stems_match_where_words_do_not() -> None:
    rows = ["He was running home."], [["He was runs home."]]
    assert rouge_multi(*rows)["rouge1"].tolist() == [0.75]
    assert rouge_multi(*rows, stem=True)["rouge1"].tolist() == [1.0]


@pytest.mark.parametrize(("i", "j"), [([0], [2]), ([-1], [0])])
def test_indices_outside_the_table_are_refused(i: list[int], j: list[int]) -> None:
    with pytest.raises(IndexError, match=r"\[0, 2\)"):
        rouge_l_pairs(tokenize(["a", "b"]), i, j)


def test_unpaired_lists_are_refused() -> None:
    with pytest.raises(ValueError, match="equal length"):
        rouge_l_pairs(tokenize(["a", "b"]), [0, 1], [0])
    with pytest.raises(ValueError, match="2 sources but 1 targets"):
        rouge_l(["a", "b"], ["a"])


def test_table_counts_tokens_of_each_text() -> None:
    table = tokenize(["It's 3.5%", "", "ok"])
    assert len(table) == 3
    assert table.lengths.tolist() == [4, 0, 1]


def test_rouge_multi_takes_the_best_reference_of_each_kind() -> None:
    scores = rouge_multi(["a b c d"], [["d c b a", "a b x y"]])
    assert scores["rouge1"].tolist() == [1.0]  # first reference
    assert scores["rouge2"].tolist() == pytest.approx([1 / 3])  # second
    assert scores["rougeL"].tolist() == pytest.approx([1 / 2])


def test_rouge_multi_names_the_row_without_reference() -> None:
    with pytest.raises(ValueError, match="row 1 has no reference"):
        rouge_multi(["a", "b"], [["a"], []])


def test_signature_states_the_absence_of_stemming() -> None:
    assert signature().startswith("rougeL|f1|case:lc|stem:no|")
    assert signature("rouge1", stem=True).startswith("rouge1|f1|case:lc|stem:porter|")
