"""Which words of a rewriting are new."""

import difflib
import re

_TOKEN = re.compile(r"\w+(?:['’-]\w+)*|\s+|[^\w\s]+")


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
