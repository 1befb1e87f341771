"""What a system costs to run: parameters, latency, throughput."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.words import require_texts

if TYPE_CHECKING:
    from torch import nn

Floats = npt.NDArray[np.float64]
System = Callable[[Sequence[str]], Sequence[str]]

WARM_UP = 3


@dataclass(frozen=True)
class Latency:
    """Seconds that a system takes for one sentence alone.

    Attributes:
        median: Of the sentences.
        p95: 95th percentile.
        seconds: Of each sentence.
    """

    median: float
    p95: float
    seconds: Floats


@dataclass(frozen=True)
class Throughput:
    """What a system does in a second with sentences in batches.

    Attributes:
        sentences: Sentences rewritten per second.
        tokens: Output tokens per second.
    """

    sentences: float
    tokens: float


def latency(system: System, sentences: Sequence[str], warm_up: int = WARM_UP) -> Latency:
    """Time a system on one sentence after the other.

    Args:
        system: Gives one finished text for each text, not before it is written.
        sentences: At least one.
        warm_up: Sentences, the first ones, that are rewritten before the clock starts.

    Raises:
        ValueError: No sentences, or a row that is no text.
    """
    _require_sentences(sentences)
    for sentence in sentences[:warm_up]:
        system([sentence])
    seconds = np.zeros(len(sentences))
    for row, sentence in enumerate(sentences):
        started = time.perf_counter()
        system([sentence])
        seconds[row] = time.perf_counter() - started
    return Latency(float(np.median(seconds)), float(np.quantile(seconds, 0.95)), seconds)


def throughput(
    system: System, sentences: Sequence[str], count_tokens: Callable[[str], int], batch_size: int
) -> Throughput:
    """Time a system on batches of sentences, after one batch to warm up.

    Args:
        system: As for `latency`.
        sentences: At least one.
        count_tokens: Tokens of an output, by the system's own tokenizer.
        batch_size: Sentences that the system gets at once.

    Raises:
        ValueError: No sentences, a row that is no text, or a batch size below 1.
    """
    _require_sentences(sentences)
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; a batch has at least one sentence")
    system(sentences[:batch_size])
    written: list[str] = []
    started = time.perf_counter()
    for begin in range(0, len(sentences), batch_size):
        written += system(sentences[begin : begin + batch_size])
    seconds = time.perf_counter() - started
    return Throughput(len(sentences) / seconds, sum(map(count_tokens, written)) / seconds)


def parameters(model: "nn.Module") -> int:
    """Parameters of a model, those that several of its parts share counted once.

    Args:
        model: A torch model. Quantised weights count as they are stored: two of 4 bits in a byte are one.
    """
    return sum(parameter.numel() for parameter in model.parameters())


def efficiency_signature(device: str, threads: int, dtype: str, batch_size: int = 1, warm_up: int = WARM_UP) -> str:
    """What a system was timed on, for tables and cards.

    Args:
        device: Name of the processor or GPU.
        threads: CPU threads, such as `torch.get_num_threads()`.
        dtype: Of the weights.
        batch_size: Sentences at once; 1 for `latency`.
        warm_up: Sentences rewritten before the clock started; `throughput` warms up on one batch.
    """
    return f"device:{device}|threads:{threads}|dtype:{dtype}|batch:{batch_size}|warm-up:{warm_up}"


def _require_sentences(sentences: Sequence[str]) -> None:
    require_texts(sentences, "sentence")
    if not sentences:
        raise ValueError("no sentences to time a system on")
