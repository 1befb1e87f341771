"""Choosing among what a student wrote: copies and repetitions out, the critics' verdicts, the best n of the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lemonpress.critics.base import Critic
from lemonpress.critics.cascade import judge
from lemonpress.critics.scores import Tables
from lemonpress.metrics.words import require_same_length
from lemonpress.pairs import Shard
from lemonpress.splitting import normalise

_MEANING = ("entailment", "reverse_entailment")


@dataclass(frozen=True)
class Judged:
    """A candidate and what the critics say of it.

    Attributes:
        text: The candidate.
        accepted: Whether every critic accepts it.
        scores: Rounded to 1e-4, by critic: all of an accepted candidate; of a rejected one, that of the critic that
            rejected it.
        rejected_by: The cheapest critic that rejects it, or None.
    """

    text: str
    accepted: bool
    scores: dict[str, float]
    rejected_by: str | None


def distinct(source: str, texts: Sequence[str]) -> list[str]:
    """Candidates without copies of the source, repetitions and empty ones, in order of first appearance.

    Texts are the same where they are equal but for case, spaces and punctuation (`splitting.normalise`, by which whole
    corpora are deduplicated too); one without letter or digit is empty.

    Args:
        source: What was rewritten.
        texts: Candidates, as they were written.
    """
    left_out = {"", normalise(source)}
    found: dict[str, str] = {}
    for text in texts:
        key = normalise(text)
        if key not in left_out:
            found.setdefault(key, text)
    return list(found.values())


def judge_candidates(
    sources: Sequence[str], candidates: Sequence[Sequence[str]], critics: Sequence[Critic]
) -> list[list[Judged]]:
    """Judge the candidates of all sources in one run of the cascade.

    The verdicts are those of each pair judged alone, but models see full batches, and each pair once. (What else is
    in a batch moves a model's score by less than 1e-6 in float32, by more in bfloat16.)

    Args:
        sources: Sentences.
        candidates: The rewritings of each source, perhaps none; copies and repetitions are judged like others.
        critics: Those of a corpus, from `lemonpress.critics.build`; critics that read contexts have no word.

    Returns:
        For each source its candidates in the given order.

    Raises:
        ValueError: The lists differ in length, or a text is blank.
    """
    require_same_length(candidates, sources, "sources")
    groups: dict[str, dict[str, None]] = {}
    for source, texts in zip(sources, candidates, strict=True):
        groups.setdefault(source, {source: None}).update(dict.fromkeys(texts))
    pairs = [(source, text) for source, group in groups.items() for text in group]
    if not all(text.strip() for _, text in pairs):
        raise ValueError("a blank text cannot be judged")
    shard = Shard.of_groups([(str(number), "", list(group), "") for number, group in enumerate(groups.values())])
    place = {pair: number for number, pair in enumerate(pairs)}
    places = [[place[source, text] for text in texts] for source, texts in zip(sources, candidates, strict=True)]
    targets = np.array(sorted({target for row in places for target in row}), dtype=np.int64)
    able = [critic for critic in critics if "context" not in critic.columns]
    judgement = judge(shard.starts[shard.group_of(targets)], targets, able, None, Tables(shard), 0)
    judged: dict[int, Judged] = {}
    for number, target in enumerate(judgement.kept[1].tolist()):
        scores = {name: float(values[number]) for name, values in judgement.scores.items()}
        judged[target] = Judged(shard.sentences[target], True, scores, None)
    for name, _, rejected, values in judgement.rejected:
        for target, score in zip(rejected.tolist(), values.tolist(), strict=True):
            judged[target] = Judged(shard.sentences[target], False, {name: score}, name)
    return [[judged[target] for target in row] for row in places]


def rank(judged: Sequence[Judged]) -> list[Judged]:
    """Accepted candidates first, and among them those that keep the meaning best.

    That is the entailment between source and candidate; where both ways were asked the weaker one, because a
    paraphrase is no better than what it loses or adds. Candidates that are as good, those that no entailment critic
    judged and the rejected ones stay in the given order: the student's own.

    Args:
        judged: The candidates of one source, from `judge_candidates`.
    """
    return sorted(judged, key=lambda one: (not one.accepted, -_entailment(one) if one.accepted else 0.0))


def diverse(texts: Sequence[str], n: int, weight: float = 0.5, relevance: Sequence[float] | None = None) -> list[int]:
    """Choose texts that are good and unlike each other: maximal marginal relevance (Carbonell and Goldstein 1998).

    The first is the most relevant; each next one has the largest ``weight`` * relevance - (1 - ``weight``) * the
    largest ROUGE-L F1 with a text chosen before. Of equals the earlier text is taken. ROUGE-L knows letters a-z and
    digits: texts without any are unlike all others.

    Args:
        texts: The best one first.
        n: How many to choose, at least 1.
        weight: Of relevance, in [0, 1]; 1 takes the most relevant, 0 the most different after the first.
        relevance: One number a text, best in [0, 1] like ROUGE-L; 1 - place / len(texts) if None.

    Returns:
        Positions in `texts` in the order of choice: `n`, or all where there are fewer.

    Raises:
        ValueError: `n` or `weight` is out of range, or there is not one relevance a text.
    """
    from lemonpress.metrics.rouge import rouge_l_pairs, tokenize

    _check(n, "weight", weight)
    if relevance is not None and len(relevance) != len(texts):
        raise ValueError(f"{len(relevance)} relevances but {len(texts)} texts")
    if not texts:
        return []
    places = np.arange(len(texts))
    gains = np.array(1 - places / len(texts) if relevance is None else relevance, dtype=np.float64)
    tokens = tokenize(texts)
    chosen = [int(gains.argmax())]
    closest = np.zeros(len(texts))
    free = np.ones(len(texts), dtype=bool)
    while len(chosen) < min(n, len(texts)):
        free[chosen[-1]] = False
        closest = np.maximum(closest, rouge_l_pairs(tokens, np.full(len(texts), chosen[-1]), places))
        values = weight * gains - (1 - weight) * closest
        chosen.append(int(np.where(free, values, -np.inf).argmax()))
    return chosen


def nearest_length(texts: Sequence[str], words: int) -> list[int]:
    """Positions of texts, those nearest to a wanted length first; of texts as near the earlier one.

    Args:
        texts: Candidates.
        words: Wanted words, counted between white space as the compression critic does.
    """
    return sorted(range(len(texts)), key=lambda place: abs(len(texts[place].split()) - words))


def best(
    sources: Sequence[str],
    candidates: Sequence[Sequence[str]],
    n: int,
    critics: Sequence[Critic] = (),
    diversity: float = 0.5,
    words: int | None = None,
) -> list[list[Judged]]:
    """The best n candidates of each source: distinct, accepted by every critic, and unlike each other.

    Args:
        sources: Sentences, none blank.
        candidates: What a student wrote for each, as from `Student.generate`; more than `n` to choose from.
        n: Candidates wanted for each source, at least 1.
        critics: From `lemonpress.critics.build`; without any, all distinct candidates are accepted in given order.
        diversity: What being unlike those chosen before counts, in [0, 1], as against the place among the accepted
            (`diverse`, whose ``weight`` is 1 - ``diversity``); 0 keeps that order.
        words: Wanted length (`nearest_length`): it orders the accepted, those as near by `rank`.

    Returns:
        For each source at most `n` candidates in the order of choice; fewer where fewer are left.

    Raises:
        ValueError: The lists differ in length, a source is blank, or `n` or `diversity` is out of range.
    """
    _check(n, "diversity", diversity)
    require_same_length(candidates, sources, "sources")
    rewritings = [distinct(source, texts) for source, texts in zip(sources, candidates, strict=True)]
    return [_choose(judged, n, diversity, words) for judged in judge_candidates(sources, rewritings, critics)]


def _choose(judged: Sequence[Judged], n: int, diversity: float, words: int | None) -> list[Judged]:
    accepted = [one for one in rank(judged) if one.accepted]
    if words is not None:
        accepted = [accepted[place] for place in nearest_length([one.text for one in accepted], words)]
    return [accepted[place] for place in diverse([one.text for one in accepted], n, 1 - diversity)]


def _entailment(one: Judged) -> float:
    return min((one.scores[name] for name in _MEANING if name in one.scores), default=0.0)


def _check(n: int, name: str, share: float) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    if not 0 <= share <= 1:
        raise ValueError(f"{name} must lie in [0, 1], not {share:g}")
