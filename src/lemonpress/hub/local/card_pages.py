"""Cards as HTML: what a page shows of a README.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markupsafe import Markup, escape

from lemonpress.hub.local import cards
from lemonpress.splitting import first_sentence

_FOLDING_TAGS = ("<details>", "</details>", "<summary>", "</summary>")
_SUMMARY = 220
_SUMMARY_SOURCE = 8000


@dataclass(frozen=True)
class CardPage:
    """A rendered card, and the anchor and text of each of its second-level headings."""

    html: Markup
    headings: list[tuple[str, str]]


def render_card(text: str, prefix: str) -> CardPage:
    """A card as HTML, whose relative links lead to the repository's files.

    Of the card's own HTML, ``<details>`` and ``<summary>`` without attributes fold; all else is shown as text.

    Args:
        text: the whole card, metadata included.
        prefix: URL path under which the repository's files resolve.
    """
    markdown = _markdown()
    tokens = markdown.parse(cards.split_card(text)[1])
    for token in tokens:
        for child in token.children or []:
            for name in ("src", "href"):
                target = child.attrGet(name)
                if isinstance(target, str) and _is_relative(target):
                    child.attrSet(name, f"{prefix}/{target.removeprefix('./')}")
    headings = _anchor(tokens)
    return CardPage(Markup(markdown.renderer.render(tokens, markdown.options, {})), headings)


def summary(text: str) -> str:
    """What a card says it is of, in one line of plain text: its ``short_description``, else its first sentence.

    Args:
        text: the whole card, metadata included.

    Returns:
        At most 220 characters; none if the card has neither.
    """
    said = cards.metadata(text).get("short_description")
    if isinstance(said, str):
        return _cut(said)
    tokens = _markdown().parse(cards.split_card(text)[1][:_SUMMARY_SOURCE])
    for opening, inside in pairwise(tokens):
        paragraph = " ".join(_plain(inside).split()) if opening.type == "paragraph_open" and opening.level == 0 else ""
        if paragraph:
            return _cut(first_sentence(f"{paragraph}\n") or paragraph)
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= _SUMMARY else f"{text[: _SUMMARY - 1].rstrip()}…"


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    markdown.add_render_rule("html_block", _own_html)
    markdown.add_render_rule("html_inline", _own_html)
    markdown.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return markdown


def _own_html(_: RendererProtocol, tokens: Sequence[Token], at: int, *__: object) -> str:
    text = str(escape(tokens[at].content))
    for tag in _FOLDING_TAGS:
        text = text.replace(str(escape(tag)), tag)
    return text


def _anchor(tokens: list[Token]) -> list[tuple[str, str]]:
    """Give second- and third-level headings the anchors that the Hub gives them; returns the second-level ones."""
    found: list[tuple[str, str]] = []
    used: dict[str, int] = {}
    for opening, inside in pairwise(tokens):
        if opening.type != "heading_open" or opening.tag not in ("h2", "h3"):
            continue
        text = _plain(inside)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") or "section"
        again = used.get(slug, 0)
        used[slug] = again + 1
        anchor = f"{slug}-{again}" if again else slug
        opening.attrSet("id", anchor)
        if opening.tag == "h2":
            found.append((anchor, text))
    return found


def _plain(inline: Token) -> str:
    """The text of a line without its markup; images, which say nothing in a line of text, left out."""
    return "".join(
        child.content
        if child.type in ("text", "code_inline", "html_inline")
        else " "
        if child.type.endswith("break")
        else ""
        for child in inline.children or []
    )


def _is_relative(target: str) -> bool:
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return bool(parts.path) and not (parts.scheme or parts.netloc or target.startswith("/"))
