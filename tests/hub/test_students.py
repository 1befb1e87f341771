"""Tiny random students of every kind go through train, release, load by tag and write, with stock clients and ours."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from lemonpress import students
from lemonpress.errors import UserError
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.release import Release, release
from lemonpress.publishing_students import Bases, release_trained, training_facts
from lemonpress.recipes import LoraSettings, StudentSettings
from lemonpress.rows import TRAINING
from lemonpress.sources import Model
from lemonpress.students.generate import Student
from lemonpress.students.settings import sft_config
from lemonpress.students.train import Base, Training, fine_tune
from lemonpress.syntax.trees import Tree, parse_brackets
from one_line import one_line
from tiny_models import Architecture, save_tiny

PARSER = "spacy 0 toy@sha256:0 dependency wordless 1"
TREES = ("(ROOT/VBD nsubj/NN (dobj/NN det/DT))", "(ROOT/VBD (prep/IN pobj/NNP) nsubj/NN)")
ROWS = [
    {
        "task": ("paraphrase", "summary", "control")[place % 3],
        "source": f"The cat met the farmer at noon on {place + 1} May.",
        "target": f"On {place + 1} May the farmer met the cat.",
        **({"tree": TREES[place % 2], "parser": PARSER} if place % 3 == 2 else {}),
    }
    for place in range(18)
]


TOY = Model("toy", "sha256:0", Path(), "mit")


@dataclass(frozen=True)
class ToyParser:
    """Gives every sentence the same tree."""

    key: str = PARSER
    name: str = "spacy"
    model: Model = TOY

    def parse(self, sentences: Sequence[str]) -> list[Tree]:
        """One tree a sentence."""
        return [parse_brackets(TREES[0]) for _ in sentences]


@dataclass(frozen=True)
class Published:
    """A released student and what made it."""

    training: Training
    base: Base
    release: Release


Publish = Callable[..., Published]


@pytest.fixture(scope="module")
def publish(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Publish:
    """Train a tiny random student on all three tasks, and release it and its base: `publish(architecture, lora)`."""
    to = Destination(hub.endpoint, hub.token, local=True)
    made: dict[tuple[str, bool], Published] = {}

    def run(architecture: Architecture, lora: bool = True) -> Published:
        if (architecture, lora) in made:
            return made[architecture, lora]
        name = f"{architecture.replace('.', '-')}-{'lora' if lora else 'full'}"
        work = tmp_path_factory.mktemp(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LEMONPRESS_HOME", str(work / "home"))
            weights = save_tiny(architecture, work / "base")
            staged = work / "staged"
            staged.mkdir()
            for file in weights.iterdir():
                (staged / file.name).write_bytes(file.read_bytes())
            (staged / "README.md").write_text("---\nlicense: apache-2.0\n---\n\nA tiny base.\n")
            (staged / "provenance.json").write_text("{}")
            released = release(staged, f"tiny/{name}-base", "model", "1.0.0", to)
            assert released.commit is not None
            base = Base(weights, released.repo_id, released.commit)
            rows = work / "rows.parquet"
            pq.write_table(pa.Table.from_pylist(ROWS, schema=TRAINING), rows)
            settings = StudentSettings(
                name=name, model="./unused", lora=LoraSettings(r=4, alpha=8) if lora else None, length_share=0.5
            )
            config = sft_config({"bf16": False, "max_steps": 6, "learning_rate": 3e-2}, 0)
            training = fine_tune(rows, base, settings, config, work / "out", False)
            bases = Bases(Model(base.id, base.commit, weights, "apache-2.0"), base, released)
            source = {"id": "rows.parquet", "sha256": "0" * 64, "rows_used": len(ROWS)}
            recorded = {"student": settings.model_dump(mode="json"), "seed": 0}
            done = release_trained(
                f"tiny/{name}",
                "1.0.0",
                training,
                bases,
                recorded,
                [source],
                ["cc0-1.0"],
                training_facts([training]),
                to,
            )
        return made.setdefault((architecture, lora), Published(training, base, done))

    return run


CASES = pytest.mark.parametrize(
    ("architecture", "lora"), [("t5", True), ("t5-v1.1", True), ("bart", True), ("bart", False), ("llama", True)]
)


@CASES
def test_a_release_loads_by_tag_with_the_stock_clients(
    publish: Publish, in_process: Callable[..., str], architecture: Architecture, lora: bool
) -> None:
    done = publish(architecture, lora)
    auto = "AutoModelForCausalLM" if architecture == "llama" else "AutoModelForSeq2SeqLM"
    said = in_process(
        f"""
        import json, torch
        from peft import PeftModel
        from transformers import {auto}, AutoTokenizer

        torch.manual_seed(0)
        repo = {done.release.repo_id!r}
        tokenizer = AutoTokenizer.from_pretrained(repo, revision="v1.0.0")
        merged = {auto}.from_pretrained(repo, revision="v1.0.0", dtype=torch.float32).eval()
        tokens = tokenizer("paraphrase: The cat met <tree:nsubj><tree:/NN> the dog.", return_tensors="pt")
        if merged.config.is_encoder_decoder:
            tokens["decoder_input_ids"] = tokens["input_ids"]
        answer = {{"tokens": len(tokens["input_ids"][0]), "size": len(tokenizer)}}
        with torch.inference_mode():
            logits = merged(**tokens).logits
            if {lora}:
                base = {auto}.from_pretrained({done.base.id!r}, revision={done.base.commit!r}, dtype=torch.float32)
                if len(tokenizer) > base.get_input_embeddings().weight.shape[0]:
                    base.resize_token_embeddings(len(tokenizer))
                adapted = PeftModel.from_pretrained(base, repo, subfolder="adapter", revision="v1.0.0").eval()
                known = {_known(architecture)}
                answer["apart"] = (logits - adapted(**tokens).logits)[..., :known].abs().max().item()
                answer["spread"] = logits[..., :known].std().item()
        print(json.dumps(answer))
        """,
        publishes=False,
    )
    answer = json.loads(said.splitlines()[-1])
    # A tree token is one token, whatever the text around it: 2 of them and a byte a character of the rest.
    assert answer["tokens"] <= len("paraphrase: The cat met  the dog.") + 2 + 2
    if lora:
        assert answer["apart"] < 0.05 * answer["spread"]


def _known(architecture: Architecture) -> int:
    """Tokens that the base had; rows of an output layer of its own stay what the reader's resizing makes of them."""
    return 10**6 if architecture in ("t5", "bart") else 259


@CASES
def test_the_student_does_all_three_tasks(
    publish: Publish,
    hub: LocalHub,
    architecture: Architecture,
    lora: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path))
    student = students.load(publish(architecture, lora).release.repo_id, "1.0.0", hub.endpoint, device="cpu")
    assert student.contract.tasks == ("paraphrase", "summary", "control")
    assert student.contract.parser == PARSER
    sources = ["The cat met the dog.", "It rained."]
    options: dict[str, Any] = {"temperature": 2.0, "top_p": 1.0, "max_new_tokens": 12}
    written = [
        student.paraphrase(sources, n=2, **options),
        student.summarise(sources, n=2, words=3, **options),
        student.control(sources, trees=list(TREES), n=2, **options),
        student.control(sources, exemplars=["A cat sat.", "A dog ran."], levels=2, n=2, parser=ToyParser(), **options),
    ]
    assert all(1 <= len(texts) <= 2 and len(set(texts)) == len(texts) for one in written for texts in one)
    assert written[2] != written[0]
    assert student.control(sources, trees=[TREES[0]] * 2, n=2, **options) != student.control(
        sources, trees=[TREES[1]] * 2, n=2, **options
    )


def test_what_a_student_was_not_trained_for_is_refused_in_one_line(publish: Publish) -> None:
    student = Student.load(publish("t5").training.folder, device="cpu")
    other = ToyParser(key="spacy 0 other@sha256:1 dependency wordless 1")
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: student.control(["A cat sat."], trees=["(ROOT/VBD"]), "brackets"),
        (lambda: student.control(["A cat sat."], trees=["(ROOT/VBD cat)"]), "cat"),
        (lambda: student.control(["A cat sat."], exemplars=["It rained."], parser=other), "was trained on trees of"),
        (lambda: student.control(["A cat sat."], exemplars=[" "], parser=ToyParser()), "number 0 is blank"),
        (lambda: student.control(["A cat sat."], trees=[TREES[0]], levels=0), "levels"),
        (lambda: student.paraphrase(["A cat sat."], n=0), "n=0"),
    ]
    for call, words in cases:
        with pytest.raises(UserError) as error:
            call()
        assert words in one_line(error)


def test_rows_of_another_parser_do_not_train_a_student_further(publish: Publish, tmp_path: Path) -> None:
    done = publish("t5")
    rows = tmp_path / "rows.parquet"
    others = [{**row, "parser": "stanza 1"} for row in ROWS if row["task"] == "control"]
    pq.write_table(pa.Table.from_pylist(others, schema=TRAINING), rows)
    settings = StudentSettings(name="t", model="./unused", lora=LoraSettings(r=4, alpha=8))
    with pytest.raises(UserError, match="stanza 1") as error:
        fine_tune(rows, done.base, settings, sft_config({}, 0), tmp_path / "out", False, done.training.folder)
    one_line(error)


@pytest.mark.parametrize("architecture", ["t5", "llama"])
def test_the_snippets_of_the_card_run(
    publish: Publish, hub: LocalHub, architecture: Architecture, tmp_path: Path, client_environment: dict[str, str]
) -> None:
    from huggingface_hub import hf_hub_download

    done = publish(architecture)
    card = Path(
        hf_hub_download(
            done.release.repo_id,
            "README.md",
            revision="v1.0.0",
            endpoint=hub.endpoint,
            cache_dir=tmp_path,
            token=False,
        )
    ).read_text(encoding="utf-8")
    stock, ours = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    # The toy parser is no packaged pipeline: the student refuses to parse for itself, and everything else runs.
    parsed = [line for line in ours.splitlines() if "exemplars" in line]
    assert len(parsed) == 1
    snippet = stock + ours.replace(parsed[0], "")
    environment = {**client_environment, "LEMONPRESS_HOME": str(tmp_path / "home")}
    del environment["HF_TOKEN"]
    ran = subprocess.run([sys.executable, "-c", snippet], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    for words in ("`{tree}` is the parse tree", PARSER, "resize_token_embeddings", "rows, control", "student.json"):
        assert words in card
    assert ("apply_chat_template" in card) == (architecture == "llama")


def test_a_student_with_all_weights_trained_has_no_adapter(publish: Publish) -> None:
    done = publish("bart", lora=False)
    assert done.training.adapter is None
    assert not any(path.startswith("adapter/") for path, _ in done.release.files)


def test_a_student_loads_without_the_hub_after_one_load_and_no_other_version_does(
    publish: Publish, hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path))
    repo = publish("llama").release.repo_id

    def written() -> list[list[str]]:
        return students.load(repo, "1.0.0", hub.endpoint, device="cpu").paraphrase(["It rained."], max_new_tokens=8)

    online = written()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert written() == online
    with pytest.raises(UserError, match="cannot be reached"):
        students.load(repo, "1.0.1", hub.endpoint)
