"""The sections of a recipe."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from lemonpress.assets import find_file
from lemonpress.recipes.base import Section
from lemonpress.recipes.critics import CriticSettings, DiversitySettings, ParserModel, ParserName, critic_name
from lemonpress.recipes.judges import JudgeSettings
from lemonpress.recipes.rewriting import RewritingSettings, SourceSentences
from lemonpress.recipes.teachers import AnyTeacher, ChatTeacherSettings


def _not_a_git_name(name: str) -> str:
    if name.endswith(".git"):
        raise ValueError("ends in .git, which no repository may")
    return name


Task = Literal["paraphrase", "summary"]
StudentTask = Literal["paraphrase", "summary", "control"]
_COLUMNS = ("id", "source", "target", "context_id", "domain", "diversity", "deduplicate", "reverse_entailment")
Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9](?:[.-]?[A-Za-z0-9_])*$", max_length=96),
    AfterValidator(_not_a_git_name),
]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class TeacherContexts(Section):
    """Contexts sampled from the teacher (paper, section 3.1): a prefix, then 1 to 5 sentences."""

    source: Literal["teacher"]
    count: int = Field(ge=1, description="contexts to sample")
    prefixes: list[str] = Field(
        ["{city} ({outlet}) --"], min_length=1, description="openings; {city} and {outlet} are filled in"
    )
    top_p: float = Field(0.9, gt=0, le=1, description="nucleus mass (paper: 0.9)")
    temperature: float = Field(1.0, gt=0, description="sampling temperature (paper: 1.0)")
    sentences: tuple[int, int] = Field((1, 5), description="fewest and most sentences of a context (paper: 1 to 5)")
    max_new_tokens: int = Field(150, ge=8, description="tokens sampled at most (official code: 150)")

    @field_validator("prefixes")
    @classmethod
    def _fillable(cls, prefixes: list[str]) -> list[str]:
        for prefix in prefixes:
            try:
                prefix.format(city="", outlet="")
            except (LookupError, ValueError, AttributeError):
                raise ValueError(f"{prefix!r}: only {{city}} and {{outlet}} are filled in") from None
        return prefixes

    @field_validator("sentences")
    @classmethod
    def _ordered(cls, sentences: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= sentences[0] <= sentences[1]:
            raise ValueError("give the fewest, at least 1, then the most")
        return sentences


class FileContexts(Section):
    """Contexts read from a file: one a line (.txt), or JSON lines with a text column (.jsonl, .jsonl.gz)."""

    source: Literal["file"]
    path: str = Field(description="file; data/NAME is a file that ships with lemonpress")
    column: str = Field("text", description="JSON lines: the column that holds the context")
    count: int | None = Field(None, ge=1, description="read at most so many; all of them by default")


class DatasetContexts(Section):
    """Contexts from a column of any dataset that `datasets.load_dataset` reads."""

    source: Literal["dataset"]
    path: str = Field(description="dataset id on the Hub, or a folder")
    revision: str | None = Field(None, description="commit or tag")
    config: str | None = Field(None, description="configuration name")
    split: str = Field("train", description="split")
    column: str = Field("text", description="the column that holds the context")
    count: int | None = Field(None, ge=1, description="read at most so many; all of them by default")


class PairRows(Section):
    """Pairs of an existing corpus, for the critics to filter: no teacher writes anything."""

    source: Literal["pairs"]
    path: str = Field(
        description="dataset id on the Hub, a folder, or a file: .jsonl, .jsonl.gz, .csv, .tsv (without quotes) "
        "or .parquet"
    )
    revision: str | None = Field(None, description="commit or tag of a Hub dataset")
    config: str | None = Field(None, description="configuration name")
    split: str = Field("train", description="split")
    source_column: str = Field("source", description="column of the sentence that was rewritten")
    target_column: str = Field(
        "target", description="column of its rewriting, or of a list of them (a list written as a string is read too)"
    )
    group_column: str | None = Field(
        None,
        description="column that groups pairs for diversity; by default pairs of one source are a group; as all of "
        "them share that sentence, diversity keeps one target of each source",
    )
    context_column: str | None = Field(None, description="column of the context that both sentences follow, if any")
    licence: str = Field("unknown", description="SPDX-like identifier that the filtered corpus inherits")
    written_by: str | None = Field(
        None,
        min_length=1,
        exclude_if=lambda value: value is None,
        description="language model that wrote the pairs, which the card names",
    )
    count: int | None = Field(None, ge=1, description="read at most so many rows; all of them by default")


ContextSettings = Annotated[
    TeacherContexts | FileContexts | DatasetContexts | PairRows | SourceSentences, Field(discriminator="source")
]


class SentenceSettings(Section):
    """Next sentences sampled for each context (paper, section 3.1)."""

    k: int = Field(100, ge=2, description="samples for each context (paper: 100)")
    top_p: float = Field(0.9, gt=0, le=1, description="nucleus mass (official code: 0.9)")
    temperature: float = Field(0.7, gt=0, description="sampling temperature (paper: 0.7, official code: 0.5)")
    no_repeat_ngram: int | None = Field(
        None, ge=1, description="no run of so many tokens is drawn twice (official code: 3; off when absent)"
    )
    max_new_tokens: int = Field(100, ge=8, description="tokens sampled at most (official code: 100)")


class DeduplicationSettings(Section):
    """Removal of duplicates over the whole corpus (ours; the paper compares pairs of one context alone)."""

    near: float | None = Field(
        None,
        gt=0,
        le=1,
        description="also drop pairs that share this much of their words, taken two by two (Jaccard similarity; "
        "candidates by MinHash); by default only pairs that are equal but for case, spaces and punctuation",
    )


class ControlSettings(Section):
    """Parse trees of a paraphrase corpus's targets, for syntactic control (paper, section 3.4: constituency trees)."""

    parser: ParserName = "stanza"
    model: ParserModel = None


class CorpusSettings(Section):
    """One corpus: its task, its critics and its splits."""

    task: Task
    pairs: Literal["ordered", "unordered"] = Field(
        "ordered",
        description="candidates of a pool: both directions of every two sentences (paper), or the earlier one as "
        "source (official code)",
    )
    critics: list[CriticSettings] = Field(min_length=1, description="every critic must accept a pair; order is free")
    diversity: DiversitySettings | None = Field(None, description="one pair per meaning; off when absent")
    deduplicate: DeduplicationSettings | None = Field(None, description="over the whole corpus; off when absent")
    # Left out of dumps where it is absent: dumps are part of the provenance of releases that are older.
    control: ControlSettings | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="paraphrases: also write each pair with the parse tree of its target; off when absent",
    )
    rewriting: RewritingSettings = Field(
        RewritingSettings(),
        exclude_if=lambda value: value == RewritingSettings(),
        description="what the teacher is asked for each sentence of a pool of sentences",
    )
    holdout: float = Field(0.1, ge=0, lt=0.5, description="share of contexts in each of validation and test")
    rejected_rows: int = Field(2000, ge=0, description="rejected pairs published for each critic, a seeded sample")
    # These two are left out of dumps at their defaults, as control is.
    personal_data: Literal["keep", "drop"] = Field(
        "keep",
        exclude_if=lambda value: value == "keep",
        description="sentences that hold e-mail addresses, phone numbers, keys, card numbers or IBANs; counted always",
    )
    raw: bool = Field(
        False,
        exclude_if=lambda value: not value,
        description="also publish each context with its next sentences, or each sentence with its rewritings, as they "
        "were before any critic",
    )

    @model_validator(mode="after")
    def _control_of_paraphrases(self) -> Self:
        if self.control and self.task != "paraphrase":
            raise ValueError(f"control is for paraphrase corpora, and this one's task is {self.task}; remove it")
        return self

    @model_validator(mode="after")
    def _words_of_summaries(self) -> Self:
        if self.rewriting.ratio is not None and self.task != "summary":
            raise ValueError(
                "rewriting.ratio names the words of summaries, and this corpus is of paraphrases; remove it"
            )
        return self

    @model_validator(mode="after")
    def _scored_edges(self) -> Self:
        names = [critic_name(critic) for critic in self.critics]
        if len(set(names)) != len(names):
            raise ValueError("names a critic twice; give each one entry, and each classifier a name of its own")
        taken = [name for name in names if name in _COLUMNS]
        if taken:
            raise ValueError(f"a classifier cannot be named {taken[0]}: a corpus has a column of that name")
        if self.diversity and self.diversity.edges not in names:
            raise ValueError(f"diversity takes its edges from '{self.diversity.edges}': add that critic")
        return self


class LoraSettings(Section):
    """Adapter settings; all linear layers by default."""

    r: int = Field(16, ge=1, description="rank")
    alpha: int = Field(32, ge=1, description="scale numerator")
    dropout: float = Field(0.0, ge=0, lt=1, description="of the adapter's input")
    target_modules: str | list[str] = Field("all-linear", description="layers that are adapted, as PEFT names them")


class StudentSettings(Section):
    """The student and how it is trained. `sft` takes the fields of `trl.SFTConfig` under their own names."""

    name: Name = Field(description="repository name of the published student")
    model: str = Field(description="base: Hub id, local folder, or package:NAME")
    revision: str | None = None
    kind: Literal["causal", "seq2seq"] | None = Field(
        None, description="what the base must be: causal, or seq2seq (T5, BART); told from its configuration if null"
    )
    lora: LoraSettings | None = Field(LoraSettings(), description="adapter; null trains all weights")
    max_rows: int | None = Field(None, ge=1, description="train on at most so many rows a task, a seeded sample")
    length_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of the summary rows whose prompt names the number of words, so that a length can be asked "
        "for (ours)",
    )
    early_stopping: int | None = Field(
        None, ge=1, description="stop after so many evaluations without a better one, and publish the best"
    )
    written_rows: int = Field(
        0, ge=0, description="validation rows that the student also rewrites at each evaluation, greedily"
    )
    sft: dict[str, Any] = Field(default_factory=dict, description="fields of trl.SFTConfig")
    distilled_sft: dict[str, Any] = Field(
        default_factory=dict, description="fields of trl.SFTConfig that differ in self-distillation rounds"
    )


class TrainingData(Section):
    """Rows that a student is trained on: a file, a dataset's folder or a dataset on the Hub."""

    path: str = Field(
        min_length=1,
        description="dataset id on the Hub, a folder, or a file: .jsonl, .jsonl.gz, .csv, .tsv (without quotes) "
        "or .parquet",
    )
    revision: str | None = Field(None, description="commit or tag of a Hub dataset")
    config: str | None = Field(None, description="configuration of a dataset; the only or default one if null")
    split: str = Field("train", description="split of a dataset; files have none")
    task: StudentTask | None = Field(None, description="of every row; if null, the task column says it row by row")
    task_column: str = Field("task", description="column of the task: paraphrase, summary or control")
    source_column: str = Field("source", description="column of the sentence to rewrite")
    target_column: str = Field("target", description="column of its rewriting")
    tree_column: str = Field("tree", description="control: column of the target's bracketed parse tree")
    parser_column: str = Field("parser", description="control: column of the key of the parser that made the tree")
    weight: float = Field(
        1.0,
        gt=0,
        description="passes over the rows: 0.5 takes a seeded half of them, 2 each twice, 1.5 each once and a seeded "
        "half again; at least one row is taken",
    )
    count: int | None = Field(None, ge=1, description="read at most so many rows; all of them by default")
    licence: str = Field("unknown", description="SPDX-like identifier that a released student inherits")


class SelfDistillationSettings(Section):
    """Rounds of self-distillation (paper, section 3.3): the student's own pairs, the same critics, train again."""

    rounds: int = Field(1, ge=1, description="at most so many")
    sentences: int = Field(ge=1, description="fresh teacher sentences a round and task")
    candidates: int = Field(10, ge=1, description="the student's texts for each sentence (official code: 10)")
    beams: int | None = Field(
        None, ge=1, description="search with so many beams, at least one a candidate, instead of sampling"
    )
    top_p: float = Field(0.9, gt=0, le=1, description="nucleus mass of samples (official code: 0.9)")
    temperature: float = Field(0.7, gt=0, description="sampling temperature (official code: 0.7)")
    max_new_tokens: int = Field(64, ge=8)
    diversity: DiversitySettings | None = Field(
        None, description="what keeps one of a source's survivors; as in each corpus by default"
    )
    union: bool = Field(False, description="train on the first corpus too (paper: no)")
    stop: Literal["never", "yield", "validation"] = Field(
        "never",
        description="end before the last round: yield, when no larger share of the sources gives a kept pair than in "
        "the round before; validation, when the critics accept no more of the new student's greedy rewritings of "
        "held-out sentences than of the one before, which is then the result",
    )
    held_out: int | None = Field(
        None,
        ge=1,
        description="sentences of validation contexts, a task, that every student rewrites greedily: the share that "
        "the critics accept is reported, and is what stop: validation goes by",
    )
    release: bool = Field(
        False, description="release the corpora and the student of every round, as NAME-round-N; else the last student"
    )

    @model_validator(mode="after")
    def _beams_for_candidates(self) -> Self:
        if self.beams is not None and self.beams < self.candidates:
            raise ValueError(f"{self.beams} beams give no {self.candidates} candidates; raise beams")
        return self

    @model_validator(mode="after")
    def _held_out_to_stop_by(self) -> Self:
        if self.stop == "validation" and self.held_out is None:
            raise ValueError("stop: validation goes by held-out sentences; set held_out")
        return self


class BenchmarkSettings(Section):
    """Held-out sentences with references, and the systems compared on them."""

    path: str = Field("data/heldout.jsonl", description="JSON lines of source, paraphrases, summary")
    count: int | None = Field(None, ge=1, description="use at most so many; all of them by default")
    max_new_tokens: int = Field(64, ge=8)
    judges: JudgeSettings = JudgeSettings()


class Recipe(Section):
    """A whole run, from contexts to benchmark."""

    name: Name = Field(description="run name; its folder is runs/NAME under LEMONPRESS_HOME")
    seed: int = Field(0, ge=0, lt=2**32, description="seed of every random choice")
    hub: str = Field("local", description="where releases go: local, or the address of a Hub")
    namespace: Name = Field("lemonpress", description="user or organisation that owns the releases")
    version: Version = Field("1.0.0", description="version of the releases; the tag is vVERSION")
    collection: str | None = Field(
        None,
        min_length=1,
        max_length=59,
        exclude_if=lambda value: value is None,
        description="title of a collection of the namespace that the releases are put into; none when absent",
    )
    shard_size: int = Field(
        24, ge=1, description="contexts in a shard; of given pairs, which are fewer, 16 times as many sources"
    )
    teacher: AnyTeacher | None = Field(None, description="needed unless every pool is one of existing pairs")
    contexts: dict[Name, ContextSettings] = Field(
        min_length=1, description="pools: contexts that are pressed alike, or existing pairs that are filtered"
    )
    sentences: SentenceSettings = SentenceSettings()
    corpora: dict[Name, CorpusSettings] = Field(min_length=1)
    student: StudentSettings | None = None
    self_distillation: SelfDistillationSettings | None = None
    benchmark: BenchmarkSettings | None = None

    @model_validator(mode="after")
    def _stages_follow(self) -> Self:
        if self.self_distillation and not self.student:
            raise ValueError("self_distillation needs a student section")
        if self.self_distillation and self.self_distillation.diversity:
            edges = self.self_distillation.diversity.edges
            for name, corpus in self.corpora.items():
                if edges not in map(critic_name, corpus.critics):
                    raise ValueError(
                        f"self_distillation.diversity takes edges from '{edges}': corpora.{name} has no such critic"
                    )
        if all(isinstance(pool, PairRows) for pool in self.contexts.values()):
            for name, corpus in self.corpora.items():
                if corpus.raw:
                    raise ValueError(f"corpora.{name}.raw: every pool is one of existing pairs; remove raw")
        if self.teacher is None:
            pressed = [name for name, pool in self.contexts.items() if not isinstance(pool, PairRows)]
            if pressed:
                raise ValueError(f"contexts.{pressed[0]} asks for a teacher; add a teacher section")
        for name, pool in self.contexts.items():
            if isinstance(pool, TeacherContexts) and isinstance(self.teacher, ChatTeacherSettings):
                raise ValueError(f"contexts.{name} is sampled by a model on this machine; read contexts from a file")
        if not any(isinstance(pool, SourceSentences) for pool in self.contexts.values()):
            for name, corpus in self.corpora.items():
                if corpus.rewriting != RewritingSettings():
                    raise ValueError(f"corpora.{name}.rewriting: no pool is of sentences to rewrite; remove it")
        return self

    @property
    def tag(self) -> str:
        """The release tag."""
        return f"v{self.version}"

    def resolve_path(self, path: str) -> Path:
        """A file of this recipe: relative to the working directory, or shipped (``data/...``)."""
        return find_file(path)
