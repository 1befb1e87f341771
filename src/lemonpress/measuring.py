"""The report of a corpus that is about to be released, by the models that its critics name."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lemonpress.corpora import SPLITS, Corpus
from lemonpress.critics.entailment import Entailment
from lemonpress.critics.similarity import Similarity
from lemonpress.critics.syntax import Syntax
from lemonpress.engine.store import Output, Stage
from lemonpress.evaluation.corpus_measures import Measures
from lemonpress.evaluation.corpus_rows import Pairs
from lemonpress.evaluation.report import FORMAT, Report, ReportSettings, corpus_report, from_json, to_json
from lemonpress.metrics.similarity import load_sentence_encoder
from lemonpress.reading import Rows, batch_rows
from lemonpress.runs import Run
from lemonpress.sources import file_digest

_SAMPLE = 500  # pairs: enough for a card, and some ten seconds of the packaged models


def measure_corpus(run: Run, name: str, corpus: Corpus, title: str) -> Report:
    """Report on the default configuration of a corpus, all splits together; equal corpora are measured once.

    What needs a model is measured by the one that the corpus's critics name, and left out where they name none: no
    release loads a model that its corpus did not need.

    Args:
        run: The run; keeps the report.
        name: The corpus of the recipe whose critics judged.
        corpus: To measure; it has rows.
        title: What the report calls it.
    """
    critics = run.panels[name].critics
    encoder = next((critic.scorer.model for critic in critics if isinstance(critic, Similarity)), None)
    nli = next((critic.scorer for critic in critics if isinstance(critic, Entailment)), None)
    parser = next((critic.parser for critic in critics if isinstance(critic, Syntax)), run.parsers.get(name))
    settings = {
        "title": title,
        "sample": _SAMPLE,
        "seed": run.recipe.seed,
        "encoder": encoder.key if encoder else None,
        "nli": nli.key if nli else None,
        "parser": parser.key if parser else None,
    }
    stage = Stage("reports", FORMAT, settings)
    files = [(split, corpus.file(split)) for split in SPLITS if corpus.rows[split]]
    key = stage.key([file_digest(file) for _, file in files], 0)
    shard = run.store.find(stage, key)
    if shard is None:
        measures = Measures(load_sentence_encoder(encoder) if encoder else None, nli, parser)
        report = corpus_report(
            [Pairs(title, {}, _rows(files))], ReportSettings(_SAMPLE, run.recipe.seed, measures=measures)
        )
        shard = run.store.write(stage, key, Output({"report": pa.table({"json": [to_json(report)]})}))
    return from_json(shard.table("report")["json"][0].as_py())


def _rows(files: Sequence[tuple[str, Path]]) -> Rows:
    for split, file in files:
        with pq.ParquetFile(file) as table:
            for place, row in batch_rows(table.iter_batches(batch_size=1000)):
                yield f"{split} {place}", row
