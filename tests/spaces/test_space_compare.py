"""Two students side by side: who is offered, what is loaded, and that both are judged alike."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from checks import Ask, passage
from comparing import Shelf, offered, side_by_side, tally
from loading import Loaded
from page_compare import compared
from rewriting import Rewriter, load
from settings import Named
from tiny_space import REPO_ID, VERSIONS

from lemonpress.errors import UserError
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.release import Release

OWN, OTHER = (Named(REPO_ID, version) for version in VERSIONS)
TEXT = passage("The shop opens at nine on Sundays. It closes at five.")


@pytest.fixture(scope="module")
def own(tiny_releases: tuple[Release, ...], space_hub: LocalHub) -> Rewriter:
    return load(OWN, space_hub.endpoint)[0]


def test_versions_of_the_student_are_offered_unless_the_owner_lists_others(own: Rewriter, space_hub: LocalHub) -> None:
    assert offered(OWN, (), space_hub.endpoint) == (OWN, OTHER)
    assert offered(OWN, (OTHER, OWN), space_hub.endpoint) == (OWN, OTHER)
    assert offered(OWN, (), "http://127.0.0.1:9") == (OWN,)


def test_students_are_loaded_when_asked_for_and_kept(own: Rewriter, space_hub: LocalHub) -> None:
    shelf = Shelf(own, (OWN, OTHER), space_hub.endpoint)
    assert shelf.get(str(OWN), "left") is own
    first = shelf.get(str(OTHER), "left")
    assert first is shelf.get(str(OTHER), "left")
    with pytest.raises(UserError, match="right: please choose one of lemonpress/tiny-student@"):
        shelf.get("lemonpress/other@1.0.0", "right")


def test_what_is_ready_does_not_wait_for_what_is_loaded() -> None:
    begun, go, loads = Event(), Event(), list[str]()

    def load_slowly(name: str) -> str:
        loads.append(name)
        if name == "slow":
            begun.set()
            assert go.wait(30)
        return name

    loaded = Loaded(load_slowly)
    loaded.get("ready")
    with ThreadPoolExecutor(4) as visitors:
        slow = [visitors.submit(loaded.get, "slow") for _ in range(2)]
        try:
            assert begun.wait(30)
            others = [visitors.submit(loaded.get, name) for name in ("ready", "other")]
            assert [one.result(timeout=30) for one in others] == ["ready", "other"]
        finally:
            go.set()
        assert [one.result(timeout=30) for one in slow] == ["slow", "slow"]
    assert sorted(loads) == ["other", "ready", "slow"]


def test_both_rewrite_and_the_same_critics_judge(own: Rewriter, space_hub: LocalHub) -> None:
    other = Shelf(own, (OWN, OTHER), space_hub.endpoint).get(str(OTHER), "right")
    steps = [tuple(map(len, sides)) for sides in side_by_side(own, other, TEXT, Ask("paraphrase", 2))]
    assert steps == [(1, 0), (1, 1), (2, 1), (2, 2)]
    *_, (left, right) = side_by_side(own, other, TEXT, Ask("paraphrase", 2))
    assert left == list(own.rewrite(TEXT, Ask("paraphrase", 2)))
    assert [one.text for result in left for one in result.candidates] != [
        one.text for result in right for one in result.candidates
    ]
    for results in (left, right):
        assert {v.critic for result in results for one in result.candidates for v in one.verdicts} == {
            "length",
            "numbers",
        }
    figures = tally(left)
    assert figures["candidates"] == sum(len(result.candidates) for result in left)
    shown = compared([(own.pinned, left), (other.pinned, right[:1])], 2)
    assert all(student.pinned.commit[:12] in shown for student in (own, other))
    assert "Writing" in shown


def test_a_task_that_one_did_not_learn_is_refused(own: Rewriter) -> None:
    with pytest.raises(UserError, match="was not trained on task control"):
        list(side_by_side(own, own, TEXT, Ask("control", tree="(S NP VP)")))
