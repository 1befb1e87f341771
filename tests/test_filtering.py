"""Existing corpora through the same critics: from a file of pairs to a corpus, with no teacher at all."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lemonpress.building import build_corpus
from lemonpress.errors import UserError
from lemonpress.pressing import press
from lemonpress.recipes import load_recipe
from lemonpress.runs import Run
from one_line import one_line

RECIPE = """
name: filtered
contexts:
  bank: {{source: pairs, path: {file}, target_column: paraphrases, licence: cc0-1.0{more}}}
corpora:
  clean:
    task: paraphrase
    holdout: 0
    critics:
      - {{critic: numbers}}
      - {{critic: rouge_l, max: 0.75}}
      - {{critic: length}}
{critic}
    deduplicate: {{}}
"""
OPEN = "On May 3rd the mayor declared the crossing open."
SHUT = "Last year, 12 schools were shut by the council."
ROWS = [
    {
        "source": "The mayor opened the bridge on 3 May.",
        "paraphrases": str([OPEN, "The mayor declared the crossing open on 4 May."]),
    },
    {
        "source": "The council closed twelve schools last year.",
        "paraphrases": str([SHUT, "Thirteen schools were shut last year."]),
    },
    {"source": "Rain fell.", "paraphrases": "['It rained all night long over the hills.']"},
    {"source": "the mayor opened the bridge on 3 May", "paraphrases": str([OPEN.removesuffix(".")])},
]


def opened(tmp_path: Path, critic: str = "", more: str = "") -> Run:
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(file=file, critic=critic, more=more), encoding="utf-8")
    return Run.open(load_recipe(recipe))


def test_given_pairs_are_filtered_and_nothing_else_is_paired(tmp_path: Path, home: Path) -> None:
    run = opened(tmp_path)
    assert run.teacher_model is None
    built = build_corpus(run, "clean", press(run))
    kept = {(row["source"], row["target"]) for row in built.corpus.read("train").to_pylist()}
    assert kept == {
        (ROWS[0]["source"], OPEN),
        (ROWS[1]["source"], SHUT),
    }
    seen = {step.name: (step.seen, step.kept) for step in built.funnel}
    assert seen["length"] == (6, 5)
    assert seen["numbers"] == (5, 3)
    assert built.corpus.statistics["duplicates dropped, exact"] == 1
    for split in ("train", "validation", "test"):  # the stock loader chokes on empty row groups
        file = pq.ParquetFile(built.corpus.file(split))
        groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        assert 0 not in groups
        assert sum(groups) == built.corpus.rows[split] == (2 if split == "train" else 0)
    again = build_corpus(run, "clean", press(run))
    assert again.corpus.file("train").read_bytes() == built.corpus.file("train").read_bytes()


def test_a_critic_that_reads_contexts_is_refused_where_there_are_none(tmp_path: Path, home: Path) -> None:
    with pytest.raises(UserError) as error:
        opened(tmp_path, "      - {critic: copied_context}")
    assert "contexts.bank: critic copied_context of corpora.clean reads contexts" in one_line(error)
    assert not (home / "runs").exists()
    opened(tmp_path, "      - {critic: copied_context}", more=", context_column: source")
