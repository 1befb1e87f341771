"""Rewritings read out of a language model's answer: JSON, a list in whatever style, or plain lines."""

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

KEY = "rewritings"
"""Of the list in a structured answer."""

Flaw: TypeAlias = Literal["refusal", "cut off", "malformed"]


@dataclass(frozen=True)
class Answer:
    """What an answer holds.

    Attributes:
        texts: Rewritings, without numbers, labels, quotes and emphasis; not yet judged as sentences.
        flaw: Why there are none: the model refuses, was cut off before the end of the first, or wrote no rewriting.
    """

    texts: tuple[str, ...]
    flaw: Flaw | None = None


def read_answer(text: str, n: int, finish: str | None = None) -> Answer:
    """Read the rewritings in an answer.

    Thoughts, announcements, closing remarks and questions back are passed over. What the model numbered counts before
    what it labelled or marked with letters or bullets, and that before plain lines. One line of several sentences is
    taken for one rewriting a sentence where more than one was asked for.

    Args:
        text: The raw answer.
        n: Rewritings asked for; further ones are left out.
        finish: Why the model ended, as OpenAI's protocol says it: after ``length`` the last rewriting is cut off and
            left out.

    Returns:
        At most n texts, none of them blank, or why there are none.
    """
    body = _bare(text)
    cut = finish == "length"
    texts = _json_texts(body)
    alone = texts is not None and len(texts) == 1
    if texts is None:
        texts, open_end, listed = _items(body, n)
        alone = not listed or len(texts) == 1
        if cut and open_end:
            texts = texts[:-1]
    if alone and any(map(_REFUSAL.match, (body, *texts[:1]))):
        return Answer((), "refusal")
    found = [clean for clean in (_clean(item) for item in texts if not _title(item)) if _says_something(clean)]
    if not found:
        return Answer((), "cut off" if cut else "malformed")
    return Answer(tuple(found[:n]))


_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning|analysis)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(r"\A.*</(?:think|thinking|thought|reasoning|analysis)>", re.DOTALL | re.IGNORECASE)
_TOKEN = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?s>|<end_of_turn>|<eos>")
_EMPHASIS_TAG = re.compile(r"</?(?:b|i|em|strong|u)>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][\w-]*/?>")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$", re.MULTILINE)

_REFUSAL = re.compile(
    r"\A\W*(?:i['’]?m (?:really |very |truly )?sorry|i am sorry|sorry|i (?:do )?apologi[sz]e|my apologies"
    r"|unfortunately|as an ai\b|i (?:can['’]?t|cannot|can not|won['’]?t|will not|am (?:not able|unable)|must decline)"
    r"|i['’]m (?:not able|unable))"
    r".{0,160}?\b(?:assist|help(?: you)? with|fulfil+|comply|generate|create|provide|rewrit|rephras|paraphras|summari"
    r"|continue with|engage|request|respond|discuss|produce|language model)",
    re.IGNORECASE | re.DOTALL,
)
_THEM = (
    r"(?:paraphrases?|rewritings?|rephrasings?|versions?|variations?"
    r"|alternatives?|summar(?:y|ies)|options?|sentences?)"
)
_REMARK = re.compile(
    r"\W*(?:let me know (?:if (?:you(?:['’]d| would)? (?:need|want|like|have|prefer)|there|any|this|these)|which)"
    r"|(?:please )?feel free to (?:ask (?:me|if|for)|modify|adjust|use (?:any|these|them)|choose|pick|let me)"
    r"|please (?:let me know if|note that (?:these|the|i)\b|(?:provide|share|give)\b.{0,20}\b(?:sentence|text)\b)"
    rf"|(?:i )?hope (?:this|these|that) (?:helps?\b|meets?\b|works?\b|{_THEM})"
    r"|would you like (?:me to|more|any (?:more|other|further|changes)|another set)"
    rf"|do you (?:want|need) (?:me to|more {_THEM}|any (?:more|other|further) {_THEM})"
    r"|is there anything else"
    r"|if you (?:need|want|would like|have|['’]?d like) (?:any|more|further|me to|another|additional)"
    rf"|(?:these|each of (?:the|these)|all (?:of )?(?:the|these)) (?:\w+ )?{_THEM}\b"
    r".*\b(?:meaning|original|convey|maintain|preserv|retain|captur|express)"
    rf"|(?:here (?:are|is)|here['’]s|below are|the following are)\b[^.!?]*\b{_THEM}\b[^.!?]*[:.!]?\s*\Z"
    r"|note\s*:|\(?note that (?:these|the|i|all|each)\b|(?:explanation|reasoning|changes?(?: made)?|commentary)\s*:"
    r"|(?:the )?(?:original|source|input)(?: sentence| text)?\s*:)",
    re.IGNORECASE,
)
# Before a comma it may belong to the rewriting: "Great, we won!"
_GREETING = re.compile(
    r"\A(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|great|got it)\s*"
    r"(?:[!.:]+\s*|[,–—-]+\s*(?=(?:here|below|the following|i|let me)\b))",
    re.IGNORECASE,
)
_ANNOUNCEMENT = re.compile(
    r"\A(?:here (?:are|is)|here['’]s|below (?:are|is)|the following (?:are|is))\b[^:\n.!?]{0,120}:\s+(?=\S)", re.I
)


def _bare(text: str) -> str:
    """The answer proper: without thoughts, tags and special tokens."""
    text = _TOKEN.sub("\n", text.replace("\r\n", "\n"))
    text = _END_OF_THOUGHT.sub("", _THOUGHT.sub("", text))
    text = _TAG.sub("\n", _EMPHASIS_TAG.sub("", text))
    return _RULE.sub("", text).strip()


# JSON ---------------------------------------------------------------------------------------------------------------

_JSON_START = re.compile(r"(?:^[ \t]*|[:`]\s*)(?=\{\s*[\"'\[{]|\[\s*[\"'{])", re.MULTILINE)
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_LAST_COMMA = re.compile(r",(\s*[\]}])")
_NO_COMMA = re.compile(r"[\"']\s+[\"']")
_BESIDE = {
    *("original", "source", "input", "original_sentence", "source_sentence", "original_text", "task", "language"),
    *("id", "type", "style", "tone", "note", "notes", "comment", "comments", "explanation", "changes", "error"),
}
"""Keys of what is no rewriting."""


def _json_texts(body: str) -> list[str] | None:
    """The texts of an answer in JSON, whole or cut off; None where it is not in JSON."""
    start = _JSON_START.search(body)
    if start is None:
        return None
    rest = body[start.end() :]
    values = _decoded(rest) or _decoded(_LAST_COMMA.sub(r"\1", rest)) or _python(rest)
    texts = list(_walk(values)) or _literals(rest)
    numbered = [item for item in map(_numbered, texts) if item is not None]
    if [number for number, _ in numbered] == list(range(1, len(texts) + 1)):
        return [text for _, text in numbered]
    return texts


def _decoded(rest: str) -> list[object]:
    """The JSON values that stand one after the other, up to one that is broken."""
    found: list[object] = []
    decoder = json.JSONDecoder(strict=False)
    while rest[:1] in ("{", "["):
        try:
            value, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            break
        found.append(value)
        rest = rest[end:].lstrip(" \t\n,;")
    return found


def _python(rest: str) -> list[object]:
    """A Python list or dictionary; nothing where it is none."""
    if _NO_COMMA.search(rest):  # Python would read 'one' 'other' as one text
        return []
    end = rest.rfind("]" if rest[0] == "[" else "}") + 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in sentences
            return [ast.literal_eval(rest[:end])]
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return []


def _walk(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _walk(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if not _beside(str(name)):
                yield from _walk(item)


def _literals(rest: str) -> list[str]:
    """The whole strings of JSON that is broken or cut off, without keys and what stands beside the rewritings."""
    found = []
    key = ""
    place = 0
    inside = ""
    for literal in _LITERAL.finditer(rest):
        before = rest[place : literal.start()]
        place = literal.end()
        for bracket in re.findall(r"[\[\]{}]", before):
            inside = inside + bracket if bracket in "[{" else inside[:-1]
        if inside.endswith("{") and ":" not in before:
            key = literal[1]
            continue
        try:
            text = json.loads(literal[0], strict=False)
        except ValueError:
            text = literal[1]
        if not _beside(key):
            found.append(str(text))
    return found


def _beside(key: str) -> bool:
    return key.lower().replace(" ", "_") in _BESIDE


# Lists --------------------------------------------------------------------------------------------------------------

_NOUN = (
    r"(?:paraphras(?:e|ed|ing)|re-?writ(?:e|ing|ten)|rephras(?:e|ed|ing)|reword(?:ed|ing)|version|option|variation|variant"
    r"|alternative|summary|sentence|text|answer|output|response)"
)
_LABEL = rf"(?:{_NOUN}(?: (?:sentence|version|text|option))?)"
_EMPHASIS = r"(?:\*\*|__|\*|_)?"
_NUMBERED = re.compile(
    rf"^\s*(?:[-*•>]\s+)?(?:#+\s*)?{_EMPHASIS}(?:\((\d{{1,2}})\)|\[(\d{{1,2}})\][.:]?|#?(\d{{1,2}})(?:[.):]+|\s*[-–—](?=\s)|\ufe0f?\u20e3))"
    rf"{_EMPHASIS}(?:\s+|$|(?=[\"“'‘A-Z*]))(.*)$"
)
_LABELLED = re.compile(
    rf"^\s*(?:[-*•>]\s+)?(?:#+\s*)?{_EMPHASIS}\[?{_LABEL}\s*(?:#|no\.?\s*)?(?:(\d{{1,2}})|([A-J]))\]?\s*(?:\([^()]*\))?\s*{_EMPHASIS}\s*"
    rf"(?:[:.)–—-]+\s*{_EMPHASIS}\s*|$)(.*)$",
    re.IGNORECASE,
)
_LETTERED = re.compile(rf"^\s*{_EMPHASIS}(?:\(([a-jA-J])\)|([a-jA-J])[.)]){_EMPHASIS}\s+(.*)$")
_BULLET = re.compile(r"^\s*(?:[-*•–—·▪◦‣●○■➤→✓✔>+])\s+(.*)$")
_CIRCLED = re.compile(r"^\s*([①-⑳])\s*(.*)$")

_FINISHED = re.compile(r"[.!?…][\"'”’)*_]*$")

_Item: TypeAlias = tuple[int, str]  # number and text


def _numbered(line: str) -> _Item | None:
    if found := _NUMBERED.match(line):
        return int(next(part for part in found.groups()[:3] if part)), found[4]
    if found := _CIRCLED.match(line):
        return ord(found[1]) - ord("①") + 1, found[2]
    return None


def _labelled(line: str) -> _Item | None:
    found = _LABELLED.match(line)
    if found is None:
        return None
    return int(found[1]) if found[1] else ord(found[2].upper()) - ord("A") + 1, found[3]


def _lettered(line: str) -> _Item | None:
    found = _LETTERED.match(line)
    return (ord((found[1] or found[2]).lower()) - ord("a") + 1, found[3]) if found else None


def _bulleted(line: str) -> _Item | None:
    found = _BULLET.match(line)
    return (0, found[1]) if found else None


_STYLES = (_numbered, _labelled, _lettered, _bulleted)


def _items(body: str, n: int) -> tuple[list[str], bool, bool]:
    """The raw items of a list, or the plain lines; whether the last one ends the answer; and whether it is a list."""
    lines = _FENCE.sub("", body).split("\n")
    if not any(item is not None and item[0] == 2 for item in map(_numbered, lines)):
        lines = [part for line in lines for part in _unrolled(line)]
    for style in _STYLES:
        numbers = [item[0] for item in map(style, lines) if item is not None]
        # "50 - 60 people came." and "A. Smith came." are no lists.
        if numbers[:2] == [1, 2] or (style is not _lettered and (len(numbers) > 1 or numbers in ([0], [1]))):
            return *_listed(lines, style), True
    return *_plain(lines, n), False


def _unrolled(line: str) -> list[str]:
    """A line that holds a whole list (``1. One. 2. Two.``), item by item."""
    first = re.search(r"(?:^|(?<=[\s:]))(\(?)1([.)]+)\s+(?=\S)", line)
    if first is None:
        return [line]
    parts = []
    place, number = first.start(), 2
    while True:
        mark = f"{re.escape(first[1])}{number}{re.escape(first[2])}"
        following = re.compile(rf"(?<=[.!?\"”’;,'*])\s+(?={mark}\s+\S)").search(line, place)
        if following is None:
            break
        parts.append(line[place : following.start()])
        place, number = following.end(), number + 1
    if not parts:
        return [line]
    return [line[: first.start()], *parts, line[place:]]


def _listed(lines: list[str], style: Callable[[str], _Item | None]) -> tuple[list[str], bool]:
    """The items of one style, each with the lines that it goes on in; and whether the last one ends the answer."""
    items: list[str] = []
    goes_on = last = False
    for line in map(str.strip, lines):
        if not line:
            goes_on = False
            continue
        last = True
        if (found := style(line)) is not None:
            items.append(found[1].strip())
            goes_on = True
        elif items and _title(items[-1]):
            bullet = _bulleted(line)
            items[-1] = bullet[1] if bullet else line
            goes_on = True
        elif goes_on and not _FINISHED.search(items[-1]) and not any(other(line) for other in _STYLES):
            items[-1] = f"{items[-1]} {line}"
        else:
            goes_on = last = False
    return items, last


def _title(item: str) -> bool:
    """Whether an item announces what stands on the next line."""
    bare = item.strip("*_ ")
    return not bare or bare.endswith(":")


def _plain(lines: list[str], n: int) -> tuple[list[str], bool]:
    items = []
    last = True
    for line in map(str.strip, lines):
        if not line:
            continue
        text = _ANNOUNCEMENT.sub("", _GREETING.sub("", line))
        last = not (_title(text) or text.startswith("#") or _REMARK.match(text))
        if last:
            items.append(text)
    if len(items) == 1 and n > 1:
        items = _sentences(items[0])
    return items, last


def _sentences(text: str) -> list[str]:
    import sentencex

    parts = (str(part).strip() for part in sentencex.segment("en", text))
    return [part for part in parts if part]


# Items --------------------------------------------------------------------------------------------------------------

_TONE = (
    r"(?:(?:more|very) )?(?:formal|informal|casual|simpl(?:e|er|ified)|neutral|concise|academic|conversational"
    r"|professional|literary|creative|passive|active|direct)(?: (?:voice|tone|style|version))?"
)
_PREFIX = re.compile(
    rf"^(?:(?:\*\*)?[^*\n]{{1,40}}(?::\*\*|\*\*\s*:)\s*"
    rf"|{_EMPHASIS}\[?(?:{_LABEL}\s*#?\d{{0,2}}\]?\s*(?:\([^()]*\))?|{_TONE}|\({_TONE}\))\s*:{_EMPHASIS}\s+)",
    re.IGNORECASE,
)
_BOLD = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_SLANTED = re.compile(
    r"(?<![\w*])\*(?=[^\s*])([^*]+?)(?<=\S)\*(?![\w*])|(?<![\w_])_(?=[^\s_])([^_]+?)(?<=\S)_(?![\w_])"
)
_ASIDE = re.compile(r"(?<=[.!?\"”])\s+[(\[][^()\[\]]*[)\]]\.?$")
_REMARKED = re.compile(r"^([\"“])([^\"“”]+[.!?])[\"”]\s*(?:[-–—:(].*)?$")
_SYMBOLS = re.compile("^[\u2190-\u2bff\ufe0f\U0001f300-\U0001faff ]+")  # arrows, ticks, emoji
_LETTER = re.compile(r"[^\W_]")
_APOSTROPHE = re.compile(r"(?<=\w)['’](?=\w)|(?<=s)['’](?=\s)")
_PAIRS = ('""', "“”", "''", "‘’", "«»", "„“", "``", "”“")


def _clean(item: str) -> str:
    """An item without number, label, emphasis, quotes around it, or a remark behind it."""
    text = " ".join(item.split())
    text = _PREFIX.sub("", text)
    text = _SLANTED.sub(lambda found: found[1] or found[2], _BOLD.sub(r"\2", text))
    text = _SYMBOLS.sub("", text).rstrip(",; ")
    if remarked := _REMARKED.match(text):
        return remarked[2].strip()
    text = _ASIDE.sub("", text).strip()
    return inner.strip() if (inner := _inside(text)) else text


def _says_something(text: str) -> bool:
    """Whether an item is a rewriting, rather than a remark about them or nothing."""
    return _LETTER.search(text) is not None and _REMARK.match(text) is None


def _inside(text: str) -> str | None:
    """What stands between quotes around a whole text; None where there are none."""
    inner = text[1:-1]
    if len(text) < 3 or text[0] + text[-1] not in _PAIRS:
        return None
    return None if set(_APOSTROPHE.sub("", inner)) & {text[0], text[-1]} else inner
