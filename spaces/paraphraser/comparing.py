"""Two published students on the same input, judged by the same critics."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from checks import Ask, Passage
from judging import Sentence
from loading import Loaded
from rewriting import Rewriter, pin
from settings import Named

from lemonpress.errors import UserError
from lemonpress.hub.destination import is_loopback
from lemonpress.hub.versions import of_tag, parse

_OFFERED = 3


@dataclass
class Shelf:
    """Students that may be compared, loaded when first asked for; the settings bound how many there are.

    All are judged by the critics of the Space's own student, so that their verdicts mean the same.

    Attributes:
        own: The Space's own student; always there.
        offered: What visitors may choose from; `own` among them.
        endpoint: Address of the Hub, or None.
    """

    own: Rewriter
    offered: tuple[Named, ...]
    endpoint: str | None = None
    _loaded: Loaded[Named, Rewriter] = field(init=False)

    def __post_init__(self) -> None:
        self._loaded = Loaded(self._load)

    @property
    def names(self) -> list[str]:
        """As visitors choose them."""
        return [str(name) for name in self.offered]

    def get(self, name: object, which: str) -> Rewriter:
        """A student, loaded if it is not yet.

        Args:
            name: As in `names`.
            which: What to call it in messages.

        Raises:
            UserError: It is not offered, or the Hub has it no more.
        """
        found = next((one for one in self.offered if str(one) == name), None)
        if found is None:
            raise UserError(f"{which}: please choose one of {', '.join(self.names)}.")
        if found == self.own.pinned.name:
            return self.own
        return self._loaded.get(found)

    def _load(self, name: Named) -> Rewriter:
        return replace(self.own, pinned=pin(name, self.endpoint), syntax=None, _known=OrderedDict(), _lock=Lock())


def side_by_side(
    left: Rewriter, right: Rewriter, text: Passage, wanted: Ask
) -> Iterator[tuple[list[Sentence], list[Sentence]]]:
    """The answers so far of two students, after each sentence of each.

    Args:
        left: One student.
        right: Another one; the same one is allowed and gives the same.
        text: Checked.
        wanted: Checked; both must offer its task.

    Raises:
        UserError: One of them did not learn the task.
    """
    for one in (left, right):
        if wanted.task not in one.tasks:
            raise UserError(f"{one.pinned.name}: this student was not trained on task {wanted.task}.")
        if wanted.words is not None and not one.lengths:
            raise UserError(f"{one.pinned.name}: this student was not trained on summaries of a given length.")
    found: tuple[list[Sentence], list[Sentence]] = ([], [])
    for source in text.sentences:
        for side, one in zip(found, (left, right), strict=True):
            side.append(one.sentence(source, wanted))
            yield found


def tally(results: Sequence[Sentence]) -> Mapping[str, float]:
    """How one student did: candidates, those kept, and the mean of every score over all candidates."""
    candidates = [candidate for result in results for candidate in result.candidates]
    figures: dict[str, float] = {
        "candidates": len(candidates),
        "kept": sum(candidate.kept for candidate in candidates),
    }
    scores: dict[str, list[float]] = {}
    for candidate in candidates:
        for said in (*candidate.verdicts, *candidate.measures):
            scores.setdefault(said.critic, []).append(said.score)
    return figures | {name: sum(values) / len(values) for name, values in scores.items()}


def offered(own: Named, listed: Sequence[Named], endpoint: str | None) -> tuple[Named, ...]:
    """What visitors may compare: the owner's list, else the newest versions of the student on its Hub.

    Args:
        own: The Space's own student.
        listed: By the owner.
        endpoint: Address of the Hub, or None.
    """
    if listed:
        return tuple(dict.fromkeys([own, *listed]))
    return tuple(dict.fromkeys([own, *_versions(own.repo_id, endpoint)]))[:_OFFERED]


def _versions(repo_id: str, endpoint: str | None) -> list[Named]:
    """Released versions, the newest first; none where the Hub does not say."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    failures: tuple[type[Exception], ...] = (HfHubHTTPError, httpx.TransportError)
    try:
        token = False if is_loopback(endpoint or constants.ENDPOINT) else None  # a Hub on this machine needs none
        refs: Any = HfApi(endpoint=endpoint, token=token).list_repo_refs(repo_id)
    except failures:
        return []
    found = [version for tag in refs.tags if (version := of_tag(tag.name)) is not None]
    return [Named(repo_id, version) for version in sorted(found, key=parse, reverse=True)]
