"""Sentences in running text: where the first one ends, and whether it is fit for a corpus."""

import re
import unicodedata

_END = re.compile(r"[.!?…][\"'”’)\]]*\s")
_LIST = re.compile(r"^\s*(?:[-*•–—·#>|]|\(?\d{1,3}[.)]\s|\(?[a-zA-Z][.)]\s|[IVXivx]{1,5}\.\s)")
_MARKUP = re.compile(r"https?://|www\.|<[^>]*>|</|[{}\\|<>\[\]_^~`=]|\*\*|&[a-z]+;|@\w+|\ufffd")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?", re.UNICODE)
_TERMINAL = re.compile(r"[.!?][\"'”’)]*$")
_MIN_WORDS = 5
_MAX_WORDS = 60


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


def words_of(source: str, ratio: float) -> int:
    """Words to ask for, at least one, given how many of them for each word of the source."""
    return max(1, round(ratio * len(source.split())))
