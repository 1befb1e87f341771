"""The released corpora that visitors may read: found from the student, loaded when first asked for."""

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import corpus
from corpus import Corpus, Filter
from loading import Loaded
from settings import Named

from lemonpress.errors import UserError
from lemonpress.hub.versions import of_tag


@dataclass
class Library:
    """Corpora at their pinned versions.

    Attributes:
        offered: Which there are.
        endpoint: Address of the Hub, or None.
    """

    offered: tuple[Named, ...]
    endpoint: str | None = None
    _loaded: Loaded[Named, Corpus] = field(init=False)

    def __post_init__(self) -> None:
        self._loaded = Loaded(lambda name: corpus.load(name, self.endpoint))

    @property
    def names(self) -> list[str]:
        """As visitors choose them."""
        return [str(name) for name in self.offered]

    def get(self, name: object) -> Corpus:
        """A corpus, read if it is not yet.

        Raises:
            UserError: It is not offered, or the Hub has it no more.
        """
        found = next((one for one in self.offered if str(one) == name), None)
        if found is None:
            raise UserError(f"corpus: please choose one of {', '.join(self.names) or 'none: there are none here'}.")
        return self._loaded.get(found)


def found_from(folder: Path, listed: Sequence[Named]) -> tuple[Named, ...]:
    """The owner's corpora, else those that a student's provenance says it learnt from.

    Args:
        folder: Of the student's release.
        listed: By the owner.
    """
    if listed:
        return tuple(listed)
    stated = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    named = [(one.get("id"), of_tag(str(one.get("tag") or one.get("revision")))) for one in stated.get("datasets", ())]
    return tuple(dict.fromkeys(Named(repo_id, version) for repo_id, version in named if repo_id and version))


def filters(given: object) -> list[Filter]:
    """Bounds of scores as programs send them.

    Args:
        given: By score, a list of smallest and largest, each a number or None; None for no bounds.

    Raises:
        UserError: It is something else.
    """
    if given is None:
        return []
    if not isinstance(given, Mapping) or len(given) > 20:
        raise UserError('scores: please send bounds by score, such as {"entailment": [0.9, 1]}.')
    found = []
    for score, bounds in given.items():
        if not isinstance(bounds, list | tuple) or len(bounds) != 2:
            raise UserError('scores: please send bounds by score, such as {"entailment": [0.9, 1]}.')
        found.append(Filter(str(score), *map(bound, bounds)))
    return found


def bound(value: object) -> float | None:
    """One bound of a score; None stays None.

    Raises:
        UserError: It is no finite number.
    """
    if value is None:
        return None
    number = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):
            number = float(value)
    if not math.isfinite(number):
        raise UserError("scores: please send bounds as numbers, such as 0.9.")
    return number
