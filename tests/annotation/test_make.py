"""From a recipe to a study."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_studies import rate_all

from lemonpress.annotation.make import make, read_recipe, write
from lemonpress.annotation.store import Store
from lemonpress.annotation.study import KEY, RATINGS, STUDY, read_key, read_study
from lemonpress.commands import annotation
from lemonpress.errors import UserError
from lemonpress.evaluation.llm_judge import read_predictions
from lemonpress.evaluation.ratings import Rating

_SOURCES = [f"The small shop number {number} opens at nine on Sundays." for number in range(12)]


def _recipe(folder: Path, **changes: Any) -> Path:
    rows = [{"source": source, "reference": "Any."} for source in _SOURCES]
    (folder / "bench.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    written = [
        {"system": "zeta", "source": source, "candidate": source if place % 2 else f"Other {place}."}
        for place, source in enumerate(_SOURCES)
    ]
    (folder / "written.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
    recipe: dict[str, Any] = {
        "name": "shops",
        "title": "Which paraphrases are good?",
        "benchmark": {"data": str(folder / "bench.jsonl"), "task": "paraphrase"},
        "systems": {
            "copy-input": {"system": "copy"},
            "student-zeta": {"system": "table", "path": str(folder / "written.jsonl"), "of": "zeta"},
            "three-words": {"system": "first_words", "words": 3},
        },
        "sources": 8,
    }
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump({**recipe, **changes}, sort_keys=False))
    return file


def _run(*words: object) -> int:
    parser = argparse.ArgumentParser()
    annotation.add_arguments(parser)
    return annotation.run(parser.parse_args([str(word) for word in words]))


def test_equal_texts_are_one_item_and_systems_have_no_names(tmp_path: Path) -> None:
    recipe = read_recipe(str(_recipe(tmp_path)))
    study, key = make(recipe)
    write(study, key, tmp_path / "study")
    assert read_study(tmp_path / "study" / STUDY.parent) == study
    systems = read_key(tmp_path / "study" / KEY, study)
    said = (tmp_path / "study" / STUDY).read_text()
    assert not any(name in said for name in recipe.systems)
    by_source: dict[str, list[str]] = {}
    for one in study.items:
        by_source.setdefault(one.source, []).extend(systems[one.item])
        assert len(one.arms) == len(systems[one.item])
        copied = one.candidate == one.source
        assert ("copy-input" in systems[one.item]) == copied
        assert "student-zeta" not in systems[one.item] or copied == bool(_SOURCES.index(one.source) % 2)
    assert len(by_source) == 8
    assert all(sorted(names) == ["copy-input", "student-zeta", "three-words"] for names in by_source.values())
    arms = {arm: name for one in study.items if len(one.arms) == 1 for arm in one.arms for name in systems[one.item]}
    assert sorted(arms) == [0, 1, 2]  # an arm is one system throughout


def test_a_seed_draws_the_same_sources(tmp_path: Path) -> None:
    drawn = [make(read_recipe(str(_recipe(tmp_path, seed=seed))))[0] for seed in (1, 1, 2)]
    assert drawn[0].id == drawn[1].id
    assert [one.item for one in drawn[0].items] == [one.item for one in drawn[1].items]
    assert drawn[0].id != drawn[2].id


def test_a_seed_does_not_tell_who_wrote_what(tmp_path: Path) -> None:
    recipe = read_recipe(str(_recipe(tmp_path)))
    drawn = {tuple(tuple(one.arms) for one in make(recipe)[0].items) for _ in range(20)}
    assert len(drawn) > 1  # of six orders of three systems


def test_people_and_models_rate_the_same_items(tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    recipe = _recipe(tmp_path, systems={"mine": {"system": "table", "path": str(file), "of": "zeta"}}, sources=12)
    rows = [
        {"system": "zeta", "source": source.replace("small", " small"), "candidate": f"It\nopens  at {place}.\n"}
        for place, source in enumerate(_SOURCES)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    spaced = (tmp_path / "bench.jsonl").read_text().replace("shop number", "shop\\nnumber")
    (tmp_path / "bench.jsonl").write_text(spaced)
    study, _ = make(read_recipe(str(recipe)))
    models = [Rating(one.source, one.candidate, ("mine",), "paraphrase", "m", "model", {}) for one in
              read_predictions(str(file))[0]]  # fmt: skip
    assert {one.item for one in models} == {one.item for one in study.items}
    assert {one.candidate for one in study.items} == {f"It opens at {place}." for place in range(12)}


def test_few_sources_are_warned_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("make", _recipe(tmp_path), "--output", tmp_path / "study") == 0
    said = capsys.readouterr()
    assert said.err == "warning: 8 sources are few; intervals will be wide below 100\n"
    assert "19 texts for 8 sources by 3 systems, 3 raters each: 57 ratings" in said.out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sources": 13}, "sources: 13 are wanted, bench-paraphrase has 12; ask for fewer"),
        ({"sources": 0}, "'sources': input should be greater than or equal to 1"),
        ({"item": 5}, "unknown key 'item'"),
        ({"raters_per_item": 0}, "'raters_per_item'"),
        ({"repeated": 0.9}, "'repeated'"),
        ({"ratings_dataset": "nobody"}, "'ratings_dataset'"),
        ({"systems": {}}, "'systems'"),
        ({"systems": {"mine": {"system": "student"}}}, "'systems.mine'"),
        ({"systems": {"mine": {"system": "predictions", "path": "none.jsonl"}}}, "system mine: no file none.jsonl"),
        ({"systems": {"mine": {"system": "table", "path": "none.jsonl", "of": "zeta"}}}, "systems.mine.path: no file"),
    ],
)
def test_bad_recipes_fail_in_one_line_and_write_nothing(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        _run("make", _recipe(tmp_path, **changes), "--output", tmp_path / "study")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "study").exists()


def test_tables_that_lack_a_system_or_a_source_are_refused(tmp_path: Path) -> None:
    table = {"system": "table", "path": str(tmp_path / "written.jsonl")}
    recipe = _recipe(tmp_path, systems={"mine": {**table, "of": "omega"}})
    with pytest.raises(UserError, match=r"systems.mine: \S+written.jsonl has no system 'omega'; it has zeta"):
        make(read_recipe(str(recipe)))
    recipe = _recipe(tmp_path, systems={"mine": {**table, "of": "zeta"}}, sources=12)
    rows = (tmp_path / "written.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "written.jsonl").write_text("".join(rows[:-1]))
    with pytest.raises(UserError, match="system mine: wrote nothing for the source 'The small shop number 11"):
        make(read_recipe(str(recipe)))


def test_a_study_with_ratings_is_not_replaced(tmp_path: Path) -> None:
    recipe, folder = _recipe(tmp_path), tmp_path / "study"
    assert _run("make", recipe, "--output", folder) == 0
    assert _run("make", recipe, "--output", folder) == 0
    rate_all(Store(folder / RATINGS, read_study(folder / STUDY)), "Ada", texts=1)
    with pytest.raises(UserError, match="holds ratings, which is no part of a study without ratings"):
        _run("make", recipe, "--output", folder)


def test_other_files_than_studies_and_keys_are_refused(tmp_path: Path) -> None:
    for seed in (1, 2):
        write(*make(read_recipe(str(_recipe(tmp_path, seed=seed)))), tmp_path / f"study{seed}")
    study = read_study(tmp_path / "study1" / STUDY)
    with pytest.raises(UserError, match="is the key of another study than shops"):
        read_key(tmp_path / "study2" / KEY, study)
    with pytest.raises(UserError, match="no such file; lemonpress annotation make writes it"):
        read_study(tmp_path / "study")
    file = tmp_path / "study1" / STUDY
    file.write_text(file.read_text().replace("Other 0.", "Other one."))
    with pytest.raises(UserError, match="has other texts than its name"):
        read_study(file)
    file.write_text("{")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        read_study(file)
