import numpy as np
import pytest

from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.judges import Judged
from lemonpress.evaluation.scoring import BETTER, MAIN, compare, score
from lemonpress.recipes import Task
from one_line import one_line

SOURCES = ["The old bridge was closed on Monday.", "Prices rose by 3 percent in May.", "Nobody was hurt."]
REFERENCES = [["On Monday the old bridge was shut."], ["In May prices went up by 3 percent."], ["No one was harmed."]]


def means(task: Task, candidates: list[str], **judged: Judged) -> dict[str, float]:
    found = score(Benchmark("own", SOURCES, REFERENCES, task), candidates, judged)
    return {one.metric: one.mean for one in found}


def test_copy_input_scores_as_a_copy() -> None:
    scores = means("paraphrase", SOURCES)
    assert (scores["Self-BLEU"], scores["Copies"], scores["Jaccard"]) == pytest.approx((100, 100, 100))
    assert scores["iBLEU"] == pytest.approx(0.7 * scores["BLEU"] - 30)
    assert scores["iBLEU (sacreBLEU)"] == pytest.approx(0.7 * scores["sacreBLEU"] - 30)


def test_perfect_summaries_score_100() -> None:
    scores = means("summary", [one[0] for one in REFERENCES])
    assert [scores[f"ROUGE-{kind}"] for kind in "12L"] == pytest.approx([100, 100, 100])
    assert scores["Compression"] == pytest.approx((7 / 7 + 8 / 7 + 4 / 3) / 3)
    assert scores["Copies"] == 0


def test_the_weight_of_the_reference_is_the_users() -> None:
    benchmark = Benchmark("own", SOURCES, REFERENCES, "paraphrase")
    found = {one.metric: one for one in score(benchmark, SOURCES, alpha=0.9)}
    assert found["iBLEU"].mean == pytest.approx(0.9 * found["BLEU"].mean - 10)
    assert "alpha:0.9" in found["iBLEU"].signature
    assert "alpha:0.9" in found["iBLEU (sacreBLEU)"].signature


def test_every_score_has_n_interval_and_signature() -> None:
    judged = {"Perplexity": Judged(np.array([30.0, np.nan, 50.0]), "ppl"), "Cosine": Judged(np.ones(3), "cosine")}
    benchmark = Benchmark("own", SOURCES, REFERENCES, "paraphrase")
    scores = {one.metric: one for one in score(benchmark, [SOURCES[0], "", "No one was hurt."], judged)}
    assert all(one.low <= one.mean <= one.high and one.signature for one in scores.values())
    assert {name for name, one in scores.items() if one.n != 3} == {"Perplexity"}
    assert (scores["Perplexity"].mean, scores["Perplexity"].n) == (40.0, 2)
    assert scores["Cosine"].mean == 100.0


def test_a_metric_without_any_value_is_left_out() -> None:
    assert "Perplexity" not in means("summary", ["", "", ""], Perplexity=Judged(np.full(3, np.nan), "ppl"))


def test_bert_ibleu_is_nothing_for_a_copy_and_grows_with_distance() -> None:
    near = Judged(np.full(3, 0.9), "BERTScore")
    copied = score(Benchmark("own", SOURCES, REFERENCES, "paraphrase"), SOURCES, {"BERTScore to source": near})
    assert next(one.mean for one in copied if one.metric == "BERT-iBLEU") == 0
    other = [one[0] for one in REFERENCES]
    moved = score(Benchmark("own", SOURCES, REFERENCES, "paraphrase"), other, {"BERTScore to source": near})
    found = next(one for one in moved if one.metric == "BERT-iBLEU")
    self_bleu = next(one for one in moved if one.metric == "Self-BLEU").mean / 100
    assert found.mean == pytest.approx(100 * 5 / (4 / 0.9 + 1 / (1 - self_bleu)), abs=2)
    assert "beta:4" in found.signature


def test_a_summary_need_not_entail_its_source() -> None:
    judged = {"Entailed": Judged(np.array([1.0, 1, 0]), "nli"), "Both ways": Judged(np.array([1.0, 0, 0]), "nli")}
    assert means("paraphrase", SOURCES, **judged)["Both ways"] == pytest.approx(100 / 3)
    summaries = means("summary", SOURCES, **judged)
    assert summaries["Entailed"] == pytest.approx(200 / 3)
    assert "Both ways" not in summaries


def test_two_systems_are_compared_on_the_same_sentences() -> None:
    generator = np.random.default_rng(0)
    sources = [f"Word {n} of the {n % 7} was {n % 3} here today." for n in range(60)]
    references = [[f"The {n % 7} had word {n} and it was {n % 3}."] for n in range(60)]
    benchmark = Benchmark("own", sources, references, "paraphrase")
    close = [one[0] if generator.random() < 0.5 else source for one, source in zip(references, sources, strict=True)]
    one, other = ({s.metric: s for s in score(benchmark, texts)} for texts in (close, sources))
    found = compare(one["BLEU"], other["BLEU"])
    assert found.difference == pytest.approx(one["BLEU"].mean - other["BLEU"].mean)
    assert found.low > 0
    assert found.p < 0.01
    same = compare(one["BLEU"], one["BLEU"])
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_tables_show_metrics_whose_better_end_is_known() -> None:
    for metrics in MAIN.values():
        assert set(metrics) <= set(BETTER)


def test_stemming_is_for_benchmarks_with_exemplars() -> None:
    exemplars = ["Who closed it?"] * 3
    plain = Benchmark("own", SOURCES, REFERENCES, "paraphrase")
    led = Benchmark("own", SOURCES, REFERENCES, "paraphrase", exemplars)
    assert "ROUGE-L (stem)" not in {one.metric for one in score(plain, SOURCES)}
    found = next(one for one in score(led, SOURCES) if one.metric == "ROUGE-L (stem)")
    assert "stem:porter" in found.signature


@pytest.mark.parametrize(
    ("sources", "references", "candidates", "message"),
    [
        ([], [], [], "has no sources"),
        (SOURCES, REFERENCES, SOURCES[:2], "3 sources but 2 candidates"),
        (SOURCES, REFERENCES[:1], SOURCES, "3 sources but 1 reference lists"),
        (SOURCES, [["a"], [], ["b"]], SOURCES, "row 1 has no reference"),
        (["a", "b", " "], REFERENCES, SOURCES, "the source of row 2 is blank"),
    ],
)
def test_what_cannot_be_scored_is_named(
    sources: list[str], references: list[list[str]], candidates: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        score(Benchmark("own", sources, references, "summary"), candidates)
    one_line(caught)
