"""What a language model is asked for sequence-level distillation, and the candidates that its answers give."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lemonpress.errors import UserError
from lemonpress.recipes import Task
from lemonpress.recipes.rewriting import HOLE, RewritingSettings
from lemonpress.sentences import Pool
from lemonpress.splitting import first_sentence, flaw, normalise, words_of
from lemonpress.teachers.answers_text import KEY, Answer

Messages = list[dict[str, str]]

_LISTED: dict[Task, str] = {
    "paraphrase": "Rewrite the sentence below in other words, keeping all of its meaning and adding nothing. "
    "Vary words and structure from one rewriting to the next; each is one whole sentence.",
    "summary": "Summarize the sentence below{length}: keep its main point and leave out details. "
    "Vary the words from one summary to the next; each is one whole sentence.",
}
_ALONE: dict[Task, str] = {
    "paraphrase": "Rewrite the sentence below in other words and with another structure. Keep all of its meaning, "
    "every name and every number; add nothing.",
    "summary": "Summarize the sentence below{length}: say its main point in one shorter sentence and leave out "
    "details. Keep names and numbers as they are; add nothing.",
}
_LENGTH = " in about {words} words"
_ONE = "Answer with the one sentence and nothing else."
_LIST = "Give exactly {n}, as a numbered list with one a line, and write nothing else."
_JSON = f'Give exactly {{n}}, as the JSON object {{"{KEY}": ["...", ...]}}, and write nothing else.'


def messages_for(settings: RewritingSettings, sentence: str, task: Task) -> Messages:
    """The turns of a chat that ask for rewritings of a sentence.

    Args:
        settings: Prompt, and how many rewritings.
        sentence: Line breaks become spaces.
        task: paraphrase or summary; decides the words of the prompt where the recipe gives none.

    Returns:
        Role and content of each turn, the same for the same arguments.

    Raises:
        UserError: A ratio is given for another task than summary.
    """
    if settings.ratio is not None and task != "summary":
        raise UserError(f"ratio names the words of summaries, and the task is {task}; remove it")
    prompt = settings.prompt or default_prompt(settings, task)

    def asked(text: str, words: int | None) -> dict[str, str]:
        filled = {"n": str(settings.n), "sentence": " ".join(text.split()), "words": str(words)}
        return {"role": "user", "content": HOLE.sub(lambda hole: filled[hole[1]], prompt)}

    turns = [] if settings.system is None else [{"role": "system", "content": settings.system}]
    for example in settings.examples:
        turns.append(asked(example.sentence, len(example.rewritings[0].split())))
        turns.append({"role": "assistant", "content": _answer(example.rewritings, settings.structured)})
    return [*turns, asked(sentence, None if settings.ratio is None else words_of(sentence, settings.ratio))]


def _answer(rewritings: Sequence[str], structured: bool) -> str:
    """An answer as it is asked for."""
    if structured:
        return json.dumps({KEY: list(rewritings)}, ensure_ascii=False)
    if len(rewritings) == 1:
        return rewritings[0]
    return "\n".join(f"{number}. {text}" for number, text in enumerate(rewritings, start=1))


def default_prompt(settings: RewritingSettings, task: Task) -> str:
    """What is asked where the recipe gives no prompt, with its placeholders."""
    alone = settings.n == 1
    request = (_ALONE if alone else _LISTED)[task].replace("{length}", "" if settings.ratio is None else _LENGTH)
    form = _JSON if settings.structured else _ONE if alone else _LIST
    return f"{request} {form}\n\nSentence: {{sentence}}"


def schema_for(n: int) -> dict[str, Any]:
    """JSON schema of a structured answer: an object with exactly n rewritings.

    Every property is required and no other is allowed, as servers with strict schemas want it.
    """
    texts = {"type": "array", "items": {"type": "string"}, "minItems": n, "maxItems": n}
    return {"type": "object", "properties": {KEY: texts}, "required": [KEY], "additionalProperties": False}


def candidates(source: str, answers: Iterable[Answer]) -> Pool:
    """The distinct rewritings that a model gave of a source.

    Args:
        source: The sentence that it was asked to rewrite.
        answers: To that request, as `answers_text.read_answer` reads them.

    Returns:
        The source, then the rewritings that are one well-formed sentence, in order of first appearance. Copies of the
        source, and of a rewriting, are counted with it, and the source itself once. Reasons in `dropped` are those of
        `splitting.flaw`, ``several`` (more than one sentence) and, once an answer, the answer's flaw. All in all as
        many are counted as were read, and the source.
    """
    distinct = {normalise(source): source}
    counts = Counter(distinct.keys())
    dropped: Counter[str] = Counter()
    for answer in answers:
        if answer.flaw is not None:
            dropped[answer.flaw] += 1
        for text in answer.texts:
            reason = flaw(text) or ("several" if first_sentence(f"{text}\n") != text else None)
            if reason is not None:
                dropped[reason] += 1
                continue
            distinct.setdefault(normalise(text), text)
            counts[normalise(text)] += 1
    return Pool(list(distinct.values()), [counts[key] for key in distinct], dict(sorted(dropped.items())))


def sentences_row(context: Mapping[str, str], answers: Iterable[Answer]) -> dict[str, Any]:
    """The row of `rows.SENTENCES` of a source: the first sentence is the source, the others are its candidates.

    Args:
        context: A row of `source_sentences.read_sentences`.
        answers: To the request for it.
    """
    pool = candidates(context["context"], answers)
    return {
        **context,
        "sentences": pool.sentences,
        "counts": pool.counts,
        "sampled": sum(pool.counts) - 1 + sum(pool.dropped.values()),
        "dropped": list(pool.dropped.items()),
    }
