"""Batched decoding: prompts share what they all begin with, samples their prompt, and finished rows stop costing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lemonpress.teachers.causal_lm import cache_of, nucleus

if TYPE_CHECKING:
    import torch

_COMPACT_SHARE = 0.1
_WORTH_SHARING = 8  # tokens: a short prefix costs less than a pass of its own


def decode(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    noise: np.ndarray | None,
    ends: Sequence[int],
    max_new_tokens: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
    templated: bool = False,
) -> list[list[str]]:
    """Continue a batch of prompts, or answer it where the model has an encoder.

    Args:
        model: Causal or encoder-decoder language model in evaluation mode.
        tokenizer: Its tokenizer.
        prompts: Texts; special tokens are added as the tokenizer does, unless they are `templated`.
        noise: Uniform numbers in [0, 1), shape (prompts, samples, max_new_tokens): row [i, j] alone decides sample j
            of prompt i. None takes the likeliest token each time: one sample a prompt.
        ends: Tokens that end a sample.
        max_new_tokens: Tokens a sample at most.
        temperature: Softmax temperature.
        top_p: Nucleus mass.
        templated: The prompts are by a chat template, which writes the special tokens itself.

    Returns:
        For each prompt its samples, without special tokens.

    Raises:
        UserError: The model has no cache to go on from.
    """
    tokens = decode_tokens(model, tokenizer, prompts, noise, ends, max_new_tokens, temperature, top_p, templated)
    return [tokenizer.batch_decode(samples, skip_special_tokens=True) for samples in tokens]


def decode_tokens(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    noise: np.ndarray | None,
    ends: Sequence[int],
    max_new_tokens: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
    templated: bool = False,
) -> list[list[list[int]]]:
    """As `decode`, but the tokens of each sample, without the one that ended it: as many as asked for if none did."""
    import torch

    with torch.inference_mode():
        samples = 1 if noise is None else noise.shape[1]
        rows = None if noise is None else torch.from_numpy(noise.reshape(-1, noise.shape[2]))
        begin = _Encoded.begin if model.config.is_encoder_decoder else _Continued.begin
        state, logits = begin(model, tokenizer, prompts, samples, max_new_tokens, templated)
        tokens = _decode(state, logits, rows, ends, _never(model), max_new_tokens, temperature, top_p)
    return [tokens[start : start + samples] for start in range(0, len(tokens), samples)]


def beams(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    n: int,
    width: int,
    ends: Sequence[int],
    max_new_tokens: int,
    templated: bool = False,
) -> list[list[str]]:
    """The likeliest texts by beam search, with the stock `generate`.

    Args:
        model: As for `decode`.
        tokenizer: Its tokenizer.
        prompts: As for `decode`.
        n: Texts a prompt, the likeliest first.
        width: Beams, at least `n`.
        ends: Tokens that end a text.
        max_new_tokens: Tokens a text at most.
        templated: As for `decode`.

    Returns:
        For each prompt `n` texts, without special tokens.
    """
    import torch

    encodes = model.config.is_encoder_decoder
    # An encoder counts positions from the first token, a decoder goes on after the last.
    side = "right" if encodes else "left"
    batch = _padded(tokenizer, prompts, side, templated).to(model.device)
    forced = model.generation_config.forced_bos_token_id  # BART's <s>, which would end its own text
    with torch.inference_mode():
        output = model.generate(
            **batch,
            num_beams=width,
            num_return_sequences=n,
            do_sample=False,
            max_new_tokens=max_new_tokens + (forced is not None),
            eos_token_id=[token for token in ends if token != forced],
        )
    start = 1 + (forced is not None) if encodes else batch.input_ids.shape[1]
    texts = tokenizer.batch_decode(output[:, start:], skip_special_tokens=True)
    return [texts[place : place + n] for place in range(0, len(texts), n)]


@dataclass
class _Continued:
    """A causal model in the middle of some texts: cache, mask of real tokens, position of the next token."""

    model: Any
    cache: Any
    mask: "torch.Tensor"
    position: "torch.Tensor"

    @classmethod
    def begin(
        cls, model: Any, tokenizer: Any, prompts: Sequence[str], samples: int, max_new_tokens: int, templated: bool
    ) -> tuple["_Continued", "torch.Tensor"]:
        """Read the prompts once; returns the state of all samples and the logits of their first tokens."""
        import torch

        rows = tokenizer(list(prompts), add_special_tokens=not templated)["input_ids"]
        longest = max(map(len, rows)) + max_new_tokens
        cache, shared = None, _shared(rows) if _may_share(model, longest) else 0
        if shared:
            first = torch.tensor([rows[0][:shared]], device=model.device)
            cache = cache_of(model, model(input_ids=first, use_cache=True, logits_to_keep=1))
            cache.reorder_cache(_repeats(1, len(rows), model.device))
        rests = {"input_ids": [row[shared:] for row in rows]}
        batch = tokenizer.pad(rests, return_tensors="pt", padding_side="left").to(model.device)
        mask = torch.cat([batch.attention_mask.new_ones(len(rows), shared), batch.attention_mask], dim=1)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, shared:]
        output = model(
            input_ids=batch.input_ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache, logits = cache_of(model, output), output.logits[:, -1]
        if samples > 1:
            cache.reorder_cache(_repeats(len(rows), samples, model.device))
            logits, mask = (value.repeat_interleave(samples, dim=0) for value in (logits, mask))
        return cls(model, cache, mask, mask.sum(dim=1, keepdim=True)), logits

    def keep(self, rows: "torch.Tensor") -> None:
        """Go on with these rows alone."""
        self.cache.reorder_cache(rows)
        self.mask, self.position = self.mask[rows], self.position[rows]

    def step(self, tokens: "torch.Tensor") -> "torch.Tensor":
        """Logits after one more token a row."""
        import torch

        self.mask = torch.cat([self.mask, self.mask.new_ones(len(self.mask), 1)], dim=1)
        output = self.model(
            input_ids=tokens[:, None],
            attention_mask=self.mask,
            position_ids=self.position,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.position = self.position + 1
        return output.logits[:, -1]


@dataclass
class _Encoded:
    """A decoder in the middle of some texts: cache, and what it attends to."""

    model: Any
    cache: Any
    encoded: Any
    mask: "torch.Tensor"

    @classmethod
    def begin(
        cls, model: Any, tokenizer: Any, prompts: Sequence[str], samples: int, max_new_tokens: int, templated: bool
    ) -> tuple["_Encoded", "torch.Tensor"]:
        """Encode the prompts once; returns the state of all samples and the logits of their first tokens."""
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        batch = _padded(tokenizer, prompts, "right", templated).to(model.device)
        settings = model.generation_config
        encoded = model.get_encoder()(**batch).last_hidden_state
        first = torch.full((len(prompts), 1), settings.decoder_start_token_id, device=model.device)
        output = model(
            encoder_outputs=BaseModelOutput(encoded),
            attention_mask=batch.attention_mask,
            decoder_input_ids=first,
            use_cache=True,
        )
        state = cls(model, output.past_key_values, encoded, batch.attention_mask)
        logits = output.logits[:, -1]
        if settings.forced_bos_token_id is not None:  # the first token is given, not drawn: BART's <s>
            logits = state.step(torch.full((len(prompts),), settings.forced_bos_token_id, device=model.device))
        if samples > 1:
            state.cache.reorder_cache(_repeats(len(prompts), samples, model.device))
            state.encoded, state.mask, logits = (
                value.repeat_interleave(samples, dim=0) for value in (state.encoded, state.mask, logits)
            )
        return state, logits

    def keep(self, rows: "torch.Tensor") -> None:
        """Go on with these rows alone."""
        self.cache.reorder_cache(rows)
        self.encoded, self.mask = self.encoded[rows], self.mask[rows]

    def step(self, tokens: "torch.Tensor") -> "torch.Tensor":
        """Logits after one more token a row."""
        from transformers.modeling_outputs import BaseModelOutput

        output = self.model(
            encoder_outputs=BaseModelOutput(self.encoded),
            attention_mask=self.mask,
            decoder_input_ids=tokens[:, None],
            past_key_values=self.cache,
            use_cache=True,
        )
        return output.logits[:, -1]


def _padded(tokenizer: Any, prompts: Sequence[str], side: str, templated: bool) -> Any:
    """A batch of prompts as tensors."""
    texts = list(prompts)
    return tokenizer(texts, return_tensors="pt", padding=True, padding_side=side, add_special_tokens=not templated)


def _repeats(rows: int, times: int, device: Any) -> "torch.Tensor":
    """Each row so many times, for `reorder_cache`: the one choice of rows that every kind of cache offers."""
    import torch

    return torch.arange(rows, device=device).repeat_interleave(times)


def _may_share(model: Any, longest: int) -> bool:
    """Whether padding between a shared beginning and the rest of a row changes nothing.

    A mask hides it from attention, but it takes places of a window, and the states of hybrid models run through it.

    Args:
        model: A causal language model.
        longest: Tokens of the longest row in the end.
    """
    from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

    config = model.config.get_text_config(decoder=True)
    layers = DynamicCache(config=config).layers
    windows = [layer.sliding_window for layer in layers if isinstance(layer, DynamicSlidingWindowLayer)]
    local = getattr(config, "window_size", None)  # of GPT-Neo, which masks outside its cache
    plain = all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)
    return plain and all(longest <= window for window in [*windows, *([local] if isinstance(local, int) else [])])


def _shared(rows: Sequence[Sequence[int]]) -> int:
    """How many first tokens of a batch's prompts are read once for all: none where that saves little."""
    shortest = min(map(len, rows)) - 1  # each row is left a token of its own
    same = next((at for at in range(shortest) if len({row[at] for row in rows}) > 1), max(shortest, 0))
    return same if len(rows) > 1 and same >= _WORTH_SHARING else 0


def _never(model: Any) -> list[int]:
    """Tokens that a model's own settings rule out, such as the padding whose logit Marian's training never saw."""
    settings = model.generation_config
    alone = [words[0] for words in settings.bad_words_ids or [] if len(words) == 1]
    return sorted({*alone, *(settings.suppress_tokens or [])})


def _decode(
    state: _Continued | _Encoded,
    logits: "torch.Tensor",
    noise: "torch.Tensor | None",
    ends: Sequence[int],
    never: Sequence[int],
    max_new_tokens: int,
    temperature: float,
    top_p: float,
) -> list[list[int]]:
    import torch

    device = logits.device
    running = torch.arange(len(logits))
    stops = torch.tensor(ends, device=device)
    tokens: list[list[int]] = [[] for _ in range(len(logits))]
    open_rows = torch.ones(len(logits), dtype=torch.bool)
    for step in range(max_new_tokens):
        if never:
            logits = logits.index_fill(1, torch.tensor(never, device=device), -torch.inf)
        if noise is None:
            chosen = logits.argmax(dim=-1)
        else:
            chosen = nucleus(logits, noise[running, step].to(device), temperature, top_p)
        ended = torch.isin(chosen, stops).cpu()
        for row, token, end in zip(running.tolist(), chosen.tolist(), ended.tolist(), strict=True):
            if open_rows[row] and not end:
                tokens[row].append(token)
        open_rows[running[ended]] = False
        alive = open_rows[running]
        left = int(alive.sum())
        if left == 0 or step + 1 == max_new_tokens:
            break
        if len(running) - left >= max(1, _COMPACT_SHARE * len(running)):
            keep = alive.nonzero().flatten()
            there = keep.to(device)
            state.keep(there)
            chosen, running = chosen[there], running[keep]
        logits = state.step(chosen)
    return tokens
