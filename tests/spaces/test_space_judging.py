"""What the paraphraser says of candidates: merging, verdicts, measures, changed words, escaped pages."""

import argparse
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import page
import pytest
from changes import changes
from checks import Ask, passage
from hypothesis import given
from hypothesis import strategies as st
from judging import Panel, panel, together
from rewriting import load, nearest_first
from settings import Named

from lemonpress.commands import explain as explain_command
from lemonpress.critics import build
from lemonpress.critics.cascade import judge
from lemonpress.critics.explain import explain, explain_many
from lemonpress.critics.scores import Tables
from lemonpress.errors import UserError
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.release import Release, release
from lemonpress.pairs import Shard
from lemonpress.recipes import CompressionSettings, LengthSettings, NumberSettings, RougeSettings, load_recipe

SURFACE = build(
    [
        LengthSettings(critic="length"),
        NumberSettings(critic="numbers"),
        RougeSettings(critic="rouge_l"),
    ]
)
PANEL = Panel(tuple(SURFACE))
SOURCE = "The river rose above its banks on Monday after three days of rain."
HOSTILE = "The <script>alert(1)</script> said \"hi\" & <img src=x onerror='alert(2)'> left ${7*7} {{8*8}} at 5."


def test_copies_repetitions_and_empty_samples_are_merged_and_counted() -> None:
    other = "After three days of rain, the river burst its banks on Monday."
    samples = [
        SOURCE,
        other,
        "",
        "the river rose above its banks on monday after three days of rain",
        other.upper(),
        "?",
    ]
    result = PANEL.judge(SOURCE, samples)
    assert [(one.text, one.samples) for one in result.candidates] == [(other, 2)]
    assert (result.copies, result.empty) == (2, 2)


def test_kept_candidates_come_first_and_every_rejection_has_its_reason() -> None:
    samples = [
        "It rained.",
        "The river rose above its banks on Monday after four days of rain.",
        "After three days of rain, the river burst its banks on Monday.",
    ]
    result = PANEL.judge(SOURCE, samples)
    assert [one.text for one in result.candidates] == [samples[2], samples[0], samples[1]]
    kept, short, changed = result.candidates
    assert result.best == kept.text
    assert kept.reason == "Every critic accepts it."
    assert {verdict.critic for verdict in short.verdicts if not verdict.kept} == {"length", "numbers"}
    assert (
        "numbers is 0 (1 where both sides name the same numbers, kept at 1: source has 3, target 4)" in changed.reason
    )
    assert "rouge_l is 0.9231 (" in changed.reason


def test_sentences_without_a_kept_candidate_stay_as_they_are() -> None:
    text = passage(f"{SOURCE} The shop opens at nine.")
    results = [
        PANEL.judge(text.sentences[0], ["After three days of rain, the river burst its banks on Monday."]),
        PANEL.judge(text.sentences[1], ["No."]),
    ]
    assert text.joined(together(results)) == (
        "After three days of rain, the river burst its banks on Monday. The shop opens at nine."
    )


def test_a_student_that_says_nothing_has_no_candidates() -> None:
    result = PANEL.judge(SOURCE, ["", " "])
    assert result.candidates == ()
    assert result.best is None
    assert "only repeated" in page.answer([result], 2)


def test_changed_words_are_told_from_kept_ones() -> None:
    assert changes("Heavy snow delayed the train.", "Heavy rain slowed the Train.") == [
        ("Heavy ", False),
        ("rain slowed", True),
        (" the Train.", False),
    ]
    assert changes(SOURCE, SOURCE) == [(SOURCE, False)]


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_pieces_join_to_the_rewriting(source: str, text: str) -> None:
    assert "".join(piece for piece, _ in changes(source, text)) == text
    assert not any(changed for _, changed in changes(text, text))


class _Seen(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_everything_shown_is_escaped() -> None:
    texts = [HOSTILE.replace("said", "told us"), "<b onclick=alert(3)>No 5</b>", "<svg/onload=x>"]
    seen = _Seen(page.answer([PANEL.judge(HOSTILE, texts)], 3) + page.message("<i>no</i>") + page.status("<i>no</i>"))
    own = {"section", "p", "span", "ol", "li", "b", "i", "mark", "details", "summary", "dl", "dt", "dd", "div", "h3"}
    assert seen.tags <= own | {"button"}
    assert seen.attributes <= {"class", "title", "aria-label", "aria-hidden", "type", "data-copy", "open"}
    for text in (HOSTILE, "<b onclick=alert(3)>No 5</b>", "<svg/onload=x>", "<i>no</i>"):
        assert text in seen.text


def test_explain_agrees_with_the_cascade() -> None:
    texts = [
        SOURCE,
        "After 3 days of rain, the river burst its banks on Monday.",
        "It rained for three days.",
        "The river rose above its banks on Monday after three days of heavy rain.",
    ]
    shard = Shard.of_groups([("c", "", texts, "")])
    ones, others = shard.ordered_pairs()
    kept = judge(ones, others, SURFACE, None, Tables(shard), 0).kept
    verdicts = explain_many([texts[i] for i in ones], [texts[i] for i in others], SURFACE)
    accepted = {(i, j) for i, j, said in zip(ones, others, verdicts, strict=True) if all(v.kept for v in said)}
    assert accepted == set(zip(*kept, strict=True)) != set()
    assert all(len(said) == len(SURFACE) for said in verdicts)


def test_explain_refuses_what_cannot_be_judged() -> None:
    compression = build([CompressionSettings(critic="compression")])
    assert explain_many([], [], compression) == []
    with pytest.raises(ValueError, match="blank"):
        explain(" ", "A target.", compression)
    with pytest.raises(ValueError, match="2 sources but 1 targets"):
        explain_many(["A b.", "C d."], ["A."], compression)


def _explain(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    explain_command.add_arguments(parser)
    return explain_command.run(parser.parse_args(arguments))


@pytest.mark.weights
def test_explain_prints_every_critic_of_the_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert _explain("--task", "paraphrase", SOURCE, "The mayor of Paris resigned.") == 0
    *rows, _, outcome = capsys.readouterr().out.splitlines()
    critics = load_recipe("dataset_builders/recipes/demo.yaml").corpora["dimple-demo"].critics
    assert {row.split()[0] for row in rows} == {"critic", "reverse_entailment", *(one.critic for one in critics)}
    assert len({row.index(word) for row, word in zip(rows, [row.split()[2] for row in rows], strict=True)}) == 1
    assert outcome == (
        "dimple-demo: rejected by length, numbers, similarity, entities, entailment, reverse_entailment"
    )
    assert "target lacks 3" in next(row for row in rows if row.startswith("numbers"))


def test_explain_names_what_is_missing() -> None:
    with pytest.raises(UserError, match="target: is empty"):
        _explain(SOURCE, "  ")
    with pytest.raises(UserError, match="--task summary: recipe demo has no corpus"):
        _explain("--task", "summary", SOURCE, "It rained.", "--set", "corpora.dimsum-demo.task=paraphrase")


def test_measures_stand_beside_the_critics_and_decide_nothing() -> None:
    told = panel("summary", [CompressionSettings(critic="compression")])
    assert [critic.name for critic in told.critics] == ["compression"]
    assert "rouge_l" in {critic.name for critic in told.measures}
    assert "compression" not in {critic.name for critic in told.measures}
    [candidate] = told.judge(SOURCE, ["It rained on 5 days."]).candidates
    assert candidate.kept
    assert {measure.critic: measure.score for measure in candidate.measures}["numbers"] == 0
    shown = page.answer([told.judge(SOURCE, ["It rained on 5 days."])], 1)
    assert "Every critic accepts it" in shown
    assert "Also measured" in shown


@pytest.mark.weights
def test_every_standing_measure_is_there_where_its_model_is() -> None:
    told = panel("paraphrase", [])
    assert {critic.name for critic in told.measures} == {
        "compression", "numbers", "rouge_l", "entities", "syntax", "entailment", "reverse_entailment",
    }  # fmt: skip
    [candidate] = told.judge(SOURCE, ["After three days of rain, the river burst its banks on Monday."]).candidates
    assert candidate.meaning > 0.5
    assert candidate.kept


def test_of_kept_summaries_the_nearest_to_the_wanted_length_comes_first() -> None:
    told = Panel(tuple(build([CompressionSettings(critic="compression")])))
    found = told.judge(SOURCE, ["It rained for three days.", "It rained.", "The river rose on Monday after rain."])
    assert [len(one.text.split()) for one in nearest_first(found, 2).candidates] == [2, 5, 7]
    assert [len(one.text.split()) for one in nearest_first(found, 7).candidates] == [7, 5, 2]


def test_a_released_student_brings_its_critics(tiny_release: Release, space_hub: LocalHub) -> None:
    rewriter, folder = load(Named(tiny_release.repo_id, "1.0.0"), space_hub.endpoint)
    assert rewriter.pinned.commit == tiny_release.commit == folder.name
    assert {task: [c.name for c in panel.critics] for task, panel in rewriter.panels.items()} == {
        "paraphrase": ["length", "numbers"],
        "summary": ["compression"],
    }
    assert rewriter.tasks == ("paraphrase", "summary")
    with pytest.raises(UserError, match="task: please choose paraphrase or summary"):
        rewriter.check_task("control")
    text = passage("The shop opens at nine. It closes at five.")
    first = list(rewriter.rewrite(text, Ask("paraphrase", 3)))
    assert [result.source for result in first] == list(text.sentences)
    assert all(result.candidates for result in first)
    assert list(rewriter.rewrite(text, Ask("paraphrase", 3, 1.5))) != first
    again, _ = load(Named(tiny_release.repo_id, "1.0.0"), space_hub.endpoint)
    assert list(again.rewrite(text, Ask("paraphrase", 3))) == first


def test_what_was_asked_before_is_not_written_again(tiny_release: Release, space_hub: LocalHub) -> None:
    asked: list[str] = []

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def ask(source: str, wanted: Ask) -> Any:
            asked.append(source)
            return function(source, wanted)

        return ask

    rewriter, _ = load(Named(tiny_release.repo_id, "1.0.0"), space_hub.endpoint, counted)
    one, two = "The shop opens at nine.", "It closes at five."
    first = list(rewriter.rewrite(passage(f"{one} {two}"), Ask("paraphrase", 2)))
    assert list(rewriter.rewrite(passage(f"{two} {one}"), Ask("paraphrase", 2))) == first[::-1]
    assert asked == [one, two]
    rewriter.sentence(one, Ask("paraphrase", 3))
    assert asked == [one, two, one]


def test_an_absent_release_says_what_to_run(space_hub: LocalHub, tiny_release: Release) -> None:
    for repo_id, version in (("lemonpress/nobody", "1.0.0"), (tiny_release.repo_id, "9.9.9")):
        with pytest.raises(UserError, match=f"{repo_id}.*run make demo first") as error:
            load(Named(repo_id, version), space_hub.endpoint)
        assert "\n" not in str(error.value)


def test_a_release_without_a_recipe_is_refused(space_hub: LocalHub, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    (tmp_path / "provenance.json").write_text(json.dumps({"recipe": {"name": "x"}}))
    to = Destination(space_hub.endpoint, space_hub.token, local=True)
    release(tmp_path, "lemonpress/other", "model", "1.0.0", to)
    with pytest.raises(UserError, match=r"lemonpress/other: recipe of provenance\.json: 'contexts' is missing"):
        load(Named("lemonpress/other", "1.0.0"), space_hub.endpoint)
