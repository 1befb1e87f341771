"""Language models that rewrite sentences: trained students, an instruct model asked zero-shot, any other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, TypedDict, Unpack

import numpy as np

from lemonpress.critics.base import Critic
from lemonpress.errors import UserError
from lemonpress.recipes import StudentTask
from lemonpress.sources import resolve
from lemonpress.students import contract as contracts
from lemonpress.students.candidates import best
from lemonpress.students.contract import Contract
from lemonpress.students.control import follow, linearised
from lemonpress.students.linear import special_tokens
from lemonpress.students.prompts import parse, prompt
from lemonpress.syntax.parsers import Parser
from lemonpress.teachers.causal_lm import end_tokens, seeded_noise
from lemonpress.teachers.chat_template import rendered
from lemonpress.teachers.decode import beams as search
from lemonpress.teachers.decode import decode
from lemonpress.weights import language_model_kind, load_model, ordinary_folder

BATCH_ROWS = 64
"""Texts that are written at once."""
_POOL = 4  # candidates written for each one wanted, where the best are chosen


class Decoding(TypedDict, total=False):
    """How texts are written; see `Student.generate` for each value and its default."""

    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int
    beams: int
    progress: Callable[[int], object]


@dataclass(frozen=True)
class Writer:
    """A language model that answers prompts; see `load` and `answer`."""

    one_line: ClassVar[bool] = True  # a line break ends the answer

    model: Any
    tokenizer: Any
    ends: tuple[int, ...]
    contract: Contract = field(default_factory=Contract)

    @property
    def templated(self) -> bool:
        """Whether prompts are by a chat template, which writes the special tokens itself."""
        return False

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
            UserError: The model cannot be found or reached, or is no language model of its own.
        """
        reference = str(folder_or_repo.absolute()) if isinstance(folder_or_repo, Path) else folder_or_repo
        found = resolve(reference, revision, endpoint, where="student")
        kind = language_model_kind(found, "student")
        folder = ordinary_folder(found)
        contract = contracts.read(folder, kind)
        model, tokenizer = load_model(folder, kind, dtype, device)
        return cls.of(model, tokenizer, contract)

    @classmethod
    def of(cls, model: Any, tokenizer: Any, contract: Contract) -> Self:
        """Wrap a loaded model in evaluation mode."""
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        newline = cls.one_line and contract.kind == "causal"
        trees = special_tokens(contract.parts) if contract.parts else []
        ends = {*end_tokens(tokenizer, model.generation_config, newline), *tokenizer.convert_tokens_to_ids(trees)}
        return cls(model, tokenizer, tuple(sorted(ends)), contract)

    def answer(
        self,
        prompts: Sequence[str],
        labels: Sequence[str] | None = None,
        n: int = 1,
        temperature: float = 0.7,
        top_p: float = 0.9,
        max_new_tokens: int = 64,
        seed: int = 0,
        greedy: bool = False,
        progress: Callable[[int], object] | None = None,
        beams: int | None = None,
    ) -> list[list[str]]:
        """Answer whole prompts.

        Args:
            prompts: What the model reads.
            labels: What the noise of each prompt's samples depends on, with the seed; the prompt itself by default.
            n: Texts for each prompt, duplicates kept; 1 with `greedy`, at most `beams` with beams.
            temperature: Softmax temperature of samples.
            top_p: Nucleus mass of samples.
            max_new_tokens: Tokens a text at most.
            seed: Seed of the noise.
            greedy: Take the likeliest token each time.
            progress: Told after each batch how many prompts it finished.
            beams: Search for the likeliest texts with so many beams instead of sampling.

        Returns:
            For each prompt `n` texts on one line, some perhaps empty.
        """
        if greedy and n != 1:
            raise ValueError("greedy decoding gives one text a source")
        if beams is not None and (greedy or beams < n):
            raise ValueError(f"{beams} beams give at most {beams} texts, and none greedily")
        labels = prompts if labels is None else labels
        results: list[list[str]] = [[] for _ in prompts]
        order = sorted(range(len(prompts)), key=lambda place: -len(prompts[place]))
        size = max(1, BATCH_ROWS // max(n, beams or 1))
        for start in range(0, len(order), size):
            places = order[start : start + size]
            batch = [prompts[place] for place in places]
            if beams is not None:
                texts = search(self.model, self.tokenizer, batch, n, beams, self.ends, max_new_tokens, self.templated)
            else:
                chosen = [labels[place] for place in places]
                noise = None if greedy else np.stack([seeded_noise(seed, one, n, max_new_tokens) for one in chosen])
                texts = decode(
                    self.model,
                    self.tokenizer,
                    batch,
                    noise,
                    self.ends,
                    max_new_tokens,
                    temperature,
                    top_p,
                    self.templated,
                )
            for place, written in zip(places, texts, strict=True):
                results[place] = [parse(text) for text in written]
            if progress is not None:
                progress(len(places))
        return results


class Student(Writer):
    """A trained student; see `load`.

    `paraphrase`, `summarise` and `control` give what people want: distinct texts, no copies, diverse, judged where
    critics are given. `generate` gives everything that was written.
    """

    def generate(
        self,
        task: StudentTask,
        sources: Sequence[str],
        n: int = 1,
        temperature: float = 0.7,
        top_p: float = 0.9,
        max_new_tokens: int = 64,
        seed: int = 0,
        greedy: bool = False,
        progress: Callable[[int], object] | None = None,
        beams: int | None = None,
        trees: Sequence[str] | None = None,
        words: int | None = None,
    ) -> list[list[str]]:
        """Rewrite sentences.

        The noise of a sample depends on seed, task, source and the sample's number alone: a source gets the same
        rewritings whatever else is asked, up to the rounding of the model's arithmetic, which moves in the last digits
        with the shape of a batch. The same call gives the same texts.

        Args:
            task: paraphrase, summary or control.
            sources: Sentences.
            n: Texts for each source, duplicates kept; 1 with `greedy`, at most `beams` with beams.
            temperature: Softmax temperature of samples.
            top_p: Nucleus mass of samples.
            max_new_tokens: Tokens a text at most.
            seed: Seed of the noise.
            greedy: Take the likeliest token each time.
            progress: Told after each batch how many sources it finished.
            beams: Search for the likeliest texts with so many beams instead of sampling.
            trees: Of task control, a linearised tree for each source; see `lemonpress.students.control`.
            words: Of task summary, the number of words that is wanted.

        Returns:
            For each source `n` texts on one line, some perhaps empty.

        Raises:
            UserError: The student was not trained on what is asked.
        """
        asked: Sequence[str | None] = [None] * len(sources) if trees is None else trees
        if len(asked) != len(sources):
            raise ValueError(f"{len(asked)} trees for {len(sources)} sources")
        prompts = [self._prompt(task, source, tree, words) for source, tree in zip(sources, asked, strict=True)]
        labels = [_label(task, source, tree, words) for source, tree in zip(sources, asked, strict=True)]
        return self.answer(prompts, labels, n, temperature, top_p, max_new_tokens, seed, greedy, progress, beams)

    def paraphrase(
        self, sources: Sequence[str], n: int = 1, critics: Sequence[Critic] = (), **decoding: Unpack[Decoding]
    ) -> list[list[str]]:
        """Rewrite sentences in other words.

        Args:
            sources: Sentences.
            n: Texts wanted for each.
            critics: What must accept a text (`lemonpress.critics.build`); the best by entailment come first.
            decoding: See `generate`. By default ``4 n`` samples are drawn, and the `n` that differ most are kept.

        Returns:
            For each source at most `n` distinct texts, none a copy of it; fewer where the student wrote fewer that
            the critics accept.
        """
        return self._best("paraphrase", sources, n, critics, None, None, decoding)

    def summarise(
        self,
        sources: Sequence[str],
        n: int = 1,
        words: int | None = None,
        critics: Sequence[Critic] = (),
        **decoding: Unpack[Decoding],
    ) -> list[list[str]]:
        """Say sentences in fewer words.

        Args:
            sources: Sentences.
            n: As for `paraphrase`.
            words: Wanted number of words: named in the prompt, and the nearest texts come first.
            critics: As for `paraphrase`.
            decoding: As for `paraphrase`.

        Raises:
            UserError: Words are given, and the student was not trained on summaries of a given length.
        """
        return self._best("summary", sources, n, critics, None, words, decoding)

    def control(
        self,
        sources: Sequence[str],
        trees: Sequence[str] | None = None,
        exemplars: Sequence[str] | None = None,
        levels: int | None = None,
        n: int = 1,
        critics: Sequence[Critic] = (),
        parser: Parser | None = None,
        **decoding: Unpack[Decoding],
    ) -> list[list[str]]:
        """Rewrite sentences in a given syntax (Impossible Distillation, section 3.4).

        Args:
            sources: Sentences.
            trees: For each the tree, or the top of one, that its rewriting follows, in brackets without words.
            exemplars: Instead of trees, for each a sentence whose syntax it follows; parsed here.
            levels: Follow only so many levels of the trees, at least 1; all by default.
            n: As for `paraphrase`.
            critics: As for `paraphrase`.
            parser: What parses exemplars; the one that the student was trained with by default.
            decoding: As for `paraphrase`.

        Raises:
            UserError: The student was not trained on trees, a tree is none that it can read, or the parser is another
                than its own.
        """
        if (trees is None) == (exemplars is None):
            raise ValueError("give either trees or exemplars")
        self.contract.check("control")
        if exemplars is not None:
            asked = follow(exemplars, levels, self.contract, parser)
        else:
            asked = [linearised(text, levels, self.contract) for text in trees or ()]
        return self._best("control", sources, n, critics, asked, None, decoding)

    def _best(
        self,
        task: StudentTask,
        sources: Sequence[str],
        n: int,
        critics: Sequence[Critic],
        trees: Sequence[str] | None,
        words: int | None,
        decoding: Decoding,
    ) -> list[list[str]]:
        if n < 1:
            raise UserError(f"n={n}: ask for at least one text a source")
        blank = [place for place, source in enumerate(sources) if not source.strip()]
        if blank:
            raise UserError(f"sources: number {blank[0]} is blank; give a sentence")
        pool = decoding.get("beams") or _POOL * n
        if pool < n:
            raise UserError(f"beams={pool}: give at least n={n} of them")
        written = self.generate(task, sources, max(n, pool), trees=trees, words=words, **decoding)
        chosen = best(sources, written, n, critics, words=words)
        return [[one.text for one in texts] for texts in chosen]

    def _prompt(self, task: StudentTask, source: str, tree: str | None, words: int | None) -> str:
        self.contract.check(task, words)
        return prompt(task, source, self.contract.formats, tree, words)


class ZeroShot(Writer):
    """The baseline: an instruct model without training on the tasks, asked in its chat template if it has one."""

    one_line: ClassVar[bool] = False  # an answer may announce itself on a line of its own

    @property
    def templated(self) -> bool:
        """Whether the model has a chat template."""
        return self.tokenizer.chat_template is not None

    def chat_prompt(self, messages: list[dict[str, str]]) -> str:
        """The turns of a chat as the model reads them; one after the other where it has no chat template.

        Raises:
            UserError: The chat template refuses them.
        """
        if self.templated:
            return rendered(self.tokenizer, messages)
        return "\n\n".join(message["content"] for message in messages)


def _label(task: StudentTask, source: str, tree: str | None, words: int | None) -> str:
    extra = [part for part in (tree, words and str(words)) if part]
    return "\0".join([task, source, *extra])
