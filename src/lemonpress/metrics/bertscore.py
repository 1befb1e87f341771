"""BERTScore: greedy matching of contextual token vectors, as the bert-score package computes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lemonpress.batching import batch_tokens, batches_by_length
from lemonpress.metrics.encoders import TokenEncoder, TokenIds, load_token_encoder
from lemonpress.metrics.words import require_referenced
from lemonpress.sources import Model

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
References = Sequence[Sequence[str]]

LAYERS = {
    "bert-base-multilingual-cased": 9,
    "bert-base-uncased": 9,
    "deberta-large-mnli": 18,
    "deberta-xlarge-mnli": 40,
    "roberta-base": 10,
    "roberta-large": 17,
    "roberta-large-mnli": 19,
    "sup-simcse-bert-base-uncased": 10,
    "sup-simcse-roberta-large": 16,
}
"""The bert-score package's layers of well-known encoders, by the last part of their ids: those that agreed best with
people's judgements of translations (WMT16)."""

_FLOATS = 1 << 26  # of token vectors at once: 256 MiB


class Baseline(NamedTuple):
    """BERTScore of unrelated sentences, by encoder, layer and language."""

    precision: float
    recall: float
    f1: float


BASELINES = {
    ("bert-base-multilingual-cased", 9): Baseline(0.6320527, 0.6320019, 0.63146895),
    ("deberta-large-mnli", 18): Baseline(0.45358238, 0.45362508, 0.45173016),
    ("deberta-xlarge-mnli", 40): Baseline(0.5169066, 0.5170288, 0.5150192),
    ("roberta-large", 17): Baseline(0.83150584, 0.8314941, 0.83122575),
}
"""The bert-score package's English baselines, by the last part of the encoder's id and the layer."""


@dataclass(frozen=True)
class BertScores:
    """BERTScore of each candidate.

    Attributes:
        precision: Mean cosine of the candidate's tokens, each with its likest token of the reference; shape (rows,).
        recall: The same the other way round.
        f1: Their harmonic mean.
    """

    precision: Floats
    recall: Floats
    f1: Floats


def load_encoder(model: Model, layer: int | None = None, device: str = "auto") -> TokenEncoder:
    """Load an encoder for BERTScore.

    Args:
        model: A resolved transformers model with safetensors weights.
        layer: Layer whose vectors are compared, from 1; by default the one of `LAYERS`, and the last of an encoder
            that is not there.
        device: ``auto`` takes the first GPU where there is one, else the CPU.

    Raises:
        UserError: The model is an adapter, GGUF or no transformers encoder, or has no such layer.
    """
    if layer is None:
        layer = LAYERS.get(model.id.rpartition("/")[2])
    return load_token_encoder(model, layer, device, "BERTScore")


def bert_score(
    candidates: Sequence[str], references: References, encoder: TokenEncoder, baseline: Baseline | None = None
) -> BertScores:
    """BERTScore (Zhang et al. 2020) without idf weights.

    Texts are stripped, and cut at the encoder's longest input. Special tokens ([CLS], [SEP]) can be matched, but their
    own matches do not count. A row with a text that has no other tokens scores 0. Of several references each of the
    three numbers is the best that any reference gives.

    Args:
        candidates: Texts to judge.
        references: For each candidate at least one reference.
        encoder: Gives the token vectors (`load_encoder`).
        baseline: Where given, every number x becomes (x - b) / (1 - b): 0 is then the likeness of unrelated sentences
            and 1 that of equal ones.

    Returns:
        Three numbers a candidate: in [-1, 1], and in practice well above 0 without baseline.

    Raises:
        ValueError: The lists differ in length, a candidate has no reference, or a row is no text.
    """
    return bert_scores(candidates, [references], encoder, baseline)[0]


def bert_scores(
    candidates: Sequence[str],
    groups: Sequence[References],
    encoder: TokenEncoder,
    baseline: Baseline | None = None,
) -> list[BertScores]:
    """`bert_score` against several lists of references, such as the sources and the human paraphrases, at once.

    Each distinct text is tokenised once, and encoded once for the rows whose vectors fit into 256 MiB together.

    Args:
        candidates: Texts to judge.
        groups: Lists of references, each as for `bert_score`.
        encoder: As for `bert_score`.
        baseline: As for `bert_score`.

    Returns:
        What `bert_score` gives for each list of references.

    Raises:
        ValueError: As for `bert_score`.
    """
    for references in groups:
        require_referenced(candidates, references)
    texts: dict[str, int] = {}
    pairs = [
        (texts.setdefault(candidate.strip(), len(texts)), texts.setdefault(reference.strip(), len(texts)), group, row)
        for row, candidate in enumerate(candidates)
        for group, references in enumerate(groups)
        for reference in references[row]
    ]
    ones, others, group_of, row_of = np.array(pairs, np.intp).reshape(-1, 4).T
    scores = _scores(encoder, list(texts), ones, others)
    best = np.full((len(groups), 3, len(candidates)), -np.inf)
    for number, values in enumerate(scores):
        np.maximum.at(best[:, number], (group_of, row_of), values)
    if baseline is not None:
        lowest = np.array(baseline)[:, None]
        best = (best - lowest) / (1 - lowest)
    return [BertScores(*numbers) for numbers in best]


def bert_score_signature(encoder: TokenEncoder, baseline: Baseline | None = None) -> str:
    """What exactly `bert_score` computes with this encoder, for tables and cards."""
    rescaled = "no" if baseline is None else "/".join(f"{number:g}" for number in baseline)
    return (
        f"BERTScore|encoder:{encoder.name}|layer:{encoder.layer}|idf:no|rescaled:{rescaled}|references:best"
        f"|transformers:{version('transformers')}"
    )


def _scores(encoder: TokenEncoder, texts: Sequence[str], ones: Places, others: Places) -> Floats:
    """Precision, recall and F1 of pairs of distinct texts, given by their places; shape (3, pairs)."""
    special = {encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id}
    ids = encoder.tokenise(texts)
    lengths = np.array([len(one) for one in ids], np.int64)
    counted = [np.array([token not in special for token in one], bool) for one in ids]
    has_tokens = np.array([one.any() for one in counted], bool)
    asked = np.flatnonzero(has_tokens[ones] & has_tokens[others])
    scores = np.zeros((3, len(ones)))
    tokens = (lengths[ones] + lengths[others])[asked].cumsum()
    ends = np.flatnonzero(np.diff(tokens // (_FLOATS // encoder.hidden))) + 1
    for chunk in np.split(asked, ends) if len(asked) else []:
        used, places = np.unique(np.stack([ones[chunk], others[chunk]]), return_inverse=True)
        scores[:2, chunk] = _match(
            encoder, [ids[text] for text in used], [counted[text] for text in used], places.reshape(2, -1)
        )
    precision, recall = scores[:2]
    total = precision + recall
    np.divide(2 * precision * recall, total, out=scores[2], where=total != 0)
    return scores


def _match(encoder: TokenEncoder, ids: TokenIds, counted: list[npt.NDArray[np.bool_]], pairs: Places) -> Floats:
    """Precision and recall of pairs of texts, shape (2, pairs), as the places of both sides are."""
    import torch

    vectors = encoder.token_vectors(ids)
    counts = torch.from_numpy(np.concatenate(counted)).to(encoder.device)
    lengths = np.array([len(one) for one in ids], np.int64)
    starts = lengths.cumsum() - lengths
    scores = np.empty(pairs.shape)
    for batch in batches_by_length(lengths[pairs].max(axis=0), batch_tokens(encoder.device)):
        sides = []
        for texts in pairs[:, batch]:
            steps = np.arange(lengths[texts].max())
            # Shorter texts repeat their last token, which changes no maximum and does not count.
            places = starts[texts, None] + np.minimum(steps, lengths[texts, None] - 1)
            inside = torch.from_numpy(steps < lengths[texts, None]).to(encoder.device)
            at = torch.from_numpy(places).to(encoder.device)
            sides.append((vectors[at], counts[at] & inside))
        (y, y_counts), (x, x_counts) = sides
        cosines = y @ x.transpose(1, 2)
        precision = (cosines.amax(2) * y_counts).sum(1) / y_counts.sum(1)
        recall = (cosines.amax(1) * x_counts).sum(1) / x_counts.sum(1)
        scores[:, batch] = torch.stack([precision, recall]).cpu().numpy()
    return scores
