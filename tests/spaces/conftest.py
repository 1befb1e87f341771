"""A tiny student released on a local Hub, and the Space that runs it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lemonpress.assets import asset
from lemonpress.hub.cards import ModelCard, render_model_card
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import LocalHub, running
from lemonpress.hub.provenance import provenance
from lemonpress.hub.release import Release
from lemonpress.hub.staging import release_folder
from lemonpress.recipes import load_recipe
from lemonpress.students.contract import Contract
from lemonpress.students.prompts import prompt

sys.path.insert(0, str(asset("spaces/paraphraser")))

REPO_ID = "lemonpress/tiny-student"
_SENTENCES = [
    "The museum will stay closed until the end of March while workers repair its roof.",
    "Heavy snow delayed dozens of trains between the two cities on Tuesday morning.",
    "The council voted to plant trees along the main road after a long and hot summer.",
]
# Critics without a model: a random student's words pass one of them and fail the other now and then.
_OVERRIDES = [
    "corpora.dimple-demo.critics=[{critic: length, min: 0, max: 99}, {critic: numbers, mode: equal}]",
    "corpora.dimple-demo.diversity=null",
    "corpora.dimsum-demo.critics=[{critic: compression, below: 0.8}]",
    "corpora.dimsum-demo.diversity=null",
]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="session")
def space_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """LEMONPRESS_HOME of these tests; loopback goes past any proxy."""
    folder = tmp_path_factory.mktemp("space-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEMONPRESS_HOME", str(folder))
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        yield folder


@pytest.fixture(scope="session")
def space_hub(tmp_path_factory: pytest.TempPathFactory, space_home: Path) -> Iterator[LocalHub]:
    with running(tmp_path_factory.mktemp("space-hub")) as started:
        yield started


@pytest.fixture(scope="session")
def tiny_release(space_hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A tiny random Llama released as a student, with the recipe of its critics."""
    folder = tmp_path_factory.mktemp("tiny-student")
    _save_tiny_llama(folder)
    recipe = load_recipe("dataset_builders/recipes/demo.yaml", _OVERRIDES)
    origin = provenance(recipe, {}, {"all": 0}, [], {"student": "apache-2.0"})
    card = ModelCard(
        repo_id=REPO_ID,
        version="1.0.0",
        kind="student",
        licence="apache-2.0",
        base_id="lemonpress/tiny-base",
        base_commit="0" * 40,
        datasets=(),
        prompts={"paraphrase": prompt("paraphrase", _SENTENCES[0])},
        contract=Contract(),
        training={},
        measured=None,
        provenance=origin,
    )
    to = Destination(space_hub.endpoint, space_hub.token, local=True)

    def render(stated: Mapping[str, Any]) -> str:
        return render_model_card(replace(card, provenance=stated))

    return release_folder(folder, REPO_ID, "model", "1.0.0", origin, render, to)


@pytest.fixture(scope="session")
def start_space(space_hub: LocalHub, space_home: Path) -> Start:
    """Start ``lemonpress space`` on a port with the tiny student, or with environment variables of the test's own."""

    def start(port: int, **variables: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "GRADIO_"))}
        command = [sys.executable, "-m", "lemonpress.cli", "space", "--port", str(port), "--hub", space_hub.endpoint]
        return subprocess.Popen(
            command,
            env={**kept, "LEMONPRESS_STUDENT": REPO_ID, "OMP_NUM_THREADS": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def space_url(start_space: Start, tiny_release: Release) -> Iterator[str]:
    """Address of a running Space."""
    port = free_port()
    with stopped_at_the_end(start_space(port)) as space:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 90
        while not answers(url):
            if space.poll() is not None or time.monotonic() > deadline:
                space.kill()
                pytest.fail(f"the Space did not start:\n{space.communicate()[1][-3000:]}")
            time.sleep(0.2)
        yield url


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def stopped_at_the_end(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _save_tiny_llama(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<end>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    end = fast.eos_token_id
    config = LlamaConfig(vocab_size=len(fast), **size, eos_token_id=end, pad_token_id=end, bos_token_id=None)
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
