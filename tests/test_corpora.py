"""A corpus: splits by context, distinct pairs, a bounded seeded sample of what was rejected."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lemonpress.building import build_corpus
from lemonpress.corpora import SPLITS, Corpus, assemble, split_of
from lemonpress.engine.store import Output, Shard, Stage, Store
from lemonpress.errors import UserError
from lemonpress.personal_data import KINDS
from lemonpress.pools import Pool
from lemonpress.pressing import press
from lemonpress.recipes import DeduplicationSettings, load_recipe
from lemonpress.rows import JUDGED, RAW, REJECTED, SENTENCES, content_id, corpus_schema
from lemonpress.runs import Run
from lemonpress.scoring import score
from one_line import one_line

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
    holdout: float = 0.2,
    drop: bool = False,
    raw: Sequence[Shard] = (),
) -> Corpus:
    return assemble(
        shards, folder, "paraphrase", SCHEMA, holdout, rows, seed, deduplicate, drop_personal=drop, raw=raw
    )


def many(folder: Path, count: int = 300) -> list[Shard]:
    rows = [kept(f"source {n}", f"target {n}", content_id(str(n // 3))) for n in range(count)]
    bad = [rejected(f"other {n}", f"bad {n}", ("rouge_l", "numbers")[n % 2]) for n in range(count)]
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
    return [row for rows in shown(corpus, "rejected", REJECTED, corpus.rejected).values() for row in rows]


def shown(
    corpus: Corpus, config: str, schema: pa.Schema, counts: Mapping[str, int]
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each split that has any; there is no file of the others."""
    tables = {split: corpus.read(split, config) for split in SPLITS if corpus.file(split, config).exists()}
    for table in tables.values():
        assert table.schema.equals(schema)
        assert [column.metadata for column in table.schema] == [column.metadata for column in schema]
    assert {split: table.num_rows for split, table in tables.items()} == {s: n for s, n in counts.items() if n}
    return {split: table.to_pylist() for split, table in tables.items()}


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
    assert set(content(one)) == {
        f"{config}/{split}.parquet" for config in ("paraphrase", "rejected") for split in SPLITS
    }
    differing = {name for name in content(one) if content(one)[name] != content(other)[name]}
    assert differing
    assert all(name.startswith("rejected/") for name in differing)


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
        corpus = put_together(shards, tmp_path / "corpus", 10, 0, deduplicate, holdout=0)
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


TEST, VALIDATION, TRAIN = (
    next(key for key in map(content_id, map(str, range(99))) if split_of(key, 0.2) == split)
    for split in ("test", "validation", "train")
)


def test_a_sentence_of_a_held_out_split_is_in_no_other(tmp_path: Path) -> None:
    rows = [
        kept("shared", "only train", TRAIN),
        kept("train", "shared", TRAIN),
        kept("train", "of validation", TRAIN),
        kept("train", "also train", TRAIN),
        kept("validation", "shared", VALIDATION),
        kept("of validation", "its own", VALIDATION),
        # Left out, so its sentence is free.
        kept("shared", "also train", VALIDATION),
        kept("shared", "test", TEST),
    ]
    corpus = put_together([shard(tmp_path, rows)], tmp_path / "corpus")
    found = {split: [(row["source"], row["target"]) for row in corpus.read(split).to_pylist()] for split in SPLITS}
    assert found == {
        "train": [("train", "also train")],
        "validation": [("of validation", "its own")],
        "test": [("shared", "test")],
    }
    assert corpus.statistics["pairs left out, sentence in a held-out split"] == 5
    whole = put_together([shard(tmp_path, rows)], tmp_path / "whole", holdout=0)
    assert whole.rows["train"] == len(rows)
    assert whole.statistics["pairs left out, sentence in a held-out split"] == 0


def test_rejected_pairs_give_way_to_kept_ones_and_then_train_to_test(tmp_path: Path) -> None:
    good = [kept("train", "x", TRAIN), kept("test", "y", TEST)]
    rows = [("train", "1", TEST), ("test", "2", TRAIN), ("3", "4", TRAIN), ("4", "5", TEST), ("test", "train", TEST)]
    bad = [{**rejected(source, target), "context_id": context} for source, target, context in rows]
    corpus = put_together([shard(tmp_path, good, bad)], tmp_path / "corpus")
    assert corpus.rows == {"train": 1, "validation": 0, "test": 1}
    pairs = {
        split: [(row["source"], row["target"]) for row in of_split]
        for split, of_split in shown(corpus, "rejected", REJECTED, corpus.rejected).items()
    }
    assert pairs == {"test": [("4", "5")]}


SECRET = "Write to ann@example.org about it."
TEXTS = st.sampled_from([*"abcdefghijkl", SECRET])
PLACES = [content_id(str(number)) for number in range(12)]
PAIRS = st.tuples(TEXTS, TEXTS, st.sampled_from(PLACES))
POOLS = st.tuples(
    st.sampled_from(PLACES), st.sampled_from(["Once.", SECRET]), st.lists(TEXTS, unique=True, max_size=4)
)


def pool_shard(folder: Path, rows: Sequence[tuple[str, str, list[str]]]) -> Shard:
    table = pa.Table.from_pylist(
        [
            {
                "context_id": key,
                "context": context,
                "domain": "toy",
                "sentences": texts,
                "counts": list(range(1, len(texts) + 1)),
                "sampled": 10,
                "dropped": [],
            }
            for key, context, texts in rows
        ],
        schema=SENTENCES,
    )
    key = str(sum(1 for _ in folder.glob("shards/pool/*")))
    return Store(folder / "shards").write(Stage("pool", 1, {}), key, Output({"sentences": table}, {"rows": len(rows)}))


def everything(corpus: Corpus) -> dict[str, dict[str, list[dict[str, Any]]]]:
    pairs = {split: corpus.read(split).to_pylist() for split in SPLITS if corpus.rows[split]}
    bad = shown(corpus, "rejected", REJECTED, corpus.rejected)
    return {"paraphrase": pairs, "rejected": bad, "raw": shown(corpus, "raw", RAW, corpus.raw) if corpus.raw else {}}


def texts_of(row: Mapping[str, Any]) -> list[str]:
    return [row["context"], *row["sentences"]] if "sentences" in row else [row["source"], row["target"]]


def plainly_kept(rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The pairs that stay, the slow way: test, then validation, then train, each but what earlier ones hold."""
    taken: set[str] = set()
    left: set[tuple[str, str, str]] = set()
    for split in ("test", "validation", "train"):
        here = [row for row in rows if split_of(row[2], 0.2) == split and not {row[0], row[1]} & taken]
        left.update(here)
        taken |= {text for row in here for text in row[:2]}
    first: dict[tuple[str, str], str] = {}
    for source, target, context in rows:
        if (source, target, context) in left:
            first.setdefault((source, target), context)
    return [(source, target, context) for (source, target), context in first.items()]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(PAIRS, max_size=14), st.lists(PAIRS, max_size=10), st.lists(POOLS, max_size=6), st.booleans(), st.data()
)
def test_whatever_the_shards_no_context_and_no_sentence_is_in_two_splits(
    good: list[tuple[str, str, str]],
    bad: list[tuple[str, str, str]],
    pools: list[tuple[str, str, list[str]]],
    drop: bool,
    data: st.DataObject,
) -> None:
    def parts(rows: Sequence[Any]) -> list[Sequence[Any]]:
        cut = data.draw(st.integers(0, len(rows)))
        return [rows[:cut], rows[cut:]]

    with TemporaryDirectory() as name:
        folder = Path(name)

        def made(place: str, *, cut: bool, raw: bool = True) -> Corpus:
            goods, bads, lists = [parts(rows) if cut else [rows] for rows in (good, bad, pools)]
            pairs = [
                shard(
                    folder,
                    [kept(*row) for row in one],
                    [{**rejected(a, b, "nu" if a < b else "mu"), "context_id": key} for a, b, key in other],
                )
                for one, other in zip(goods, bads, strict=True)
            ]
            shards = [pool_shard(folder, rows) for rows in lists] if raw else []
            return put_together(pairs, folder / place, 100, 0, drop=drop, raw=shards)

        corpus = made("whole", cut=False)
        found = everything(corpus)
        of_contexts: dict[str, set[str]] = {}
        of_texts: dict[str, set[str]] = {}
        for splits in found.values():
            for split, rows in splits.items():
                for row in rows:
                    of_contexts.setdefault(row["context_id"], set()).add(split)
                    for text in texts_of(row)[1 if "context" in row else 0 :]:
                        of_texts.setdefault(text, set()).add(split)
        assert all(splits == {split_of(key, 0.2)} for key, splits in of_contexts.items())
        assert all(len(splits) == 1 for splits in of_texts.values())
        for config in ("paraphrase", "rejected"):
            ids = [row["id"] for rows in found[config].values() for row in rows]
            assert len(set(ids)) == len(ids)
        sound = [row for row in good if not (drop and SECRET in row)]
        written = {
            tuple(row[name] for name in ("source", "target", "context_id"))
            for row in chain.from_iterable(found["paraphrase"].values())
        }
        assert written == set(plainly_kept(sound))

        rows = [texts_of(row) for splits in found.values() for rows in splits.values() for row in rows]
        secrets = sum(SECRET in texts for texts in rows)
        assert corpus.personal == {**dict.fromkeys(KINDS, 0), "e-mail address": secrets}
        assert corpus.withheld == ({**corpus.personal, "e-mail address": len(good) - len(sound)} if drop else {})
        assert not (drop and secrets)

        again = made("parts", cut=True)
        assert everything(again) == found
        assert replace(again, folder=corpus.folder) == corpus
        assert not corpus.raw or {row["context_id"] for rows in found["raw"].values() for row in rows} == {
            key for key, context, _ in pools if not (drop and context == SECRET)
        }
        without = made("without", cut=False, raw=False)
        assert everything(without) == {**found, "raw": {}}


def test_the_pool_is_published_as_it_was(tmp_path: Path) -> None:
    pools = [(TRAIN, "One.", ["a", "b", "c"]), (TEST, "Two.", ["b", "d", "e"]), (VALIDATION, "Three.", [])]
    good = shard(tmp_path, [kept("e", "f", TRAIN), kept("c", "g", TEST)])
    corpus = put_together([good], tmp_path / "corpus", raw=[pool_shard(tmp_path, pools)])
    lists = {
        split: [(row["context"], row["sentences"], row["counts"]) for row in rows]
        for split, rows in shown(corpus, "raw", RAW, corpus.raw).items()
    }
    assert lists == {
        "train": [("One.", ["a"], [1])],
        "validation": [("Three.", [], [])],
        "test": [("Two.", ["b", "d"], [1, 2])],
    }
    figures = {label: value for label, value in corpus.statistics.items() if label.startswith("raw")}
    assert figures == {"raw contexts": 3, "raw sentences": 3, "raw sentences left out, in another split": 3}


PAIRS_RECIPE = """
name: pools
contexts:
  bank: {source: pairs, path: %s, licence: cc0-1.0}
corpora:
  clean: {task: paraphrase, critics: [{critic: length, min: 0.1, max: 10}]}
"""


def test_pools_that_were_sampled_are_published_and_existing_pairs_are_not(tmp_path: Path, home: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(json.dumps({"source": "It rained.", "target": "Rain fell."}) + "\n", encoding="utf-8")
    file = tmp_path / "recipe.yaml"
    file.write_text(PAIRS_RECIPE % pairs, encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_recipe(file, ["corpora.clean.raw=true"])
    assert "corpora.clean.raw: every pool is one of existing pairs; remove raw" in one_line(error)

    run = Run.open(load_recipe(file))
    plain = run.recipe.corpora["clean"]
    assert not {"raw", "personal_data"} & set(plain.model_dump(mode="json"))
    told = plain.model_copy(update={"raw": True, "personal_data": "drop"})
    assert told.model_dump(mode="json").items() >= {"raw": True, "personal_data": "drop"}.items()
    run = replace(run, recipe=run.recipe.model_copy(update={"corpora": {"clean": told}}))
    shards = [pool_shard(tmp_path, [(TRAIN, "Once.", ["One came.", SECRET, "Two came."])])]
    sampled = Pool("own", [], shards, score(run, shards, "pool", "own"), "pool")
    corpus = build_corpus(run, "clean", [*press(run), sampled]).corpus
    raw = shown(corpus, "raw", RAW, corpus.raw)
    assert [row["sentences"] for rows in raw.values() for row in rows] == [["One came.", "Two came."]]
    sources = {row["source"] for split in SPLITS for row in corpus.read(split).to_pylist()}
    assert sources == {"It rained.", "One came.", "Two came."}
    assert corpus.withheld["e-mail address"] == 4
