"""What a language model is asked, and what it answers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """One turn of a chat.

    Attributes:
        role: ``system``, ``user`` or ``assistant``.
        content: Its text.
    """

    role: str
    content: str


@dataclass(frozen=True)
class Question:
    """What is asked; its content is its identity.

    Attributes:
        messages: Turns of a chat; None where `prompt` is given.
        prompt: A text to be continued, for the completions endpoint; None where `messages` are given.
        max_tokens: Longest answer.
        temperature: 0 takes the likeliest token each time.
        top_p: Share of the probability that is sampled from.
        n: Answers wanted.
        seed: Of the sampling, where the server has one; also tells questions apart that are otherwise equal.
        schema: JSON schema of the answer, where the server can keep to one; it is not checked here.

    Raises:
        ValueError: Neither or both of `messages` and `prompt`, or a number below 1.
    """

    messages: tuple[Message, ...] | None = None
    prompt: str | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    n: int = 1
    seed: int | None = None
    schema: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if (self.messages is None) == (self.prompt is None):
            raise ValueError("a question has messages or a prompt")
        if self.n < 1 or self.max_tokens < 1:
            raise ValueError("a question wants an answer of a token or more")

    def key(self, model: str) -> str:
        """What identifies its answers: a SHA-256 of its content and of what identifies the model, in hexadecimal
        digits."""
        content = {
            "model": model,
            "messages": None if self.messages is None else [[turn.role, turn.content] for turn in self.messages],
            "prompt": self.prompt,
            "max_tokens": self.max_tokens,
            "temperature": float(self.temperature),
            "top_p": float(self.top_p),
            "n": self.n,
            "seed": self.seed,
            "schema": self.schema,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What was answered to a question.

    Attributes:
        texts: One for each answer that was wanted; empty where it was refused.
        finish: Why each ended: ``stop``, ``length``, ``content_filter``, ``refusal`` (by the model), ``unknown`` (the
            server does not say), or another word of the server.
        prompt_tokens: As the server counts them, of all requests that it took; None where it does not say.
        completion_tokens: Likewise.
        model: As the server names it.
    """

    texts: tuple[str, ...]
    finish: tuple[str, ...]
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str
