"""What answers cost: prices, running totals, a budget that is kept to, and what a whole run will take."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lemonpress.asking.questions import Question, Reply
from lemonpress.errors import UserError

_MILLION = 1_000_000
# Tokens that a chat template adds at most: to a request, and to each turn.
_TEMPLATE_TOKENS = 100
_TURN_TOKENS = 16
_CONFIDENCE = 0.95


class BudgetError(UserError):
    """The next request could cost more than the budget has left."""


@dataclass(frozen=True)
class Prices:
    """Of a model.

    Attributes:
        prompt: Dollars for a million tokens that are read.
        completion: Dollars for a million tokens that are written.
    """

    prompt: float
    completion: float

    def cost(self, used: "Used") -> float:
        """Dollars."""
        return (used.prompt_tokens * self.prompt + used.completion_tokens * self.completion) / _MILLION


@dataclass(frozen=True)
class Used:
    """Questions and tokens.

    Attributes:
        requests: Questions that were answered.
        prompt_tokens: Read by the model.
        completion_tokens: Written by the model.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "Used") -> "Used":
        return Used(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )

    def __sub__(self, other: "Used") -> "Used":
        return Used(
            self.requests - other.requests,
            self.prompt_tokens - other.prompt_tokens,
            self.completion_tokens - other.completion_tokens,
        )

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt_tokens + self.completion_tokens


def worst_case(question: Question) -> Used:
    """The most tokens that a question can use: one for each byte of its prompt, and the longest of all its answers.

    A server that gives one answer at a time reads the prompt anew for each.
    """
    if question.messages is None:
        prompt = _bytes(question.prompt or "")
    else:
        prompt = sum(_bytes(turn.content) + _TURN_TOKENS for turn in question.messages)
    if question.schema is not None:
        prompt += len(json.dumps(question.schema))
    return Used(1, question.n * (prompt + _TEMPLATE_TOKENS), question.n * question.max_tokens)


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))


def used_by(question: Question, reply: Reply) -> Used:
    """What a reply used; the most that it can have where the server does not say."""
    most = worst_case(question)
    prompt, completion = reply.prompt_tokens, reply.completion_tokens
    return Used(
        1,
        most.prompt_tokens if prompt is None else prompt,
        most.completion_tokens if completion is None else completion,
    )


class Spending:
    """Running totals, which threads may share.

    Args:
        prices: None for a model that costs nothing.
        earlier: What runs before this one used.
    """

    def __init__(self, prices: Prices | None = None, earlier: Used | None = None) -> None:
        self.prices = prices
        self._lock = threading.Lock()
        self._earlier = earlier or Used()
        self._now = Used()
        self._start = time.monotonic()

    def add(self, used: Used) -> None:
        """Count what one question used."""
        with self._lock:
            self._now += used

    @property
    def used(self) -> Used:
        """Of this run and those before it."""
        return self._earlier + self._now

    @property
    def cost(self) -> float | None:
        """Dollars of this run and those before it; None without prices."""
        return None if self.prices is None else self.prices.cost(self.used)

    @property
    def tokens_per_second(self) -> float:
        """Written in this run."""
        return self._now.completion_tokens / max(time.monotonic() - self._start, 1e-9)

    def line(self) -> str:
        """For a progress bar, such as ``1,234,567 tokens, $0.12, 310 tokens/s``."""
        cost = "" if self.cost is None else f", ${self.cost:,.2f}"
        return f"{self.used.tokens:,} tokens{cost}, {self.tokens_per_second:,.0f} tokens/s"


class Budget:
    """What a run may spend: each question reserves the most that it can cost, so that the budget is never exceeded.

    Args:
        spending: The totals that count; those of earlier runs do.
        dollars: None for any sum.
        tokens: Read and written; None for any number.

    Raises:
        UserError: Dollars without prices, or below 0.
    """

    def __init__(self, spending: Spending, dollars: float | None = None, tokens: int | None = None) -> None:
        if dollars is not None and spending.prices is None:
            raise UserError(
                f"a budget of ${dollars:,.2f} needs prices; set teacher.dollars_per_million, or give --token-budget"
            )
        for value in (dollars, tokens):
            if value is not None and not value >= 0:
                raise UserError(f"a budget of {value}: is below 0; give 0 or more")
        self.spending = spending
        self._dollars, self._tokens = dollars, tokens
        self._reserved = Used()  # the most that all questions under way can cost; their number is its requests
        self._changed = threading.Condition()

    @contextmanager
    def reserved(self, question: Question) -> Iterator[Callable[[Used], None]]:
        """Reserve what a question can cost, and release it when the block ends.

        Waits for questions that are under way where these may leave enough.

        Yields:
            To be called with what it did use.

        Raises:
            BudgetError: It could cost more than there is.
        """
        most = worst_case(question)
        with self._changed:
            while not self._fits(most):
                if not self._reserved.requests:
                    raise self.reached()
                self._changed.wait()
            self._reserved += most
        try:
            yield self.spending.add
        finally:
            self._release(most)

    @contextmanager
    def reserved_ahead(self, sent: Iterable[Question], unsent: Iterable[Question]) -> Iterator[int]:
        """Reserve what questions can cost that are asked together, and release it when the block ends.

        Waits for no other question that is under way.

        Args:
            sent: Asked already; they are reserved whatever is left.
            unsent: As many of them are reserved, in order, as fit.

        Yields:
            How many of `unsent` fit.
        """
        most = sum(map(worst_case, sent), Used())
        fitting = 0
        with self._changed:
            for one in map(worst_case, unsent):
                if not self._fits(most + one):
                    break
                most += one
                fitting += 1
            self._reserved += most
        try:
            yield fitting
        finally:
            self._release(most)

    def reached(self, unasked: int = 0) -> BudgetError:
        """To be raised where the next question does not fit.

        Args:
            unasked: Questions left out of a batch; those that were asked may have given back enough for some.
        """
        limits = [] if self._dollars is None else [f"${self._dollars:,.2f}"]
        limits += [] if self._tokens is None else [f"{self._tokens:,} tokens"]
        spent = "" if self.spending.cost is None else f"${self.spending.cost:,.2f}, "
        then = (
            f"the {unasked:,} questions that are left could cost more; run again for as many of them as now fit"
            if unasked
            else "run again with a higher one to go on"
        )
        used = f"{spent}{self.spending.used.tokens:,} tokens used"
        return BudgetError(f"stopped at the budget of {' and '.join(limits)} ({used}); {then}")

    def _release(self, most: Used) -> None:
        with self._changed:
            self._reserved -= most
            self._changed.notify_all()

    def _fits(self, most: Used) -> bool:
        total = self._reserved + self.spending.used + most
        prices = self.spending.prices
        dear = prices is not None and self._dollars is not None and prices.cost(total) > self._dollars
        return not dear and (self._tokens is None or total.tokens <= self._tokens)


@dataclass(frozen=True)
class Interval:
    """A guess and the bounds that hold it 19 times in 20."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> "Interval":
        """Each of the three times a factor."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Estimate:
    """What all questions will take.

    Attributes:
        tokens: Read and written.
        cost: Dollars; None without prices.
        seconds: With as many workers as the sample had; None for a batch, which is answered within a day.
    """

    tokens: Interval
    cost: Interval | None
    seconds: Interval | None

    def line(self) -> str:
        """For people, such as ``1,200,000 tokens (1,100,000 to 1,300,000), $3.40 ($3.10 to $3.70), 2.1 h``."""
        tokens = f"{self.tokens.value:,.0f} tokens ({self.tokens.low:,.0f} to {self.tokens.high:,.0f})"
        cost = self.cost
        dollars = "" if cost is None else f", ${cost.value:,.2f} (${cost.low:,.2f} to ${cost.high:,.2f})"
        if self.seconds is None:
            return f"{tokens}{dollars}, within a day"
        seconds = self.seconds.value
        return f"{tokens}{dollars}, {f'{seconds / 3600:,.1f} h' if seconds >= 3600 else f'{seconds / 60:,.1f} min'}"


def estimate(
    sample: Sequence[tuple[Question, Reply]], total: int, seconds: float | None, prices: Prices | None = None
) -> Estimate:
    """What all questions will take, by a random sample of them.

    The bounds are Student's for the sum of those that were not asked. Time is taken to go with tokens.

    Args:
        sample: Questions with their replies, two or more.
        total: Questions in all, the sample's among them.
        seconds: That the sample took; None where the others are asked by a batch.
        prices: None for a model that costs nothing.

    Raises:
        ValueError: Fewer than two, or more than there are.
    """
    if not 2 <= len(sample) <= total:
        raise ValueError(f"a sample of {len(sample)} of {total} questions")
    each = [used_by(question, reply) for question, reply in sample]
    tokens = _sum([float(used.tokens) for used in each], total)
    cost = None if prices is None else _sum([prices.cost(used) for used in each], total)
    if seconds is None:
        return Estimate(tokens, cost, None)
    asked = sum(used.tokens for used in each)
    return Estimate(tokens, cost, tokens.scaled(seconds / asked) if asked else Interval(0.0, 0.0, 0.0))


def _sum(values: list[float], total: int) -> Interval:
    """The sum of a population by a sample of it."""
    import numpy as np
    from scipy.special import stdtrit

    known, left = len(values), total - len(values)
    value = float(np.mean(values)) * total
    spread = float(np.std(values, ddof=1)) * (left + left**2 / known) ** 0.5
    reach = float(stdtrit(known - 1, (1 + _CONFIDENCE) / 2)) * spread
    return Interval(value, max(sum(values), value - reach), value + reach)
