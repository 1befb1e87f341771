"""What a change to a recipe makes again: its own stage and later ones, never an earlier one."""

from pathlib import Path

import pytest

from lemonpress.pressing import press
from lemonpress.recipes import load_recipe
from lemonpress.runs import Run
from lemonpress.scoring import judge

RECIPE = """
name: toy
teacher: {{model: {model}, dtype: float32, device: cpu}}
contexts:
  own: {{source: file, path: {texts}}}
shard_size: 2
sentences: {{k: 12, temperature: 1.0, max_new_tokens: 40}}
corpora:
  pairs:
    task: paraphrase
    critics: [{{critic: numbers}}, {{critic: rouge_l, max: 0.9}}]
"""


@pytest.fixture
def recipe(tiny_causal: Path, home: Path, tmp_path: Path) -> Path:
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"The cat saw the dog at noon on {day} May.\n" for day in (1, 2, 3)))
    file = tmp_path / "recipe.yaml"
    file.write_text(RECIPE.format(model=tiny_causal, texts=texts))
    return file


def made(recipe: Path, *overrides: str) -> dict[str, set[str]]:
    """Press and judge; the shards on disk afterwards, by stage."""
    run = Run.open(load_recipe(recipe, overrides))
    for pool in press(run):
        judge(run, "pairs", pool.sentences, pool.scores, pool.pairing)
    return {stage.name: {shard.name for shard in stage.iterdir()} for stage in (run.folder / "shards").iterdir()}


@pytest.mark.parametrize(
    ("override", "redone"),
    [
        ("corpora.pairs.critics.rouge_l.max=0.8", {"scores", "verdicts"}),
        ("sentences.temperature=0.9", {"sentences", "scores", "verdicts"}),
        ("sentences.k=13", {"sentences", "scores", "verdicts"}),
        ("seed=1", {"sentences", "scores", "verdicts"}),
        ("version=2.0.0", set()),
        ("corpora.pairs.holdout=0.3", set()),
        ("corpora.pairs.critics=[{critic: rouge_l, max: 0.9}, {critic: numbers}]", set()),
    ],
)
def test_a_change_never_makes_an_earlier_stage_again(recipe: Path, override: str, redone: set[str]) -> None:
    before = made(recipe)
    assert {stage: len(shards) for stage, shards in before.items()} == dict.fromkeys(before, 2)
    assert set(before) == {"contexts", "sentences", "scores", "verdicts"}
    after = made(recipe, override)
    assert all(before[stage] <= after[stage] for stage in before)
    assert {stage for stage in after if after[stage] != before[stage]} == redone
