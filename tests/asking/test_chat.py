"""The client of the OpenAI protocol against a server that answers, lacks things and fails."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chat_server import Answer, Sent, Server, serving
from lemonpress.asking.chat import Chat, StoppedError
from lemonpress.asking.questions import Message, Question, Reply
from lemonpress.errors import UserError
from one_line import one_line

HELLO = Question((Message("user", "Say hello to me"),), max_tokens=8)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda count, body: Sent(("Hello there",))) as server:
        yield server


def then(*first: Sent) -> Answer:
    """These answers, then good ones."""
    return lambda count, body: first[count - 1] if count <= len(first) else Sent(("Hello there",))


def refusing(status: int, **error: Any) -> Sent:
    return Sent(status=status, body=json.dumps({"error": error}))


def test_a_reply_has_texts_ends_and_tokens_and_asks_for_no_more_than_is_said(server: Server) -> None:
    assert server.chat(api_key="k").reply(HELLO) == Reply(("Hello there",), ("stop",), 4, 2, "judge-32b")
    assert server.asked == [
        {
            "path": "/v1/chat/completions",
            "key": "Bearer k",
            "model": "judge-32b",
            "messages": [{"role": "user", "content": "Say hello to me"}],
            "max_tokens": 8,
            "temperature": 0.0,
        }
    ]


def test_a_prompt_is_continued(server: Server) -> None:
    question = Question(prompt="Once upon", max_tokens=8, temperature=0.7, top_p=0.9, seed=5, schema=SCHEMA)
    for stream in (False, True):
        assert server.chat(stream=stream).reply(question) == Reply(("Hello there",), ("stop",), 2, 2, "judge-32b")
    asked = server.asked[0]
    assert (asked["path"], asked["prompt"], "messages" in asked) == ("/v1/completions", "Once upon", False)
    assert (asked["temperature"], asked["top_p"], asked["seed"]) == (0.7, 0.9, 5)
    assert asked["response_format"]["json_schema"]["schema"] == SCHEMA


def test_no_key_of_the_environment_goes_to_a_server_that_was_given_none(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    server.chat().reply(HELLO)
    assert "sk-secret" not in json.dumps(server.asked)


def test_a_key_tells_questions_and_models_apart_and_not_servers() -> None:
    others = [
        replace(HELLO, messages=(Message("system", "Say hello to me"),)),
        Question(prompt="Say hello to me", max_tokens=8),
        *(
            replace(HELLO, **{name: value})
            for name, value in (("max_tokens", 9), ("temperature", 1.0), ("top_p", 0.5))
        ),
        *(replace(HELLO, **{name: value}) for name, value in (("n", 2), ("seed", 0), ("schema", SCHEMA))),
    ]
    keys = [question.key("m") for question in (HELLO, *others)] + [HELLO.key("other")]
    assert len(set(keys)) == 10
    again = Question((Message("user", "Say hello to me"),), None, 8, temperature=0)
    assert again.key("m") == keys[0]
    turned = {"required": ["a"], "properties": {"a": {"type": "string"}}, "type": "object"}
    assert replace(HELLO, schema=turned).key("m") == replace(HELLO, schema=SCHEMA).key("m")


@pytest.mark.parametrize("settings", [{}, {"prompt": "a", "messages": ()}, {"prompt": "a", "n": 0}])
def test_a_question_that_is_none_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a question"):
        Question(**settings)


@pytest.mark.parametrize(
    "failure",
    [
        *(refusing(status, message="busy") for status in (408, 409, 429, 500, 502, 503, 529)),
        Sent(status=502, body="<html>Bad gateway</html>", kind="text/html"),
        Sent(body="{half a js"),
        Sent(body='{"choices": []}'),
        Sent(body='{"error": {"code": 502, "message": "upstream"}}'),
        Sent(body="null"),
        Sent(body='{"choices": [{"index": 0, "finish_reason": "stop"}]}'),
        Sent(("Hello",), finish="error"),
        Sent(("Hello there",), share=0.5),
        Sent(("Hello there",), share=0),
        Sent(("Hello there",), pause=3.0),
    ],
)
def test_what_may_pass_is_asked_again(server: Server, failure: Sent) -> None:
    server.answer = then(failure, failure)
    assert server.chat(timeout=1.5).reply(HELLO).texts == ("Hello there",)
    assert len(server.asked) == 3


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("finish", ["stop", None])
def test_a_stream_that_breaks_off_is_no_answer(server: Server, share: float, finish: str | None) -> None:
    server.answer = then(Sent(("Hello there and goodbye",), share=share, finish=finish), Sent(("Hello",), finish=None))
    assert server.chat(stream=True).reply(HELLO) == Reply(("Hello there",), ("stop",), 4, 2, "judge-32b")
    assert len(server.asked) == 3


def test_an_error_within_a_stream_is_a_failed_try(server: Server) -> None:
    body = 'data: {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}\n\ndata: {"error": {"message": "died"}}\n\n'
    server.answer = then(Sent(body=body, kind="text/event-stream"))
    assert server.chat(stream=True).reply(HELLO).texts == ("Hello there",)


def test_pieces_of_several_choices_are_joined_and_counted(server: Server) -> None:
    server.answer = lambda count, body: Sent(("a b c", "d e", "é f"), finish="length")
    reply = server.chat(stream=True).reply(replace(HELLO, n=3))
    assert reply == Reply(("a b c", "d e", "é f"), ("length",) * 3, 4, 7, "judge-32b")


def test_a_server_that_does_not_stream_is_read_whole(server: Server) -> None:
    body = json.dumps({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": None}]})
    server.answer = lambda count, body_: Sent(body=body)
    assert server.chat(stream=True).reply(HELLO) == Reply(("Hi",), ("unknown",), None, None, "judge-32b")


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (refusing(401, message="Incorrect API key provided: sk-secret"), "refuses the key (401); set OPENAI_API_KEY"),
        (refusing(403, message="sk-secret may not"), "refuses the key (403)"),
        (Sent(status=404, body="<html>", kind="text/html"), "and not by the OpenAI protocol; give the base_url"),
        (Sent(status=404, body='{"detail":"Not Found"}'), "and not by the OpenAI protocol; give the base_url"),
        (Sent(body="<!doctype html>", kind="text/html; charset=utf-8"), "answers with a web page; give the base_url"),
        (
            refusing(404, message="The model `judge-32b` does not exist", code="model_not_found"),
            "for model judge-32b: The model `judge-32b` does not exist; give the name of one that it has",
        ),
        (refusing(400, message="unknown model"), "unknown model; give the name"),
        (
            refusing(400, message="This model's maximum context length is 10 tokens"),
            "maximum context length is 10 tokens; shorten the prompt",
        ),
        (
            refusing(429, message="You exceeded your current quota", code="insufficient_quota"),
            "the account has nothing left (429: You exceeded your current quota); add to it",
        ),
        (refusing(402, message="Insufficient credits"), "the account has nothing left"),
        (refusing(400, message="no\nsense of sk-secret"), "answers 400 for model judge-32b: no sense of (key)"),
        (refusing(422, message="invalid schema for response_format"), "answers 422"),
    ],
)
def test_what_a_person_must_mend_fails_at_once(server: Server, failure: Sent, message: str) -> None:
    server.answer = lambda count, body: failure
    with pytest.raises(UserError) as error:
        server.chat(api_key="sk-secret").reply(replace(HELLO, schema=SCHEMA))
    assert one_line(error).startswith(server.url)
    assert message in one_line(error)
    assert "sk-secret" not in one_line(error)
    assert len(server.asked) == 1


def test_addresses_and_keys_that_are_none() -> None:
    with pytest.raises(UserError, match="no server answers") as error:
        Chat("http://127.0.0.1:9/v1", "m").check()
    one_line(error)
    for address in ("http://localhost:port/v1", "http://one..two/v1", f"http://{'a' * 64}.org/v1", "http:///v1"):
        with pytest.raises(UserError, match="is no address of a server; write one as http://localhost") as error:
            Chat(address, "m")
        one_line(error)
    for address in ("http://[::1]:8000/v1", "https://bücher.example/v1"):
        assert Chat(address, "m").base_url == address
    with pytest.raises(UserError, match="OPENAI_API_KEY: holds characters that no key has") as error:
        Chat("http://127.0.0.1:9/v1", "m", "sk-secret\n")
    assert "secret" not in one_line(error)
    assert "secret" not in repr(Chat("http://127.0.0.1:9/v1", "m", "sk-secret"))


def test_half_a_character_is_not_sent(server: Server) -> None:
    with pytest.raises(UserError, match="cannot be sent a text with half a character") as error:
        server.chat(first_pause=60).reply(Question((Message("user", "a \ud800"),)))
    one_line(error)


def test_a_server_that_went_away_after_answers_may_come_back(server: Server) -> None:
    chat = server.chat(first_pause=0.2)
    chat.reply(HELLO)
    port = server.server_port
    server.shutdown()
    server.server_close()
    replies: list[Reply] = []
    asking = threading.Thread(target=lambda: replies.append(chat.reply(HELLO)))
    asking.start()
    time.sleep(0.2)
    with serving(lambda count, body: Sent(("Back",)), port):
        asking.join(10)
    assert [reply.texts for reply in replies] == [("Back",)]


def test_a_server_that_stays_away_is_given_up(server: Server) -> None:
    chat = server.chat(first_pause=0.001)
    chat.reply(HELLO)
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match="the server answers no more; start it again, and run again") as error:
        chat.reply(HELLO)
    one_line(error)


@pytest.mark.parametrize("rejection", [{"message": "Unknown field response_format"}, {"param": "response_format"}])
def test_a_server_without_schemas_is_asked_without_from_then_on(server: Server, rejection: dict[str, str]) -> None:
    server.answer = lambda count, body: refusing(400, **rejection) if "response_format" in body else Sent(("{}",))
    chat = server.chat()
    for _ in range(2):
        assert chat.reply(replace(HELLO, schema=SCHEMA)).texts == ("{}",)
    assert ["response_format" in asked for asked in server.asked] == [True, False, False]


def test_a_server_that_counts_tokens_by_another_name_is_asked_by_it(server: Server) -> None:
    said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    server.answer = lambda count, body: refusing(400, message=said) if "max_tokens" in body else Sent(("Hi",))
    chat = server.chat()
    assert [chat.reply(HELLO).texts, chat.reply(HELLO).texts] == [("Hi",), ("Hi",)]
    assert [asked.get("max_completion_tokens") for asked in server.asked] == [None, 8, 8]


@pytest.mark.parametrize("lacking", ["ignores", "rejects"])
def test_a_server_of_one_answer_at_a_time_is_asked_for_each(server: Server, lacking: str) -> None:
    def answer(count: int, body: dict[str, Any]) -> Sent:
        if "n" in body and lacking == "rejects":
            return refusing(422, message="only one choice")
        return Sent((f"Seed {body['seed']}",))

    server.answer = answer
    chat, question = server.chat(), replace(HELLO, n=3, temperature=1.0, seed=7)
    reply = chat.reply(question)
    assert reply == Reply(reply.texts, ("stop",) * 3, 12, 6, "judge-32b")
    assert reply.texts[0] == "Seed 7"
    assert len({*reply.texts, *(f"Seed {near}" for near in range(8, 20))}) == 3 + 12
    asked = len(server.asked)
    assert asked == (3 if lacking == "ignores" else 4)
    assert chat.reply(question) == reply
    assert len(server.asked) == asked + 3
    assert all("n" not in body for body in server.asked[asked:])


def test_a_question_that_is_refused_alone_does_not_change_how_others_are_asked(server: Server) -> None:
    server.answer = lambda count, body: refusing(400, message="no") if count <= 2 else Sent(("a", "b"))
    chat = server.chat()
    with pytest.raises(UserError, match="answers 400"):
        chat.reply(replace(HELLO, n=2))
    assert chat.reply(replace(HELLO, n=2)).texts == ("a", "b")
    assert len(server.asked) == 3


def test_refusals_of_a_filter_and_of_the_model_are_replies(server: Server) -> None:
    server.answer = lambda count, body: refusing(400, message="filtered", code="content_filter")
    reply = server.chat().reply(HELLO)
    assert (reply.texts, reply.finish) == (("",), ("content_filter",))
    message = {"role": "assistant", "content": None, "refusal": "I cannot."}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    server.answer = lambda count, body_: Sent(body=body)
    reply = server.chat().reply(HELLO)
    assert (reply.texts, reply.finish) == (("",), ("refusal",))


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "0.4"},
        {"retry-after-ms": "400", "Retry-After": "30"},
        {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "400ms"},
    ],
)
def test_a_server_that_says_when_is_obeyed_however_often(server: Server, headers: dict[str, str]) -> None:
    server.answer = lambda count, body: Sent(status=429, headers=headers) if count == 1 else Sent(("Hi",))
    start = time.monotonic()
    assert server.chat(first_pause=60).reply(HELLO).texts == ("Hi",)
    assert 0.4 <= time.monotonic() - start < 5
    server.answer = lambda count, body: (
        Sent(status=429, headers={"retry-after-ms": "1"}) if count < 12 else Sent(("Hi",))
    )
    assert server.chat().reply(HELLO).texts == ("Hi",)


@pytest.mark.parametrize("status", [200, 429])
def test_all_threads_wait_when_nothing_remains(server: Server, status: int) -> None:
    times: list[float] = []
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "0.5s"}

    def answer(count: int, body: dict[str, Any]) -> Sent:
        times.append(time.monotonic())
        if count == 1:
            return Sent(("Hi",), headers=headers) if status == 200 else Sent(status=429, headers=headers)
        return Sent(("Hi",))

    server.answer = answer
    chat = server.chat()
    first = threading.Thread(target=chat.reply, args=(HELLO,))
    first.start()
    while not chat._state.gate.left() > 0:
        time.sleep(0.005)
    others = [threading.Thread(target=chat.reply, args=(HELLO,)) for _ in range(4)]
    for thread in others:
        thread.start()
    for thread in (first, *others):
        thread.join()
    assert min(times[1:]) - times[0] >= 0.5
    assert len(times) == (5 if status == 200 else 6)


def test_a_server_that_wants_no_request_for_hours_is_left(server: Server) -> None:
    server.answer = lambda count, body: Sent(status=429, headers={"Retry-After": "7200"})
    with pytest.raises(UserError, match=r"takes no requests for 7,200 seconds; run again later") as error:
        server.chat().reply(HELLO)
    one_line(error)
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2h"}
    server.answer = lambda count, body: Sent(("Hi",), headers=spent)
    chat = server.chat()
    assert chat.reply(HELLO).texts == ("Hi",)  # paid, and not lost to what comes after it
    with pytest.raises(UserError, match=r"takes no requests for 7,(199|200) seconds"):
        chat.reply(HELLO)
    assert len(server.asked) == 2


def test_a_pause_ends_when_nobody_wants_the_answer(server: Server) -> None:
    server.answer = lambda count, body: Sent(status=503)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        server.chat(first_pause=30).reply(HELLO, stop)
    assert time.monotonic() - start < 5


def test_the_rest_of_answers_that_are_partly_paid_is_asked_for(server: Server) -> None:
    stop = threading.Event()

    def answer(count: int, body: dict[str, Any]) -> Sent:
        stop.set()
        return Sent(("Hi",))

    server.answer = answer
    assert server.chat().reply(replace(HELLO, n=3), stop).texts == ("Hi",) * 3
    with pytest.raises(StoppedError):
        server.chat().reply(HELLO, stop)
    assert len(server.asked) == 3


def test_a_check_asks_for_the_list_of_models_and_only_else_for_a_token(server: Server) -> None:
    server.models = ["other", "judge-32b"]
    server.chat().check()
    assert not server.asked
    server.models = None
    server.chat().check()
    assert [asked["max_tokens"] for asked in server.asked] == [1]
    server.models = ["a", "b"]
    server.answer = lambda count, body: refusing(404, code="model_not_found", message="No.")
    with pytest.raises(UserError, match=r"No\.; give the name of one that it has: a, b") as error:
        server.chat().check()
    one_line(error)
