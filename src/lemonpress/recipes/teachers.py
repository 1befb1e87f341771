"""The teacher of a recipe: a language model on this machine, or one behind a server."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from lemonpress.recipes.base import Section

_Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TeacherSettings(Section):
    """The language model that writes sentences."""

    model: str = Field(description="Hub id, local folder or .gguf file, or package:NAME")
    revision: str | None = Field(None, description="commit or tag of a Hub model")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="weights and arithmetic; auto: bfloat16 where the device computes it natively, else float32",
    )
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:N")
    licence: str | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="of what it writes: an SPDX-like identifier; that of the model's own card if null",
    )


class ChatTeacherSettings(Section):
    """A language model behind a server of the OpenAI protocol: a company's, vLLM, TGI, llama.cpp, transformers serve.

    The key comes from ``OPENAI_API_KEY``.
    """

    base_url: str = Field(pattern=r"^https?://", description="of the server, such as http://localhost:8000/v1")
    model: str = Field(min_length=1, description="the name by which the server knows the model")
    revision: str | None = Field(
        None,
        min_length=1,
        exclude_if=lambda value: value is None,
        description="of the weights behind the server, where they change under one name: part of what identifies "
        "answers and shards",
    )
    licence: str = Field(
        "unknown", description="of what it writes: an SPDX-like identifier, or terms such as openai-terms"
    )
    workers: int = Field(8, ge=1, le=512, description="requests under way at a time")
    stream: bool = Field(False, description="answers in pieces, which keeps proxies from cutting off long ones")
    dollars_per_million: tuple[_Price, _Price] | None = Field(
        None, description="price of a million tokens that are read, and of a million that are written"
    )
    batch: bool = Field(
        False,
        exclude_if=lambda value: value is False,
        description="ask by the server's batch API: answers within a day, at half the price with most companies",
    )

    @model_validator(mode="after")
    def _streams_or_batches(self) -> "ChatTeacherSettings":
        if self.batch and self.stream:
            raise ValueError("batch: true goes without stream: true")
        return self


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return "chat" if "base_url" in value else "causal"
    return "chat" if isinstance(value, ChatTeacherSettings) else "causal"


AnyTeacher = Annotated[
    Annotated[TeacherSettings, Tag("causal")] | Annotated[ChatTeacherSettings, Tag("chat")], Discriminator(_kind)
]
