"""A tiny student released on a local Hub, and the Space that runs it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tiny_space import CORPUS_ID, MARKUP, REPO_ID, SENTENCES, VERSIONS, Start, release_student, space_at

from lemonpress.assets import asset
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import LocalHub, running
from lemonpress.hub.release import Release, release
from lemonpress.rows import corpus_schema
from lemonpress.students.contract import Contract
from lemonpress.students.linear import label_parts
from lemonpress.syntax.parsers import spacy_dependency

sys.path.insert(0, str(asset("spaces/paraphraser")))


@pytest.fixture(scope="session")
def space_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """LEMONPRESS_HOME of these tests; loopback goes past any proxy."""
    folder = tmp_path_factory.mktemp("space-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEMONPRESS_HOME", str(folder))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        yield folder


@pytest.fixture(scope="session")
def space_hub(tmp_path_factory: pytest.TempPathFactory, space_home: Path) -> Iterator[LocalHub]:
    with running(tmp_path_factory.mktemp("space-hub")) as started:
        yield started


@pytest.fixture(scope="session")
def tiny_corpus(space_hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Thirty pairs in two splits and two domains; the word "bridge" is in every third, and one holds markup."""
    folder = tmp_path_factory.mktemp("tiny-corpus")
    rows = [
        {
            "id": f"{number:016x}",
            "source": f"The {'bridge' if number % 3 == 0 else 'road'} number {number} was closed on Monday.",
            "target": f"On Monday they closed number {number}.",
            "context_id": f"{number:016x}",
            "domain": "news" if number % 2 else "travel",
            "entailment": round(number / 30, 4),
            "rouge_l": round(1 - number / 30, 4),
        }
        for number in range(30)
    ]
    rows[7]["target"] = MARKUP
    schema = corpus_schema([("entailment", "p(source ⇒ target)"), ("rouge_l", "ROUGE-L F1 of source and target")])
    (folder / "paraphrase").mkdir()
    for split, part in (("train", rows[:20]), ("test", rows[20:])):
        pq.write_table(pa.Table.from_pylist(part, schema=schema), folder / "paraphrase" / f"{split}.parquet")
    card = {
        "license": "apache-2.0",
        "configs": [
            {
                "config_name": "paraphrase",
                "default": True,
                "data_files": [{"split": split, "path": f"paraphrase/{split}.parquet"} for split in ("train", "test")],
            }
        ],
    }
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(card)}---\n# Tiny corpus\n")
    funnel = [{"name": "length", "seen": 100, "kept": 60}, {"name": "entailment", "seen": 60, "kept": 30}]
    (folder / "provenance.json").write_text(json.dumps({"funnel": funnel}))
    return release(folder, CORPUS_ID, "dataset", "1.0.0", Destination(space_hub.endpoint, space_hub.token, local=True))


@pytest.fixture(scope="session")
def tiny_releases(
    space_hub: LocalHub, tiny_corpus: Release, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Release, ...]:
    """Two versions of a tiny random Llama as a student of the tiny corpus, with the recipe of its critics."""
    return tuple(
        release_student(space_hub, tmp_path_factory.mktemp("tiny-student"), version, seed)
        for seed, version in enumerate(VERSIONS)
    )


@pytest.fixture(scope="session")
def tiny_release(tiny_releases: tuple[Release, ...]) -> Release:
    """The first version of the tiny student."""
    return tiny_releases[0]


@pytest.fixture(scope="session")
def start_space(space_hub: LocalHub, space_home: Path) -> Start:
    """Start ``lemonpress space`` on a port with the tiny student, or with environment variables of the test's own."""

    def start(port: int, **variables: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "GRADIO_"))}
        command = [sys.executable, "-m", "lemonpress.cli", "space", "--port", str(port), "--hub", space_hub.endpoint]
        return subprocess.Popen(
            command,
            env={**kept, "LEMONPRESS_STUDENT": REPO_ID, "OMP_NUM_THREADS": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def feedback_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the running Space keeps feedback."""
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="session")
def space_url(start_space: Start, tiny_release: Release, feedback_folder: Path) -> Iterator[str]:
    """Address of a running Space."""
    with space_at(start_space, LEMONPRESS_FEEDBACK=str(feedback_folder)) as url:
        yield url


@pytest.fixture(scope="session")
def syntax_space_url(
    start_space: Start, space_hub: LocalHub, tiny_corpus: Release, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of a Space whose tiny student has tokens for trees."""
    parser = spacy_dependency()
    parts = label_parts(parser.parse(["On Monday, the shop was closed by its owner.", *SENTENCES]))
    contract = Contract(tasks=("paraphrase", "control"), parser=parser.key, parts=parts)
    folder = tmp_path_factory.mktemp("syntax-student")
    name = release_student(space_hub, folder, "1.0.0", 0, "lemonpress/tiny-syntax", contract).repo_id
    with space_at(start_space, LEMONPRESS_STUDENT=name) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Headless Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("BROWSER TESTS NOT RUN: no chromium here; install it (Debian: apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="BROWSER TESTS NOT RUN: pip install playwright")
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()
