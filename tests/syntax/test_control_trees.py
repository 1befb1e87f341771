"""The rows of syntactic control with constituency trees, as in the paper."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from toy_grammar import toy_trees, words_of

from lemonpress.control import describe_control, write_control
from lemonpress.rows import corpus_schema
from lemonpress.syntax.stanza import stanza_constituency


def test_constituency_trees_are_written_without_words(toy_stanza: Path, tmp_path: Path, home: Path) -> None:
    parser = stanza_constituency(toy_stanza, "toy", settings={"tokenize_pretokenized": True, "pos_with_toy": True})
    targets = [words_of(tree) for tree in toy_trees(10, seed=2)]
    rows = [
        {"id": str(number), "source": "a cat", "target": target, "context_id": "toy", "domain": "toy"}
        for number, target in enumerate(targets)
    ]
    pairs = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=corpus_schema([])), pairs, row_group_size=4)
    write_control([pairs], tmp_path / "control", parser)
    written = pq.read_table(tmp_path / "control" / "train.parquet").to_pylist()
    trees = map(str, parser.parse(targets))
    assert written == [{**row, "tree": tree, "parser": parser.key} for row, tree in zip(rows, trees, strict=True)]
    assert written[0]["tree"].startswith("(S (ROOT (NP DT ")
    assert "constituency tree" in describe_control(parser)
    assert "`stanza:toy` parsed" in describe_control(parser)
