"""What the tests of the paraphraser share: a tiny student and corpus, and a Space that runs."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lemonpress.hub.cards import ModelCard, render_model_card
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.provenance import provenance
from lemonpress.hub.release import Release
from lemonpress.hub.staging import release_folder
from lemonpress.recipes import load_recipe
from lemonpress.students import contract as contracts
from lemonpress.students.contract import Contract
from lemonpress.students.loading import load_base
from lemonpress.students.prompts import prompt

REPO_ID = "lemonpress/tiny-student"
MARKUP = "<img src=x onerror=\"document.title='owned'\"> closed number 7 on Monday."
VERSIONS = ("1.0.0", "1.1.0")
CORPUS_ID = "lemonpress/tiny-corpus"
SENTENCES = [
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
_PLAIN = Contract(lengths=True)
Start = Callable[..., subprocess.Popen[str]]


def release_student(
    space_hub: LocalHub,
    folder: Path,
    version: str,
    seed: int,
    repo_id: str = REPO_ID,
    contract: Contract = _PLAIN,
) -> Release:
    _save_tiny_llama(folder, seed)
    if contract.parts:
        model, tokenizer, _ = load_base(folder, contract, {})
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    contracts.write(contract, folder)
    recipe = load_recipe("dataset_builders/recipes/demo.yaml", _OVERRIDES)
    origin = provenance(recipe, {}, {"all": seed}, [], {"student": "apache-2.0"})
    origin["datasets"] = [{"id": CORPUS_ID, "tag": "v1.0.0"}]
    card = ModelCard(
        repo_id=repo_id,
        version=version,
        kind="student",
        licence="apache-2.0",
        base_id="lemonpress/tiny-base",
        base_commit="0" * 40,
        datasets=((CORPUS_ID, "v1.0.0"),),
        prompts={"paraphrase": prompt("paraphrase", SENTENCES[0])},
        contract=contract,
        training={},
        measured=None,
        provenance=origin,
    )
    to = Destination(space_hub.endpoint, space_hub.token, local=True)

    def render(stated: Mapping[str, Any]) -> str:
        return render_model_card(replace(card, provenance=stated))

    return release_folder(folder, repo_id, "model", version, origin, render, to)


@contextmanager
def space_at(start_space: Start, **variables: str) -> Iterator[str]:
    """Address of a Space that runs with environment variables of a test's own."""
    port = free_port()
    with stopped_at_the_end(start_space(port, **variables)) as space:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 240
        while not answers(url):
            if space.poll() is not None or time.monotonic() > deadline:
                space.kill()
                pytest.fail(f"the Space did not start:\n{space.communicate()[1][-3000:]}")
            time.sleep(0.2)
        yield url


def open_space(browser: Any, url: str, width: int, scheme: str) -> Any:
    """A page on a Space; what it asks of other machines, and errors of its scripts, are listed on it."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.elsewhere, page.failures = [], []
    page.on("request", lambda asked: asked.url.startswith((url, "data:")) or page.elsewhere.append(asked.url))
    page.on("pageerror", lambda error: page.failures.append(str(error)))
    page.goto(url)
    page.wait_for_selector("#lp-input textarea")
    return page


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


def _save_tiny_llama(folder: Path, seed: int) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<end>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
    torch.manual_seed(seed)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    end = fast.eos_token_id
    config = LlamaConfig(vocab_size=len(fast), **size, eos_token_id=end, pad_token_id=end, bos_token_id=None)
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
