import json
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from datasets import load_dataset
from huggingface_hub import ModelCard, ModelCardData

from lemonpress.engine.store import Store
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.evaluate import evaluate, run
from lemonpress.evaluation.judges import Judges
from lemonpress.evaluation.results import (
    Result,
    check_output,
    differences,
    measured_of,
    slug,
    to_json,
    to_markdown,
    write,
)
from lemonpress.evaluation.scoring import mean_score
from lemonpress.evaluation.writing import System, Write, Written
from lemonpress.recipes.evaluation import DecodingSettings, Evaluation
from one_line import one_line

SOURCES = [f"The number {n} was shown on the wall of house {n % 9}." for n in range(40)]
REFERENCES = [[f"On the wall of house {n % 9} they showed the number {n}.", "They showed it."] for n in range(40)]
MRPC = Benchmark("mrpc", SOURCES, REFERENCES, "paraphrase", None, "nyu-mll/glue", "c" * 40)
OWN = Benchmark("own-summary", SOURCES[:8], REFERENCES[:8], "summary")
EVALUATION = Evaluation.model_validate(
    {
        "systems": {"Copy-Input": {"system": "copy"}, "me/mine": {"system": "model", "model": "me/mine"}},
        "benchmarks": [{"name": "mrpc"}, {"data": "own.jsonl", "task": "summary"}],
    }
)


def shorter(benchmark: Benchmark, decoding: DecodingSettings, tick: object) -> Written:
    texts = [source.replace("The number", "A number").removesuffix(".") for source in benchmark.sources]
    return Written(texts, parameters=1234, tokens=400, seconds=0.5)


def copied(benchmark: Benchmark, decoding: DecodingSettings, tick: object) -> Written:
    return Written(list(benchmark.sources))


@pytest.fixture
def results(tmp_path: Path) -> list[Result]:
    systems = [
        System("Copy-Input", {"system": "copy"}, lambda: copied),
        System("me/mine", {"system": "toy"}, lambda: shorter, decodes=True, repo="me/mine"),
    ]
    store = Store(tmp_path / "store")
    return [run(store, systems, one, Judges(), DecodingSettings()) for one in (MRPC, OWN)]


def test_json_holds_every_figure_with_what_it_is(results: list[Result]) -> None:
    found = to_json(EVALUATION, results)
    assert json.loads(json.dumps(found)) == found
    mrpc = found["benchmarks"]["mrpc"]
    assert (mrpc["task"], mrpc["rows"], mrpc["dataset"], mrpc["commit"]) == (
        "paraphrase",
        40,
        MRPC.dataset,
        MRPC.commit,
    )
    mine = mrpc["systems"]["me/mine"]
    assert (mine["model"], mine["parameters"], mine["tokens_per_second"]) == ("me/mine", 1234, 800.0)
    bleu = next(one for one in results[0].scores["me/mine"] if one.metric == "BLEU")
    assert mine["scores"]["BLEU"] == {
        "value": round(bleu.mean, 4),
        "low": round(bleu.low, 4),
        "high": round(bleu.high, 4),
        "n": 40,
        "signature": bleu.signature,
    }
    assert mrpc["baseline"] == "Copy-Input"
    assert list(mrpc["differences"]) == ["me/mine"]


def test_scores_of_a_part_or_of_a_file_are_none_of_the_hubs_dataset(results: list[Result], tmp_path: Path) -> None:
    systems = [System("me/mine", {"system": "toy"}, lambda: shorter, decodes=True, repo="me/mine")]
    part = run(Store(tmp_path / "store"), systems, MRPC.head(9), Judges(), DecodingSettings())
    assert measured_of([part], "me/mine", "").files == {}
    entry = measured_of([part], "me/mine", "").entries[0]
    assert entry.dataset_args == {"rows": 9}
    assert MRPC.head(40) is MRPC


def test_systems_are_not_compared_on_different_sentences(tmp_path: Path) -> None:
    halved = np.where(np.arange(40) < 20, 5.0, np.nan)
    one = [mean_score("Perplexity", halved, "ppl"), mean_score("Copies", np.ones(40), "copies")]
    other = [mean_score("Perplexity", np.full(40, 9.0), "ppl"), mean_score("Copies", np.zeros(40), "copies")]
    found = differences(Result(MRPC, {}, {"other": other, "one": one}), "other")
    assert list(found["one"]) == ["Copies"]


def test_every_system_has_a_folder_of_its_own(results: list[Result], tmp_path: Path) -> None:
    names = ("A b", "a-b", "...", "?!")
    systems = [System(name, {"system": name}, lambda: shorter, repo="me/mine") for name in names]
    found = [run(Store(tmp_path / "store"), systems, MRPC, Judges(), DecodingSettings())]
    asked = Evaluation.model_validate(
        {"systems": {name: {"system": "copy"} for name in names}, "benchmarks": [{"name": "mrpc"}]}
    )
    write(asked, found, tmp_path / "out")
    assert len(list((tmp_path / "out" / "models").iterdir())) == 4


def test_differences_are_paired_and_of_the_baseline(results: list[Result]) -> None:
    forward = differences(results[0], "Copy-Input")["me/mine"]
    backward = differences(results[0], "me/mine")["Copy-Input"]
    assert forward["Self-BLEU"]["difference"] == -backward["Self-BLEU"]["difference"] < 0
    assert forward["Self-BLEU"]["high"] < 0
    assert forward["Self-BLEU"]["p"] == backward["Self-BLEU"]["p"] < 0.01
    assert set(forward) == {one.metric for one in results[0].scores["me/mine"]}


def test_markdown_is_read_from_the_table_down(results: list[Result]) -> None:
    text = to_markdown(EVALUATION, results)
    assert text.index("## MRPC (paraphrase)") < text.index("### Against Copy-Input") < text.index("## own-summary")
    assert "40 sources, nyu-mll/glue@cccccccccccc." in text
    costs = text[text.index("### Cost") :].splitlines()
    assert [cell.strip() for cell in costs[5].split("|")[1:-1]] == ["me/mine", "1,234", "400", "800.0", "80.0", "–"]
    assert text.count("](mrpc.png)") == text.count("](own-summary.png)") == 1
    for one in results[0].scores["me/mine"]:
        assert text.count(f"- {one.metric}: `{one.signature}`") >= 1


def test_a_model_takes_its_figures_along(results: list[Result]) -> None:
    measured = measured_of(results, "me/mine", "a table")
    assert list(measured.files) == ["mrpc.yaml"]  # the other benchmark is on no Hub
    entries = yaml.safe_load(measured.files["mrpc.yaml"])
    by_task = {one["dataset"]["task_id"]: one for one in entries}
    ibleu = next(one for one in results[0].scores["me/mine"] if one.metric == "iBLEU")
    assert by_task["mrpc_ibleu"] == {
        "dataset": {"id": "nyu-mll/glue", "task_id": "mrpc_ibleu", "revision": "c" * 40},
        "value": round(ibleu.mean, 2),
        "notes": ibleu.signature,
    }
    data = ModelCardData(model_name="mine", eval_results=list(measured.entries))
    again = ModelCard(f"---\n{data.to_yaml()}\n---\n").data.eval_results
    assert again is not None
    found = {(one.dataset_type, one.metric_type): one for one in again}
    assert found["nyu-mll/glue", "ibleu"].metric_value == round(ibleu.mean, 2)
    assert found["nyu-mll/glue", "ibleu"].dataset_revision == "c" * 40
    assert found["own-summary", "rouge_l"].dataset_name == "own-summary"


def test_a_folder_holds_tables_plots_predictions_and_model_index(results: list[Result], tmp_path: Path) -> None:
    output = tmp_path / "out" / "results"
    for _ in range(2):  # the second takes the place of the first
        check_output(output)
        write(EVALUATION, results, output)
    files = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    assert files == {
        "results.json",
        "results.md",
        "mrpc.png",
        "own-summary.png",
        "predictions/README.md",
        "predictions/mrpc.parquet",
        "predictions/own-summary.parquet",
        "models/me_mine/model-index.yaml",
        "models/me_mine/.eval_results/mrpc.yaml",
    }
    assert [path.name for path in output.parent.iterdir()] == ["results"]
    loaded = load_dataset(str(output / "predictions"), "mrpc", split="test", cache_dir=str(tmp_path / "cache"))
    assert loaded.num_rows == 80
    assert loaded[41] == {
        "benchmark": "mrpc",
        "row": 1,
        "system": "me/mine",
        "source": SOURCES[1],
        "references": REFERENCES[1],
        "candidate": "A number 1 was shown on the wall of house 1",
    }
    before = (output / "mrpc.png").read_bytes()
    write(EVALUATION, results, output)
    assert (output / "mrpc.png").read_bytes() == before


def test_a_file_holds_the_figures_alone(results: list[Result], tmp_path: Path) -> None:
    check_output(tmp_path / "out.json")
    write(EVALUATION, results, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == to_json(EVALUATION, results)


def test_what_is_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work", encoding="utf-8")
    for output in (tmp_path, tmp_path / "absent" / "out.json", tmp_path / "thesis.txt"):
        with pytest.raises(UserError, match="--output") as caught:
            check_output(output)
        one_line(caught)
    check_output(tmp_path / "new")


def test_results_beside_something_else_are_not_replaced(
    results: list[Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    write(EVALUATION, results, output)
    monkeypatch.chdir(output)
    with pytest.raises(UserError, match="where you work") as caught:
        check_output(Path())
    one_line(caught)
    monkeypatch.chdir(tmp_path)
    for foreign in ("thesis.txt", "figure.png", "predictions/mine.parquet"):
        (output / foreign).write_text("three years of work", encoding="utf-8")
        for refuse in (check_output, lambda folder: write(EVALUATION, results[:1], folder)):
            with pytest.raises(UserError, match=f"holds {foreign}, which is no part of an evaluation") as caught:
                refuse(output)
            one_line(caught)
        assert (output / foreign).read_text(encoding="utf-8") == "three years of work"
        (output / foreign).unlink()
    write(EVALUATION, results[:1], output)
    assert not (output / "own-summary.png").exists()


def test_somebody_elses_results_json_is_not_replaced(results: list[Result], tmp_path: Path) -> None:
    for text in ('{"benchmarks": 1}', "[]", "not JSON"):
        (tmp_path / "results.json").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=r"holds results\.json, which is no part of an evaluation"):
            write(EVALUATION, results, tmp_path)
        assert (tmp_path / "results.json").read_text(encoding="utf-8") == text


def test_predictions_and_judgements_are_found_again(results: list[Result], tmp_path: Path) -> None:
    def refuse() -> Write:
        raise AssertionError("loaded again")

    again = System("renamed", {"system": "toy"}, refuse, decodes=True)
    store = Store(tmp_path / "store")
    found = run(store, [again], MRPC, Judges(), DecodingSettings())
    assert found.scores["renamed"] == results[0].scores["me/mine"]
    with pytest.raises(AssertionError, match="loaded again"):
        run(store, [again], MRPC, Judges(), DecodingSettings(max_new_tokens=8))
    with pytest.raises(AssertionError, match="loaded again"):
        run(store, [again], MRPC.head(3), Judges(), DecodingSettings())


def test_slugs_are_identifiers() -> None:
    assert [slug(one) for one in ("iBLEU (sacreBLEU)", "ROUGE-L", "me/Mine v1.0")] == [
        "ibleu_sacrebleu",
        "rouge_l",
        "me_mine_v1_0",
    ]


def test_rewriting_ones_own_text_drifts(tmp_path: Path) -> None:
    loads: list[int] = []

    def opened() -> Write:
        loads.append(1)
        return lambda benchmark, decoding, tick: Written([source.rpartition(" ")[0] for source in benchmark.sources])

    systems = [System("shorter", {"system": "toy"}, opened), System("copy", {"system": "copy"}, lambda: copied)]
    found = run(Store(tmp_path / "store"), systems, MRPC, Judges(), DecodingSettings(), rounds=3)
    drifted, same = ({one.metric: one for one in found.scores[name]} for name in ("shorter", "copy"))
    assert loads == [1]
    likeness = [drifted["Self-BLEU"].mean, *(drifted[f"Likeness, round {n}"].mean for n in (2, 3))]
    assert likeness == sorted(likeness, reverse=True)
    assert "rounds:3" in drifted["Likeness, round 3"].signature
    assert drifted["Unchanged, round 3"].mean == 0
    assert [same[f"{name}, round 3"].mean for name in ("Likeness", "Unchanged")] == pytest.approx([100, 100])


def test_a_file_of_texts_has_no_rounds_and_no_latency(tmp_path: Path) -> None:
    texts, rows = tmp_path / "texts.jsonl", tmp_path / "rows.jsonl"
    texts.write_text('{"candidate": "a"}\n', encoding="utf-8")
    rows.write_text('{"source": "b", "reference": "c"}\n', encoding="utf-8")
    asked = {"systems": {"it": {"system": "predictions", "path": str(texts)}}}
    asked["benchmarks"] = [{"data": str(rows), "task": "paraphrase"}]  # type: ignore[assignment]
    for option in ({"rounds": 2}, {"timed": 1}):
        with pytest.raises(UserError, match="is a file of texts, which has no rounds and no latency") as caught:
            evaluate(Evaluation.model_validate(asked | option))
        one_line(caught)


def test_a_server_that_is_asked_once_is_not_timed(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"source": "b", "reference": "c"}\n', encoding="utf-8")
    server = {"system": "chat", "base_url": "http://127.0.0.1:9/v1", "model": "big"}
    asked = {"systems": {"it": server}, "benchmarks": [{"data": str(rows), "task": "paraphrase"}], "timed": 1}
    with pytest.raises(UserError, match="keeps a server's answers, and cannot be timed") as caught:
        evaluate(Evaluation.model_validate(asked))
    one_line(caught)


def test_systems_are_timed_one_sentence_at_a_time(tmp_path: Path) -> None:
    sizes: list[int] = []

    def slow(benchmark: Benchmark, decoding: DecodingSettings, tick: object) -> Written:
        sizes.append(len(benchmark.sources))
        time.sleep(0.02)
        return Written(list(benchmark.sources))

    systems = [System("slow", {"system": "slow"}, lambda: slow)]
    found = run(Store(tmp_path / "store"), systems, MRPC, Judges(), DecodingSettings(), timed=5)
    assert sizes[0] == len(MRPC.sources)
    assert set(sizes[1:]) == {1}
    assert len(found.latencies["slow"].seconds) == 5
    assert found.latencies["slow"].median >= 0.02
