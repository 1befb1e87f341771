"""The one licence of a release, from the licences of all that went into it: a cautious reading, and no legal advice.

``docs/licences.md`` says which reading was taken.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import combinations
from typing import Literal, NamedTuple

from lemonpress.errors import UserError
from lemonpress.markdown import literal

Role = Literal["text", "weights", "judge"]
"""How something went in: its words are in the release, its weights are, or it only scored or parsed what was kept."""


@dataclass(frozen=True, order=True)
class Part:
    """Something that went into a release.

    Attributes:
        what: Its part, such as ``teacher`` or ``critic entailment``.
        id: Model or dataset id.
        licence: Identifier of the Hub or of SPDX, in any case; ``unknown`` where nobody names one.
        role: ``text`` (a teacher, an existing corpus), ``weights`` (the base of a student) or ``judge`` (a critic, a
            parser).
    """

    what: str
    id: str
    licence: str
    role: Role

    def __str__(self) -> str:
        named = self.what if self.id in self.what else f"{self.what} {self.id}"
        return " ".join(f"{named} ({self.licence.strip() or 'unknown'})".split())


@dataclass(frozen=True)
class Combined:
    """The licence of a release.

    Attributes:
        licence: The Hub's ``license``.
        name: The Hub's ``license_name`` where the licence is ``other``, else None.
        link: The Hub's ``license_link`` where the licence is ``other`` and one known page holds its terms, else None.
        notes: What follows for whoever uses the release: Markdown sentences for its card.
    """

    licence: str
    name: str | None
    link: str | None
    notes: tuple[str, ...]


class _Family(Enum):
    """What a licence asks of whoever passes on something made of what it covers."""

    PUBLIC = auto()  # nothing
    PERMISSIVE = auto()  # credit, notices
    SHARE_ALIKE = auto()  # this licence and no other
    NON_COMMERCIAL = auto()
    NON_COMMERCIAL_SHARE_ALIKE = auto()
    NO_DERIVATIVES = auto()  # not to be passed on
    RESTRICTED = auto()  # terms of its own on use
    UNREAD = auto()  # nobody here knows


_SHARING = (_Family.SHARE_ALIKE, _Family.NON_COMMERCIAL_SHARE_ALIKE)
_NO_COMMERCE = (_Family.NON_COMMERCIAL, _Family.NON_COMMERCIAL_SHARE_ALIKE)
_VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")

# From the least to the most demanding.
_PUBLIC = ("wtfpl", "unlicense", "pddl", "cc0-1.0")
_PERMISSIVE = (
    *("zlib", "bsl-1.0", "isc", "mit", "postgresql", "ncsa", "bsd", "bsd-2-clause", "bsd-3-clause"),
    *("bsd-3-clause-clear", "apple-ascl", "cdla-permissive-2.0", "cdla-permissive-1.0", "openmdw-1.0", "openmdw-1.1"),
    *("afl-3.0", "ecl-2.0", "apache-2.0", "etalab-2.0", "odc-by"),
    *(f"cc-by-{version}" for version in _VERSIONS),
)
_NON_COMMERCIAL = tuple(f"cc-by-nc-{version}" for version in _VERSIONS)

# What each may become when something is made of it: a later version, or a licence that its own text or its steward
# names. Whatever may become another stands before it.
_MAY_BECOME: Mapping[str, tuple[str, ...]] = {
    "cc-by-sa-1.0": (),
    "cc-by-sa-2.0": ("cc-by-sa-2.5", "cc-by-sa-3.0", "cc-by-sa-4.0"),
    "cc-by-sa-2.5": ("cc-by-sa-3.0", "cc-by-sa-4.0"),
    "cc-by-sa-3.0": ("cc-by-sa-4.0",),
    "cc-by-sa-4.0": ("gpl-3.0",),
    "mpl-2.0": ("lgpl-2.1", "lgpl-3.0", "gpl-2.0", "gpl-3.0", "agpl-3.0"),
    "lgpl": ("lgpl-2.1", "lgpl-3.0", "gpl", "gpl-2.0", "gpl-3.0", "agpl-3.0"),
    "lgpl-2.1": ("gpl", "gpl-2.0", "gpl-3.0", "agpl-3.0"),
    "lgpl-3.0": ("gpl-3.0", "agpl-3.0"),
    "gpl": ("gpl-2.0", "gpl-3.0", "agpl-3.0"),
    "gpl-2.0": (),
    "gpl-3.0": ("agpl-3.0",),
    "agpl-3.0": (),
    "epl-1.0": ("epl-2.0",),
    "epl-2.0": (),
    "eupl-1.1": ("eupl-1.2",),
    "eupl-1.2": (),
    **dict.fromkeys(("artistic-2.0", "cdla-sharing-1.0", "gfdl", "lgpl-lr", "lppl-1.3c"), ()),
    **dict.fromkeys(("ms-pl", "odbl", "ofl-1.1", "osl-3.0"), ()),
    "cc-by-nc-sa-1.0": (),
    "cc-by-nc-sa-2.0": ("cc-by-nc-sa-2.5", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
    "cc-by-nc-sa-2.5": ("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
    "cc-by-nc-sa-3.0": ("cc-by-nc-sa-4.0",),
    "cc-by-nc-sa-4.0": (),
}
_NEVER_BECOMES = {"apache-2.0": "gpl-2.0", "ecl-2.0": "gpl-2.0"}

_RAIL = "the uses that it forbids stay forbidden, and these restrictions go with every copy."
_RESEARCH = "it allows research and other non-commercial use only."
_OLD_LLAMA = "what its models write may not be used to improve language models other than Llama."
_LLAMA = (
    "a model that was trained on what its models write, and is passed on, has a name that begins with Llama and says "
    '"Built with Llama".'
)
_RESTRICTED = {
    **dict.fromkeys(("openrail", "openrail++", "creativeml-openrail-m", "bigcode-openrail-m"), _RAIL),
    **dict.fromkeys(("bigscience-openrail-m", "bigscience-bloom-rail-1.0"), _RAIL),
    **dict.fromkeys(("apple-amlr", "deepfloyd-if-license", "fair-noncommercial-research-license"), _RESEARCH),
    **dict.fromkeys(("h-research", "intel-research"), _RESEARCH),
    **dict.fromkeys(("llama2", "llama3"), _OLD_LLAMA),
    **dict.fromkeys(("llama3.1", "llama3.2", "llama3.3", "llama4"), _LLAMA),
    "gemma": "a model that is trained on what its models write falls under its terms, with the uses they forbid.",
    "grok2-community": "what its models write may not be used to train other models.",
    "c-uda": "it allows computational use only, such as analysis and training.",
}

_FAMILIES = {
    **dict.fromkeys(_PUBLIC, _Family.PUBLIC),
    **dict.fromkeys(_PERMISSIVE, _Family.PERMISSIVE),
    **dict.fromkeys(_NON_COMMERCIAL, _Family.NON_COMMERCIAL),
    **dict.fromkeys(_MAY_BECOME, _Family.SHARE_ALIKE),
    **{f"cc-by-nc-sa-{version}": _Family.NON_COMMERCIAL_SHARE_ALIKE for version in _VERSIONS},
    **{f"cc-by-{kind}-{version}": _Family.NO_DERIVATIVES for kind in ("nd", "nc-nd") for version in _VERSIONS},
    **dict.fromkeys(_RESTRICTED, _Family.RESTRICTED),
    **dict.fromkeys(("cc", "unknown", "other"), _Family.UNREAD),
}
HUB_LICENCES = frozenset(
    {
        *(licence for licence in _FAMILIES if not licence.startswith("cc-by-")),
        *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
        *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
        *("cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
    }
)
"""The identifiers that the Hub takes as ``license``."""

_SPELLINGS = {
    **dict.fromkeys(("apache", "apache2", "apache-2", "apache2.0", "apache-license-2.0"), "apache-2.0"),
    **dict.fromkeys(("apache-license-version-2.0", "apache-v2"), "apache-2.0"),
    **dict.fromkeys(("cc0", "cc-0", "cc-zero"), "cc0-1.0"),
    **{
        f"{kind}gpl{dash}{number}": f"{kind}gpl-{number}.0"
        for kind in ("", "l", "a")
        for dash in ("", "-", "v", "-v")
        for number in "23"
        if f"{kind}gpl-{number}.0" in _FAMILIES
    },
    **dict.fromkeys(("gfdl-1.1", "gfdl-1.2", "gfdl-1.3"), "gfdl"),
    **{"agpl": "agpl-3.0", "mpl": "mpl-2.0", "mpl-2": "mpl-2.0", "bsd-2": "bsd-2-clause", "bsd-3": "bsd-3-clause"},
    **{"odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "pddl-1.0": "pddl", "c-uda-1.0": "c-uda", "none": "unknown"},
}
_SUFFIX = re.compile(r"(?:-only|-or-later|\+|-licen[cs]e)$")
_CREATIVE_COMMONS = re.compile(
    r"(cc-by(?:-nc)?(?:-sa|-nd)?)"
    r"(?:-v?([123]\.0|2\.5|4\.0)(?:-(?:international|unported|igo|(?!nc|nd|sa)[a-z]{2}))?)?"
)
_LLAMA_NAME = re.compile(r"llama-?([234])(?:[.-]([123]))?(?:-community)?(?:-licen[cs]e)?(?:-agreement)?")
_BY_NAME_NO_COMMERCE = re.compile(r"non-?commercial|research|(?:^|-)nc(?:-|$)")


class _Service(NamedTuple):
    """A service whose terms restrict what its output is used for, and what it is recognised by."""

    name: str
    maker: str
    link: str
    ids: re.Pattern[str]
    licences: re.Pattern[str]


_SERVICES = (
    _Service(
        "openai-terms-of-use",
        "OpenAI",
        "https://openai.com/policies/terms-of-use/",
        re.compile(r"chat-?gpt|share-?gpt|alpaca|text-davinci|(?<![a-z])gpt-?(?:3\.?5|[45])(?![\db])"),
        re.compile(r"(?:^|-)(?:openai|chatgpt)(?:-|$)"),
    ),
    _Service(
        "anthropic-terms-of-service",
        "Anthropic",
        "https://www.anthropic.com/legal/commercial-terms",
        re.compile(r"(?<![a-z])claude(?![a-z])"),
        re.compile(r"(?:^|-)(?:anthropic|claude)(?:-|$)"),
    ),
    _Service(
        "gemini-api-terms-of-service",
        "Google",
        "https://ai.google.dev/gemini-api/terms",
        re.compile(r"(?<![a-z])gemini(?![a-z])"),
        re.compile(r"(?:^|-)gemini(?:-|$)"),
    ),
)


class _Read(NamedTuple):
    """A part with its licence as it is understood here."""

    part: Part
    licence: str
    family: _Family
    services: tuple[_Service, ...]


def combine(parts: Sequence[Part], where: str) -> Combined:
    """The one licence of a release: the strictest, where the others may go into it.

    Args:
        parts: All that went into it, in any order.
        where: The release or the setting, for error messages.

    Raises:
        UserError: Two parts contradict each other, or a part allows nothing to be made of it.
        ValueError: Every part only judged, so that there is nothing to license.
    """
    everything = [_read(part) for part in sorted(set(parts))]
    inside = [one for one in everything if one.part.role != "judge"]
    if not inside:
        raise ValueError(f"{where}: no part has words or weights in the release")
    judges = [one for one in everything if one.part.role == "judge"]
    # What a licence says of copies cannot reach a release that holds none; what it says of use can.
    reaching = [*inside, *(one for one in judges if one.family in (_Family.NON_COMMERCIAL, _Family.RESTRICTED))]
    _refuse(inside, reaching, where)

    main = _main(inside, reaching)
    terms = {one.licence for one in inside if one.family is _Family.UNREAD}
    if main and main not in (*_PUBLIC, *_PERMISSIVE):
        terms.add(main)
    if not terms:  # an id is no more than a sign: it changes no licence that is stricter already
        terms = {service.name for one in everything for service in one.services}
    terms |= {one.licence for one in reaching if one.family is _Family.RESTRICTED}
    if not terms:
        assert main is not None
        terms = {main}
    notes = [
        *_notes_on_copies(inside, main),
        *_notes_on_use(reaching),
        *_notes_on_services(everything),
        *_notes_on_unread(inside, judges),
    ]
    if len(terms) > 1:
        notes.append(f"All of these apply at once: {', '.join(map(literal, sorted(terms)))}.")
    return _stated(sorted(terms), tuple(notes))


def _read(part: Part) -> _Read:
    licence = _identifier(part.licence)
    family = _FAMILIES.get(licence)
    named = [service for service in _SERVICES if service.licences.search(licence)]
    services = tuple(one for one in _SERVICES if one in named or one.ids.search(_slug(part.id)))
    if part.role == "judge" and licence.startswith("cc-by-nc"):
        licence, family = _NON_COMMERCIAL[-1], _Family.NON_COMMERCIAL  # whatever else it asks is of copies
    elif licence == "other":
        licence = f"terms-of-{_slug(part.id)}"
    elif family is None and named:
        licence, family = named[0].name, _Family.RESTRICTED
    elif family is None and _BY_NAME_NO_COMMERCE.search(licence):
        family = _Family.RESTRICTED
    return _Read(part, licence, family or _Family.UNREAD, services)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-.")


def _identifier(licence: str) -> str:
    """The usual spelling of a licence; of one that is not known, lower case with dashes."""
    slug = _slug(licence)
    for spelling in (slug, _SUFFIX.sub("", slug)):
        known = _SPELLINGS.get(spelling, spelling)
        if known in _FAMILIES:
            return known
        if found := _CREATIVE_COMMONS.fullmatch(spelling):
            return f"{found[1]}-{found[2] or _VERSIONS[-1]}"
    if found := _LLAMA_NAME.fullmatch(slug):
        known = f"llama{found[1]}" + (f".{found[2]}" if found[2] else "")
        if known in _FAMILIES:
            return known
    return slug or "unknown"


def _refuse(inside: Sequence[_Read], reaching: Sequence[_Read], where: str) -> None:
    for one in inside:
        if one.family is _Family.NO_DERIVATIVES:
            raise UserError(
                f"{where}: {one.part} allows no changed version to be passed on, which a filtered corpus or a student "
                "is; leave it out"
            )
    for one in inside:
        for other in reaching if one.family in _SHARING else ():
            if other.family is _Family.RESTRICTED:
                raise _contradiction(one, other, "share-alike allows no further terms on use", where)
            if one.family is _Family.SHARE_ALIKE and other.family in _NO_COMMERCE:
                raise _contradiction(one, other, "share-alike keeps commercial use free, the other forbids it", where)
    if any(one.family in _SHARING for one in inside):
        for one, other in combinations(inside, 2):
            if not _becomes(one) & _becomes(other):
                raise _contradiction(one, other, "no licence takes what is under either", where)


def _contradiction(one: _Read, other: _Read, why: str, where: str) -> UserError:
    remedy = "leave one of them out, or release what comes of each apart"
    if other.part.role == "judge":
        remedy = f"judge with another model than {other.part.id}, or leave {one.part.id} out"
    return UserError(f"{where}: {one.part} and {other.part} contradict each other: {why}; {remedy}")


def _becomes(one: _Read) -> set[str]:
    """The share-alike licences that something made of a part may carry."""
    if one.family in _SHARING:
        return {one.licence, *_MAY_BECOME[one.licence]}
    return {*_MAY_BECOME} - {_NEVER_BECOMES.get(one.licence)}


def _main(inside: Sequence[_Read], reaching: Sequence[_Read]) -> str | None:
    """The strictest of the licences that take up one another; None where there is none of them."""
    if any(one.family in _SHARING for one in inside):
        common = set.intersection(*map(_becomes, inside))
        return next(licence for licence in _MAY_BECOME if licence in common)
    ranked = ((_NON_COMMERCIAL, inside), (_NON_COMMERCIAL, reaching), (_PERMISSIVE, inside), (_PUBLIC, inside))
    for licences, among in ranked:
        if found := [one.licence for one in among if one.licence in licences]:
            return max(found, key=licences.index)
    return None


def _stated(terms: Sequence[str], notes: tuple[str, ...]) -> Combined:
    if len(terms) == 1 and terms[0] in HUB_LICENCES:
        return Combined(terms[0], None, None, notes)
    name = "-and-".join(terms).replace("+", "plus")
    return Combined("other", name, _link(terms[0]) if len(terms) == 1 else None, notes)


def _link(licence: str) -> str | None:
    if found := _CREATIVE_COMMONS.fullmatch(licence):
        return f"https://creativecommons.org/licenses/{found[1].removeprefix('cc-')}/{found[2]}/"
    return next((service.link for service in _SERVICES if service.name == licence), None)


def _notes_on_copies(inside: Sequence[_Read], main: str | None) -> Iterator[str]:
    if credited := [one for one in inside if one.family not in (_Family.PUBLIC, _Family.UNREAD)]:
        yield f"Pass on the credits and notices of {_listed(credited)}."
    if main in _MAY_BECOME:
        yield f"Share-alike: what is made of it and passed on carries {main} too."


def _notes_on_use(reaching: Sequence[_Read]) -> Iterator[str]:
    if banning := [one for one in reaching if one.family in _NO_COMMERCE]:
        yield f"No commercial use, because of {_listed(banning)}.{_also_judges(banning)}"
    for licence in sorted({one.licence for one in reaching if one.family is _Family.RESTRICTED}):
        if all(service.name != licence for service in _SERVICES):
            under = [one for one in reaching if one.licence == licence]
            said = _RESTRICTED.get(licence, "by its name it allows no commercial use; the rest of it is not known.")
            yield f"Of the licence of {_listed(under)}: {said}{_also_judges(under)}"


def _also_judges(parts: Sequence[_Read]) -> str:
    judged = any(one.part.role == "judge" for one in parts)
    return " A model that only judged what was kept counts here." if judged else ""


def _notes_on_services(everything: Sequence[_Read]) -> Iterator[str]:
    for service in _SERVICES:
        if shown := [one for one in everything if service in one.services]:
            yield (
                f"By name or licence, models of {service.maker} wrote or judged for {_listed(shown)}: the terms of "
                f"that service ({service.link}) forbid using its output to develop competing models. Read them before "
                "training a model on this."
            )


def _notes_on_unread(inside: Sequence[_Read], judges: Sequence[_Read]) -> Iterator[str]:
    if unread := [one for one in inside if one.family is _Family.UNREAD]:
        yield f"What is allowed with {_listed(unread)} is not known: nothing is, until somebody has read it."
    if unread := [one for one in judges if one.family is _Family.UNREAD]:
        yield f"Whether {_listed(unread)}, which only judged, restricts the use of its judgements is not known."


def _listed(parts: Iterable[_Read]) -> str:
    return ", ".join(literal(one.part) for one in parts)
