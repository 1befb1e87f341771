"""Tree edit distance (Zhang and Shasha, 1989) with unit costs, compiled, over many pairs of trees.

Inserting or deleting a node costs 1, and so does changing its label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
from numba import njit

from lemonpress.syntax.trees import Tree, cut

Ids: TypeAlias = npt.NDArray[np.int32]
Index: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

# Beyond any distance, and small enough to be added to itself in 32 bits.
_UNBOUNDED = 2**30 - 1


@dataclass(frozen=True)
class Forest:
    """Trees made ready for the distance, in flat buffers.

    Each tree is held twice, as it is and mirrored: both have the same distances, and the side on which a tree
    branches decides which of the two is cheaper.

    Attributes:
        starts: Where each tree's nodes begin in the buffers, with the end of the last one appended; trees + 1 values.
        labels: Label id of each node in postorder; shape (2, nodes), row 1 mirrored.
        firsts: Position in its tree of the first leaf under each node; shape (2, nodes).
        keyroots: Positions of the nodes that are no first child, from the start of each tree; shape (2, nodes).
        counts: Number of keyroots; shape (2, trees).
        weights: Nodes under the keyroots, summed over them; shape (2, trees). The product of two trees' weights is
            the number of steps that their distance takes.
        sorted: Label ids of each tree in ascending order; shape (nodes,).
    """

    starts: Index
    labels: Ids
    firsts: Ids
    keyroots: Ids
    counts: Index
    weights: Index
    sorted: Ids


def encode(trees: Sequence[Tree]) -> Forest:
    """Make trees ready for the distance.

    Args:
        trees: Any trees; a pair is named by two positions in this sequence.
    """
    numbers: dict[str, int] = {}
    labels = [numbers.setdefault(label, len(numbers)) for tree in trees for label in tree.labels]
    arities = [arity for tree in trees for arity in tree.arities]
    starts = np.zeros(len(trees) + 1, np.int64)
    np.cumsum([tree.size for tree in trees], out=starts[1:])
    return Forest(starts, *_prepare(np.array(labels, np.int32), np.array(arities, np.int32), starts))


def distances(forest: Forest, left: Index, right: Index) -> Index:
    """Tree edit distance of each pair (left[p], right[p]).

    Args:
        forest: From `encode`.
        left: Positions of trees, one per pair.
        right: Positions of trees, one per pair.

    Returns:
        One distance in edits per pair.
    """
    return _all(forest, left, right, _UNBOUNDED)


def at_least(forest: Forest, left: Index, right: Index, threshold: int) -> Mask:
    """Whether the tree edit distance of each pair is at least a threshold: the same as comparing `distances`, sooner.

    Most pairs that differ are settled by their labels alone; the others' distance is followed no further than to the
    threshold.

    Args:
        forest: From `encode`.
        left: Positions of trees, one per pair.
        right: Positions of trees, one per pair.
        threshold: In edits.
    """
    if threshold <= 0:
        return np.ones(len(left), np.bool_)
    return _all(forest, left, right, min(threshold, _UNBOUNDED)) >= min(threshold, _UNBOUNDED)


def ted_f(left: Sequence[Tree], right: Sequence[Tree]) -> Index:
    """TED-F: distance of each pair of full trees, in edits.

    Args:
        left: One tree per pair.
        right: One tree per pair.
    """
    if len(left) != len(right):
        raise ValueError(f"{len(left)} left and {len(right)} right trees; one of each per pair")
    places = np.arange(len(left))
    return distances(encode([*left, *right]), places, places + len(left))


def ted_3(left: Sequence[Tree], right: Sequence[Tree]) -> Index:
    """TED-3: distance of each pair of trees cut to their top three levels, in edits.

    Args:
        left: One tree per pair; its root is the first level.
        right: One tree per pair.
    """
    return ted_f([cut(tree, 3) for tree in left], [cut(tree, 3) for tree in right])


def _all(forest: Forest, left: Index, right: Index, cap: int) -> Index:
    left, right = np.asarray(left, np.int64), np.asarray(right, np.int64)
    trees = len(forest.starts) - 1
    for places in (left, right):
        if len(places) and not (places.min() >= 0 and places.max() < trees):
            raise IndexError(f"positions {places.min()} to {places.max()}; the forest has {trees} trees")
    if len(left) != len(right):
        raise ValueError(f"{len(left)} left and {len(right)} right positions; one of each per pair")
    return cast(
        Index,
        _distances(
            forest.starts,
            forest.labels,
            forest.firsts,
            forest.keyroots,
            forest.counts,
            forest.weights,
            forest.sorted,
            left,
            right,
            cap,
        ),
    )


@njit(cache=True, nogil=True)
def _prepare(
    labels: Ids, arities: Ids, starts: Index
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32], Index, Index, npt.NDArray[np.int32]]:
    trees, nodes = len(starts) - 1, len(labels)
    all_labels = np.empty((2, nodes), np.int32)
    firsts = np.empty((2, nodes), np.int32)
    keyroots = np.empty((2, nodes), np.int32)
    counts = np.zeros((2, trees), np.int64)
    weights = np.zeros((2, trees), np.int64)
    ordered = labels.copy()
    for tree in range(trees):
        start, end = starts[tree], starts[tree + 1]
        size = end - start
        ordered[start:end].sort()
        stack = np.empty(size, np.int32)
        top = 0
        for node in range(size):
            arity = arities[start + node]
            first = stack[top - arity] if arity else node
            top -= arity
            stack[top] = first
            top += 1
            firsts[0, start + node] = first
        # A node's mirrored position counts from the end of the preorder, and its place in the preorder is the number
        # of its ancestors and of the nodes finished before its first leaf.
        top = 0
        for node in range(size - 1, -1, -1):
            depth = 0
            if top:
                top -= 1
                depth = stack[top]
            for _ in range(arities[start + node]):
                stack[top] = depth + 1
                top += 1
            first = firsts[0, start + node]
            mirrored = size - 1 - depth - first
            all_labels[0, start + node] = labels[start + node]
            all_labels[1, start + mirrored] = labels[start + node]
            firsts[1, start + mirrored] = mirrored - (node - first)
        for side in range(2):
            taken = np.zeros(size, np.bool_)
            for node in range(size - 1, -1, -1):
                first = firsts[side, start + node]
                if not taken[first]:
                    taken[first] = True
                    keyroots[side, start + counts[side, tree]] = node
                    counts[side, tree] += 1
                    weights[side, tree] += node - first + 1
            keyroots[side, start : start + counts[side, tree]].sort()
    return all_labels, firsts, keyroots, counts, weights, ordered


@njit(cache=True, nogil=True)
def _labels_apart(left: Ids, right: Ids) -> int:
    """Edits that two sorted bags of labels need at least: the larger size less the labels in common."""
    i = j = common = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            common += 1
            i += 1
            j += 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return max(len(left), len(right)) - common


@njit(cache=True, nogil=True)
def _distances(
    starts: Index,
    labels: Ids,
    firsts: Ids,
    keyroots: Ids,
    counts: Index,
    weights: Index,
    ordered: Ids,
    left: Index,
    right: Index,
    cap: int,
) -> Index:
    """The distance of each pair, or `cap` where it is larger."""
    found = np.empty(len(left), np.int64)
    rows = columns = 0
    for pair in range(len(left)):
        rows = max(rows, starts[left[pair] + 1] - starts[left[pair]])
        columns = max(columns, starts[right[pair] + 1] - starts[right[pair]])
    trees = np.empty((rows, columns), np.int32)
    forests = np.empty((rows + 1, columns + 1), np.int32)
    for pair in range(len(left)):
        a, b = left[pair], right[pair]
        nodes_a, nodes_b = slice(starts[a], starts[a + 1]), slice(starts[b], starts[b + 1])
        if cap <= max(len(ordered[nodes_a]), len(ordered[nodes_b])) and (
            _labels_apart(ordered[nodes_a], ordered[nodes_b]) >= cap
        ):
            found[pair] = cap
            continue
        # Products of weights overflow only beyond trees of any use; as floats they stay comparable even there.
        straight = float(weights[0, a]) * float(weights[0, b])
        side = 0 if straight <= float(weights[1, a]) * float(weights[1, b]) else 1
        found[pair] = _distance(
            labels[side, nodes_a],
            firsts[side, nodes_a],
            keyroots[side, starts[a] : starts[a] + counts[side, a]],
            labels[side, nodes_b],
            firsts[side, nodes_b],
            keyroots[side, starts[b] : starts[b] + counts[side, b]],
            cap,
            trees,
            forests,
        )
    return found


@njit(cache=True, nogil=True)
def _distance(
    labels_a: Ids,
    firsts_a: Ids,
    roots_a: Ids,
    labels_b: Ids,
    firsts_b: Ids,
    roots_b: Ids,
    cap: int,
    trees: Ids,
    forests: Ids,
) -> int:
    """Zhang and Shasha's recurrence, with all values above `cap` held at it.

    Matching two subtrees costs at least the difference of the numbers of nodes before them, so pairs of subtrees whose
    first leaves lie `cap` or more apart need no distance of their own, nor do prefixes of forests whose sizes differ
    by as much. Row minima never fall, so that a row without a value below `cap` ends its pair of keyroots.
    """
    size_a, size_b = len(labels_a), len(labels_b)
    for i in range(size_a):
        for j in range(size_b):
            trees[i, j] = cap
    for root_a in roots_a:
        first_a = firsts_a[root_a]
        for root_b in roots_b:
            first_b = firsts_b[root_b]
            if abs(first_a - first_b) >= cap:
                continue
            height, width = root_a - first_a + 1, root_b - first_b + 1
            for y in range(min(width, cap) + 1):
                forests[0, y] = y
            for x in range(1, height + 1):
                node_a = first_a + x - 1
                whole_a = firsts_a[node_a] == first_a
                low, high = max(1, x - cap + 1), min(width, x + cap - 1)
                forests[x, low - 1] = min(x, cap)
                smallest = forests[x, low - 1]
                for y in range(low, high + 1):
                    node_b = first_b + y - 1
                    best = min(forests[x - 1, y], forests[x, y - 1]) + 1
                    if whole_a and firsts_b[node_b] == first_b:
                        changed = 1 if labels_a[node_a] != labels_b[node_b] else 0
                        best = min(best, forests[x - 1, y - 1] + changed, cap)
                        trees[node_a, node_b] = best
                    else:
                        before_a, before_b = firsts_a[node_a] - first_a, firsts_b[node_b] - first_b
                        if abs(before_a - before_b) < cap:
                            best = min(best, forests[before_a, before_b] + trees[node_a, node_b])
                        best = min(best, cap)
                    forests[x, y] = best
                    smallest = min(smallest, best)
                if high < width:
                    forests[x, high + 1] = cap
                if smallest >= cap:
                    break
    return trees[size_a - 1, size_b - 1]
