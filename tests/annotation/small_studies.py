"""Studies of made-up sentences, and raters who rate them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count

from lemonpress.annotation.guidelines import guidelines
from lemonpress.annotation.store import Shown, Store
from lemonpress.annotation.study import Item, Study
from lemonpress.evaluation.ratings import CRITERIA, Rating
from lemonpress.recipes import Task
from lemonpress.rows import content_id

SCORES = {"fluent": 3, "faithful": 2, "dissimilar": 1}


def small_study(wrote: Sequence[Sequence[str]], task: Task = "paraphrase", **settings: object) -> Study:
    """A study of the texts that systems 0, 1, ... wrote for each source; equal texts become one item."""
    items = []
    for number, texts in enumerate(wrote):
        arms: dict[str, list[int]] = {}
        for arm, text in enumerate(texts):
            arms.setdefault(text, []).append(arm)
        source = f"Source {number}."
        items += [
            Item(item=content_id(task, source, text), source=source, candidate=text, arms=by)
            for text, by in arms.items()
        ]
    known: dict[str, object] = {
        "name": "small",
        "title": "A small study",
        "raters_per_item": 2,
        "batch": 40,
        "repeated": 0.0,
        "seed": 0,
        "ratings_dataset": None,
        "every": 5.0,
    }
    return Study.model_validate({**known, "task": task, "guidelines": guidelines(task), "items": items, **settings})


def distinct(sources: int, systems: int) -> list[list[str]]:
    """Another text of every system for every source."""
    return [[f"Text {source} of {system}." for system in range(systems)] for source in range(sources)]


def rate_all(
    store: Store, name: str, scores: Callable[[Shown], Mapping[str, int]] = lambda _: SCORES, texts: int | None = None
) -> str:
    """A rater who rates all there is, or so many texts; the code to come back with."""
    code = store.enter(name)
    for done in count():
        if done == texts:
            return code
        shown = store.next(code)
        if shown is None:
            if not store.another(code):
                return code
            shown = store.next(code)
            assert shown is not None
        store.rate(code, shown.showing, scores(shown))
    raise AssertionError


def rated(source: str, candidate: str, systems: Sequence[str], rater: str, *scores: int) -> Rating:
    """A person's rating of a paraphrase."""
    return Rating(
        source, candidate, tuple(systems), "paraphrase", rater, "human",
        dict(zip(CRITERIA["paraphrase"], scores, strict=True)),
    )  # fmt: skip
