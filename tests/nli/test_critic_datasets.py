"""The recipe of a critic: what is refused; its datasets on the Hub."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from lemonpress.errors import UserError
from lemonpress.nli.settings import CriticRecipe, class_weights, load_critic_recipe
from one_line import one_line

ROOT = Path(__file__).parents[2]
WHOLE: dict[str, Any] = {
    "encoder": "x",
    "datasets": {"nli": {"path": "train.csv"}},
    "validation": {"path": "validation.csv"},
    "stages": [{"name": "a", "rows": {"nli": 3}, "learning_rate": 1e-4}],
}


def _stage(**changes: Any) -> dict[str, Any]:
    return {"stages": [{**WHOLE["stages"][0], **changes}]}


@pytest.mark.parametrize("name", ["critic.yaml", "critic-hub.yaml"])
def test_the_recipes_that_ship_are_sound(name: str) -> None:
    recipe = load_critic_recipe(ROOT / "trainers/recipes" / name)
    assert recipe.pool is not None
    assert recipe.test is not None


def test_the_recipe_in_the_help_is_sound(tmp_path: Path) -> None:
    text = (ROOT / "trainers/critic.py").read_text()
    start = text.index("    name: critic-de")
    (tmp_path / "recipe.yaml").write_text(textwrap.dedent(text[start : text.index("\n\n", start)]))
    recipe = load_critic_recipe(tmp_path / "recipe.yaml")
    assert recipe.datasets["own"].labels == {"1": "entailment", "0": "not_entailment"}
    assert recipe.lora is None
    assert recipe.class_weights == "balanced"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": []}, "'stages'"),
        (
            _stage(rows={"wiki": 3}),
            r"stages\.a\.rows\.wiki: is neither a dataset nor a kind; there are nli, identical",
        ),
        (_stage(rows={"identical": 3}), r"stages\.a\.rows\.identical: is made from a pool, and there is none"),
        (_stage(rows={"nli": 0}), "at least one source"),
        (_stage(name="asset"), "asset is the folder of the finished critic"),
        (_stage(learning_rate=0), r"'stages\.0\.learning_rate'"),
        (_stage(early_stopping={"every": 5}), r"'stages\.0\.early_stopping\.patience' is missing"),
        ({"stages": WHOLE["stages"] * 2}, r"stages\.a: two stages have this name"),
        ({"epochs": 3}, "unknown key 'epochs'"),
        ({"validation": {}}, r"'validation\.path' is missing"),
        ({"datasets": {}}, "'datasets'"),
        ({"datasets": {"changed": {"path": "x"}}}, "changed is a kind of rows made from a pool"),
        ({"datasets": {"My Rows": {"path": "x"}}}, "'datasets.My Rows"),
        ({"datasets": {"nli": {"path": "x", "labels": {0: "entails"}}}}, r"'datasets\.nli\.labels\.0'"),
        ({"datasets": {"nli": {"path": "x", "labels": {0: "neutral", "0": None}}}}, "names '0' twice"),
        ({"datasets": {"nli": {"path": "x", "sources": {"a": {"sha256": "abc"}}}}}, r"sources\.a\.sha256'"),
        ({"class_weights": "even"}, "'class_weights': is 'even'; write balanced, null, or a number"),
        ({"class_weights": {"neutral": 0}}, r"'class_weights\.neutral': Input should be greater than 0"),
        ({"class_weights": {"entails": 2}}, r"unknown key 'class_weights\.entails'"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    (tmp_path / "critic.yaml").write_text(yaml.safe_dump({**WHOLE, **changes}))
    with pytest.raises(UserError, match=said) as caught:
        load_critic_recipe(tmp_path / "critic.yaml")
    assert one_line(caught).startswith(str(tmp_path / "critic.yaml"))


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such recipe"):
        load_critic_recipe(tmp_path / "critic.yaml")
    for text, said in (("[", "not a YAML file"), ("3", "valid dictionary"), ("", "valid dictionary")):
        (tmp_path / "critic.yaml").write_text(text)
        with pytest.raises(UserError, match=said):
            load_critic_recipe(tmp_path / "critic.yaml")


def test_balanced_weights_give_every_class_the_same_say() -> None:
    recipe = CriticRecipe.model_validate({**WHOLE, "class_weights": "balanced"})
    counts = {"entailment": 10, "neutral": 50, "contradiction": 10, "not_entailment": 20}
    weights = class_weights(recipe, counts)
    assert weights is not None
    assert [weight * count for weight, count in zip(weights, (10, 60, 20), strict=True)] == pytest.approx([30] * 3)
    assert class_weights(recipe, {"entailment": 4, "neutral": 4}) == pytest.approx((2 / 3, 2 / 3, 1))
    named = CriticRecipe.model_validate({**WHOLE, "class_weights": {"entailment": 2}})
    assert class_weights(named, counts) == (2, 1, 1)
    assert class_weights(CriticRecipe.model_validate(WHOLE), counts) is None


def test_hub_datasets_are_read_at_their_revision_and_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import ClassLabel, Dataset, Features, Value
    from huggingface_hub import HfApi, constants

    from lemonpress.hub.local.server import running

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    names = ["entailment", "neutral", "contradiction"]
    features = Features({"premise": Value("string"), "hypothesis": Value("string"), "label": ClassLabel(names=names)})
    with running(tmp_path / "hub") as hub:
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        api.create_repo("someone/nli", repo_type="dataset")
        for tag, labels in (("v1", [0, 1, 2, -1]), ("v2", [0, 2])):
            texts = [f"text {label}" for label in labels]
            table = Dataset.from_dict({"premise": texts, "hypothesis": texts, "label": labels}, features=features)
            table.to_parquet(tmp_path / "rows.parquet")
            api.upload_file(
                path_or_fileobj=tmp_path / "rows.parquet",
                path_in_repo="train-00000-of-00001.parquet",
                repo_id="someone/nli",
                repo_type="dataset",
            )
            api.create_tag("someone/nli", tag=tag, repo_type="dataset")
        commits = [api.dataset_info("someone/nli", revision=tag).sha for tag in ("v1", "v2")]
        script = """
            import json
            from lemonpress.errors import UserError
            from lemonpress.nli.datasets import pin_datasets, read_dataset
            from lemonpress.nli.settings import CriticRecipe, DatasetSettings

            by_name = {"entailment": "entailment", "neutral": "not_entailment", "contradiction": "contradiction"}
            by_number = {0: "not_entailment", 1: "entailment", 2: None, -1: None}
            v1 = {"path": "someone/nli", "revision": "v1"}
            for settings in (
                {"path": "someone/nli"},
                {**v1, "labels": {**by_name, -1: None}},
                {**v1, "labels": by_number},
                {**v1, "labels": by_name},
                v1,
                {**v1, "columns": {"premise": "text"}},
                {**v1, "split": "test"},
                {**v1, "revision": "v3"},
                {"path": "someone/absent"},
            ):
                try:
                    rows = read_dataset(DatasetSettings.model_validate(settings), "datasets.hub")
                    print(json.dumps([[row.premise, row.label, row.source] for row in rows]))
                except UserError as error:
                    print(error)
            stage = {"name": "a", "rows": {"hub": 3}, "learning_rate": 1e-4}
            recipe = CriticRecipe.model_validate(
                {"encoder": "x", "datasets": {"hub": v1}, "validation": {"path": "someone/nli"}, "stages": [stage]}
            )
            pinned = pin_datasets(recipe)
            print(pinned.datasets["hub"].revision, pinned.validation.revision, pinned.test)
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            env=kept | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    head, by_name, by_number, gap, plain, column, split, revision, absent, pinned = done.stdout.splitlines()
    assert json.loads(head) == [["text 0", "entailment", "hub"], ["text 2", "contradiction", "hub"]]
    assert [label for _, label, _ in json.loads(by_name)] == ["entailment", "not_entailment", "contradiction"]
    assert [label for _, label, _ in json.loads(by_number)] == ["not_entailment", "entailment"]
    for said in (gap, plain):
        assert said.startswith("datasets.hub.labels: someone/nli (train): no meaning is given to '-1' (1 rows)")
    assert "has no column 'text'; it has premise, hypothesis, label" in column
    assert "datasets.hub: someone/nli cannot be loaded" in split
    assert "someone/nli has no revision 'v3'" in revision
    assert "no folder and no Hub dataset someone/absent" in absent
    assert pinned == f"{commits[0]} {commits[1]} None"
