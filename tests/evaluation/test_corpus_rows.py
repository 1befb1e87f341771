"""Pairs of a corpus for its report: any table, a seeded sample, counts over all rows, one line for errors."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lemonpress.errors import UserError
from lemonpress.evaluation.corpus_rows import Pairs, Read, open_pairs, read, score_columns
from one_line import one_line

PAIR = {"source": "It is late.", "target": "The hour is late."}


def lines(file: Path, rows: Iterable[object]) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def corpus(rows: Iterable[dict[str, Any]]) -> Pairs:
    return Pairs("mine", {}, ((f"row {number}", row) for number, row in enumerate(rows, 1)))


def numbered(count: int) -> Pairs:
    return corpus({"source": f"Source {n}.", "target": f"Target {n}."} for n in range(count))


def test_a_sample_is_seeded_and_in_the_order_of_the_corpus() -> None:
    places = [[pair.place for pair in read(numbered(200), 20, seed).sample(20)] for seed in (0, 0, 1)]
    assert places[0] == places[1] != places[2]
    positions = [int(place.split()[1]) for place in places[0]]
    assert positions == sorted(set(positions))
    assert len(positions) == 20


def test_a_smaller_sample_is_part_of_the_larger_one() -> None:
    found = read(numbered(200), 50, 0)
    assert {pair.place for pair in found.sample(10)} < {pair.place for pair in found.sample(50)}
    assert {pair.place for pair in found.sample(10)} == {pair.place for pair in read(numbered(200), 10, 0).sample(10)}


def test_every_pair_is_as_likely_to_be_drawn() -> None:
    drawn = np.zeros(40)
    for seed in range(400):
        for pair in read(numbered(40), 10, seed).sample(10):
            drawn[int(pair.place.split()[1]) - 1] += 1
    assert abs(drawn - 100).max() < 40  # 4.6 standard deviations


def test_a_sample_larger_than_the_corpus_is_the_corpus() -> None:
    assert [pair.source for pair in read(numbered(3), 10, 0).sample(10)] == ["Source 0.", "Source 1.", "Source 2."]


def test_lengths_and_duplicates_are_of_all_rows() -> None:
    rows = [PAIR, {"source": "it is LATE", "target": "The hour is late!"}, {"source": "Go.", "target": "Do go now."}]
    found: Read = read(corpus(rows), 1, 0)
    assert (found.pairs, found.duplicates, len(found.drawn)) == (3, 1, 1)
    assert found.lengths == {"source": {3: 2, 1: 1}, "target": {4: 2, 3: 1}}


@pytest.mark.parametrize("listed", [["Two.", "Three."], "['Two.', 'Three.']"])
def test_a_list_of_targets_is_a_pair_each(listed: object) -> None:
    found = read(corpus([{"source": "One.", "target": listed}]), 10, 0)
    assert [(pair.place, pair.target) for pair in found.sample(10)] == [("row 1", "Two."), ("row 1", "Three.")]


def test_scores_are_the_numbers_that_are_no_identifiers() -> None:
    rows = [
        {**PAIR, "id": 1, "fit": 0.5, "good": True, "note": "x", "none": float("nan")},
        {**PAIR, "id": 2, "fit": None, "good": False, "note": "y", "none": float("inf")},
    ]
    found = score_columns(read(corpus(rows), 10, 0).sample(10))
    assert list(found) == ["fit"]
    assert found["fit"][0] == 0.5
    assert np.isnan(found["fit"][1])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "row 2: column 'target' holds no text"),
        ("  ", "row 2: column 'target' holds no text"),
        (float("nan"), "row 2: column 'target' holds float, not text"),
        (["fine", 3], "row 2: column 'target' holds int, not text"),
        ([], "row 2: column 'target' holds no text"),
        ("half \ud800", "row 2: column 'target' holds half a character"),
    ],
)
def test_a_row_without_text_is_named(value: object, says: str) -> None:
    with pytest.raises(UserError) as error:
        read(corpus([PAIR, {"source": "It is late.", "target": value}]), 10, 0)
    assert one_line(error).startswith(f"mine, {says}")


def test_files_of_every_kind_open_by_their_names(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([PAIR]), tmp_path / "mine.parquet")
    for path in (lines(tmp_path / "mine.jsonl", [PAIR]), str(tmp_path / "mine.parquet")):
        opened = open_pairs(path)
        assert opened.name == "mine"
        assert len(opened.identity["sha256"]) == 64
        assert read(opened, 1, 0).sample(1)[0].target == PAIR["target"]


def test_a_missing_column_or_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "mine.jsonl", [PAIR])
    with pytest.raises(UserError) as error:
        open_pairs(path, target_column="paraphrase")
    assert "has no column 'paraphrase'; it has source, target" in one_line(error)
    with pytest.raises(UserError) as error:
        open_pairs(lines(tmp_path / "none.jsonl", []))
    assert "holds no row" in one_line(error)
    pq.write_table(
        pa.table({"source": pa.array([], pa.string()), "target": pa.array([], pa.string())}), tmp_path / "e.parquet"
    )
    with pytest.raises(UserError) as error:
        read(open_pairs(str(tmp_path / "e.parquet")), 1, 0)
    assert one_line(error) == "e: holds no row; give a corpus with rows"
