"""The prompt format of students: the one place that training, generation, cards and templates read it from."""

import re
from collections.abc import Mapping
from typing import Literal

from lemonpress.recipes import StudentTask, Task

Kind = Literal["causal", "seq2seq"]
"""How a student reads its prompt: as text that it continues, or as the input of an encoder."""

Formats = Mapping[str, str]
"""Prompt of each request; ``{source}``, ``{tree}`` and ``{words}`` stand for what is asked."""

_WORDED = "summary of a length"

FORMATS: dict[Kind, Formats] = {
    "causal": {
        "paraphrase": "Sentence: {source}\nParaphrase:",
        "summary": "Sentence: {source}\nSummary:",
        _WORDED: "Sentence: {source}\nSummary in {words} words:",
        "control": "Sentence: {source}\nSyntax: {tree}\nParaphrase:",
    },
    # On one line: T5's tokenizer has no line break. The prefixes are those of T5's own pre-training and of its public
    # paraphrasers.
    "seq2seq": {
        "paraphrase": "paraphrase: {source}",
        "summary": "summarize: {source}",
        _WORDED: "summarize in {words} words: {source}",
        "control": "paraphrase: {source} syntax: {tree}",
    },
}

_REQUESTS: dict[Task, str] = {
    "paraphrase": "Rewrite this sentence in other words, with the same meaning. Answer with one sentence only.",
    "summary": "Summarize this sentence in fewer words. Answer with one short sentence only.",
}
_LABEL = re.compile(r"^(?:sentence|paraphrase|summary)\s*:\s*", re.IGNORECASE)
_QUOTES = {'"': '"', "“": "”", "'": "'", "‘": "’"}
_HOLE = re.compile(r"\{(source|tree|words)\}")


def prompt(
    task: StudentTask,
    source: str,
    formats: Formats = FORMATS["causal"],
    tree: str | None = None,
    words: int | None = None,
) -> str:
    """What a student reads before it writes.

    Args:
        task: paraphrase, summary or control.
        source: Sentence to rewrite; line breaks become spaces.
        formats: Prompts of the student; a causal one's by default.
        tree: Of task control, the linearised tree that the rewriting follows.
        words: Of task summary, the number of words that is wanted; any by default.

    Raises:
        ValueError: A tree is missing, or is given for another task, or words are given for another task than summary.
    """
    if (tree is not None) != (task == "control"):
        raise ValueError(f"task {task} {'needs a' if task == 'control' else 'takes no'} tree")
    if words is not None and task != "summary":
        raise ValueError(f"task {task} takes no number of words")
    filled = {"source": _one_line(source), "tree": tree or "", "words": str(words)}
    return _HOLE.sub(lambda hole: filled[hole[1]], formats[task if words is None else _WORDED])


def completion(target: str, kind: Kind = "causal") -> str:
    """What a student learns to write: after a causal prompt it starts with a space, as a new token does."""
    return f" {_one_line(target)}" if kind == "causal" else _one_line(target)


def chat_template(formats: Formats = FORMATS["causal"]) -> str:
    """The prompts of a causal student as a Jinja chat template, equal to `prompt` byte by byte.

    ``tokenizer.apply_chat_template([{"role": "user", "content": source}], task="summary", words=8)``; ``task`` is
    paraphrase by default, ``tree`` is the linearised tree of task control. An assistant's message becomes the
    completion and the end-of-text token, as in training.
    """
    holes = {"source": "message.content.split() | join(' ')", "tree": "tree", "words": "words"}

    def expression(name: str) -> str:
        pieces = _HOLE.split(formats[name])
        parts = [holes[piece] if place % 2 else _literal(piece) for place, piece in enumerate(pieces) if piece]
        return " ~ ".join(f"({part})" for part in parts)

    cases = " else ".join(
        [
            f"({expression('control')}) if task == 'control'",
            f"({expression(_WORDED)}) if task == 'summary' and words",
            f"({expression('summary')}) if task == 'summary'",
            f"({expression('paraphrase')})",
        ]
    )
    return (
        "{%- set task = task | default('paraphrase') -%}\n"
        "{%- set words = words | default(none) -%}\n"
        "{%- for message in messages -%}\n"
        "{%- if message.role == 'user' -%}\n"
        f"{{{{- {cases} -}}}}\n"
        "{%- elif message.role == 'assistant' -%}\n"
        "{{- ' ' ~ (message.content.split() | join(' ')) ~ eos_token -}}\n"
        "{%- endif -%}\n"
        "{%- endfor -%}\n"
    )


def parse(text: str) -> str:
    """The sentence in what a system wrote: one line, without a label or surrounding quotation marks.

    A first line that ends in a colon announces the answer ("Here is a paraphrase:") and is passed over.

    Returns:
        The sentence, empty when there is none.
    """
    lines = [line for line in map(_one_line, text.splitlines()) if line]
    if len(lines) > 1 and lines[0].endswith(":"):
        lines = lines[1:]
    sentence = _LABEL.sub("", lines[0]) if lines else ""
    inner = sentence[1:-1]
    if len(sentence) > 2 and _QUOTES.get(sentence[0]) == sentence[-1] and not set(inner) & {sentence[0], sentence[-1]}:
        return inner.strip()
    return sentence


def chat_messages(task: Task, source: str) -> list[dict[str, str]]:
    """The request to an instruct model that was never trained on the task: the zero-shot baseline."""
    return [{"role": "user", "content": f"{_REQUESTS[task]}\n\n{_one_line(source)}"}]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _literal(text: str) -> str:
    """Text as a Jinja string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
