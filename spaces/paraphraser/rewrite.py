"""What the Space does, without its interface: check the input, rewrite it, let the critics judge."""

import difflib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from lemonpress.critics import build
from lemonpress.critics.base import Critic
from lemonpress.critics.explain import Verdict, explain_many
from lemonpress.errors import UserError
from lemonpress.hub.load import snapshot
from lemonpress.recipes import Recipe, Task
from lemonpress.recipes.load import check
from lemonpress.splitting import normalise
from lemonpress.students.generate import Student

MAX_CHARACTERS = 400
MAX_WORDS = 60
MAX_SENTENCES = 5
MAX_CANDIDATES = 8
TEMPERATURES = (0.1, 1.5)
_MAX_NEW_TOKENS = 96  # a sentence of 60 words, with room
_TOKEN = re.compile(r"\w+(?:['’-]\w+)*|\s+|[^\w\s]+")
_UNPRINTABLE = frozenset({"Cc", "Cn", "Co", "Cs"})


@dataclass(frozen=True)
class Candidate:
    """A rewriting and what the critics say of it.

    Attributes:
        text: One sentence.
        samples: How many of the student's samples said it, case and punctuation aside.
        verdicts: One a critic.
    """

    text: str
    samples: int
    verdicts: tuple[Verdict, ...]

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
        """All of it as JSON, with the verdict and reason of every candidate."""
        return {
            "source": self.source,
            "candidates": [
                {
                    "text": candidate.text,
                    "kept": candidate.kept,
                    "reason": candidate.reason,
                    "samples": candidate.samples,
                    "critics": [asdict(verdict) for verdict in candidate.verdicts],
                }
                for candidate in self.candidates
            ],
            "copies": self.copies,
            "empty": self.empty,
        }


@dataclass(frozen=True)
class Rewriter:
    """A released student with the critics that chose its training data.

    Attributes:
        student: The model.
        repo_id: Its repository.
        version: Its release.
        commit: The commit of that release.
        critics: The critics of each task.
    """

    student: Student
    repo_id: str
    version: str
    commit: str
    critics: dict[Task, list[Critic]]

    def rewrite(self, text: str, task: Task, n: int, temperature: float) -> list[Sentence]:
        """Rewrite a short text sentence by sentence; the same call gives the same answer.

        Args:
            text: Up to 400 characters and 5 sentences of at most 60 words.
            task: paraphrase or summary.
            n: Samples for each sentence, 1 to 8; copies and repetitions are not shown.
            temperature: 0.1 to 1.5; higher is more varied.

        Raises:
            UserError: The input is not what is asked for; the message is for the one who typed it.
        """
        sources = sentences(text)
        check_settings(task, n, temperature, tuple(self.critics))
        written = self.student.generate(task, sources, n=n, temperature=temperature, max_new_tokens=_MAX_NEW_TOKENS)
        return judged(sources, written, self.critics[task])


def load(repo_id: str, version: str, endpoint: str | None = None) -> Rewriter:
    """Load a released student, and from its provenance the critics.

    Args:
        repo_id: Model repository.
        version: Released version such as ``1.0.0``.
        endpoint: Address of the Hub; ``HF_ENDPOINT``, else the public one, if None.

    Raises:
        UserError: There is no such release, or it does not say how it was made.
    """
    try:
        folder = snapshot(repo_id, version, endpoint)
    except UserError as error:
        raise UserError(f"{error}; the demo makes this release: run make demo first") from None
    recipe = _recipe(folder, repo_id)
    critics: dict[Task, list[Critic]] = {}
    for corpus in recipe.corpora.values():
        if corpus.task not in critics:
            critics[corpus.task] = build(corpus.critics)
    return Rewriter(Student.load(folder), repo_id, version, folder.name, critics)


def sentences(text: object) -> list[str]:
    """The sentences of an input.

    Raises:
        UserError: It is empty, too long, or not text; the message never repeats it.
    """
    import sentencex

    if not isinstance(text, str):
        raise UserError("Please send text.")
    if len(text) > 20 * MAX_CHARACTERS:
        raise UserError(f"That is too long: please keep to {MAX_CHARACTERS} characters.")
    if any(unicodedata.category(c) in _UNPRINTABLE and not c.isspace() for c in text) or "\ufffd" in text:
        raise UserError("This does not look like text: it holds characters that cannot be printed.")
    line = " ".join(text.split())
    if not line:
        raise UserError("There is nothing to rewrite yet: please type a sentence.")
    if len(line) > MAX_CHARACTERS:
        raise UserError(f"That is {len(line)} characters long: please keep to {MAX_CHARACTERS}.")
    letters = sum(character.isalpha() for character in line)
    if 2 * letters < len(line.replace(" ", "")):
        raise UserError("This does not look like a sentence: please type words.")
    parts = (str(part).strip() for part in sentencex.segment("en", line))
    found = [part for part in parts if any(map(str.isalnum, part))]
    if len(found) > MAX_SENTENCES:
        raise UserError(f"These are {len(found)} sentences: please keep to {MAX_SENTENCES}.")
    longest = max(len(sentence.split()) for sentence in found)
    if longest > MAX_WORDS:
        raise UserError(f"One sentence has {longest} words: please keep to {MAX_WORDS} in a sentence.")
    return found


def check_settings(task: object, n: object, temperature: object, tasks: Sequence[Task]) -> None:
    """Refuse settings out of range.

    Raises:
        UserError: Names the setting and its range.
    """
    if task not in tasks:
        known = [known for known in get_args(Task) if known in tasks]
        raise UserError(f"task: please choose {' or '.join(known)}.")
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MAX_CANDIDATES:
        raise UserError(f"n: please ask for 1 to {MAX_CANDIDATES} candidates.")
    low, high = TEMPERATURES
    if not isinstance(temperature, int | float) or isinstance(temperature, bool) or not low <= temperature <= high:
        raise UserError(f"temperature: please choose a number from {low:g} to {high:g}.")


def judged(sources: Sequence[str], written: Sequence[Sequence[str]], critics: Sequence[Critic]) -> list[Sentence]:
    """Merge the samples of each source and ask the critics about what is left, in one batch.

    Args:
        sources: Sentences.
        written: The samples of each.
        critics: Of the task.

    Returns:
        One entry a source: candidates that the critics keep come first, then those that fewer reject, then those that
        more samples agree on.
    """
    merged = [_merge(source, texts) for source, texts in zip(sources, written, strict=True)]
    pairs = [(source, text) for source, counts in zip(sources, merged, strict=True) for text in counts]
    verdicts = iter(explain_many([source for source, _ in pairs], [text for _, text in pairs], critics))
    results = []
    for source, texts, counts in zip(sources, written, merged, strict=True):
        candidates = [Candidate(text, samples, tuple(next(verdicts))) for text, samples in counts.items()]
        candidates.sort(key=lambda one: (sum(not verdict.kept for verdict in one.verdicts), -one.samples))
        empty = sum(not normalise(text) for text in texts)
        results.append(Sentence(source, tuple(candidates), len(texts) - empty - sum(counts.values()), empty))
    return results


def shown(score: float) -> str:
    """A score to read: all the digits that decided, none more."""
    return f"{score:.4f}".rstrip("0").rstrip(".")


def together(results: Sequence[Sentence]) -> str:
    """The text with every sentence replaced by its best candidate; one without any stays as it is."""
    return " ".join(result.best or result.source for result in results)


def changes(source: str, text: str) -> list[tuple[str, bool]]:
    """A rewriting in pieces, each with whether its words are new or stand elsewhere than in the source.

    The pieces joined give the rewriting; case alone is no change, and space between new words counts as new.
    """
    old, new = _TOKEN.findall(source), _TOKEN.findall(text)
    old_words = [token.casefold() for token in old if not token.isspace()]
    places = [place for place, token in enumerate(new) if not token.isspace()]
    matcher = difflib.SequenceMatcher(None, old_words, [new[place].casefold() for place in places], autojunk=False)
    same = {places[b + offset] for _, b, size in matcher.get_matching_blocks() for offset in range(size)}
    fresh = [not token.isspace() and place not in same for place, token in enumerate(new)]
    for place in range(1, len(new) - 1):
        if new[place].isspace():
            fresh[place] = fresh[place - 1] and fresh[place + 1]
    pieces: list[tuple[str, bool]] = []
    for token, is_new in zip(new, fresh, strict=True):
        if pieces and pieces[-1][1] == is_new:
            pieces[-1] = (pieces[-1][0] + token, is_new)
        else:
            pieces.append((token, is_new))
    return pieces


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


def _recipe(folder: Path, repo_id: str) -> Recipe:
    file = folder / "provenance.json"
    if not file.is_file():
        raise UserError(f"{repo_id}: its release has no provenance.json, so its critics are unknown; release it again")
    return check(json.loads(file.read_text(encoding="utf-8"))["recipe"], f"{repo_id}: recipe of provenance.json")
