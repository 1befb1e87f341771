"""A critic measured: calibration, figures, and the card of the asset."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.nli.asset import load_critic, write_asset
from lemonpress.nli.evaluate import (
    THRESHOLD,
    classify,
    fit_temperature,
    measure_nli,
    measure_paraphrases,
    measure_sources,
    pass_shares,
    softmax,
)
from lemonpress.nli.paraphrases import read_pairs
from lemonpress.nli.rows import NliRow
from lemonpress.nli.settings import CriticRecipe
from lemonpress.sources import Model


@dataclass(frozen=True)
class Benchmarks:
    """What a critic is measured on; an empty part is left out.

    Attributes:
        validation: Rows that fix the temperature.
        test: NLI rows.
        paraphrases: Sentence pairs with human judgements.
        held_out: Rows made by rule from contexts that were not trained on, by kind.
    """

    validation: Sequence[NliRow]
    test: Sequence[NliRow] = ()
    paraphrases: Sequence[tuple[str, str, bool]] = ()
    held_out: Mapping[str, Sequence[NliRow]] | None = None


def finish(adapter: Path, recipe: CriticRecipe, base: Model, benchmarks: Benchmarks, out: Path) -> dict[str, Any]:
    """Calibrate an adapter, write the asset with its card, and measure what was written.

    Args:
        adapter: A training's adapter or checkpoint.
        recipe: What it was made by.
        base: The encoder's files.
        benchmarks: What to measure on.
        out: Folder of the asset; gets ``figures.json`` and ``README.md`` too.

    Returns:
        The figures, as in ``figures.json``.
    """
    model, tokenizer = load_critic(adapter, base)
    fitted = fit_temperature(benchmarks.validation, classify(model, tokenizer, _pairs(benchmarks.validation)))
    temperature = recipe.temperature or fitted
    write_asset(adapter, recipe.encoder, base, temperature, out)
    temperatures = {"temperature": round(temperature, 3), "fitted_temperature": round(fitted, 3)}
    figures = {**temperatures, **measure(out, base, benchmarks)}
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (out / "README.md").write_text(card(recipe, figures), encoding="utf-8")
    return figures


def measure(adapter: Path, base: Model, benchmarks: Benchmarks) -> dict[str, Any]:
    """Every figure of a critic, rounded to four digits; see `evaluate` for what they mean."""
    model, tokenizer = load_critic(adapter, base)
    figures: dict[str, Any] = {}
    if benchmarks.test:
        scores = softmax(classify(model, tokenizer, _pairs(benchmarks.test)))
        figures["nli"] = measure_nli(benchmarks.test, scores)
        figures["nli_sources"] = measure_sources(benchmarks.test, scores)
    if benchmarks.paraphrases:
        figures["paraphrases"] = measure_paraphrases(benchmarks.paraphrases, model, tokenizer)
    if benchmarks.held_out:
        rows = _sample([row for made in benchmarks.held_out.values() for row in made])
        passed = softmax(classify(model, tokenizer, _pairs(rows)))
        figures["held_out"] = pass_shares(rows, passed)
        changed = np.array([row.source.startswith("changed") for row in rows])
        figures["changed"] = float((passed[changed, 0] >= THRESHOLD).mean())
    return _rounded(figures)


def card(recipe: CriticRecipe, figures: Mapping[str, Any]) -> str:
    """The asset's README: what it is, its licence, and its figures."""
    return _CARD.format(
        encoder=recipe.encoder,
        rank=recipe.lora.r,
        pairs=len(read_pairs()),
        excluded=", ".join(recipe.exclude_sources) or "none",
        temperature=figures["temperature"],
        fitted=figures["fitted_temperature"],
        table="\n".join(table(figures)),
    )


def table(figures: Mapping[str, Any]) -> list[str]:
    """The figures as lines of a Markdown table."""
    lines = ["| measured on | figure | value |", "| --- | --- | --- |"]
    if nli := figures.get("nli"):
        lines += [_line(f"NLI test, {nli['rows']} rows", name, nli[key]) for name, key in _NLI_FIGURES]
        for source, values in figures["nli_sources"].items():
            where = f"NLI test, {source}, {values['rows']} rows"
            lines += [_line(where, name, values[key]) for name, key in _NLI_FIGURES]
    if pairs := figures.get("paraphrases"):
        lines += [
            _line("MRPC test", "sentences that entail themselves", pairs["identities"]),
            _line("MRPC test", "human paraphrases that pass both ways", pairs["positives"]),
            _line("MRPC test", "human non-paraphrases that pass both ways", pairs["negatives"]),
        ]
    if "changed" in figures:
        lines.append(
            _line("held-out contexts", "pass with a change of number, name, word or polarity", figures["changed"])
        )
        lines += [_line("held-out contexts", f"pass: {kind}", share) for kind, share in figures["held_out"].items()]
    return lines


_PER_RULE = 200
_NLI_FIGURES = (
    ("two-way accuracy", "two_way"),
    ("three-way accuracy", "three_way"),
    ("precision of entails at 0.75", "precision"),
    ("recall of entails at 0.75", "recall"),
)

_CARD = """---
license: cc-by-sa-4.0
language: en
library_name: peft
base_model: sentence-transformers/all-MiniLM-L6-v2
pipeline_tag: text-classification
tags: [natural-language-inference, critic, lora]
---
# The packaged entailment critic

A cross-encoder for English that says whether one sentence follows from another: entailment, neutral, contradiction.
It judges paraphrase and summary pairs where the Hub cannot be reached; recipes name it `data/nli-critic`.
A LoRA adapter of rank {rank} on every linear layer of `{encoder}`, with its own pooler and classifier, in half
precision. Logits are divided by {temperature}; the temperature that fits the validation rows best is {fitted}.

Made by `python trainers/critic.py --nli train.jsonl.gz --validation validation.jsonl.gz --test test.jsonl.gz
--paraphrases mrpc_labelled_test.jsonl.gz --output runs/critic`; the recipe is `trainers/recipes/critic.yaml`.
The rules and pairs grew while the shipped weights were trained, stage upon stage: the recipe gives a critic like it,
not the same bytes.

## Data and licence

Weights under [CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/), as the data asks; the code is
Apache-2.0. Trained on SNLI, counterfactually revised SNLI, Breaking NLI, MoNLI, MED, HELP, ConjNLI and SciTail (left
out for their licences: {excluded}), and on pairs that rules made from the sentences of the starter pool, its
paragraphs and premises of those datasets: sentences with themselves, restated, shortened, with one thing changed,
at another stage (planned, begun, done), and other sentences of the same context; and on {pairs} pairs of sentences
with the same in other words, written for this project with the help of a large language model. The pool's sentences
were written by SmolLM2-135M-Instruct, whose own training data was partly written by large language models. MRPC only
measures.

## Measured

{table}

`pass` is the share of rows with p(entailment) of at least 0.75. Rows of held-out contexts are made by the same rules
as the training rows, so they show what was learnt of the rules, not of all language; `identical`, `restated` and
`shortened` should pass, everything else should not.

## Limits

Short sentences of English news prose; at most 96 tokens a pair in training. It has 22 million parameters: world
knowledge, arithmetic and long sentences are beyond it. Keep the number and name critics beside it.
"""


def _line(where: str, name: str, value: float) -> str:
    return f"| {where} | {name} | {100 * value:.1f}% |"


def _sample(rows: Sequence[NliRow]) -> list[NliRow]:
    """At most `_PER_RULE` rows of each source, seeded."""
    order = np.random.default_rng(0).permutation(len(rows))
    taken: Counter[str] = Counter()
    chosen = []
    for row in (rows[position] for position in order):
        taken[row.source] += 1
        if taken[row.source] <= _PER_RULE:
            chosen.append(row)
    return chosen


def _pairs(rows: Sequence[NliRow]) -> list[tuple[str, str]]:
    return [(row.premise, row.hypothesis) for row in rows]


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 4) if isinstance(value, float) else value
