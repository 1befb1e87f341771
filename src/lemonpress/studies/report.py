"""What every study shares: its output folder, figures pooled over contexts, and how they are shown."""

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lemonpress.metrics.bootstrap import Estimate, Floats, statistic
from lemonpress.output import check_folder, write_whole


def check_output(folder: Path) -> None:
    """Refuse an output folder where a study would overwrite anything but a study.

    Raises:
        UserError: As `lemonpress.output.check_folder`.
    """
    plots = [plot.name for plot in folder.glob("*.png")]
    check_folder(folder, ("study.json", "study.md", "texts.jsonl", "pairs.jsonl", *plots), "a study")


def command_line(study: str, options: Mapping[str, Any], overrides: Sequence[str] = ()) -> str:
    """The command that makes a study again.

    Args:
        study: Its name.
        options: Values of its options by name; those of lists follow each other, None is left out.
        overrides: Of the recipe (``--set``).
    """
    words = ["lemonpress", "study", study, *(word for item in overrides for word in ("--set", item))]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", *map(str, value if isinstance(value, list | tuple) else [value])]
    return shlex.join(words)


def pooled(sums: npt.ArrayLike, sizes: npt.ArrayLike, seed: int = 0) -> Estimate:
    """A mean or share over the items of all contexts; its interval resamples contexts as wholes.

    Args:
        sums: Sum of the values of each context's items, shape (contexts,).
        sizes: Items of each context, shape (contexts,).
        seed: Of the resampling.

    Returns:
        Total of the sums by total of the sizes; NaN where there is no item.
    """
    counts = np.stack([np.asarray(sums, np.float64), np.asarray(sizes, np.float64)], axis=1)
    if not counts[:, 1].any():
        return Estimate(math.nan, math.nan, math.nan, np.empty(0))
    return statistic(counts, _quotient, seed)


def _quotient(totals: Floats) -> float:
    return float(totals[0] / totals[1]) if totals[1] else math.nan


def as_json(estimate: Estimate) -> list[float] | None:
    """Value, lower and upper end; None where there is no value."""
    if math.isnan(estimate.value):
        return None
    return [round(number, 6) for number in (estimate.value, estimate.low, estimate.high)]


def cell(estimate: Estimate, digits: int = 1, scale: float = 1.0) -> str:
    """`value [low, high]`; a dash where there is no value."""
    if math.isnan(estimate.value):
        return "–"
    value, low, high = (f"{scale * number:.{digits}f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def write_study(folder: Path, figures: Mapping[str, Any], text: str) -> None:
    """Write ``study.json`` and ``study.md`` into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    written = json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "study.json", written + "\n")
    write_whole(folder / "study.md", text)
