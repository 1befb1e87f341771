"""Pairs of a pool labelled by a larger model, in both directions, each label with the model's name beside it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lemonpress.asking.chat import Chat
from lemonpress.asking.rows import append_rows, ask_many, resume_rows, write_rows
from lemonpress.assets import asset
from lemonpress.errors import UserError
from lemonpress.nli.mining import likenesses
from lemonpress.nli.rows import CLASSES

_ANSWER = re.compile(r"\b(entailment|neutral|contradiction)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_NEAR = 0.75  # share of pairs that are near in words; the others are any two of the context
_ASK = (
    "You judge pairs of sentences by this guideline.\n\n{guideline}\n\nAnswer with two words and nothing else: "
    "the label of 'B follows from A', then the label of 'A follows from B'. Each is entailment, neutral or "
    "contradiction."
)


@dataclass(frozen=True)
class LabelledPair:
    """One line of the file: a row of NLI, and who judged it.

    Attributes:
        premise: What is taken as true.
        hypothesis: What may follow from it.
        label: entailment, neutral or contradiction.
        source: ``labelled``.
        model: The model that judged.
    """

    premise: str
    hypothesis: str
    label: str
    source: str
    model: str


def sample_pairs(contexts: Sequence[Sequence[str]], count: int, seed: int) -> list[tuple[str, str]]:
    """Distinct unordered pairs of sentences of one context, three quarters of them near in words.

    Args:
        contexts: Distinct sentences of each context.
        count: Pairs wanted; fewer where there are fewer.
        seed: Seed of the choice; the same pool, count and seed give the same pairs.
    """
    draw = np.random.default_rng([seed, 61])
    near: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for sentences in contexts:
        if len(sentences) < 2:
            continue
        likeness = likenesses([frozenset(_WORD.findall(sentence.lower())) for sentence in sentences])
        first, second = np.triu_indices(len(sentences), k=1)
        order = np.argsort(-likeness[first, second], kind="stable")
        for place, pair in enumerate(order.tolist()):
            kept = near if place < 2 * len(sentences) else others
            kept.append((sentences[first[pair]], sentences[second[pair]]))
    wanted = min(len(near), round(_NEAR * count))
    chosen = [near[place] for place in draw.permutation(len(near))[:wanted]]
    chosen += [others[place] for place in draw.permutation(len(others))[: count - wanted]]
    return [chosen[place] for place in draw.permutation(len(chosen))]


def label_pairs(pairs: Sequence[tuple[str, str]], chat: Chat, out: Path, workers: int) -> dict[str, int]:
    """Ask for both labels of every pair and append them to a file; pairs that are in it are not asked again.

    Args:
        pairs: First and second sentence.
        chat: The judge.
        out: JSON lines of `LabelledPair`, two for each pair.
        workers: Requests at a time.

    Returns:
        Pairs labelled now, pairs known before, and pairs whose answer could not be read; these are left out of the
        file, and asked again by the next run.

    Raises:
        UserError: The file is of another model or not of this kind; the server cannot be used; no answer of the first
            batch can be read.
    """
    known = _known(out, chat.model)
    todo = [pair for pair in pairs if pair not in known]
    counts = {"labelled": 0, "known": len(pairs) - len(todo), "unread": 0}
    system = _ASK.format(guideline=asset("data/judged/guideline.md").read_text(encoding="utf-8"))
    answers = ask_many(
        chat,
        todo,
        lambda pair: _ask(chat, system, pair),
        workers=workers,
        label="label",
        unit="pair",
        wanted=None if known else "names two labels",
    )
    for pair, labels in answers:
        if labels is None:
            counts["unread"] += 1
            continue
        counts["labelled"] += 1
        append_rows(out, [asdict(row) for row in _rows(pair, labels, chat.model)])
    return counts


def _ask(chat: Chat, system: str, pair: tuple[str, str]) -> tuple[str, str] | None:
    """The two labels, or None where the answer does not name exactly two."""
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": f"A: {pair[0]}\nB: {pair[1]}"},
    ]
    found = _ANSWER.findall(chat.ask(messages, max_tokens=16))
    return (found[0].lower(), found[1].lower()) if len(found) == 2 else None


def _rows(pair: tuple[str, str], labels: tuple[str, str], model: str) -> Iterator[LabelledPair]:
    yield LabelledPair(pair[0], pair[1], labels[0], "labelled", model)
    yield LabelledPair(pair[1], pair[0], labels[1], "labelled", model)


def _known(out: Path, model: str) -> set[tuple[str, str]]:
    """Pairs of which the file has both directions; half a pair at its end is cut off."""
    rows = resume_rows(out)
    for where, row in rows:
        if "premise" not in row or "hypothesis" not in row:
            raise UserError(f"{where}: is no labelled pair; name another --output")
        if row.get("model") != model or row.get("label") not in CLASSES:
            raise UserError(f"{out}: holds labels of {row.get('model')}, not of {model}; name another --output")
    whole_pairs = [row for _, row in rows[: len(rows) // 2 * 2]]
    if len(whole_pairs) != len(rows):
        write_rows(out, whole_pairs)
    return {(row["premise"], row["hypothesis"]) for row in whole_pairs}
