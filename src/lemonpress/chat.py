"""A language model behind any OpenAI-compatible server."""

import time
from dataclasses import dataclass
from typing import Any

from lemonpress.errors import UserError

_TRIES = 6
_FIRST_PAUSE = 1.0  # seconds, doubled after each try
_TIMEOUT = 120.0  # seconds for one answer
_PASSING = (408, 409, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Chat:
    """A model on a server that speaks the OpenAI protocol: vLLM, llama.cpp, TGI, Ollama, or a company's.

    Attributes:
        base_url: Of the server, such as ``http://localhost:8000/v1``.
        model: The name by which the server knows the model.
        api_key: Sent as a bearer token where the server wants one.
        first_pause: Seconds before the second try of a request; each later pause is twice as long.

    Raises:
        UserError: The address is none.
    """

    base_url: str
    model: str
    api_key: str | None = None
    first_pause: float = _FIRST_PAUSE

    def __post_init__(self) -> None:
        # The client takes anything else for a model of the Hub.
        if not self.base_url.startswith(("http://", "https://")):
            raise UserError(f"{self.base_url}: is no address of a server; write one as http://localhost:8000/v1")

    def ask(self, messages: list[dict[str, str]], max_tokens: int, temperature: float = 0.0) -> str:
        """The text of one answer.

        Busy or failing servers are asked again, six times in all.

        Args:
            messages: Role and content of each turn.
            max_tokens: Longest answer.
            temperature: 0 takes the likeliest token each time.

        Raises:
            UserError: The server cannot be reached, refuses the key or the model, or fails every time.
        """
        client = self._client()
        for attempt in range(1, _TRIES + 1):
            try:
                answer = client.chat_completion(
                    messages, model=self.model, max_tokens=max_tokens, temperature=temperature
                )
                return answer.choices[0].message.content or ""
            except Exception as error:
                problem = self._explain(error)
                if problem is not None:
                    raise problem from None
                if attempt == _TRIES:
                    raise UserError(f"{self.base_url}: failed {_TRIES} times, at last with: {_line(error)}") from None
                time.sleep(self.first_pause * 2 ** (attempt - 1))
        raise AssertionError("unreachable")

    def _client(self) -> Any:
        from huggingface_hub import InferenceClient

        # An empty key would send the user's Hub token to a server that is not the Hub.
        return InferenceClient(base_url=self.base_url, api_key=self.api_key or "none", timeout=_TIMEOUT)

    def _explain(self, error: Exception) -> UserError | None:
        """What cannot be mended by asking again; None for what may pass. Re-raises what is no matter of the server."""
        from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError
        from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # httpx or httpx2, by major version

        if isinstance(error, httpx.InvalidURL):
            return UserError(f"{self.base_url}: is no address ({_line(error)}); write one as http://localhost:8000/v1")
        if isinstance(error, httpx.ConnectError):
            return UserError(f"{self.base_url}: no server answers; start one or give another base_url")
        if isinstance(error, HfHubHTTPError):
            status = error.response.status_code
            if status in _PASSING:
                return None
            if status in (401, 403):
                return UserError(f"{self.base_url}: refuses the key ({status}); set OPENAI_API_KEY")
            return UserError(f"{self.base_url}: answers {status} for model {self.model}: {_line(error)}")
        if isinstance(
            error, (InferenceTimeoutError, httpx.TransportError, ValueError, KeyError, TypeError, IndexError)
        ):
            return None  # cut off, too slow, or an answer that is none
        raise error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
