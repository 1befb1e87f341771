"""One request of the OpenAI protocol and the reading of its answer, whole or in pieces."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict


class NoProtocolError(Exception):
    """A web page answers where the protocol should."""


@dataclass(frozen=True)
class Answer:
    """What one request gave.

    Attributes:
        choices: Text of each choice and why it ended, in the server's order; at least one.
        prompt_tokens: As the server counts them; None where it does not say.
        completion_tokens: Likewise, of all choices.
        model: As the server names it.
        headers: Of the answer.
    """

    choices: tuple[tuple[str, str], ...]
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str | None
    headers: Mapping[str, str]


class _Read(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class _Usage(_Read):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Message(_Read):
    content: str | None = None
    refusal: str | None = None


class _Choice(_Read):
    index: int = 0
    message: _Message | None = None
    delta: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Body(_Read):
    choices: list[_Choice]
    usage: _Usage | None = None
    model: str | None = None


def send(client: Any, payload: dict[str, Any]) -> Answer:
    """Send one request with the official client.

    Args:
        client: An ``openai.OpenAI``.
        payload: Of chat completions; of completions where it has a ``prompt``.

    Raises:
        NoProtocolError: The answer is a web page.
        ValueError: The answer is not of the protocol, or not whole.
        openai.OpenAIError: No answer, or one that says what is wrong.
    """
    endpoint = client.completions if "prompt" in payload else client.chat.completions
    raw = endpoint.with_raw_response.create(**payload)
    kind = raw.headers.get("content-type", "").lower()
    if "html" in kind:
        raw.http_response.close()
        raise NoProtocolError
    if "event-stream" in kind:
        return _joined(raw.parse(), raw.headers)
    return _read(_Body.model_validate_json(raw.http_response.read()), raw.headers)


def read_body(body: object) -> Answer:
    """Read the body of an answer, as it comes in the results of a batch.

    Args:
        body: Parsed JSON.

    Raises:
        ValueError: It is not of the protocol, or not whole.
    """
    return _read(_Body.model_validate(body), {})


def _read(body: _Body, headers: Mapping[str, str]) -> Answer:
    if not body.choices:
        raise ValueError("an answer without a choice")
    choices = tuple(_whole(choice) for choice in sorted(body.choices, key=lambda choice: choice.index))
    return _answer(choices, body.usage, body.model, headers)


def _whole(choice: _Choice) -> tuple[str, str]:
    finish = choice.finish_reason or "unknown"
    if choice.message is None:
        if choice.text is None:
            raise ValueError("a choice without a text")
        return choice.text, _checked(finish)
    return choice.message.content or "", _checked("refusal" if choice.message.refusal else finish)


def _joined(chunks: Iterable[object], headers: Mapping[str, str]) -> Answer:
    texts: dict[int, list[str]] = {}
    ends: dict[int, str] = {}
    refusing: set[int] = set()
    usage, model = None, None
    for chunk in chunks:
        body = _Body.model_validate(chunk)
        usage, model = body.usage or usage, body.model or model
        for choice in body.choices:
            piece = choice.delta or _Message()
            texts.setdefault(choice.index, []).append(piece.content or choice.text or "")
            if piece.refusal:
                refusing.add(choice.index)
            if choice.finish_reason:  # some servers send an empty one with each piece
                ends[choice.index] = _checked(choice.finish_reason)
    if not texts or texts.keys() != ends.keys():
        raise ValueError("the stream broke off")
    choices = tuple(("".join(texts[i]), "refusal" if i in refusing else ends[i]) for i in sorted(texts))
    return _answer(choices, usage, model, headers)


def _checked(finish: str) -> str:
    """Some relays end with this what the model behind them broke off."""
    if finish == "error":
        raise ValueError("the model broke off")
    return finish


def _answer(
    choices: tuple[tuple[str, str], ...], usage: _Usage | None, model: str | None, headers: Mapping[str, str]
) -> Answer:
    usage = usage or _Usage()
    return Answer(choices, usage.prompt_tokens, usage.completion_tokens, model, headers)
