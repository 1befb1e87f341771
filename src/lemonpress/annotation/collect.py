"""Ratings of a study gathered from stores and from datasets that they were pushed to, and joined with its key."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemonpress.annotation.store import FILE, Store
from lemonpress.annotation.study import Study
from lemonpress.errors import UserError
from lemonpress.evaluation.ratings import Rating, check_scores
from lemonpress.reading import json_rows


@dataclass(frozen=True)
class Collected:
    """What people said; of each text the last that each of them said.

    Attributes:
        ratings: Of texts shown for the first time.
        repeats: Of the same texts shown once more.
        corrected: Showings whose rating was changed.
    """

    ratings: list[Rating]
    repeats: list[Rating]
    corrected: int


def collect(
    study: Study, rows: Iterable[tuple[str, Mapping[str, Any]]], systems: Mapping[str, Sequence[str]] | None
) -> Collected:
    """Join rows with the texts of their study, and with its key.

    Args:
        study: Whose ratings they are.
        rows: As `Store.rows` gives them, with their places for error messages; rows that come twice count once.
        systems: Who wrote each item (`read_key`); None leaves ratings without systems.

    Raises:
        UserError: A row is no rating, or of another study.
    """
    last: dict[tuple[str, str, bool], tuple[str, int, Rating]] = {}
    said: dict[tuple[str, str, bool], set[tuple[str, tuple[int, ...]]]] = {}
    for number, (where, row) in enumerate(rows):
        rating, repeat, at = _rating(study, row, systems, where)
        place = (rating.rater, rating.item, repeat)
        said.setdefault(place, set()).add((at, tuple(rating.scores.values())))
        if place not in last or last[place][:2] < (at, number):
            last[place] = (at, number, rating)
    # In an order of their own: resamples, and so intervals, are the same however rows come.
    ordered = sorted(last.items(), key=lambda one: (one[0][1], one[0][0]))
    return Collected(
        [rating for (_, _, repeat), (_, _, rating) in ordered if not repeat],
        [rating for (_, _, repeat), (_, _, rating) in ordered if repeat],
        sum(len(one) > 1 for one in said.values()),
    )


def rows_of(store: Store) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a store, with their places."""
    for number, row in enumerate(store.rows(), 1):
        yield f"{FILE}, rating {number}", row


def read_rows(paths: Sequence[Path], study: Study) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of stores and of files that were pushed, with their places.

    Args:
        paths: Folders of a store, folders with JSON lines anywhere in them, and JSON lines.
        study: Whose ratings they are.

    Raises:
        UserError: One is missing, or has no ratings.
    """
    for path in paths:
        if (path / FILE).is_file():
            yield from rows_of(Store(path, study))
            continue
        files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
        if not files or not all(file.is_file() for file in files):
            raise UserError(f"{path}: no {FILE} and no .jsonl file; give what raters' answers were kept in")
        for file in files:
            for place, row in json_rows(file, "ratings"):
                yield f"{file}, {place}", row


def _rating(
    study: Study, row: Mapping[str, Any], systems: Mapping[str, Sequence[str]] | None, where: str
) -> tuple[Rating, bool, str]:
    if row.get("study") != study.id:
        raise UserError(f"{where}: is of study {row.get('study')!r:.40}, not of {study.name} ({study.id}); remove it")
    item = study.by_id.get(str(row.get("item")))
    if item is None:
        raise UserError(f"{where}: item {row.get('item')!r:.40} is none of study {study.name}; remove the row")
    rater, repeat, at = row.get("rater"), row.get("repeat"), row.get("at")
    if not isinstance(rater, str) or not rater or not isinstance(repeat, bool) or not isinstance(at, str):
        raise UserError(f"{where}: rater, repeat or at is missing or no text; keep rows as they were written")
    scores = check_scores(row, study.task, where)
    wrote = () if systems is None else tuple(systems[item.item])
    return Rating(item.source, item.candidate, wrote, study.task, rater, "human", scores), repeat, at
