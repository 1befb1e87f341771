"""Parse trees as text of special tokens, which a student's tokenizer never divides.

``(S (NP DT NN) VBZ)`` is written ``<tree:(><tree:S><tree:(><tree:NP><tree:DT><tree:NN><tree:)><tree:VBZ><tree:)>``.
A label's parts, as in ``nsubj/NN``, have a token each, and the later ones keep their slash:
``<tree:nsubj><tree:/NN>``. So a part that continues a label is never taken for a leaf of its own.
"""

import re
from collections.abc import Collection, Iterable

from lemonpress.errors import UserError
from lemonpress.rows import content_id
from lemonpress.syntax.trees import Tree, cut, parse_brackets, to_brackets

OTHER = "other"
"""The label that stands for those outside an inventory."""

_TOKENS = re.compile(r"(?:<tree:[^\s>]*>)*")
_TOKEN = re.compile(r"<tree:([^\s>]*)>")
# The depths that training rows see, in equal shares: half of them the full tree.
_LEVELS = (None, None, None, None, 2, 3, 4, 5)


def label_parts(trees: Iterable[Tree]) -> tuple[str, ...]:
    """The parts of all labels of some trees, sorted: the inventory of a student that learns from them.

    The first part of a label stands as it is, the others keep their slash: ``nsubj/NN`` has ``nsubj`` and ``/NN``.
    """
    labels = {label for tree in trees for label in tree.labels}
    return tuple(sorted({part for label in labels for part in _parts(label)}))


def special_tokens(parts: Iterable[str]) -> list[str]:
    """Every token that a tree may need: brackets, the one for labels outside the inventory, the inventory.

    Args:
        parts: From `label_parts`.
    """
    return list(dict.fromkeys(map(_token, ("(", ")", OTHER, *parts))))


def linearise(tree: Tree, parts: Collection[str]) -> str:
    """Write a tree as special tokens, without spaces between them; as in brackets, leaves have none.

    Args:
        tree: Any tree; a label with a part outside the inventory becomes ``<tree:other>``.
        parts: From `label_parts`.
    """
    known = frozenset(parts)
    written: list[str] = []
    for item in to_brackets(tree).replace("(", "( ").replace(")", " )").split():
        if item in ("(", ")"):
            written.append(item)
        else:
            own = _parts(item)
            written += own if known.issuperset(own) else [OTHER]
    return "".join(map(_token, written))


def delinearise(text: str) -> Tree:
    """Read a tree that `linearise` wrote: the very same where all its labels were in the inventory.

    Raises:
        UserError: The text is not one whole tree.
    """
    if not _TOKENS.fullmatch(text):
        raise UserError(f"tree {text[:60]!r}: holds more than tree tokens such as <tree:NP>; linearise it again")
    parts = [_unescaped(part) for part in _TOKEN.findall(text)]
    tree = parse_brackets("".join(part if part.startswith("/") else f" {part}" for part in parts))
    # What brackets leave open, such as a leaf in brackets of its own, has one form in tokens.
    if linearise(tree, label_parts([tree])) != text:
        raise UserError(f"tree {text[:60]!r}: is not written as trees are; linearise it again")
    return tree


def training_cut(key: str, tree: Tree) -> Tree:
    """The part of a tree that a training row sees: of half of the rows all, of the others the top 2, 3, 4 or 5 levels.

    Ours: exemplars and templates are given at any depth.

    Args:
        key: Identifies the row, such as its id; decides by its content hash.
        tree: The full tree.
    """
    levels = _LEVELS[int(content_id("depth", key), 16) % len(_LEVELS)]
    return tree if levels is None else cut(tree, levels)


def user_tree(text: str, levels: int | None, parts: Collection[str]) -> Tree:
    """Read a tree or template that somebody typed.

    Args:
        text: In brackets, such as ``(S (NP DT NN) VP)``.
        levels: Levels to keep, at least 1; all of them if None.
        parts: The student's inventory, from `label_parts`.

    Raises:
        UserError: The brackets are not one whole tree, a label is not in the inventory, or levels is below 1.
    """
    if levels is not None and levels < 1:
        raise UserError(f"levels: a tree has at least its root; give 1 or more, not {levels}")
    tree = parse_brackets(text)
    kept = tree if levels is None else cut(tree, levels)
    known = frozenset(parts)
    for label, arity in zip(kept.labels, kept.arities, strict=True):
        if not known.issuperset(_parts(label)):
            remedy = "give another label" if arity else "trees have no words: let parts of speech be the leaves"
            raise UserError(f"tree label {label!r}: is in no tree that the student learnt from; {remedy}")
    return kept


def _parts(label: str) -> list[str]:
    first, *others = label.split("/")
    return [first, *(f"/{part}" for part in others)]


def _token(part: str) -> str:
    return f"<tree:{part.replace('&', '&amp;').replace('>', '&gt;')}>"


def _unescaped(part: str) -> str:
    return part.replace("&gt;", ">").replace("&amp;", "&")
