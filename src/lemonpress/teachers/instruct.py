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
from lemonpress.teachers.answers_text import Answer, read_answer
from lemonpress.teachers.causal_lm import CausalTeacher, end_tokens, seeded_noise
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
        loaded = CausalTeacher.load(folder, dtype, device)
        tokenizer = loaded.tokenizer
        if tokenizer.chat_template is None:
            raise UserError(f"teacher.model: {folder.name} has no chat template; give an instruct model")
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
        """
        asked = contexts.to_pylist()
        prompts = [self.prompt(settings, row["context"], task) for row in asked]
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
        turns = messages_for(settings, sentence, task)
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

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
