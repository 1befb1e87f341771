"""BERT-iBLEU: near in meaning and far in words, without a reference."""

import numpy as np
import numpy.typing as npt

from lemonpress.metrics import bleu
from lemonpress.metrics.words import require_same_length

Floats = npt.NDArray[np.float64]

BETA = 4.0


def bert_ibleu(similarity: Floats, self_bleu: Floats, beta: float = BETA) -> Floats:
    """BERT-iBLEU (Niu et al. 2021): weighted harmonic mean of likeness in meaning and unlikeness in words.

    With B the similarity and S the self-BLEU as a share it is (1 + beta) B (1 - S) / (beta (1 - S) + B), which is the
    harmonic mean wherever that is defined. A system's figure is the mean over its sentences, copies included.

    Args:
        similarity: BERTScore F1 of the candidates against their sources (`bertscore.bert_score`), or another
            similarity of at most 1; from 0 down it counts as 0. NaN gives NaN.
        self_bleu: BLEU of the same candidates against their sources, in [0, 100] (`bleu.self_bleu`).
        beta: Weight of the similarity, above 0; 4 is the paper's.

    Returns:
        One value in [0, 100] per candidate: 0 for a copy (S = 1), and where the similarity is not above 0.

    Raises:
        ValueError: The arrays differ in length.
    """
    require_same_length(similarity, self_bleu, "self-BLEUs")
    near = np.clip(np.asarray(similarity, np.float64), 0, 1)
    far = np.clip(1 - np.asarray(self_bleu, np.float64) / 100, 0, 1)
    top, bottom = (1 + beta) * near * far, beta * far + near
    return 100 * np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0)


def bert_ibleu_signature(similarity: str, self_bleu: str | None = None, beta: float = BETA) -> str:
    """What exactly `bert_ibleu` computes, for tables and cards.

    Args:
        similarity: Signature of the similarity, such as `bertscore.bert_score_signature` gives.
        self_bleu: Signature of the BLEU; that of `bleu.self_bleu` by default.
        beta: Weight of the similarity.
    """
    return f"BERT-iBLEU|beta:{beta:g}|mean over sentences|{similarity}|self-{self_bleu or bleu.signature()}"
