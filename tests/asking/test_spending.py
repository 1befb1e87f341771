"""Prices, budgets that are never exceeded, and guesses that hold."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemonpress.asking.questions import Message, Question, Reply
from lemonpress.asking.spending import Budget, BudgetError, Prices, Spending, Used, estimate, used_by, worst_case
from lemonpress.errors import UserError
from one_line import one_line

QUESTION = Question((Message("user", "Hi"),), max_tokens=10)


def reply(prompt: int | None, completion: int | None) -> Reply:
    return Reply(("a",), ("stop",), prompt, completion, "m")


def test_tokens_cost_what_a_million_of_them_cost() -> None:
    spending = Spending(Prices(prompt=0.5, completion=1.5), earlier=Used(1, 1_000_000, 0))
    spending.add(Used(1, 2_000_000, 1_000_000))
    assert spending.used == Used(2, 3_000_000, 1_000_000)
    assert spending.cost == pytest.approx(3.0)
    assert spending.line().startswith("4,000,000 tokens, $3.00, ")
    assert spending.tokens_per_second > 0
    assert Spending().cost is None
    assert "$" not in Spending().line()


def test_what_a_server_does_not_count_counts_for_the_most_that_it_can_be() -> None:
    most = worst_case(QUESTION)
    assert used_by(QUESTION, reply(5, 7)) == Used(1, 5, 7)
    assert used_by(QUESTION, reply(None, 7)) == Used(1, most.prompt_tokens, 7)
    assert used_by(QUESTION, reply(5, None)) == Used(1, 5, 10)


@given(st.text(max_size=60), st.integers(1, 5), st.booleans())
def test_the_worst_case_has_a_token_for_each_byte_and_each_answer_whole(text: str, n: int, chat: bool) -> None:
    asked = Question((Message("user", text),), n=n) if chat else Question(prompt=text, n=n)
    most = worst_case(asked)
    assert most.prompt_tokens >= n * len(text.encode())
    assert most.completion_tokens == n * asked.max_tokens


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2000), st.lists(st.integers(0, 10), min_size=1, max_size=30), st.integers(1, 8))
def test_a_budget_is_never_exceeded_and_never_left_where_a_question_fits(
    tokens: int, written: list[int], workers: int
) -> None:
    budget = Budget(Spending(), tokens=tokens)

    def ask(completion: int) -> bool:
        try:
            with budget.reserved(QUESTION) as settle:
                settle(Used(1, 50, completion))
                return True
        except BudgetError:
            return False

    with ThreadPoolExecutor(workers) as pool:
        done = list(pool.map(ask, written))
    used = budget.spending.used
    assert used.tokens == sum(50 + one for one, asked in zip(written, done, strict=True) if asked) <= tokens
    if not all(done):
        assert used.tokens + worst_case(QUESTION).tokens > tokens


def test_a_question_waits_for_what_others_may_leave() -> None:
    budget = Budget(Spending(), tokens=worst_case(QUESTION).tokens + 20)
    order: list[str] = []

    def second() -> None:
        with budget.reserved(QUESTION):
            order.append("second")

    with budget.reserved(QUESTION) as settle:
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
        settle(Used(1, 10, 10))
    thread.join(5)
    assert order == ["first", "second"]


def test_a_question_that_fails_gives_back_what_it_reserved() -> None:
    budget = Budget(Spending(), tokens=worst_case(QUESTION).tokens)
    for _ in range(3):
        with pytest.raises(KeyError), budget.reserved(QUESTION):
            raise KeyError
    with budget.reserved(QUESTION):
        pass


def test_dollars_and_tokens_both_bound() -> None:
    spending = Spending(Prices(1e6, 1e6))
    for budget in (Budget(spending, dollars=3.0), Budget(spending, dollars=1e9, tokens=3)):
        with pytest.raises(BudgetError) as error, budget.reserved(QUESTION):
            pass
        assert "run again with a higher one to go on" in one_line(error)
    with pytest.raises(UserError, match=r"set teacher\.dollars_per_million, or give") as caught:
        Budget(Spending(), dollars=1.0)
    one_line(caught)
    for bad in (-1.0, float("nan")):
        with pytest.raises(UserError, match="is below 0"):
            Budget(spending, dollars=bad)


def test_a_guess_holds_the_truth_nineteen_times_in_twenty() -> None:
    draw = np.random.default_rng(0)
    held, runs = 0, 400
    for _ in range(runs):
        tokens = draw.integers(20, 400, 200)
        pairs = [(QUESTION, reply(100, int(written))) for written in tokens]
        guess = estimate(pairs[:15], 200, seconds=10.0, prices=Prices(0.0, 1e6))
        assert guess.cost is not None
        held += guess.tokens.low <= 200 * 100 + tokens.sum() <= guess.tokens.high
        assert guess.cost.value == pytest.approx(guess.tokens.value - 200 * 100)
    assert 0.92 <= held / runs <= 0.98


def test_a_guess_of_all_that_was_asked_is_exact() -> None:
    pairs = [(QUESTION, reply(100, written)) for written in (10, 20, 60)]
    guess = estimate(pairs, 3, seconds=7200.0, prices=Prices(1000.0, 2000.0))
    assert (guess.tokens.value, guess.tokens.low, guess.tokens.high) == (390, 390, 390)
    assert guess.seconds.value == pytest.approx(7200.0)
    assert guess.line() == "390 tokens (390 to 390), $0.48 ($0.48 to $0.48), 2.0 h"
    assert estimate(pairs, 3, seconds=90.0).line() == "390 tokens (390 to 390), 1.5 min"
    with pytest.raises(ValueError, match="a sample of 1 of 3"):
        estimate(pairs[:1], 3, seconds=1.0)
