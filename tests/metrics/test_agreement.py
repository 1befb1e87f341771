from collections import Counter
from itertools import permutations

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lemonpress.metrics.agreement import Level, krippendorff_alpha, krippendorff_signature
from lemonpress.metrics.bootstrap import draws

Ratings = list[list[float | None]]

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", data C: units x observers.
EXAMPLE: Ratings = [
    [1, 1, None, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [None, 5, 5, 5],
    [None, None, 1, 1],
    [None, 3, None, None],
]


def plain_alpha(ratings: Ratings, level: Level) -> float:
    """1 - observed over expected disagreement, from the coincidences of all ordered pairs of ratings of a unit."""
    coincidences: Counter[tuple[float, float]] = Counter()
    for unit in ratings:
        known = [value for value in unit if value is not None]
        for pair in permutations(known, 2):
            coincidences[pair] += 1 / (len(known) - 1)  # type: ignore[assignment]
    totals: Counter[float] = Counter()
    for (value, _), weight in coincidences.items():
        totals[value] += weight
    n = sum(totals.values())

    def apart(c: float, k: float) -> float:
        if level == "nominal":
            return float(c != k)
        if level == "interval":
            return (c - k) ** 2
        low, high = min(c, k), max(c, k)
        between = sum(weight for value, weight in totals.items() if low <= value <= high)
        return (between - (totals[low] + totals[high]) / 2) ** 2

    observed = sum(weight * apart(*pair) for pair, weight in coincidences.items()) / n
    expected = sum(totals[c] * totals[k] * apart(c, k) for c in totals for k in totals) / (n * (n - 1))
    return 1 - observed / expected


LEVELS: list[Level] = ["nominal", "ordinal", "interval"]


@pytest.mark.parametrize(("level", "expected"), zip(LEVELS, [0.743, 0.815, 0.849], strict=True))
def test_equals_krippendorffs_own_example(level: Level, expected: float) -> None:
    assert krippendorff_alpha(EXAMPLE, level).value == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("level", LEVELS)
@settings(deadline=None, max_examples=40)
@given(st.data())
def test_equals_a_plain_coincidence_matrix(level: Level, data: st.DataObject) -> None:
    raters = data.draw(st.integers(2, 4))
    rating = st.one_of(st.none(), st.sampled_from([1.0, 2.0, 3.0, 7.0]))
    ratings = data.draw(st.lists(st.lists(rating, min_size=raters, max_size=raters), min_size=1, max_size=8))
    rated = [value for unit in ratings if sum(v is not None for v in unit) > 1 for value in unit if value is not None]
    assume(len(set(rated)) > 1)
    assert krippendorff_alpha(ratings, level, resamples=2).value == pytest.approx(plain_alpha(ratings, level))


def test_the_interval_is_that_of_resampled_units() -> None:
    draw = np.random.default_rng(0)
    truth = draw.integers(1, 4, 60)
    table = np.clip(truth[:, None] + draw.integers(-1, 2, (60, 3)), 1, 3)
    estimate = krippendorff_alpha(table.tolist(), seed=4)
    expected = [
        krippendorff.alpha(np.repeat(table, times, axis=0).T, level_of_measurement="ordinal")
        for times in draws(60, 4)[:30]
    ]
    assert estimate.resampled[:30] == pytest.approx(np.array(expected))
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.quantile(estimate.resampled, [0.025, 0.975])))
    assert estimate.low < estimate.value < estimate.high


def test_missing_ratings_may_be_none_or_nan() -> None:
    holes = [[np.nan if value is None else value for value in unit] for unit in EXAMPLE]
    assert krippendorff_alpha(holes).value == krippendorff_alpha(EXAMPLE).value


def test_perfect_agreement_is_1_also_where_a_resample_has_one_value_only() -> None:
    estimate = krippendorff_alpha([[1, 1], [2, 2]])
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((1, 1, 1))
    assert np.isnan(estimate.resampled).any()


def test_alpha_of_one_value_is_undefined() -> None:
    # The 3 stands alone in its unit and is compared with nothing.
    estimate = krippendorff_alpha([[2, 2], [2, 2], [3, None]], resamples=5)
    assert np.isnan([estimate.value, estimate.low, estimate.high, *estimate.resampled]).all()


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ([], "no units"),
        ([[1, None], [None, 2]], "no unit has the ratings of two raters"),
        ([[1, 2], [1]], "unit 1 has 1 ratings but unit 0 has 2"),
        ([[1, 2], [1, "good"]], r"unit 1 has a rating that is no number: \[1, 'good'\]"),
        ([[1, float("inf")]], "unit 0 has a rating that is not finite"),
    ],
)
def test_ratings_without_alpha_are_refused(ratings: Ratings, message: str) -> None:
    with pytest.raises(ValueError, match=f"^(alpha of )?{message}"):
        krippendorff_alpha(ratings)


def test_signature_names_the_level_and_the_package() -> None:
    assert krippendorff_signature().startswith("Krippendorff's alpha|level:ordinal|krippendorff:0.")


def test_units_of_a_group_are_drawn_together() -> None:
    single = krippendorff_alpha(EXAMPLE, seed=3)
    twice = [unit for unit in EXAMPLE for _ in range(2)]
    together = krippendorff_alpha(twice, seed=3, groups=[7 + unit // 2 for unit in range(len(twice))])
    alone = krippendorff_alpha(twice, seed=3)
    assert krippendorff_alpha(EXAMPLE, seed=3, groups=range(len(EXAMPLE))).low == single.low
    # A repeated unit says nothing new, but for the finite number of ratings that alpha corrects for.
    assert together.high - together.low == pytest.approx(single.high - single.low, rel=0.05)
    assert alone.high - alone.low < 0.85 * (together.high - together.low)
    with pytest.raises(ValueError, match="24 units but 12 groups"):
        krippendorff_alpha(twice, groups=range(12))
