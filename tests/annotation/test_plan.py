"""What every rater's batches have in common, whatever the study."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_studies import distinct, small_study

from lemonpress.annotation.plan import Showing, plan
from lemonpress.annotation.study import Study

# Few texts, so that systems often write the same one.
_TEXTS = st.integers(1, 4).flatmap(
    lambda systems: st.lists(
        st.lists(st.sampled_from(["A.", "B.", "C.", "D."]), min_size=systems, max_size=systems), min_size=1, max_size=9
    )
)


@st.composite
def _situations(draw: st.DrawFn) -> tuple[Study, dict[str, int], set[str]]:
    study = small_study(
        draw(_TEXTS),
        batch=draw(st.integers(1, 20)),
        repeated=draw(st.sampled_from([0.0, 0.1, 0.3, 0.5])),
        seed=draw(st.integers(0, 99)),
        raters_per_item=draw(st.integers(1, 3)),
    )
    ids = [one.item for one in study.items]
    counts = draw(st.dictionaries(st.sampled_from(ids), st.integers(0, 4)))
    return study, counts, draw(st.sets(st.sampled_from(ids)))


def _first(batch: list[Showing]) -> list[str]:
    return [one.item for one in batch if not one.repeat]


@given(_situations(), st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_a_batch_is_new_texts_then_repeats_far_from_them(
    situation: tuple[Study, dict[str, int], set[str]], number: int
) -> None:
    study, counts, seen = situation
    batch = plan(study, "rater", number, counts, seen)
    assert batch == plan(study, "rater", number, counts, seen)
    first = _first(batch)
    assert bool(first) == (len(seen) < len(study.items))
    assert len(set(first)) == len(first)
    assert not seen & set(first)
    shown: dict[str, int] = {}
    for place, one in enumerate(batch):
        if one.repeat:
            assert place - shown[one.item] > len(first) // 2
        else:
            shown[one.item] = place
    again = Counter(one.item for one in batch if one.repeat)
    assert sum(again.values()) <= round(study.repeated * len(first))
    assert set(again.values()) <= {1}


@given(_situations())
@settings(max_examples=300, deadline=None)
def test_neighbours_share_no_source_where_that_is_possible(
    situation: tuple[Study, dict[str, int], set[str]],
) -> None:
    study, counts, seen = situation
    batch = plan(study, "rater", 0, counts, seen)
    of_first = Counter(study.by_id[item].source for item in _first(batch))
    if not of_first or max(of_first.values()) > (of_first.total() + 1) // 2:
        return
    sources = [study.by_id[one.item].source for one in batch]
    assert all(one != other for one, other in pairwise(sources))


@given(_situations())
@settings(max_examples=300, deadline=None)
def test_texts_that_want_raters_come_first(situation: tuple[Study, dict[str, int], set[str]]) -> None:
    study, counts, seen = situation
    given_now = set(_first(plan(study, "rater", 0, counts, seen)))
    fresh = {one.item for one in study.items} - seen
    wanting = {item for item in fresh if counts.get(item, 0) < study.raters_per_item}
    assert given_now <= (wanting or fresh)
    left = (wanting or fresh) - given_now
    by_source: dict[str, int] = {}
    for item in wanting or fresh:
        source = study.by_id[item].source
        by_source[source] = min(by_source.get(source, 9), counts.get(item, 0))
    of = {
        place: {by_source[study.by_id[item].source] for item in group}
        for place, group in (("now", given_now), ("left", left))
    }
    assert not of["left"] or not of["now"] or max(of["now"]) <= min(of["left"])
    # Systems are compared within raters: no source is cut in two.
    assert not {study.by_id[item].source for item in given_now} & {study.by_id[item].source for item in left}


@given(st.integers(2, 12), st.integers(1, 5), st.integers(0, 99))
@settings(deadline=None)
def test_systems_come_equally_often_in_each_part(sources: int, systems: int, seed: int) -> None:
    study = small_study(distinct(sources, systems), batch=sources * systems, seed=seed)
    batch = plan(study, "rater", 0, {})
    arms = [study.by_id[one.item].arms[0] for one in batch]
    assert len(arms) == sources * systems
    for part in range(systems):
        there = Counter(arms[part * sources : (part + 1) * sources])
        frequencies = [there[arm] for arm in range(systems)]
        assert max(frequencies) - min(frequencies) <= 1
        texts = batch[part * sources : (part + 1) * sources]
        assert len({study.by_id[one.item].source for one in texts}) == sources


def test_every_rater_has_another_order() -> None:
    study = small_study(distinct(6, 3))
    orders = {tuple(one.item for one in plan(study, f"rater {number}", 0, {})) for number in range(20)}
    assert len(orders) == 20


@pytest.mark.parametrize("batch", [5, 9, 100])
def test_batch_by_batch_a_rater_gets_everything_once(batch: int) -> None:
    study = small_study(distinct(10, 3), batch=batch)
    seen: list[str] = []
    for number in range(40):
        seen += _first(plan(study, "rater", number, {}, seen))
    assert sorted(seen) == sorted(study.by_id)
