"""The code that loads a repository at one revision, as its page shows it."""

import json
from collections.abc import Sequence

from lemonpress.hub.local import trees
from lemonpress.hub.local.store import OpenRepo

SPACE_PORT = 7860
"""Where ``lemonpress space`` serves."""

_MAX_CONFIG = 1 << 20
_AUTO_CLASSES = {
    "ForCausalLM": "AutoModelForCausalLM",
    "LMHeadModel": "AutoModelForCausalLM",
    "ForConditionalGeneration": "AutoModelForSeq2SeqLM",
    "ForSequenceClassification": "AutoModelForSequenceClassification",
}


def load_code(repo: OpenRepo, entries: Sequence[trees.Entry], revision: str, config: str | None) -> str:
    """Python lines that load a repository.

    Args:
        repo: the repository.
        entries: its files at the revision.
        revision: tag or commit to pin.
        config: configuration of a dataset; None for the one that needs no name.
    """
    # JSON's strings are Python's, and no name of a branch or configuration closes them.
    name, pinned = json.dumps(repo.id.full), f"revision={json.dumps(revision)}"
    if repo.id.kind == "datasets":
        chosen = "" if config in (None, "default") else f"{json.dumps(config)}, "
        return f"from datasets import load_dataset\ndataset = load_dataset({name}, {chosen}{pinned})"
    paths = {entry.path: entry for entry in entries}
    if repo.id.kind == "models" and "config.json" in paths:
        auto = _auto_class(repo, paths["config.json"])
        if "tokenizer_config.json" not in paths:
            return f"from transformers import {auto}\nmodel = {auto}.from_pretrained({name}, {pinned})"
        return (
            f"from transformers import {auto}, AutoTokenizer\n"
            f"tokenizer = AutoTokenizer.from_pretrained({name}, {pinned})\n"
            f"model = {auto}.from_pretrained({name}, {pinned})"
        )
    kind = ', repo_type="space"' if repo.id.kind == "spaces" else ""
    return f"from huggingface_hub import snapshot_download\nfolder = snapshot_download({name}{kind}, {pinned})"


def run_command(
    repo: OpenRepo, entries: Sequence[trees.Entry], revision: str | None, endpoint: str
) -> tuple[str, str] | None:
    """How a Space that ``lemonpress deploy`` released is run on this machine.

    Args:
        repo: the repository.
        entries: its files at the revision.
        revision: its tag.
        endpoint: this Hub.

    Returns:
        The shell's command and the address that it serves; None for anything else.
    """
    if repo.id.kind != "spaces" or revision is None or all(entry.path != "start.py" for entry in entries):
        return None
    command = f"lemonpress space {repo.id.full}@{revision} --hub {endpoint}"
    return command, f"http://127.0.0.1:{SPACE_PORT}"


def _auto_class(repo: OpenRepo, entry: trees.Entry) -> str:
    """The class of transformers that opens a model's head, ``AutoModel`` where its config.json does not tell."""
    if entry.pointer is not None or entry.size > _MAX_CONFIG:
        return "AutoModel"
    try:
        config = json.loads(trees.read_blob(repo, entry))
        architecture = str(config["architectures"][0])
    except (ValueError, RecursionError, TypeError, LookupError):
        return "AutoModel"
    return next((auto for end, auto in _AUTO_CLASSES.items() if architecture.endswith(end)), "AutoModel")
