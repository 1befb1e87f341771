"""Which texts a rater gets, and in which order: blind, shuffled, balanced over systems, repeats far apart."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lemonpress.annotation.study import Item, Study


@dataclass(frozen=True)
class Showing:
    """An item's place in a rater's batch.

    Attributes:
        item: As `Rating.item`.
        repeat: Whether the rater has had it before in this batch.
    """

    item: str
    repeat: bool


def plan(
    study: Study, rater: str, number: int, counts: Mapping[str, int], seen: Collection[str] = ()
) -> list[Showing]:
    """A rater's next batch.

    It has whole sources where it can, each with what every system wrote, so that systems are compared within raters.
    Sources with the fewest raters come first, those that have enough of them last. The batch falls into as many
    parts as there are systems; a source comes at most once in a part, and as a Latin square has it, each system
    comes equally often in each part, up to one (where all systems wrote different texts). Neighbours never share a
    source unless one source has more than half of the batch, as in a last batch of one source. Repeats are items of
    the first half, shown again at least half a batch later.

    Args:
        study: What there is to rate.
        rater: Pseudonym; equal arguments give equal batches.
        number: Of the batch, from 0.
        counts: People who have rated or are rating each item; 0 where there is none.
        seen: Items that this rater has had.

    Returns:
        About `Study.batch` items and then repeats; nothing when the rater has had all items.
    """
    generator = np.random.default_rng(_seed(study.seed, rater, number))
    sources = _choose(study, counts, seen, generator)
    if not sources:
        return []
    first = _apart(_latin(sources, generator))
    return _repeated(first, round(study.repeated * len(first)), generator)


def _seed(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:8])


def _choose(
    study: Study, counts: Mapping[str, int], seen: Collection[str], generator: np.random.Generator
) -> list[list[Item]]:
    """The items of the next batch by source, sources in the rater's random order."""
    fresh = [one for one in study.items if one.item not in seen]
    wanting = [one for one in fresh if counts.get(one.item, 0) < study.raters_per_item]
    by_source: dict[str, list[Item]] = {}
    for one in wanting or fresh:
        by_source.setdefault(one.source, []).append(one)
    groups = list(by_source.values())
    shuffled = [groups[place] for place in generator.permutation(len(groups))]
    shuffled.sort(key=lambda group: min(counts.get(one.item, 0) for one in group))
    chosen: list[list[Item]] = []
    size = 0
    for group in shuffled:
        if chosen and size + len(group) > study.batch:
            break
        chosen.append(group)
        size += len(group)
    return [chosen[place] for place in generator.permutation(len(chosen))]


def _latin(sources: Sequence[Sequence[Item]], generator: np.random.Generator) -> list[Item]:
    """Parts in which the sources come in one order, each with another system in each part."""
    arms = sorted({arm for group in sources for one in group for arm in one.arms})
    arms = [arms[place] for place in generator.permutation(len(arms))]
    by_arm = [{arm: one for one in group for arm in one.arms} for group in sources]
    order: dict[str, Item] = {}
    for part in range(len(arms)):
        for place, items in enumerate(by_arm):
            one = items.get(arms[(place + part) % len(arms)])
            if one is not None:
                order.setdefault(one.item, one)
    return list(order.values())


def _apart(order: Sequence[Item]) -> list[Item]:
    """The same items with no neighbours of one source, where that is possible, moved as little as needed."""
    placed: list[Item] = []
    waiting: list[tuple[int, Item]] = []
    for place, one in enumerate(order):
        if placed and placed[-1].source == one.source:
            waiting.append((place, one))
        else:
            placed.append(one)
    while waiting:
        for wish in waiting:
            slots = [slot for slot in range(len(placed) + 1) if _fits(placed, slot, wish[1])]
            if slots:
                placed.insert(min(slots, key=lambda slot: abs(slot - wish[0])), wish[1])
                waiting.remove(wish)
                break
        else:
            return [*placed, *(one for _, one in waiting)]
    return placed


def _repeated(first: Sequence[Item], wanted: int, generator: np.random.Generator) -> list[Showing]:
    """The batch with some items of its first half shown once more, half a batch later or more."""
    distance = (len(first) + 1) // 2
    batch, repeats = list(first), set[int]()
    for place in generator.permutation(len(first) - distance).tolist():
        if len(repeats) == wanted:
            break
        one = first[place]
        # Repeats come after the first half, so that first showings before it stay where they are.
        slots = [slot for slot in range(place + distance + 1, len(batch) + 1) if _fits(batch, slot, one)]
        if slots:
            slot = slots[int(generator.integers(len(slots)))]
            batch.insert(slot, one)
            repeats = {at + (at >= slot) for at in repeats} | {slot}
    return [Showing(one.item, at in repeats) for at, one in enumerate(batch)]


def _fits(order: Sequence[Item], slot: int, one: Item) -> bool:
    """Whether an item may come to a slot without a neighbour of its source."""
    around = order[max(slot - 1, 0) : slot + 1]
    return all(other.source != one.source for other in around)
