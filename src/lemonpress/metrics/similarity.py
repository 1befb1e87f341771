"""Cosine of sentence embeddings, by any sentence encoder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lemonpress.errors import UserError
from lemonpress.kinds import check_sentence_encoder
from lemonpress.metrics.encoders import check_token_encoder, load_token_encoder
from lemonpress.metrics.words import require_pairs
from lemonpress.sources import Model
from lemonpress.weights import bar_if_large, pick_device

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

Pooling = Literal["cls", "pooler"]


@dataclass(frozen=True)
class SentenceEncoder:
    """A loaded sentence encoder.

    Attributes:
        name: Id and commit of the model.
        pooling: How a sentence's vector is made of its tokens': ``modules.json`` for what sentence-transformers saved
            with the model, ``cls`` for the vector of the first token, ``pooler`` for that vector through the pooler.
        embed: Vectors of unit length, one a text; shape (texts, hidden).
    """

    name: str
    pooling: str
    embed: Callable[[Sequence[str]], Vectors]


def check_encoder(model: Model, where: str = "sentence encoder") -> None:
    """Refuse what `load_sentence_encoder` would refuse, before anything is loaded.

    Raises:
        UserError: The model is no encoder.
    """
    if (model.folder / "modules.json").is_file():
        check_sentence_encoder(model, where)
    else:
        check_token_encoder(model, where=where)


def load_sentence_encoder(
    model: Model, pooling: Pooling | None = None, device: str = "auto", where: str = "sentence encoder"
) -> SentenceEncoder:
    """Load a model that sentence-transformers saved, or a plain transformer checkpoint such as those of SimCSE.

    Args:
        model: A resolved model with safetensors weights.
        pooling: For a plain checkpoint; by default as the authors of SimCSE use theirs: ``pooler`` where the
            checkpoint has one (princeton-nlp/sup-simcse-roberta-large), ``cls`` where it has none or the id says that
            the model was trained without supervision (unsup-simcse-...). What sentence-transformers saved pools as it
            says itself.
        device: ``auto`` takes the first GPU where there is one, else the CPU.
        where: What it is for, in error messages.

    Raises:
        UserError: The model is no encoder, or has not the pooling that is asked for.
    """
    name = model.name
    if (model.folder / "modules.json").is_file():
        if pooling is not None:
            raise UserError(f"{where}: {model.id} says itself how it pools; leave out pooling {pooling}")
        check_sentence_encoder(model, where)
        from sentence_transformers import SentenceTransformer

        with bar_if_large(model.folder):
            network = SentenceTransformer(str(model.folder), device=pick_device(device))

        def embed(texts: Sequence[str]) -> Vectors:
            found = network.encode(list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False)
            return np.asarray(found, np.float32)

        return SentenceEncoder(name, "modules.json", embed)
    encoder = load_token_encoder(model, device=device, where=where)
    if pooling is None:
        pooling = "pooler" if encoder.has_pooler and "unsup" not in model.id else "cls"
    if pooling == "pooler" and not encoder.has_pooler:
        raise UserError(f"{where}: {model.id} has no weights for a pooler; give cls as pooling")
    return SentenceEncoder(
        name, pooling, lambda texts: encoder.first_vectors(encoder.tokenise(texts), pooling == "pooler")
    )


def cosine(candidates: Sequence[str], sources: Sequence[str], encoder: SentenceEncoder) -> Floats:
    """Cosine of the embeddings of candidate and source; each distinct text is encoded once.

    Args:
        candidates: Texts to judge.
        sources: What they were made from.
        encoder: Gives the embeddings (`load_sentence_encoder`).

    Returns:
        One similarity in [-1, 1] per candidate.

    Raises:
        ValueError: The lists differ in length, or a row is no text.
    """
    require_pairs(candidates, sources)
    row: dict[str, int] = {}
    ones, others = ([row.setdefault(text, len(row)) for text in side] for side in (candidates, sources))
    if not row:
        return np.zeros(0)
    vectors = encoder.embed(list(row)).astype(np.float64)
    return np.clip(np.einsum("ij,ij->i", vectors[ones], vectors[others]), -1, 1)


def cosine_signature(encoder: SentenceEncoder) -> str:
    """What exactly `cosine` computes with this encoder, for tables and cards."""
    return f"cosine|against:source|encoder:{encoder.name}|pooling:{encoder.pooling}"
