"""A critic measured: calibration, figures, curves, and the files of the finished critic."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lemonpress.nli.asset import write_asset
from lemonpress.nli.card import card
from lemonpress.nli.evaluate import (
    NliCritic,
    entailments,
    fit_temperature,
    measure_calibration,
    measure_judged,
    measure_nli,
    measure_paraphrases,
    measure_passes,
    measure_sources,
    open_critic,
    pass_shares,
)
from lemonpress.nli.judged import JudgedPair, judged_rows
from lemonpress.nli.measures import THRESHOLD, Floats
from lemonpress.nli.plots import Line, plot_curves
from lemonpress.nli.rows import NliRow
from lemonpress.nli.settings import CriticRecipe
from lemonpress.sources import Model, resolve
from lemonpress.weights import merge_adapter

_PER_RULE = 200
_NLI_FIGURES = (
    ("two-way accuracy", "two_way"),
    ("three-way accuracy", "three_way"),
    ("precision of entails at 0.75", "precision"),
    ("recall of entails at 0.75", "recall"),
)


@dataclass(frozen=True)
class Benchmarks:
    """What a critic is measured on; an empty part is left out.

    Attributes:
        validation: Rows that fix the temperature.
        test: NLI rows.
        paraphrases: Sentence pairs with human judgements.
        held_out: Rows made by rule from contexts that were not trained on, by kind.
        judged: Pairs of a pool, judged in both directions.
        changed: Sentences of the paraphrases with a number, name or polarity changed.
    """

    validation: Sequence[NliRow] = ()
    test: Sequence[NliRow] = ()
    paraphrases: Sequence[tuple[str, str, bool]] = ()
    held_out: Mapping[str, Sequence[NliRow]] | None = None
    judged: Sequence[JudgedPair] = ()
    changed: Sequence[NliRow] = ()


@dataclass(frozen=True)
class Verdicts:
    """What a critic says of every pair of the benchmarks, as p(entailment) where it is not said otherwise.

    Attributes:
        test: Probabilities of every class, as `NliCritic.judge` gives them.
        paraphrases: Of both directions, shape (2, pairs).
        identities: Of each sentence of the paraphrases with itself.
        held_out: Of a sample of the rows made by rule.
        judged: Of both directions, shape (2, pairs).
        changed: Of the changed sentences.
    """

    test: Floats
    paraphrases: Floats
    identities: Floats
    held_out: Floats
    judged: Floats
    changed: Floats


def finish(trained: Path, recipe: CriticRecipe, base: Model, benchmarks: Benchmarks, out: Path) -> dict[str, Any]:
    """Calibrate a trained critic, write it with its card, and measure what was written.

    Args:
        trained: A training's result or checkpoint: an adapter or whole weights.
        recipe: What it was made by.
        base: The encoder's files.
        benchmarks: What to measure on; validation has rows.
        out: Folder of the critic; gets ``figures.json``, ``curves.png`` and ``README.md`` too.

    Returns:
        The figures, as in ``figures.json``.
    """
    fitted = _fitted_temperature(trained, recipe, base, benchmarks.validation, out.parent)
    temperature = recipe.temperature or fitted
    write_asset(trained, recipe, base, temperature, out)
    critic = open_critic(resolve(str(out.resolve()), where="critic"), "critic")
    verdicts = judge(critic, benchmarks)
    temperatures = {"temperature": round(temperature, 3), "fitted_temperature": round(fitted, 3)}
    figures = {**temperatures, **measure(benchmarks, verdicts)}
    drawn = lines({"": (benchmarks, verdicts)})
    if drawn:
        plot_curves(drawn, out / "curves.png")
    (out / "figures.json").write_text(json.dumps(figures, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    text = card(recipe, base, figures, "\n".join(table({"value": figures})), bool(drawn))
    (out / "README.md").write_text(text, encoding="utf-8")
    return figures


def judge(critic: NliCritic, benchmarks: Benchmarks) -> Verdicts:
    """Ask a critic about every pair of the benchmarks but those of validation."""

    def entail(pairs: Sequence[tuple[str, str]]) -> Floats:
        return critic.judge(pairs)[:, 0]

    there = [(first, second) for first, second, _ in benchmarks.paraphrases]
    sentences = sorted({sentence for pair in there for sentence in pair})
    asked = [(pair.first, pair.second) for pair in benchmarks.judged]
    return Verdicts(
        test=critic.judge(_pairs(benchmarks.test)),
        paraphrases=entail([*there, *((second, first) for first, second in there)]).reshape(2, -1),
        identities=entail([(sentence, sentence) for sentence in sentences]),
        held_out=entail(_pairs(_held_out(benchmarks))),
        judged=entail([*asked, *((second, first) for first, second in asked)]).reshape(2, -1),
        changed=entail(_pairs(benchmarks.changed)),
    )


def measure(benchmarks: Benchmarks, verdicts: Verdicts) -> dict[str, Any]:
    """Every figure of a critic, rounded to four digits; see `evaluate` for what they mean."""
    figures: dict[str, Any] = {}
    if rows := benchmarks.test:
        figures["nli"] = measure_nli(rows, verdicts.test) | measure_passes(entailments(rows), verdicts.test[:, 0])
        figures["nli_sources"] = measure_sources(rows, verdicts.test)
        figures["calibration"] = measure_calibration(rows, verdicts.test)
    if benchmarks.paraphrases:
        human = np.array([same for _, _, same in benchmarks.paraphrases], dtype=bool)
        figures["paraphrases"] = measure_paraphrases(human, verdicts.paraphrases, verdicts.identities)
    if benchmarks.judged:
        figures["judged"] = measure_judged(benchmarks.judged, verdicts.judged)
    if rows := benchmarks.changed:
        every = [replace(row, source="changed") for row in rows]
        figures["changed_sentences"] = {
            "rows": len(rows),
            **pass_shares(every, verdicts.changed),
            **pass_shares(rows, verdicts.changed),
        }
    if rows := _held_out(benchmarks):
        figures["held_out"] = pass_shares(rows, verdicts.held_out)
        changed = np.array([row.source.startswith("changed") for row in rows])
        if changed.any():
            figures["changed"] = float((verdicts.held_out[changed] >= THRESHOLD).mean())
    return _rounded(figures)


def lines(critics: Mapping[str, tuple[Benchmarks, Verdicts]]) -> list[Line]:
    """What to plot: of one critic, NLI rows and judged pairs; of several, NLI rows, or judged pairs without them.

    Args:
        critics: Benchmarks and verdicts by the critic's name.
    """
    found: list[Line] = []
    for name, (benchmarks, verdicts) in critics.items():
        judged = judged_rows(benchmarks.judged)
        parts = [("NLI test", entailments(benchmarks.test), verdicts.test[:, 0])]
        # judged_rows puts both directions of a pair side by side.
        parts.append(("judged pairs", entailments(judged), verdicts.judged.T.reshape(-1)))
        drawn = [Line(f"{name} {what}".strip(), truth, scores) for what, truth, scores in parts if truth.any()]
        found += drawn if len(critics) == 1 else [replace(line, name=name) for line in drawn[:1]]
    return found


def table(critics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Figures as lines of a Markdown table with a column for each critic.

    Args:
        critics: `measure`'s figures by critic, all on the same benchmarks.
    """
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for name, figures in critics.items():
        for where, what, value in _cells(figures):
            cells.setdefault((where, what), {})[name] = value
    rule = " | ".join(["---", "---", *["---:"] * len(critics)])
    rows = [" | ".join([*place, *(values.get(name, "–") for name in critics)]) for place, values in cells.items()]
    return [f"| {row} |" for row in [" | ".join(["measured on", "figure", *critics]), rule, *rows]]


def _fitted_temperature(
    trained: Path, recipe: CriticRecipe, base: Model, validation: Sequence[NliRow], beside: Path
) -> float:
    beside.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".draft-", dir=beside) as scratch:
        draft, merged = Path(scratch) / "draft", Path(scratch) / "merged"
        write_asset(trained, recipe, base, 1.0, draft)
        model = Model(recipe.name, "draft", draft, "unknown")
        if (draft / "adapter_config.json").is_file():
            merge_adapter(replace(model, base=base), merged)
            model = replace(model, folder=merged)
        chances = open_critic(model, "critic").judge(_pairs(validation))
    return fit_temperature(validation, chances)


def _cells(figures: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What was measured on, the figure's name, its value as text."""
    found: list[tuple[str, str, str]] = []
    if nli := figures.get("nli"):
        for where, values in [("all", nli), *figures["nli_sources"].items()]:
            place = f"NLI test, {where}, {values['rows']:,} rows"
            found += [
                (place, name, _percent(values[key], values.get(f"{key}_interval"))) for name, key in _NLI_FIGURES
            ]
        found += _curve_cells("NLI test", nli)
        errors = figures["calibration"]
        found += [
            ("NLI test", "expected calibration error", f"{errors['error']:.3f}"),
            ("NLI test", "log loss of entails or not, nats", f"{errors['log_loss']:.3f}"),
            ("NLI test", "temperature that fits best (1: calibrated)", f"{errors['temperature']:.2f}"),
        ]
    if judged := figures.get("judged"):
        place = f"judged pool pairs, {judged['pairs']:,}"
        both, labels = judged["both_ways"], judged["labels"]
        found += [(place, name, _percent(judged[key], judged[f"{key}_interval"])) for name, key in _NLI_FIGURES[2:]]
        found += [
            (place, f"judged {label}: pass", f"{labels[label]['pass']:,} of {labels[label]['judged']:,}")
            for label in labels
        ]
        found += [
            (place, "precision of passing both ways", _percent(both["precision"], both["precision_interval"])),
            (place, "recall of passing both ways", _percent(both["recall"], both["recall_interval"])),
        ]
        found += _curve_cells(place, judged)
    if pairs := figures.get("paraphrases"):
        place = f"human judgements, {pairs['pairs']:,} pairs"
        named = {
            "identities": "sentences that entail themselves",
            "positives": "human paraphrases that pass both ways",
            "negatives": "human non-paraphrases that pass both ways",
            "agreement": "both directions decide alike",
            "agreement_positives": "both directions decide alike, human paraphrases",
        }
        found += [(place, name, _percent(pairs[key])) for key, name in named.items()]
    if changed := figures.get("changed_sentences"):
        place = f"human judgements, {changed['rows']:,} sentences with one thing changed"
        found += [(place, f"pass: {kind}", _percent(share)) for kind, share in changed.items() if kind != "rows"]
    if "changed" in figures:
        what = "pass with a change of number, name, word or polarity"
        found.append(("held-out contexts", what, _percent(figures["changed"])))
    shares = figures.get("held_out", {})
    return found + [("held-out contexts", f"pass: {kind}", _percent(share)) for kind, share in shares.items()]


def _curve_cells(place: str, values: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    best = values["precise"]
    widest = f"{_percent(best['recall'])} (threshold {best['threshold']:.3f})" if best else "–"
    return [
        (place, "average precision", _percent(values["average_precision"])),
        (place, "highest recall at a precision of 90%", widest),
    ]


def _percent(value: float | None, ends: Sequence[float] | None = None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f}%" + (f" [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]" if ends else "")


def _held_out(benchmarks: Benchmarks) -> list[NliRow]:
    """At most `_PER_RULE` rows of each source that rules made, seeded."""
    rows = [row for made in (benchmarks.held_out or {}).values() for row in made]
    taken: Counter[str] = Counter()
    chosen = []
    for row in (rows[position] for position in np.random.default_rng(0).permutation(len(rows))):
        taken[row.source] += 1
        if taken[row.source] <= _PER_RULE:
            chosen.append(row)
    return chosen


def _pairs(rows: Sequence[NliRow]) -> list[tuple[str, str]]:
    return [(row.premise, row.hypothesis) for row in rows]


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value
