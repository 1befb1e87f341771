"""How two students look side by side."""

from collections.abc import Sequence
from html import escape

from comparing import tally
from judging import Sentence, shown
from page import cards, nothing_kept, rejected, score_name
from rewriting import Pinned


def compared(sides: Sequence[tuple[Pinned, Sequence[Sentence]]], n: int) -> str:
    """A table of how each did, then the candidates of each sentence in two columns.

    Args:
        sides: Two releases and their answers so far; the right one may be a sentence behind.
        n: Samples that were asked for.
    """
    sources = [result.source for result in sides[0][1]]
    parts = []
    for number, source in enumerate(sources):
        columns = "".join(_column(pinned, results[number : number + 1], n) for pinned, results in sides)
        label = f"Sentence {number + 1} of {len(sources)}" if len(sources) > 1 else "Your sentence"
        parts.append(
            f'<section class="lp-sentence" aria-label="{label}"><h3 class="lp-label">{label}</h3>'
            f'<p class="lp-source">{escape(source)}</p><div class="lp-columns">{columns}</div></section>'
        )
    return _table(sides) + "".join(parts)


def _column(pinned: Pinned, results: Sequence[Sentence], n: int) -> str:
    name = escape(str(pinned.name))
    head = f'<h4 class="lp-name">{name} <code>{escape(pinned.commit[:12])}</code></h4>'
    if not results:
        return f'<div class="lp-column">{head}<p class="lp-note">Writing …</p></div>'
    [result] = results
    kept = [candidate for candidate in result.candidates if candidate.kept]
    dropped = [candidate for candidate in result.candidates if not candidate.kept]
    body = cards(kept, result.source, n) if kept else nothing_kept(result)
    return f'<div class="lp-column">{head}{body}{rejected(dropped, result.source, n, alone=not kept)}</div>'


def _table(sides: Sequence[tuple[Pinned, Sequence[Sentence]]]) -> str:
    tallies = [tally(results) for _, results in sides]
    names = list(dict.fromkeys(name for figures in tallies for name in figures))
    head = "".join(f'<th scope="col">{escape(str(pinned.name))}</th>' for pinned, _ in sides)
    rows = "".join(
        f'<tr><th scope="row">{_label(name)}</th>'
        + "".join(f"<td>{shown(round(figures[name], 2)) if name in figures else '–'}</td>" for figures in tallies)
        + "</tr>"
        for name in names
    )
    return (
        '<div class="lp-scroll" tabindex="0" role="group" aria-label="How each student did"><table class="lp-table">'
        "<caption>All candidates, rejected ones included; means of scores</caption>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _label(name: str) -> str:
    own = {"candidates": "Candidates", "kept": "Kept by the critics"}
    return own.get(name) or escape(score_name(name))
