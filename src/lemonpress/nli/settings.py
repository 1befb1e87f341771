"""The recipe of a critic: encoder, adapter, and the stages of its training."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from lemonpress.errors import UserError
from lemonpress.recipes import LoraSettings
from lemonpress.recipes.base import Section

RowSource = Literal[
    "nli",
    "identical",
    "restated",
    "reworded",
    "paraphrase",
    "staged",
    "shortened",
    "changed",
    "swapped",
    "same_context",
    "other_context",
]


class StageSettings(Section):
    """One stage of training: which rows, how long, how fast."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", description="folder of the stage")
    rows: dict[RowSource, int] = Field(description="rows by source; fewer where there are fewer")
    epochs: float = Field(1, gt=0)
    learning_rate: float = Field(5e-4, gt=0)
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    batch_size: int = Field(64, ge=1)

    @field_validator("rows")
    @classmethod
    def _some(cls, rows: dict[RowSource, int]) -> dict[RowSource, int]:
        if not any(rows.values()) or min(rows.values()) < 0:
            raise ValueError("needs at least one source with a positive number of rows")
        return rows


class CriticRecipe(Section):
    """How one critic is made."""

    seed: int = Field(0, ge=0, lt=2**32, description="seed of every random choice")
    encoder: str = Field(description="Hub id, local folder, or package:NAME")
    revision: str | None = Field(None, description="commit of a Hub id")
    max_tokens: int = Field(96, ge=8, le=512, description="longer pairs are cut")
    lora: LoraSettings = LoraSettings(r=32, alpha=64)
    exclude_sources: list[str] = Field(default_factory=list, description="sources of the rows not to train on")
    held_out: float = Field(0.1, gt=0, lt=1, description="share of the pool's contexts kept for evaluation")
    general_sentences: int = Field(0, ge=0, description="premises of the NLI rows that the rules edit too")
    temperature: float | None = Field(
        None, gt=0, description="logits are divided by it; fitted on the validation rows by default"
    )
    save_steps: int = Field(200, ge=1, description="steps between checkpoints")
    stages: list[StageSettings] = Field(min_length=1, description="stages, in order")


def load_critic_recipe(file: Path) -> CriticRecipe:
    """Read and check a critic's recipe.

    Raises:
        UserError: The file is missing or not YAML, or a field is unknown, missing or wrong.
    """
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such recipe; the one that ships is trainers/recipes/critic.yaml") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not a YAML file: {' '.join(str(error).split())}") from None
    try:
        return CriticRecipe.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "recipe"
        raise UserError(f"{file}: '{place}': {problem['msg'].removeprefix('Value error, ')}") from None
