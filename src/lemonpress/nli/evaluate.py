"""What matters to a critic: whether "entails" at the threshold can be trusted, and how much it finds."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lemonpress.errors import UserError
from lemonpress.nli.rows import CLASSES, CONTRADICTION, ENTAILMENT, LABELS, NEUTRAL, NOT_ENTAILMENT, NliRow

Probabilities = NDArray[np.float32]
THRESHOLD = 0.75
"""p(entailment) at which the paper's critics keep a pair."""


def classify(
    model: Any,
    tokenizer: Any,
    pairs: Sequence[tuple[str, str]],
    max_tokens: int = 256,
    batch_size: int = 64,
) -> Probabilities:
    """Logits of (premise, hypothesis) pairs, batched by length.

    Args:
        model: A sequence-classification model in evaluation mode, classes in the order of `rows.CLASSES`.
        tokenizer: Its tokenizer.
        pairs: Premise and hypothesis.
        max_tokens: Longer pairs are cut.
        batch_size: Pairs a forward pass.

    Returns:
        (pairs, 3) logits, in the order given.
    """
    import torch

    order = np.argsort([len(first) + len(second) for first, second in pairs], kind="stable")
    logits = np.empty((len(pairs), len(CLASSES)), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(pairs), batch_size):
            places = order[start : start + batch_size]
            premises, hypotheses = zip(*(pairs[place] for place in places), strict=True)
            batch = tokenizer(
                list(premises),
                list(hypotheses),
                truncation=True,
                max_length=max_tokens,
                padding=True,
                return_tensors="pt",
            )
            logits[places] = model(**batch).logits.float().numpy()
    return logits


def softmax(logits: Probabilities) -> Probabilities:
    """Probabilities of each row of logits."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def measure_nli(rows: Sequence[NliRow], probabilities: Probabilities) -> dict[str, float]:
    """Accuracy two-way and three-way, precision and recall of "entails" at 0.75, all in [0, 1].

    Args:
        rows: Judged pairs; two-way rows do not count in the three-way accuracy.
        probabilities: (rows, 3).
    """
    truth = np.array([LABELS.index(row.label) for row in rows])
    entails = truth == 0
    guess = probabilities.argmax(axis=1)
    passed = probabilities[:, 0] >= THRESHOLD
    three_way = truth < LABELS.index(NOT_ENTAILMENT)
    return {
        "rows": len(rows),
        "two_way": float(((guess == 0) == entails).mean()),
        "three_way": float((guess == truth)[three_way].mean()) if three_way.any() else float("nan"),
        "precision": float(entails[passed].mean()) if passed.any() else float("nan"),
        "recall": float(passed[entails].mean()) if entails.any() else float("nan"),
    }


def measure_sources(rows: Sequence[NliRow], probabilities: Probabilities) -> dict[str, dict[str, float]]:
    """`measure_nli` of each source."""
    sources = np.array([row.source for row in rows])
    return {
        str(source): measure_nli([row for row in rows if row.source == source], probabilities[sources == source])
        for source in np.unique(sources)
    }


def pass_shares(rows: Sequence[NliRow], probabilities: Probabilities) -> dict[str, float]:
    """Share of each source's rows with p(entailment) of at least 0.75."""
    sources = np.array([row.source for row in rows])
    passed = probabilities[:, 0] >= THRESHOLD
    return {str(source): float(passed[sources == source].mean()) for source in np.unique(sources)}


def read_paraphrases(file: Path) -> list[tuple[str, str, bool]]:
    """Sentence pairs with human judgements.

    Args:
        file: Gzipped JSON lines with source, reference and paraphrase (true or false).

    Raises:
        UserError: The file is missing, or a line lacks a column.
    """
    try:
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream]
        return [(row["source"], row["reference"], bool(row["paraphrase"])) for row in rows]
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; give gzipped JSON lines of source, reference, paraphrase") from None
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{file}: needs the columns source, reference and paraphrase ({error!r})") from None


def measure_paraphrases(
    pairs: Sequence[tuple[str, str, bool]], model: Any, tokenizer: Any, temperature: float = 1.0
) -> dict[str, float]:
    """Shares that pass both ways at 0.75: human paraphrases, non-paraphrases, and each sentence with itself."""
    firsts, seconds, human = zip(*pairs, strict=True)
    sentences = sorted({*firsts, *seconds})
    asked = [*zip(firsts, seconds, strict=True), *zip(seconds, firsts, strict=True)]
    scores = softmax(classify(model, tokenizer, [*asked, *((text, text) for text in sentences)]) / temperature)[:, 0]
    count = len(pairs)
    both = np.minimum(scores[:count], scores[count : 2 * count]) >= THRESHOLD
    truth = np.array(human)
    return {
        "positives": float(both[truth].mean()),
        "negatives": float(both[~truth].mean()),
        "identities": float((scores[2 * count :] >= THRESHOLD).mean()),
    }


def fit_temperature(rows: Sequence[NliRow], logits: Probabilities) -> float:
    """The temperature that makes the rows most likely; above 1 the model is too sure of itself.

    Args:
        rows: Validation rows.
        logits: (rows, 3).
    """
    from scipy.optimize import minimize_scalar

    groups = _label_groups(rows)

    def loss(temperature: float) -> float:
        probabilities = softmax(logits / np.float32(temperature))
        return float(-np.log(np.maximum((probabilities * groups).sum(axis=1), 1e-12)).mean())

    return float(minimize_scalar(loss, bounds=(0.25, 8.0), method="bounded").x)


def _label_groups(rows: Sequence[NliRow]) -> Probabilities:
    """(rows, 3): 1 where a class agrees with the row's label."""
    agreeing: Mapping[str, tuple[int, int, int]] = {
        ENTAILMENT: (1, 0, 0),
        NEUTRAL: (0, 1, 0),
        CONTRADICTION: (0, 0, 1),
        NOT_ENTAILMENT: (0, 1, 1),
    }
    return np.array([agreeing[row.label] for row in rows], dtype=np.float32)
