"""The results of a study: figures, tables like the paper's Table 3, plots, and rows for other programs."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lemonpress.annotation.collect import Collected
from lemonpress.annotation.plots import means_plot, shares_plot
from lemonpress.annotation.statistics import (
    DIFFERENCE,
    POWER,
    Preference,
    Rater,
    SystemMeans,
    each_rater,
    preferences,
    sources_needed,
    system_means,
)
from lemonpress.annotation.study import Study
from lemonpress.errors import UserError
from lemonpress.evaluation.agreement import ALL, Agreement, agreement, each_beside_others, figures, interval, report
from lemonpress.evaluation.ratings import CRITERIA, Rating
from lemonpress.markdown import literal, table
from lemonpress.metrics.bootstrap import Estimate
from lemonpress.output import check_folder, whole_folder

FILES = ("results.json", "results.md", "ratings.jsonl", "repeats.jsonl", "means.png", "shares.png")


@dataclass(frozen=True)
class Results:
    """What a study found.

    Attributes:
        study: Whose results they are.
        collected: What they are computed of.
        systems: By name; none without the key.
        preferences: By criterion and over all, each two systems.
        agreement: Of the raters with each other.
        raters: Each of them.
    """

    study: Study
    collected: Collected
    systems: Mapping[str, SystemMeans]
    preferences: Mapping[str, Sequence[Preference]]
    agreement: Agreement
    raters: Mapping[str, Rater]


def results(study: Study, collected: Collected) -> Results:
    """Compute the results of a study.

    Raises:
        UserError: There is no rating yet.
    """
    ratings = collected.ratings
    if not ratings:
        raise UserError(f"study {study.name}: has no rating yet; let somebody rate")
    raters = each_rater(ratings, collected.repeats, each_beside_others(ratings))
    return Results(study, collected, system_means(ratings), preferences(ratings), agreement(ratings), raters)


def check_output(folder: Path) -> None:
    """Refuse a folder that results must not go to."""
    check_folder(folder, FILES, "a study's results", marker=FILES[0])


def write(found: Results, folder: Path) -> None:
    """Write `FILES`, whole or not at all.

    Args:
        found: The results.
        folder: New, empty, or of earlier results. ``ratings.jsonl`` is what ``lemonpress judge agreement`` reads;
            ``repeats.jsonl`` has the second showings, which are in no mean.
    """
    with whole_folder(folder, check_output) as new:
        for name, text in (("results.json", as_json(found)), ("results.md", as_markdown(found))):
            (new / name).write_text(text, encoding="utf-8")
        for name, rows in (("ratings.jsonl", found.collected.ratings), ("repeats.jsonl", found.collected.repeats)):
            (new / name).write_text(_lines(rows), encoding="utf-8")
        if found.systems:
            means_plot(found.study, found.systems, new / "means.png")
            shares_plot(found.study, found.systems, new / "shares.png")


def summary(found: Results) -> dict[str, Any]:
    """The figures as JSON holds them; null where one is undefined."""
    return {
        "study": {"name": found.study.name, "id": found.study.id, "task": found.study.task},
        "items": len(found.study.items),
        "items_rated": len({one.item for one in found.collected.ratings}),
        "ratings": len(found.collected.ratings),
        "repeats": len(found.collected.repeats),
        "corrected": found.collected.corrected,
        "systems": {
            system: {
                "items": one.items,
                "ratings": one.ratings,
                **{
                    name: {**(interval(estimate) or {}), "shares": list(one.shares[name])}
                    for name, estimate in one.means.items()
                },
            }
            for system, one in found.systems.items()
        },
        "preferences": {
            name: [
                {
                    "one": pair.one,
                    "other": pair.other,
                    "wins": pair.wins,
                    "ties": pair.ties,
                    "losses": pair.losses,
                    "difference": interval(pair.difference),
                    "deviation": None if math.isnan(pair.deviation) else pair.deviation,
                    "p": pair.p,
                    "p_holm": pair.adjusted,
                    "sources_needed": sources_needed(pair.deviation),
                }
                for pair in pairs
            ]
            for name, pairs in found.preferences.items()
        },
        "agreement": figures(found.agreement),
        "raters": {
            name: {
                "items": one.items,
                "exact": interval(one.beside.exact) if one.beside else None,
                "alpha_of_others": interval(one.beside.humans) if one.beside else None,
                "alpha_with_rater": interval(one.beside.alpha) if one.beside else None,
                "repeats": one.repeats,
                "consistent": one.consistent,
            }
            for name, one in found.raters.items()
        },
    }


def as_json(found: Results) -> str:
    """The file of `summary`."""
    return json.dumps(summary(found), ensure_ascii=False, indent=2) + "\n"


def as_markdown(found: Results) -> str:
    """The results for readers."""
    alpha = found.agreement.humans[ALL].alpha
    agreed = "undefined so far" if alpha is None else _cell(alpha)
    raters = [["Rater", "texts", "exact", "alpha of the others", "alpha with", "repeats", "equal when repeated"]]
    raters += [_rater_row(name, one) for name, one in found.raters.items()]
    lines = [
        f"# {literal(found.study.title)}",
        "",
        f"Human evaluation of {found.study.task} (study `{found.study.id}`): {len(found.collected.ratings):,} ratings "
        f"of {len({one.item for one in found.collected.ratings}):,} of {len(found.study.items):,} texts by "
        f"{len(found.raters):,} raters. Krippendorff's alpha = {agreed}.",
        "",
        *(_of_systems(found) if found.systems else ["The key was not given: systems are not told apart.", ""]),
        "## Agreement",
        "",
        report(found.agreement).rstrip(),
        "",
        *table(raters),
        "",
        "exact: share of a rater's scores within half a point of the others' mean on the same text. alpha with: of "
        "all, on the texts of this rater. Equal when repeated: share of scores that were the same at the second "
        "showing.",
    ]
    return "\n".join(lines) + "\n"


def _of_systems(found: Results) -> list[str]:
    criteria = CRITERIA[found.study.task]
    best = {name: max(one.means[name].value for one in found.systems.values()) for name in criteria}
    rows = [["System", "texts", *(f"{name} ↑" for name in criteria)]]
    for system, one in found.systems.items():
        cells = [_marked(one.means[name], best[name]) for name in criteria]
        rows.append([literal(system), f"{one.items:,}", *cells])
    lines = [
        *table(rows),
        "",
        "Means from 1 to 3 [95 % bootstrap interval over sources]; the best of a column is bold.",
        "",
        "![Mean ratings](means.png)",
        "",
        "![Shares of ratings](shares.png)",
        "",
    ]
    pairs = found.preferences[ALL]
    if not pairs:
        return lines
    rows = [["A", "B", "A better", "ties", "B better", "A − B", "p", "p (Holm)"]]
    for pair in pairs:
        counts = [f"{count:,}" for count in (pair.wins, pair.ties, pair.losses)]
        rows.append([literal(pair.one), literal(pair.other), *counts, _cell(pair.difference),
                     f"{pair.p:.2g}", f"{pair.adjusted:.2g}"])  # fmt: skip
    return [
        *lines,
        "## Preference",
        "",
        *table(rows),
        "",
        "Sources for which the one or the other has the higher mean over raters and criteria. p: sign test over the "
        "sources that are no tie; Holm: for all pairs. Each criterion by itself is in results.json.",
        "",
        *_advice(found),
    ]


def _advice(found: Results) -> list[str]:
    """How many sources would be enough, by the least certain pair."""
    rows = [["Criterion", "deviation", "sources needed"]]
    for name, pairs in found.preferences.items():
        widest = max((pair.deviation for pair in pairs if pair.deviation > 0), default=math.nan)
        needed = sources_needed(widest)
        rows.append([name, *(["–", "–"] if needed is None else [f"{widest:.2f}", f"{needed:,}"])])
    return [
        "## Power",
        "",
        f"To tell two systems {DIFFERENCE} points apart with {100 * POWER:.0f} % power (two-sided, 5 %, with as "
        "many raters a text as here), for the pair whose differences vary most:",
        "",
        *table(rows),
        "",
    ]


def _rater_row(name: str, one: Rater) -> list[str]:
    beside = [_cell(value) for value in (one.beside.exact, one.beside.humans, one.beside.alpha)] if one.beside else []
    consistent = "–" if one.consistent is None else f"{one.consistent:.2f}"
    return [literal(name), f"{one.items:,}", *(beside or ["–"] * 3), f"{one.repeats:,}", consistent]


def _marked(estimate: Estimate, best: float) -> str:
    value = f"{estimate.value:.2f}"
    shown = f"**{value}**" if math.isclose(estimate.value, best) else value
    return f"{shown} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _cell(one: Estimate | None) -> str:
    return "–" if one is None else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _lines(ratings: Sequence[Rating]) -> str:
    return "".join(json.dumps(one.row(), ensure_ascii=False) + "\n" for one in ratings)
