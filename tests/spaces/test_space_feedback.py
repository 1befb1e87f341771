"""Feedback: on the disk before it is acknowledged, bounded, nobody named, pushed where a dataset is configured."""

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import feedback
import pytest
from checks import passage
from feedback import open_box
from gradio_client import Client
from huggingface_hub import HfApi
from judging import Candidate, Sentence
from settings import MAX_COMPARED, Named, Settings, read
from tab_rewrite import rateable
from tiny_space import Start, space_at

from lemonpress.assets import asset
from lemonpress.errors import UserError
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.release import Release

RELEASE = {"id": "lemonpress/tiny-student", "version": "1.0.0"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read({"LEMONPRESS_FEEDBACK": str(tmp_path / "box")})


def rows(settings: Settings) -> list[dict[str, object]]:
    files = sorted(settings.feedback.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_feedback_is_one_line_with_nothing_of_who_sent_it(settings: Settings) -> None:
    hostile = '<script>alert(1)</script>\n{"rating": "good"}\u2028'
    open_box(settings, RELEASE).put("paraphrase", "It rained.", hostile, "bad", "It says\nmore.")
    [row] = rows(settings)
    assert set(row) == {"day", "student", "task", "source", "text", "rating", "why"}
    assert (row["text"], row["why"], row["student"]) == (hostile, "It says\nmore.", RELEASE)


def test_feedback_of_many_at_once_is_kept_whole_and_restarts_add_files(settings: Settings) -> None:
    box = open_box(settings, RELEASE)
    with ThreadPoolExecutor(16) as visitors:
        list(visitors.map(lambda number: box.put("summary", f"{number} " * 200, "Short.", "good"), range(64)))
    open_box(settings, RELEASE).put("summary", "After a restart.", "Short.", "good")
    found = rows(settings)
    assert len(found) == 65
    assert {str(row["source"]) for row in found} >= {(f"{number} " * 200).strip() for number in range(64)}


def test_feedback_survives_a_kill(settings: Settings) -> None:
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(asset("spaces/paraphraser"))!r})
        from feedback import open_box
        from settings import read
        open_box(read(), {RELEASE!r}).put("paraphrase", "It rained.", "Rain fell.", "good")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    environment = os.environ | {"LEMONPRESS_FEEDBACK": str(settings.feedback)}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, timeout=60, check=False)
    assert [row["text"] for row in rows(settings)] == ["Rain fell."]


def test_what_may_be_rewritten_may_be_rated(settings: Settings) -> None:
    source = f"It rained.{' ' * 3000}It rained on."
    passage(source)
    open_box(settings, RELEASE).put("paraphrase", source, "Rain fell.", "good")
    assert [row["source"] for row in rows(settings)] == ["It rained. It rained on."]


def test_each_rewriting_is_rated_with_its_own_sentence() -> None:
    results = [Sentence(source, (Candidate("Rain fell.", 1, ()),), 0, 0) for source in ("It rained.", "It poured.")]
    assert rateable(results, "Rain fell. Rain fell.") == [
        ("The whole text", "It rained. It poured.", "Rain fell. Rain fell."),
        ("Sentence 1: Rain fell.", "It rained.", "Rain fell."),
        ("Sentence 2: Rain fell.", "It poured.", "Rain fell."),
    ]
    assert [label for label, *_ in rateable(results[:1], None)] == ["Rain fell."]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"rating": "great"}, "rating: please choose good or bad"),
        ({"rating": ["good"]}, "rating"),
        ({"text": " "}, "text: please send text"),
        ({"source": None}, "source: please send text"),
        ({"source": "x" * 2001}, "source: please keep to 2,000"),
        ({"why": "x" * 501}, "why: please keep to 500"),
        ({"why": 7}, "why: please send text"),
    ],
)
def test_feedback_out_of_bounds_is_refused_and_not_kept(
    settings: Settings, changed: dict[str, object], words: str
) -> None:
    box = open_box(settings, RELEASE)
    given: dict[str, object] = {
        "task": "paraphrase", "source": "It rained.", "text": "Rain fell.", "rating": "good", "why": "",
    }  # fmt: skip
    with pytest.raises(UserError, match=words):
        box.put(**(given | changed))
    assert rows(settings) == []


def test_a_full_box_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "_MAX_BYTES", 300)
    box = open_box(settings, RELEASE)
    box.put("paraphrase", "It rained.", "Rain fell.", "good")
    with pytest.raises(UserError, match="feedback box is full"):
        box.put("paraphrase", "It rained.", "Rain fell. " * 20, "good")
    assert len(rows(settings)) == 1


def test_feedback_is_pushed_to_the_dataset_that_is_named(space_hub: LocalHub, tmp_path: Path) -> None:
    code = f"""
        import sys
        sys.path.insert(0, {str(asset("spaces/paraphraser"))!r})
        from feedback import open_box
        from settings import read
        box = open_box(read(), {RELEASE!r})
        box.put("paraphrase", "It rained.", "Rain fell.", "good")
        box.scheduler.push_to_hub()
        box.scheduler.stop()
    """
    environment = os.environ | {
        "HF_ENDPOINT": space_hub.endpoint,
        "HF_TOKEN": space_hub.token,
        "HF_HUB_DISABLE_XET": "1",
        "LEMONPRESS_FEEDBACK": str(tmp_path / "box"),
        "LEMONPRESS_FEEDBACK_DATASET": "lemonpress/tiny-feedback",
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    api = HfApi(endpoint=space_hub.endpoint, token=space_hub.token)
    files = api.list_repo_files("lemonpress/tiny-feedback", repo_type="dataset")
    assert any(file.startswith("data/feedback-") and file.endswith(".jsonl") for file in files)


def test_a_space_that_is_stopped_pushes_its_last_feedback(
    start_space: Start, tiny_release: Release, space_hub: LocalHub, tmp_path: Path
) -> None:
    dataset = "lemonpress/tiny-last-feedback"
    variables = {
        "HF_TOKEN": space_hub.token,
        "HF_HUB_DISABLE_XET": "1",
        "LEMONPRESS_FEEDBACK": str(tmp_path / "box"),
        "LEMONPRESS_FEEDBACK_DATASET": dataset,
    }
    with space_at(start_space, **variables) as url:  # it ends by SIGTERM
        Client(url, verbose=False).predict("paraphrase", "It rained.", "Rain fell.", "good", api_name="/feedback")
    api = HfApi(endpoint=space_hub.endpoint, token=space_hub.token)
    [name] = [one for one in api.list_repo_files(dataset, repo_type="dataset") if one.endswith(".jsonl")]
    file = api.hf_hub_download(dataset, name, repo_type="dataset", local_dir=tmp_path / "read")
    [row] = map(json.loads, Path(file).read_text(encoding="utf-8").splitlines())
    assert (row["source"], row["text"]) == ("It rained.", "Rain fell.")


def test_settings_that_name_nothing_are_refused() -> None:
    assert [str(one) for one in read({"LEMONPRESS_COMPARE": "a/b@1.0.0, a/b@1.0.0 c/d@2.0.0"}).compare] == [
        "a/b@1.0.0",
        "c/d@2.0.0",
    ]
    assert read({"LEMONPRESS_STUDENT": "a/b", "LEMONPRESS_STUDENT_VERSION": "v1.2.0"}).student == Named("a/b", "1.2.0")
    assert read({"LEMONPRESS_COMPARE": "a/b@v1.0.0 a/b@1.0.0"}).compare == (Named("a/b", "1.0.0"),)
    assert [read({"LEMONPRESS_MCP": value}).mcp for value in ("", "0", "1")] == [False, False, True]
    for variable, value in [
        ("LEMONPRESS_STUDENT", "nobody"),
        ("LEMONPRESS_STUDENT_VERSION", "latest"),
        ("LEMONPRESS_MCP", "yes"),
        ("LEMONPRESS_CORPUS", "a/b@main"),
        ("LEMONPRESS_COMPARE", " ".join(f"a/b@1.{minor}.0" for minor in range(MAX_COMPARED + 1))),
        ("LEMONPRESS_COMPARE", "a/b"),
        ("LEMONPRESS_CORPUS", "../etc@1.0.0"),
        ("LEMONPRESS_FEEDBACK_DATASET", "nobody"),
    ]:
        with pytest.raises(UserError, match=variable):
            read({variable: value})
