"""The benchmarks of the papers, each declared once: where it is on the Hub, and which rows and columns are meant."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lemonpress.assets import find_file
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark, from_rows, load
from lemonpress.reading import Rows, dataset_commit, dataset_rows, load_rows
from lemonpress.recipes import Task
from lemonpress.recipes.evaluation import BenchmarkChoice

FOLDER = "LEMONPRESS_BENCHMARKS"
"""Environment variable: a folder in which the files of benchmarks are looked for before the Hub."""


@dataclass(frozen=True)
class Declaration:
    """A benchmark and where its rows are.

    Attributes:
        title: Its name in tables and cards.
        task: paraphrase or summary.
        file: Name of its local form: JSON lines of source, reference or references, and exemplar.
        path: Hub id; None where no dataset of the Hub has it.
        config: Configuration of that dataset.
        split: Split.
        source: Column of the source.
        reference: Column of the reference or references. Where it is the source's, that holds a list of texts that say
            the same, the first being the source.
        label: Column and value of the rows that are meant, such as positive pairs; None for all of them.
        revision: Branch where the Hub keeps the rows as Parquet; the default one if None.
        nested: One row holds whole columns, as lists side by side.
        note: What differs from the papers' data, where something does.
    """

    title: str
    task: Task
    file: str
    path: str | None = None
    config: str | None = None
    split: str = "test"
    source: str = "sentence1"
    reference: str = "sentence2"
    label: tuple[str, Any] | None = None
    revision: str | None = None
    nested: bool = False
    note: str = ""


_PARQUET = "refs/convert/parquet"  # where the Hub keeps the rows of datasets that are scripts

BENCHMARKS = {
    "mrpc": Declaration(
        "MRPC", "paraphrase", "mrpc_test.jsonl.gz", "nyu-mll/glue", "mrpc", label=("label", 1),
        note="the 1,147 positive pairs of the test split (paper, tables 2, 3 and 6)",
    ),
    "quora": Declaration(
        "Quora", "paraphrase", "quora_test.jsonl.gz", "nyu-mll/glue", "qqp", "validation",
        source="question1", reference="question2", label=("label", 1),
        note="positive pairs; the papers' split of Quora is published nowhere (paper, table 8)",
    ),
    "mscoco": Declaration(
        "MSCOCO", "paraphrase", "mscoco_validation.jsonl.gz", "phiyodr/coco2017", split="validation",
        source="captions", reference="captions",
        note="the first caption of an image is the source, the others are references (paper, table 8)",
    ),
    "paranmt-small": Declaration(
        "ParaNMT-small", "paraphrase", "paranmt_small_test.jsonl.gz",
        note="800 triples of source, exemplar and reference; on no Hub, its download is dead (paper, tables 2 and 4)",
    ),
    "parasci": Declaration(
        "ParaSCI-arXiv", "paraphrase", "parasci_arxiv_test.jsonl.gz",
        note="2,549 test pairs of github.com/dqxiu/ParaSCI; the Hub has them mixed with ACL's (paper, table 2)",
    ),
    "gigaword": Declaration(
        "Gigaword", "summary", "gigaword_test.jsonl.gz", "Harvard/gigaword",
        source="document", reference="summary", revision=_PARQUET,
        note="1,951 sentences and headlines, lower-cased, with UNK (paper, table 5)",
    ),
    "duc": Declaration(
        "DUC-2004", "summary", "duc2004_test.jsonl.gz",
        note="task 1: 500 first sentences with four headlines each; from NIST, by agreement",
    ),
    "twitter-url": Declaration(
        "Twitter URL", "paraphrase", "twitter_url_test.jsonl.gz", "mteb/twitterurlcorpus-pairclassification",
        source="sent1", reference="sent2", label=("labels", 1), nested=True,
        note="positive pairs",
    ),
    "paws": Declaration(
        "PAWS", "paraphrase", "paws_test.jsonl.gz", "google-research-datasets/paws", "labeled_final",
        label=("label", 1),
        note="positive pairs of PAWS-Wiki: word orders that keep the meaning",
    ),
}  # fmt: skip


def open_benchmark(choice: BenchmarkChoice) -> Benchmark:
    """Read a benchmark: from the file that is named, from the folder of benchmarks, or from the Hub.

    Args:
        choice: Its name or file, and how many rows.

    Raises:
        UserError: No benchmark of that name; it is nowhere to be found; or its rows are not as declared.
    """
    if choice.task is not None:
        assert choice.data is not None
        if choice.name in BENCHMARKS:
            raise UserError(f"benchmark {choice.name}: has a task of its own; remove task, or name yours otherwise")
        own = load(find_file(choice.data), choice.task)
        return replace(own, name=choice.name or f"{own.name}-{own.task}").head(choice.count)
    declared = BENCHMARKS.get(choice.name or "")
    if choice.name is None or declared is None:
        raise UserError(f"benchmark {choice.name}: is unknown; there are {', '.join(BENCHMARKS)}, or give --data FILE")
    file = find_file(choice.data) if choice.data is not None else local_file(declared)
    if file is not None:
        found = replace(load(file, declared.task), name=choice.name)
    else:
        found = _from_hub(choice.name, declared)
    return found.head(choice.count)


def local_file(declared: Declaration) -> Path | None:
    """The benchmark's file in the folder that ``LEMONPRESS_BENCHMARKS`` names; None where it is not there."""
    folder = os.environ.get(FOLDER)
    file = Path(folder or ".") / declared.file
    return file if folder and file.is_file() else None


def _from_hub(name: str, declared: Declaration) -> Benchmark:
    where = f"benchmark {name}"
    if declared.path is None:
        raise UserError(
            f"{where}: no file {declared.file} in the folder that {FOLDER} names, and it is on no Hub "
            f"({declared.note}); give --data FILE"
        )
    commit = dataset_commit(declared.path, declared.revision, where)
    loaded = load_rows(declared.path, declared.config, declared.split, commit, where)
    wanted = [declared.source, declared.reference, *([declared.label[0]] if declared.label else [])]
    absent = [column for column in wanted if column not in loaded.column_names]
    if absent:
        raise UserError(
            f"{where}: {declared.path} has no column {absent[0]!r} now; it has {', '.join(loaded.column_names)}"
        )
    rows = dataset_rows(loaded)
    chosen = _positive(_unnested(rows, wanted) if declared.nested else rows, declared)
    found = from_rows(name, chosen, declared.task, (declared.source, declared.reference, None), where)
    return replace(found, dataset=declared.path, commit=commit)


def _positive(rows: Rows, declared: Declaration) -> Rows:
    for place, row in rows:
        if declared.label is None or row[declared.label[0]] == declared.label[1]:
            yield place, row


def _unnested(rows: Rows, columns: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, row in rows:
        for number, values in enumerate(zip(*(row[column] for column in columns), strict=True), 1):
            yield f"{place}, item {number}", dict(zip(columns, values, strict=True))
