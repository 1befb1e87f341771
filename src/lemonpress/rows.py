"""The typed rows between stages: Arrow schemas with every column documented.

Shards of every stage are Parquet files with one of these schemas. Corpora are released with `corpus_schema`,
`CONTROL`, `RAW` and `REJECTED`.
"""

import hashlib
from collections.abc import Iterable

import pyarrow as pa


def _schema(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    return pa.schema(
        [pa.field(name, kind, nullable=False, metadata={"description": text}) for name, kind, text in columns]
    )


CONTEXTS = _schema(
    ("context_id", pa.string(), "16 hexadecimal digits from the context's text"),
    ("context", pa.string(), "text that the teacher continues"),
    ("domain", pa.string(), "domain named by the input, or the pool's name"),
)

SENTENCES = _schema(
    ("context_id", pa.string(), "context of these sentences"),
    ("context", pa.string(), "its text"),
    ("domain", pa.string(), "its domain"),
    ("sentences", pa.list_(pa.string()), "distinct next sentences, in order of first appearance"),
    ("counts", pa.list_(pa.int32()), "samples that gave each sentence"),
    ("sampled", pa.int32(), "samples drawn from the teacher"),
    ("dropped", pa.map_(pa.string(), pa.int32()), "samples dropped, by reason"),
)

RAW = _schema(
    ("context_id", pa.string(), "16 hexadecimal digits from the context's text; none is in two splits"),
    ("domain", pa.string(), "domain of the context"),
    ("context", pa.string(), "text that the teacher continued, or sentence that it rewrote"),
    (
        "sentences",
        pa.list_(pa.string()),
        "distinct sentences that it wrote, before any critic, in order of first appearance; first the one to rewrite",
    ),
    ("counts", pa.list_(pa.int32()), "samples that gave each sentence"),
)

PAIRED = pa.schema(
    [
        *SENTENCES,
        *_schema(
            ("sources", pa.list_(pa.int32()), "position of each pair's source in the sentences"),
            ("targets", pa.list_(pa.int32()), "position of its target"),
        ),
    ]
)

SCORES = _schema(
    ("context_id", pa.string(), "context whose sentences are scored"),
    ("scorer", pa.string(), "what gave the scores: its name and model"),
    ("source", pa.list_(pa.uint16()), "position of the source in the context's sentences"),
    ("target", pa.list_(pa.uint16()), "position of the target; symmetric scorers list source < target only"),
    ("score", pa.list_(pa.int16()), "score in units of 1e-4"),
)

JUDGED = _schema(
    ("source", pa.string(), "sentence to rewrite"),
    ("target", pa.string(), "its rejected rewriting"),
    ("context_id", pa.string(), "context of both, or their group in an existing corpus"),
    ("domain", pa.string(), "domain of the context"),
    ("critic", pa.string(), "the critic that rejected the pair"),
    ("score", pa.float64(), "that critic's score; for diversity the pairs in the component"),
)

REJECTED = pa.schema(
    [
        pa.field(
            "id",
            pa.string(),
            nullable=False,
            metadata={"description": "16 hexadecimal digits from task, source and target"},
        ),
        *JUDGED,
    ]
)

TRAINING = pa.schema(
    [
        *_schema(
            ("task", pa.string(), "paraphrase, summary or control"),
            ("source", pa.string(), "sentence to rewrite"),
            ("target", pa.string(), "its rewriting"),
        ),
        pa.field(
            "tree",
            pa.string(),
            metadata={"description": "bracketed parse tree of the target, without words; null unless task is control"},
        ),
        pa.field("parser", pa.string(), metadata={"description": "key of the parser that made the tree"}),
    ]
)

_PAIR = (
    ("id", pa.string(), "16 hexadecimal digits from task, source and target"),
    ("source", pa.string(), "sentence to rewrite"),
    ("target", pa.string(), "its rewriting"),
    (
        "context_id",
        pa.string(),
        "context of both, or their group in an existing corpus; none is in two splits",
    ),
    ("domain", pa.string(), "domain of the context"),
)


CONTROL = _schema(
    *_PAIR,
    ("tree", pa.string(), "bracketed parse tree of the target, without words"),
    ("parser", pa.string(), "what parsed: kind, version, model and preparation of the tree"),
)


def corpus_schema(scores: Iterable[tuple[str, str]]) -> pa.Schema:
    """Schema of a corpus: the pair, then one float column for each critic.

    Args:
        scores: Name and description of each critic's score.
    """
    return _schema(*_PAIR, *((name, pa.float64(), text) for name, text in scores))


def describe(schema: pa.Schema) -> list[tuple[str, str, str]]:
    """Name, type and description of each column, for cards and documentation."""
    return [(f.name, str(f.type), (f.metadata or {}).get(b"description", b"").decode()) for f in schema]


def content_id(*parts: str) -> str:
    """16 hexadecimal digits that identify a text or pair by content."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
