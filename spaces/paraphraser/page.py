"""How answers look: HTML in which every text is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from changes import changes
from judging import Candidate, Sentence, shown
from rewriting import Pinned

from lemonpress.critics.explain import Verdict
from lemonpress.syntax.drawing import draw
from lemonpress.syntax.trees import parse_brackets

_NAMES = {
    "length": "Length",
    "compression": "Compression",
    "numbers": "Numbers",
    "entities": "Entities",
    "rouge_l": "ROUGE-L",
    "syntax": "Tree distance",
    "similarity": "Similarity",
    "polarity": "Polarity",
    "question": "Question",
    "repetition": "Repetition",
    "entailment": "Source ⇒ candidate",
    "reverse_entailment": "Candidate ⇒ source",
    "asked_syntax": "Edits from the asked tree",
}
_AGREE = frozenset({"numbers", "entities", "polarity", "question"})


def answer(results: Sequence[Sentence], n: int, total: int | None = None) -> str:
    """Candidates, scores and verdicts of every sentence.

    Args:
        results: As far as they are there.
        n: Samples that were asked for.
        total: Sentences of the text; as many as results by default.
    """
    total = len(results) if total is None else total
    parts = [_sentence(result, n, number if total > 1 else 0, total) for number, result in enumerate(results, 1)]
    return "".join(parts) + legend(_said(results))


def message(text: str) -> str:
    """A remark to the reader in place of an answer."""
    return f'<p class="lp-message">{escape(text)}</p>'


def status(text: str, busy: bool = False) -> str:
    """What is going on, which screen readers say when it changes."""
    kind = "lp-status lp-busy" if busy else "lp-status"
    return f'<p class="{kind}">{escape(text)}</p>'


def done(results: Sequence[Sentence]) -> str:
    """What came out, in a sentence."""
    candidates = [candidate for result in results for candidate in result.candidates]
    if not candidates:
        return "Done: there are no candidates."
    kept = sum(candidate.kept for candidate in candidates)
    noun = "candidate" if len(candidates) == 1 else "candidates"
    return f"Done: the critics keep {kept} of {len(candidates)} {noun}."


def model_line(pinned: Pinned, endpoint: str) -> str:
    """The pinned model: repository, version and commit."""
    repo_id, version = escape(pinned.name.repo_id), escape(pinned.name.version)
    address = escape(f"{endpoint}/{pinned.name.repo_id}/tree/v{pinned.name.version}")
    return (
        f'<p class="lp-model">Model <a href="{address}" target="_blank" rel="noopener">{repo_id}</a> v{version}, '
        f"commit <code>{escape(pinned.commit)}</code>. A small language model wrote these sentences: it may change "
        "the meaning or state what is false.</p>"
    )


def tree(brackets: str, title: str) -> str:
    """A drawn tree, and the same as text."""
    return (
        f'<figure class="lp-tree"><div class="lp-scroll" tabindex="0" role="group" aria-label="{escape(title)}">'
        f"{draw(parse_brackets(brackets), title)}</div>"
        f"<details><summary>The tree as text</summary><code>{escape(brackets)}</code></details></figure>"
    )


def cards(candidates: Sequence[Candidate], source: str, n: int) -> str:
    """Candidates one after the other."""
    return f'<ol class="lp-cards">{"".join(_card(candidate, source, n) for candidate in candidates)}</ol>'


def marked(source: str, text: str) -> str:
    """A rewriting whose changed words are highlighted."""
    return "".join(
        f"<mark>{escape(piece)}</mark>" if changed else escape(piece) for piece, changed in changes(source, text)
    )


def score_name(name: str) -> str:
    """What people call a score."""
    return _NAMES.get(name, name.replace("_", " ").capitalize())


def score_value(name: str, score: float, exact: bool = True) -> str:
    """A score as people read it.

    Args:
        name: Of the score.
        score: From a critic.
        exact: With all the digits that decided, else with two.
    """
    if name in _AGREE:
        return "kept" if score == 1 else "changed"
    return shown(score if exact else round(score, 2))


def legend(said: Mapping[str, str]) -> str:
    """What each score means."""
    if not said:
        return ""
    rows = "".join(f"<dt>{escape(score_name(name))}</dt><dd>{escape(text)}</dd>" for name, text in said.items())
    return f'<details class="lp-legend"><summary>What the scores mean</summary><dl>{rows}</dl></details>'


def rejected(candidates: Sequence[Candidate], source: str, n: int, alone: bool) -> str:
    """Rejected candidates, folded away unless there is nothing else to see."""
    if not candidates:
        return ""
    noun = "candidate" if len(candidates) == 1 else "candidates"
    return (
        f'<details class="lp-rejected"{" open" if alone else ""}>'
        f"<summary>Show {len(candidates)} rejected {noun}</summary>"
        f"{cards(candidates, source, n)}</details>"
    )


def nothing_kept(result: Sentence) -> str:
    """Why there is nothing to show."""
    if result.candidates:
        return message(
            f"The critics rejected all {len(result.candidates)} candidates. More of them or another variety may help."
        )
    return message("The model only repeated the sentence. More candidates or more variety may help.")


def _sentence(result: Sentence, n: int, number: int, total: int) -> str:
    label = f"Sentence {number} of {total}" if number else "Your sentence"
    kept = [candidate for candidate in result.candidates if candidate.kept]
    dropped = [candidate for candidate in result.candidates if not candidate.kept]
    parts = [
        f'<h3 class="lp-label">{label}</h3><p class="lp-source">{escape(result.source)}</p>',
        cards(kept, result.source, n) if kept else nothing_kept(result),
        rejected(dropped, result.source, n, alone=not kept),
    ]
    left_out = _left_out(result)
    if left_out:
        parts.append(f'<p class="lp-note">{left_out}</p>')
    return f'<section class="lp-sentence" aria-label="{label}">{"".join(parts)}</section>'


def _card(candidate: Candidate, source: str, n: int) -> str:
    critics = "".join(_chip(one, "lp-pass" if one.kept else "lp-fail") for one in candidate.verdicts)
    measures = "".join(_chip(one, "lp-info") for one in candidate.measures)
    said = f" Written {candidate.samples} times in {n}." if candidate.samples > 1 else ""
    kind, badge = ("lp-kept", "Kept") if candidate.kept else ("lp-failed", "Rejected")
    reason = candidate.reason if candidate.kept else f"{'; '.join(_why(v) for v in candidate.verdicts if not v.kept)}."
    informs = f'<dt class="lp-also">Also measured</dt>{measures}' if measures else ""
    drawn = ""
    if candidate.tree is not None:
        drawn = f"<details><summary>Its syntax</summary>{tree(candidate.tree, 'Syntax of the candidate')}</details>"
    return (
        f'<li class="lp-card {kind}"><div class="lp-top"><p class="lp-text">{marked(source, candidate.text)}</p>'
        f'<button type="button" class="lp-copy" data-copy="{escape(candidate.text)}">Copy</button></div>'
        f'<p class="lp-verdict"><span class="lp-badge">{badge}</span> {escape(reason)}{said}</p>'
        f'<dl class="lp-scores"><dt class="lp-also">Critics</dt>{critics}{informs}</dl>{drawn}</li>'
    )


def _chip(said: Verdict, kind: str) -> str:
    outcome = {"lp-pass": ("✓", "passes"), "lp-fail": ("✗", "fails")}.get(kind)
    sign = f'<i aria-hidden="true">{outcome[0]}</i><span class="lp-hidden">{outcome[1]}</span>' if outcome else ""
    about = said.measures if outcome else _meaning(said)
    return (
        f'<dd class="lp-chip {kind}" title="{escape(about)}">{escape(score_name(said.critic))} '
        f"<b>{score_value(said.critic, said.score, exact=kind == 'lp-fail')}</b> {sign}</dd>"
    )


def _why(said: Verdict) -> str:
    """Why a critic rejects, shorter than its own words, which the legend has."""
    value = score_value(said.critic, said.score)
    if said.critic in _AGREE:
        return (
            f"{score_name(said.critic)} {value}: {said.reason}"
            if said.reason
            else f"{score_name(said.critic)} {value}"
        )
    bound = said.description.rpartition(", kept ")[2]
    return f"{score_name(said.critic)} {value}, kept {bound}"


def _meaning(said: Verdict) -> str:
    """What a measure that decides nothing means, without the bound that it has as a critic."""
    meaning = said.description.partition(", kept ")[0].partition(", of a rejected")[0]
    return f"{meaning}: {said.reason}" if said.reason else meaning


def _left_out(result: Sentence) -> str:
    repeats = sum(candidate.samples - 1 for candidate in result.candidates)
    counts = [
        (result.copies, "copy of the sentence", "copies of the sentence"),
        (repeats, "repetition", "repetitions"),
        (result.empty, "empty sample", "empty samples"),
    ]
    said = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    return f"Left out: {', '.join(said)}." if said else ""


def _said(results: Iterable[Sentence]) -> dict[str, str]:
    return {
        said.critic: said.description if said in candidate.verdicts else _meaning(said)
        for result in results
        for candidate in result.candidates
        for said in (*candidate.verdicts, *candidate.measures)
    }
