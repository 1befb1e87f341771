"""Questions asked in batches are paid once: through kills, failures, overlaps; over HTTP with the official client."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer, serving_batches

from chat_server import Sent, serving
from lemonpress.asking import batches
from lemonpress.asking.answers import Answers, ask_stored
from lemonpress.asking.batches import are_in_batches, ask_in_batches, fetch_from_batches
from lemonpress.asking.questions import Message, Question
from lemonpress.asking.spending import Budget, BudgetError, Prices, Spending, Used, worst_case
from lemonpress.errors import UserError
from lemonpress.recipes import ChatTeacherSettings, RewritingSettings
from lemonpress.teachers.chat_api import Limit, open_teacher, rewriting_question
from one_line import one_line

ASKER = """
import sys
from pathlib import Path
from lemonpress.asking import batches
from lemonpress.asking.answers import Answers
from lemonpress.asking.chat import Chat
from lemonpress.asking.questions import Message, Question
batches.MOST_REQUESTS, batches._TOGETHER = 7, 2
first, last = map(int, sys.argv[3:])
questions = [Question((Message("user", f"Question {n}"),), max_tokens=8) for n in range(first, last)]
with Answers(Path(sys.argv[2])) as answers:
    chat = Chat(sys.argv[1], "judge-32b", first_pause=0.01)
    for question, reply in batches.ask_in_batches(chat, answers, questions, poll=0.05):
        print(reply.texts[0], flush=True)
"""


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with serving_batches(lambda count, body: Sent((f"Answer to {_asked(body)}",))) as server:
        yield server


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[Answers]:
    with Answers(tmp_path / "answers.sqlite") as answers:
        yield answers


def _asked(body: dict[str, Any]) -> str:
    return str(body["messages"][0]["content"] if "messages" in body else body["prompt"])


def question(number: int, **settings: Any) -> Question:
    return Question((Message("user", f"Question {number}"),), **{"max_tokens": 8, **settings})


QUESTIONS = [question(number) for number in range(20)]
TEXTS = [f"Answer to Question {number}" for number in range(20)]


def _texts(server: BatchServer, answers: Answers, questions: list[Question], **settings: Any) -> list[str]:
    replies = list(ask_in_batches(server.chat(), answers, questions, poll=0.02, **settings))
    assert [asked for asked, _ in replies] == questions
    return [reply.texts[0] for _, reply in replies]


def _start(server: BatchServer, file: Path, first: int = 0, last: int = 20) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", ASKER, server.url, str(file), str(first), str(last)]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def _once_each(server: BatchServer, questions: list[Question]) -> bool:
    return server.paid == Counter(one.key("judge-32b") for one in questions)


def test_all_are_answered_in_one_batch_and_stored_as_ordinary_answers_are(
    server: BatchServer, answers: Answers
) -> None:
    budget = Budget(Spending(Prices(1.0, 1.0)))
    assert _texts(server, answers, [*QUESTIONS, QUESTIONS[3]], budget=budget) == [*TEXTS, TEXTS[3]]
    (lines,) = server.lines
    assert [line["custom_id"] for line in lines] == [one.key("judge-32b") for one in QUESTIONS]
    assert lines[0]["body"] == {
        "model": "judge-32b",
        "temperature": 0.0,
        "max_tokens": 8,
        "messages": [{"role": "user", "content": "Question 0"}],
    }
    assert budget.spending.used == answers.used("judge-32b") == Used(20, 40, 80)
    calls = list(server.calls)
    assert _texts(server, answers, QUESTIONS[::-1]) == TEXTS[::-1]
    assert [reply.texts[0] for _, reply in ask_stored(server.chat(), answers, QUESTIONS, workers=2)] == TEXTS
    assert server.calls == calls
    assert server.asked == []


def test_one_more_question_is_one_more_line(server: BatchServer, answers: Answers) -> None:
    list(ask_stored(server.chat(), answers, QUESTIONS[:5], workers=2))
    assert _texts(server, answers, QUESTIONS) == TEXTS
    assert list(map(len, server.lines)) == [15]


def test_batches_keep_to_their_limits_and_to_one_endpoint(
    server: BatchServer, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_REQUESTS", 8)
    told = [Question(prompt=f"Once {number}", schema={"type": "object"}) for number in range(3)]
    assert _texts(server, answers, [*QUESTIONS, *told])[20:] == [f"Answer to Once {number}" for number in range(3)]
    assert sorted(map(len, server.lines)) == [3, 4, 8, 8]
    assert {line["url"] for line in server.lines[-1]} == {"/v1/completions"}
    assert server.lines[-1][0]["body"]["response_format"]["type"] == "json_schema"
    monkeypatch.setattr(batches, "MOST_BYTES", 1000)
    more = [question(number) for number in range(20, 30)]
    _texts(server, answers, more)
    sent = server.lines[4:]
    assert len(sent) > 1
    assert all(sum(len(json.dumps(line)) + 1 for line in lines) <= 1000 for lines in sent)
    assert _once_each(server, [*QUESTIONS, *told, *more])


CALLS = ["POST /v1/files", "POST /v1/batches", "GET /v1/batches/{id}", "GET /v1/files/{id}/content"]


@pytest.mark.parametrize("keeps_metadata", [True, False], ids=["metadata", "no-metadata"])
def test_a_run_that_is_killed_at_any_point_pays_nothing_twice_and_loses_nothing(
    server: BatchServer, tmp_path: Path, keeps_metadata: bool
) -> None:
    file, kills = tmp_path / "answers.sqlite", list(CALLS)
    server.keeps_metadata = keeps_metadata
    process: list[subprocess.Popen[str]] = []
    halves: list[str] = []

    def relay(call: str, sent: Sent) -> Sent:
        if not kills or call != kills[0]:
            return sent
        if call == CALLS[3] and not halves:
            halves.append(call)  # some of it arrives and is stored; at the next try the process ends
            return Sent(**{**vars(sent), "share": 0.5})
        kills.pop(0)
        process[-1].kill()
        process[-1].wait()
        return Sent(share=0)

    server.relay = relay
    for killed in [*CALLS, None]:
        process.append(_start(server, file))
        out, err = process[-1].communicate(timeout=60)
        assert process[-1].returncode == (0 if killed is None else -9), err
        with Answers(file) as answers:
            stored = answers.used("judge-32b").requests
        assert (0 < stored < 7) if killed == CALLS[3] else stored == (20 if killed is None else 0)
    assert out.splitlines() == TEXTS
    assert _once_each(server, QUESTIONS)
    assert sorted(map(len, server.lines)) == [6, 7, 7]
    with Answers(file) as answers:
        assert answers.lost() == 0
        assert not are_in_batches(server.chat(), answers, QUESTIONS)


def test_a_run_that_is_killed_again_and_again_at_random_pays_nothing_twice(
    server: BatchServer, tmp_path: Path
) -> None:
    draw, file = random.Random(11), tmp_path / "answers.sqlite"
    server.lasts = 0.3
    runs = 0
    while True:
        runs += 1
        before, process = len(server.calls), _start(server, file)
        if runs < 6:
            wanted = before + draw.randint(1, 12)
            while len(server.calls) < wanted and process.poll() is None:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.02))
            process.kill()
        out, err = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -9, err
    assert runs > 2
    assert out.splitlines() == TEXTS
    assert _once_each(server, QUESTIONS)


def test_batches_of_a_killed_run_answer_another_that_overlaps(server: BatchServer, tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    server.lasts = 0.5
    first = _start(server, file, 0, 14)
    while len(server.batches) < 2:
        assert first.poll() is None
        time.sleep(0.005)
    first.kill()
    first.communicate(timeout=60)
    with Answers(file) as answers:
        assert are_in_batches(server.chat(), answers, QUESTIONS[10:])
        assert _texts(server, answers, QUESTIONS[10:]) == TEXTS[10:]
        assert sorted(map(len, server.lines)) == [6, 7, 7]
        assert are_in_batches(server.chat(), answers, QUESTIONS[:14])
        assert _texts(server, answers, QUESTIONS) == TEXTS
    assert _once_each(server, QUESTIONS)


@pytest.mark.parametrize("keeps_metadata", [True, False], ids=["metadata", "no-metadata"])
def test_a_batch_whose_creation_was_not_told_answers_another_run_that_overlaps(
    server: BatchServer, tmp_path: Path, keeps_metadata: bool
) -> None:
    server.keeps_metadata = keeps_metadata
    process: list[subprocess.Popen[str]] = []

    def relay(call: str, sent: Sent) -> Sent:
        if call != "POST /v1/batches":
            return sent
        process[0].kill()
        process[0].wait()
        return Sent(share=0)

    server.relay = relay
    process.append(_start(server, tmp_path / "answers.sqlite", 0, 6))
    assert process[0].wait(60) == -9
    process[0].communicate()
    server.relay = lambda call, sent: sent
    with Answers(tmp_path / "answers.sqlite") as answers:
        assert _texts(server, answers, QUESTIONS[3:]) == TEXTS[3:]
        assert list(map(len, server.lines)) == [6, 14]
        assert _texts(server, answers, QUESTIONS) == TEXTS
    assert _once_each(server, QUESTIONS)


def test_two_processes_that_ask_the_same_pay_it_once(server: BatchServer, tmp_path: Path) -> None:
    server.lasts = 0.3
    processes = [_start(server, tmp_path / "answers.sqlite", first, first + 14) for first in (0, 6)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert [out.splitlines() for out, _ in outputs] == [TEXTS[:14], TEXTS[6:20]]
    assert _once_each(server, QUESTIONS)


def test_a_batch_is_found_again_without_the_file_of_answers(server: BatchServer, tmp_path: Path) -> None:
    for name in ("one", "two"):
        with Answers(tmp_path / name / "answers.sqlite") as answers:
            assert _texts(server, answers, QUESTIONS) == TEXTS
    assert _once_each(server, QUESTIONS)
    assert len(server.files) == 2


def test_a_batch_is_found_among_hundreds(server: BatchServer, tmp_path: Path) -> None:
    with Answers(tmp_path / "one" / "answers.sqlite") as answers:
        _texts(server, answers, QUESTIONS)
        other = next(iter(server.batches.values()))
        server.batches |= {f"other-{n}": {**other, "id": f"other-{n}", "metadata": None} for n in range(250)}
    with Answers(tmp_path / "two" / "answers.sqlite") as answers:
        assert _texts(server, answers, QUESTIONS) == TEXTS
    assert _once_each(server, QUESTIONS)


def _once(*calls: str) -> Callable[[str, Sent], Sent]:
    """A relay that cuts off the first answer to each call."""
    left = list(calls)

    def relay(call: str, sent: Sent) -> Sent:
        if call not in left:
            return sent
        left.remove(call)
        return Sent(**{**vars(sent), "share": 0.5 if sent.status == 200 else 1.0})

    return relay


def test_cut_answers_and_busy_servers_are_asked_again_and_nothing_is_created_twice(
    server: BatchServer, answers: Answers
) -> None:
    cut = _once("GET /v1/batches", *CALLS)
    busy = [Sent(status=503), Sent(status=429, headers={"Retry-After": "0.01"}), Sent(status=500, body="<html>")]

    def relay(call: str, sent: Sent) -> Sent:
        return busy.pop() if busy and call == "GET /v1/batches/{id}" else cut(call, sent)

    server.relay = relay
    assert _texts(server, answers, QUESTIONS) == TEXTS
    assert _once_each(server, QUESTIONS)
    assert len(server.batches) == 1


def test_lines_that_failed_are_put_into_another_batch(server: BatchServer, answers: Answers) -> None:
    failing: Counter[str] = Counter()

    def answer(count: int, body: dict[str, Any]) -> Sent:
        asked = _asked(body)
        failing[asked] += 1
        if asked == "Question 2" and failing[asked] < 3:
            return Sent(status=500, body='{"error": {"message": "Oops"}}')
        if asked == "Question 3" and failing[asked] < 2:
            return Sent(("cut off by a relay",), finish="error")
        if asked == "Question 4":
            return Sent(status=400, body='{"error": {"message": "No.", "code": "content_filter"}}')
        if "max_tokens" in body:
            said = "Unsupported parameter: use 'max_completion_tokens' instead"
            return Sent(status=400, body=json.dumps({"error": {"message": said}}))
        return Sent((f"Answer to {asked}\u2028",))

    server.answer = answer
    replies = [reply for _, reply in ask_in_batches(server.chat(), answers, QUESTIONS[:6], poll=0.01)]
    assert [reply.texts[0] for reply in replies[:4]] == [f"{text}\u2028" for text in TEXTS[:4]]
    assert (replies[4].texts, replies[4].finish) == (("",), ("content_filter",))
    assert list(map(len, server.lines)) == [6, 5, 2]
    assert "max_completion_tokens" in server.lines[1][0]["body"]
    assert server.paid[QUESTIONS[0].key("judge-32b")] == 1


def test_one_bad_question_of_several_choices_spoils_no_other(server: BatchServer, answers: Answers) -> None:
    def answer(count: int, body: dict[str, Any]) -> Sent:
        if _asked(body) == "Question 3":
            return Sent(status=400, body='{"error": {"message": "No such sentence"}}')
        return Sent(("Fine",) * body.get("n", 1))

    server.answer = answer
    questions = [question(number, n=2) for number in range(5)]
    chat = server.chat()
    with pytest.raises(UserError, match="refuses 1 of the questions, the first for this: 400: No such sentence"):
        list(ask_in_batches(chat, answers, questions, poll=0.01))
    assert [line["body"].get("n") for line in server.lines[1]] == [None]  # perhaps the server minds the number
    list(ask_in_batches(chat, answers, [question(9, n=2)], poll=0.01))
    assert server.lines[-1][0]["body"]["n"] == 2


def test_questions_that_always_fail_are_one_line_and_the_others_stored(server: BatchServer, answers: Answers) -> None:
    good = server.answer
    server.answer = lambda count, body: (
        (500, "Oops") if _asked(body) in ("Question 3", "Question 7") else good(count, body)
    )
    with pytest.raises(UserError, match=r"after 3 batches: 2, the first for this: 500: Oops; mend") as error:
        _texts(server, answers, QUESTIONS)
    one_line(error)
    assert list(map(len, server.lines)) == [20, 2, 2]
    server.answer = good
    assert _texts(server, answers, QUESTIONS) == TEXTS
    assert _once_each(server, QUESTIONS)
    assert list(map(len, server.lines)) == [20, 2, 2, 2]


@pytest.mark.parametrize("fate", ["expired", "cancelled"])
def test_what_a_batch_leaves_out_is_asked_by_the_next(server: BatchServer, answers: Answers, fate: str) -> None:
    server.fates = [fate, fate]
    assert _texts(server, answers, QUESTIONS) == TEXTS
    assert list(map(len, server.lines)) == [20, 10, 5]
    assert _once_each(server, QUESTIONS)


def test_a_batch_that_is_refused_is_one_line_with_the_servers_words(server: BatchServer, answers: Answers) -> None:
    server.fates, server.words = ["failed"], "Enqueued token limit reached\nfor judge-32b."
    with pytest.raises(UserError, match="refuses a batch of 20 questions: Enqueued token limit reached for") as error:
        _texts(server, answers, QUESTIONS)
    one_line(error)
    assert _texts(server, answers, QUESTIONS) == TEXTS
    assert len(server.batches) == 2


def test_a_batch_that_is_refused_does_not_lose_the_others(
    server: BatchServer, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_REQUESTS", 8)
    server.fates, server.words = ["completed", "failed", "completed"], "Enqueued token limit reached."
    with pytest.raises(UserError, match="refuses a batch of 8 questions"):
        _texts(server, answers, QUESTIONS)
    assert answers.used("judge-32b").requests == 12
    assert _texts(server, answers, QUESTIONS) == TEXTS
    assert _once_each(server, QUESTIONS)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_batches_is_one_line(server: BatchServer, answers: Answers, status: int) -> None:
    server.relay = lambda call, sent: Sent(status=status, body='{"detail": "Not Found"}')
    with pytest.raises(UserError) as error:
        _texts(server, answers, QUESTIONS)
    assert one_line(error) == f"teacher.batch: {server.url} has no batch API; set batch: false"
    assert server.files == {}
    server.relay = lambda call, sent: Sent(body="<html>Welcome</html>", kind="text/html")
    with pytest.raises(UserError, match="has no batch API"):
        _texts(server, answers, QUESTIONS)


def test_a_refused_key_is_one_line(server: BatchServer, answers: Answers) -> None:
    server.relay = lambda call, sent: Sent(status=401, body='{"error": "no"}')
    with pytest.raises(UserError, match="refuses the key") as error:
        _texts(server, answers, QUESTIONS)
    one_line(error)


def test_results_that_are_gone_are_asked_for_again(server: BatchServer, answers: Answers) -> None:
    def relay(call: str, sent: Sent) -> Sent:
        gone = call == CALLS[3] and len(server.batches) == 1
        return Sent(status=404, body='{"error": "No such file"}') if gone else sent

    server.relay = relay
    assert _texts(server, answers, QUESTIONS) == TEXTS
    assert len(server.batches) == 2


def test_choices_that_a_server_leaves_out_are_asked_for_one_by_one(server: BatchServer, answers: Answers) -> None:
    questions = [question(number, n=3, seed=1) for number in range(4)]
    replies = [reply for _, reply in ask_in_batches(server.chat(), answers, questions, poll=0.01)]
    assert [reply.texts for reply in replies] == [(text,) * 3 for text in TEXTS[:4]]
    assert [(reply.prompt_tokens, reply.completion_tokens) for reply in replies] == [(6, 12)] * 4
    assert len(server.asked) == 4 * 2
    assert _once_each(server, questions)


def test_choices_that_are_refused_lose_no_others(server: BatchServer, answers: Answers) -> None:
    def answer(count: int, body: dict[str, Any]) -> Sent:
        if _asked(body) == "Question 17" and body["seed"] != 1:
            return Sent(status=400, body='{"error": {"message": "No such sentence"}}')
        return Sent((f"Answer to {_asked(body)}",), pause=0.02)

    good, server.answer = server.answer, answer
    questions = [question(number, n=3, seed=1) for number in range(20)]
    with pytest.raises(UserError, match="No such sentence") as error:
        _texts(server, answers, questions)
    one_line(error)
    assert answers.used("judge-32b").requests == 19
    asked, server.answer = len(server.asked), good
    assert _texts(server, answers, questions) == TEXTS
    assert [_asked(body) for body in server.asked[asked:]] == ["Question 17"] * 2
    assert _once_each(server, questions)
    assert not are_in_batches(server.chat(), answers, questions)


def test_choices_that_are_refused_again_and_again_are_given_up_for_now(server: BatchServer, answers: Answers) -> None:
    good = server.answer
    server.answer = lambda count, body: good(count, body) if "n" in body else (401, "no")
    questions = [question(number, n=2, seed=1) for number in range(60)]
    with pytest.raises(UserError, match="refuses the key"):
        _texts(server, answers, questions)
    assert len(server.asked) < 30
    server.answer = good
    assert len(_texts(server, answers, questions)) == 60
    assert _once_each(server, questions)


def test_a_batch_that_is_gone_is_made_anew_where_the_server_still_shows_others_of_ours(
    server: BatchServer, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    server.lasts = 60.0
    chat = server.chat()
    with _interrupting(server), pytest.raises(KeyboardInterrupt):
        _texts(server, answers, QUESTIONS)
    gone = server.batches.pop("batch-0")
    server.batches["another"] = {**gone, "id": "another", "metadata": None, "input_file_id": "file-x"}
    with pytest.raises(UserError, match="knows nothing of batch batch-0 any more, with 20 questions, nor") as error:
        _texts(server, answers, QUESTIONS)
    assert "set the OPENAI_API_KEY that it was made with, or batch: false" in one_line(error)
    server.lasts = 0.0
    more = [question(number) for number in range(20, 22)]
    _texts(server, answers, more)
    capsys.readouterr()
    assert _texts(server, answers, QUESTIONS) == TEXTS
    told = f"{server.url}: knows nothing of batch batch-0 any more, with 20 questions; they are asked again"
    assert told in capsys.readouterr().err.splitlines()
    assert not are_in_batches(chat, answers, QUESTIONS)


@contextmanager
def _interrupting(server: BatchServer) -> Iterator[None]:
    """Interrupts when a batch is first looked at."""

    def relay(call: str, sent: Sent) -> Sent:
        if call == CALLS[2]:
            server.relay = lambda call, sent: sent
            os.kill(os.getpid(), signal.SIGINT)
        return sent

    server.relay = relay
    yield


def test_without_batches_what_they_hold_is_fetched_and_not_paid_twice(server: BatchServer, answers: Answers) -> None:
    server.lasts, chat = 60.0, server.chat()
    with _interrupting(server), pytest.raises(KeyboardInterrupt):
        _texts(server, answers, QUESTIONS[:15])
    with pytest.raises(
        UserError, match="15 of the questions are in a batch that is under way; set batch: tr"
    ) as error:
        fetch_from_batches(chat, answers, QUESTIONS)
    one_line(error)
    fetch_from_batches(chat, answers, QUESTIONS[15:])
    server.batches["batch-0"]["until"] = 0.0
    budget = Budget(Spending())
    fetch_from_batches(chat, answers, QUESTIONS, budget)
    assert budget.spending.used == answers.used("judge-32b") == Used(15, 30, 60)
    assert [reply.texts[0] for _, reply in ask_stored(chat, answers, QUESTIONS, workers=2)] == TEXTS
    assert (len(server.asked), len(server.batches)) == (5, 1)


def test_a_budget_lets_through_what_fits_and_then_stops(server: BatchServer, answers: Answers) -> None:
    prices, questions = Prices(1e6, 1e6), QUESTIONS[10:]  # a dollar a token, and equally long
    most = worst_case(questions[0]).tokens

    def run(dollars: float) -> Budget:
        budget = Budget(Spending(prices, answers.used("judge-32b")), dollars=dollars)
        assert _texts(server, answers, questions, budget=budget) == TEXTS[10:]
        return budget

    with pytest.raises(BudgetError, match="run again with a higher one") as error:
        run(most - 1)
    one_line(error)
    assert server.batches == {}
    with pytest.raises(BudgetError, match="the 6 questions that are left could cost more; run again") as error:
        run(4.5 * most)
    one_line(error)
    assert [len(lines) for lines in server.lines] == [4]
    assert answers.used("judge-32b") == Used(4, 8, 16)
    assert run(24 + 6 * most).spending.used == Used(10, 20, 40)
    assert _once_each(server, questions)


def test_a_batch_that_is_under_way_counts_for_the_budget(server: BatchServer, tmp_path: Path) -> None:
    file, most = tmp_path / "answers.sqlite", worst_case(QUESTIONS[10]).tokens
    server.lasts = 1.0
    process = _start(server, file, 10, 17)
    while not server.batches:
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.communicate(timeout=60)
    with Answers(file) as answers, pytest.raises(BudgetError, match="the 2 questions that are left"):
        _texts(server, answers, QUESTIONS[10:], budget=Budget(Spending(), tokens=8 * most))
    assert list(map(len, server.lines)) == [7, 1]
    assert _once_each(server, QUESTIONS[10:18])


def test_an_interrupt_says_that_the_batch_goes_on(server: BatchServer, tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    server.lasts = 60.0
    process = _start(server, file)
    while server.calls.count("GET /v1/batches/{id}") < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert f"{server.url}: the batch goes on at the server; the same command fetches its answers" in err.splitlines()
    for batch in server.batches.values():
        batch["until"] = 0.0
    with Answers(file) as answers:
        assert _texts(server, answers, QUESTIONS) == TEXTS
    assert _once_each(server, QUESTIONS)


def test_reserving_takes_the_time_of_the_questions_and_not_of_their_square() -> None:
    questions = [question(number) for number in range(20_000)]
    budget = Budget(Spending(), tokens=10**9)
    start = time.process_time()
    with budget.reserved_ahead([], questions) as fitting, budget.reserved(questions[0]):
        assert fitting == 20_000
    assert time.process_time() - start < 2
    most = sum(map(worst_case, questions[:100]), Used()).tokens
    with Budget(Spending(), tokens=most).reserved_ahead([], questions) as fitting:
        assert fitting == 100


def test_a_teacher_asks_ahead_and_then_finds_its_answers(home: Path) -> None:
    sentences = [f"The council of town {number} closed {number + 2} schools last year." for number in range(12)]
    settings = RewritingSettings(n=2)
    questions = [rewriting_question(settings, text, "paraphrase", 1) for text in sentences]
    with serving_batches(lambda count, body: Sent((_asked(body),))) as server:
        server.models = ["m"]
        batch = ChatTeacherSettings(base_url=server.url, model="m", batch=True, dollars_per_million=(1000.0, 1000.0))
        with open_teacher(batch, Limit()) as teacher:
            teacher.check(QUESTIONS[0])
            told = teacher.estimate(questions)
            assert told is not None
            assert told.line().endswith(", within a day")
            assert len(server.asked) == 8
            teacher.ask_ahead(questions)
            assert list(map(len, server.lines)) == [4]
            assert teacher.estimate(questions) is None
            teacher.ask_ahead(questions)
            more = [*questions, question(99)]
            server.lasts = 60.0
            with _interrupting(server), pytest.raises(KeyboardInterrupt):
                teacher.ask_ahead(more)
        with open_teacher(batch.model_copy(update={"batch": False}), Limit()) as teacher:
            with pytest.raises(UserError, match="1 of the questions are in a batch that is under way"):
                teacher.estimate(more)
            assert len(server.asked) == 8
    # The server is gone.
    with open_teacher(batch, Limit()) as teacher:
        teacher.ask_ahead(questions)


def test_a_teacher_without_batches_finds_out_before_it_asks(home: Path) -> None:
    with serving(lambda count, body: (200, "fine")) as server:
        settings = ChatTeacherSettings(base_url=server.url, model="m", batch=True)
        with open_teacher(settings, Limit()) as teacher, pytest.raises(UserError, match="has no batch API"):
            teacher.check(QUESTIONS[0])
        assert server.asked == []


def test_batches_and_streams_exclude_each_other_and_old_recipes_stay_equal() -> None:
    with pytest.raises(ValueError, match="batch: true goes without stream: true"):
        ChatTeacherSettings(base_url="http://localhost/v1", model="m", batch=True, stream=True)
    plain = ChatTeacherSettings(base_url="http://localhost/v1", model="m").model_dump()
    assert not {"batch", "revision"} & plain.keys()


def test_a_teacher_of_another_revision_has_answers_and_spending_of_its_own(home: Path) -> None:
    with serving(lambda count, body: (200, f"Answer {count}.")) as server:
        for revision, asked in ((None, 1), ("2026-02", 2), (None, 2)):
            settings = ChatTeacherSettings(base_url=server.url, model="m", revision=revision)
            with open_teacher(settings, Limit()) as teacher:
                list(ask_stored(teacher.chat, teacher.answers, QUESTIONS[:1], workers=1))
                assert teacher.answers.used("m" if revision is None else "m@2026-02").requests == 1
            assert len(server.asked) == asked


def test_prices_are_numbers_from_0_on() -> None:
    for prices in ((-1.0, 0.6), (0.1, -0.6), (float("inf"), 1.0)):
        with pytest.raises(ValueError, match="dollars_per_million"):
            ChatTeacherSettings(base_url="http://localhost/v1", model="m", dollars_per_million=prices)
