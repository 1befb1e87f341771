"""What visitors may ask for: text and settings within limits, or a friendly sentence that says what to do."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from english import looks_english

from lemonpress.errors import UserError
from lemonpress.recipes import StudentTask

MAX_CHARACTERS = 2000
MAX_SENTENCES = 20
MAX_WORDS = 60
MAX_SENTENCE_CHARACTERS = 500
MAX_CANDIDATES = 8
MAX_SAMPLES = 60
"""Candidates of all sentences together: what one visitor's text may cost."""
TEMPERATURES = (0.1, 1.5)
WORDS = (1, 40)
LEVELS = (2, 6)
MAX_TREE_CHARACTERS = 1000
_UNPRINTABLE = frozenset({"Cc", "Cn", "Co", "Cs"})
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")


@dataclass(frozen=True)
class Passage:
    """A text in sentences.

    Attributes:
        paragraphs: The sentences of each paragraph.
    """

    paragraphs: tuple[tuple[str, ...], ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All sentences in order."""
        return tuple(sentence for paragraph in self.paragraphs for sentence in paragraph)

    def joined(self, rewritten: Sequence[str]) -> str:
        """The text with other sentences in place of its own, in the same paragraphs.

        Args:
            rewritten: One sentence for each of `sentences`.
        """
        rest = iter(rewritten)
        return "\n\n".join(" ".join(next(rest) for _ in paragraph) for paragraph in self.paragraphs)


@dataclass(frozen=True)
class Ask:
    """What is asked for, within limits.

    Attributes:
        task: paraphrase, summary or control.
        n: Samples for each sentence.
        temperature: Of the samples.
        words: Of a summary, the wanted words; any number if None.
        tree: Of control, the tree to follow, in brackets.
    """

    task: StudentTask
    n: int = 5
    temperature: float = 0.7
    words: int | None = None
    tree: str | None = None


def passage(text: object) -> Passage:
    """The sentences of an input.

    Raises:
        UserError: It is empty, too long, not English or not text; the message never repeats it.
    """
    import sentencex

    if not isinstance(text, str):
        raise UserError("Please send text.")
    if len(text) > 20 * MAX_CHARACTERS:
        raise UserError(f"That is too long: please keep to {MAX_CHARACTERS:,} characters.")
    check_printable(text)
    lines = [" ".join(part.split()) for part in _PARAGRAPH.split(text)]
    whole = " ".join(filter(None, lines))
    if not whole:
        raise UserError("There is nothing to rewrite yet: please type a sentence.")
    if len(whole) > MAX_CHARACTERS:
        raise UserError(f"That is {len(whole):,} characters long: please keep to {MAX_CHARACTERS:,}.")
    letters = sum(character.isalpha() for character in whole)
    if 2 * letters < len(whole.replace(" ", "")):
        raise UserError("This does not look like a sentence: please type words.")
    if not looks_english(whole):
        raise UserError("This does not look like English, the only language that this student learnt.")
    found = []
    for line in filter(None, lines):
        parts = (str(part).strip() for part in sentencex.segment("en", line))
        found.append(tuple(part for part in parts if any(map(str.isalnum, part))))
    text_of = Passage(tuple(filter(None, found)))
    _check_sentences(text_of.sentences)
    return text_of


def one_sentence(text: object, what: str) -> str:
    """A sentence beside the text, such as an exemplar, on one line.

    Args:
        text: As it was typed.
        what: What to call it.

    Raises:
        UserError: It is empty, too long or not text.
    """
    if not isinstance(text, str):
        raise UserError(f"{what}: please send text.")
    too_long = UserError(f"{what}: please keep to one sentence of {MAX_WORDS} words.")
    if len(text) > 20 * MAX_CHARACTERS:
        raise too_long
    line = " ".join(text.split())
    if not any(map(str.isalpha, line)):
        raise UserError(f"{what}: please type a sentence.")
    if len(line) > MAX_SENTENCE_CHARACTERS or len(line.split()) > MAX_WORDS:
        raise too_long
    check_printable(line, f"{what}: this")
    return line


def ask(
    task: StudentTask,
    n: object,
    temperature: object,
    words: object = None,
    tree: str | None = None,
    sentences: int = 1,
) -> Ask:
    """What is asked for, checked.

    Args:
        task: One that the student was trained on.
        n: As it was sent.
        temperature: As it was sent.
        words: As it was sent; None and 0 leave the length open.
        tree: Already checked.
        sentences: Of the text, for the limit on all samples together.

    Raises:
        UserError: Names the setting and its range.
    """
    count = integer(n, "n", (1, MAX_CANDIDATES), "candidates")
    low, high = TEMPERATURES
    if not isinstance(temperature, int | float) or isinstance(temperature, bool) or not low <= temperature <= high:
        raise UserError(f"temperature: please choose a number from {low:g} to {high:g}.")
    if count * sentences > MAX_SAMPLES:
        most = MAX_SAMPLES // sentences
        raise UserError(f"n: please ask for at most {most} candidates for each of {sentences} sentences.")
    wanted = None if words is None or words == 0 else integer(words, "words", WORDS, "words")
    return Ask(task, count, float(temperature), wanted, tree)


def integer(value: object, name: str, bounds: tuple[int, int], unit: str) -> int:
    """A whole number within bounds.

    Raises:
        UserError: It is none; names the setting and its range.
    """
    low, high = bounds
    if isinstance(value, float) and value.is_integer():  # as sliders send them
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UserError(f"{name}: please ask for {low} to {high} {unit}.")
    return value


def check_printable(text: str, what: str = "This") -> None:
    """Refuse control characters, lone surrogates and the like.

    Args:
        text: As it was sent.
        what: What the message begins with.

    Raises:
        UserError: It holds any.
    """
    if any(unicodedata.category(c) in _UNPRINTABLE and not c.isspace() for c in text) or "\ufffd" in text:
        raise UserError(f"{what} does not look like text: it holds characters that cannot be printed.")


def _check_sentences(sentences: Sequence[str]) -> None:
    if len(sentences) > MAX_SENTENCES:
        raise UserError(f"These are {len(sentences)} sentences: please keep to {MAX_SENTENCES}.")
    longest = max(len(sentence.split()) for sentence in sentences)
    if longest > MAX_WORDS:
        raise UserError(f"One sentence has {longest} words: please keep to {MAX_WORDS} in a sentence.")
    if any(len(sentence) > MAX_SENTENCE_CHARACTERS for sentence in sentences):
        raise UserError(
            f"One sentence is too long: please keep to {MAX_SENTENCE_CHARACTERS} characters in a sentence."
        )
