"""An instruct model on this machine as teacher of sequence-level distillation: it rewrites sentences in batches."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lemonpress.errors import UserError
from lemonpress.recipes import RewritingSettings, Task
from lemonpress.rows import SENTENCES
from lemonpress.sources import Model
from lemonpress.teachers.answers_text import Answer, read_answer
from lemonpress.teachers.causal_lm import CausalTeacher, end_tokens, seeded_noise, window_of
from lemonpress.teachers.chat_template import check_template, rendered
from lemonpress.teachers.decode import decode_tokens
from lemonpress.teachers.rewriting import messages_for, sentences_row

ROWS = 96
"""Answers that are written at once: more gain little on a CPU."""


@dataclass(frozen=True)
class InstructTeacher:
    """A loaded instruct model; see `load`."""

    model: Any
    tokenizer: Any
    ends: list[int]

    @classmethod
    def load(cls, folder: Path, dtype: str = "auto", device: str = "auto") -> "InstructTeacher":
        """Load ordinary weights (see `lemonpress.weights`) for answering.

        Raises:
            UserError: The tokenizer has no chat template.
        """
        return cls.of(CausalTeacher.load(folder, dtype, device), folder)

    @classmethod
    def of(cls, loaded: CausalTeacher, folder: Path) -> "InstructTeacher":
        """Wrap loaded weights; `folder` is named where they have no chat template."""
        tokenizer = loaded.tokenizer
        check_template(tokenizer, folder)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return cls(loaded.model, tokenizer, end_tokens(tokenizer, loaded.model.generation_config, newline=False))

    def rewrite(
        self, contexts: pa.Table, settings: RewritingSettings, task: Task, seed: int, tick: Callable[[int], object]
    ) -> pa.Table:
        """Ask for rewritings of every sentence.

        Args:
            contexts: Rows of `rows.CONTEXTS`, each context a sentence.
            settings: Prompt, number and decoding.
            task: paraphrase or summary.
            seed: Of the recipe; the noise of an answer depends on it and on what is asked alone.
            tick: Told of every sentence done.

        Returns:
            Rows of `rows.SENTENCES`: the sentence, then its candidates.

        Raises:
            UserError: The chat template refuses what is asked, or a sentence leaves no room in the model's window.
        """
        asked = contexts.to_pylist()
        prompts = [self.prompt(settings, row["context"], task) for row in asked]
        self._check_room(prompts, [row["context"] for row in asked], settings.max_new_tokens)
        order = sorted(range(len(prompts)), key=lambda place: -len(prompts[place]))
        size = max(1, ROWS // settings.samples)
        answers: dict[int, list[Answer]] = {}
        for start in range(0, len(order), size):
            places = order[start : start + size]
            written = self._answers([prompts[place] for place in places], settings, seed)
            answers |= dict(zip(places, written, strict=True))
            tick(len(places))
        rows = [sentences_row(row, answers[place]) for place, row in enumerate(asked)]
        return pa.Table.from_pylist(rows, schema=SENTENCES)

    def prompt(self, settings: RewritingSettings, sentence: str, task: Task) -> str:
        """What is asked for a sentence, as the model reads it."""
        return rendered(self.tokenizer, messages_for(settings, sentence, task))

    def _check_room(self, prompts: list[str], sentences: list[str], longest: int) -> None:
        window = window_of(self.model)
        if not window or not prompts:
            return
        rows = self.tokenizer(prompts, add_special_tokens=False)["input_ids"]
        for row, sentence in zip(rows, sentences, strict=True):
            if len(row) + longest > window:
                raise UserError(
                    f"sentence of {len(row)} tokens with its prompt and {longest} new ones exceed the teacher's "
                    f"window of {window}; shorten it: {' '.join(sentence.split())[:60]!r}..."
                )

    def _answers(self, prompts: list[str], settings: RewritingSettings, seed: int) -> list[list[Answer]]:
        longest = settings.max_new_tokens
        noise = None
        if settings.temperature:
            noise = np.stack([seeded_noise(seed, prompt, settings.samples, longest) for prompt in prompts])
        tokens = decode_tokens(
            self.model,
            self.tokenizer,
            prompts,
            noise,
            self.ends,
            longest,
            settings.temperature or 1.0,
            settings.top_p,
            templated=True,
        )
        return [
            [
                read_answer(
                    self.tokenizer.decode(sample, skip_special_tokens=True),
                    settings.n,
                    "length" if len(sample) == longest else "stop",
                )
                for sample in samples
            ]
            for samples in tokens
        ]


def check_instruct(model: Model, settings: RewritingSettings, task: Task) -> None:
    """Refuse a model that cannot be asked, told from its tokenizer alone. GGUF weights are told when they load.

    Args:
        model: A resolved causal language model.
        settings: What it is to be asked.
        task: paraphrase or summary.

    Raises:
        UserError: It has no chat template, or one that refuses what is asked.
    """
    from transformers import AutoTokenizer

    if model.gguf is not None:
        return
    tokenizer = AutoTokenizer.from_pretrained(model.folder)
    check_template(tokenizer, model.folder)
    rendered(tokenizer, messages_for(settings, "A sentence.", task))
