"""Read a release back as a downstream user would: stock clients, and only ``HF_ENDPOINT`` set.

Run as a script in a fresh process with a JSON request on standard input; it imports nothing of Lemonpress.
"""

import json
import sys
from typing import Any


def main() -> None:
    """Load every dataset configuration and the model of the request, rewrite its prompts, answer in JSON."""
    request: dict[str, Any] = json.load(sys.stdin)
    from datasets import load_dataset
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    rows = {}
    for repo, config, revision in request["datasets"]:
        splits = load_dataset(repo, config, revision=revision)
        rows[f"{repo} ({config})"] = {split: len(table) for split, table in splits.items()}
    repo, revision = request["model"]
    tokenizer = AutoTokenizer.from_pretrained(repo, revision=revision)
    encodes = AutoConfig.from_pretrained(repo, revision=revision).is_encoder_decoder
    model = (AutoModelForSeq2SeqLM if encodes else AutoModelForCausalLM).from_pretrained(repo, revision=revision)
    texts = []
    for prompt in request["prompts"]:
        inputs = tokenizer(prompt, return_tensors="pt")
        output = model.generate(**inputs, max_new_tokens=64, do_sample=False)
        start = 0 if encodes else inputs["input_ids"].shape[1]
        texts.append(tokenizer.decode(output[0, start:], skip_special_tokens=True).strip())
    json.dump({"rows": rows, "texts": texts}, sys.stdout)


if __name__ == "__main__":
    main()
