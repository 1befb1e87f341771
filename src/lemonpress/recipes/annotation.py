"""The sections of an annotation study: what people rate, and how many of them (paper, section 4.2 and Appendix D)."""

from typing import Annotated, Literal

from pydantic import Field

from lemonpress.recipes.base import Section
from lemonpress.recipes.evaluation import BenchmarkChoice, CopyInput, FirstWords, Lead, Predictions
from lemonpress.recipes.schema import Name


class PredictionsTable(Section):
    """What a system wrote, in a table of system, source and candidate, such as ``trainers/benchmark.py`` writes."""

    system: Literal["table"]
    path: str = Field(description="JSON lines, CSV, TSV or Parquet file, dataset folder or Hub id")
    of: str = Field(description="name of the system in the table")
    revision: str | None = Field(None, description="commit, tag or branch of a Hub dataset")
    config: str | None = Field(None, description="of a dataset: the benchmark, in those of trainers/benchmark.py")
    split: str = Field("test", description="of a dataset; files have none")


RatedSystem = Annotated[
    CopyInput | FirstWords | Lead | Predictions | PredictionsTable,
    Field(discriminator="system"),
]


class Annotation(Section):
    """A human evaluation: raters see a source and what one system wrote for it, and not which system."""

    name: Name = Field(description="of the study, in files")
    title: str = Field(min_length=1, max_length=80, description="what raters read above it")
    benchmark: BenchmarkChoice = Field(description="whose sources were rewritten; the task is the benchmark's")
    systems: dict[str, RatedSystem] = Field(min_length=1, description="by the name that tables give them")
    sources: int = Field(100, ge=1, description="drawn from the benchmark, the same for all systems (paper: 200)")
    raters_per_item: int = Field(3, ge=1, le=100, description="people who rate each text (paper: 6)")
    batch: int = Field(40, ge=1, le=1000, description="new texts that a rater gets at a time")
    repeated: float = Field(0.1, ge=0, le=0.5, description="share of a batch that is shown once more, for consistency")
    seed: int = Field(0, ge=0, lt=2**32, description="of the sources drawn and of every rater's order")
    ratings_dataset: str | None = Field(
        None, pattern=r"^[\w.-]+/[\w.-]+$", description="Hub dataset that ratings are pushed to; none by default"
    )
    every: float = Field(5, gt=0, le=1440, description="minutes between two pushes")
