"""What a system is: something that writes one text for each source of a benchmark."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from lemonpress.engine.local import Tick
from lemonpress.errors import UserError
from lemonpress.evaluation.benchmark import Benchmark
from lemonpress.metrics.efficiency import efficiency_signature, parameters
from lemonpress.recipes.evaluation import DecodingSettings
from lemonpress.sources import Model
from lemonpress.students.generate import BATCH_ROWS, Writer


@dataclass(frozen=True)
class Written:
    """What a system wrote for a benchmark.

    Attributes:
        texts: One for each source.
        parameters: Of the models that wrote, shared weights counted once; None where that is not known.
        tokens: Written in all, by the tokenizer of the model that wrote them; None as before.
        seconds: Of writing, without loading; None as before.
        timing: Signature of what `seconds` were taken on (`metrics.efficiency`); None as before.
    """

    texts: list[str]
    parameters: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    timing: str | None = None


Write = Callable[[Benchmark, DecodingSettings, Tick], Written]
"""Rewrites the sources of a benchmark, and reports progress in sentences."""


@dataclass(frozen=True)
class System:
    """A system under comparison.

    Attributes:
        name: Row of the table.
        key: What identifies it: kind, weights and prompts. Equal keys write equal texts, decoding alike.
        load: Gives what rewrites the sources of a benchmark; loads the model.
        decodes: Whether decoding settings change what it writes.
        repo: Hub id of the model that writes, for `model-index`; None where it is on no Hub.
        rewrites: Whether it rewrites any text that it is given, not a benchmark's sources alone.
        recalls: Whether it keeps what it answered, so that it cannot be timed.
        refuses: Why it cannot rewrite a benchmark, in one line; None where it can.
    """

    name: str
    key: Mapping[str, Any]
    load: Callable[[], Write]
    decodes: bool = False
    repo: str | None = None
    rewrites: bool = True
    recalls: bool = False
    refuses: Callable[[Benchmark, DecodingSettings], str | None] = lambda benchmark, decoding: None

    def check(self, benchmark: Benchmark, decoding: DecodingSettings) -> None:
        """Refuse a benchmark that this system cannot rewrite, before anything is written.

        Raises:
            UserError: It cannot.
        """
        reason = self.refuses(benchmark, decoding)
        if reason is not None:
            raise UserError(f"system {self.name}: {reason}")


def exemplars_of(benchmark: Benchmark) -> Sequence[str | None]:
    """The exemplar of each row; None where the benchmark has none."""
    return benchmark.exemplars or [None] * len(benchmark.sources)


def needs(ratio: float | None, exemplar: bool, benchmark: Benchmark, decoding: DecodingSettings) -> str | None:
    """Why what is asked of each row cannot be asked of a benchmark's."""
    if ratio is not None and benchmark.task != "summary":
        return f"a ratio is asked of summaries, and {benchmark.name} has paraphrases; remove it"
    if exemplar and benchmark.exemplars is None:
        return f"it follows exemplars, and {benchmark.name} has none; give data with the field exemplar"
    return None


class Decoded(TypedDict, total=False):
    """Arguments of `Writer.answer` and `Student.generate`."""

    greedy: bool
    beams: int
    temperature: float
    top_p: float
    seed: int
    max_new_tokens: int


def decoded(decoding: DecodingSettings) -> Decoded:
    """Decoding settings as arguments of `generate`."""
    match decoding.method:
        case "greedy":
            return {"greedy": True, "max_new_tokens": decoding.max_new_tokens}
        case "beam":
            return {"beams": decoding.beams, "max_new_tokens": decoding.max_new_tokens}
        case "sample":
            return {
                "temperature": decoding.temperature,
                "top_p": decoding.top_p,
                "seed": decoding.seed,
                "max_new_tokens": decoding.max_new_tokens,
            }


def answered(writer: Writer, prompts: Sequence[str], decoding: DecodingSettings, tick: Tick) -> Written:
    """What a model answers to whole prompts, timed."""
    started = time.perf_counter()
    written = writer.answer(prompts, progress=tick, **decoded(decoding))
    return counted([candidates[0] for candidates in written], writer, started)


def counted(texts: list[str], writer: Writer, started: float) -> Written:
    """What a model wrote since `started` (`time.perf_counter`), with what it cost."""
    import torch

    seconds = time.perf_counter() - started
    tokens = writer.tokenizer(texts, add_special_tokens=False)["input_ids"]
    dtype = str(writer.model.dtype).removeprefix("torch.")
    batch = min(BATCH_ROWS, len(texts))
    timing = efficiency_signature(str(writer.model.device), torch.get_num_threads(), dtype, batch, warm_up=0)
    return Written(texts, parameters(writer.model), sum(map(len, tokens)), seconds, timing)


def unseen(count: int) -> None:
    """Progress that nobody is shown."""


def repo_of(model: Model) -> str | None:
    """The Hub id of a model; None for a folder or package."""
    return model.id if "/" in model.id and not model.commit.startswith("sha256:") else None
