"""What a corpus report measures of sampled pairs: the columns of the paper's Table 1, and ours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lemonpress.critics.classification import labels_of, load
from lemonpress.critics.entailment import EntailmentScorer
from lemonpress.metrics import bleu, compression, diversity, entailment, ngrams, rouge, similarity, syntax
from lemonpress.metrics.bootstrap import Estimate
from lemonpress.metrics.similarity import SentenceEncoder
from lemonpress.metrics.words import words
from lemonpress.syntax.parsers import Parser

Floats = npt.NDArray[np.float64]

_SEGMENT = 100  # words, as the reference tools have it


@dataclass(frozen=True)
class Measures:
    """The models that measure; what needs one that is None is left out.

    Attributes:
        encoder: Sentence encoder of the cosine similarity (the paper: SimCSE).
        nli: NLI model of the entailment rates, which loads when it is asked.
        parser: Parser of the tree edit distances.
    """

    encoder: SentenceEncoder | None = None
    nli: EntailmentScorer | None = None
    parser: Parser | None = None


@dataclass(frozen=True)
class Column:
    """One measure of every pair.

    Attributes:
        name: In tables.
        values: One for each pair, NaN where it has none.
        signature: What exactly was computed.
        graded: Whether it is more than a yes or no, so that it has a histogram and extremes worth reading.
    """

    name: str
    values: Floats
    signature: str
    graded: bool = True


@dataclass(frozen=True)
class Figure:
    """One figure of a corpus's sample.

    Attributes:
        measure: Its name in tables.
        value: Percent or points of 100, except bits (H2, H3), edits (TED-3, TED-F), words and ratios.
        low: Lower end of its 95 % bootstrap interval.
        high: Upper end.
        n: Pairs that it is over.
        signature: What exactly was computed.
        own: Whether it is a column that the corpus brings along.
    """

    measure: str
    value: float
    low: float
    high: float
    n: int
    signature: str
    own: bool = False


def figure(name: str, estimate: Estimate, n: int, signature: str, own: bool = False) -> Figure:
    """A figure of an estimate, to six digits: the last ones of a sum move with the machine."""
    value, low, high = (float(f"{one:.6g}") for one in (estimate.value, estimate.low, estimate.high))
    return Figure(name, value, low, high, n, signature, own)


def columns(sources: Sequence[str], targets: Sequence[str], by: Measures) -> Iterator[Column]:
    """Every measure of single pairs, in the order of the table.

    Args:
        sources: Of the pairs, at least one.
        targets: As many.
        by: The models.
    """
    if by.encoder is not None:
        cosines = similarity.cosine(targets, sources, by.encoder)
        yield Column("Cosine Sim", 100 * cosines, similarity.cosine_signature(by.encoder))
    yield Column("Jaccard", 100 * diversity.jaccard(targets, sources), diversity.signature("jaccard"))
    if by.parser is not None:
        for name, levels in (("TED-3", 3), ("TED-F", None)):
            edits = syntax.tree_distance(targets, sources, by.parser, levels)
            yield Column(name, edits, f"against:source|{syntax.tree_distance_signature(by.parser, levels)}")
    yield Column("Self-BLEU", bleu.self_bleu(targets, sources), f"against:source|{bleu.signature()}")
    yield Column("ROUGE-L", 100 * rouge.rouge_l(targets, sources), f"against:source|{rouge.signature()}")
    yield Column("Copies", 100 * diversity.copies(targets, sources), diversity.signature("copies"), graded=False)
    yield Column(
        "Novel 2-grams", 100 * diversity.novel_ngrams(targets, sources, 2), diversity.signature("novel 2-grams")
    )
    yield Column("Compression", compression.compression(targets, sources), compression.compression_signature())
    yield Column("Coverage", 100 * compression.coverage(targets, sources), compression.coverage_signature())
    yield Column("Density", compression.density(targets, sources), compression.density_signature())
    if by.nli is not None:
        yield from _entailments(sources, targets, by.nli)
    for side, texts in (("source", sources), ("target", targets)):
        lengths = np.array([len(text.split()) for text in texts], np.float64)
        yield Column(f"Words of {side}", lengths, "words|tok:whitespace")


def _entailments(sources: Sequence[str], targets: Sequence[str], nli: EntailmentScorer) -> Iterator[Column]:
    model, label = nli.model.name, labels_of(nli.model, "NLI model")[nli.label]
    classifier = load(nli.model, precision=nli.precision)
    there, back = entailment.entailment(targets, sources, classifier, nli.label)
    entailed, both = entailment.entailed(there, back)
    backwards, _ = entailment.entailed(back, there)
    rate = entailment.entailment_signature(model, label)
    yield Column("Entailed", 100 * entailed, f"source => target|{rate}", graded=False)
    yield Column("Entails back", 100 * backwards, f"target => source|{rate}", graded=False)
    yield Column("Both ways", 100 * both, f"source <=> target|{rate}", graded=False)
    chance = entailment.entailment_signature(model, label, threshold=None)
    yield Column("p(source ⇒ target)", 100 * there, f"source => target|{chance}")
    yield Column("p(target ⇒ source)", 100 * back, f"target => source|{chance}")


def wholes(targets: Sequence[str], seed: int) -> Iterator[Figure]:
    """The figures that only a whole sample has: entropy of its n-grams, and type-token ratio of its segments.

    Args:
        targets: Of the sampled pairs; what they are too short for is left out.
        seed: Of the resampling, and of the order in which MSTTR takes them.
    """
    sizes = [len(words(text)) for text in targets]
    for n in (2, 3):
        if max(sizes) >= n:
            estimate = ngrams.entropy_estimate(targets, n, seed)
            yield figure(f"H{n}", estimate, len(targets), f"texts:targets|{ngrams.ngram_entropy_signature(n)}")
    if sum(sizes) >= _SEGMENT:
        ratio = ngrams.msttr_estimate(targets, _SEGMENT, seed)
        estimate = Estimate(100 * ratio.value, 100 * ratio.low, 100 * ratio.high, 100 * ratio.resampled)
        yield figure("MSTTR", estimate, len(targets), f"texts:targets|{ngrams.msttr_signature(_SEGMENT, seed)}")
