"""The prompt format of students: the one place that training, generation and cards read it from."""

import re

from lemonpress.recipes import Task, digest

CUES: dict[Task, str] = {"paraphrase": "Paraphrase:", "summary": "Summary:"}

_REQUESTS: dict[Task, str] = {
    "paraphrase": "Rewrite this sentence in other words, with the same meaning. Answer with one sentence only.",
    "summary": "Summarize this sentence in fewer words. Answer with one short sentence only.",
}
_LABEL = re.compile(r"^(?:sentence|paraphrase|summary)\s*:\s*", re.IGNORECASE)
_QUOTES = {'"': '"', "“": "”", "'": "'", "‘": "’"}


def prompt(task: Task, source: str) -> str:
    """What a student continues: the source, then the task's cue, which ends at a token boundary.

    Args:
        task: paraphrase or summary.
        source: Sentence to rewrite; line breaks become spaces.
    """
    return f"Sentence: {_one_line(source)}\n{CUES[task]}"


def completion(target: str) -> str:
    """What a student learns to write after the prompt; it starts with a space, as a new token does."""
    return f" {_one_line(target)}"


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


def prompt_digest() -> str:
    """What identifies the prompts of students and of the zero-shot baseline."""
    return digest([[prompt(task, "{source}"), chat_messages(task, "{source}")] for task in CUES])


def _one_line(text: str) -> str:
    return " ".join(text.split())
