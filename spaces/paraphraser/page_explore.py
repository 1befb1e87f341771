"""How pairs of a corpus and its funnel look."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from corpus import Corpus
from page import legend, marked, message, score_name, score_value

from lemonpress.funnel import Step


def pairs(rows: Sequence[Mapping[str, Any]], corpus: Corpus) -> str:
    """Pairs with their scores.

    Args:
        rows: From `Corpus.rows`.
        corpus: Theirs.
    """
    if not rows:
        return message("No pair matches. Fewer words or wider bounds may help.")
    return f'<ol class="lp-cards">{"".join(_pair(row, corpus) for row in rows)}</ol>{legend(corpus.scores)}'


def heading(corpus: Corpus, endpoint: str) -> str:
    """What the corpus is, where its card is, and which version is read."""
    base = f"{endpoint}/datasets/{corpus.name.repo_id}"
    card, files = escape(base), escape(f"{base}/tree/v{corpus.name.version}")
    return (
        f'<p class="lp-model">Corpus <b>{escape(corpus.name.repo_id)}</b> v{escape(corpus.name.version)}, commit '
        f"<code>{escape(corpus.commit)}</code>, {corpus.table.num_rows:,} pairs. "
        f'<a href="{card}" target="_blank" rel="noopener">Card</a> · '
        f'<a href="{files}" target="_blank" rel="noopener">Files at v{escape(corpus.name.version)}</a></p>'
    )


def funnel(steps: Sequence[Step]) -> str:
    """What each step saw and kept, as bars that are a table too."""
    if not steps:
        return message("This release does not say what its steps kept.")
    rows = "".join(map(_step, steps))
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Step", "Kept of seen", "Share"))
    return (
        '<div class="lp-scroll" tabindex="0" role="group" aria-label="Funnel"><table class="lp-funnel">'
        "<caption>What each step of making this corpus saw and kept</caption>"
        f"<thead><tr>{head}<td></td></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _step(step: Step) -> str:
    share = 100 * step.kept / step.seen if step.seen else 0.0
    return (
        f'<tr><th scope="row">{escape(step.name.replace("_", " "))}</th><td>{step.kept:,} of {step.seen:,}</td>'
        f'<td>{share:.1f}%</td><td class="lp-bar" aria-hidden="true"><div><span style="width:{share:.1f}%"></span>'
        "</div></td></tr>"
    )


def _pair(row: Mapping[str, Any], corpus: Corpus) -> str:
    scores = "".join(
        f'<dd class="lp-chip lp-info" title="{escape(meaning)}">{escape(score_name(name))} '
        f"<b>{score_value(name, row[name], exact=False)}</b></dd>"
        for name, meaning in corpus.scores.items()
    )
    source, target = row["source"], row["target"]
    return (
        f'<li class="lp-card"><p class="lp-source">{escape(source)}</p><div class="lp-top">'
        f'<p class="lp-text">{marked(source, target)}</p>'
        f'<button type="button" class="lp-copy" data-copy="{escape(target)}">Copy</button></div>'
        f'<dl class="lp-scores">{scores}</dl>'
        f'<p class="lp-note">{escape(row["domain"])} · {escape(row["split"])}</p></li>'
    )
