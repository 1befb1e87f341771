"""How far the syntax of a candidate is from that of its source."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.tokens import number_rows
from lemonpress.metrics.words import require_pairs
from lemonpress.syntax.cache import parse_cached
from lemonpress.syntax.parsers import Parser
from lemonpress.syntax.trees import cut

Floats = npt.NDArray[np.float64]


def tree_distance(
    candidates: Sequence[str], sources: Sequence[str], parser: Parser, levels: int | None = None
) -> Floats:
    """Tree edit distance of each candidate's parse and its source's, with unit costs: TED-F, or TED-3 for 3 levels.

    Each distinct sentence is parsed once, and its parse is kept in `home` for whoever asks next.

    Args:
        candidates: Texts to judge.
        sources: What they are compared with: sources, references or exemplars.
        parser: What parses.
        levels: Levels that are compared, from the root on; all by default.

    Returns:
        One distance in edits per candidate; NaN where either text is blank.

    Raises:
        ValueError: The lists differ in length, or a row is no text.
        UserError: The kept parses cannot be used.
    """
    from lemonpress.syntax.distance import distances, encode

    require_pairs(candidates, sources)
    scores = np.full(len(candidates), np.nan)
    known = [row for row, pair in enumerate(zip(candidates, sources, strict=True)) if all(map(str.strip, pair))]
    rows = number_rows([candidates[row] for row in known], [[sources[row]] for row in known])
    trees = parse_cached(parser, rows.texts)
    if levels is not None:
        trees = [cut(tree, levels) for tree in trees]
    scores[known] = distances(encode(trees), rows.candidates, rows.references)
    return scores


def tree_distance_signature(parser: Parser, levels: int | None = None) -> str:
    """What exactly `tree_distance` computes, for tables and cards."""
    return f"TED-{levels or 'F'}|cost:unit|parser:{parser.key}"
