"""bfloat16 critics: the same decisions on real weights, scores of their own, and keys of float32 that stay."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from groups import shard_of
from tiny_nli import save_tiny_bert

from lemonpress.assets import asset
from lemonpress.critics import build
from lemonpress.critics.classification import load
from lemonpress.critics.entailment import Entailment, EntailmentScorer, entailment
from lemonpress.critics.scores import Tables
from lemonpress.errors import UserError
from lemonpress.recipes import ClassifierSettings, EntailmentSettings, load_recipe
from lemonpress.sources import Model, resolve
from one_line import one_line

LABELS = ["contradiction", "entailment", "neutral"]
SENTENCES = ["the mayor opened the bridge .", "a bridge was closed on friday", "12 , monday", "the bridge opened"]
DEMO = "dataset_builders/recipes/demo.yaml"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return resolve(str(save_tiny_bert(tmp_path_factory.mktemp("precision"), LABELS)))


def shipped_pairs(count: int) -> list[tuple[str, str]]:
    """Pairs of the starter pool, half of them with a shipped p(entailment) of 0.5 or more."""
    root = asset("data/starter")
    [first, *_] = sorted(root.glob("sentences/*/sentences.parquet"))
    texts = {row["context_id"]: row["sentences"] for row in pq.read_table(first).to_pylist()}
    likely, others = [], []
    for file in sorted(root.glob("scores/*/scores.parquet")):
        for row in pq.read_table(file).to_pylist():
            if row["context_id"] in texts and row["scorer"].startswith("entailment-") and "#" not in row["scorer"]:
                group = texts[row["context_id"]]
                for one, other, score in zip(row["source"], row["target"], row["score"], strict=True):
                    (likely if score >= 5000 else others).append((group[one], group[other]))
    draw = np.random.default_rng(0)
    return [pairs[place] for pairs in (likely, others) for place in draw.permutation(len(pairs))[: count // 2]]


@pytest.mark.weights
def test_the_packaged_critic_decides_alike_in_bfloat16(weights_home: Path) -> None:
    critic = resolve("data/nli-critic")
    ones, others = zip(*shipped_pairs(80), strict=True)
    plain, fast = (load(critic, "cpu", name).probabilities(ones, others)[:, 0] for name in ("float32", "bfloat16"))
    assert 10 <= (plain >= 0.75).sum() <= 70
    assert 0 < np.abs(plain - fast).max() < 0.1
    close = np.abs(plain - 0.75) < 0.02
    assert ((plain >= 0.75) == (fast >= 0.75))[~close].all()
    assert ((plain >= 0.75) != (fast >= 0.75)).sum() <= 1
    texts = ones[:20]
    plain, fast = (load(critic, "cpu", name).probabilities(texts, texts)[:, 0] for name in ("float32", "bfloat16"))
    assert ((plain >= 0.75) == (fast >= 0.75)).all()
    assert (fast >= 0.75).mean() > 0.9


def test_scores_of_another_precision_are_never_taken(model: Model) -> None:
    plain, fast = (
        entailment(EntailmentSettings(critic="entailment", precision=name), model)[0].scorer
        for name in ("float32", "bfloat16")
    )
    assert plain.key == EntailmentScorer(model, 1).key == f"entailment-1:{model.id}@{model.commit}"
    shard = shard_of(SENTENCES)
    pairs = shard.ordered_pairs()
    tables = Tables(shard)
    expected = tables.scores(plain, *pairs)
    stored = Tables(shard, tables.to_rows())
    assert stored.of(plain).known(*pairs).all()
    assert not stored.of(fast).known(*pairs).any()
    found = stored.scores(fast, *pairs)
    assert stored.scored == len(pairs[0])
    assert found == pytest.approx(expected, abs=0.1)
    assert (found != expected).any()
    assert {plain.key, fast.key} <= set(stored.to_rows()["scorer"].to_pylist())


def test_a_classifier_has_a_precision_too(model: Model) -> None:
    values = {"critic": "classifier", "model": str(model.folder), "label": "neutral", "max": 0.5}
    shard = shard_of(SENTENCES)
    pairs = shard.ordered_pairs()
    [plain] = build([ClassifierSettings.model_validate(values)])
    [fast] = build([ClassifierSettings.model_validate(values | {"precision": "bfloat16"})])
    one, other = plain.score(Tables(shard), *pairs), fast.score(Tables(shard), *pairs)
    assert other == pytest.approx(one, abs=0.1)
    assert (other != one).any()
    assert plain.score(Tables(shard), *pairs).tolist() == one.tolist()
    assert "bfloat16" in fast.description
    assert "float32" not in plain.description


def test_the_default_leaves_shard_keys_as_they_were(model: Model) -> None:
    plain = EntailmentSettings(critic="entailment", precision="float32")
    assert "precision" not in plain.model_dump(mode="json")
    fast = EntailmentSettings(critic="entailment", precision="bfloat16")
    assert EntailmentSettings.model_validate(fast.model_dump(mode="json")) == fast != plain
    [critic, _] = entailment(fast, model)
    assert isinstance(critic, Entailment)
    assert f"by {model.id} in bfloat16, kept" in critic.description


def test_a_recipe_names_the_precision_and_others_are_refused() -> None:
    chosen = "corpora.dimple-demo.critics.entailment.precision"
    [settings] = [
        critic
        for critic in load_recipe(DEMO, [f"{chosen}=bfloat16"]).corpora["dimple-demo"].critics
        if isinstance(critic, EntailmentSettings)
    ]
    assert settings.precision == "bfloat16"
    with pytest.raises(UserError) as error:
        load_recipe(DEMO, [f"{chosen}=int8"])
    assert "precision" in one_line(error)
    assert "bfloat16" in str(error.value)
