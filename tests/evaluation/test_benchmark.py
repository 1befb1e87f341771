import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import load, score
from lemonpress.recipes import Task

GOOD = {"source": "The cat sat.", "reference": "A cat was sitting."}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("task", "fields", "expected"),
    [
        ("paraphrase", {"reference": "y"}, ["y"]),
        ("paraphrase", {"references": ["y", "z"]}, ["y", "z"]),
        ("paraphrase", {"paraphrases": ["é", "z"], "summary": "not read"}, ["é", "z"]),
        ("summary", {"summary": "y", "paraphrases": ["not read"]}, ["y"]),
        ("summary", {"references": ["y"], "label": 1}, ["y"]),
    ],
)
def test_load_reads_the_fields_of_the_task(
    tmp_path: Path, task: Task, fields: dict[str, object], expected: list[str]
) -> None:
    benchmark = load(write(tmp_path / "mini.jsonl", {"source": "x", **fields}), task)
    assert (benchmark.name, benchmark.task) == ("mini", task)
    assert (benchmark.sources, benchmark.references) == (["x"], [expected])


def test_load_reads_gzip_and_skips_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "mini.jsonl.gz"
    path.write_bytes(gzip.compress(f"\n{json.dumps(GOOD)}\n\n{json.dumps(GOOD)}".encode()))
    benchmark = load(path, "paraphrase")
    assert benchmark.name == "mini"
    assert len(benchmark.sources) == len(benchmark.references) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["x", "y"], "is not a JSON object"),
        ({"text": "x", "reference": "y"}, "has no field source"),
        (
            {"source": "x", "target": "y"},
            "has no reference; give exactly one of the fields reference, references, para",
        ),
        ({"source": "x", "reference": "y", "references": ["z"]}, "has reference and references; give exactly one"),
        ({"source": "x", "references": []}, "field references holds no text"),
        ({"source": "x", "references": ["y", " "]}, "field references holds ' '; give a text that is not blank"),
        ({"source": "x", "reference": float("nan")}, "field reference holds no text"),
        ({"source": None, "reference": "y"}, "field source holds None"),
    ],
)
def test_load_names_file_line_and_field(tmp_path: Path, row: object, message: str) -> None:
    path = write(tmp_path / "bad.jsonl", GOOD, row)
    with pytest.raises(UserError) as caught:
        load(path, "paraphrase")
    assert str(caught.value).startswith(f"{path} line 2: {message}")
    assert "\n" not in str(caught.value)


def test_load_names_what_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"source": "x"', encoding="utf-8")
    with pytest.raises(UserError, match=r"line 1: is not JSON"):
        load(path, "paraphrase")


def test_load_refuses_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.jsonl: cannot be read .*No such file"):
        load(tmp_path / "absent.jsonl", "paraphrase")
    with pytest.raises(UserError, match="has no rows"):
        load(write(tmp_path / "empty.jsonl"), "paraphrase")
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes('{"source": "é"}'.encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.jsonl: cannot be read as UTF-8"):
        load(latin, "paraphrase")


@pytest.mark.parametrize("cut", [10, -4])
def test_load_refuses_damaged_gzip(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode() * 50)[:cut])
    with pytest.raises(UserError, match=r"cut\.jsonl\.gz: cannot be read"):
        load(path, "paraphrase")
    path.write_bytes(b"not gzip at all")
    with pytest.raises(UserError, match=r"cut\.jsonl\.gz: cannot be read"):
        load(path, "paraphrase")


SOURCES = ["The old bridge was closed on Monday.", "Prices rose by 3 percent in May.", "Nobody was hurt."]
REFERENCES = [["On Monday the old bridge was shut."], ["In May prices went up by 3 percent."], ["No one was harmed."]]


def means(*arguments: Any) -> dict[str, float]:
    return {s.metric: s.mean for s in score(*arguments)}


def test_copy_input_scores_as_a_copy() -> None:
    scores = means("paraphrase", SOURCES, REFERENCES, SOURCES, None)
    assert list(scores) == ["BLEU", "Self-BLEU", "iBLEU", "Copies", "Jaccard"]
    assert (scores["Self-BLEU"], scores["Copies"], scores["Jaccard"]) == pytest.approx((100, 100, 100))
    assert scores["iBLEU"] == pytest.approx(0.7 * scores["BLEU"] - 30)


def test_perfect_summaries_score_100() -> None:
    scores = means("summary", SOURCES, REFERENCES, [r[0] for r in REFERENCES], None)
    assert list(scores) == ["ROUGE-1", "ROUGE-2", "ROUGE-L", "Compression", "Novel 2-grams", "Copies"]
    assert [scores[f"ROUGE-{kind}"] for kind in "12L"] == pytest.approx([100, 100, 100])
    assert scores["Compression"] == pytest.approx((7 / 7 + 8 / 7 + 4 / 3) / 3)
    assert scores["Copies"] == 0


def test_every_score_has_n_interval_and_signature() -> None:
    scores = score(
        "paraphrase", SOURCES, REFERENCES, [SOURCES[0], "", "No one was hurt."], np.array([30.0, np.nan, 50.0])
    )
    assert all(s.low <= s.mean <= s.high and s.signature for s in scores)
    assert [s.n for s in scores] == [3, 3, 3, 3, 3, 2]
    assert (scores[-1].metric, scores[-1].mean) == ("Perplexity", 40.0)


def test_perplexity_is_left_out_where_no_candidate_has_one() -> None:
    scores = means("summary", SOURCES, REFERENCES, ["", "", ""], np.full(3, np.nan))
    assert "Perplexity" not in scores
    assert scores["ROUGE-L"] == scores["Compression"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], [], None), "has no sources"),
        ((SOURCES, REFERENCES, SOURCES[:2], None), "3 sources but 2 candidates"),
        ((SOURCES, REFERENCES[:1], SOURCES, None), "3 sources but 1 reference lists"),
        ((SOURCES, REFERENCES, SOURCES, np.ones(2)), "3 sources but 2 perplexities"),
        ((SOURCES, [["a"], [], ["b"]], SOURCES, None), "row 1: has no reference"),
        ((["a", "b", " "], REFERENCES, SOURCES, None), "row 2: the source is blank"),
    ],
)
def test_score_names_what_cannot_be_scored(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        score("summary", *arguments)


@pytest.mark.weights
def test_meaning_is_kept_where_the_nli_model_says_so() -> None:
    from lemonpress.evaluation.systems import entailment_scores

    sources = ["A man is playing a guitar on the stage.", "It rained in Leeds.", "The bridge is shut.", "A dog ran."]
    written = ["A man is playing a guitar.", "It rained in Leeds.", "", "A cat slept in the sun."]
    forward, both = entailment_scores("data/nli-critic", sources, written)
    assert (forward.metric, forward.mean, forward.n) == ("Entailed", 50.0, 4)
    assert (both.metric, both.mean) == ("Both ways", 25.0)
