"""A corpus: splits by context, distinct pairs, a bounded seeded sample of what was rejected."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.corpora import SPLITS, Corpus, assemble, split_of
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.recipes import DeduplicationSettings
from lemonpress.rows import JUDGED, REJECTED, content_id, corpus_schema

SCHEMA = corpus_schema([("toy", "a number")])


def kept(source: str, target: str, context: str) -> dict[str, Any]:
    key = content_id("paraphrase", source, target)
    return {"id": key, "source": source, "target": target, "context_id": context, "domain": "toy", "toy": 0.5}


def rejected(source: str, target: str, critic: str = "rouge_l") -> dict[str, Any]:
    pair = {"source": source, "target": target, "context_id": content_id(source), "domain": "toy"}
    return {**pair, "critic": critic, "score": 0.25}


def shard(folder: Path, good: Sequence[dict[str, Any]], bad: Sequence[dict[str, Any]] = ()) -> Shard:
    tables = {
        "kept": pa.Table.from_pylist(list(good), schema=SCHEMA),
        "rejected": pa.Table.from_pylist(list(bad), schema=JUDGED),
    }
    key = str(sum(1 for _ in folder.glob("shards/toy/*")))
    return Store(folder / "shards").write(Stage("toy", 1, {}), key, Output(tables))


def put_together(
    shards: Sequence[Shard],
    folder: Path,
    rows: int = 5,
    seed: int = 0,
    deduplicate: DeduplicationSettings | None = None,
) -> Corpus:
    return assemble(shards, folder, "paraphrase", SCHEMA, 0.2, rows, seed, deduplicate)


def many(folder: Path, count: int = 300) -> list[Shard]:
    rows = [kept(f"source {n}", f"target {n}", content_id(str(n // 3))) for n in range(count)]
    bad = [rejected(f"source {n}", f"bad {n}", ("rouge_l", "numbers")[n % 2]) for n in range(count)]
    return [shard(folder, rows[start : start + 100], bad[start : start + 100]) for start in range(0, count, 100)]


def test_no_context_is_in_two_splits(tmp_path: Path) -> None:
    corpus = put_together(many(tmp_path), tmp_path / "corpus")
    places = {split: set(corpus.read(split)["context_id"].to_pylist()) for split in SPLITS}
    assert all(places.values())
    assert sum(map(len, places.values())) == len(set().union(*places.values())) == 100
    assert sum(corpus.rows.values()) == 300
    assert all(corpus.read(split).schema.equals(SCHEMA, check_metadata=True) for split in SPLITS)
    assert all(corpus.read(split).num_rows == corpus.rows[split] for split in SPLITS)
    assert corpus.statistics["pairs"] == 300
    assert corpus.statistics["contexts with pairs"] == 100


@given(st.text(max_size=20), st.floats(0, 0.45), st.floats(0, 0.45))
def test_a_larger_holdout_only_moves_contexts_out_of_train(key: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert split_of(key, 0.0) == "train"
    if split_of(key, small) != "train":
        assert split_of(key, large) != "train"
    if split_of(key, small) == "test":
        assert split_of(key, large) == "test"


def test_a_context_never_moves_between_versions() -> None:
    splits = [split_of(context, 0.25) for context in "abcdefgh"]
    assert splits == ["train", "train", "validation", "train", "test", "train", "train", "train"]


def test_the_shares_of_the_splits_are_the_holdout() -> None:
    counts = Counter(split_of(content_id(str(number)), 0.1) for number in range(5000))
    assert counts["test"] / 5000 == pytest.approx(0.1, abs=0.02)
    assert counts["validation"] / 5000 == pytest.approx(0.1, abs=0.02)


def test_a_pair_of_several_contexts_stands_once_where_it_came_first(tmp_path: Path) -> None:
    contexts = [content_id(str(number)) for number in range(40)]
    assert {split_of(context, 0.2) for context in contexts} == set(SPLITS)
    first = shard(tmp_path, [kept("a", "b", contexts[0]), kept("a", "b", contexts[1])])
    others = [shard(tmp_path, [kept("a", "b", context), kept("b", "a", contexts[0])]) for context in contexts[2:]]
    corpus = put_together([first, *others], tmp_path / "corpus")
    rows = [row for split in SPLITS for row in corpus.read(split).to_pylist()]
    assert [(row["source"], row["target"], row["context_id"]) for row in rows] == [
        ("a", "b", contexts[0]),
        ("b", "a", contexts[0]),
    ]


def rejected_rows(corpus: Corpus) -> list[dict[str, Any]]:
    table = pa.parquet.read_table(corpus.folder / "rejected" / "train.parquet")
    assert table.schema.equals(REJECTED, check_metadata=True)
    assert table.num_rows == corpus.rejected
    return list(table.to_pylist())


@pytest.mark.parametrize("most", [0, 1, 7, 1000])
def test_the_sample_of_rejected_pairs_is_bounded_for_each_critic(tmp_path: Path, most: int) -> None:
    rows = rejected_rows(put_together(many(tmp_path), tmp_path / "corpus", most))
    counts = Counter(row["critic"] for row in rows)
    assert counts == ({"rouge_l": min(most, 150), "numbers": min(most, 150)} if most else {})
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(row["id"] == content_id("paraphrase", row["source"], row["target"]) for row in rows)


def test_a_rejected_pair_of_several_contexts_stands_once(tmp_path: Path) -> None:
    shards = [shard(tmp_path, [], [rejected("a", "b"), rejected("c", str(number))]) for number in range(4)]
    rows = rejected_rows(put_together(shards, tmp_path / "corpus", 10))
    assert Counter(row["source"] for row in rows) == {"a": 1, "c": 4}


def content(corpus: Corpus) -> dict[str, bytes]:
    return {str(file.relative_to(corpus.folder)): file.read_bytes() for file in corpus.folder.rglob("*.parquet")}


def test_the_same_shards_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    shards = many(tmp_path)
    one, again = (put_together(shards, tmp_path / name, seed=3) for name in ("one", "again"))
    other = put_together(shards, tmp_path / "other", seed=4)
    assert content(one) == content(again)
    assert len(content(one)) == 4
    assert {name for name in content(one) if content(one)[name] != content(other)[name]} == {"rejected/train.parquet"}


def test_the_sample_of_rejected_pairs_does_not_depend_on_the_order_of_shards(tmp_path: Path) -> None:
    shards = many(tmp_path)
    there, back = put_together(shards, tmp_path / "there"), put_together(shards[::-1], tmp_path / "back")
    assert rejected_rows(there) == rejected_rows(back)


def test_a_corpus_is_replaced_whole_and_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    shards = many(tmp_path)
    folder = tmp_path / "corpora" / "toy"
    before = put_together(shards[:1], folder)
    (shards[2].folder / "rejected.parquet").write_bytes(b"torn")
    old = content(before)
    with pytest.raises(pa.ArrowInvalid):
        put_together(shards, folder)
    assert content(before) == old
    after = put_together(shards[:2], folder)
    assert content(after) != old
    assert [path.name for path in folder.parent.iterdir()] == ["toy"]


def test_a_corpus_of_nothing_has_empty_splits(tmp_path: Path) -> None:
    for shards in ([], [shard(tmp_path, [])]):
        corpus = put_together(shards, tmp_path / "corpus")
        assert dict(corpus.rows) == dict.fromkeys(SPLITS, 0)
        assert all(corpus.read(split).schema.equals(SCHEMA) for split in SPLITS)
        assert rejected_rows(corpus) == []


LONG = "The council of the old town voted on Monday to close the bridge for good"
REPEATS = [
    kept(LONG, "It closes.", "one"),
    kept(LONG, "It closes.", "two"),
    kept(LONG.upper(), "It closes!", "three"),
    kept(LONG.upper(), "It closes!", "four"),
    kept(f"{LONG}, it said", "It closes.", "five"),
    kept("Another thing.", "Its rewriting.", "six"),
]


def written(corpus: Corpus) -> set[tuple[str, str]]:
    return {(row["source"], row["context_id"]) for split in SPLITS for row in corpus.read(split).to_pylist()}


@pytest.mark.parametrize("size", [1, 2, 6])
def test_duplicates_of_the_whole_corpus_are_dropped_and_shown_as_rejected(tmp_path: Path, size: int) -> None:
    shards = [shard(tmp_path, REPEATS[start : start + size]) for start in range(0, len(REPEATS), size)]
    shards.append(shard(tmp_path, [], [rejected("x", "y")]))
    letter = {(LONG, "one"), ("Another thing.", "six")}
    case = (LONG.upper(), "three")
    longer = (f"{LONG}, it said", "five")
    for deduplicate, rows, figures in (
        (None, letter | {case, longer}, {}),
        (DeduplicationSettings(), letter | {longer}, {"exact": 3.0, "near": 0.0}),
        (DeduplicationSettings(near=0.7), letter, {"exact": 3.0, "near": 1.0}),
    ):
        corpus = put_together(shards, tmp_path / "corpus", 10, 0, deduplicate)
        assert written(corpus) == rows
        assert corpus.statistics["pairs"] == len(rows)
        found = {label: number for label, number in corpus.statistics.items() if "duplicates" in label}
        assert found == {f"duplicates dropped, {kind}": number for kind, number in figures.items()}
        shown = [row for row in rejected_rows(corpus) if row["critic"] == "deduplicate"]
        assert {(row["source"], row["context_id"]) for row in shown} == {case, longer} - rows
        assert {row["score"] for row in shown} <= {0.0}


def test_duplicate_removal_that_finds_none_changes_no_row(tmp_path: Path) -> None:
    rows = [kept(f"{'same ' * n}", "b", content_id(str(n))) for n in range(1, 40)]
    shards = [shard(tmp_path, rows, [rejected("x", str(n)) for n in range(9)])]
    off = content(put_together(shards, tmp_path / "off"))
    assert content(put_together(shards, tmp_path / "on", deduplicate=DeduplicationSettings())) == off


def test_the_sizes_of_diversity_groups_are_among_the_figures(tmp_path: Path) -> None:
    schema = corpus_schema([("diversity", "pairs that said the same")])
    rows = [
        {name: value for name, value in kept(f"source {n}", "b", "c").items() if name != "toy"} | {"diversity": size}
        for n, size in enumerate((1.0, 1.0, 5.0, 2.0))
    ]
    tables = {"kept": pa.Table.from_pylist(rows, schema=schema), "rejected": JUDGED.empty_table()}
    made = Store(tmp_path / "shards").write(Stage("toy", 1, {}), "0", Output(tables))
    for shards, figures in (([made], (2.0, 2.25, 5.0)), ([], (0.0, 0.0, 0.0))):
        found = assemble(shards, tmp_path / "corpus", "paraphrase", schema, 0.2, 5, 0).statistics
        names = ("groups of one pair", "mean pairs a group", "largest group")
        assert tuple(found[name] for name in names) == figures
    plain = put_together([], tmp_path / "plain").statistics
    assert not any("group" in label for label in plain)
