"""What was paid for is stored and asked once: through kills, among threads and processes, with a server over HTTP."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count as numbers
from pathlib import Path
from typing import Any

import pytest

from chat_server import Sent, Server, serving
from lemonpress.asking.answers import Answers, ask_stored
from lemonpress.asking.questions import Message, Question, Reply
from lemonpress.asking.spending import Budget, BudgetError, Prices, Spending, Used, worst_case
from lemonpress.errors import UserError
from one_line import one_line

ASKER = """
import sys
from pathlib import Path
from lemonpress.asking.answers import Answers, ask_stored
from lemonpress.asking.chat import Chat
from lemonpress.asking.questions import Message, Question
questions = [Question((Message("user", f"Question {n}"),), max_tokens=8) for n in range(int(sys.argv[3]))]
with Answers(Path(sys.argv[2])) as answers:
    for question, reply in ask_stored(Chat(sys.argv[1], "m"), answers, questions, workers=4):
        print(reply.texts[0], flush=True)
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda count, body: Sent((f"Answer to {_asked(body)}",))) as server:
        yield server


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[Answers]:
    with Answers(tmp_path / "folder" / "answers.sqlite") as answers:
        yield answers


def _asked(body: dict[str, Any]) -> str:
    return str(body["messages"][0]["content"])


def question(number: int, **settings: Any) -> Question:
    return Question((Message("user", f"Question {number}"),), **{"max_tokens": 8, **settings})


def _texts(server: Server, answers: Answers, questions: list[Question], **settings: Any) -> list[str]:
    replies = list(ask_stored(server.chat(), answers, questions, **{"workers": 4, **settings}))
    assert [asked for asked, _ in replies] == questions
    return [reply.texts[0] for _, reply in replies]


def _start(server: Server, file: Path, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", ASKER, server.url, str(file), str(count)]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def _in_file(file: Path) -> tuple[set[str], set[str]]:
    """Keys that are stored, and keys that are claimed."""
    connection = sqlite3.connect(file)
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"answers", "asking"} <= tables:
            return set(), set()
        stored, claimed = (
            {key for (key,) in connection.execute(f"SELECT key FROM {table}")} for table in ("answers", "asking")
        )
        return stored, claimed
    finally:
        connection.close()


def test_a_run_that_is_killed_again_and_again_asks_nothing_twice_that_it_stored(
    server: Server, tmp_path: Path
) -> None:
    draw, pauses, file = random.Random(7), random.Random(8), tmp_path / "answers.sqlite"

    def answer(count: int, body: dict[str, Any]) -> Sent:
        return Sent((f"Answer to {_asked(body)}",), pause=pauses.uniform(0, 0.04))

    server.answer = answer
    keys = {f"Question {number}": question(number).key("m") for number in range(60)}
    stored: set[str] = set()
    in_flight = 0
    twice: Counter[str] = Counter()
    for run in numbers():
        seen = len(server.asked)
        process = _start(server, file, 60)
        if run < 6:
            wanted = seen + draw.randint(2, 6)
            while len(server.asked) < wanted and process.poll() is None:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.02))
            process.kill()
        out, err = process.communicate(timeout=60)
        time.sleep(0.06)  # the server may still log what was sent before
        asked_now = Counter(keys[_asked(body)] for body in server.asked[seen:])
        assert not asked_now.keys() & stored
        assert max(asked_now.values(), default=1) == 1
        twice += asked_now
        now_stored, claimed = _in_file(file)
        assert stored <= now_stored
        assert len(claimed) <= 4
        assert asked_now.keys() <= now_stored | claimed
        stored, in_flight = now_stored, in_flight + len(claimed)
        if process.returncode == 0:
            break
        assert process.returncode == -9, err
    assert run >= 4  # times it was killed
    assert out.splitlines() == [f"Answer to Question {number}" for number in range(60)]
    assert stored == set(keys.values())
    assert sum(times - 1 for times in twice.values()) <= in_flight
    assert in_flight > 0
    with Answers(file) as answers:
        assert answers.lost() == in_flight
    assert [path.name for path in tmp_path.glob("*.lock")] == []


def test_a_run_that_is_interrupted_stores_what_is_under_way(server: Server, tmp_path: Path) -> None:
    server.answer = lambda count, body: Sent(("Fine",), pause=0.5)
    process = _start(server, tmp_path / "answers.sqlite", 60)
    while len(server.asked) < 6:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    stored, claimed = _in_file(tmp_path / "answers.sqlite")
    assert (len(stored), claimed) == (len(server.asked), set())
    assert len(stored) < 60


def test_further_interrupts_do_not_cut_short_the_wait_for_what_is_under_way(server: Server, tmp_path: Path) -> None:
    server.answer = lambda count, body: Sent(("Fine",), pause=0 if count <= 4 else 2.0)
    process = _start(server, tmp_path / "answers.sqlite", 60)
    while len(server.asked) < 8:
        assert process.poll() is None
        time.sleep(0.01)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.4)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    stored, claimed = _in_file(tmp_path / "answers.sqlite")
    assert (len(stored), len(server.asked), claimed) == (8, 8, set())
    assert [line for line in err.splitlines() if line.startswith("waiting for")] == [
        "waiting for 4 answers under way, to be stored; whoever kills this program may pay them twice"
    ]


def test_the_file_stays_open_until_what_is_under_way_is_stored(server: Server, tmp_path: Path) -> None:
    server.answer = lambda count, body: Sent(("Fine",), pause=0 if count == 1 else 0.3)
    file = tmp_path / "answers.sqlite"
    with Answers(file) as answers:
        replies = ask_stored(server.chat(), answers, map(question, range(20)), workers=4)
        next(replies)
        while len(server.asked) < 5:
            time.sleep(0.01)
        # Whoever takes the replies stops here, as by an interrupt, whose traceback holds them.
    with Answers(file) as answers:
        assert answers.used("judge-32b").requests == len(server.asked) < 20
    replies.close()  # type: ignore[attr-defined]


def test_what_a_killed_run_had_under_way_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "answers.sqlite"
    Answers(file).close()
    connection = sqlite3.connect(file)
    with connection:
        connection.executemany("INSERT INTO asking VALUES (?, 'killed', 1.0)", [("a",), ("b",)])
    connection.close()
    for _ in range(2):
        Answers(file).close()
    told = "2 answers were under way when a run was killed; the server may have been paid\n"
    assert capsys.readouterr().err == told


def test_the_wait_for_another_process_is_told_once(
    server: Server, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = [question(number) for number in range(3)]
    keys = [one.key("judge-32b") for one in questions]
    with Answers(answers.path) as other, ThreadPoolExecutor(1) as pool, other.claimed_ahead(keys) as claimed:
        texts = pool.submit(_texts, server, answers, questions)
        time.sleep(0.5)
        assert not texts.done()
        reply = Reply(("Theirs",), ("stop",), 1, 1, "m")
        other.put_all("judge-32b", {key: (reply, Used(1, 1, 1)) for key in claimed}, time.time())
        assert texts.result() == ["Theirs"] * 3
    told = capsys.readouterr().err.splitlines()
    assert told.count(f"{answers.path}: another process asks the same; waiting for its answers") == 1


def test_what_identifies_weights_keeps_answers_apart(server: Server, answers: Answers) -> None:
    for identity in (None, "judge-32b@new", "judge-32b"):
        list(ask_stored(server.chat(identity=identity), answers, [question(1)], workers=1))
    assert len(server.asked) == 2
    assert [body["model"] for body in server.asked] == ["judge-32b"] * 2
    assert answers.used("judge-32b") == answers.used("judge-32b@new") == Used(1, 2, 4)


def test_two_processes_share_the_work_and_its_answers(server: Server, tmp_path: Path) -> None:
    server.answer = lambda count, body: Sent((f"Answer to {_asked(body)}",), pause=0.05)
    processes = [_start(server, tmp_path / "answers.sqlite", 40) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0] == "".join(f"Answer to Question {number}\n" for number in range(40))
    assert len(server.asked) == 40


def test_answers_come_in_order_and_are_not_asked_again(server: Server, answers: Answers) -> None:
    draw = random.Random(3)
    server.answer = lambda count, body: Sent((f"Answer to {_asked(body)}",), pause=draw.uniform(0, 0.02))
    questions = [question(number) for number in range(30)]
    texts = _texts(server, answers, questions)
    assert texts == [f"Answer to Question {number}" for number in range(30)]
    assert _texts(server, answers, [*questions[::-1], question(30)])[:30] == texts[::-1]
    assert len(server.asked) == 31
    assert answers.used("judge-32b") == Used(31, 62, 124)
    assert answers.used("other") == Used()


def test_equal_questions_are_asked_once_and_seeds_tell_them_apart(server: Server, answers: Answers) -> None:
    assert len(_texts(server, answers, [question(number % 2) for number in range(60)])) == 60
    assert len(server.asked) == 2
    _texts(server, answers, [question(0, seed=seed) for seed in range(3)])
    assert len(server.asked) == 5
    just_one = Budget(Spending(), tokens=worst_case(question(2)).tokens)
    assert len(_texts(server, answers, [question(2)] * 3, budget=just_one)) == 3


def test_questions_without_end_are_taken_as_they_are_needed(server: Server, answers: Answers) -> None:
    taken: list[int] = []

    def endless() -> Iterator[Question]:
        for number in numbers():
            taken.append(number)
            yield question(number)

    replies = ask_stored(server.chat(), answers, endless(), workers=2)
    assert [next(replies)[1].texts[0] for _ in range(3)] == [f"Answer to Question {number}" for number in range(3)]
    replies.close()  # type: ignore[attr-defined]
    assert len(taken) <= 3 + 4 * 2
    asked = len(server.asked)
    assert asked <= len(taken)
    assert answers.used("judge-32b").requests == asked  # what was under way was kept


def test_replies_are_stored_as_they_are(answers: Answers) -> None:
    replies = [
        Reply(("", "naïve “text”\u2028\n\x00"), ("content_filter", "length"), None, 3, "served"),
        Reply(("{half",), ("stop",), 1, 1, "served"),
    ]
    for number, reply in enumerate(replies):
        with answers.claimed(str(number)) as since:
            assert since is not None
            answers.put(str(number), "m", reply, Used(1, 2, 3), since)
    assert [answers.get("0"), answers.get("1"), answers.get("2")] == [*replies, None]
    with Answers(answers.path) as again:
        assert [again.get("0"), again.used("m"), again.lost()] == [replies[0], Used(2, 4, 6), 0]


def test_a_claim_keeps_others_out_until_it_ends(answers: Answers) -> None:
    reply = Reply(("a",), ("stop",), 1, 1, "m")

    def fail_while_others_look(other: Answers) -> None:
        with answers.claimed("k") as since:
            assert since is not None
            with other.claimed("k") as theirs, answers.claimed("k") as again:
                assert (theirs, again) == (None, None)
            raise KeyError

    with Answers(answers.path) as other:
        with pytest.raises(KeyError):
            fail_while_others_look(other)
        with other.claimed("k") as since:
            assert since is not None
            other.put("k", "m", reply, Used(1, 1, 1), since)
        with answers.claimed("k") as since:
            assert since is None
    assert answers.get("k") == reply


def test_many_threads_store_at_once(answers: Answers) -> None:
    def store(number: int) -> None:
        with answers.claimed(str(number)) as since:
            assert since is not None
            answers.put(str(number), "m", Reply((str(number),), ("stop",), 1, 1, "m"), Used(1, 1, 1), since)
            assert answers.get(str(number)) is not None

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(store, range(200)))
    with Answers(answers.path) as again:
        assert all(again.get(str(number)) == Reply((str(number),), ("stop",), 1, 1, "m") for number in range(200))


def test_a_server_that_fails_stops_the_run_and_keeps_what_it_gave(server: Server, answers: Answers) -> None:
    server.answer = lambda count, body: (200, "fine") if count <= 10 else (401, "no")
    with pytest.raises(UserError, match="refuses the key") as error:
        _texts(server, answers, [question(number) for number in range(100)])
    one_line(error)
    assert len(server.asked) <= 10 + 4
    assert answers.used("judge-32b").requests == 10
    server.answer = lambda count, body: (200, "fine")
    before = len(server.asked)
    _texts(server, answers, [question(number) for number in range(100)])
    assert len(server.asked) == before + 90
    assert answers.lost() == 0


def test_the_first_error_is_told_and_not_its_echo(server: Server, answers: Answers) -> None:
    def answer(count: int, body: dict[str, Any]) -> Sent:
        if _asked(body) == "Question 1":
            return Sent(status=400, body='{"error": "bad"}', pause=0.1)
        return Sent(status=503)  # pauses for a long time, ahead of the one that fails

    server.answer = answer
    start = time.monotonic()
    with pytest.raises(UserError, match="answers 400"):
        list(ask_stored(server.chat(first_pause=20), answers, map(question, range(2)), workers=2))
    assert time.monotonic() - start < 10


def test_a_budget_is_kept_to_and_a_higher_one_goes_on(server: Server, answers: Answers) -> None:
    prices = Prices(prompt=1e6, completion=1e6)  # a dollar a token
    questions = [question(number) for number in range(10, 50)]  # equally long

    def run(dollars: float) -> Budget:
        budget = Budget(Spending(prices, answers.used("judge-32b")), dollars=dollars)
        list(ask_stored(server.chat(), answers, questions, workers=4, budget=budget))
        return budget

    with pytest.raises(BudgetError, match=r"stopped at the budget of \$200\.00 \(\$\d\d\.00, \d\d tokens") as error:
        run(200)
    assert "run again with a higher one to go on" in one_line(error)
    first = answers.used("judge-32b")
    assert 0 < first.tokens <= 200
    assert first.tokens > 200 - (100 + 16 + len("Question 10") + 8)  # no other question could cost that little
    with pytest.raises(BudgetError):
        run(200)
    assert answers.used("judge-32b") == first
    budget = run(1000)
    assert budget.spending.used == answers.used("judge-32b") == Used(40, 80, 160)
    assert len(server.asked) == 40


def test_a_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    file.write_text("no database, and long enough to be seen as none " * 20)
    with pytest.raises(UserError, match=r"answers\.sqlite: cannot keep answers in this file \(file is not a") as error:
        Answers(file)
    one_line(error)
    with pytest.raises(UserError, match="cannot keep answers here") as error:
        Answers(file / "inner" / "answers.sqlite")
    one_line(error)


def test_the_bar_tells_what_was_spent(server: Server, answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    budget = Budget(Spending(Prices(1.0, 2.0)))
    _texts(server, answers, [question(number) for number in range(3)], budget=budget)
    assert budget.spending.line().startswith("18 tokens, $0.00, ")
    assert json.dumps([budget.spending.cost]) == "[3e-05]"
    assert threading.active_count() < 20
