"""One draw from the nucleus, against a plain reference."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lemonpress.teachers.causal_lm import nucleus, seeded_noise


def plain_nucleus(logits: np.ndarray, noise: float, temperature: float, top_p: float) -> tuple[int, float]:
    """The token that inverse transform sampling takes from one row's nucleus, and how near another one was."""
    scaled = logits.astype(np.float64) / temperature
    chances = np.exp(scaled - scaled.max())
    chances /= chances.sum()
    order = np.argsort(-chances, kind="stable")
    mass = np.cumsum(chances[order])
    size = min(int(np.sum(mass < top_p)) + 1, len(mass))
    aim = noise * mass[size - 1]
    position = min(int(np.sum(mass[:size] <= aim)), size - 1)
    margin = min(np.min(np.abs(mass[:size] - aim)), np.min(np.abs(mass - top_p)))
    return int(order[position]), float(margin)


@settings(deadline=None, max_examples=150)
@given(
    vocabulary=st.sampled_from([2, 3, 50, 256, 257, 700]),
    seed=st.integers(0, 10_000),
    noise=st.floats(0, 1, exclude_max=True),
    temperature=st.floats(0.1, 5),
    top_p=st.floats(0.05, 1),
    spread=st.floats(0.01, 8),
)
@example(vocabulary=700, seed=0, noise=0.999, temperature=1.0, top_p=0.999, spread=0.01)
@example(vocabulary=700, seed=0, noise=0.5, temperature=1.0, top_p=1.0, spread=0.01)
def test_equals_a_plain_reference(
    vocabulary: int, seed: int, noise: float, temperature: float, top_p: float, spread: float
) -> None:
    import torch

    logits = (np.random.default_rng(seed).normal(size=(3, vocabulary)) * spread).astype(np.float32)
    noises = np.array([noise, noise / 2, noise / 3])
    drawn = nucleus(torch.from_numpy(logits), torch.from_numpy(noises), temperature, top_p).tolist()
    for row in range(3):
        token, margin = plain_nucleus(logits[row], noises[row], temperature, top_p)
        if margin > 1e-4:
            assert drawn[row] == token


def test_tokens_of_no_chance_are_never_drawn() -> None:
    import torch

    logits = torch.zeros(1000, 400)
    logits[:, 100:] = float("-inf")
    noise = torch.from_numpy(seeded_noise(0, "bars", 1, 1000)[0])
    assert set(nucleus(logits, noise, 1.0, 1.0).tolist()) == set(range(100))


def test_the_token_that_crosses_the_mass_is_kept_and_no_more() -> None:
    import torch

    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log().expand(2000, -1)
    noise = torch.from_numpy(seeded_noise(1, "crossing", 1, 2000)[0])
    drawn = np.bincount(nucleus(logits, noise, 1.0, 0.6).numpy(), minlength=4) / 2000
    assert drawn[2:].tolist() == [0, 0]
    assert drawn[:2] == pytest.approx([4 / 7, 3 / 7], abs=0.04)


def test_noise_depends_on_seed_and_label_alone() -> None:
    noise = seeded_noise(3, "context", 5, 7)
    assert noise.shape == (5, 7)
    assert ((noise >= 0) & (noise < 1)).all()
    assert np.array_equal(noise, seeded_noise(3, "context", 5, 7))
    assert not np.array_equal(noise, seeded_noise(4, "context", 5, 7))
    assert not np.array_equal(noise, seeded_noise(3, "contexts", 5, 7))
