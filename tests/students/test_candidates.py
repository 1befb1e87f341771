"""Choosing among what a student wrote."""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from lemonpress.critics import build
from lemonpress.critics.base import Critic
from lemonpress.critics.explain import explain
from lemonpress.critics.scores import Floats, Tables
from lemonpress.critics.surface import RougeL
from lemonpress.pairs import Index
from lemonpress.recipes import (
    CompressionSettings,
    CopiedContextSettings,
    EntailmentSettings,
    EntitySettings,
    LengthSettings,
    NumberSettings,
    PolaritySettings,
    RougeSettings,
    SimilaritySettings,
)
from lemonpress.splitting import normalise
from lemonpress.students.candidates import Judged, best, distinct, diverse, judge_candidates, nearest_length, rank

SOURCE = "The river rose above its banks on Monday after three days of rain."
OTHER = "After three days of rain, the river burst its banks on Monday."
PASSIVE = "Three days of rain had made the river rise over its banks by Monday."
FOUR = "After four days of rain, the river burst its banks on Monday."
DRY = "After three days of rain, the river did not burst its banks on Monday."
SURFACE = build(
    [
        LengthSettings(critic="length", min=0.5, max=2),
        NumberSettings(critic="numbers"),
        PolaritySettings(critic="polarity"),
        RougeSettings(critic="rouge_l", max=0.75),
    ]
)
WORDS = st.lists(
    st.sampled_from(["The", "the", "river", "bank", "rose", "no", "12", "three", "not", "été", "."]),
    min_size=1,
    max_size=7,
)
TEXTS = st.lists(WORDS.map(" ".join), max_size=8)
ANY_TEXT = st.text(st.sampled_from("aAß1 .,-_éeßＡ\u0301\n👍中"), max_size=5)


def alone(source: str, text: str, critics: Sequence[Critic]) -> tuple[bool, str | None, dict[str, float]]:
    """The verdict on one pair and what every critic says, from the critics asked about it alone."""
    verdicts = explain(source, text, critics)
    failed = [verdict.critic for verdict in verdicts if not verdict.kept]
    return not failed, next(iter(failed), None), {verdict.critic: verdict.score for verdict in verdicts}


def accepted(text: str, **scores: float) -> Judged:
    return Judged(text, True, scores, None)


def weaker(one: Judged) -> float:
    return min(one.scores["entailment"], one.scores["reverse_entailment"])


def test_copies_repetitions_and_empty_texts_are_left_out() -> None:
    texts = ["", OTHER, SOURCE.upper(), " \n", "?", OTHER.replace(",", ""), f" {SOURCE[:-1]} ", "fragment", OTHER]
    assert distinct(SOURCE, texts) == [OTHER, "fragment"]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_copy_in_another_unicode_form_is_a_copy(form: str) -> None:
    assert distinct("Ｔhe café ﬁlled up.", [unicodedata.normalize(form, "The café filled up!")]) == []


@given(ANY_TEXT, st.lists(ANY_TEXT, max_size=12))
def test_each_text_that_is_left_out_has_a_reason_and_none_that_is_kept(source: str, texts: list[str]) -> None:
    kept = distinct(source, texts)
    keys = [normalise(text) for text in kept]
    assert len(set(keys)) == len(keys)
    assert not {"", normalise(source)} & set(keys)
    assert {normalise(text) for text in texts} <= {*keys, "", normalise(source)}
    places = [texts.index(text) for text in kept]
    assert places == sorted(places)
    assert [normalise(text) for text in texts].index(keys[-1]) == places[-1] if keys else not places
    assert distinct(source, [*kept, *texts]) == kept


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(WORDS.map(" ".join), TEXTS), max_size=4))
def test_verdicts_are_those_of_each_pair_alone(groups: list[tuple[str, list[str]]]) -> None:
    found = judge_candidates([source for source, _ in groups], [texts for _, texts in groups], SURFACE)
    assert [[one.text for one in row] for row in found] == [texts for _, texts in groups]
    for (source, _), row in zip(groups, found, strict=True):
        for one in row:
            kept, rejected_by, scores = alone(source, one.text, SURFACE)
            assert (one.accepted, one.rejected_by) == (kept, rejected_by)
            assert one.scores == (scores if kept else {rejected_by: scores[str(rejected_by)]})


@dataclass(frozen=True)
class Counted(RougeL):
    """ROUGE-L that notes how many pairs it is asked about at a time."""

    asked: list[int] = field(default_factory=list)

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        self.asked.append(len(sources))
        return super().score(tables, sources, targets)


def test_all_sources_are_judged_in_one_batch_and_each_pair_once() -> None:
    critic = Counted(RougeSettings(critic="rouge_l", max=0.0))
    found = judge_candidates([SOURCE, OTHER, SOURCE], [[OTHER, OTHER, FOUR], [SOURCE], [FOUR, PASSIVE]], [critic])
    assert [len(row) for row in found] == [3, 1, 2]
    assert critic.asked == [4, 0]


def test_a_critic_that_reads_contexts_has_no_word() -> None:
    [[one]] = judge_candidates([SOURCE], [[OTHER]], build([CopiedContextSettings(critic="copied_context")]))
    assert one == Judged(OTHER, True, {}, None)


def test_no_sources_and_no_candidates_give_none() -> None:
    assert judge_candidates([], [], SURFACE) == best([], [], 2, SURFACE) == []
    assert judge_candidates([SOURCE, OTHER], [[], []], SURFACE) == best([SOURCE, OTHER], [[], []], 2) == [[], []]


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="1 candidates but 2 sources"):
        judge_candidates([SOURCE, OTHER], [[OTHER]], SURFACE)
    with pytest.raises(ValueError, match="blank"):
        judge_candidates([SOURCE], [[OTHER, " "]], SURFACE)
    with pytest.raises(ValueError, match="blank"):
        best([""], [[OTHER]], 1)


def test_accepted_candidates_come_first_and_the_weaker_direction_decides() -> None:
    rejected = Judged("rejected", False, {"entailment": 0.99}, "entailment")
    lossy = accepted("lossy", length=1.0, entailment=0.99, reverse_entailment=0.76)
    even = accepted("even", length=0.9, entailment=0.8, reverse_entailment=0.85)
    summary = accepted("summary", entailment=0.78)
    tie = accepted("tie", entailment=0.95, reverse_entailment=0.8)
    assert rank([rejected, lossy, even, summary, tie]) == [even, tie, summary, lossy, rejected]


def test_without_entailment_the_order_of_the_student_stays() -> None:
    rejected = [Judged(text, False, {"length": score}, "length") for text, score in [("c", 0.1), ("d", 0.4)]]
    plain = [accepted("b", rouge_l=0.1), accepted("a", rouge_l=0.7)]
    assert rank([rejected[0], plain[0], rejected[1], plain[1]]) == [*plain, *rejected]


def plainly_diverse(texts: list[str], n: int, weight: float, relevance: list[float] | None) -> list[int]:
    """Maximal marginal relevance as it is defined, every likeness computed anew by rouge-score."""
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    gains = relevance or [1 - place / len(texts) for place in range(len(texts))]
    chosen: list[int] = []
    while len(chosen) < min(n, len(texts)):
        top, choice = -math.inf, -1
        for place, text in enumerate(texts):
            likeness = [scorer.score(texts[other], text)["rougeL"].fmeasure for other in chosen]
            value = weight * gains[place] - (1 - weight) * max(likeness) if chosen else gains[place]
            if place not in chosen and value > top:
                top, choice = value, place
        chosen.append(choice)
    return chosen


@settings(deadline=None, max_examples=150)
@given(TEXTS, st.integers(1, 9), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]), st.data())
def test_diverse_equals_the_plain_definition(texts: list[str], n: int, weight: float, data: st.DataObject) -> None:
    some = st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9]), min_size=len(texts), max_size=len(texts))
    relevance = data.draw(st.none() | some)
    assert diverse(texts, n, weight, relevance) == plainly_diverse(texts, n, weight, relevance)


def test_the_second_choice_is_unlike_the_first() -> None:
    texts = ["the river rose on monday", "the river rose on monday again", "on monday water came up"]
    assert diverse(texts, 2) == [0, 2]
    assert diverse(texts, 2, weight=1) == [0, 1]
    assert diverse(texts, 1, weight=0, relevance=[0.1, 0.9, 0.2]) == [1]


def test_texts_without_latin_letters_keep_their_order() -> None:
    assert diverse(["河水上涨", "河水上涨了", "👍"], 3) == [0, 1, 2]


@pytest.mark.parametrize("n", [0, -1])
def test_fewer_than_one_candidate_is_refused_before_anything_is_judged(n: int) -> None:
    critic = Counted(RougeSettings(critic="rouge_l"))
    with pytest.raises(ValueError, match=f"n must be at least 1, not {n}"):
        best([SOURCE], [[OTHER]], n, [critic])
    with pytest.raises(ValueError, match="n must be at least 1"):
        diverse([OTHER], n)
    assert critic.asked == []


@pytest.mark.parametrize("share", [-0.1, 1.5, math.nan])
def test_a_share_out_of_range_is_named(share: float) -> None:
    with pytest.raises(ValueError, match="diversity must lie in"):
        best([SOURCE], [[OTHER]], 1, diversity=share)
    with pytest.raises(ValueError, match="weight must lie in"):
        diverse([OTHER], 1, share)


def test_there_is_one_relevance_a_text() -> None:
    with pytest.raises(ValueError, match="1 relevances but 2 texts"):
        diverse([OTHER, FOUR], 1, relevance=[0.5])


def test_the_nearest_length_comes_first_and_ties_keep_their_order() -> None:
    texts = ["one two three four", "one-two  three", "one two three four five six", "", "one two\nthree\tfour"]
    assert nearest_length(texts, 4) == [0, 4, 1, 2, 3]
    assert nearest_length([], 4) == []


def test_a_summary_takes_the_wanted_number_of_words() -> None:
    critics = build([CompressionSettings(critic="compression", below=0.8)])
    texts = ["Rain fell.", "The river rose after days of rain.", "The river rose on Monday.", OTHER]
    for words, expected in [(2, texts[0]), (5, texts[2]), (7, texts[1]), (40, texts[1])]:
        [[one]] = best([SOURCE], [texts], 1, critics, words=words)
        assert one.text == expected


def test_the_best_are_distinct_accepted_and_unlike_each_other() -> None:
    nearly = "After three days of rain, the river burst all its banks on Monday."
    unlike = "On Monday, three wet days made the river flood."
    texts = [SOURCE, FOUR, "", OTHER, OTHER.lower(), nearly, DRY, "Rain.", unlike]
    [chosen] = best([SOURCE], [texts], 2, SURFACE)
    assert [one.text for one in chosen] == [OTHER, unlike]
    assert all(one.accepted and one.rejected_by is None for one in chosen)
    [chosen] = best([SOURCE], [texts], 2, SURFACE, diversity=0)
    assert [one.text for one in chosen] == [OTHER, nearly]


def test_fewer_than_n_may_be_left() -> None:
    found = best([SOURCE, SOURCE, SOURCE], [[SOURCE, SOURCE.lower()], [FOUR, DRY], [DRY, OTHER]], 3, SURFACE)
    assert [[one.text for one in row] for row in found] == [[], [], [OTHER]]


def test_without_critics_all_distinct_candidates_are_accepted_in_the_order_of_the_student() -> None:
    [found] = best([SOURCE], [[FOUR, SOURCE, DRY, FOUR]], 5, diversity=0)
    assert found == [Judged(FOUR, True, {}, None), Judged(DRY, True, {}, None)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(WORDS.map(" ".join), TEXTS), max_size=3), st.integers(1, 5), st.none() | st.integers(0, 7))
def test_the_best_are_among_the_distinct_accepted_whatever_is_asked(
    groups: list[tuple[str, list[str]]], n: int, words: int | None
) -> None:
    found = best([source for source, _ in groups], [texts for _, texts in groups], n, SURFACE, words=words)
    for (source, texts), row in zip(groups, found, strict=True):
        kept = [text for text in distinct(source, texts) if alone(source, text, SURFACE)[0]]
        assert len(row) == min(n, len(kept))
        assert len({one.text for one in row} & set(kept)) == len(row)
        if row and words is not None:
            assert abs(len(row[0].text.split()) - words) == min(abs(len(text.split()) - words) for text in kept)


@pytest.mark.weights
def test_verdicts_of_the_packaged_critics_are_those_of_each_pair_alone() -> None:
    critics = build(
        [
            LengthSettings(critic="length", min=0.5, max=1.5),
            NumberSettings(critic="numbers"),
            PolaritySettings(critic="polarity"),
            RougeSettings(critic="rouge_l", max=0.9),
            SimilaritySettings(critic="similarity", min=0.6),
            EntitySettings(critic="entities"),
            EntailmentSettings(critic="entailment", model="data/nli-critic"),
        ]
    )
    sources = [
        SOURCE,
        "The mayor opened the new bridge in Leeds on Friday.",
        "Scientists found a frog in the desert.",
        "It rained.",
    ]
    candidates = [
        [OTHER, PASSIVE, FOUR, DRY, "It rained.", SOURCE, "The river rose above its banks after three days of rain."],
        [
            "On Friday, the new bridge in Leeds was opened by the mayor.",
            "On Friday, the new bridge in York was opened by the mayor.",
            "The old bridge in Leeds was closed on Friday.",
            "👍 河水上涨",
        ],
        [
            "A frog was found in the desert by scientists.",
            "In the desert, scientists found a frog.",
            "Scientists have discovered a frog in the desert.",
        ],
        [],
    ]
    found = judge_candidates(sources, candidates, critics)
    for source, row in zip(sources, found, strict=True):
        for one in row:
            kept, rejected_by, scores = alone(source, one.text, critics)
            assert (one.accepted, one.rejected_by) == (kept, rejected_by)
            if kept:
                assert one.scores == pytest.approx(scores, abs=2e-4)
    reasons = {one.rejected_by for row in found for one in row}
    assert {None, "length", "numbers", "polarity", "rouge_l", "entities"} <= reasons
    assert reasons & {"entailment", "reverse_entailment"}
    for row, judged in zip(best(sources, candidates, 1, critics), found, strict=True):
        assert [weaker(one) for one in row] == sorted((weaker(one) for one in judged if one.accepted), reverse=True)[
            :1
        ]
