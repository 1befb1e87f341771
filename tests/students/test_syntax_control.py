"""A student learns to follow a tree: the mechanism, on a language small enough for a tiny model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from student_rows import COMMIT, write_rows

from lemonpress.recipes import LoraSettings, StudentSettings
from lemonpress.sources import Model
from lemonpress.students.generate import Student
from lemonpress.students.linear import linearise
from lemonpress.students.prompts import completion, prompt
from lemonpress.students.settings import sft_config
from lemonpress.students.train import Base, fine_tune
from lemonpress.syntax.trees import Tree, parse_brackets

WHO = ("cat", "dog", "clerk", "mayor", "pilot", "farmer")
ACTIVE = "(ROOT/VBD (nsubj/NN det/DT) (dobj/NN det/DT) (prep/IN pobj/NN) punct/.)"
INVERTED = "(ROOT/VBD (dobj/NN det/DT) (nsubj/NN det/DT) (prep/IN pobj/NN) punct/.)"
KEY = "spacy 0 toy@sha256:0 dependency wordless 1"
TOY = Model("toy", "sha256:0", Path(), "mit")


@dataclass(frozen=True)
class OrderParser:
    """Knows two word orders."""

    key: str = KEY
    name: str = "spacy"
    model: Model = TOY

    def parse(self, sentences: Sequence[str]) -> list[Tree]:
        """The inverted tree for sentences in capitals."""
        return [parse_brackets(INVERTED if sentence.isupper() else ACTIVE) for sentence in sentences]


def texts(one: str, other: str) -> dict[str, str]:
    return {ACTIVE: f"The {one} met the {other} at noon.", INVERTED: f"The {other} met the {one} at noon."}


@pytest.fixture(scope="module", params=["lora", "full"])
def student(tiny_causal: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Student:
    """Trained on both orders of every sentence, each with its tree."""
    work = tmp_path_factory.mktemp("control")
    rows = [
        {"task": "control", "source": f"The {one} saw the {other}.", "target": target, "tree": tree, "parser": KEY}
        for one in WHO
        for other in WHO
        if one != other
        for tree, target in texts(one, other).items()
    ]
    lora = LoraSettings(r=16, alpha=16) if request.param == "lora" else None
    settings = StudentSettings(name="tiny", model="./unused", lora=lora)
    sft = {"bf16": False, "max_steps": 700, "per_device_train_batch_size": 16, "max_length": None, "save_steps": 700}
    config = sft_config({**sft, "learning_rate": 1e-2 if lora else 3e-3}, 0)
    base = Base(tiny_causal, "tiny/base", COMMIT)
    done = fine_tune(write_rows(work / "rows.parquet", rows), base, settings, config, work / "out", False)
    return Student.load(done.folder, dtype="float32", device="cpu")


def loss(student: Student, source: str, tree: str, target: str) -> float:
    """Nats of a target after the prompt with a tree."""
    import torch

    shown = linearise(parse_brackets(tree), student.contract.parts)
    asked = student.tokenizer(prompt("control", source, student.contract.formats, shown)).input_ids
    said = student.tokenizer(completion(target)).input_ids
    with torch.inference_mode():
        logits = student.model(input_ids=torch.tensor([asked + said])).logits[0, len(asked) - 1 : -1]
    return float(torch.nn.functional.cross_entropy(logits, torch.tensor(said), reduction="sum"))


def test_each_order_is_likely_after_its_own_tree(student: Student) -> None:
    for one, other in (("cat", "mayor"), ("pilot", "dog"), ("clerk", "farmer")):
        source, written = f"The {one} saw the {other}.", texts(one, other)
        for own, foreign in ((ACTIVE, INVERTED), (INVERTED, ACTIVE)):
            assert loss(student, source, own, written[own]) < loss(student, source, foreign, written[own]) - 0.2


@pytest.mark.parametrize(
    "student", ["full"], indirect=True
)  # an adapter leaves embeddings that hardly tell nouns apart
def test_the_tree_decides_what_is_written(student: Student) -> None:
    sources = ["The cat saw the mayor.", "The pilot saw the dog.", "The clerk saw the farmer."]

    def first(trees: list[str] | None, exemplars: list[str] | None = None) -> list[str]:
        written = student.control(sources, trees, exemplars, parser=OrderParser(), temperature=0.1, max_new_tokens=40)
        return [texts[0].split()[1] for texts in written]

    assert first([ACTIVE] * 3) == ["cat", "pilot", "clerk"]
    assert first([INVERTED] * 3) == ["mayor", "dog", "farmer"]
    # So does the tree of a sentence that is parsed for the user.
    assert first(None, ["IT RAINED.", "It rained.", "IT SNOWED."]) == ["mayor", "pilot", "farmer"]


@pytest.mark.parametrize("student", ["lora"], indirect=True)
def test_an_adapter_trains_the_embeddings_of_tree_tokens_alone(student: Student, tiny_causal: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    before = AutoModelForCausalLM.from_pretrained(tiny_causal).get_input_embeddings().weight
    after = student.model.get_input_embeddings().weight
    tokens = student.tokenizer.convert_tokens_to_ids(["<tree:prep>", "<tree:nsubj>", "<tree:/NN>"])
    assert torch.equal(after[: len(before)].to(torch.bfloat16), before.to(torch.bfloat16))
    assert all(token >= len(before) for token in tokens)
    assert (after[tokens[0]] - after[tokens[1]]).abs().max() > 0.05
