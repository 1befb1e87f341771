"""Whether a text is surely no English: another script, or the small words of another language."""

import re
import unicodedata

from lemonpress.critics.features import listed

_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH = frozenset(
    listed(
        "the of to and is was for that with this it its are were has have had be been by from at he she they we you i "
        "his her their our my your not but which who what will would can said after when while before if than as a an "
        "in on"
    )
)
# Of other languages in Latin script; none is an English word.
_FOREIGN = frozenset(
    listed(
        "der das und wird bis von zu im ist nicht ein eine mit auf für den dem sich auch werden wurde le les des une "
        "est et dans pour que qui sur avec pas au aux du ce cette el los las del una por con para su más es como y il "
        "della che di è sono nel alla gli per non uma os um ao dos em são het een van niet zijn voor op dat och att "
        "det som på av är ikke og af jest nie się na że bir ve bu için"
    )
)


def looks_english(text: str) -> bool:
    """Whether a text may be English; short ones without any small word may.

    No, where a third of its letters are of another script than the Latin one, or where small words of other languages
    are at least two and more than twice as many as English ones. Those count in lower case alone: a name such as
    Los Angeles is no evidence.
    """
    letters = [character for character in text if character.isalpha()]
    others = sum("LATIN" not in unicodedata.name(character, "") for character in letters)
    words = _WORD.findall(text)
    foreign = sum(word in _FOREIGN for word in words)
    english = sum(word.casefold() in _ENGLISH for word in words)
    return 3 * others <= len(letters) and (foreign < 2 or foreign <= 2 * english)
