"""Next sentences: from a teacher's samples to the distinct, well-formed first sentences of a context."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

_END = re.compile(r"[.!?…][\"'”’)\]]*\s")
_LIST = re.compile(r"^\s*(?:[-*•–—·#>|]|\(?\d{1,3}[.)]\s|\(?[a-zA-Z][.)]\s|[IVXivx]{1,5}\.\s)")
_MARKUP = re.compile(r"https?://|www\.|<[^>]*>|</|[{}\\|<>\[\]_^~`=]|\*\*|&[a-z]+;|@\w+|\ufffd")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?", re.UNICODE)
_TERMINAL = re.compile(r"[.!?][\"'”’)]*$")
_MIN_WORDS = 5
_MAX_WORDS = 60


@dataclass(frozen=True)
class Pool:
    """The distinct sentences of one context.

    Attributes:
        sentences: In order of first appearance.
        counts: Samples that gave each, normalised duplicates merged.
        dropped: Samples dropped, by reason.
    """

    sentences: list[str]
    counts: list[int]
    dropped: dict[str, int]


def first_sentence(text: str) -> str | None:
    """The first complete sentence of a continuation, or None while it is not finished.

    A sentence is finished when the splitter sees the next one begin (one whole word of it), or at a newline. The text
    is read from left to right and the first such place decides, so more text never changes the answer.
    """
    import sentencex

    line = text.lstrip()
    offset = line.find("\n")
    body = line if offset < 0 else line[:offset]
    for match in _END.finditer(body):
        word_end = re.compile(r"\S+\s").match(body, match.end())
        if word_end is None:
            break
        parts = list(sentencex.segment("en", body[: word_end.end()]))
        if len(parts) > 1:
            return str(parts[0]).strip()
    if offset >= 0 and _TERMINAL.search(body.rstrip()):
        parts = list(sentencex.segment("en", body))
        return str(parts[0]).strip()
    return None


def settled(text: str) -> bool:
    """Whether more text cannot change what `first_sentence` says: a sentence is complete, or the line has ended."""
    return "\n" in text.lstrip() or first_sentence(text) is not None


def flaw(sentence: str) -> str | None:
    """Why a sentence is not fit for a corpus: fragment, list, markup, unbalanced; None where it is fit."""
    words = _WORD.findall(sentence)
    if _LIST.match(sentence):
        return "list"
    if _MARKUP.search(sentence):
        return "markup"
    if not _balanced(sentence):
        return "unbalanced"
    start = sentence.lstrip("\"'“‘(")[:1]
    if not _TERMINAL.search(sentence) or not (start.isupper() or start.isdigit()):
        return "fragment"
    if not _MIN_WORDS <= len(words) <= _MAX_WORDS:
        return "fragment"
    return None


def normalise(sentence: str) -> str:
    """Form in which duplicates agree: NFKC, lower case, letters and digits only."""
    folded = unicodedata.normalize("NFKC", sentence).casefold()
    return " ".join(re.findall(r"[^\W_]+", folded))


def press(samples: list[str]) -> Pool:
    """Turn the samples of one context into its pool of distinct sentences.

    Args:
        samples: Raw continuations.

    Returns:
        The pool; reasons in `dropped` are unfinished, fragment, list, markup and unbalanced. Merged duplicates are
        kept in `counts`.
    """
    dropped: Counter[str] = Counter()
    texts: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for sample in samples:
        sentence = first_sentence(sample)
        reason = "unfinished" if sentence is None else flaw(sentence)
        if sentence is None or reason is not None:
            dropped[str(reason)] += 1
            continue
        sentence = " ".join(sentence.split())
        key = normalise(sentence)
        texts.setdefault(key, sentence)
        counts[key] += 1
    return Pool(list(texts.values()), [counts[key] for key in texts], dict(sorted(dropped.items())))


def _balanced(sentence: str) -> bool:
    """Quotes and brackets open and close; apostrophes do not count."""
    if sentence.count('"') % 2 or sentence.count("“") != sentence.count("”"):
        return False
    depth = 0
    for character in sentence:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
