"""Pairs labelled over HTTP: the real client of the OpenAI protocol against a server that also fails."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server import Server, serving
from lemonpress.asking.chat import Chat
from lemonpress.errors import UserError
from lemonpress.nli.datasets import read_dataset
from lemonpress.nli.label import label_pairs, sample_pairs
from lemonpress.nli.settings import DatasetSettings

PAIRS = [(f"The team won {n} games.", f"{n} games were won by the team.") for n in range(2, 12)]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda count, body: (200, "entailment entailment")) as server:
        yield server


def test_each_pair_gives_two_rows_with_the_model_that_judged(server: Server, tmp_path: Path) -> None:
    server.answer = lambda count, body: (200, "Entailment, then neutral.")
    out = tmp_path / "labels.jsonl"
    assert label_pairs(PAIRS[:3], server.chat(api_key="secret"), out, workers=2) == {
        "labelled": 3,
        "known": 0,
        "unread": 0,
    }
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(r["premise"], r["hypothesis"], r["label"], r["model"]) for r in rows[:2]] == [
        (*PAIRS[0], "entailment", "judge-32b"),
        (*reversed(PAIRS[0]), "neutral", "judge-32b"),
    ]
    asked = server.asked[0]
    assert asked["path"] == "/v1/chat/completions"
    assert asked["key"] == "Bearer secret"
    assert "Be strict on details" in asked["messages"][0]["content"]
    assert {f"A: {first}\nB: {second}" for first, second in PAIRS[:3]} == {
        request["messages"][1]["content"] for request in server.asked
    }


def test_the_file_is_a_dataset_that_a_critic_trains_on(server: Server, tmp_path: Path) -> None:
    server.answer = lambda count, body: (200, "entailment contradiction")
    label_pairs(PAIRS, server.chat(), tmp_path / "labels.jsonl", workers=4)
    rows = read_dataset(DatasetSettings(path="labels.jsonl"), "datasets.labelled", tmp_path)
    assert {(row.label, row.source) for row in rows} == {("entailment", "labelled"), ("contradiction", "labelled")}
    assert len(rows) == 2 * len(PAIRS)


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    statuses = {1: 429, 2: 503, 3: 500}
    server.answer = lambda count, body: (statuses.get(count, 200), "neutral neutral")
    counts = label_pairs(PAIRS[:2], server.chat(), tmp_path / "labels.jsonl", workers=1)
    assert counts["labelled"] == 2
    assert len(server.asked) == 5


def test_a_server_that_never_recovers_stops_the_run_and_keeps_what_it_gave(server: Server, tmp_path: Path) -> None:
    server.answer = lambda count, body: (200, "neutral neutral") if count <= 4 else (503, "down")
    out = tmp_path / "labels.jsonl"
    with pytest.raises(UserError, match=r"failed 6 times, at last with: .*503"):
        label_pairs(PAIRS, server.chat(), out, workers=1)
    assert len(out.read_text().splitlines()) == 8
    server.answer = lambda count, body: (200, "neutral neutral")
    assert label_pairs(PAIRS, server.chat(), out, workers=1) == {"labelled": 6, "known": 4, "unread": 0}
    assert len(out.read_text().splitlines()) == 2 * len(PAIRS)


@pytest.mark.parametrize("cut", ["{half a li", None])
def test_a_file_cut_off_in_a_pair_is_mended(server: Server, tmp_path: Path, cut: str | None) -> None:
    out = tmp_path / "labels.jsonl"
    label_pairs(PAIRS[:2], server.chat(), out, workers=1)
    whole = out.read_text()
    lines = whole.splitlines(keepends=True)
    out.write_text("".join(lines[:3]) + (cut or ""))
    assert label_pairs(PAIRS[:2], server.chat(), out, workers=1) == {"labelled": 1, "known": 1, "unread": 0}
    assert out.read_text() == whole


def test_answers_without_two_labels_are_counted_and_left_out(server: Server, tmp_path: Path) -> None:
    server.answer = lambda count, body: (200, "I cannot say" if count == 1 else "neutral entailment")
    out = tmp_path / "labels.jsonl"
    assert label_pairs(PAIRS[:2], server.chat(), out, workers=1) == {"labelled": 1, "known": 0, "unread": 1}
    assert label_pairs(PAIRS[:2], server.chat(), out, workers=1) == {"labelled": 1, "known": 1, "unread": 0}


def test_a_model_that_never_names_two_labels_is_refused_after_one_batch(server: Server, tmp_path: Path) -> None:
    server.answer = lambda count, body: (200, "<think> Let me see")
    with pytest.raises(UserError, match="none of the first 4 answers of judge-32b names two labels"):
        label_pairs(PAIRS, server.chat(), tmp_path / "labels.jsonl", workers=1)
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "refuses the key .401.; set OPENAI_API_KEY"), (404, "answers 404 for model judge-32b")],
)
def test_what_cannot_pass_is_refused_at_once(server: Server, tmp_path: Path, status: int, message: str) -> None:
    server.answer = lambda count, body: (status, "no")
    with pytest.raises(UserError, match=message):
        label_pairs(PAIRS, server.chat(), tmp_path / "labels.jsonl", workers=1)
    assert not (tmp_path / "labels.jsonl").exists()
    assert len(server.asked) <= 2  # one that was on its way


def test_labels_of_another_model_are_not_mixed_in(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "labels.jsonl"
    label_pairs(PAIRS[:1], server.chat(), out, workers=1)
    other = Chat(server.url, "judge-7b")
    with pytest.raises(UserError, match=r"labels\.jsonl: holds labels of judge-32b, not of judge-7b; name another"):
        label_pairs(PAIRS, other, out, workers=1)


def test_pairs_are_of_one_context_distinct_and_the_same_each_time() -> None:
    contexts = [[f"{who} {what} the {n}th boat." for n in range(6) for what in ("saw", "met")] for who in "AB"]
    pairs = sample_pairs(contexts, 60, seed=3)
    assert pairs == sample_pairs(contexts, 60, seed=3)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) == 60
    assert all(first[0] == second[0] for first, second in pairs)


def test_the_program_labels_the_starter_pool(server: Server, tmp_path: Path) -> None:
    program = Path(__file__).parents[2] / "trainers/label_pairs.py"
    command = [sys.executable, str(program), "--base-url", server.url, "--model", "judge", "--pairs", "30"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "l.jsonl")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    assert done.returncode == 0, done.stderr
    assert "30 pairs labelled, 0 known, 0 answers not read" in done.stdout
    assert len((tmp_path / "l.jsonl").read_text().splitlines()) == 60


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9/v1: no server answers; start one"):
        Chat("http://127.0.0.1:9/v1", "m").ask([{"role": "user", "content": "?"}], max_tokens=4)
    with pytest.raises(UserError, match=r"localhost:8000/v1: is no address of a server; write one as http://"):
        Chat("localhost:8000/v1", "m")
