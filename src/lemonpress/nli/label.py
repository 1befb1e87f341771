"""Pairs of a pool labelled by a larger model, in both directions, each label with the model's name beside it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from lemonpress.assets import asset
from lemonpress.chat import Chat
from lemonpress.errors import UserError
from lemonpress.nli.mining import likenesses
from lemonpress.nli.rows import CLASSES

_ANSWER = re.compile(r"\b(entailment|neutral|contradiction)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_NEAR = 0.75  # share of pairs that are near in words; the others are any two of the context
_Answer = TypeVar("_Answer")
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
    from tqdm import tqdm

    known = _known(out, chat.model)
    todo = [pair for pair in pairs if pair not in known]
    counts = {"labelled": 0, "known": len(pairs) - len(todo), "unread": 0}
    system = _ASK.format(guideline=asset("data/judged/guideline.md").read_text(encoding="utf-8"))
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(todo), desc="  label", unit="pair", leave=False, disable=None) as bar,
    ):
        for start in range(0, len(todo), 4 * workers):
            batch = todo[start : start + 4 * workers]
            answers = pool.map(lambda pair: _ask(chat, system, pair), batch)
            for pair, labels in zip(batch, _until_one_fails(pool, answers), strict=True):
                bar.update()
                if labels is None:
                    counts["unread"] += 1
                    continue
                counts["labelled"] += 1
                rows = [json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in _rows(pair, labels, chat.model)]
                with out.open("a", encoding="utf-8") as file:  # not before there is something to write
                    file.writelines(rows)
            if len(batch) == 4 * workers and not known and not counts["labelled"]:
                raise UserError(
                    f"{chat.base_url}: none of the first {len(batch)} answers of {chat.model} names two labels; "
                    "give a model that follows instructions and does not think aloud first"
                )
    return counts


def _ask(chat: Chat, system: str, pair: tuple[str, str]) -> tuple[str, str] | None:
    """The two labels, or None where the answer does not name exactly two."""
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": f"A: {pair[0]}\nB: {pair[1]}"},
    ]
    found = _ANSWER.findall(chat.ask(messages, max_tokens=16))
    return (found[0].lower(), found[1].lower()) if len(found) == 2 else None


def _until_one_fails(pool: ThreadPoolExecutor, answers: Iterator[_Answer]) -> Iterator[_Answer]:
    """The answers; where one fails, requests that wait their turn are not sent."""
    try:
        yield from answers
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _rows(pair: tuple[str, str], labels: tuple[str, str], model: str) -> Iterator[LabelledPair]:
    yield LabelledPair(pair[0], pair[1], labels[0], "labelled", model)
    yield LabelledPair(pair[1], pair[0], labels[1], "labelled", model)


def _known(out: Path, model: str) -> set[tuple[str, str]]:
    """Pairs of which the file has both directions; a half-written last line is cut off."""
    if not out.exists():
        return set()
    try:
        content = out.read_bytes()
    except OSError as error:
        raise UserError(f"{out}: cannot be read ({error.strerror}); name another --output") from None
    lines = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)  # of bytes: at line feeds and returns alone
    rows = [_read(line, f"{out}, line {number}") for number, line in enumerate(lines, start=1)]
    whole_pairs = rows if len(rows) % 2 == 0 else rows[:-1]
    for row in rows:
        if row.get("model") != model or row.get("label") not in CLASSES:
            raise UserError(f"{out}: holds labels of {row.get('model')}, not of {model}; name another --output")
    kept = b"".join(lines[: len(whole_pairs)])
    if kept != content:
        out.write_bytes(kept)
    return {(row["premise"], row["hypothesis"]) for row in whole_pairs}


def _read(line: bytes, where: str) -> Mapping[str, str]:
    try:
        row = json.loads(line)
    except ValueError:
        raise UserError(f"{where}: is not JSON; name another --output") from None
    if not isinstance(row, dict) or "premise" not in row or "hypothesis" not in row:
        raise UserError(f"{where}: is no labelled pair; name another --output")
    return row
