"""Next sentences: from a teacher's samples to the distinct, well-formed first sentences of a context."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from lemonpress.recipes import SentenceSettings
from lemonpress.rows import SENTENCES
from lemonpress.splitting import first_sentence, flaw, normalise, settled
from lemonpress.teachers.causal_lm import CausalTeacher, seeded_noise


@dataclass(frozen=True)
class Pool:
    """The distinct sentences of one context.

    Attributes:
        sentences: In order of first appearance.
        counts: Samples that gave each, normalised duplicates merged.
        dropped: Samples dropped, by reason.
    """

    sentences: list[str]
    counts: list[int]
    dropped: dict[str, int]


def press(samples: list[str]) -> Pool:
    """Turn the samples of one context into its pool of distinct sentences.

    Args:
        samples: Raw continuations.

    Returns:
        The pool; reasons in `dropped` are unfinished, fragment, list, markup and unbalanced. Merged duplicates are
        kept in `counts`.
    """
    dropped: Counter[str] = Counter()
    texts: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for sample in samples:
        sentence = first_sentence(sample)
        reason = "unfinished" if sentence is None else flaw(sentence)
        if sentence is None or reason is not None:
            dropped[str(reason)] += 1
            continue
        sentence = " ".join(sentence.split())
        key = normalise(sentence)
        texts.setdefault(key, sentence)
        counts[key] += 1
    return Pool(list(texts.values()), [counts[key] for key in texts], dict(sorted(dropped.items())))


def sample_sentences(
    contexts: pa.Table, teacher: CausalTeacher, settings: SentenceSettings, seed: int, tick: Callable[[int], object]
) -> pa.Table:
    """Sample the next sentences of every context (paper, section 3.1).

    Args:
        contexts: Rows of `rows.CONTEXTS`.
        teacher: The language model.
        settings: k and sampling.
        seed: Of the recipe; a context's samples depend on it and on the context's text alone.
        tick: Told of every context done.

    Returns:
        Rows of `rows.SENTENCES`.
    """
    rows = []
    for context in contexts.to_pylist():
        noise = seeded_noise(seed, context["context_id"], settings.k, settings.max_new_tokens)
        samples = teacher.sample(
            context["context"], noise, settings.temperature, settings.top_p, settled, settings.no_repeat_ngram
        )
        pool = press(samples)
        rows.append(
            {
                **context,
                "sentences": pool.sentences,
                "counts": pool.counts,
                "sampled": settings.k,
                "dropped": list(pool.dropped.items()),
            }
        )
        tick(1)
    return pa.Table.from_pylist(rows, schema=SENTENCES)
