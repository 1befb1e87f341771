import time
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from lemonpress.metrics.efficiency import efficiency_signature, latency, parameters, throughput


class Sleeper:
    """Takes as many milliseconds as the numbers that it gets, and 10 more for each call."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> list[str]:
        self.batches.append(list(texts))
        time.sleep((10 + sum(map(int, texts))) / 1000)
        return [f"wrote {text}" for text in texts]


def test_latency_times_one_sentence_after_the_other_when_warm() -> None:
    system = Sleeper()
    found = latency(system, ["1", "1", "1", "1", "200"], warm_up=2)
    assert system.batches == [["1"]] * 2 + [["1"]] * 4 + [["200"]]
    assert found.seconds[4] >= 0.21
    assert found.seconds.min() >= 0.011
    assert found.median == np.median(found.seconds) < 0.2
    assert found.p95 == pytest.approx(np.quantile(found.seconds, 0.95))
    assert found.median < found.p95 <= found.seconds.max()


def test_throughput_counts_what_was_written_in_batches() -> None:
    system = Sleeper()
    found = throughput(system, ["1", "2", "3", "4", "5"], lambda text: len(text.split()), batch_size=2)
    assert system.batches == [["1", "2"], ["1", "2"], ["3", "4"], ["5"]]
    assert found.sentences <= 5 / 0.045
    assert found.tokens == pytest.approx(2 * found.sentences)


def test_nothing_to_time_is_refused() -> None:
    with pytest.raises(ValueError, match="no sentences"):
        latency(Sleeper(), [])
    with pytest.raises(ValueError, match="sentence of row 1 is None"):
        throughput(Sleeper(), ["1", None], len, 2)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="batch_size is 0"):
        throughput(Sleeper(), ["1"], len, 0)


def test_shared_parameters_count_once() -> None:
    first, second = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)
    assert parameters(torch.nn.Sequential(first, second)) == 2 * (64 + 8)
    second.weight = first.weight
    assert parameters(torch.nn.Sequential(first, second)) == 64 + 8 + 8


def test_a_seq2seq_models_embeddings_count_once() -> None:
    model = T5ForConditionalGeneration(T5Config(vocab_size=100, d_model=16, d_ff=32, num_layers=1, num_heads=2))
    weights = model.state_dict().values()
    # The embeddings of encoder and decoder, and the output layer's, are one matrix under four names.
    assert parameters(model) == sum(weight.numel() for weight in weights) - 3 * 100 * 16


def test_signature_names_the_machine_and_the_batch() -> None:
    assert (
        efficiency_signature("AMD EPYC", 2, "float32") == "device:AMD EPYC|threads:2|dtype:float32|batch:1|warm-up:3"
    )
