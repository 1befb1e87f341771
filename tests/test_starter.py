"""What ships scored, the starter pool and given rewritings, is what the demo's recipe asks for, and is whole."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lemonpress.assets import asset
from lemonpress.building import build_corpus
from lemonpress.pressing import press
from lemonpress.recipes import load_recipe
from lemonpress.runs import Run
from lemonpress.scoring import judge

DEMO = "dataset_builders/recipes/demo.yaml"


@pytest.mark.weights
def test_the_demo_finds_every_shipped_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path))
    run = Run.open(load_recipe(DEMO, ["contexts.live=null"]))
    starter, rewritten = press(run)
    made = {stage.name for stage in (run.folder / "shards").iterdir()}
    assert made == {"pairs"}, "a shipped shard was not found and made again"
    assert "teacher" not in vars(run)
    listed = json.loads(asset("data/starter/digests.json").read_text())
    shards = (*starter.contexts, *starter.sentences, *starter.scores, *rewritten.scores)
    assert {f"{shard.folder.parent.name}/{shard.folder.name}": shard.digest for shard in shards} == listed


@pytest.mark.weights
def test_judging_the_starter_pool_asks_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path))
    run = Run.open(load_recipe(DEMO, ["contexts.live=null"]))
    for pool in press(run):
        part = replace(pool, contexts=pool.contexts[:1], sentences=pool.sentences[:1], scores=pool.scores[:1])
        for name in run.recipe.corpora:
            assert sum(build_corpus(run, name, [part]).corpus.rows.values()) > 0
            judged = judge(run, name, part.sentences, part.scores, part.pairing)
            assert sum(step["scored"] for shard in judged.shards for step in shard.stats["funnel"]) == 0


@pytest.mark.weights
def test_a_stricter_recipe_asks_no_model_about_shipped_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path))
    stricter = [
        "contexts.live=null",
        "contexts.rewritten=null",
        "contexts.starter.count=24",
        "corpora.dimple-demo.critics.entailment.min=0.9",
    ]
    run = Run.open(load_recipe(DEMO, [*stricter, "corpora.dimsum-demo=null"]))
    [pool] = press(run)
    assert len(pool.scores) == 1
    assert pool.scores[0].folder.is_relative_to(tmp_path)
    [funnel] = pool.scores[0].stats["funnels"].values()
    assert {step["name"]: step["scored"] for step in funnel if step["scored"]} == {}
    assert sum(step["kept"] for step in funnel) > 0
