"""Systems that rewrite sentences: trained students, and an instruct model asked zero-shot."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from lemonpress.recipes import Task
from lemonpress.sources import resolve
from lemonpress.students.decode import decode
from lemonpress.students.prompts import chat_messages, parse, prompt
from lemonpress.teachers.causal_lm import end_tokens, seeded_noise
from lemonpress.weights import check_causal, load_causal, ordinary_folder

_BATCH_ROWS = 64


@dataclass(frozen=True)
class _Causal(ABC):
    """A causal language model that answers one prompt a source."""

    one_line: ClassVar[bool] = True  # a line break ends the answer

    model: Any
    tokenizer: Any
    ends: tuple[int, ...]

    @classmethod
    def load(
        cls,
        folder_or_repo: str | Path,
        revision: str | None = None,
        endpoint: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
    ) -> Self:
        """Load from a folder, a package or a Hub repository.

        Args:
            folder_or_repo: A folder as `Path`, or a reference as in recipes (see `lemonpress.sources.resolve`).
            revision: Commit, tag or branch of a Hub repository.
            endpoint: Hub address; the user's own by default.
            device: auto, cpu, cuda or cuda:N.
            dtype: float32, bfloat16, float16, or ``auto``: bfloat16 where the device computes it natively.

        Raises:
            UserError: The model cannot be found or reached, or is no causal language model of its own.
        """
        reference = str(folder_or_repo.absolute()) if isinstance(folder_or_repo, Path) else folder_or_repo
        found = resolve(reference, revision, endpoint, where="student")
        check_causal(found, "student")
        model, tokenizer = load_causal(ordinary_folder(found), dtype, device)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return cls(model, tokenizer, tuple(end_tokens(tokenizer, model.generation_config, cls.one_line)))

    def generate(
        self,
        task: Task,
        sources: Sequence[str],
        n: int = 1,
        temperature: float = 0.7,
        top_p: float = 0.9,
        max_new_tokens: int = 64,
        seed: int = 0,
        greedy: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> list[list[str]]:
        """Rewrite sentences.

        The noise of a sample depends on seed, task, source and the sample's number alone: a source gets the same
        rewritings whatever else is asked, up to the rounding of the model's arithmetic, which moves in the last digits
        with the shape of a batch. The same call gives the same texts.

        Args:
            task: paraphrase or summary.
            sources: Sentences.
            n: Samples for each source, duplicates kept; 1 with `greedy`.
            temperature: Softmax temperature.
            top_p: Nucleus mass.
            max_new_tokens: Tokens a sample at most.
            seed: Seed of the noise.
            greedy: Take the likeliest token each time.
            progress: Told after each batch how many sources it finished.

        Returns:
            For each source `n` texts on one line, some perhaps empty.
        """
        if greedy and n != 1:
            raise ValueError("greedy decoding gives one text a source")
        prompts = [self._prompt(task, source) for source in sources]
        results: list[list[str]] = [[] for _ in sources]
        order = sorted(range(len(sources)), key=lambda place: -len(prompts[place]))
        size = max(1, _BATCH_ROWS // n)
        for start in range(0, len(order), size):
            places = order[start : start + size]
            noise = None
            if not greedy:
                labels = [f"{task}\0{sources[place]}" for place in places]
                noise = np.stack([seeded_noise(seed, label, n, max_new_tokens) for label in labels])
            texts = decode(
                self.model,
                self.tokenizer,
                [prompts[place] for place in places],
                noise,
                self.ends,
                max_new_tokens,
                temperature,
                top_p,
            )
            for place, written in zip(places, texts, strict=True):
                results[place] = [parse(text) for text in written]
            if progress is not None:
                progress(len(places))
        return results

    @abstractmethod
    def _prompt(self, task: Task, source: str) -> str: ...


class Student(_Causal):
    """A trained student; see `load` and `generate`."""

    def _prompt(self, task: Task, source: str) -> str:
        return prompt(task, source)


class ZeroShot(_Causal):
    """An instruct model that was never trained on the tasks, asked through its chat template: the baseline."""

    one_line: ClassVar[bool] = False  # an answer may announce itself on a line of its own

    def _prompt(self, task: Task, source: str) -> str:
        return str(
            self.tokenizer.apply_chat_template(chat_messages(task, source), tokenize=False, add_generation_prompt=True)
        )
