"""A base and a trainer of tiny students."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from student_rows import COMMIT, ROWS, SETTINGS, write_rows

from lemonpress.students.settings import sft_config
from lemonpress.students.train import Base, Training, fine_tune


@pytest.fixture
def base(tiny_causal: Path) -> Base:
    """The tiny teacher as a released base."""
    return Base(tiny_causal, "lemonpress/tiny", COMMIT)


@pytest.fixture
def train(base: Base, tmp_path: Path) -> Callable[..., Training]:
    """Train a tiny student in float32: `train(folder, rows=ROWS, resume=False, **sft)`."""

    def run(folder: str, rows: list[dict[str, str]] = ROWS, resume: bool = False, **sft: Any) -> Training:
        file = write_rows(tmp_path / f"{folder}.parquet", rows)
        plain = {"bf16": False, "max_steps": 1, "per_device_train_batch_size": 16}
        return fine_tune(file, base, SETTINGS, sft_config({**plain, **sft}, 0), tmp_path / folder, resume)

    return run
