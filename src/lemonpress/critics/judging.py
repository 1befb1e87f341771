"""The two judging stages: scores of a shard's pairs, then the verdicts of one corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from lemonpress.critics.base import Critic
from lemonpress.critics.cascade import Judgement, judge
from lemonpress.critics.diversity import Diversity
from lemonpress.critics.scores import Tables
from lemonpress.funnel import Step
from lemonpress.pairs import Index, Shard
from lemonpress.rows import JUDGED, content_id, corpus_schema

Pairing = Literal["pool", "from_first", "given"]


@dataclass(frozen=True)
class Panel:
    """What judges the pairs of one corpus.

    Attributes:
        critics: All must accept a pair.
        diversity: What keeps one of the pairs that say the same, or None.
        pairs: Candidates of a pool: ``ordered``, both directions of every two sentences of a context (paper, section
            3.1), or ``unordered``, the earlier sentence of each two as the source (official code).
    """

    critics: Sequence[Critic]
    diversity: Diversity | None = None
    pairs: Literal["ordered", "unordered"] = "ordered"

    @property
    def scores(self) -> list[tuple[str, str]]:
        """Name and meaning of each score that a corpus shows."""
        columns = [(critic.name, critic.description) for critic in self.critics]
        if self.diversity is not None:
            columns.append(("diversity", "pairs of the context that said the same, this one included"))
        return columns


def candidate_pairs(sentences: pa.Table, panel: Panel, pairing: Pairing) -> tuple[Shard, Index, Index]:
    """A shard and its candidate pairs.

    Args:
        sentences: Rows of `rows.SENTENCES`, or of `rows.PAIRED` for given pairs.
        panel: Says which pairs of a pool are candidates.
        pairing: ``pool``: pairs of a context's sentences; ``from_first``: each group's first sentence is the source of
            all others (a source and a student's candidates); ``given``: the pairs that an existing corpus lists.
    """
    shard = Shard.of_table(sentences)
    match pairing:
        case "pool":
            sources, targets = shard.ordered_pairs()
            if panel.pairs == "unordered":
                sources, targets = sources[sources < targets], targets[sources < targets]
        case "from_first":
            targets = np.setdiff1d(np.arange(len(shard.sentences)), shard.starts[:-1])
            sources = shard.starts[shard.group_of(targets)]
        case "given":
            sources, targets = _given(sentences["sources"], shard), _given(sentences["targets"], shard)
    return shard, sources, targets


def _given(positions: pa.ChunkedArray, shard: Shard) -> Index:
    parts = zip(positions.to_pylist(), shard.starts, strict=False)
    return np.concatenate([np.empty(0, np.int64), *(np.array(part, dtype=np.int64) + start for part, start in parts)])


def score_shard(
    sentences: pa.Table, panels: Sequence[Panel], pairing: Pairing, seed: int, known: pa.Table | None = None
) -> tuple[pa.Table, list[list[Step]]]:
    """Score what several corpora ask of one shard, each pair at most once by each model.

    Args:
        sentences: Rows of `rows.SENTENCES`.
        panels: What judges each corpus.
        pairing: Candidate pairs.
        seed: Of the recipe.
        known: Rows of `rows.SCORES` that another panel left; what they answer is not asked again.

    Returns:
        Rows of `rows.SCORES`, and the funnel of each panel: what it cost to score, known scores counting for nothing.
    """
    tables = Tables(Shard.of_table(sentences), known)
    funnels = []
    for panel in panels:
        _, sources, targets = candidate_pairs(sentences, panel, pairing)
        funnels.append(judge(sources, targets, panel.critics, panel.diversity, tables, seed).funnel)
    return tables.to_rows(), funnels


def judge_shard(
    sentences: pa.Table, scores: pa.Table, panel: Panel, task: str, pairing: Pairing, seed: int
) -> tuple[pa.Table, pa.Table, Judgement]:
    """Judge the candidate pairs of a shard for one corpus.

    Args:
        sentences: Rows of `rows.SENTENCES`.
        scores: Rows of `rows.SCORES`; what they lack is computed.
        panel: What judges the corpus.
        task: Names the pairs in their ids.
        pairing: Candidate pairs.
        seed: Of the recipe.

    Returns:
        (kept rows of `rows.corpus_schema`, rejected rows of `rows.JUDGED`, the judgement).
    """
    shard, sources, targets = candidate_pairs(sentences, panel, pairing)
    verdict = judge(sources, targets, panel.critics, panel.diversity, Tables(shard, scores), seed)
    sources, targets = verdict.kept
    schema = corpus_schema(panel.scores)
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
