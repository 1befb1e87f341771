"""The two judging stages: scores of a shard's pairs, then the verdicts of one corpus."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from lemonpress.critics.base import Critic
from lemonpress.critics.cascade import Judgement, Tables, judge
from lemonpress.pairs import Index, Shard
from lemonpress.recipes import DiversitySettings
from lemonpress.rows import JUDGED, SCORES, content_id, corpus_schema

Pairing = Literal["ordered", "from_first"]
Panel = tuple[Sequence[Critic], DiversitySettings | None]


def candidate_pairs(shard: Shard, pairing: Pairing) -> tuple[Index, Index]:
    """The candidate pairs of a shard.

    Args:
        shard: The sentences.
        pairing: ``ordered``: all ordered pairs of a context's sentences; ``from_first``: each group's first sentence
            is the source of all others (a source and a student's candidates).
    """
    if pairing == "ordered":
        return shard.ordered_pairs()
    targets = np.setdiff1d(np.arange(len(shard.sentences)), shard.starts[:-1])
    return shard.starts[shard.group_of(targets)], targets


def score_shard(sentences: pa.Table, panels: Sequence[Panel], pairing: Pairing, seed: int) -> pa.Table:
    """Score what several corpora ask of one shard, each pair at most once by each model.

    Args:
        sentences: Rows of `rows.SENTENCES`.
        panels: Critics and diversity settings of each corpus.
        pairing: Candidate pairs.
        seed: Of the recipe.

    Returns:
        Rows of `rows.SCORES`.
    """
    shard = Shard.of_table(sentences)
    tables = Tables(shard)
    for critics, diversity in panels:
        judge(shard, *candidate_pairs(shard, pairing), critics, diversity, tables, seed)
    parts = [table.to_rows(scorer) for scorer, table in sorted(tables.tables.items())]
    return pa.concat_tables(parts) if parts else SCORES.empty_table()


def judge_shard(
    sentences: pa.Table, scores: pa.Table, panel: Panel, task: str, pairing: Pairing, seed: int
) -> tuple[pa.Table, pa.Table, Judgement]:
    """Judge the candidate pairs of a shard for one corpus.

    Args:
        sentences: Rows of `rows.SENTENCES`.
        scores: Rows of `rows.SCORES`; what they lack is computed.
        panel: The corpus's critics and diversity.
        task: Names the pairs in their ids.
        pairing: Candidate pairs.
        seed: Of the recipe.

    Returns:
        (kept rows of `rows.corpus_schema`, rejected rows of `rows.JUDGED`, the judgement).
    """
    shard = Shard.of_table(sentences)
    tables = Tables(shard)
    critics, diversity = panel
    for critic in critics:
        if critic.scorer is not None:
            tables.of(critic).add_rows(scores, critic.scorer)
    verdict = judge(shard, *candidate_pairs(shard, pairing), critics, diversity, tables, seed)
    sources, targets = verdict.kept
    schema = corpus_schema([(critic.name, critic.description) for critic in critics])
    texts = shard.sentences
    kept = _pair_columns(shard, sources, targets)
    kept["id"] = pa.array(
        [content_id(task, texts[s], texts[t]) for s, t in zip(sources, targets, strict=True)], pa.string()
    )
    kept |= {name: pa.array(values) for name, values in verdict.scores.items()}
    rejected = [
        pa.table(
            _pair_columns(shard, s, t) | {"critic": pa.repeat(pa.scalar(name), len(s)), "score": pa.array(values)},
            schema=JUDGED,
        )
        for name, s, t, values in verdict.rejected
    ]
    return pa.table(kept, schema=schema), pa.concat_tables(rejected), verdict


def _pair_columns(shard: Shard, sources: Index, targets: Index) -> dict[str, pa.Array]:
    texts = pa.array(shard.sentences, pa.string())
    groups = shard.group_of(sources)
    return {
        "source": texts.take(pa.array(sources)),
        "target": texts.take(pa.array(targets)),
        "context_id": pa.array(shard.context_ids, pa.string()).take(pa.array(groups)),
        "domain": pa.array(shard.domains, pa.string()).take(pa.array(groups)),
    }
