"""Number agreement."""

import re
from collections import Counter
from dataclasses import dataclass

from lemonpress.critics.base import Critic, Mask
from lemonpress.critics.features import compare, said
from lemonpress.critics.numerals import Reading, read_numbers
from lemonpress.critics.scores import Floats, Tables
from lemonpress.pairs import Index
from lemonpress.recipes import NumberSettings

_RANK = re.compile(r"\d(?:st|nd|rd|th)$")


@dataclass(frozen=True)
class Numbers(Critic):
    """Numbers agree: 12, twelve and a dozen, 1,000 and 1000, 10% and 10 percent, 2.5m and 2,500,000.

    With ``equal`` each number stands on both sides equally often; with ``subset`` the target names none that the
    source lacks, however often. 10% is not 10, and third is not three. A currency, am or pm counts where both sides
    name one. Numbers joined by a hyphen or "to" keep their order: 5-4 is not 4-5. "One", "first" and "second" are
    often no numbers: they may stand for 1, 1st and 2nd of the other side, and need not.
    """

    settings: NumberSettings
    name: str = "numbers"
    cost: int = 20

    @property
    def description(self) -> str:
        sides = "both sides name the same numbers" if self.settings.mode == "equal" else "target adds no number"
        return f"1 where {sides}, kept at 1"

    def score(self, tables: Tables, sources: Index, targets: Index) -> Floats:
        return compare(tables.shard.sentences, sources, targets, read_numbers, self._agree)

    def keeps(self, scores: Floats) -> Mask:
        return scores == 1.0

    def reason(self, source: str, target: str) -> str:
        return said(*differences(read_numbers(source), read_numbers(target), self.settings.mode))

    def _agree(self, source: Reading, target: Reading) -> bool:
        return not any(differences(source, target, self.settings.mode))


def differences(source: Reading, target: Reading, mode: str) -> tuple[list[str], list[str]]:
    """Numbers in which two sentences disagree: those of the source, those of the target.

    Args:
        source: Of the source.
        target: Of the target.
        mode: ``equal``: each number as often on both sides; ``subset``: the target has none that the source lacks.
    """
    added = _unmatched(target, source, mode)
    missing = _unmatched(source, target, mode) if mode == "equal" else []
    if not missing and not added:
        missing, added = _ranks(source, target)
    if not missing and not added:
        missing, added = _units(source, target, mode)
    if not missing and not added:
        missing, added = _orders(source, target)
    return missing, added


def _unmatched(one: Reading, other: Reading, mode: str) -> list[str]:
    """Numbers that a sentence surely names and the other does not."""
    sure = Counter(number for number, _ in one.numbers)
    there = Counter(number for number, _ in other.numbers) + Counter(other.possible)
    if mode == "subset":
        return sorted(set(sure) - set(there))
    return sorted((sure - there).elements())


def _ranks(source: Reading, target: Reading) -> tuple[list[str], list[str]]:
    """Ranks that differ: first and second need no partner, but they are no partners of each other either."""
    here, there = (
        Counter(number for number in (*(number for number, _ in side.numbers), *side.possible) if _RANK.search(number))
        for side in (source, target)
    )
    missing, added = here - there, there - here
    return (sorted(missing), sorted(added)) if missing and added else ([], [])


def _units(source: Reading, target: Reading, mode: str) -> tuple[list[str], list[str]]:
    """Equal numbers whose currencies differ, or am and pm; one without a unit may be of any."""
    for number in {number for number, _ in source.numbers} & {number for number, _ in target.numbers}:
        here, there = (Counter(unit for named, unit in side.numbers if named == number) for side in (source, target))
        named_here, named_there = ({unit: n for unit, n in units.items() if unit} for units in (here, there))
        if mode == "subset":
            clash = not here[""] and not set(named_there) <= set(named_here)
        else:
            clash = (Counter(named_here) | Counter(named_there)).total() > max(here.total(), there.total())
        if clash:
            return [_with(number, unit) for unit in named_here], [_with(number, unit) for unit in named_there]
    return [], []


def _orders(source: Reading, target: Reading) -> tuple[list[str], list[str]]:
    """Runs of the same numbers in another order, where both sides have them as runs."""
    for key in {tuple(sorted(run)) for run in source.runs} & {tuple(sorted(run)) for run in target.runs}:
        here, there = (Counter(run for run in side.runs if tuple(sorted(run)) == key) for side in (source, target))
        if here - there and there - here:
            return ["-".join(run) for run in here - there], ["-".join(run) for run in there - here]
    return [], []


def _with(number: str, unit: str) -> str:
    return f"{unit}{number}" if not unit[-1].isalpha() else f"{number} {unit}"
