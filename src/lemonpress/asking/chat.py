"""A language model behind any OpenAI-compatible server."""

import hashlib
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lemonpress.asking import errors
from lemonpress.asking.protocol import Answer, NoProtocolError, send
from lemonpress.asking.questions import Message, Question, Reply
from lemonpress.asking.rate_limits import Gate, spent_pause, told_pause
from lemonpress.errors import UserError

_TRIES = 6
_FIRST_PAUSE = 1.0  # seconds, doubled after each try
_ABSENCE = 300.0  # first pauses that a server which answered before may be gone for
_LONGEST_LOOK = 8.0  # first pauses between two looks for it
_LONGEST_PAUSE = 3600.0  # seconds that a server may ask to be left alone
_TIMEOUT = 600.0  # seconds without a sign of an answer: one that is given up may have to be paid twice
_CONNECT = 10.0  # seconds
_T = TypeVar("_T")


@dataclass
class _Tries:
    """Of one request: how often it failed, the seconds that the server asked to be left alone, and its absences."""

    failures: int = 0
    paused: float = 0.0
    absences: int = 0
    absent: float = 0.0  # seconds


class StoppedError(Exception):
    """The one who asked no longer wants the answer."""


class _State:
    """What the threads of a chat share: the connections, the gate, and what the server turned out to lack."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.gate = Gate()
        self.lacks: frozenset[str] = frozenset()
        self.met = False  # anything was ever answered
        self.client: Any = None


@dataclass(frozen=True)
class Chat:
    """A model on a server that speaks the OpenAI protocol: vLLM, llama.cpp, TGI, Ollama, or a company's.

    Threads may share one; they then wait together where the server limits how often it is asked.

    Attributes:
        base_url: Of the server, such as ``http://localhost:8000/v1``.
        model: The name by which the server knows the model.
        api_key: Sent as a bearer token where the server wants one.
        first_pause: Seconds before the second try of a request; each later pause is about twice as long.
        stream: Whether answers come in pieces, which keeps proxies from cutting off long ones.
        timeout: Seconds without a sign of an answer, or between its pieces, after which it is asked for again.
        identity: What identifies the weights in keys; the model's name if None.

    Raises:
        UserError: The address is none, or the key.
    """

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    first_pause: float = _FIRST_PAUSE
    stream: bool = False
    timeout: float = _TIMEOUT
    identity: str | None = None
    _state: _State = field(default_factory=_State, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")) or not _has_host(self.base_url):
            raise UserError(f"{self.base_url}: is no address of a server; write one as http://localhost:8000/v1")
        key = self.api_key or ""
        if not (key.isascii() and key.isprintable()):
            raise UserError("OPENAI_API_KEY: holds characters that no key has; set it anew, without line breaks")

    @property
    def weights(self) -> str:
        """What identifies the weights in keys."""
        return self.identity or self.model

    def key(self, question: Question) -> str:
        """What identifies the answers of this model to a question."""
        return question.key(self.weights)

    def ask(self, messages: Iterable[Mapping[str, str]], max_tokens: int, temperature: float = 0.0) -> str:
        """The text of one answer; see `reply`.

        Args:
            messages: Role and content of each turn.
            max_tokens: Longest answer.
            temperature: 0 takes the likeliest token each time.
        """
        turns = tuple(Message(turn["role"], turn["content"]) for turn in messages)
        return self.reply(Question(turns, max_tokens=max_tokens, temperature=temperature)).texts[0]

    def reply(self, question: Question, stop: threading.Event | None = None) -> Reply:
        """All answers to a question.

        Busy or failing servers are asked again, six times in all, and whenever they say when; cut and garbled answers
        are asked for again too. Where a server does not know JSON schemas, it is asked without; where it gives one
        answer at a time, it is asked as often as needed, with another seed each time.

        Args:
            question: What to ask.
            stop: Once set, nothing more is asked and no pause goes on; but the rest of answers that are partly there.

        Raises:
            UserError: The server cannot be reached, refuses the key, the model or the question, or fails every time.
            StoppedError: `stop` was set, and there is no reply.
        """
        return self.completed(question, (), stop)

    def completed(self, question: Question, first: Iterable[Answer], stop: threading.Event | None = None) -> Reply:
        """All answers to a question of which some are there.

        Args:
            question: What was asked.
            first: What came so far.
            stop: As for `reply`.

        Raises:
            UserError: As `reply` does.
            StoppedError: As `reply` does.
        """
        stop = stop or threading.Event()
        answers = list(first)
        choices = [choice for answer in answers for choice in answer.choices]
        while len(choices) < question.n:
            answer = self._keep_asking(question, len(choices), stop)
            answers.append(answer)
            choices += answer.choices
        texts, finish = zip(*choices[: question.n], strict=True)
        return Reply(
            texts,
            finish,
            _sum(answer.prompt_tokens for answer in answers),
            _sum(answer.completion_tokens for answer in answers),
            answers[-1].model or self.model,
        )

    def check(self, like: Question | None = None) -> None:
        """See that address, key and model are right, before work: by the server's list of models, or for one token.

        Args:
            like: What will be asked: the token is sampled as its answer is, since `transformers serve
                --continuous-batching` keeps the sampling of its first request for all others.

        Raises:
            UserError: They are not.
        """
        names = self._listed()
        if self.model in names:
            return
        try:
            hello = Question((Message("user", "Hello"),), max_tokens=1)
            if like is not None:
                hello = replace(hello, temperature=like.temperature, top_p=like.top_p)
            self.reply(hello)
        except errors.UnknownModelError as error:
            some = f": {', '.join(names[:5])}" if names else ""
            raise UserError(f"{error}{some}") from None

    def body(self, question: Question, lacks: Iterable[str] = ()) -> dict[str, Any]:
        """What a request for a question holds, but for streaming: a line of a batch.

        Args:
            question: What to ask.
            lacks: What the server turned out not to know, by `errors.too_much`, besides what `learn` was told.
        """
        payload = self._payload(question, 0, self._state.lacks.union(lacks))
        kept = {name: value for name, value in payload.items() if not name.startswith("stream")}
        return kept | kept.pop("extra_body", {})

    @property
    def lacks(self) -> frozenset[str]:
        """What is left out of requests, as the server turned out not to know it."""
        return self._state.lacks

    def learn(self, lacks: Iterable[str]) -> None:
        """Leave out from now on what the server turned out not to know: a question was answered without it."""
        with self._state.lock:
            self._state.lacks |= set(lacks)

    def persistently(self, call: Callable[[Any], _T]) -> _T:
        """Call the server as `reply` does: again where it is busy or fails, and whenever it says when.

        Args:
            call: Gets the official client; whatever it does may be done anew.

        Raises:
            UserError: The server cannot be reached, refuses the key or the call, or fails every time.
        """
        tries, stop = _Tries(), threading.Event()
        while True:
            self._pass_gate(stop)
            try:
                result = call(self._client())
            except UserError:
                raise
            except Exception as error:
                self._state.met = self._state.met or errors.status_of(error) is not None
                self._bear(error, tries, stop)
                continue
            self._state.met = True
            return result

    def _keep_asking(self, question: Question, first: int, stop: threading.Event) -> Answer:
        """At least one of the answers from the `first` on."""
        lacks: frozenset[str] = frozenset()
        tries = _Tries()
        while True:
            self._pass_gate(stop)
            # Where some answers to the question are paid, the others are still asked for.
            if stop.is_set() and (not first or tries.failures or tries.paused):
                raise StoppedError
            payload = self._payload(question, first, self._state.lacks | lacks)
            try:
                answer = send(self._client(), payload)
            except NoProtocolError:
                raise errors.web_page(self.base_url) from None
            except Exception as error:
                self._state.met = self._state.met or errors.status_of(error) is not None
                if errors.is_filtered(error):
                    return filtered(question.n - first)
                lacking = errors.too_much(error, payload)
                if lacking is not None:
                    lacks |= {lacking}
                    continue
                self._bear(error, tries, stop)
                continue
            self._met(answer, payload, lacks)
            return answer

    def _bear(self, error: Exception, tries: "_Tries", stop: threading.Event) -> None:
        """Wait until a request that failed may be made again; or raise what a person must mend."""
        if errors.is_absent(error):
            if not self._state.met:
                raise UserError(f"{self.base_url}: no server answers; start one or give another base_url") from None
            self._await_server(tries, stop)
            return
        if isinstance(error, UnicodeEncodeError):
            raise UserError(
                f"{self.base_url}: cannot be sent a text with half a character ({error.reason}); mend it"
            ) from None
        if not errors.may_pass(error):
            if errors.status_of(error) is None:
                raise error
            raise errors.explain(error, self.base_url, self.model, self.api_key) from None
        told = told_pause(errors.headers_of(error))
        if told:
            tries.paused += max(1.0, told)  # a server that always says "soon" is not asked for ever
            if tries.paused > _LONGEST_PAUSE:
                raise self._busy(tries.paused) from None
            self._state.gate.shut(told)
            return
        tries.failures += 1
        if tries.failures == _TRIES:
            at_last = errors.line(error, self.api_key)
            raise UserError(f"{self.base_url}: failed {_TRIES} times, at last with: {at_last}") from None
        pause = self.first_pause * 2 ** (tries.failures - 1) * random.uniform(0.5, 1.5)
        if errors.status_of(error) == 429:
            self._state.gate.shut(pause)
        else:
            stop.wait(pause)

    def _await_server(self, tries: "_Tries", stop: threading.Event) -> None:
        """Wait for a server that is being started again, which takes longer the larger its model."""
        pause = self.first_pause * min(2**tries.absences, _LONGEST_LOOK) * random.uniform(0.5, 1.5)
        tries.absences += 1
        tries.absent += pause
        if tries.absent > _ABSENCE * self.first_pause:
            raise UserError(f"{self.base_url}: the server answers no more; start it again, and run again") from None
        stop.wait(pause)

    def _met(self, answer: Answer, payload: Mapping[str, Any], lacks: frozenset[str]) -> None:
        if len(answer.choices) == 1 < payload.get("n", 1):
            lacks |= {"n"}
        with self._state.lock:
            self._state.met = True
            self._state.lacks |= lacks
        self._state.gate.shut(spent_pause(answer.headers) or 0.0)

    def _pass_gate(self, stop: threading.Event) -> None:
        left = self._state.gate.left()
        if left > _LONGEST_PAUSE:
            raise self._busy(left)
        self._state.gate.wait(stop)

    def _busy(self, seconds: float) -> UserError:
        return UserError(
            f"{self.base_url}: takes no requests for {seconds:,.0f} seconds; run again later, or with fewer workers"
        )

    def _payload(self, question: Question, first: int, lacks: frozenset[str]) -> dict[str, Any]:
        payload: dict[str, Any] = {"model": self.model, "temperature": question.temperature}
        wanted = 1 if "n" in lacks else question.n - first
        if question.messages is not None:
            payload["messages"] = [{"role": turn.role, "content": turn.content} for turn in question.messages]
        else:
            payload["prompt"] = question.prompt
        longest = "max_completion_tokens" if "max_tokens" in lacks else "max_tokens"
        payload[longest] = question.max_tokens
        if question.top_p != 1:
            payload["top_p"] = question.top_p
        if wanted > 1:
            payload["n"] = wanted
        if question.seed is not None:
            payload["seed"] = _seed(question.seed, first)
        if question.schema is not None and "response_format" not in lacks:
            schema = {"name": "answer", "schema": question.schema, "strict": True}
            form = {"response_format": {"type": "json_schema", "json_schema": schema}}
            # The client knows it of chats alone; some servers know it of prompts too.
            payload |= form if question.prompt is None else {"extra_body": form}
        if self.stream:
            payload["stream"] = True
            if "stream_options" not in lacks:
                payload["stream_options"] = {"include_usage": True}
        return payload

    def _client(self) -> Any:
        import httpx2
        import openai

        with self._state.lock:
            if self._state.client is None:
                try:
                    self._state.client = openai.OpenAI(
                        base_url=self.base_url,
                        # Without one the client would send the key in the environment.
                        api_key=self.api_key or "none",
                        timeout=httpx2.Timeout(self.timeout, connect=min(_CONNECT, self.timeout)),
                        max_retries=0,
                    )
                except (httpx2.InvalidURL, ValueError) as error:
                    raise UserError(
                        f"{self.base_url}: is no address ({errors.line(error, self.api_key)}); "
                        "write one as http://localhost:8000/v1"
                    ) from None
            return self._state.client

    def _listed(self) -> list[str]:
        """Names of the server's models; none where it does not list them."""
        try:
            listed = self._client().models.list()
            return [str(model.id) for model in listed.data]
        except UserError:
            raise
        except Exception as error:
            if errors.status_of(error) in (401, 403):
                raise errors.explain(error, self.base_url, self.model, self.api_key) from None
            return []  # the question that follows says what is wrong


def filtered(choices: int) -> Answer:
    """What stands for answers to a question that a filter of the server refuses."""
    return Answer((("", "content_filter"),) * choices, 0, 0, None, {})


def _has_host(url: str) -> bool:
    """Whether a name can be looked up, and the port is a number."""
    try:
        parts = urlsplit(url)
        return bool((parts.hostname or "").encode("idna")) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _seed(seed: int, first: int) -> int:
    """Of the request for the answers from the `first` on: far from the seeds that other questions may have."""
    return int(hashlib.sha256(f"{seed} {first}".encode()).hexdigest()[:7], 16) if first else seed


def _sum(counts: Iterable[int | None]) -> int | None:
    known = list(counts)
    return None if None in known else sum(count for count in known if count is not None)
