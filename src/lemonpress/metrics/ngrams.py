"""How varied the words of a corpus are: n-gram entropy, type-token ratio, BLEU within groups."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lemonpress.metrics import bleu, bootstrap
from lemonpress.metrics.tokens import TokenTable, ngram_table, token_table
from lemonpress.metrics.words import SIGNATURE, require_texts, words

Floats = npt.NDArray[np.float64]


def ngram_entropy(texts: Sequence[str], n: int) -> float:
    """Shannon entropy of a corpus's distribution of word n-grams, in bits: minus the sum of p log2 p.

    It is the joint entropy of n words, not the conditional one, over n-grams within texts. It grows with the corpus:
    compare samples of equal size only.

    Args:
        texts: The corpus.
        n: Words of an n-gram, at least 1.

    Returns:
        From 0 (all n-grams are the same) to the logarithm of their number (no two are).

    Raises:
        ValueError: A row is no text, or no text has n words.
    """
    return float(_entropies(np.bincount(_ngrams(texts, n).ids).astype(np.float64)[:, None])[0])


def entropy_estimate(
    texts: Sequence[str], n: int, seed: int = 0, resamples: int = bootstrap.RESAMPLES
) -> bootstrap.Estimate:
    """`ngram_entropy` with a bootstrap interval over texts.

    A resample holds some texts twice and others not at all, so that its entropy falls short of the corpus's own. The
    resampled entropies are therefore moved so that their mean is the value: the interval tells how much the choice of
    texts matters at this size of corpus.

    Args:
        texts: The corpus.
        n: Words of an n-gram, at least 1.
        seed: Seed of the resampling.
        resamples: Samples drawn with replacement, each of as many texts.

    Raises:
        ValueError: As for `ngram_entropy`.
    """
    from scipy.sparse import csr_array

    grams = _ngrams(texts, n)
    shape = (len(texts), grams.vocabulary)
    # Transposed, so that the product runs over whole rows: one of each n-gram, one column a resample.
    by_ngram = csr_array((np.ones(len(grams.ids)), grams.ids, grams.starts), shape=shape).T.tocsr()
    drawn = bootstrap.draws(len(texts), seed, resamples)
    step = max(1, bootstrap.COUNTS_AT_ONCE // grams.vocabulary)
    entropies = np.concatenate(
        [_entropies(by_ngram @ drawn[k : k + step].T.astype(np.float64)) for k in range(0, resamples, step)]
    )
    value = float(_entropies(by_ngram @ np.ones((len(texts), 1)))[0])
    # NaN where a resample drew no text with n words.
    moved = entropies - np.nanmean(entropies) + value
    return bootstrap.Estimate(value, *bootstrap.ends(moved), moved)


def _entropies(counts: Floats) -> Floats:
    """Entropy of each column of counts, which are used up."""
    totals = counts.sum(axis=0)
    np.multiply(counts, np.log2(np.maximum(counts, 1)), out=counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropies: Floats = np.log2(totals) - counts.sum(axis=0) / totals
    return entropies


def msttr(texts: Sequence[str], segment: int = 100, seed: int = 0) -> float:
    """Mean segmental type-token ratio: distinct words over words, averaged over segments of equal length.

    The texts are shuffled, their words run together and cut into segments; the rest that fills none is dropped.

    Args:
        texts: The corpus.
        segment: Words of a segment.
        seed: Seed of the shuffle; another order gives a slightly different ratio.

    Returns:
        A ratio in (0, 1].

    Raises:
        ValueError: A row is no text, or the corpus has fewer words than a segment.
    """
    return float(_segments(texts, segment, seed).mean())


def msttr_estimate(texts: Sequence[str], segment: int = 100, seed: int = 0) -> bootstrap.Estimate:
    """`msttr` with its bootstrap interval over segments.

    Args:
        texts: The corpus.
        segment: Words of a segment.
        seed: Seed of the shuffle and of the resampling.

    Raises:
        ValueError: As for `msttr`.
    """
    return bootstrap.mean(_segments(texts, segment, seed), seed)


def _segments(texts: Sequence[str], segment: int, seed: int) -> Floats:
    """Type-token ratio of each segment."""
    require_texts(texts, "text")
    if segment < 1:
        raise ValueError(f"segment is {segment}; a segment has at least one word")
    order = np.random.default_rng(seed).permutation(len(texts))
    ids = token_table(words(texts[place]) for place in order).ids
    if len(ids) < segment:
        raise ValueError(f"the texts have {len(ids)} words; a segment takes {segment}")
    rows = np.sort(ids[: len(ids) - len(ids) % segment].reshape(-1, segment))
    ratios: Floats = (1 + (np.diff(rows) != 0).sum(axis=1)) / segment
    return ratios


def group_self_bleu(groups: Sequence[Sequence[str]]) -> Floats:
    """Self-BLEU within groups (Zhu et al. 2018, Texygen): mean `bleu.sentence_bleu` of each text against the others.

    Args:
        groups: Texts that should differ from each other, such as the paraphrases of one sentence.

    Returns:
        One BLEU in [0, 100] per group, 100 where all its texts are the same and lower is more diverse; NaN for a group
        of fewer than two texts.

    Raises:
        ValueError: A group is no list of texts.
    """
    for row, group in enumerate(groups):
        require_texts(group, f"group {row}: text")
    texts = [text for group in groups for text in group]
    sizes = np.array([len(group) for group in groups], np.int64)
    others = [[*group[:place], *group[place + 1 :]] for group in groups for place in range(len(group))]
    compared = np.repeat(sizes > 1, sizes)
    scores = np.full(len(texts), np.nan)
    scores[compared] = bleu.sentence_bleu(
        [text for text, known in zip(texts, compared, strict=True) if known], [rest for rest in others if rest]
    )
    numbers = np.repeat(np.arange(len(groups)), sizes)
    sums = np.bincount(numbers, scores, minlength=len(groups))
    return np.where(sizes > 1, sums / np.maximum(sizes, 1), np.nan)


def _ngrams(texts: Sequence[str], n: int) -> TokenTable:
    require_texts(texts, "text")
    grams = ngram_table(token_table(words(text) for text in texts), n)
    if not len(grams.ids):
        raise ValueError(f"no text has {n} words; there is no {n}-gram")
    return grams


def ngram_entropy_signature(n: int) -> str:
    """What exactly `ngram_entropy` computes, for tables and cards."""
    return f"H{n}|bits|joint|within:text|{SIGNATURE}|punct:no"


def msttr_signature(segment: int = 100, seed: int = 0) -> str:
    """What exactly `msttr` computes, for tables and cards."""
    return f"MSTTR|segment:{segment}|shuffle-seed:{seed}|tail:dropped|{SIGNATURE}|punct:no"


def group_self_bleu_signature() -> str:
    """What exactly `group_self_bleu` computes, for tables and cards."""
    return f"self-BLEU|against:others of the group|{bleu.signature()}"
