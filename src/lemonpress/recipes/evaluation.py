"""The sections of an evaluation: which systems rewrite which benchmarks, and what judges them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lemonpress.recipes.base import Section
from lemonpress.recipes.judges import JudgeSettings
from lemonpress.recipes.schema import Name, Task


class DecodingSettings(Section):
    """How a system writes; the likeliest token each time unless told otherwise."""

    method: Literal["greedy", "sample", "beam"] = "greedy"
    temperature: float = Field(0.7, gt=0, description="of samples")
    top_p: float = Field(0.9, gt=0, le=1, description="nucleus mass of samples")
    beams: int = Field(5, ge=1, description="of beam search")
    max_new_tokens: int = Field(64, ge=1, description="tokens a text at most")
    seed: int = Field(0, ge=0, lt=2**32, description="of samples")


class CopyInput(Section):
    """The source itself: what overlap metrics like best."""

    system: Literal["copy"]


class FirstWords(Section):
    """The first words of the source."""

    system: Literal["first_words"]
    words: int = Field(8, ge=1, description="words kept")


class Lead(Section):
    """The first sentence of the source, or its first characters (75 is DUC's and Gigaword's PREFIX)."""

    system: Literal["lead"]
    characters: int | None = Field(None, ge=1, description="cut there, after the last whole word; uncut by default")


class Predictions(Section):
    """Texts that any program wrote."""

    system: Literal["predictions"]
    path: str = Field(description="JSON lines with a candidate for each row of the benchmark, in its order")
    column: str = Field("candidate", description="where the text is")


class StudentSystem(Section):
    """A published student, by the prompts that it was trained on."""

    system: Literal["student"]
    model: str = Field(description="Hub id, local folder, or package:NAME")
    revision: str | None = Field(None, description="commit, tag or branch of a Hub model")
    ratio: float | None = Field(
        None, gt=0, le=1, description="summaries: ask for so many words for each word of the source"
    )
    exemplar: bool = Field(False, description="follow the syntax of the row's exemplar (paper, section 4.3)")

    @model_validator(mode="after")
    def _one_wish(self) -> Self:
        if self.exemplar and self.ratio is not None:
            raise ValueError("a student follows an exemplar or a length, not both; remove one")
        return self


class PromptedModel(Section):
    """Any causal or encoder-decoder model with a prompt of its own."""

    system: Literal["model"]
    model: str = Field(description="Hub id, local folder, or package:NAME")
    revision: str | None = Field(None, description="commit, tag or branch of a Hub model")
    prompt: str = Field("{source}", description="what it reads; {source}, {words} and {exemplar} are filled in")
    ratio: float | None = Field(None, gt=0, le=1, description="of {words} to the words of the source")

    @model_validator(mode="after")
    def _filled_in(self) -> Self:
        if "{source}" not in self.prompt:
            raise ValueError("prompt lacks {source}; write where the sentence goes")
        if ("{words}" in self.prompt) != (self.ratio is not None):
            raise ValueError("{words} in the prompt and ratio go together; give both or neither")
        return self


class Asked(Section):
    """What an instruct model is asked, zero-shot or with examples."""

    request: str | None = Field(None, description="what comes before the sentence; our own request if null")
    shots: int = Field(0, ge=0, description="examples shown, as turns of a chat (the paper: 0 and 5)")
    examples: str | None = Field(None, description="JSON lines of source and reference that examples are drawn from")
    seed: int = Field(0, ge=0, lt=2**32, description="of that draw")
    exemplar: bool = Field(False, description="ask for the syntax of the row's exemplar (paper, section 4.3)")
    ratio: float | None = Field(
        None,
        gt=0,
        le=1,
        description="summaries: name the number of words, so many for each of the source (after Referee, Sclar et al. "
        "2022)",
    )

    @model_validator(mode="after")
    def _examples_for_shots(self) -> Self:
        if (self.shots > 0) != (self.examples is not None):
            raise ValueError("shots and examples go together; give both or neither")
        return self


class InstructModel(Asked):
    """An instruct model on this machine, asked in its chat template if it has one."""

    system: Literal["instruct"]
    model: str = Field(description="Hub id, local folder, or package:NAME")
    revision: str | None = Field(None, description="commit, tag or branch of a Hub model")


class ChatModel(Asked):
    """An instruct model behind an OpenAI-compatible server; its key comes from OPENAI_API_KEY."""

    system: Literal["chat"]
    base_url: str = Field(description="of the server, such as http://localhost:8000/v1")
    model: str = Field(description="the name by which the server knows it")
    workers: int = Field(8, ge=1, description="requests at a time")


class RoundTrip(Section):
    """Translation there and back, by two translation models."""

    system: Literal["round_trip"]
    there: str = Field(description="model into the other language")
    back: str = Field(description="model back")
    there_revision: str | None = None
    back_revision: str | None = None
    there_prompt: str = Field("{source}", description="of T5: 'translate English to German: {source}'")
    back_prompt: str = "{source}"
    languages: tuple[str, str] | None = Field(
        None, description="one's own and the other, of models that know many: eng_Latn and deu_Latn of NLLB"
    )


SystemSettings = Annotated[
    CopyInput
    | FirstWords
    | Lead
    | Predictions
    | StudentSystem
    | PromptedModel
    | InstructModel
    | ChatModel
    | RoundTrip,
    Field(discriminator="system"),
]


class BenchmarkChoice(Section):
    """A benchmark: a declared one, or a file of one's own."""

    name: Name | None = Field(None, description="of a declared benchmark, such as mrpc, or what to call one's own")
    data: str | None = Field(None, description="JSON lines of source and reference, instead of the declared data")
    task: Task | None = Field(None, description="of a file of one's own; declared benchmarks have theirs")
    count: int | None = Field(None, ge=1, description="use the first so many rows; all of them by default")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.name is None and (self.data is None or self.task is None):
            raise ValueError("give the name of a declared benchmark, or data and task")
        if self.task is not None and self.data is None:
            raise ValueError(f"task {self.task} goes with data of one's own; give data or remove task")
        return self


class Evaluation(Section):
    """Systems x benchmarks."""

    systems: dict[str, SystemSettings] = Field(min_length=1, description="by the name that tables give them")
    benchmarks: list[BenchmarkChoice] = Field(min_length=1)
    decoding: DecodingSettings = DecodingSettings()
    alpha: float = Field(0.7, ge=0, le=1, description="weight of the reference in iBLEU (paper: 0.7)")
    judges: JudgeSettings = JudgeSettings()
    rounds: int = Field(
        1, ge=1, description="let every system rewrite its own text so many times, and measure the drift"
    )
    timed: int = Field(0, ge=0, description="time every system on so many sentences, one by one")
    baseline: str | None = Field(None, description="system that the others are compared with; the first by default")

    @model_validator(mode="after")
    def _known_baseline(self) -> Self:
        if self.baseline is not None and self.baseline not in self.systems:
            raise ValueError(f"baseline {self.baseline!r} is none of the systems: {', '.join(self.systems)}")
        return self

    @property
    def base_system(self) -> str:
        """The system that the others are compared with."""
        return self.baseline or next(iter(self.systems))
