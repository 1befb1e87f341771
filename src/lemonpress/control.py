"""The data of syntactic control: pairs with the parse tree of their target (paper, section 3.4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from lemonpress.rows import CONTROL
from lemonpress.syntax.cache import parse_cached
from lemonpress.syntax.parsers import Parser
from lemonpress.syntax.trees import to_brackets

# Sentences parsed between two movements of the progress bar.
_CHUNK = 256
# Seconds of parsing before there is a progress bar.
_PATIENCE = 2
_KINDS = {"stanza": "constituency", "spacy": "dependency"}


def write_control(pairs: Sequence[Path], folder: Path, parser: Parser) -> None:
    """Parse the targets of some pairs and write the rows of `rows.CONTROL`, group of rows by group of rows.

    A target is parsed once, however many pairs and runs it is in.

    Args:
        pairs: Parquet files that have the columns of a pair.
        folder: Where a file of the same name goes for each of them; made here.
        parser: What parses.
    """
    folder.mkdir()
    total = sum(pq.read_metadata(file).num_rows for file in pairs)
    with tqdm(total=total, desc="  parse", unit="sentence", leave=False, delay=_PATIENCE, disable=None) as bar:
        for file in pairs:
            with (
                pq.ParquetFile(file) as source,
                pq.ParquetWriter(folder / file.name, CONTROL, compression="zstd") as writer,
            ):
                for group in range(source.num_row_groups):
                    writer.write_table(_with_trees(source.read_row_group(group), parser, bar))


def describe_control(parser: Parser) -> str:
    """What the configuration ``control`` holds and how its trees were made, as Markdown."""
    return (
        f"`control` holds the same pairs with the {_KINDS[parser.name]} tree of each target, as brackets and without "
        f"words, for students that write a paraphrase of a given structure; `{parser.model.id}` parsed the targets."
    )


def _with_trees(pairs: pa.Table, parser: Parser, bar: "tqdm[Any]") -> pa.Table:
    targets = pairs["target"].to_pylist()
    trees: list[str] = []
    for start in range(0, len(targets), _CHUNK):
        chunk = targets[start : start + _CHUNK]
        trees.extend(map(to_brackets, parse_cached(parser, chunk)))
        bar.update(len(chunk))
    made = {"tree": trees, "parser": [parser.key] * len(trees)}
    kept = {name: pairs[name] for name in CONTROL.names if name not in made}
    return pa.table({**kept, **made}, schema=CONTROL)
