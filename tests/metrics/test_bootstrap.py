import numpy as np
import pytest

from lemonpress.metrics.bootstrap import interval


def test_interval_agrees_with_the_normal_approximation() -> None:
    values = np.random.default_rng(1).normal(5, 2, 4000)
    mean, low, high = interval(values, seed=0)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert mean == values.mean()
    assert low == pytest.approx(mean - half, abs=0.01)
    assert high == pytest.approx(mean + half, abs=0.01)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    samples = generator.exponential(1.0, (300, 80))
    held = [low <= 1.0 <= high for _, low, high in (interval(sample, seed=3, level=0.9) for sample in samples)]
    assert 0.82 <= np.mean(held) <= 0.95


def test_interval_is_a_function_of_values_and_seed() -> None:
    values = np.arange(50.0)
    assert interval(values, seed=7) == interval(values, seed=7)
    assert interval(values, seed=7) != interval(values, seed=8)


def test_equal_seeds_resample_equal_sentences() -> None:
    values = np.random.default_rng(4).random(30)
    mean, low, high = interval(values, seed=5)
    assert interval(3 * values - 1, seed=5) == pytest.approx((3 * mean - 1, 3 * low - 1, 3 * high - 1))


def test_large_samples_are_drawn_in_parts() -> None:
    mean, low, high = interval(np.tile([0.0, 1.0], 3_000_000), seed=0, resamples=3)
    assert mean == 0.5
    assert 0.499 < low < high < 0.501


def test_one_value_is_its_own_interval() -> None:
    assert interval([4.0], seed=0) == (4.0, 4.0, 4.0)


def test_values_that_have_no_mean_are_refused() -> None:
    with pytest.raises(ValueError, match="row 1 is not finite"):
        interval([1.0, float("nan")], seed=0)
    with pytest.raises(ValueError, match="not empty"):
        interval([], seed=0)
