"""A critic that ships as an adapter is merged once and judges as the adapter on its base does."""

from pathlib import Path

import pytest
from tiny_nli import save_tiny_bert

from lemonpress.critics.classification import labels_of, load
from lemonpress.sources import resolve
from lemonpress.weights import ordinary_folder

LABELS = ["entailment", "neutral", "contradiction"]
ONES = ["the mayor opened the bridge on friday .", "a bridge was closed by 12"]
OTHERS = ["the bridge opened .", "the mayor closed a bridge on monday"]


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification

    folder = tmp_path_factory.mktemp("adapter")
    base = save_tiny_bert(folder / "base", LABELS)
    model = AutoModelForSequenceClassification.from_pretrained(base)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        lora = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="SEQ_CLS")
        adapted = get_peft_model(model, lora)
    adapted.peft_config["default"].base_model_name_or_path = str(base)
    adapted.save_pretrained(folder / "critic")
    (folder / "critic" / "config.json").write_bytes((base / "config.json").read_bytes())
    return folder / "critic"


def test_merged_weights_judge_as_the_adapter_does(adapter: Path, home: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = resolve(str(adapter))
    assert model.base is not None
    assert labels_of(model, "critic") == LABELS
    merged = ordinary_folder(model)
    assert merged.parent == home / "weights"
    assert ordinary_folder(model) == merged
    base = model.base.folder
    adapted = PeftModel.from_pretrained(AutoModelForSequenceClassification.from_pretrained(base), adapter).eval()
    batch = AutoTokenizer.from_pretrained(base)(ONES, OTHERS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = adapted(**batch).logits.softmax(-1).numpy()
        plain = AutoModelForSequenceClassification.from_pretrained(base).eval()(**batch).logits.softmax(-1).numpy()
    assert load(model).probabilities(ONES, OTHERS) == pytest.approx(expected, abs=1e-5)
    assert abs(plain - expected).max() > 0.01


def test_a_card_does_not_name_the_weights_and_a_base_does(adapter: Path, tmp_path: Path) -> None:
    import shutil

    first = resolve(str(adapter))
    copy = shutil.copytree(adapter.parent, tmp_path / "copy") / "critic"
    (copy / "README.md").write_text("---\nlicense: cc-by-sa-4.0\n---\nA card.\n", encoding="utf-8")
    carded = resolve(str(copy))
    assert (carded.commit, carded.licence) == (first.commit, "cc-by-sa-4.0")
    config = copy / "adapter_config.json"
    other = save_tiny_bert(tmp_path / "other", LABELS, seed=5)
    config.write_text(config.read_text().replace(str(adapter.parent / "base"), str(other)), encoding="utf-8")
    assert resolve(str(copy)).commit != first.commit
