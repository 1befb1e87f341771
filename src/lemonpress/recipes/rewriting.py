"""The sections of sequence-level distillation: which sentences a language model is asked to rewrite, and how."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from lemonpress.recipes.base import Section

HOLE = re.compile(r"\{(\w*)\}")
"""A placeholder of a prompt."""

_FILLED = ("n", "sentence", "words")

SourceName = Literal["quora", "paws", "mrpc", "mscoco", "wikianswers", "twitter"]


class RewritingExample(Section):
    """A sentence and its rewritings, shown to a model as the answer that is wanted."""

    sentence: str = Field(min_length=1)
    rewritings: list[str] = Field(min_length=1, description="as many as are asked for in one answer")


class RewritingSettings(Section):
    """What a language model is asked for each sentence, and how it decodes.

    The paper of sequence-level distillation (arXiv 2404.12596) publishes neither prompt nor decoding. Asking for five
    as a numbered list without commentary is the idea of the published prompt of humarin/chatgpt-paraphrases; the words
    are ours.
    """

    n: int = Field(
        5, ge=1, le=50, description="rewritings of each sentence in one answer (humarin/chatgpt-paraphrases: 5)"
    )
    samples: int = Field(
        1,
        ge=1,
        le=50,
        description="answers to the same request, sampled each on its own; with n: 1, as many rewritings",
    )
    examples: list[RewritingExample] = Field(
        [], description="turns of the same request that the model is shown before its own (few-shot)"
    )
    prompt: str | None = Field(
        None,
        description="what the model is asked; {sentence}, {n} and {words} are filled in; our own words for the task "
        "if null",
    )
    system: str | None = Field(None, min_length=1, description="system prompt; none if null")
    ratio: float | None = Field(
        None, gt=0, le=1, description="summaries: name the number of words, so many for each of the sentence"
    )
    structured: bool = Field(
        False, description="ask for JSON, by its schema where the server can; by default for a numbered list"
    )
    temperature: float = Field(
        1.0, ge=0, description="sampling temperature; 0 takes the likeliest token each time (OpenAI's default: 1.0)"
    )
    top_p: float = Field(1.0, gt=0, le=1, description="nucleus mass (OpenAI's default: 1.0)")
    max_new_tokens: int = Field(
        512, ge=8, description="tokens of an answer at most (ours: five sentences of 60 words, numbered)"
    )

    @field_validator("prompt")
    @classmethod
    def _fillable(cls, prompt: str | None) -> str | None:
        if prompt is None:
            return None
        for name in HOLE.findall(prompt):
            if name not in _FILLED:
                raise ValueError(f"{{{name}}} is unknown; only {{sentence}}, {{n}} and {{words}} are filled in")
        if "{sentence}" not in prompt:
            raise ValueError("lacks {sentence}; write where the sentence goes")
        return prompt

    @model_validator(mode="after")
    def _several_are_sampled(self) -> Self:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                "samples of temperature 0 are all the same; raise the temperature, or ask for n in one answer"
            )
        return self

    @model_validator(mode="after")
    def _examples_of_n(self) -> Self:
        for place, example in enumerate(self.examples, start=1):
            if len(example.rewritings) != self.n:
                raise ValueError(f"example {place} shows {len(example.rewritings)} rewritings, and n is {self.n}")
        return self

    @model_validator(mode="after")
    def _words_by_ratio(self) -> Self:
        if self.prompt is not None and ("{words}" in self.prompt) != (self.ratio is not None):
            raise ValueError("{words} in the prompt and ratio go together; give both or neither")
        return self


class SourceSentences(Section):
    """Sentences to rewrite: of a named benchmark's training rows, or of any file, folder or dataset."""

    source: Literal["sentences"]
    benchmark: SourceName | None = Field(
        None,
        description="training rows of a data set of the paper (arXiv 2404.12596) instead of path; those of twitter "
        "are on no Hub",
    )
    path: str | None = Field(
        None,
        min_length=1,
        description="dataset id on the Hub, a folder, or a file: .txt (one text a line), .jsonl, .jsonl.gz, .csv, "
        ".tsv (without quotes) or .parquet",
    )
    revision: str | None = Field(None, description="commit or tag of a Hub dataset")
    config: str | None = Field(None, description="configuration of a dataset; the only or default one if null")
    split: str | None = Field(None, description="split of a dataset; train if null")
    columns: list[str] | None = Field(
        None, min_length=1, description="columns that hold a text or a list of texts; text alone if null"
    )
    split_sentences: bool = Field(False, description="cut each text into its sentences; else a text must be one")
    keep_out: list[str] | None = Field(
        None,
        description="benchmarks by name, and files, whose sentences are kept out; if null, the benchmarks whose "
        "evaluation rows are of the same Hub dataset and configuration",
    )
    licence: str = Field("unknown", description="of the texts: an SPDX-like identifier that the corpus inherits")
    count: int | None = Field(None, ge=1, description="keep at most so many, the first; all of them by default")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.benchmark is None) == (self.path is None):
            raise ValueError("give benchmark or path, and not both")
        if self.benchmark is not None:
            for field in ("config", "split", "columns"):
                if getattr(self, field) is not None:
                    raise ValueError(f"{field} goes with path: benchmark {self.benchmark} has its own; remove it")
        return self
