"""A model behind a server as teacher: rewritings and continuations through the same critics, rows and releases."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chat_server import Sent, Server, serving
from lemonpress.building import build_corpus
from lemonpress.cli import main
from lemonpress.commands.build import build_program
from lemonpress.errors import UserError
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import running
from lemonpress.pressing import press
from lemonpress.publishing import describe_contexts, release_corpus
from lemonpress.recipes import load_recipe
from lemonpress.runs import Run
from lemonpress.teachers.chat_api import Limit
from one_line import one_line

SENTENCES = [f"The council of town {number} closed {number + 2} schools last year." for number in range(12)]
MAYOR, SNOW = "The mayor spoke to the press on Monday.", "Heavy snow fell on the town all night."
RECIPE = """
name: written
namespace: press
shard_size: 5
teacher: {{base_url: "{url}", model: judge-32b, licence: apache-2.0, workers: 3, dollars_per_million: [1000, 1000]}}
contexts:
  town: {{source: {source}, path: {file}{more}}}
corpora:
  kept:
    task: paraphrase
    holdout: 0
    {rewriting}
    critics:
      - {{critic: numbers}}
      - {{critic: length}}
      - {{critic: rouge_l, max: 0.8}}
  short:
    task: summary
    holdout: 0
    critics:
      - {{critic: compression, below: 0.9}}
"""


def rewrite(body: dict[str, Any]) -> str:
    """Three rewritings of a sentence: one that the critics keep, a copy, and one with another number."""
    sentence = body["messages"][-1]["content"].rpartition("Sentence: ")[2]
    town, schools = re.findall(r"\d+", sentence)
    if "Summarize" in body["messages"][-1]["content"]:
        return f"1. The council of town {town} closed {schools} schools."
    kept = f"Last year, {schools} schools were shut by the council of town {town}."
    return f"Sure!\n1. {kept}\n2. {sentence}\n3. Last year, 99 schools were shut by the council of town {town}."


def opened(tmp_path: Path, server: Server, source: str = "sentences", limit: Limit | None = None) -> Run:
    server.models = ["judge-32b"]
    more = ", licence: cc0-1.0" if source == "sentences" else ""
    file, recipe = tmp_path / "town.txt", tmp_path / "recipe.yaml"
    file.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    asked = "rewriting: {n: 3}" if source == "sentences" else ""
    recipe.write_text(
        RECIPE.format(url=server.url, file=file, source=source, more=more, rewriting=asked), encoding="utf-8"
    )
    return Run.open(load_recipe(recipe), limit or Limit())


def asked(server: Server) -> list[str]:
    """What the server was asked, but for its list of models."""
    return [json.dumps(one["messages"]) for one in server.asked if "messages" in one]


def test_rewritings_become_a_filtered_released_corpus_and_are_asked_once(tmp_path: Path, home: Path) -> None:
    with serving(lambda number, body: (200, rewrite(body))) as server:
        run = opened(tmp_path, server)
        built = {name: build_corpus(run, name, press(run)) for name in ("kept", "short")}
        rows = built["kept"].corpus.read("train").to_pylist()
        assert [row["source"] for row in rows] == SENTENCES
        assert rows[0]["target"] == "Last year, 2 schools were shut by the council of town 0."
        assert built["short"].corpus.rows["train"] == len(SENTENCES)
        assert built["kept"].funnel[0].seen == 3 * len(SENTENCES)
        first = asked(server)
        assert len(first) == len(set(first)) == 2 * len(SENTENCES)
        with running(tmp_path / "hub") as hub:
            to = Destination(hub.endpoint, hub.token, local=True)
            made = release_corpus(run, "kept", built["kept"], to)
            assert made.plan is not None
            card = made.plan.card
            assert release_corpus(run, "kept", built["kept"], to).state == "unchanged"
        for part in (
            "rewritten by the language model `judge-32b` on request",
            "12 sentences of `town.txt` were rewritten",
            "Give exactly {n}, as a numbered list",
            "arXiv:2404.12596",
            "license: apache-2.0",
        ):
            assert part in card
        assert "pressed by" not in card
    # The server is gone: what is finished needs none.
    assert build_corpus(opened(tmp_path, server), "kept", press(opened(tmp_path, server))).corpus.rows["train"] == 12


def test_contexts_are_continued_by_completions(tmp_path: Path, home: Path) -> None:
    def answer(number: int, body: dict[str, Any]) -> Sent:
        texts = (f" {MAYOR} And more", f" {MAYOR}\nNext", f" {SNOW}", " It was cut")
        return Sent(texts=texts[: body["n"]])

    with serving(answer) as server:
        run = opened(tmp_path, server, source="file")
        settings = run.recipe.sentences.model_copy(update={"k": 4})
        run = Run.open(run.recipe.model_copy(update={"sentences": settings}))
        (pool,) = press(run)
    row = pool.sentences[0].table("sentences").to_pylist()[0]
    assert row["sentences"] == [MAYOR, SNOW]
    assert row["counts"] == [2, 1]
    assert dict(row["dropped"]) == {"unfinished": 1}
    assert {one["path"] for one in server.asked} >= {"/v1/completions"}


def test_a_budget_stops_in_time_and_a_higher_one_goes_on(tmp_path: Path, home: Path) -> None:
    with serving(lambda number, body: (200, rewrite(body))) as server:
        with pytest.raises(UserError, match="budget"):
            press(opened(tmp_path, server, limit=Limit(dollars=1.2)))
        stopped = len(asked(server))
        assert 0 < stopped < 2 * len(SENTENCES)
        press(opened(tmp_path, server, limit=Limit(dollars=1000.0)))
        assert len(asked(server)) == len(set(asked(server))) == 2 * len(SENTENCES)


def test_a_builder_pays_for_its_own_corpora_alone(
    tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda number, body: (200, rewrite(body))) as server:
        opened(tmp_path, server)
        config = ["--config", str(tmp_path / "recipe.yaml")]
        assert build_program("paraphrase", "Of a test.", config) == 0
        assert len(asked(server)) == len(SENTENCES)
        assert not any("Summarize" in question for question in asked(server))
    for run in (
        lambda: build_program("paraphrase", "Of a test.", ["--budget", "1"]),
        lambda: main(["demo", "--budget", "1"]),
    ):
        assert run() == 2
        (said,) = capfd.readouterr().err.splitlines()[-1:]
        assert "--budget goes with a teacher on a server" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("contexts.town.path=nowhere.txt", "nowhere"),
        ("corpora.kept.rewriting.prompt='Rewrite it.'", "lacks {sentence}"),
        ("corpora.kept.rewriting.prompt='{text} {sentence}'", "{text} is unknown"),
        ("contexts.town={source: teacher, count: 3}", "sampled by a model on this machine"),
        ("contexts.town.columns=[question]", "columns"),
    ],
)
def test_bad_recipes_are_refused_in_one_line_before_anything_is_asked(
    tmp_path: Path, home: Path, change: str, message: str
) -> None:
    with serving(lambda number, body: (200, "")) as server:
        opened(tmp_path, server)
        with pytest.raises(UserError, match=re.escape(message)) as refused:
            Run.open(load_recipe(tmp_path / "recipe.yaml", [change]))
        assert "\n" not in str(refused.value)
        assert server.asked == []


def test_killed_runs_lose_no_answer_and_pay_nothing_twice(tmp_path: Path, home: Path) -> None:
    def slowly(number: int, body: dict[str, Any]) -> Sent:
        return Sent(texts=(rewrite(body),), pause=0.1)

    with serving(slowly) as server:
        opened(tmp_path, server)
        command = [
            sys.executable,
            "dataset_builders/seqkd.py",
            "--config",
            str(tmp_path / "recipe.yaml"),
        ]
        kills = 0
        while kills < 2:
            child = subprocess.Popen(
                command, env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            before = len(asked(server))
            while len(asked(server)) < before + 7 and child.poll() is None:
                time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
            child.wait()
            kills += 1
        done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        questions = asked(server)
    assert len(set(questions)) == 2 * len(SENTENCES)
    # At most what three workers had under way at each kill.
    assert len(questions) <= 2 * len(SENTENCES) + 3 * kills


def test_what_a_teacher_wrote_is_rows_that_another_recipe_filters(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "candidates.jsonl.gz"
    command = [sys.executable, "dataset_builders/candidates.py", "--config", str(tmp_path / "recipe.yaml"), "--output"]
    with serving(lambda number, body: (200, rewrite(body))) as server:
        opened(tmp_path, server)
        for output, said in ((file, "36 rewritings of 24 requests"), (tmp_path / "rows.txt", "neither .jsonl nor")):
            done = subprocess.run([*command, str(output)], capture_output=True, text=True, timeout=120, check=False)
            assert said in (done.stdout if output is file else done.stderr)
    rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).decode().splitlines()]
    assert [row["task"] for row in rows] == ["paraphrase"] * 12 + ["summary"] * 12
    assert {row["source"] for row in rows} == set(SENTENCES)
    assert {row["domain"] for row in rows} == {"town"}
    recipe = tmp_path / "filtered.yaml"
    recipe.write_text(
        f"""
name: filtered
contexts:
  theirs: {{source: pairs, path: {file}, target_column: rewritings, licence: apache-2.0, written_by: judge-32b}}
corpora:
  filtered: {{task: paraphrase, critics: [{{critic: numbers}}, {{critic: length}}, {{critic: rouge_l, max: 0.8}}]}}
""",
        encoding="utf-8",
    )
    run = Run.open(load_recipe(recipe))
    built = build_corpus(run, "filtered", press(run))
    assert sum(built.corpus.rows.values()) == len(SENTENCES)
    assert "which `judge-32b` wrote" in describe_contexts(run)


def test_a_teacher_that_never_answers_is_not_asked_on(tmp_path: Path, home: Path) -> None:
    with serving(lambda number, body: Sent(texts=("<think>The user wants",), finish="length")) as server:
        run = opened(tmp_path, server)
        run = Run.open(run.recipe.model_copy(update={"shard_size": 8}))
        with pytest.raises(
            UserError, match=r"none of 8 answers of judge-32b holds a rewriting \(8 cut off\)"
        ) as refused:
            press(run)
        one_line(refused)
        assert len(asked(server)) < 2 * len(SENTENCES)


def test_raw_rewritings_are_published_on_request(tmp_path: Path, home: Path) -> None:
    with serving(lambda number, body: (200, rewrite(body))) as server:
        recipe = opened(tmp_path, server).recipe
        kept = recipe.corpora["kept"].model_copy(update={"raw": True})
        run = Run.open(recipe.model_copy(update={"corpora": {"kept": kept}}))
        corpus = build_corpus(run, "kept", press(run)).corpus
    rows = [row for split, count in corpus.raw.items() if count for row in corpus.read(split, "raw").to_pylist()]
    assert {row["context"] for row in rows} == {row["sentences"][0] for row in rows} == set(SENTENCES)


def test_other_weights_under_one_name_are_asked_anew(tmp_path: Path, home: Path) -> None:
    with serving(lambda number, body: (200, rewrite(body))) as server:
        run = opened(tmp_path, server)
        first = press(run)
        teacher = run.recipe.teacher.model_copy(update={"revision": "q8"})
        again = press(Run.open(run.recipe.model_copy(update={"teacher": teacher})))
        assert len(asked(server)) == 2 * len(set(asked(server))) == 4 * len(SENTENCES)
    # Equal rows are equal shards, under other keys.
    folders = [[shard.folder for shard in pools[0].sentences] for pools in (first, again)]
    assert not set(folders[0]) & set(folders[1])
