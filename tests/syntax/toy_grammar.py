"""A toy grammar: its words with their tags, and its trees."""

import random

TAGS = {
    **dict.fromkeys(("the", "a"), "DT"),
    **dict.fromkeys(("cat", "dog", "man", "park", "hat"), "NN"),
    **dict.fromkeys(("saw", "fed", "met"), "VBD"),
    **dict.fromkeys(("in", "with"), "IN"),
    **dict.fromkeys(("old", "small"), "JJ"),
    ".": ".",
}


def toy_trees(count: int, seed: int) -> list[str]:
    """Distinct trees with words, in order."""
    draw = random.Random(seed)

    def word(tag: str) -> str:
        return f"({tag} {draw.choice([word for word, its in TAGS.items() if its == tag])})"

    def phrase() -> str:
        return f"(NP {word('DT')} {word('JJ') + ' ' if draw.random() < 0.4 else ''}{word('NN')})"

    def sentence() -> str:
        place = f" (PP {word('IN')} {phrase()})" if draw.random() < 0.5 else ""
        return f"(ROOT (S {phrase()} (VP {word('VBD')} {phrase()}{place}) {word('.')}))"

    found: dict[str, None] = {}
    while len(found) < count:
        found[sentence()] = None
    return list(found)


def words_of(tree: str) -> str:
    """The sentence of a tree, its tokens apart."""
    return " ".join(part.rstrip(")") for part in tree.split() if not part.startswith("("))
