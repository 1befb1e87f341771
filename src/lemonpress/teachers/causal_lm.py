"""A causal language model as teacher: k samples of one context share its prefill and stop when told.

Every sample draws from its own row of noise, so the tokens of one sample do not depend on which others are still
running: stopping early gives the same text, sample by sample, as running to the end and cutting (up to the model's own
rounding, which can move in the last digits with the batch size).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lemonpress.errors import UserError
from lemonpress.weights import load_causal

if TYPE_CHECKING:
    from pathlib import Path

    import torch

_NUCLEUS_WIDTH = 256
_COMPACT_SHARE = 0.1


@dataclass(frozen=True)
class CausalTeacher:
    """A loaded model and its tokenizer; see `load`."""

    model: Any
    tokenizer: Any

    @classmethod
    def load(cls, folder: "Path", dtype: str = "auto", device: str = "auto") -> "CausalTeacher":
        """Load ordinary weights (see `lemonpress.weights`) for sampling."""
        from lemonpress.teachers.attention import use_grouped_attention

        model, tokenizer = load_causal(folder, dtype, device)
        if model.device.type == "cpu":
            use_grouped_attention(model)
        return cls(model, tokenizer)

    def sample(
        self,
        prompt: str,
        noise: np.ndarray,
        temperature: float,
        top_p: float,
        stop: Callable[[str], bool] | None = None,
        no_repeat: int | None = None,
    ) -> list[str]:
        """Continue one prompt by nucleus sampling.

        Args:
            prompt: Raw text; no chat template is applied. An empty one starts a new text.
            noise: Uniform numbers in [0, 1), shape (samples, max_new_tokens): row i alone decides sample i.
            temperature: Softmax temperature.
            top_p: Nucleus mass; the token that crosses it is kept.
            stop: Told a sample's text so far; true ends that sample. None runs to the end of the noise.
            no_repeat: No run of so many tokens, the prompt's counted, is ever drawn twice in a sample.

        Returns:
            One continuation a row, on one line: tokens that end the text or hold a newline are never drawn (official
            code, ``pipeline/con.py``).

        Raises:
            UserError: The prompt leaves no room in the model's context window, or the model has no cache.
        """
        import torch

        with torch.inference_mode():
            return self._sample(prompt, torch.from_numpy(noise), temperature, top_p, stop, no_repeat)

    @cached_property
    def _barred(self) -> list[int]:
        """Tokens that are never drawn; found once, by decoding the whole vocabulary."""
        return end_tokens(self.tokenizer, self.model.generation_config, newline=True)

    def _sample(
        self,
        prompt: str,
        noise: "torch.Tensor",
        temperature: float,
        top_p: float,
        stop: Callable[[str], bool] | None,
        no_repeat: int | None,
    ) -> list[str]:
        import torch

        samples, steps = noise.shape
        device = self.model.device
        ids = self.tokenizer(prompt, return_tensors="pt").input_ids.to(device)
        if ids.shape[1] == 0:
            ids = torch.tensor([[_text_start(self.tokenizer)]], device=device)
        window = window_of(self.model)
        if window and ids.shape[1] + steps > window:
            raise UserError(
                f"context of {ids.shape[1]} tokens and {steps} new ones exceed the teacher's window of {window}; "
                f"shorten it: {prompt[:60]!r}..."
            )
        first = self.model(ids, use_cache=True, logits_to_keep=1)
        cache = cache_of(self.model, first)
        cache.reorder_cache(torch.zeros(samples, dtype=torch.long, device=device))
        logits = first.logits[:, -1].expand(samples, -1)
        running = torch.arange(samples)
        open_rows = np.ones(samples, dtype=bool)
        tokens: list[list[int]] = [[] for _ in range(samples)]
        texts = [""] * samples
        barred = torch.tensor(self._barred, device=device)
        runs = [Runs(no_repeat, ids[0].tolist()) for _ in range(samples)] if no_repeat else []

        for step in range(steps):
            logits = logits.float().index_fill(1, barred, float("-inf"))
            for place, row in enumerate(running.tolist() if runs else []):
                logits[place, runs[row].repeating] = float("-inf")
            chosen = nucleus(logits, noise[running, step].to(device), temperature, top_p)
            drawn = dict(zip(running.tolist(), chosen.tolist(), strict=True))
            rows = [row for row in drawn if open_rows[row]]
            for row in rows:
                tokens[row].append(drawn[row])
                if runs:
                    runs[row].add(drawn[row])
            for row, text in zip(rows, self.tokenizer.batch_decode([tokens[row] for row in rows]), strict=True):
                texts[row] = text
                if stop is not None and stop(text):
                    open_rows[row] = False
            left = int(open_rows.sum())
            if left == 0 or step + 1 == steps:
                break
            if len(running) - left >= max(1, _COMPACT_SHARE * len(running)):
                keep = torch.from_numpy(np.flatnonzero(open_rows[running.numpy()]))
                cache.reorder_cache(keep.to(device))
                chosen, running = chosen[keep.to(device)], running[keep]
            logits = self.model(chosen[:, None], past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        return texts


class Runs:
    """The runs of n tokens in a text that grows.

    Args:
        n: Tokens of a run; at least 1.
        text: Tokens to begin with.
    """

    def __init__(self, n: int, text: Sequence[int]) -> None:
        self._n = n
        self._end: tuple[int, ...] = ()
        self._next: dict[tuple[int, ...], list[int]] = {}
        for token in text:
            self.add(token)

    def add(self, token: int) -> None:
        """Let the text grow by a token."""
        if len(self._end) == self._n - 1:
            self._next.setdefault(self._end, []).append(token)
        self._end = (*self._end, token)[-(self._n - 1) :] if self._n > 1 else ()

    @property
    def repeating(self) -> list[int]:
        """Tokens that would end a run for the second time."""
        return self._next.get(self._end, []) if len(self._end) == self._n - 1 else []


def nucleus(logits: "torch.Tensor", noise: "torch.Tensor", temperature: float, top_p: float) -> "torch.Tensor":
    """Draw one token a row by inverse transform over the nucleus.

    Args:
        logits: Shape (rows, vocabulary).
        noise: Uniform numbers in [0, 1), shape (rows,).
        temperature: Softmax temperature.
        top_p: Nucleus mass; the token that crosses it is kept.

    Returns:
        Token ids, shape (rows,). A row's token depends on that row alone.
    """
    import torch

    scaled = logits.float() / temperature
    total = torch.logsumexp(scaled, dim=-1, keepdim=True)
    drawn = torch.empty(len(scaled), dtype=torch.long, device=scaled.device)
    todo = torch.arange(len(scaled), device=scaled.device)
    for width in (min(_NUCLEUS_WIDTH, scaled.shape[1]), scaled.shape[1]):
        values, order = scaled[todo].topk(width, dim=-1)
        mass = (values - total[todo]).exp().double().cumsum(dim=-1)
        inside = mass[:, -1] >= top_p
        if width == scaled.shape[1]:
            inside[:] = True
        size = (mass < top_p).sum(dim=-1).clamp(max=width - 1)
        aim = noise[todo].double() * mass.gather(1, size[:, None])[:, 0]
        position = torch.minimum((mass <= aim[:, None]).sum(dim=-1), size)
        picked = order.gather(1, position[:, None])[:, 0]
        drawn[todo[inside]] = picked[inside]
        todo = todo[~inside]
        if len(todo) == 0:
            break
    return drawn


def seeded_noise(seed: int, label: str, samples: int, steps: int) -> np.ndarray:
    """Uniform numbers that depend on the seed and a label alone, shape (samples, steps)."""
    words = hashlib.sha256(f"{seed}\0{label}".encode()).digest()
    key = np.frombuffer(words[:16], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).random((samples, steps))


def window_of(model: Any) -> int | None:
    """How many tokens a model reads at most; None where its configuration does not tell."""
    window: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return window


def cache_of(model: Any, output: Any) -> Any:
    """What a model keeps of the tokens that it has read, to go on from.

    Args:
        model: A causal language model.
        output: Of a pass with `use_cache`.

    Raises:
        UserError: It keeps nothing that other models keep too, as purely recurrent ones.
    """
    cache = getattr(output, "past_key_values", None)
    if cache is None:
        raise UserError(f"{type(model).__name__} has no cache of keys and values; give another language model")
    return cache


def _text_start(tokenizer: Any) -> int:
    """The token that stands before a text; tokenizers without one of their own take the one that ends the last."""
    return int(tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id)


def end_tokens(tokenizer: Any, generation_config: Any, newline: bool) -> list[int]:
    """Tokens that end a text: special ones and, where `newline`, those whose text holds one."""
    declared = generation_config.eos_token_id
    ends = {*tokenizer.all_special_ids, *(declared if isinstance(declared, list) else [declared])} - {None}
    if newline:
        texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
        ends |= {token for token, text in enumerate(texts) if "\n" in text}
    return sorted(ends)
