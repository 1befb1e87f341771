"""What is compared of a parse: its structure without the words."""

from lemonpress.syntax.trees import Tree


def sgcp(tree: Tree) -> Tree:
    """Prepare a constituency tree for the tree edit distance as SGCP does.

    Words are dropped, so that parts of speech become the leaves; so are empty elements (-NONE-) and the phrases that
    hold nothing else; every node labelled S is spliced out, its children attached to its parent; and the whole is put
    under a new root S. The parser's own ROOT stays a node.

    Args:
        tree: A constituency tree whose leaves are words.

    Returns:
        The prepared tree; of a sentence without any word, the root S alone.

    References:
        Kumar et al., Syntax-guided Controlled Generation of Paraphrases, TACL 2020.
    """
    labels: list[str] = []
    arities: list[int] = []
    # For each finished subtree without a parent: how many kept nodes stand for it there, None for a word.
    finished: list[int | None] = []
    for label, arity in zip(tree.labels, tree.arities, strict=True):
        if not arity:
            finished.append(None)
            continue
        below = finished[-arity:]
        del finished[-arity:]
        kept = sum(count for count in below if count is not None)
        empty = not kept and (label == "-NONE-" or None not in below)
        if empty or label == "S":
            finished.append(kept)
            continue
        labels.append(label)
        arities.append(kept)
        finished.append(1)
    return Tree((*labels, "S"), (*arities, sum(count or 0 for count in finished)))


def wordless(tree: Tree) -> Tree:
    """Drop the words of a dependency tree, so that one node is left for each token.

    Args:
        tree: A dependency tree whose leaves are words.
    """
    labels: list[str] = []
    arities: list[int] = []
    words: list[bool] = []
    for label, arity in zip(tree.labels, tree.arities, strict=True):
        below = words[len(words) - arity :]
        del words[len(words) - arity :]
        words.append(not arity)
        if arity:
            labels.append(label)
            arities.append(arity - sum(below))
    return Tree(tuple(labels), tuple(arities))
