"""Trees drawn as SVG, for people: text in, markup out, nothing loaded from anywhere."""

from html import escape

from lemonpress.syntax.trees import Tree, depths, to_brackets

_LETTER = 7.2  # width of a letter of the labels, in units of the drawing
_PAD = 8.0
_GAP = 10.0
_LEVEL = 54.0
_BOX = 24.0
_MARGIN = 6.0


def draw(tree: Tree, title: str = "Parse tree") -> str:
    """Draw a tree, the root on top, the leaves in order from left to right.

    Colours are the page's own: lines, boxes and labels have the classes ``tree-line``, ``tree-box`` and
    ``tree-label``. For those who do not see it, the image is called by its title and the tree in brackets.

    Args:
        tree: Any tree.
        title: What the image is called.

    Returns:
        An ``svg`` element in which all text is escaped; as wide as the tree, to be scrolled where that is too wide.
    """
    widths = [len(label) * _LETTER + 2 * _PAD for label in tree.labels]
    centres = _centres(tree, widths)
    levels = depths(tree)
    left = min(centre - width / 2 for centre, width in zip(centres, widths, strict=True)) - _MARGIN
    right = max(centre + width / 2 for centre, width in zip(centres, widths, strict=True)) + _MARGIN
    height = max(levels) * _LEVEL + _BOX + 2 * _MARGIN
    lines, boxes = [], []
    for child, parent in _edges(tree):
        top, bottom = _MARGIN + levels[parent] * _LEVEL + _BOX, _MARGIN + levels[child] * _LEVEL
        start, end = centres[parent] - left, centres[child] - left
        middle = (top + bottom) / 2
        lines.append(
            f'<path class="tree-line" d="M{start:.1f} {top:.1f}C{start:.1f} {middle:.1f} {end:.1f} {middle:.1f} '
            f'{end:.1f} {bottom:.1f}"/>'
        )
    for label, centre, width, level in zip(tree.labels, centres, widths, levels, strict=True):
        x, y = centre - left, _MARGIN + level * _LEVEL
        boxes.append(
            f'<rect class="tree-box" x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BOX:.0f}" '
            f'rx="6"/><text class="tree-label" x="{x:.1f}" y="{y + 16.5:.1f}" text-anchor="middle">'
            f"{escape(label)}</text>"
        )
    size = f'width="{right - left:.0f}" height="{height:.0f}" viewBox="0 0 {right - left:.1f} {height:.1f}"'
    named = f"{escape(title)}: {escape(to_brackets(tree))}"
    return f'<svg class="tree" role="img" aria-label="{named}" {size}>{"".join(lines + boxes)}</svg>'


def _edges(tree: Tree) -> list[tuple[int, int]]:
    """(child, parent) positions, by postorder."""
    found: list[tuple[int, int]] = []
    pending: list[int] = []
    for position, arity in enumerate(tree.arities):
        if arity:
            found += [(child, position) for child in pending[-arity:]]
            del pending[-arity:]
        pending.append(position)
    return found


def _centres(tree: Tree, widths: list[float]) -> list[float]:
    """Horizontal middle of each node: leaves side by side, a parent above the middle of its children.

    A parent that is wider than what is below it pushes the leaves that follow to the right.
    """
    centres: list[float] = []
    pending: list[tuple[int, float]] = []  # unfinished subtrees: root, left edge
    edge = 0.0  # right edge of what was placed
    for position, arity in enumerate(tree.arities):
        if arity:
            below = pending[-arity:]
            del pending[-arity:]
            centre = (centres[below[0][0]] + centres[below[-1][0]]) / 2
            start = below[0][1]
            short = start - (centre - widths[position] / 2)
            if short > 0:  # too wide on the left: it stands a little to the right of the middle
                centre += short
            edge = max(edge, centre + widths[position] / 2 + _GAP)
        else:
            start = edge
            centre = edge + widths[position] / 2
            edge += widths[position] + _GAP
        centres.append(centre)
        pending.append((position, start))
    return centres
