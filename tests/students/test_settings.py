from typing import Any

import pytest

from lemonpress.errors import UserError
from lemonpress.students.settings import sft_config
from one_line import one_line


def test_fields_keep_their_own_names_and_yaml_numbers_are_read() -> None:
    config = sft_config({"learning_rate": "5e-4", "max_steps": 7, "lr_scheduler_type": "cosine"}, 3)
    assert (config.learning_rate, config.max_steps, config.seed) == (5e-4, 7, 3)
    assert config.lr_scheduler_type == "cosine"
    assert not config.gradient_checkpointing
    assert config.report_to in ("none", [])


@pytest.mark.parametrize(
    ("sft", "words"),
    [
        ({"max_step": 3}, ["sft.max_step", "'max_steps'"]),
        ({"max_steps": "many"}, ["sft.max_steps", "'many'"]),
        ({"weight_decay": None}, ["sft.weight_decay", "None"]),
        ({"seed": 3}, ["sft.seed", "recipe's seed"]),
        ({"push_to_hub": True}, ["sft.push_to_hub"]),
        ({"lr_scheduler_type": "zigzag"}, ["zigzag"]),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(sft: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        sft_config(sft, 0)
    message = one_line(error)
    assert all(word in message for word in words)
