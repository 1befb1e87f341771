"""What the licences of the parts of a release make together."""

import re
from collections.abc import Sequence
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.errors import UserError
from lemonpress.licences import HUB_LICENCES, Combined, Part, Role, combine
from one_line import one_line

_IDS = ("lab/one", "lab/two", "humarin/chatgpt-paraphrases", "openai-community/gpt2")
_SEEN = ("cc-by-sa-2.5", "cc-by-nc-sa-1.0", "openai-terms", "anthropic", "qwen-research", "falcon-llm-license", "")
_ROLES: tuple[Role, ...] = ("text", "weights", "judge")
_PERMISSIVE = (
    r"(mit|apache-2|bsd|bsl-1|isc|zlib|ncsa|postgresql|cdla-perm|openmdw|afl|ecl|etalab|odc-by|cc-by-\d|apple-ascl)"
)
_SERVICE_NAMES = ("openai-terms-of-use", "anthropic-terms-of-service")


def text(licence: str, id: str = "lab/texts") -> Part:
    return Part("dataset", id, licence, "text")


def judge(licence: str, id: str = "lab/critic") -> Part:
    return Part("critic entailment", id, licence, "judge")


def combined(*licences: str) -> Combined:
    return combine([text(licence, f"lab/texts{at}") for at, licence in enumerate(licences)], "release a/b")


def refused(*parts: Part) -> str:
    with pytest.raises(UserError) as error:
        combine(parts, "release a/b")
    return one_line(error)


def outcome(parts: Sequence[Part]) -> Combined | str:
    try:
        return combine(parts, "release a/b")
    except UserError as error:
        return str(error)


def demands(result: Combined) -> set[str]:
    """What a result asks, read from what it states: the reference for "no more permissive"."""
    found: set[str] = set()
    for licence in (result.name or result.licence).split("-and-"):
        if licence in ("cc0-1.0", "pddl", "unlicense", "wtfpl"):
            continue
        found.add("credit")
        if licence.startswith("cc-by-nc-sa"):
            found |= {"no commerce", "share-alike"}
        elif licence.startswith("cc-by-nc"):
            found.add("no commerce")
        elif re.match(r"cc-by-sa|[al]?gpl|mpl|epl|eupl|odbl|gfdl|osl|ofl|ms-pl|lppl|artistic|cdla-sharing", licence):
            found.add("share-alike")
        elif not re.match(_PERMISSIVE, licence) and licence not in _SERVICE_NAMES:
            found.add(licence.replace("+", "plus"))
    if any("forbid using its output" in note for note in result.notes):
        found.add("service")
    return found


parts = st.builds(
    Part,
    st.sampled_from(("teacher", "critic")),
    st.sampled_from(_IDS),
    st.sampled_from((*HUB_LICENCES, *_SEEN)),
    st.sampled_from(_ROLES),
)
some = st.tuples(
    st.builds(
        Part, st.just("teacher"), st.sampled_from(_IDS), st.sampled_from((*HUB_LICENCES, *_SEEN)), st.just("text")
    ),
    st.lists(parts, max_size=4),
).map(lambda both: [both[0], *both[1]])


@given(some, st.randoms())
def test_order_never_matters(given_parts: list[Part], random: Random) -> None:
    shuffled = list(given_parts)
    random.shuffle(shuffled)
    assert outcome(given_parts) == outcome(shuffled)


@given(some, parts)
def test_a_further_part_never_makes_it_more_permissive(given_parts: list[Part], more: Part) -> None:
    before, after = outcome(given_parts), outcome([*given_parts, more])
    if isinstance(before, str):
        assert isinstance(after, str)
    elif not isinstance(after, str):
        assert demands(before) <= demands(after)


@given(some)
def test_it_is_always_what_the_hub_takes(given_parts: list[Part]) -> None:
    result = outcome(given_parts)
    if isinstance(result, str):
        assert "\n" not in result
        return
    assert result.licence in HUB_LICENCES
    assert (result.licence == "other") == (result.name is not None)
    assert result.name is None or re.fullmatch(r"[a-z0-9-.]+", result.name)
    assert result.link is None or result.name


@pytest.mark.parametrize("licence", sorted(HUB_LICENCES - {"other"}))
def test_one_text_gives_its_own_licence(licence: str) -> None:
    if "-nd-" in licence:
        message = refused(text(licence))
        assert "dataset lab/texts" in message
        assert licence in message
        return
    for role in ("text", "weights"):
        result = combine([Part("base", "lab/base", licence, role)], "release a/b")
        assert (result.licence, result.name, result.link) == (licence, None, None)
    assert combined(licence, licence).licence == licence


@given(some, st.sampled_from(["mit", "apache-2.0", "cc-by-4.0", "cc-by-sa-4.0", "gpl-3.0", "odbl", "cc-by-nd-4.0"]))
def test_what_a_judge_asks_of_copies_changes_nothing(given_parts: list[Part], licence: str) -> None:
    assert outcome(given_parts) == outcome([*given_parts, judge(licence)])


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (("cc0-1.0", "mit", "apache-2.0"), "apache-2.0"),
        (("cc0-1.0", "unlicense"), "cc0-1.0"),
        (("apache-2.0", "cc-by-4.0", "odc-by"), "cc-by-4.0"),
        (("cc-by-3.0", "cc-by-4.0"), "cc-by-4.0"),
        (("apache-2.0", "cc-by-sa-4.0"), "cc-by-sa-4.0"),
        (("cc-by-sa-3.0", "cc-by-sa-4.0"), "cc-by-sa-4.0"),
        (("cc-by-sa-4.0", "gpl-3.0"), "gpl-3.0"),
        (("cc-by-sa-4.0", "lgpl-2.1"), "gpl-3.0"),
        (("gpl", "apache-2.0"), "gpl"),
        (("mit", "cc-by-nc-3.0", "cc-by-nc-4.0"), "cc-by-nc-4.0"),
        (("cc-by-nc-4.0", "cc-by-nc-sa-4.0"), "cc-by-nc-sa-4.0"),
        (("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"), "cc-by-nc-sa-4.0"),
        (("apache-2.0", "llama3.2"), "llama3.2"),
        (("apache-2.0", "unknown"), "unknown"),
        (("Apache-2.0", "MIT License"), "apache-2.0"),
        (("CC BY-SA 4.0",), "cc-by-sa-4.0"),
        (("GPL-3.0-or-later",), "gpl-3.0"),
        (("GPLv3",), "gpl-3.0"),
        (("CC-BY-3.0-US",), "cc-by-3.0"),
        (("CC0",), "cc0-1.0"),
        (("Llama 3.2 Community License",), "llama3.2"),
        (("['cc-by-nc-4.0']",), "cc-by-nc-4.0"),
    ],
)
def test_the_strictest_takes_up_the_others(licences: tuple[str, ...], expected: str) -> None:
    result = combined(*licences)
    assert (result.licence, result.name) == (expected, None)


@pytest.mark.parametrize(
    ("licences", "name"),
    [
        (("llama3.2", "gemma"), "gemma-and-llama3.2"),
        (("cc-by-nc-4.0", "gemma", "mit"), "cc-by-nc-4.0-and-gemma"),
        (("cc-by-sa-4.0", "unknown"), "cc-by-sa-4.0-and-unknown"),
        (("openrail++",), None),
        (("openrail++", "openrail"), "openrail-and-openrailplusplus"),
        (("mit", "other"), "terms-of-lab-texts1"),
        (("mit", "NVIDIA Open Model License"), "nvidia-open-model-license"),
        (("mit OR apache-2.0",), "mit-or-apache-2.0"),
        (("mit", "openai-terms"), "openai-terms-of-use"),
        (("mit", "CC-BY-SA-NC"), "cc-by-sa-nc"),
        (("mit", "cc-by-sa-4.0-nc"), "cc-by-sa-4.0-nc"),
    ],
)
def test_what_no_identifier_says_gets_a_name(licences: tuple[str, ...], name: str | None) -> None:
    result = combined(*licences)
    assert result.name == name
    for licence in {*licences} - {"mit"}:
        assert any(licence in note for note in result.notes)


@pytest.mark.parametrize(
    "licences",
    [
        ("cc-by-sa-4.0", "cc-by-nc-4.0"),
        ("cc-by-sa-4.0", "cc-by-nc-sa-4.0"),
        ("gpl-3.0", "cc-by-nc-4.0"),
        ("cc-by-sa-4.0", "gpl-2.0"),
        ("cc-by-sa-3.0", "gpl-3.0"),
        ("cc-by-sa-4.0", "odbl"),
        ("apache-2.0", "gpl-2.0"),
        ("cc-by-sa-4.0", "llama3.2"),
        ("cc-by-sa-4.0", "openrail"),
        ("cc-by-nc-sa-4.0", "gemma"),
        ("cc-by-sa-4.0", "openai-terms"),
    ],
)
def test_contradictions_are_refused(licences: tuple[str, str]) -> None:
    message = refused(*(text(licence, f"lab/{licence}") for licence in licences))
    assert message.startswith("release a/b: ")
    assert all(f"dataset lab/{licence} ({licence})" in message for licence in licences)
    assert "leave one of them out" in message


def test_licences_that_agree_two_by_two_agree_together() -> None:
    share_alike = [
        licence
        for licence in sorted(HUB_LICENCES)
        if "-nd-" not in licence and "share-alike" in demands(combined(licence))
    ]
    assert len(share_alike) > 25
    known = (*share_alike, "apache-2.0", "cc-by-4.0")
    agree = {
        pair
        for pair in combinations(known, 2)
        if not isinstance(outcome([text(one, f"lab/{one}") for one in pair]), str)
    }
    for three in combinations(known, 3):
        if agree.issuperset(combinations(three, 2)):
            assert combined(*three).licence in HUB_LICENCES


@pytest.mark.parametrize("licence", ["cc-by-nc-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-nd-4.0", "CC-BY-NC"])
def test_a_non_commercial_judge_makes_it_non_commercial(licence: str) -> None:
    result = combine([text("mit"), judge(licence)], "release a/b")
    assert result.licence == "cc-by-nc-4.0"
    assert any("No commercial use, because of critic entailment" in note for note in result.notes)
    kept = combine([text("cc-by-nc-sa-4.0"), judge(licence)], "release a/b")
    assert kept.licence == "cc-by-nc-sa-4.0"
    message = refused(text("cc-by-sa-4.0"), judge(licence))
    assert f"critic entailment lab/critic ({licence})" in message
    assert "judge with another model than lab/critic" in message


def test_the_terms_of_a_judge_on_use_reach_the_release() -> None:
    assert combine([text("mit"), judge("llama3.2")], "release a/b").licence == "llama3.2"
    assert combine([text("mit"), judge("qwen-research")], "release a/b").name == "qwen-research"
    assert "lab/critic" in refused(text("cc-by-sa-4.0"), judge("gemma"))


@pytest.mark.parametrize("licence", ["unknown", "other", "some-terms"])
def test_a_judge_whose_licence_nobody_read_is_only_noted(licence: str) -> None:
    result = combine([text("mit"), judge(licence)], "release a/b")
    assert result.licence == "mit"
    assert any("lab/critic" in note and "not known" in note for note in result.notes)


@pytest.mark.parametrize(
    "id",
    [
        "humarin/chatgpt-paraphrases",
        "tatsu-lab/alpaca",
        "lab/sharegpt_clean",
        "lab/GPT-3.5-turbo-pairs",
        "lab/gpt35-pairs",
        "gpt-4o",
        "lab/gpt4_summaries",
        "text-davinci-003",
    ],
)
def test_output_of_openai_is_flagged(id: str) -> None:
    for role in _ROLES:
        result = combine([text("mit"), Part("pairs", id, "mit", role)], "release a/b")
        assert (result.licence, result.name) == ("other", "openai-terms-of-use")
        assert result.link is not None
        assert any(id in note.replace("\\", "") and "competing models" in note for note in result.notes)


@pytest.mark.parametrize(
    "id",
    [
        "openai-community/gpt2",
        "openai/whisper-small",
        "openai-gpt",
        "openai/gpt-oss-20b",
        "EleutherAI/gpt-j-6b",
        "ai-forever/rugpt3small_based_on_gpt2",
        "google/gemma-2-2b",
        "lab/gpt-40b",
    ],
)
def test_open_models_of_the_same_makers_are_not(id: str) -> None:
    assert combine([Part("teacher", id, "mit", "text")], "release a/b") == Combined(
        "mit", None, None, (f"Pass on the credits and notices of teacher {id} (mit).".replace("_", "\\_"),)
    )


@pytest.mark.parametrize("licence", ["cc-by-nc-4.0", "cc-by-sa-4.0", "unknown"])
def test_a_stricter_licence_stays_beside_the_flag(licence: str) -> None:
    result = combine([text(licence, "tatsu-lab/alpaca")], "release a/b")
    assert result.licence == licence
    assert any("openai.com" in note for note in result.notes)


def test_other_terms_stand_beside_those_of_the_service() -> None:
    result = combine([text("openrail", "humarin/chatgpt-paraphrases")], "release a/b")
    assert (result.licence, result.name) == ("other", "openai-terms-of-use-and-openrail")
    assert result.notes[-1] == "All of these apply at once: openai-terms-of-use, openrail."


def test_a_version_that_the_hub_does_not_know_is_named_and_linked() -> None:
    result = combined("cc-by-sa-2.5", "mit")
    assert (result.licence, result.name) == ("other", "cc-by-sa-2.5")
    assert result.link == "https://creativecommons.org/licenses/by-sa/2.5/"


def test_notes_say_what_follows() -> None:
    base = Part("base", "lab/base", "apache-2.0", "weights")
    result = combine([base, text("cc-by-sa-4.0"), text("cc0-1.0", "lab/free"), judge("mit")], "release a/b")
    assert result.notes == (
        "Pass on the credits and notices of base lab/base (apache-2.0), dataset lab/texts (cc-by-sa-4.0).",
        "Share-alike: what is made of it and passed on carries cc-by-sa-4.0 too.",
    )
    named = combine([Part("dataset lab/texts", "lab/texts", "llama3", "text")], "release a/b")
    assert any(note.startswith("Of the licence of dataset lab/texts (llama3): ") for note in named.notes)


def test_judges_alone_are_no_release() -> None:
    with pytest.raises(ValueError, match="release a/b"):
        combine([judge("mit")], "release a/b")
