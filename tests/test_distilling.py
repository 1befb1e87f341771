"""The rounds of self-distillation, on a tiny teacher that is also the student's base."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lemonpress.building import Built, build_corpus
from lemonpress.corpora import split_of
from lemonpress.distilling import Distillation, distil, train_student
from lemonpress.errors import UserError
from lemonpress.pools import Pool
from lemonpress.pressing import press
from lemonpress.recipes.load import check
from lemonpress.runs import Run
from lemonpress.students.train import Base, Training
from one_line import one_line

PLACES = ("Reading", "Leeds", "Bath", "Ely", "Hull", "York", "Derby", "Wells", "Ripon", "Truro", "Stoke", "Lincoln")
CONTEXTS = [
    f"The mayor of {place} met the clerk. The {who} left."
    for place in PLACES
    for who in ("pilot", "cat", "dog", "farmer")
]


@dataclass(frozen=True)
class Setting:
    """A pressed run and its first student."""

    run: Run
    base: Base
    pools: list[Pool]
    built: dict[str, Built]
    student: Training

    def distil(self) -> Distillation:
        """All rounds of the recipe."""
        return distil(self.run, self.base, self.pools, self.built, self.student, lambda stage: None)


Start = Callable[..., Setting]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home: what the recipes have in common is pressed and trained once."""
    return tmp_path_factory.mktemp("rounds")


@pytest.fixture
def start(tiny_causal: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Press a pool and train a student; arguments are the recipe's self_distillation."""
    monkeypatch.setenv("LEMONPRESS_HOME", str(shared))
    contexts = shared / "contexts.txt"
    contexts.write_text("\n".join(CONTEXTS) + "\n")

    def run(**settings: Any) -> Setting:
        recipe = check(
            {
                "name": "rounds",
                "teacher": {"model": str(tiny_causal), "dtype": "float32", "device": "cpu"},
                "contexts": {"file": {"source": "file", "path": str(contexts)}},
                "sentences": {"k": 12, "temperature": 1.2, "max_new_tokens": 24},
                "corpora": {
                    "pairs": {
                        "task": "paraphrase",
                        "critics": [{"critic": "rouge_l", "max": 0.8}, {"critic": "length", "min": 0.99, "max": 1.01}],
                        "holdout": 0.2,
                    }
                },
                "student": {
                    "name": "tiny",
                    "model": "./unused",
                    "lora": {"r": 8, "alpha": 16},
                    "max_rows": 40,
                    "sft": {"bf16": False, "max_steps": 80, "learning_rate": 2e-2, "max_length": None},
                    "distilled_sft": {"max_steps": 4, "learning_rate": 1e-3},
                },
                "self_distillation": {"sentences": 24, "candidates": 8, "max_new_tokens": 40, **settings},
            },
            "recipe",
        )
        opened = Run.open(recipe)
        base = Base(tiny_causal, "tiny/base", "0" * 40)
        pools = press(opened)
        built = {"pairs": build_corpus(opened, "pairs", pools)}
        return Setting(opened, base, pools, built, train_student(opened, base, built))

    return run


def rows(built: Built, split: str = "train") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(built.corpus.file(split)).to_pylist()
    return found


def test_every_round_trains_on_its_own_pairs_of_fresh_sentences(start: Start) -> None:
    setting = start(rounds=3)
    done = setting.distil()
    assert [one.number for one in done.rounds] == [1, 2, 3]
    known = {
        text
        for split in ("train", "validation", "test")
        for row in rows(setting.built["pairs"], split)
        for text in (row["source"], row["target"])
    }
    contexts: dict[str, set[str]] = {}
    for pool in setting.pools:
        for shard in pool.sentences:
            for row in shard.table("sentences").to_pylist():
                for text in row["sentences"]:
                    contexts.setdefault(text, set()).add(split_of(row["context_id"], 0.2))
    for one in done.rounds:
        sources = {row["source"] for row in one.fresh["pairs"]}
        assert sources <= contexts.keys() - known
        assert all("train" in contexts[source] for source in sources)
        known |= sources
        kept = rows(one.distilled["pairs"])
        assert {row["source"] for row in kept} <= sources
        assert all(row["rouge_l"] <= 0.8 for row in kept)
        assert one.productive == pytest.approx(len({row["source"] for row in kept}) / len(sources))
        assert one.training.rows["paraphrase"] == min(40, len(kept))
        funnel = one.distilled["pairs"].funnel
        assert funnel[0].seen == 8 * len(sources)
        assert [step.seen for step in funnel[1:]] == [step.kept for step in funnel[:-1]]
        assert all(step.kept <= step.seen for step in funnel)
        assert one.accepted is None


def test_finished_rounds_are_taken_as_they_are(start: Start) -> None:
    setting = start(rounds=2)
    first = setting.distil()
    made = [one.training.folder.joinpath("model.safetensors").stat().st_mtime_ns for one in first.rounds]
    again = start(rounds=2).distil()
    assert [one.training for one in again.rounds] == [one.training for one in first.rounds]
    assert [one.training.folder.joinpath("model.safetensors").stat().st_mtime_ns for one in again.rounds] == made


@pytest.mark.parametrize("stop", ["yield", "validation"])
def test_rounds_end_where_they_stop_to_help(start: Start, stop: str) -> None:
    whole = start(rounds=4, held_out=12).distil()
    yields = [one.productive for one in whole.rounds]
    accepted = [whole.accepted, *(one.accepted for one in whole.rounds)]
    assert len(yields) == 4
    if stop == "yield":
        wanted = next((place for place in range(1, 4) if yields[place] <= yields[place - 1]), 4)
    else:
        wanted = next((place for place in range(4) if (accepted[place + 1] or 0) <= (accepted[place] or 0)), 4)
    ended = start(rounds=4, held_out=12, stop=stop).distil()
    assert [one.training for one in ended.rounds] == [one.training for one in whole.rounds[:wanted]]
    assert wanted < 4  # four rounds of a few steps never all help: the stop is reached
    assert ended.stopped is not None
    assert f"round {wanted + 1}" in ended.stopped


def test_a_round_without_a_kept_pair_ends_it(start: Start) -> None:
    setting = start(rounds=2, max_new_tokens=8)  # no sentence is finished so soon
    done = setting.distil()
    assert done.rounds == []
    assert done.stopped is not None
    assert "kept none" in done.stopped


def test_it_ends_where_no_fresh_sentence_is_left(start: Start) -> None:
    done = start(rounds=9, sentences=200).distil()
    assert 1 <= len(done.rounds) < 9
    assert done.stopped is not None
    assert "no teacher sentence is left" in done.stopped


def test_the_union_is_trained_on_where_it_is_asked_for(start: Start) -> None:
    setting = start(rounds=1, union=True)
    (one,) = setting.distil().rounds
    table = pq.read_table(setting.run.folder / "training" / "round-1.parquet")
    assert table.num_rows == len(rows(one.distilled["pairs"])) + len(rows(setting.built["pairs"]))


def test_beams_write_the_candidates_where_they_are_asked_for(start: Start) -> None:
    (one,) = start(rounds=1, beams=8).distil().rounds
    assert one.distilled["pairs"].funnel[0].seen == 8 * len(one.fresh["pairs"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"beams": 2}, "raise beams"), ({"stop": "validation"}, "held_out"), ({"rounds": 0}, "rounds")],
)
def test_settings_that_make_no_sense_are_refused(start: Start, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as error:
        start(**settings)
    assert words in one_line(error)
