"""What the critics say of candidates: verdicts of those that chose the training data, and measures that inform."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lemonpress.critics import build
from lemonpress.critics.base import Critic
from lemonpress.critics.explain import Verdict, explain_many
from lemonpress.errors import UserError
from lemonpress.recipes import (
    CompressionSettings,
    CriticSettings,
    EntailmentSettings,
    EntitySettings,
    NumberSettings,
    RougeSettings,
    SyntaxSettings,
    Task,
)
from lemonpress.splitting import normalise

_MEANING = ("entailment", "reverse_entailment")


@dataclass(frozen=True)
class Candidate:
    """A rewriting and what is said of it.

    Attributes:
        text: One sentence.
        samples: How many of the student's samples said it, case and punctuation aside.
        verdicts: One a critic of the corpus; all must accept it.
        measures: What else is measured, which decides nothing.
        tree: Of a rewriting in a given syntax, its own parse in brackets.
    """

    text: str
    samples: int
    verdicts: tuple[Verdict, ...]
    measures: tuple[Verdict, ...] = ()
    tree: str | None = None

    @property
    def kept(self) -> bool:
        """Whether every critic accepts it."""
        return all(verdict.kept for verdict in self.verdicts)

    @property
    def reason(self) -> str:
        """Why it is kept or rejected, in words."""
        if self.kept:
            return "Every critic accepts it."
        failed = [f"{v.critic} is {shown(v.score)} ({v.measures})" for v in self.verdicts if not v.kept]
        return f"Rejected: {'; '.join(failed)}."

    @property
    def meaning(self) -> float:
        """The weaker of the entailments that were asked, 0 without any."""
        said = [one.score for one in (*self.verdicts, *self.measures) if one.critic in _MEANING]
        return min(said, default=0.0)

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "text": self.text,
            "kept": self.kept,
            "reason": self.reason,
            "samples": self.samples,
            "critics": [asdict(verdict) for verdict in self.verdicts],
            "measures": {measure.critic: measure.score for measure in self.measures},
        }


@dataclass(frozen=True)
class Sentence:
    """A sentence of the input and its candidates, the best one first.

    Attributes:
        source: The sentence.
        candidates: Distinct rewritings.
        copies: Samples left out because they repeat the source.
        empty: Samples left out because they say nothing.
    """

    source: str
    candidates: tuple[Candidate, ...]
    copies: int
    empty: int

    @property
    def best(self) -> str | None:
        """The first candidate that the critics keep."""
        return next((candidate.text for candidate in self.candidates if candidate.kept), None)

    def as_json(self) -> dict[str, Any]:
        """All of it, with the verdict and reason of every candidate."""
        return {
            "source": self.source,
            "candidates": [candidate.as_json() for candidate in self.candidates],
            "copies": self.copies,
            "empty": self.empty,
        }


@dataclass(frozen=True)
class Panel:
    """Who judges the candidates of a task.

    Attributes:
        critics: Those of the corpus that the student learnt from.
        measures: What is shown beside them and decides nothing.
    """

    critics: tuple[Critic, ...]
    measures: tuple[Critic, ...] = ()

    def judge(self, source: str, texts: Sequence[str]) -> Sentence:
        """Merge samples and ask about what is left, everybody in one batch.

        Args:
            source: A sentence.
            texts: Its samples.

        Returns:
            Candidates that the critics keep come first, then those that fewer reject; among them those that keep the
            meaning best, then those that more samples agree on.
        """
        counts = _merge(source, texts)
        deciding = {critic.name for critic in self.critics}
        said = explain_many([source] * len(counts), list(counts), [*self.critics, *self.measures])
        candidates = [
            Candidate(
                text,
                counts[text],
                tuple(one for one in verdicts if one.critic in deciding),
                tuple(one for one in verdicts if one.critic not in deciding),
            )
            for text, verdicts in zip(counts, said, strict=True)
        ]
        candidates.sort(key=lambda one: (sum(not v.kept for v in one.verdicts), -one.meaning, -one.samples))
        empty = sum(not normalise(text) for text in texts)
        return Sentence(source, tuple(candidates), len(texts) - empty - sum(counts.values()), empty)


def panel(task: Task, settings: Sequence[CriticSettings]) -> Panel:
    """The critics of a recipe, and of the standing measures those that it lacks and that are installed.

    The standing measures are entailment both ways, ROUGE-L, tree distance, compression, and numbers and entities kept;
    models are the recipe's own where it names any, else those that ship.

    Args:
        task: paraphrase or summary.
        settings: Critics of the corpus.

    Raises:
        UserError: A model of the recipe cannot be found.
    """
    critics = build(settings)
    known = {critic.name for critic in critics}
    judge = next((one for one in settings if isinstance(one, EntailmentSettings)), None)
    nli = EntailmentSettings(critic="entailment", model="data/nli-critic") if judge is None else judge
    mode = "equal" if task == "paraphrase" else "subset"
    standing: list[CriticSettings] = [
        CompressionSettings(critic="compression"),
        NumberSettings(critic="numbers", mode=mode),
        RougeSettings(critic="rouge_l"),
        EntitySettings(critic="entities", mode=mode),
        SyntaxSettings(critic="syntax", parser="spacy"),
        nli.model_copy(update={"direction": "both"}),
    ]
    measures: list[Critic] = []
    for one in standing:
        try:
            measures += [critic for critic in build([one]) if critic.name not in known]
        except UserError as error:
            print(f"paraphraser: {one.critic} is not measured: {error}", flush=True)
    return Panel(tuple(critics), tuple(measures))


def shown(score: float) -> str:
    """A score to read: all the digits that decided, none more."""
    return f"{score:.4f}".rstrip("0").rstrip(".")


def together(results: Sequence[Sentence]) -> list[str]:
    """Each sentence's best candidate; one without any stays as it is."""
    return [result.best or result.source for result in results]


def _merge(source: str, texts: Sequence[str]) -> dict[str, int]:
    """Distinct samples in order of first appearance with their counts, without copies of the source and empty ones."""
    first: dict[str, str] = {}
    counts: dict[str, int] = {}
    for text in texts:
        form = normalise(text)
        if form and form != normalise(source):
            kept = first.setdefault(form, text)
            counts[kept] = counts.get(kept, 0) + 1
    return counts
