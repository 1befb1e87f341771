"""The corpus in memory: what is found is what a loop over its rows finds, and hostile input finds nothing."""

from collections.abc import Sequence

import numpy as np
import pytest
from corpus import PAGE, Corpus, Filter, drawn_from, load, page_of
from exploring import Library, filters, found_from
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from page_explore import funnel, heading, pairs
from settings import Named
from tab_explore import typed_filters
from tiny_space import CORPUS_ID, MARKUP

from lemonpress.errors import UserError
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.release import Release

NAME = Named(CORPUS_ID, "1.0.0")


@pytest.fixture(scope="module")
def corpus(tiny_corpus: Release, space_hub: LocalHub) -> Corpus:
    return load(NAME, space_hub.endpoint)


def test_a_released_corpus_is_read_at_its_version(corpus: Corpus, tiny_corpus: Release) -> None:
    assert corpus.commit == tiny_corpus.commit
    assert corpus.table.num_rows == 30
    assert corpus.domains == ("news", "travel")
    assert dict(corpus.scores) == {
        "entailment": "p(source ⇒ target)",
        "rouge_l": "ROUGE-L F1 of source and target",
    }
    assert [row["split"] for row in corpus.rows(np.array([0, 29]))] == ["train", "test"]
    assert [(step.name, step.kept) for step in corpus.funnel] == [("length", 60), ("entailment", 30)]


@given(
    query=st.sampled_from(["", "bridge", "BRIDGE", "number 7", "%", ".*", "' OR 1=1 --", "<img", "ß"]),
    domain=st.sampled_from([None, "news", "travel"]),
    bounds=st.lists(
        st.tuples(
            st.sampled_from(["entailment", "rouge_l"]),
            st.none() | st.floats(-1, 2),
            st.none() | st.floats(-1, 2),
        ),
        max_size=3,
    ),
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_search_finds_what_a_loop_finds(
    corpus: Corpus, query: str, domain: str | None, bounds: Sequence[tuple[str, float | None, float | None]]
) -> None:
    rows = corpus.rows(np.arange(30))
    wanted = [
        place
        for place, row in enumerate(rows)
        if (domain is None or row["domain"] == domain)
        and all(
            (least is None or row[score] >= least) and (most is None or row[score] <= most)
            for score, least, most in bounds
        )
        and (query.casefold() in row["source"].casefold() or query.casefold() in row["target"].casefold())
    ]
    assert corpus.find(query, domain, [Filter(*one) for one in bounds]).tolist() == wanted


def test_what_a_corpus_lacks_is_refused_by_name(corpus: Corpus) -> None:
    for arguments, words in [
        (("x" * 201,), "search: please keep to 200"),
        (("\ud800",), "search: this does not look like text"),
        (("", "moon"), "domain: this corpus has no such domain"),
        (("", None, [Filter("<b>", 0, 1)]), "score: please choose one of entailment, rouge_l"),
    ]:
        with pytest.raises(UserError, match=words):
            corpus.find(*arguments)  # type: ignore[arg-type]


def test_pages_cover_everything_once_and_never_run_out(corpus: Corpus) -> None:
    found = corpus.find()
    pages = [page_of(found, number)[0].tolist() for number in (1, 2, 3)]
    assert [row for page in pages for row in page] == list(range(30))
    assert [len(page) for page in pages] == [PAGE] * 3
    assert page_of(found, 99)[1:] == (3, 3)
    assert page_of(found, -5)[1:] == (1, 3)
    assert page_of(found[:0], 1)[1:] == (1, 1)


def test_pairs_by_chance_are_distinct_and_among_those_found(corpus: Corpus) -> None:
    found = corpus.find("bridge")
    drawn = drawn_from(found, 3)
    assert len(set(drawn.tolist())) == len(drawn) == min(PAGE, len(found))
    assert set(drawn.tolist()) <= set(found.tolist())
    assert drawn.tolist() == drawn_from(found, 3).tolist()
    assert {tuple(drawn_from(corpus.find(), seed).tolist()) for seed in range(5)} != {tuple(drawn.tolist())}
    assert len(drawn_from(found[:0], 3)) == 0


def test_pairs_are_shown_with_markup_as_text(corpus: Corpus) -> None:
    [row] = corpus.rows(corpus.find("<img"))
    assert row["target"] == MARKUP
    shown = pairs([row], corpus)
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert "No pair matches" in pairs([], corpus)
    assert f"/datasets/{CORPUS_ID}/tree/v1.0.0" in heading(corpus, "http://hub")
    assert corpus.commit in heading(corpus, "http://hub")
    assert "60 of 100" in funnel(corpus.funnel)


def test_the_corpora_of_a_student_are_those_of_its_provenance(tmp_path: object, tiny_release: Release) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "provenance.json").write_text(
        '{"datasets": [{"id": "a/b", "tag": "v1.0.0"}, {"id": "c/d", "revision": "v2.0.0"}, '
        '{"id": "e/f", "revision": null, "commit": "0"}, {"id": "a/b", "tag": "v1.0.0"}]}'
    )
    assert found_from(folder, ()) == (Named("a/b", "1.0.0"), Named("c/d", "2.0.0"))
    assert found_from(folder, (NAME,)) == (NAME,)
    with pytest.raises(UserError, match=f"corpus: please choose one of {NAME}"):
        Library((NAME,)).get("lemonpress/other@1.0.0")


@pytest.mark.parametrize(
    "given",
    ["entailment>0.9", [1, 2], {"entailment": 0.9}, {"entailment": [0, "1"]}, {"entailment": [0, True]}]
    + [{"entailment": [0, bad]} for bad in (10**400, -(10**400), float("nan"), float("inf"))],
)
def test_bounds_that_are_none_are_refused(given: object) -> None:
    assert filters({"entailment": [0.9, None]}) == [Filter("entailment", 0.9, None)]
    assert filters(None) == []
    with pytest.raises(UserError, match="scores: please send bounds"):
        filters(given)


@pytest.mark.parametrize("typed", ["nan", "1e999", "ten"])
def test_bounds_that_are_typed_are_read_alike(typed: str) -> None:
    assert typed_filters(("entailment", "0.9", "", "Any", "", "")) == [Filter("entailment", 0.9, None)]
    with pytest.raises(UserError, match=r"scores: please send bounds|Filter by score: please type numbers"):
        typed_filters(("entailment", typed, "", "Any", "", ""))
