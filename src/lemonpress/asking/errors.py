"""What goes wrong with a server of the OpenAI protocol: what may pass, what to leave out, what a person must mend."""

import json
import re
from collections.abc import Mapping
from typing import Any

from lemonpress.errors import UserError

_PASSING = (408, 409, 425, 429)
_REJECTING = (400, 422)
# Not the word billing, nor a quota that is exceeded: some servers say so of requests a minute.
_NO_MONEY = re.compile(r"insufficient[_ ](quota|balance|credits?)|billing_hard_limit", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[_ ](length|window|size)|maximum (context|sequence|model) len|max_new_tokens|(prompt|input) is too long",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model_not_found|(unknown|no such|invalid) model|model\b.{0,120}\b(not found|does not exist)"
    r"|\bpinned to\b",  # transformers serve
    re.IGNORECASE,
)
_FILTERED = re.compile(r"\b(content_filter|content_policy_violation)\b")
_BAD_SCHEMA = re.compile(r"invalid (json )?schema", re.IGNORECASE)
_ADDRESS = "give the base_url of the protocol, which mostly ends in /v1"
_STRUCTURE = re.compile(r"response_?format|json_schema|guided|structured|grammar", re.IGNORECASE)


class UnknownModelError(UserError):
    """The server has no model of this name."""


def status_of(error: Exception) -> int | None:
    """The HTTP status of an answer that says what is wrong; None for other errors."""
    from openai import APIStatusError

    return error.status_code if isinstance(error, APIStatusError) else None


def headers_of(error: Exception) -> Mapping[str, str]:
    """The headers of that answer; none for other errors."""
    from openai import APIStatusError

    return error.response.headers if isinstance(error, APIStatusError) else {}


def line(error: Exception, secret: str | None) -> str:
    """An error in one short line, without the key."""
    status = status_of(error)
    text = f"{status}: {_said(error)}" if status is not None else str(error) or type(error).__name__
    text = " ".join(text.split())
    return (text.replace(secret, "(key)") if secret else text)[:200]


def is_filtered(error: Exception) -> bool:
    """Whether a filter of the server refuses the question, which the protocol may also say by a finish reason."""
    return status_of(error) == 400 and _FILTERED.search(_body(error)) is not None


def too_much(error: Exception, payload: Mapping[str, Any]) -> str | None:
    """The part of a request that the server does not know and that can be left out or asked for otherwise.

    Returns:
        ``response_format``, ``stream_options``, ``max_tokens`` (which has another name there) or ``n``; None where
        leaving out nothing would help.
    """
    body = _body(error)
    if status_of(error) not in _REJECTING or _BAD_SCHEMA.search(body):
        return None
    if _has_structure(payload) and _STRUCTURE.search(body):
        return "response_format"
    if "stream_options" in payload and "stream_options" in body:
        return "stream_options"
    if "max_tokens" in payload and "max_completion_tokens" in body:
        return "max_tokens"
    # Servers name this in many ways, so one choice is tried whatever they say.
    known = _TOO_LONG.search(body) or _NO_MODEL.search(body)
    return "n" if payload.get("n", 1) > 1 and not known else None


def is_absent(error: Exception) -> bool:
    """Whether nothing listens at the address."""
    import httpx2
    from openai import APIConnectionError

    return isinstance(error, APIConnectionError) and isinstance(
        error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout)
    )


def may_pass(error: Exception) -> bool:
    """Whether the same request may succeed later: busy or failing servers, cut connections, answers that are none."""
    from openai import APIError

    status = status_of(error)
    if status is None:
        return isinstance(error, (APIError, ValueError)) or _is_transport(error)
    return status >= 500 or (status in _PASSING and not (status == 429 and _NO_MONEY.search(_body(error))))


def explain(error: Exception, base_url: str, model: str, secret: str | None) -> UserError:
    """What a person must mend where a request was refused for good."""
    status, text = status_of(error), line(error, secret)
    body = _body(error)
    if status in (401, 403):
        return UserError(f"{base_url}: refuses the key ({status}); set OPENAI_API_KEY")
    if status in (402, 429):
        return UserError(f"{base_url}: the account has nothing left ({text}); add to it and run again")
    if status in (404, 405) and not _speaks_protocol(body, model):
        return UserError(f"{base_url}: answers {status} and not by the OpenAI protocol; {_ADDRESS}")
    what = f"{base_url}: answers {status} for model {model}: {text.partition(': ')[2]}"
    if status in (400, 413, 422) and _TOO_LONG.search(body):
        return UserError(f"{what}; shorten the prompt, lower the tokens asked for, or serve a longer context")
    if status in (400, 404) and _NO_MODEL.search(body):
        return UnknownModelError(f"{what}; give the name of one that it has")
    return UserError(what)


def web_page(base_url: str) -> UserError:
    """For an address that shows a web page."""
    return UserError(f"{base_url}: answers with a web page; {_ADDRESS}")


def _is_transport(error: Exception) -> bool:
    import httpx2

    return isinstance(error, httpx2.TransportError)


def _has_structure(payload: Mapping[str, Any]) -> bool:
    return "response_format" in payload or "response_format" in payload.get("extra_body", {})


def _body(error: Exception) -> str:
    from openai import APIStatusError

    return error.response.text if isinstance(error, APIStatusError) else ""


def _speaks_protocol(body: str, model: str) -> bool:
    try:
        parsed = json.loads(body)
    except ValueError:
        return False
    return isinstance(parsed, dict) and ("error" in parsed or "message" in parsed or model in body)


def _said(error: Exception) -> str:
    """What the body says, in whichever of the usual places."""
    body = _body(error)
    try:
        said = json.loads(body)
    except ValueError:
        return "a web page" if body.lstrip().startswith("<") else body
    for name in ("error", "message", "detail"):
        if isinstance(said, dict) and said.get(name):
            said = said[name]
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
