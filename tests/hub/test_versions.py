"""Semantic versions of releases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.errors import UserError
from lemonpress.hub import versions
from lemonpress.hub.versions import LEVELS, Change, Level

NUMBERS = st.tuples(*[st.integers(0, 30)] * 3)


def written(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


@given(NUMBERS, st.sampled_from(LEVELS))
def test_a_raised_version_is_the_next_of_its_level(numbers: tuple[int, int, int], level: Level) -> None:
    old = written(numbers)
    new = versions.raised(old, level)
    assert versions.parse(new) > versions.parse(old)
    assert versions.level_between(old, new) == level
    assert versions.before(new, {old, new}) == old


@given(st.sets(NUMBERS.map(written)), NUMBERS.map(written))
def test_the_version_before_is_the_highest_below(released: set[str], version: str) -> None:
    found = versions.before(version, released)
    below = [one for one in released if versions.parse(one) < versions.parse(version)]
    assert found in below if below else found is None
    assert all(versions.parse(one) <= versions.parse(found) for one in below if found)


@pytest.mark.parametrize("version", ["v1.0.0", "1.0", "1.0.0.0", "01.0.0", "1.0.0-rc1", "1.0.x", ""])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(UserError, match=r"is no semantic version; write it as 1\.0\.0"):
        versions.parse(version)


def test_tags_that_are_no_releases_are_passed_over() -> None:
    tags = ["v1.2.3", "1.2.3", "v1.2", "latest"]
    assert [versions.of_tag(tag) for tag in tags] == ["1.2.3", None, None, None]


def test_the_gravest_change_decides() -> None:
    assert versions.level_of([]) == "patch"
    assert versions.level_of([Change("patch", "card"), Change("major", "columns"), Change("minor", "rows")]) == "major"


def test_main_never_goes_back() -> None:
    versions.require_above("1.0.0", {"1.0.0", "1.2.0"}, "press/x")  # a release that is there is recognised, not moved
    versions.require_above("1.10.0", {"1.2.0"}, "press/x")
    with pytest.raises(UserError, match=r"1\.1\.0 is below 1\.2\.0.*release 1\.2\.1"):
        versions.require_above("1.1.0", {"1.0.0", "1.2.0"}, "press/x")
