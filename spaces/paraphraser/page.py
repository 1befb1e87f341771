"""How answers look: HTML in which every text is escaped."""

from collections.abc import Sequence
from html import escape

from rewrite import Candidate, Rewriter, Sentence, changes, shown


def answer(results: Sequence[Sentence], n: int) -> str:
    """Candidates, scores and verdicts of every sentence.

    Args:
        results: From `Rewriter.rewrite`.
        n: Samples that were asked for.
    """
    total = len(results)
    parts = [_sentence(result, n, number if total > 1 else 0, total) for number, result in enumerate(results, 1)]
    return "".join(parts) + _legend(results)


def message(text: str) -> str:
    """A remark to the reader in place of an answer."""
    return f'<p class="lp-message" role="status">{escape(text)}</p>'


def model_line(rewriter: Rewriter, endpoint: str) -> str:
    """The pinned model: repository, version and commit."""
    address = escape(f"{endpoint}/{rewriter.repo_id}")
    return (
        f'<p class="lp-model">Model <a href="{address}" target="_blank" rel="noopener">{escape(rewriter.repo_id)}</a> '
        f"v{escape(rewriter.version)}, commit <code>{escape(rewriter.commit)}</code>. A small language model wrote "
        "these sentences: it may change the meaning or state what is false.</p>"
    )


def _sentence(result: Sentence, n: int, number: int, total: int) -> str:
    label = f"Sentence {number} of {total}" if number else "Your sentence"
    kept = [candidate for candidate in result.candidates if candidate.kept]
    rejected = [candidate for candidate in result.candidates if not candidate.kept]
    parts = [f'<p class="lp-source"><span class="lp-label">{label}</span>{escape(result.source)}</p>']
    if kept:
        parts.append(_cards(kept, result.source, n))
    else:
        parts.append(message(_nothing_kept(result)))
    if rejected:
        noun = "candidate" if len(rejected) == 1 else "candidates"
        parts.append(
            f'<details class="lp-rejected"><summary>Show {len(rejected)} rejected {noun}</summary>'
            f"{_cards(rejected, result.source, n)}</details>"
        )
    left_out = _left_out(result)
    if left_out:
        parts.append(f'<p class="lp-note">{left_out}</p>')
    return f'<section class="lp-sentence" aria-label="{label}">{"".join(parts)}</section>'


def _cards(candidates: Sequence[Candidate], source: str, n: int) -> str:
    return f'<ol class="lp-cards">{"".join(_card(candidate, source, n) for candidate in candidates)}</ol>'


def _card(candidate: Candidate, source: str, n: int) -> str:
    text = "".join(
        f"<mark>{escape(piece)}</mark>" if changed else escape(piece)
        for piece, changed in changes(source, candidate.text)
    )
    scores = "".join(
        f'<li class="{"lp-pass" if v.kept else "lp-fail"}" title="{escape(v.description)}">{escape(v.critic)} '
        f"<b>{shown(v.score)}</b> {'✓' if v.kept else '✗'}</li>"
        for v in candidate.verdicts
    )
    said = f" Written {candidate.samples} times in {n}." if candidate.samples > 1 else ""
    kind, badge = ("lp-kept", "Kept") if candidate.kept else ("lp-failed", "Rejected")
    reason = candidate.reason.removeprefix("Rejected: ")
    return (
        f'<li class="lp-card {kind}"><p class="lp-text">{text}</p>'
        f'<ul class="lp-scores" aria-label="Scores of the critics">{scores}</ul>'
        f'<p class="lp-verdict"><span class="lp-badge">{badge}</span> {escape(reason)}{said}</p></li>'
    )


def _nothing_kept(result: Sentence) -> str:
    if result.candidates:
        return "The critics rejected every candidate. More candidates or another temperature may help."
    return "The model only repeated the sentence. More candidates or a higher temperature may help."


def _left_out(result: Sentence) -> str:
    repeats = sum(candidate.samples - 1 for candidate in result.candidates)
    counts = [
        (result.copies, "copy of the sentence", "copies of the sentence"),
        (repeats, "repetition", "repetitions"),
        (result.empty, "empty sample", "empty samples"),
    ]
    said = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    return f"Left out: {', '.join(said)}." if said else ""


def _legend(results: Sequence[Sentence]) -> str:
    asked = {
        verdict.critic: verdict.description
        for result in results
        for candidate in result.candidates
        for verdict in candidate.verdicts
    }
    if not asked:
        return ""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in asked.items())
    return f'<details class="lp-legend"><summary>What the critics measure</summary><dl>{rows}</dl></details>'
