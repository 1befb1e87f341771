"""Ordered labelled trees: plain, hashable, printable as brackets.

A tree is held flat, in postorder, so that nothing here recurses: a chain of thousands of nodes hashes, compares,
pickles and prints like any other tree.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lemonpress.errors import UserError

_TOKEN = re.compile(r"[()]|[^\s()]+")
_LABEL = re.compile(r"[^\s()]+")
_ESCAPES = str.maketrans({"(": "-LRB-", ")": "-RRB-"})


@dataclass(frozen=True, slots=True)
class Tree:
    """An ordered tree with a label at each node.

    Attributes:
        labels: One label per node in postorder (children before their parent, the root last). Brackets in labels are
            held escaped, as -LRB- and -RRB-; a label has at least one character and no white space.
        arities: Number of children of each node, in the same order.
    """

    labels: tuple[str, ...]
    arities: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.arities):
            raise ValueError(f"{len(self.labels)} labels and {len(self.arities)} arities; one of each per node")
        if any("(" in label or ")" in label for label in self.labels):
            object.__setattr__(self, "labels", tuple(label.translate(_ESCAPES) for label in self.labels))
        for label in set(self.labels):
            if not _LABEL.fullmatch(label):
                raise ValueError(f"label {label!r} is empty or holds white space")
        open_nodes = 0
        for arity in self.arities:
            if not 0 <= arity <= open_nodes:
                raise ValueError(f"a node claims {arity} children where {open_nodes} nodes are without a parent")
            open_nodes += 1 - arity
        if open_nodes != 1:
            raise ValueError(f"{open_nodes} roots; a tree has one")

    @property
    def label(self) -> str:
        """Label of the root."""
        return self.labels[-1]

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.labels)

    @property
    def children(self) -> "tuple[Tree, ...]":
        """Subtrees of the root, in order; each is copied out."""
        firsts = leftmost(self)
        found: list[Tree] = []
        last = self.size - 2
        while last >= 0:
            part = slice(firsts[last], last + 1)
            found.append(Tree(self.labels[part], self.arities[part]))
            last = firsts[last] - 1
        return tuple(reversed(found))

    def __str__(self) -> str:
        return to_brackets(self)


def node(label: str, children: Sequence[Tree] = ()) -> Tree:
    """Join trees under a new root.

    Args:
        label: Of the root.
        children: In order; none for a leaf.
    """
    labels = [part for child in children for part in child.labels]
    arities = [part for child in children for part in child.arities]
    return Tree((*labels, label), (*arities, len(children)))


def leftmost(tree: Tree) -> list[int]:
    """Postorder position of the first leaf under each node, by the node's postorder position."""
    firsts: list[int] = []
    pending: list[int] = []
    for position, arity in enumerate(tree.arities):
        first = pending[-arity] if arity else position
        del pending[len(pending) - arity :]
        pending.append(first)
        firsts.append(first)
    return firsts


def depths(tree: Tree) -> list[int]:
    """Distance of each node from the root in edges, by postorder position; 0 for the root."""
    found = [0] * tree.size
    above: list[int] = []
    for position in range(tree.size - 1, -1, -1):
        found[position] = above.pop() if above else 0
        above.extend([found[position] + 1] * tree.arities[position])
    return found


def to_brackets(tree: Tree) -> str:
    """Print a tree on one line, as ``(S (NP DT NN) VBZ)``: leaves are bare labels below their parent."""
    # Built from the right: a node's closing bracket, its children from the last to the first, then its label.
    parts: list[str] = []
    unfinished: list[tuple[str, int]] = []
    for label, arity in zip(reversed(tree.labels), reversed(tree.arities), strict=True):
        if arity:
            parts.append(")")
            unfinished.append((label, arity))
            continue
        parts.append(f" {label}")
        while unfinished:
            parent, missing = unfinished.pop()
            if missing > 1:
                unfinished.append((parent, missing - 1))
                break
            parts.append(f" ({parent}")
    return "".join(reversed(parts)).lstrip() if tree.size > 1 else f"({tree.label})"


def parse_brackets(text: str) -> Tree:
    """Read a tree printed as brackets, in the style of the Penn Treebank.

    Args:
        text: One tree. A label follows its opening bracket; where none does, as around a Penn Treebank sentence, the
            node is called ROOT. A bare label is a leaf.

    Raises:
        UserError: The brackets are not one whole tree.
    """
    labels: list[str] = []
    arities: list[int] = []
    unfinished: list[tuple[str, int]] = []
    tokens = _TOKEN.findall(text)
    position = 0
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if labels and not unfinished:
            raise UserError(f"tree {_shown(text)}: {token!r} follows the closing bracket; give one tree at a time")
        if token == "(":
            named = position < len(tokens) and tokens[position] not in "()"
            unfinished.append((tokens[position] if named else "ROOT", 0))
            position += named
            continue
        if not unfinished:
            raise UserError(f"tree {_shown(text)}: begins with {token!r}; a tree begins with an opening bracket")
        label, arity = unfinished.pop() if token == ")" else (token, 0)
        labels.append(label)
        arities.append(arity)
        if unfinished:
            parent, children = unfinished.pop()
            unfinished.append((parent, children + 1))
    if unfinished or not labels:
        raise UserError(f"tree {_shown(text)}: {len(unfinished)} brackets are not closed; give the whole tree")
    return Tree(tuple(labels), tuple(arities))


def cut(tree: Tree, levels: int) -> Tree:
    """The top of a tree.

    Args:
        tree: Any tree.
        levels: Levels to keep, at least 1; the root is the first.
    """
    if levels < 1:
        raise ValueError(f"levels is {levels}; a tree has at least its root")
    kept = [(position, depth) for position, depth in enumerate(depths(tree)) if depth < levels]
    return Tree(
        tuple(tree.labels[position] for position, _ in kept),
        tuple(tree.arities[position] if depth < levels - 1 else 0 for position, depth in kept),
    )


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
